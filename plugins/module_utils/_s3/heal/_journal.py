# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The journal of an action: JSON lines of what is about to be done, on the disk before it is done, and of what became
of it.

An action that was killed is taken up by running it again: it looks at the buckets, not at the journal, so nothing is
done twice. The journal is for people, and for taking the action back.
"""

from __future__ import annotations

import datetime
import json
import os
import secrets
import threading
import types
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json

SCHEMA = "lifeboat.s3-journal/1"
Entry = dict[str, t.Any]


def new_path(state_dir: str, bucket: str, action: str) -> str:
    """A path that no other run has: the folder, the bucket, the action, the time and a random tail."""
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    return os.path.join(state_dir, f"s3@{bucket}@{action}-{now}-{secrets.token_hex(3)}.jsonl")


class Journal:
    """Use it as a context manager. ``note`` may be called from any thread."""

    def __init__(self, path: str, head: t.Mapping[str, t.Any]) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            os.makedirs(os.path.dirname(path) or ".", mode=0o700, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unusable(error) from None
        self._file = os.fdopen(descriptor, "ab", buffering=0)
        self.note({"schema": SCHEMA, **head})

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        self._file.close()

    def note(self, *entries: t.Mapping[str, t.Any]) -> None:
        """Append entries; they are on the disk when this returns. Raises LifeboatError."""
        lines = "".join(f"{json.dumps(entry, separators=(',', ':'))}\n" for entry in entries).encode("ascii")
        try:
            with self._lock:
                while lines:
                    lines = lines[self._file.write(lines) :]
                os.fsync(self._file.fileno())
        except OSError as error:
            raise self._unusable(error) from None

    def _unusable(self, error: OSError) -> LifeboatError:
        return LifeboatError(
            f"The journal {self.path} cannot be written: {error.strerror}. Nothing is done that is not in the journal.",
            hint="Name another file in journal_path, on a disk that is not full, then run again.",
        )


def read_journal(path: str) -> tuple[Entry, list[Entry]]:
    """The head and the entries. A last line that a killed process did not finish is left out. Raises LifeboatError."""
    try:
        with open(path, "rb") as file:
            lines = file.read().split(b"\n")
    except OSError as error:
        raise LifeboatError(
            f"The journal {path} cannot be read: {error.strerror}.", hint="Correct journal_path."
        ) from None
    try:
        head, *entries = [read_json(line) for line in lines[:-1] if line]
        if head["schema"] != SCHEMA:
            raise ValueError
    except (ValueError, KeyError, TypeError):
        raise LifeboatError(
            f"{path} is not a journal of this module, or it is damaged. Nothing was changed.",
            hint="Correct journal_path.",
        ) from None
    return head, entries
