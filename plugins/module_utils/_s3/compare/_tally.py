# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What a comparison has found so far: numbers, and a bounded number of examples.

It adds up, and it survives in a file.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import heapq
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access import _clock
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._keys import is_doubtful
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._listing import show
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._parser import (
    ETAG,
    KEY,
    MODIFIED,
    SIZE,
    VERSION_ID,
    Row,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._compare_rows import (
    ETAGS_DIFFER,
    EXTRA,
    KINDS,
    MISMATCHED,
    PENDING,
    UNVERIFIABLE,
    Compared,
    Difference,
)

_SECONDS = len("2026-01-01T00:00:00")


@dataclasses.dataclass
class Finding:
    """All differences of one kind: how many, how many bytes, since when, and the first few."""

    count: int = 0
    bytes: int = 0
    oldest: str = ""
    kept: list[Difference] = dataclasses.field(default_factory=list)
    sides: list[int] = dataclasses.field(default_factory=lambda: [0, 0])  # how many of them each side has

    def add(self, difference: Difference, keep: int) -> None:
        """Count one, and keep it while there is room."""
        row = difference.row
        self.count += 1
        self._count_sides(difference, 1)
        self.bytes += int(row[SIZE] or b"0")
        modified = row[MODIFIED].decode("ascii", "replace")
        self.oldest = min(self.oldest, modified) if self.oldest else modified
        if len(self.kept) < keep:
            self.kept.append(difference)

    def merge(self, other: Finding, keep: int) -> None:
        """Add what another part of the work has found."""
        self.count += other.count
        self.sides = [sum(both) for both in zip(self.sides, other.sides)]
        self.bytes += other.bytes
        self.oldest = min((text for text in (self.oldest, other.oldest) if text), default="")
        self.kept += other.kept[: max(0, keep - len(self.kept))]

    def drop(self, difference: Difference) -> None:
        """One that turned out to be none, or to be of another kind."""
        self.count -= 1
        self._count_sides(difference, -1)
        self.bytes -= int(difference.row[SIZE] or b"0")
        self.kept.remove(difference)
        if not self.count:
            self.oldest = ""

    def _count_sides(self, difference: Difference, sign: int) -> None:
        for side, there in enumerate((difference.source, difference.destination)):
            self.sides[side] += sign if there is not None else 0


@dataclasses.dataclass(frozen=True)
class Rules:
    """How differences are counted.

    ``young`` is the point in time (ISO 8601, by the source's clock) after which an object may still be on its way;
    ``keep`` how many examples of each kind stay in memory; ``sample`` how many objects of both sides are picked for a
    closer look, by ``seed``. ``ahead_seconds`` is how far the source's clock is from ours.
    """

    young: str = ""
    keep: int = 1000
    sample: int = 0
    seed: str = ""
    ahead_seconds: float = 0.0

    def is_young(self, row: Row) -> bool:
        """Whether the row is newer than ``young``. A time in another format is no excuse, and none that is yet to come:
        it would be one for ever.
        """
        modified = row[MODIFIED][:_SECONDS].decode("ascii", "replace")
        return bool(self.young) and modified[4:5] == "-" and self.young < modified <= self._latest()

    def _latest(self) -> str:
        now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self.ahead_seconds)
        return (now + _clock.TOLERATED).strftime("%Y-%m-%dT%H:%M:%S")


@dataclasses.dataclass
class Tally:
    """The sum. Lists are by side, source first; ``sampled`` holds ``(rank, key, size)`` of the keys that rank lowest.

    ``gone`` is how many of those that were listed on each side were not there any more when they were asked for, less
    what had come meanwhile. ``by_etag`` is how many are mismatched for nothing but their ETags in the listings, and how
    many bytes these are.
    """

    objects: list[int] = dataclasses.field(default_factory=lambda: [0, 0])
    sizes: list[int] = dataclasses.field(default_factory=lambda: [0, 0])
    markers: list[int] = dataclasses.field(default_factory=lambda: [0, 0])
    young: int = 0
    by_version_id: int = 0
    by_content: int = 0
    gone: list[int] = dataclasses.field(default_factory=lambda: [0, 0])
    by_etag: list[int] = dataclasses.field(default_factory=lambda: [0, 0])
    findings: dict[str, Finding] = dataclasses.field(default_factory=lambda: {kind: Finding() for kind in KINDS})
    sampled: list[tuple[int, bytes, int]] = dataclasses.field(default_factory=list)

    @property
    def matched(self) -> int:
        """How many objects or versions are the same on both sides."""
        return self.by_version_id + self.by_content

    def unaccounted(self, *, markers: bool) -> list[int]:
        """How many of what was listed on each side are neither the same, nor among the findings, nor gone.

        None, unless something is wrong with the comparison itself. ``markers``: delete markers were compared, too.
        """
        listed = [self.objects[side] + (self.markers[side] if markers else 0) for side in (0, 1)]
        found = [sum(finding.sides[side] for finding in self.findings.values()) for side in (0, 1)]
        return [listed[side] - self.gone[side] - self.matched - found[side] for side in (0, 1)]

    def settle(self, entry: Difference, now: str | None, difference: Difference | None) -> None:
        """One of the listings' differences was asked for: it is of the kind ``now``, or none any more.

        ``difference`` is what is there; None where it is gone from both sides.
        """
        self.drop(entry)
        there = (difference.source, difference.destination) if difference is not None else (None, None)
        for side, before in enumerate((entry.source, entry.destination)):
            self.gone[side] += (before is not None) - (there[side] is not None)
        if now is None:
            self.by_content += difference is not None
        elif difference is not None:
            self.findings[now].add(difference, len(self.findings[now].kept) + 1)

    def count_rows(self, side: int, rows: t.Sequence[Row]) -> None:
        """Count what one side has: 0 is the source."""
        sizes = [row[SIZE] for row in rows]
        markers = sizes.count(b"")
        self.markers[side] += markers
        self.objects[side] += len(sizes) - markers
        self.sizes[side] += sum(map(int, filter(None, sizes) if markers else sizes))

    def add(self, compared: Compared, rules: Rules) -> None:
        """Count what was compared. What is young at the source is on its way, and not wrong."""
        self.by_version_id += compared.by_version_id
        self.by_content += compared.by_content
        for difference in compared.differences:
            on_its_way = (
                difference.kind != EXTRA and difference.source is not None and rules.is_young(difference.source)
            )
            self.findings[PENDING if on_its_way else difference.kind].add(difference, rules.keep)
            if difference.reason == ETAGS_DIFFER and not on_its_way:
                self.by_etag[0] += 1
                self.by_etag[1] += int(difference.row[SIZE])

    def drop(self, difference: Difference) -> None:
        """One of the listings' differences that turned out to be none, or to be of another kind."""
        self.findings[difference.kind].drop(difference)
        if difference.reason == ETAGS_DIFFER:
            self.by_etag[0] -= 1
            self.by_etag[1] -= int(difference.row[SIZE])

    def doubt_etags(self, kept: t.Sequence[Difference], reason: str) -> None:
        """ETags prove nothing here: what they alone tell apart is not verifiable.

        ``kept`` are the examples of these.
        """
        mismatched, unverifiable = self.findings[MISMATCHED], self.findings[UNVERIFIABLE]
        count, size = self.by_etag
        moved = [entry._replace(kind=UNVERIFIABLE, reason=reason) for entry in kept]
        unverifiable.merge(
            Finding(count, size, mismatched.oldest if count else "", moved, [count, count]),
            len(unverifiable.kept) + len(moved),
        )
        mismatched.count -= count
        mismatched.sides = [number - count for number in mismatched.sides]
        mismatched.bytes -= size
        mismatched.kept = [entry for entry in mismatched.kept if entry not in kept]
        mismatched.oldest = mismatched.oldest if mismatched.count else ""
        self.by_etag = [0, 0]

    def pick(self, rows: t.Iterable[Row], rules: Rules) -> None:
        """Take the rows into the sample whose keys rank lowest: the same ones for one seed, in whatever order the keys
        come.
        """
        if not rules.sample:
            return
        seed = rules.seed.encode()[:64]
        ranked = [
            (
                int.from_bytes(hashlib.blake2b(row[KEY], digest_size=8, key=seed).digest(), "big"),
                row[KEY],
                int(row[SIZE] or b"0"),
            )
            for row in rows
            if row[SIZE] and not is_doubtful(row[KEY])
        ]
        self.sampled = heapq.nsmallest(rules.sample, self.sampled + ranked)

    def merge(self, other: Tally, rules: Rules) -> None:
        """Add the tally of another part of the keys."""
        for side in (0, 1):
            self.objects[side] += other.objects[side]
            self.sizes[side] += other.sizes[side]
            self.markers[side] += other.markers[side]
        self.young += other.young
        self.by_version_id += other.by_version_id
        self.by_content += other.by_content
        self.gone = [sum(both) for both in zip(self.gone, other.gone)]
        self.by_etag = [sum(both) for both in zip(self.by_etag, other.by_etag)]
        for kind, finding in other.findings.items():
            if finding.count:
                self.findings[kind].merge(finding, rules.keep)
        if other.sampled:
            self.sampled = heapq.nsmallest(rules.sample, self.sampled + other.sampled)

    def to_dict(self) -> dict[str, t.Any]:
        """For a file, as JSON."""
        document = {name: getattr(self, name) for name in _NUMBERS}
        document["findings"] = {
            kind: {
                "count": finding.count,
                "bytes": finding.bytes,
                "oldest": finding.oldest,
                "sides": finding.sides,
                "kept": [
                    [entry.kind, _texts(entry.source), _texts(entry.destination), entry.reason]
                    for entry in finding.kept
                ],
            }
            for kind, finding in self.findings.items()
        }
        document["sampled"] = [[rank, key.decode("latin-1"), size] for rank, key, size in self.sampled]
        return document

    @staticmethod
    def from_dict(document: t.Mapping[str, t.Any]) -> Tally:
        """What ``to_dict`` gave. Raises KeyError, TypeError or ValueError."""
        tally = Tally(**{name: document[name] for name in _NUMBERS})
        for kind, found in document["findings"].items():
            kept = [
                Difference(name, _row(source), _row(destination), reason)
                for name, source, destination, reason in found["kept"]
            ]
            tally.findings[kind] = Finding(
                int(found["count"]), int(found["bytes"]), str(found["oldest"]), kept, list(found["sides"])
            )
        tally.sampled = [(int(rank), key.encode("latin-1"), int(size)) for rank, key, size in document["sampled"]]
        return tally


_NUMBERS = ("objects", "sizes", "markers", "young", "by_version_id", "by_content", "gone", "by_etag")


def _texts(row: Row | None) -> list[str] | None:
    return None if row is None else [field.decode("latin-1") for field in row]


def _row(texts: list[str] | None) -> Row | None:
    return None if texts is None else tuple(text.encode("latin-1") for text in texts)


def describe(difference: Difference) -> dict[str, t.Any]:
    """A difference for a result: the key, and what each side has."""
    row = difference.row
    described: dict[str, t.Any] = {"key": show(row[KEY])}
    if difference.reason:
        described["reason"] = difference.reason
    for side, there in (("source", difference.source), ("destination", difference.destination)):
        if there is not None:
            described[side] = _described_row(there)
    return described


def _described_row(row: Row) -> dict[str, t.Any]:
    described: dict[str, t.Any] = {"last_modified": row[MODIFIED].decode("ascii", "replace")}
    if row[SIZE]:
        described.update(size=int(row[SIZE]), etag=row[ETAG].decode("ascii", "replace"))
    else:
        described["delete_marker"] = True
    if len(row) > VERSION_ID:
        described["version_id"] = row[VERSION_ID].decode("utf-8", "replace")
    return described
