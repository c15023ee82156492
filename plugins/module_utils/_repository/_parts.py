# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""How a stream is cut into the parts of an S3 multipart upload, and how much memory parts may take together.

The limits are S3's (Amazon S3 user guide, "Amazon S3 multipart upload limits"): 10,000 parts, 5 MiB to 5 GiB each.

A part stays in memory until the server has it, because it may have to be sent again. So memory follows the part size,
and the part size follows the estimate: up to 46 GiB parts have 8 MiB and all writers together keep within
``MEMORY_BYTES``; at 375 GiB a part has 64 MiB and there is one at a time; at 1 TiB a part, and the memory of one file,
is 175 MiB, and at 5 TiB 583 MiB.
"""

from __future__ import annotations

import base64
import bisect
import threading
import typing as t
import zlib

MIB = 1 << 20
SMALLEST_PART = 8 * MIB
LARGEST_PART = 5 << 30
MOST_PARTS = 10_000
LARGEST_FILE = 5 << 40
MEMORY_BYTES = 64 * MIB
MOST_PARTS_HELD = 5  # of one file: one being filled, four on their way

_STEADY_PARTS = 6_000  # planned at the estimate; the other 4,000 grow, so that a wrong estimate still fits
_LARGEST_PLANNED = 583 * MIB  # 5 TiB in 9,000 parts: from here on nothing has to grow
_SLICE_BYTES = 128 << 10
_SMALL_PIECE = 32 << 10


def part_size_for(estimated_bytes: int) -> int:
    """The size in bytes of the first parts of a file that will have about ``estimated_bytes``.

    At least 8 MiB, whole MiB, and so that the estimate takes at most 9,000 parts.
    """
    planned = -(-min(max(estimated_bytes, 0), LARGEST_FILE) // _STEADY_PARTS)
    return min(max(SMALLEST_PART, -(-planned // MIB) * MIB), _LARGEST_PLANNED)


def part_size_at(number: int, first_size: int) -> int:
    """The size in bytes of part ``number`` (from 1) of a file whose first part has ``first_size``.

    The first 6,000 parts are equal, as some servers demand (Cloudflare R2). After them the estimate was wrong, and
    parts grow by the same step each, so that 10,000 parts hold 5 TiB from any first size, and memory grows no faster
    than it must.
    """
    growing = MOST_PARTS - _STEADY_PARTS
    missing = LARGEST_FILE - MOST_PARTS * first_size
    if number <= _STEADY_PARTS or missing <= 0:
        return first_size
    step = -(-2 * missing // (growing * (growing + 1)))
    return min(first_size + step * (number - _STEADY_PARTS), LARGEST_PART)


class Part:
    """The bytes of one part, kept as the pieces that they came in: nothing is copied until it is sent."""

    def __init__(self, size: int) -> None:
        """``size`` is what it takes at most, in bytes."""
        self.size = size
        self.length = 0
        self.pieces: list[bytes | bytearray | memoryview] = []

    @property
    def room(self) -> int:
        """How many bytes fit yet."""
        return self.size - self.length

    def append(self, piece: bytes | memoryview) -> None:
        """Take a piece of at most ``room`` bytes. Small ones are gathered, so that their number costs no memory."""
        last = self.pieces[-1] if self.pieces else None
        if len(piece) >= _SMALL_PIECE:
            self.pieces.append(piece)
        elif isinstance(last, bytearray) and len(last) < _SLICE_BYTES:
            last += piece
        else:
            self.pieces.append(bytearray(piece))
        self.length += len(piece)

    def crc32(self) -> str:
        """The CRC32 of the bytes as S3 writes it: big-endian, in Base64."""
        checksum = 0
        for piece in self.pieces:
            checksum = zlib.crc32(piece, checksum)
        return base64.b64encode(checksum.to_bytes(4, "big")).decode()

    def body(self, check: t.Callable[[], None]) -> t.IO[bytes]:
        """A stream over the bytes; ``check`` is called before each piece and raises to stop an upload."""
        return t.cast(
            "t.IO[bytes]", PartBody(self.pieces, self.length, check)
        )  # the client uses len, read, seek and tell


class PartBody:
    """A seekable stream for the HTTP client. ``read(n)`` may give more or fewer bytes than asked: never the whole, if
    that is long.

    The client's socket time limit then holds for each piece, not for the whole part, and large pieces cost fewer turns
    in Python.
    """

    def __init__(
        self, pieces: t.Sequence[bytes | bytearray | memoryview], length: int, check: t.Callable[[], None]
    ) -> None:
        self._pieces = pieces
        self._length = length
        self._check = check
        self._position = 0
        self._starts: list[int] = []
        start = 0
        for piece in pieces:
            self._starts.append(start)
            start += len(piece)

    def __len__(self) -> int:
        return self._length

    def tell(self) -> int:
        """Where the next ``read`` begins."""
        return self._position

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a position, as files do."""
        self._position = offset + (0, self._position, self._length)[whence]
        return self._position

    def read(self, size: int = -1) -> bytes | memoryview:
        """The next piece; everything that is left when ``size`` is negative; ``b""`` at the end."""
        if size is None or size < 0:
            return b"".join(iter(self.read_slice, b""))
        return self.read_slice()

    def read_slice(self) -> bytes | memoryview:
        """The next piece of at most 128 KiB."""
        self._check()
        if self._position >= self._length:
            return b""
        index = bisect.bisect_right(self._starts, self._position) - 1
        offset = self._position - self._starts[index]
        piece = memoryview(self._pieces[index])[offset : offset + _SLICE_BYTES]
        self._position += len(piece)
        return piece


class MemoryBudget:
    """How many bytes all parts of all writers may hold together.

    A writer that holds nothing always gets one part, so nobody starves.
    """

    def __init__(self, limit_bytes: int = MEMORY_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self.used_bytes = 0
        self.changed = threading.Condition()


class Share:
    """What one writer holds of a budget."""

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self._held: list[int] = []

    def reserve(self, size: int, check: t.Callable[[], None]) -> None:
        """Wait until one more part of ``size`` bytes may be held; ``check`` is called while waiting and raises to give
        up.
        """
        with self._budget.changed:
            while not self._fits(size):
                check()
                self._budget.changed.wait(0.2)
            self._held.append(size)
            self._budget.used_bytes += size

    def release(self, size: int) -> None:
        """Give one part's memory back."""
        with self._budget.changed:
            self._held.remove(size)
            self._budget.used_bytes -= size
            self._budget.changed.notify_all()

    def release_all(self) -> None:
        """Give back what is still held."""
        for size in list(self._held):
            self.release(size)

    def _fits(self, size: int) -> bool:
        if not self._held:
            return True
        return len(self._held) < MOST_PARTS_HELD and self._budget.used_bytes + size <= self._budget.limit_bytes
