# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""To which point a base backup is recovered for its proof, and which marker rows have to be there then. Pure."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._markers import AFTER, BEFORE

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._content import Marker

_MICROSECOND = datetime.timedelta(microseconds=1)
_KEPT = datetime.timedelta(days=80)  # rows that are older may have been removed by a later backup (_markers.py)


class Chance(t.Protocol):
    """What ``random.SystemRandom`` can do."""

    def randrange(self, stop: int, /) -> int:
        """A number from 0 on, below ``stop``."""


@dataclasses.dataclass(frozen=True)
class Aim:
    """A restore point; or a moment between two of them, ``points`` being all that there are, the oldest first."""

    point: Marker
    moment: datetime.datetime | None = None
    points: tuple[Marker, ...] = ()


def choose(points: t.Sequence[Marker], chance: Chance) -> Aim:
    """One of these restore points by chance, or, where there are two, as often a moment between the first and the last.

    ``points`` are those of a backup and of all later ones, the oldest first, and not empty.
    """
    points = [point for point in points if point.database == points[-1].database]
    own = points[chance.randrange(len(points))]
    span = (_at(points[-1]) - _at(points[0])) // _MICROSECOND
    if len(points) < 2 or span < 2 or chance.randrange(2):
        return Aim(own)
    moment = _at(points[0]) + (1 + chance.randrange(span - 1)) * _MICROSECOND
    return Aim(points[-1], moment, tuple(points))


def expected(aim: Aim) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """The rows (point and side) that have to be there after the recovery, and those that must not.

    A point's time was taken between the commits of its two rows. So the first of them had been committed when it was,
    and the second had not.
    """
    if aim.moment is None:
        return {(aim.point.point, BEFORE)}, {(aim.point.point, AFTER)}
    there = {
        (point.point, BEFORE) for point in aim.points if _at(point) <= aim.moment and aim.moment - _at(point) < _KEPT
    }
    return there, {(point.point, AFTER) for point in aim.points if _at(point) >= aim.moment}


def wrong(aim: Aim, found: t.AbstractSet[tuple[str, str]]) -> list[str]:
    """What is not as it has to be, in words."""
    there, absent = expected(aim)
    missing = [f"the row {side} {point} is missing" for point, side in sorted(there - found)]
    return missing + [f"the row {side} {point} is there" for point, side in sorted(absent & found)]


def planted(aim: Aim) -> tuple[str, str]:
    """A row that must not be there: what a recovery that goes too far would bring."""
    return max(expected(aim)[1])


def _at(point: Marker) -> datetime.datetime:
    return datetime.datetime.fromisoformat(point.at)
