# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Reads a v1 archive, which servers up to 2.14 send: a tar of the stream's file store.

Two steps, so that several processes can share the work: ``V1Scanner`` goes through the bytes in order and finds where
records begin, which is cheap; ``digest_units`` checks and hashes the records it found, which is not, and needs nothing
else. Facts: server/filestore.go, streamSnapshot, rebuildStateFromBufLocked, msgFromBufEx.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import struct
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats import _highwayhash
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats._tar import Part, TarReader
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._archive import (
    LENGTHS,
    Batch,
    Message,
    Problem,
)

ERASED, TOMBSTONE = 1 << 63, 1 << 62
HAS_HEADERS = 1 << 31
RECORD = struct.Struct("<IQqH")  # length of the record, sequence and flags, time, length of the subject
HASH_BYTES = 8
SMALLEST = RECORD.size + HASH_BYTES
LARGEST = 32 << 20  # the server's own limit for a record, rlBadThresh
_BLOCK_NAME = re.compile(r"msgs/(\d{1,10})\.blk")
_length_at = struct.Struct("<I").unpack_from


class Unit(t.NamedTuple):
    """Whole records of one block that stand next to each other."""

    block: int
    data: bytes
    positions: list[int]  # of each record in data


class V1Scanner:
    """Finds the records. What it holds between two calls is small, and can be pickled."""

    format = "v1"

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self._tar = TarReader()
        self._held = bytearray()  # of a record that is not whole yet
        self._needed = 0  # bytes of that record, as far as its length is known
        self._unreadable = False  # the rest of this block: a length in it cannot be
        self._tail = b""  # the last 8 bytes of this block so far

    @property
    def complete(self) -> bool:
        """Whether the archive's end has been seen."""
        return self._tar.ended

    def scan(self, data: bytes, batch: Batch) -> list[Unit]:
        """Whole records in ``data`` and what was held before it; all else goes into ``batch``. Raises DamagedError."""
        units = []
        for part in self._tar.feed(data):
            found = _BLOCK_NAME.fullmatch(part.name)
            if found is None:
                batch.files.append((part.name, part.data, part.last))
                continue
            unit = self._records(int(found.group(1)), part, batch)
            if unit is not None:
                units.append(unit)
        return units

    def _records(self, block: int, part: Part, batch: Batch) -> Unit | None:
        data = part.data
        self._tail = (self._tail + data[-HASH_BYTES:])[-HASH_BYTES:]
        unit = None if self._unreadable else self._cut(block, data, batch)
        if part.last:
            if self._held:
                batch.problems.append(
                    Problem("record_hash", None, f"Block {block} of the stream ends inside a record.")
                )
            batch.blocks.append((block, self._tail))
            self._held, self._needed, self._unreadable, self._tail = bytearray(), 0, False, b""
        return unit

    def _cut(self, block: int, data: bytes, batch: Batch) -> Unit | None:
        if self._held:
            self._held += data
            if len(self._held) < self._needed:
                return None
            data = bytes(self._held)
        positions, at, end = [], 0, len(data)
        needed = SMALLEST
        while at + 4 <= end:
            length = _length_at(data, at)[0] & ~HAS_HEADERS
            if not SMALLEST <= length <= LARGEST:
                self._unreadable = True
                text = (
                    f"A record in block {block} has the impossible length {length}: the rest of the block cannot be "
                    "read."
                )
                batch.problems.append(Problem("record_hash", None, text))
                at = end
                break
            if at + length > end:
                needed = length
                break
            positions.append(at)
            at += length
        self._held, self._needed = bytearray(data[at:]), needed
        return Unit(block, data, positions) if positions else None


def digest_units(units: t.Iterable[Unit], stream: str, batch: Batch) -> None:
    """Check the records of units and put the digests of their messages, and what they say of deletions, into
    ``batch``.
    """
    at_once = _highwayhash.side_by_side()
    for block, together in itertools.groupby(units, lambda unit: unit.block):
        key = _highwayhash.key_of(f"{stream}-{block}")
        places = ((unit.data, at) for unit in together for at in unit.positions)
        while some := list(itertools.islice(places, at_once)):
            _digest_some(block, some, key, batch)


def _digest_some(block: int, places: list[tuple[bytes, int]], key: bytes, batch: Batch) -> None:
    unpack, pack, sha256 = RECORD.unpack_from, LENGTHS.pack, hashlib.sha256
    inputs: list[bytes] = []
    stored: list[bytes] = []
    numbers: list[int] = []
    digests: list[bytes] = []
    sizes: list[int] = []
    for data, at in places:
        length, number, _time, subject = unpack(data, at)
        headers = 0
        if length & HAS_HEADERS:
            length ^= HAS_HEADERS
            middle = at + 22 + subject
            end = at + length - 8
            headers = _length_at(data, middle)[0] if middle + 4 <= end else length
            content = data[at + 22 : middle] + data[middle + 4 : end]
        else:
            end = at + length - 8
            content = data[at + 22 : end]
        head = data[at + 4 : at + 20]
        inputs.append(head + content)
        stored.append(data[end : end + 8])
        numbers.append(number)
        sizes.append(len(content) if subject + headers <= len(content) else -1)
        digests.append(sha256(head + pack(subject, headers) + content).digest())
    computed, expected = _highwayhash.digests(key, inputs), b"".join(stored)
    good = (
        None
        if computed == expected and min(sizes) >= 0
        else [a == b and size >= 0 for a, b, size in zip(_eights(computed), stored, sizes)]
    )
    if good is None and max(numbers) < TOMBSTONE and min(numbers) > 0:
        _take(block, numbers, digests, sizes, batch)
    else:
        _take_with_care(block, numbers, digests, sizes, good, batch)


def _eights(joined: bytes) -> t.Iterator[bytes]:
    return (joined[at : at + HASH_BYTES] for at in range(0, len(joined), HASH_BYTES))


def _take(block: int, numbers: list[int], digests: list[bytes], sizes: list[int], batch: Batch) -> None:
    if not numbers:
        return
    batch.sequences.extend(numbers)
    batch.digests += b"".join(digests)
    batch.sizes.extend(sizes)
    batch.spans.append((block, min(numbers), max(numbers)))


def _take_with_care(
    block: int, numbers: list[int], digests: list[bytes], sizes: list[int], good: list[bool] | None, batch: Batch
) -> None:
    """The same where a record is damaged, erased, or a tombstone."""
    kept = []
    for index, number in enumerate(numbers):
        if good is not None and not good[index]:
            sequence = number & ~(ERASED | TOMBSTONE)
            text = (
                f"The record of message {sequence} in block {block} does not match its checksum: it is damaged in the "
                "server's own store."
            )
            batch.problems.append(Problem("record_hash", sequence, text))
        elif number & TOMBSTONE:
            batch.deleted.append(number & ~(ERASED | TOMBSTONE))
        elif number and not number & ERASED:
            kept.append(index)
    chosen = [[column[index] for index in kept] for column in (numbers, digests, sizes)]
    _take(
        block, t.cast("list[int]", chosen[0]), t.cast("list[bytes]", chosen[1]), t.cast("list[int]", chosen[2]), batch
    )


def messages_of(unit: Unit) -> t.Iterator[Message]:
    """The messages of a unit, as they stand there: whoever asks has checked them before, and knows which are
    deleted.
    """
    data = unit.data
    for at in unit.positions:
        length, number, time_ns, subject = RECORD.unpack_from(data, at)
        if number >= TOMBSTONE or not number:
            continue
        start, end = at + RECORD.size, at + (length & ~HAS_HEADERS) - HASH_BYTES
        middle = start + subject
        headers = 0
        if length & HAS_HEADERS:
            headers = _length_at(data, middle)[0]
            body = middle + 4
        else:
            body = middle
        yield Message(number, time_ns, data[start:middle], data[body : body + headers], data[body + headers : end])
