# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""One range of keys while it is walked: where it stands, and what is read of it on both sides and not compared yet."""

from __future__ import annotations

import bisect
import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._parser import KEY, Row
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._key_ranges import Range

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._listing import Ahead, Stream


class Shard:
    """A range that one thread walks.

    Only its thread moves ``position``; ``until`` may be drawn nearer by others, under the lock.
    """

    def __init__(self, piece: Range) -> None:
        self.position = piece.after
        self.until = piece.until
        self.reach = piece.after or b""
        self.more = self.done = False
        self.pages = 0
        self.fruitless = 0

    @property
    def left(self) -> Range:
        """What is not done yet."""
        return Range(self.position, self.until)


@dataclasses.dataclass
class SideBuffer:
    """One side of a shard: rows that were read and not compared yet."""

    stream: Stream | Ahead
    versions: bool
    rows: list[Row] = dataclasses.field(default_factory=list)

    def fill(self) -> None:
        """Read until there is something that may be compared.

        Of the versions of a key, the last page may not have all.
        """
        while not self.stream.ended and (not self.rows or (self.versions and self.rows[0][KEY] == self.rows[-1][KEY])):
            self.rows += self.stream.next_rows()

    def whole_until(self) -> bytes | None:
        """Up to which key all rows are here; None when all are."""
        if self.stream.ended:
            return None
        last = self.rows[-1][KEY]
        if not self.versions:
            return last
        return self.rows[bisect.bisect_left([row[KEY] for row in self.rows], last) - 1][KEY]

    def take(self, until: bytes | None) -> list[Row]:
        """Remove and give the rows up to a key."""
        if until is None or not self.rows or self.rows[-1][KEY] <= until:
            taken, self.rows = self.rows, []
            return taken
        at = bisect.bisect_right([row[KEY] for row in self.rows], until)
        taken, self.rows = self.rows[:at], self.rows[at:]
        return taken


class RangeWalk(t.NamedTuple):
    """A range, and what is read of it on both sides."""

    shard: Shard
    source: SideBuffer
    destination: SideBuffer
    ahead: Ahead  # what ``source`` reads
