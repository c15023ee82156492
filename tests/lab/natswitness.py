# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The independent witness of what is in a NATS account: a few lines over a plain socket, which share nothing with the
collection, and nothing with nats-py, which the collection uses.

Needs nothing but Python, so that it runs on any host as it is.
"""

from __future__ import annotations

import base64
import collections.abc
import json
import socket
import types
import typing as t
import urllib.parse

_INBOX = b"_INBOX.witness."
_UNDER_WAY = 500
_DELETED = 10037
Row = tuple[int, str, str, bytes, bytes]  # sequence, time, subject, raw headers, data


class WitnessError(OSError):
    """The server cannot be asked, or does not answer as it should."""


class Witness:
    """Use it as a context manager. The first of these URLs that answers is used; user and password stand in it.

    ``jwt`` is that of a bearer, who signs nothing.
    """

    def __init__(self, urls: str | collections.abc.Sequence[str], *, jwt: str = "", seconds: float = 60.0) -> None:
        self._urls = [urls] if isinstance(urls, str) else list(urls)
        self._jwt = jwt
        self._seconds = seconds

    def __enter__(self) -> Witness:
        errors: list[Exception] = []
        for url in self._urls:
            try:
                self._connect(urllib.parse.urlsplit(url))
            except OSError as error:
                errors.append(error)
            else:
                return self
        raise WitnessError(f"no server lets the witness in: {errors}")

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        self._lines.close()
        self._socket.close()

    def _connect(self, url: urllib.parse.SplitResult) -> None:
        self._socket = socket.create_connection((url.hostname or "", url.port or 4222), self._seconds)
        self._lines = self._socket.makefile("rb")
        fields: dict[str, t.Any] = {"verbose": False, "headers": True, "no_responders": True, "protocol": 1}
        if self._jwt:
            fields |= {"jwt": self._jwt, "sig": ""}
        elif url.username and url.password is not None:
            fields |= {"user": urllib.parse.unquote(url.username), "pass": urllib.parse.unquote(url.password)}
        self._socket.sendall(b"CONNECT %s\r\nSUB %s* 1\r\nPING\r\n" % (json.dumps(fields).encode(), _INBOX))
        while self._line() != b"PONG":
            pass

    def ask(self, verb: str, body: t.Mapping[str, t.Any] | None = None) -> dict[str, t.Any]:
        """An answer of JetStream, which may be an error."""
        return next(self._answers(verb, [body]))

    def rows(self, stream: str, last: int | None = None) -> list[Row]:
        """Every message of a stream (up to ``last``), read one by one without a consumer."""
        state = self.ask(f"STREAM.INFO.{stream}")["state"]
        numbers = range(max(1, state["first_seq"]), (state["last_seq"] if last is None else last) + 1)
        found: list[Row] = []
        for answer in self._answers(f"STREAM.MSG.GET.{stream}", ({"seq": number} for number in numbers)):
            if "message" in answer:
                message = answer["message"]
                headers, data = (base64.b64decode(message.get(part) or "") for part in ("hdrs", "data"))
                found.append((message["seq"], message["time"], message["subject"], headers, data))
            elif answer.get("error", {}).get("err_code") != _DELETED:
                raise WitnessError(f"a message of {stream} cannot be read: {answer}")
        return found

    def _answers(
        self, verb: str, bodies: collections.abc.Iterable[t.Mapping[str, t.Any] | None]
    ) -> collections.abc.Iterator[dict[str, t.Any]]:
        """The answers to one request after the other, in their order."""
        asked = iter(bodies)
        came: dict[int, bytes] = {}
        sent = taken = 0
        ended = False
        while not ended or taken < sent:
            batch = []
            while not ended and sent - taken < _UNDER_WAY:
                try:
                    body = next(asked)
                except StopIteration:
                    ended = True
                    break
                payload = json.dumps(body).encode() if body is not None else b""
                batch.append(b"PUB $JS.API.%s %s%d %d\r\n%s\r\n" % (verb.encode(), _INBOX, sent, len(payload), payload))
                sent += 1
            self._socket.sendall(b"".join(batch))
            while taken < sent and taken not in came:
                number, payload = self._message()
                came[number] = payload
            while taken in came:
                yield json.loads(came.pop(taken))
                taken += 1

    def _message(self) -> tuple[int, bytes]:
        while True:
            verb, *fields = self._line().split()
            if verb == b"HMSG":
                raise WitnessError("nobody answers")
            if verb == b"MSG":
                payload = self._lines.read(int(fields[-1]) + 2)[:-2]
                return int(fields[0].removeprefix(_INBOX)), payload

    def _line(self) -> bytes:
        line = self._lines.readline()
        if not line or line.startswith(b"-ERR"):
            raise WitnessError(f"the server ended it: {line!r}")
        if line.startswith(b"PING"):
            self._socket.sendall(b"PONG\r\n")
        return line.strip()
