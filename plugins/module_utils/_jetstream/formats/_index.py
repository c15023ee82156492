# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Reads ``msgs/index.db`` of a v1 archive: which sequences of which block are live, in the server's own words.

Limits (messages per subject, age) take messages away without a trace in the blocks, so only this file tells of them.
Facts: server/filestore.go, _writeFullState and recoverFullState; server/avl/seqset.go, Encode. Versions 1 (2.10) to 4
(2.14).
"""

from __future__ import annotations

import dataclasses
import struct
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats import _highwayhash

_MAGIC, _VERSIONS = 11, range(1, 5)
_SET_MAGIC = 22
_SET_HEAD = struct.Struct("<BBII")  # magic, version, nodes, members
_PAGE_SEQUENCES = 2048
_PAGE_BYTES = 256  # a node of version 2: 2048 sequences; version 1 had 4096
_READ_BYTES = 1 << 16
_HASH_BYTES = 8
_HASHED_IN_PYTHON = (
    1 << 20
)  # beyond this a file is checked only with the compiled library: one input is slow in numpy and Python


class IndexedBlock(t.NamedTuple):
    """A block as the index knows it. Empty when ``last`` is below ``first``."""

    first: int
    last: int
    deleted: int

    @property
    def messages(self) -> int:
        """How many of its messages are live."""
        return max(self.last - self.first + 1 - self.deleted, 0)


@dataclasses.dataclass(frozen=True)
class StreamIndex:
    """What index.db says."""

    version: int
    messages: int
    first_sequence: int
    last_sequence: int
    blocks: dict[int, IndexedBlock]
    deleted: list[tuple[int, bytes]]  # base, bits: bit n, least significant first, deletes base + n
    last_block: int
    last_hash: bytes  # of the last record in that block
    hashed: bool = True  # False: too large for the engines at hand, so its own checksum was not compared

    def live_sequences(self) -> t.Iterator[int]:
        """The sequences of the messages that it counts, ascending."""
        pages = dict(self.deleted)
        for _number, block in sorted(self.blocks.items()):
            for sequence in range(block.first, block.last + 1):
                page = pages.get(sequence - sequence % _PAGE_SEQUENCES)
                if page is None or not page[sequence % _PAGE_SEQUENCES >> 3] >> (sequence & 7) & 1:
                    yield sequence


def read_index(file: t.IO[bytes], size: int, stream: str) -> StreamIndex:
    """Parse the file, which has ``size`` bytes. Raises DamagedError."""
    hashed = _check_hash(file, size, stream)
    file.seek(0)
    cursor = _Cursor(file, size - _HASH_BYTES)
    magic, version = cursor.take(2)
    if magic != _MAGIC or version not in _VERSIONS:
        raise _damaged(f"its head says {magic}, version {version}")
    messages, _bytes, first, _time, last, _last_time = (cursor.number() for _field in range(6))
    for _subject in range(cursor.number()):
        cursor.take(cursor.number())
        total, _first_block = cursor.number(), cursor.number()
        if total > 1 or version >= 4:
            cursor.number()
    blocks: dict[int, IndexedBlock] = {}
    deleted: list[tuple[int, bytes]] = []
    for _block in range(cursor.number()):
        index, _size, block_first, _first_time, block_last, _block_time, count = (
            cursor.number() for _field in range(7)
        )
        for _newer in range(min(version - 1, 2)):  # TTLs since version 2, schedules since version 3
            cursor.number()
        if count:
            deleted += _read_set(cursor)
        blocks[index] = IndexedBlock(block_first, block_last, count)
    last_block = cursor.number()
    return StreamIndex(version, messages, first, last, blocks, deleted, last_block, cursor.take(_HASH_BYTES), hashed)


def _check_hash(file: t.IO[bytes], size: int, stream: str) -> bool:
    """Whether the file could be compared with its own checksum. Raises DamagedError where it does not match."""
    if size < 2 + _HASH_BYTES:
        raise _damaged("it is too short")
    if size > _HASHED_IN_PYTHON and _highwayhash.engine() != "highwayhash":
        return False
    file.seek(0)
    data = file.read(size)
    digest = _highwayhash.digests(_highwayhash.key_of(stream), [data[:-_HASH_BYTES]])
    if digest != data[-_HASH_BYTES:]:
        raise _damaged("it does not match its checksum")
    return True


def _read_set(cursor: _Cursor) -> t.Iterator[tuple[int, bytes]]:
    """The bit fields of a sequence set, 2048 sequences each."""
    magic, version, nodes, _members = _SET_HEAD.unpack(cursor.take(_SET_HEAD.size))
    if magic != _SET_MAGIC or version not in (1, 2):
        raise _damaged("a set of deleted sequences cannot be read")
    for _node in range(nodes):
        base = int.from_bytes(cursor.take(8), "little")
        bits = cursor.take(_PAGE_BYTES * (2 if version == 1 else 1))
        cursor.take(2)
        for at in range(0, len(bits), _PAGE_BYTES):
            yield base + 8 * at, bits[at : at + _PAGE_BYTES]


class _Cursor:
    """Reads numbers and bytes from a file, through a small buffer."""

    def __init__(self, file: t.IO[bytes], size: int) -> None:
        self._file = file
        self._left = size  # not yet in the buffer
        self._buffer = b""
        self._at = 0

    def take(self, count: int) -> bytes:
        """The next bytes. Raises DamagedError when there are not so many."""
        if len(self._buffer) - self._at < count:
            self._fill(count)
        self._at += count
        return self._buffer[self._at - count : self._at]

    def number(self) -> int:
        """The next unsigned varint. Times are signed there, and of no use here."""
        value = shift = 0
        while True:
            if self._at >= len(self._buffer):
                self._fill(1)
            byte = self._buffer[self._at]
            self._at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise _damaged("a number in it has more than 64 bits")

    def _fill(self, count: int) -> None:
        rest = self._buffer[self._at :]
        if count > len(rest) + self._left:
            raise _damaged("it ends too early")
        more = self._file.read(min(self._left, max(_READ_BYTES, count)))
        self._left -= len(more)
        self._buffer, self._at = rest + more, 0


def _damaged(what: str) -> DamagedError:
    return DamagedError(f"msgs/index.db in the snapshot is damaged: {what}.")
