# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A scripted S3 client (a mock): it answers what a test says, in order, and remembers what it was asked.

No server, no network.
"""

from __future__ import annotations

import io
import typing as t

from botocore.exceptions import ClientError


def refusal(code: str, status: int, message: str = "said by the mock") -> ClientError:
    """What the real client raises when the server answers an error."""
    answer: t.Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "MockOperation")


NOT_FOUND = refusal("404", 404)


class MockBody:
    """The body of an answer, which breaks with ``fault`` at its end if there is one."""

    def __init__(self, content: bytes, fault: Exception | None = None) -> None:
        self._stream = io.BytesIO(content)
        self._fault = fault
        self.closed = False

    def read(self, size: int) -> bytes:
        piece = self._stream.read(size)
        if not piece and self._fault:
            raise self._fault
        return piece

    def close(self) -> None:
        self.closed = True


class MockS3Client:
    """``script`` maps an operation to its answers: dictionaries, or exceptions to raise.

    The last one is given again and again.
    """

    def __init__(self, **script: t.Any) -> None:
        self.script = {
            name: list(answers) if isinstance(answers, list) else [answers] for name, answers in script.items()
        }
        self.calls: list[tuple[str, dict[str, t.Any]]] = []

    def __getattr__(self, operation: str) -> t.Callable[..., t.Any]:
        def call(**arguments: t.Any) -> t.Any:
            if "Body" in arguments:
                arguments["Body"] = arguments["Body"].read()
            self.calls.append((operation, arguments))
            answers = self.script[operation]
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            if isinstance(answer, Exception):
                raise answer
            return answer(arguments) if callable(answer) else answer

        return call

    def count(self, operation: str) -> int:
        """How often it was called."""
        return sum(name == operation for name, _arguments in self.calls)
