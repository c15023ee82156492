# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Compares what two listings say of the same range of keys. Pure: rows in, differences out.

What equal means: the same key, the same size and the same ETag; for versions, the same version id and size, or, where
the two servers give ids of their own, the same size and ETag; and all of them in the same order. An ETag that differs
proves nothing by itself: of an object that was uploaded in parts it depends on the sizes of the parts, and with a KMS
key it is random (Amazon S3 user guide, "Checking object integrity").
"""

from __future__ import annotations

import bisect
import itertools
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._keys import is_doubtful
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._parser import (
    ETAG,
    KEY,
    SIZE,
    VERSION_ID,
    Row,
)

MISSING, EXTRA, MISMATCHED, UNVERIFIABLE, PENDING = "missing", "extra", "mismatched", "unverifiable", "pending"
KINDS = (MISSING, EXTRA, MISMATCHED, UNVERIFIABLE, PENDING)

ETAGS_DIFFER = "the ETags differ"
NO_TEXT = "its key is not UTF-8, so no request can name it"
DOUBTFUL = "the listing does not show the real name of the object, which has a character that XML cannot say"
OTHER_ORDER = "the versions are in another order"
NO_ID = b"null"
_LONGEST_PRODUCT = 250_000
_MD5 = re.compile(rb"[0-9a-fA-F]{32}")
Pair = tuple[int, int]  # a place at the source, and one at the destination


class Difference(t.NamedTuple):
    """One object or version that is not the same on both sides.

    ``kind`` is one of ``KINDS``, and never ``pending`` yet.
    """

    kind: str
    source: Row | None
    destination: Row | None
    reason: str = ""

    @property
    def row(self) -> Row:
        """What is there: the source's row where there is one."""
        return self.source or self.destination or ()


class Compared(t.NamedTuple):
    """What comparing gave: how many are the same, by what, and the rest."""

    by_version_id: int
    by_content: int
    differences: list[Difference]


def compare_objects(source: t.Sequence[Row], destination: t.Sequence[Row]) -> Compared:
    """Objects of the same range of keys, each side in the order of its keys, each key at most once."""
    if len(source) == len(destination) and source:
        ours = _columns(source, _OBJECT_COLUMNS)
        if ours == _columns(destination, _OBJECT_COLUMNS) and b"" not in ours[1] and not _any_doubtful(ours[0]):
            return Compared(0, len(source), [])
    differences: list[Difference] = []
    matched = 0
    for one, other in _joined(source, destination):
        if one is None or other is None:
            differences.append(_single(one, other))
        elif one[SIZE] == other[SIZE] and one[ETAG] == other[ETAG] and one[ETAG]:
            if is_doubtful(one[KEY]):
                differences.append(Difference(UNVERIFIABLE, one, other, DOUBTFUL))
            else:
                matched += 1
        else:
            differences.append(_unequal(one, other))
    return Compared(0, matched, differences)


def compare_versions(source: t.Sequence[Row], destination: t.Sequence[Row], *, trusted: bool = False) -> Compared:
    """Versions and delete markers of the same range of keys, all of each key, in the order of keys and the newest
    first.

    ``trusted``: the names of the keys are known to be the real ones.
    """
    if len(source) == len(destination) and source:
        ours, theirs = _columns(source, _VERSION_COLUMNS), _columns(destination, _VERSION_COLUMNS)
        unnamed = ours[-1].count(NO_ID)
        plain = not (unnamed and any(row[SIZE] and not row[ETAG] for row in source)) and not _any_doubtful(ours[0])
        if ours == theirs and plain:
            return Compared(len(source) - unnamed, unnamed, [])
    by_id = by_content = 0
    differences: list[Difference] = []
    for ours_of_key, theirs_of_key in _grouped(source, destination):
        compared = _compare_key(ours_of_key, theirs_of_key, trusted=trusted)
        by_id += compared.by_version_id
        by_content += compared.by_content
        differences += compared.differences
    return Compared(by_id, by_content, differences)


_OBJECT_COLUMNS = (KEY, ETAG, SIZE)
_VERSION_COLUMNS = (KEY, ETAG, SIZE, VERSION_ID)


def _columns(rows: t.Sequence[Row], which: tuple[int, ...]) -> list[tuple[bytes, ...]]:
    """The columns as tuples, which compare at the speed of C."""
    every = list(zip(*rows))
    return [every[column] for column in which]


def _any_doubtful(keys: tuple[bytes, ...]) -> bool:
    """The same for many keys, at the speed of C: each of them is looked at only where one may be doubtful."""
    joined = b"\0".join(keys)
    return not joined.isascii() and any(map(is_doubtful, keys))


def _joined(source: t.Sequence[Row], destination: t.Sequence[Row]) -> t.Iterator[tuple[Row | None, Row | None]]:
    """Merge-join by key."""
    at, other_at = 0, 0
    while at < len(source) and other_at < len(destination):
        one, other = source[at], destination[other_at]
        if one[KEY] == other[KEY]:
            yield one, other
            at += 1
            other_at += 1
        elif one[KEY] < other[KEY]:
            yield one, None
            at += 1
        else:
            yield None, other
            other_at += 1
    for one in source[at:]:
        yield one, None
    for other in destination[other_at:]:
        yield None, other


def _grouped(source: t.Sequence[Row], destination: t.Sequence[Row]) -> t.Iterator[tuple[list[Row], list[Row]]]:
    """Merge-join of all rows of each key."""
    ours = [(key, list(rows)) for key, rows in itertools.groupby(source, _key)]
    theirs = [(key, list(rows)) for key, rows in itertools.groupby(destination, _key)]
    at, other_at = 0, 0
    while at < len(ours) or other_at < len(theirs):
        if other_at == len(theirs) or (at < len(ours) and ours[at][0] < theirs[other_at][0]):
            yield ours[at][1], []
            at += 1
        elif at == len(ours) or theirs[other_at][0] < ours[at][0]:
            yield [], theirs[other_at][1]
            other_at += 1
        else:
            yield ours[at][1], theirs[other_at][1]
            at += 1
            other_at += 1


def _key(row: Row) -> bytes:
    return row[KEY]


def _compare_key(source: list[Row], destination: list[Row], *, trusted: bool) -> Compared:
    """The versions of one key: by id first, what is left by content, and both in one order: a reader gets the first."""
    if not trusted and is_doubtful((source or destination)[0][KEY]):
        return Compared(0, 0, _doubtful(source, destination))
    places = {row[VERSION_ID]: at for at, row in enumerate(destination) if row[VERSION_ID] != NO_ID}
    named = [(at, places.pop(row[VERSION_ID])) for at, row in enumerate(source) if row[VERSION_ID] in places]
    by_id = {(at, other) for at, other in named if source[at][SIZE] == destination[other][SIZE]}
    left, left_there = _without(source, named, 0), _without(destination, named, 1)
    found = _in_order([source[at] for at in left], [destination[at] for at in left_there])
    by_content = {(left[at], left_there[other]) for at, other in found}
    moved = _out_of_order(by_id | by_content)
    differences = [
        Difference(MISMATCHED, source[at], destination[other], why)
        for pairs, why in ((set(named) - by_id, "the sizes of one version differ"), (moved, OTHER_ORDER))
        for at, other in sorted(pairs)
    ]
    every = [*named, *by_content]
    unmatched, unmatched_there = _without(source, every, 0), _without(destination, every, 1)
    differences += _paired([source[at] for at in unmatched], [destination[at] for at in unmatched_there])
    return Compared(len(by_id - moved), len(by_content - moved), differences)


def _without(rows: t.Sequence[Row], pairs: t.Iterable[Pair], side: int) -> list[int]:
    """The places of one side that are in none of the pairs."""
    taken = {pair[side] for pair in pairs}
    return [at for at in range(len(rows)) if at not in taken]


def _out_of_order(pairs: t.Collection[Pair]) -> set[Pair]:
    """Those that stand elsewhere, where all others are in one order on both sides; as few as can be."""
    ordered = sorted(pairs)
    ends: list[int] = []  # the lowest place at the destination at which a chain of each length ends
    lengths: list[int] = []
    for _at, other in ordered:
        lengths.append(bisect.bisect_left(ends, other))
        ends[lengths[-1] : lengths[-1] + 1] = [other]
    moved: set[Pair] = set()
    wanted, below = len(ends) - 1, max(ends, default=0) + 1
    for pair, length in zip(reversed(ordered), reversed(lengths)):
        if length == wanted and pair[1] < below:
            wanted, below = wanted - 1, pair[1]
        else:
            moved.add(pair)
    return moved


def _doubtful(source: list[Row], destination: list[Row]) -> list[Difference]:
    """Versions under a name that is not the real one: several keys may have it, so nothing is the same by it."""
    pairs = list(zip(source, destination))
    differences = [Difference(UNVERIFIABLE, one, other, DOUBTFUL) for one, other in pairs]
    differences += [Difference(UNVERIFIABLE, one, None, DOUBTFUL) for one in source[len(pairs) :]]
    return differences + [Difference(UNVERIFIABLE, None, other, DOUBTFUL) for other in destination[len(pairs) :]]


def _in_order(source: list[Row], destination: list[Row]) -> list[Pair]:
    """The places of those that have the same content in the same order."""
    ours, theirs = [_content(row) for row in source], [_content(row) for row in destination]
    begin = 0
    while begin < min(len(ours), len(theirs)) and _alike(ours[begin], theirs[begin]):
        begin += 1
    end, end_there = len(ours), len(theirs)
    while min(end, end_there) > begin and _alike(ours[end - 1], theirs[end_there - 1]):
        end, end_there = end - 1, end_there - 1
    middle = [(begin + at, begin + other) for at, other in _longest(ours[begin:end], theirs[begin:end_there])]
    return [*zip(range(begin), range(begin)), *middle, *zip(range(end, len(ours)), range(end_there, len(theirs)))]


def _content(row: Row) -> tuple[bytes, bytes]:
    return row[ETAG], row[SIZE]


def _alike(one: tuple[bytes, bytes], other: tuple[bytes, bytes]) -> bool:
    """A delete marker has neither; an object without an ETag is like none."""
    return one == other and (one[0] != b"" or one[1] == b"")


def _longest(ours: list[tuple[bytes, bytes]], theirs: list[tuple[bytes, bytes]]) -> list[tuple[int, int]]:
    """The longest common subsequence, as pairs of places; not the longest where it would take too long to find."""
    if len(ours) * len(theirs) > _LONGEST_PRODUCT:
        return _greedy(ours, theirs)
    lengths = [[0] * (len(theirs) + 1) for _row in range(len(ours) + 1)]
    for at in reversed(range(len(ours))):
        for other in reversed(range(len(theirs))):
            if _alike(ours[at], theirs[other]):
                lengths[at][other] = lengths[at + 1][other + 1] + 1
            else:
                lengths[at][other] = max(lengths[at + 1][other], lengths[at][other + 1])
    pairs: list[tuple[int, int]] = []
    at = other = 0
    while at < len(ours) and other < len(theirs):
        if _alike(ours[at], theirs[other]):
            pairs.append((at, other))
            at, other = at + 1, other + 1
        elif lengths[at + 1][other] >= lengths[at][other + 1]:
            at += 1
        else:
            other += 1
    return pairs


def _greedy(ours: list[tuple[bytes, bytes]], theirs: list[tuple[bytes, bytes]]) -> list[tuple[int, int]]:
    places: dict[tuple[bytes, bytes], list[int]] = {}
    for other, content in enumerate(theirs):
        places.setdefault(content, []).append(other)
    pairs: list[tuple[int, int]] = []
    last = -1
    for at, content in enumerate(ours):
        there = places.get(content, [])
        found = bisect.bisect_right(there, last)
        if found < len(there) and _alike(content, theirs[there[found]]):
            last = there[found]
            pairs.append((at, last))
    return pairs


def _paired(source: list[Row], destination: list[Row]) -> list[Difference]:
    """Of what is left, rows of one size are two copies of one version; the rest has no counterpart."""
    differences: list[Difference] = []
    by_size: dict[bytes, list[Row]] = {}
    for row in reversed(destination):
        by_size.setdefault(row[SIZE], []).append(row)
    for row in source:
        others = by_size.get(row[SIZE])
        if not others:
            differences.append(Difference(MISSING, row, None))
            continue
        other = others.pop()
        if _alike(_content(row), _content(other)):
            differences.append(Difference(MISMATCHED, row, other, OTHER_ORDER))
        else:
            differences.append(_unequal(row, other))
    return differences + [Difference(EXTRA, None, row) for rows in by_size.values() for row in reversed(rows)]


def _single(source: Row | None, destination: Row | None) -> Difference:
    return Difference(MISSING if destination is None else EXTRA, source, destination)


def _unequal(source: Row, destination: Row) -> Difference:
    if source[SIZE] != destination[SIZE]:
        return Difference(MISMATCHED, source, destination, "the sizes differ")
    if _MD5.fullmatch(source[ETAG]) and _MD5.fullmatch(destination[ETAG]):
        return Difference(MISMATCHED, source, destination, ETAGS_DIFFER)
    return Difference(
        UNVERIFIABLE, source, destination, "the ETags differ, and at least one of them says nothing about the content"
    )
