# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""A queue of bytes that never makes its writer wait: what does not fit into memory goes to a temporary file without a name."""

from __future__ import annotations

import collections
import tempfile
import threading
import typing as t

_MEMORY_BYTES = 8 << 20
_READ_BYTES = 1 << 20


def unnamed_file(folder: str | None) -> t.IO[bytes]:
    """A temporary file that only this process can reach, and that is gone with it. Not buffered. ``folder``: None for the system's own."""
    return t.cast("t.IO[bytes]", tempfile.TemporaryFile(dir=folder, buffering=0))


def write_all(file: t.IO[bytes], data: bytes) -> None:
    """Write to a file without a buffer, which may take less than it is given."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


class Spool:
    """One thread puts, one thread takes. The file is readable for this user alone, has no name, and is gone when the process is."""

    def __init__(self, temporary_dir: str | None = None, memory_bytes: int = _MEMORY_BYTES) -> None:
        self._temporary_dir = temporary_dir
        self._limit = memory_bytes
        self._changed = threading.Condition()
        self._waiting: collections.deque[bytes] = collections.deque()
        self._held = 0  # bytes in memory
        self._file: t.IO[bytes] | None = None
        self._read_at = self._written = 0  # in the file; what is in memory is older than what is in the file
        self._ended = self._closed = False

    def put(self, piece: bytes) -> None:
        """Take a piece. Raises OSError when the temporary file cannot be written."""
        with self._changed:
            if self._closed:
                return
            if self._read_at == self._written and self._held + len(piece) <= self._limit:
                self._waiting.append(piece)
                self._held += len(piece)
            else:
                if self._file is None:
                    self._file = unnamed_file(self._temporary_dir)
                self._file.seek(self._written)
                write_all(self._file, piece)
                self._written += len(piece)
            self._changed.notify()

    def end(self) -> None:
        """Nothing more will come."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def pieces(self) -> t.Iterator[bytes]:
        """All that was put, in order, until the end, or until the spool is closed."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._read_at < self._written or self._ended or self._closed)
                piece = self._take()
            if not piece:
                return
            yield piece

    def close(self) -> None:
        """Throw away what is left; whoever takes sees the end."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            if self._file is not None:
                self._file.close()
            self._changed.notify()

    def _take(self) -> bytes:
        if self._closed:
            return b""
        if self._waiting:
            piece = self._waiting.popleft()
            self._held -= len(piece)
            return piece
        if self._file is None or self._read_at == self._written:
            return b""
        self._file.seek(self._read_at)
        data = self._file.read(min(_READ_BYTES, self._written - self._read_at))
        self._read_at += len(data)
        if self._read_at == self._written:
            self._file.truncate(0)
            self._read_at = self._written = 0
        return data
