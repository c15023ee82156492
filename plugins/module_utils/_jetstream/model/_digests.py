# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Keeps the digest of every message of a stream, and makes the stream's fingerprint of them.

44 bytes for each message, up to a bound in memory, beyond it in a temporary file without a name.
"""

from __future__ import annotations

import array
import bisect
import dataclasses
import hashlib
import heapq
import itertools
import operator
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._unnamed_file import unnamed_file, write_all

DIGEST_BYTES = 32
_MEMORY_BYTES = 16 << 20
_ENTRY_BYTES = DIGEST_BYTES + 12
_READ_ENTRIES = 16384
_PAGE = 2048  # sequences whose deletions share one bit field
_NAMED = 20  # sequences of each kind that a difference names


@dataclasses.dataclass
class Difference:
    """How two streams differ: how many messages, and the first sequences of each kind."""

    missing: int = 0  # in this one, not in the other
    extra: int = 0  # in the other, not in this one
    changed: int = 0
    missing_sequences: list[int] = dataclasses.field(default_factory=list)
    extra_sequences: list[int] = dataclasses.field(default_factory=list)
    changed_sequences: list[int] = dataclasses.field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.missing or self.extra or self.changed)


class Digests:
    """Sequence → digest of 32 bytes.

    Messages come in nearly ascending order; deletions may come before or after what they delete.
    """

    def __init__(self, *, memory_bytes: int = _MEMORY_BYTES, temporary_dir: str | None = None) -> None:
        self._limit = max(memory_bytes // _ENTRY_BYTES, 1)
        self._temporary_dir = temporary_dir
        self._runs: list[_Run] = [_Run()]
        self._in_memory = 0
        self._file: t.IO[bytes] | None = None
        self._pages: dict[int, bytearray] = {}
        self._ranges: list[tuple[int, int]] = []
        self._summary: _Summary | None = None

    def add(self, sequence: int, digest: bytes, size: int = 0) -> None:
        """Take a message in. ``size``: bytes of subject, headers and data. The first digest of a sequence counts."""
        self.extend(array.array("Q", (sequence,)), digest, array.array("I", (size,)))

    def extend(self, sequences: array.array[int], digests: bytes | bytearray, sizes: array.array[int]) -> None:
        """Take many messages in. ``digests``: 32 bytes for each, one behind the other."""
        self._summary = None
        start, count = 0, len(sequences)
        while start < count:
            run = self._runs[-1]
            if run.count and sequences[start] <= run.last:
                run = _Run()
                self._runs.append(run)
            end = start + _ascending(sequences, start)
            run.extend(sequences[start:end], digests[start * DIGEST_BYTES : end * DIGEST_BYTES], sizes[start:end])
            self._in_memory += end - start
            start = end
            if self._in_memory >= self._limit:
                self._spill()

    def discard(self, sequence: int) -> None:
        """The message ``sequence`` is deleted, whether it has come or is still to come."""
        page = self._pages.setdefault(sequence // _PAGE, bytearray(_PAGE // 8))
        page[sequence % _PAGE >> 3] |= 1 << (sequence & 7)
        self._summary = None

    def discard_range(self, first: int, last: int) -> None:
        """The messages from ``first`` to ``last``, both included, are deleted."""
        if first <= last:
            self._ranges.append((first, last))
            self._summary = None

    def discard_bits(self, base: int, bits: bytes) -> None:
        """Bit n of ``bits``, least significant bit first, deletes the message ``base + n``.

        ``base`` is a multiple of 2048.
        """
        if base % _PAGE or len(bits) * 8 != _PAGE:
            for index in range(len(bits) * 8):
                if bits[index >> 3] >> (index & 7) & 1:
                    self.discard(base + index)
            return
        page = self._pages.setdefault(base // _PAGE, bytearray(_PAGE // 8))
        merged = int.from_bytes(page, "little") | int.from_bytes(bits, "little")
        page[:] = merged.to_bytes(_PAGE // 8, "little")
        self._summary = None

    def __len__(self) -> int:
        return self._summed().count

    @property
    def total_bytes(self) -> int:
        """Subject, headers and data of the live messages."""
        return self._summed().bytes

    @property
    def first(self) -> int:
        """The lowest live sequence, 0 when there is none."""
        return self._summed().first

    @property
    def last(self) -> int:
        """The highest live sequence, 0 when there is none."""
        return self._summed().last

    def fingerprint(self) -> str:
        """SHA-256, in hex, over the digests of all live messages in ascending sequence."""
        return self._summed().fingerprint

    def __iter__(self) -> t.Iterator[tuple[int, bytes]]:
        """(sequence, digest) of the live messages, ascending."""
        return ((sequence, digest) for sequence, digest, _size in self._live())

    def difference(self, other: Digests) -> Difference:
        """What ``other`` lacks, has more, or has otherwise."""
        result = Difference()
        if len(self) == len(other) and self.fingerprint() == other.fingerprint() and self.first == other.first:
            return result
        ours, theirs = iter(self), iter(other)
        mine, their = next(ours, None), next(theirs, None)
        while mine is not None or their is not None:
            if their is None or (mine is not None and mine[0] < their[0]):
                if mine is None:
                    raise AssertionError("one of the two has a message")
                result.missing += 1
                _name(result.missing_sequences, mine[0])
                mine = next(ours, None)
            elif mine is None or their[0] < mine[0]:
                result.extra += 1
                _name(result.extra_sequences, their[0])
                their = next(theirs, None)
            else:
                if mine[1] != their[1]:
                    result.changed += 1
                    _name(result.changed_sequences, mine[0])
                mine, their = next(ours, None), next(theirs, None)
        return result

    def close(self) -> None:
        """Free the temporary file. Only what has been summed up can be asked for afterwards."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._runs = [_Run()]

    def _spill(self) -> None:
        """Move what is in memory to the temporary file; the last run goes on in memory."""
        if self._file is None:
            self._file = unnamed_file(self._temporary_dir)
        for run in self._runs:
            run.spill(self._file)
        self._in_memory = 0

    def _live(self) -> t.Iterator[tuple[int, bytes, int]]:
        runs = [run.entries(index, self._file) for index, run in enumerate(self._runs) if run.count]
        merged = runs[0] if len(runs) == 1 else heapq.merge(*runs)
        ranges = _joined(self._ranges)
        starts = [first for first, _last in ranges]
        last = 0
        for sequence, _index, digest, size in merged:
            if sequence == last:
                continue
            last = sequence
            page = self._pages.get(sequence // _PAGE)
            if page is not None and page[sequence % _PAGE >> 3] >> (sequence & 7) & 1:
                continue
            if ranges:
                at = bisect.bisect_right(starts, sequence) - 1
                if at >= 0 and sequence <= ranges[at][1]:
                    continue
            yield sequence, digest, size

    def _summed(self) -> _Summary:
        if self._summary is None:
            self._summary = self._sum_up()
        return self._summary

    def _sum_up(self) -> _Summary:
        run = self._runs[0]
        digest = hashlib.sha256()
        count = total = first = last = 0
        if (
            len(self._runs) == 1 and not self._pages and not self._ranges
        ):  # the usual case needs no look at each message
            for sequences, digests, sizes in run.stretches(self._file):
                digest.update(digests)
                total += sum(sizes)
                first = first or sequences[0]
            return _Summary(run.count, total, first, run.last, digest.hexdigest())
        for sequence, part, size in self._live():
            digest.update(part)
            count += 1
            total += size
            first = first or sequence
            last = sequence
        return _Summary(count, total, first, last, digest.hexdigest())


@dataclasses.dataclass(frozen=True)
class _Summary:
    count: int
    bytes: int
    first: int
    last: int
    fingerprint: str


class _Run:
    """Ascending entries: an older part in the file, the newest in memory."""

    def __init__(self) -> None:
        self.sequences = array.array("Q")
        self.digests = bytearray()
        self.sizes = array.array("I")
        self.last = 0
        self.count = 0
        self.spilled: list[tuple[int, int]] = []  # offset in the file, entries

    def extend(self, sequences: array.array[int], digests: bytes | bytearray, sizes: array.array[int]) -> None:
        self.sequences.extend(sequences)
        self.digests += digests
        self.sizes.extend(sizes)
        self.count += len(sequences)
        self.last = sequences[-1]

    def spill(self, file: t.IO[bytes]) -> None:
        for start in range(0, len(self.sequences), _READ_ENTRIES):
            end = min(start + _READ_ENTRIES, len(self.sequences))
            self.spilled.append((file.seek(0, 2), end - start))
            digests = self.digests[start * DIGEST_BYTES : end * DIGEST_BYTES]
            write_all(file, self.sequences[start:end].tobytes() + digests + self.sizes[start:end].tobytes())
        self.sequences, self.digests, self.sizes = array.array("Q"), bytearray(), array.array("I")

    def entries(self, index: int, file: t.IO[bytes] | None) -> t.Iterator[tuple[int, int, bytes, int]]:
        """(sequence, ``index``, digest, size), ascending."""
        for sequences, digests, sizes in self.stretches(file):
            yield from _zipped(index, sequences, digests, sizes)

    def stretches(
        self, file: t.IO[bytes] | None
    ) -> t.Iterator[tuple[array.array[int], bytes | bytearray, array.array[int]]]:
        """Sequences, digests and sizes of many messages at once, ascending; none is empty."""
        for offset, count in self.spilled:
            if file is None:
                raise AssertionError("what was spilled has a file")
            file.seek(offset)
            data = file.read(count * _ENTRY_BYTES)
            sequences, sizes = array.array("Q"), array.array("I")
            sequences.frombytes(data[: 8 * count])
            sizes.frombytes(data[(8 + DIGEST_BYTES) * count :])
            yield sequences, data[8 * count : (8 + DIGEST_BYTES) * count], sizes
        if self.sequences:
            yield self.sequences, self.digests, self.sizes


def _zipped(
    index: int, sequences: array.array[int], digests: bytes | bytearray, sizes: array.array[int]
) -> t.Iterator[tuple[int, int, bytes, int]]:
    for at, sequence in enumerate(sequences):
        yield sequence, index, bytes(digests[at * DIGEST_BYTES : (at + 1) * DIGEST_BYTES]), sizes[at]


def _ascending(sequences: array.array[int], start: int) -> int:
    """How many sequences from ``start`` on stand in ascending order."""
    if all(map(operator.lt, itertools.islice(sequences, start, None), itertools.islice(sequences, start + 1, None))):
        return len(sequences) - start
    for at in range(start + 1, len(sequences)):
        if sequences[at] <= sequences[at - 1]:
            return at - start
    return len(sequences) - start


def _joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same ranges, sorted, none touching another."""
    result: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if result and first <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(last, result[-1][1]))
        else:
            result.append((first, last))
    return result


def _name(sequences: list[int], sequence: int) -> None:
    if len(sequences) < _NAMED:
        sequences.append(sequence)
