# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""A queue of bytes that never makes its writer wait: what does not fit into memory goes to a temporary file without a
name.
"""

from __future__ import annotations

import collections
import threading
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._unnamed_file import unnamed_file, write_all

_MEMORY_BYTES = 8 << 20
_BLOCK_BYTES = 1 << 20


class Spool:
    """One thread puts, one thread takes.

    The file is readable for this user alone, has no name, and is gone when the process is.
    """

    def __init__(self, temporary_dir: str | None = None, memory_bytes: int = _MEMORY_BYTES) -> None:
        self._limit = memory_bytes
        self._changed = threading.Condition()
        self._waiting: collections.deque[bytes] = collections.deque()  # the oldest
        self._held = 0  # bytes in it
        self._blocks = _Blocks(temporary_dir)  # what is younger
        self._ended = self._closed = False

    def put(self, piece: bytes) -> None:
        """Take a piece. Raises OSError when the temporary file cannot be written."""
        with self._changed:
            if self._closed:
                return
            if not self._blocks and self._held + len(piece) <= self._limit:
                self._waiting.append(piece)
                self._held += len(piece)
            else:
                self._blocks.put(piece)
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
                self._changed.wait_for(lambda: self._waiting or self._blocks or self._ended or self._closed)
                piece = self._take()
            if not piece:
                return
            yield piece

    def close(self) -> None:
        """Throw away what is left; whoever takes sees the end."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._blocks.close()
            self._changed.notify()

    def _take(self) -> bytes:
        if self._closed:
            return b""
        if self._waiting:
            piece = self._waiting.popleft()
            self._held -= len(piece)
            return piece
        return self._blocks.take()


class _Blocks:
    """Bytes in a temporary file, in blocks of 1 MiB whose places are used again and again, and the last that is not
    full in memory.
    """

    def __init__(self, temporary_dir: str | None) -> None:
        self._temporary_dir = temporary_dir
        self._file: t.IO[bytes] | None = None
        self._places: collections.deque[int] = collections.deque()  # of the full blocks, the oldest first
        self._free: list[int] = []
        self._last = bytearray(_BLOCK_BYTES)
        self._made = 0  # places
        self._filled = 0  # bytes in the last block

    def __bool__(self) -> bool:
        return bool(self._places or self._filled)

    def put(self, piece: bytes) -> None:
        rest = memoryview(piece)
        if self._file is None:
            self._file = unnamed_file(self._temporary_dir)
        while rest:
            part = rest[: _BLOCK_BYTES - self._filled]
            self._last[self._filled : self._filled + len(part)] = part
            self._filled += len(part)
            rest = rest[len(part) :]
            if self._filled == _BLOCK_BYTES:
                if not self._free:
                    self._free.append(self._made)
                    self._made += 1
                self._file.seek(self._free[-1] * _BLOCK_BYTES)
                write_all(self._file, memoryview(self._last))
                self._places.append(self._free.pop())
                self._filled = 0

    def take(self) -> bytes:
        """The oldest bytes, b"" when there are none."""
        if self._file is not None and self._places:
            self._file.seek(self._places[0] * _BLOCK_BYTES)
            block = self._file.read(_BLOCK_BYTES)
            if len(block) != _BLOCK_BYTES:
                raise OSError(f"{len(block)} of {_BLOCK_BYTES} bytes came back from a temporary file")
            self._free.append(self._places.popleft())
            return block
        if not self._filled:
            return b""
        filled, self._filled = self._filled, 0
        return bytes(self._last[:filled])

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        self._places.clear()
        self._filled = 0
