# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""How far a base backup can be brought with the log that is in the archive: the window, and its holes. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._files import (
    Switch,
    WalName,
    lsn_text,
    parse_lsn,
    segment_name,
)

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._content import PhysicalContent


@dataclasses.dataclass(frozen=True)
class Stretch:
    """The segments of one timeline that a recovery reads. ``last`` is None where the timeline was not left."""

    timeline: int
    first: int
    last: int | None


@dataclasses.dataclass(frozen=True)
class Reach:
    """How far a recovery comes without a hole."""

    timeline: int
    names: tuple[str, ...]  # of the segments that it reads, in order
    end: int  # the position after the last of them
    missing: str = ""  # the segment that is missing although later ones are there; empty: there is no hole


def latest_timeline(base: int, histories: t.Mapping[int, t.Sequence[Switch]]) -> int:
    """The newest timeline, as a server finds it: as long as there is a history of the next one."""
    found = base
    while found + 1 in histories:
        found += 1
    return found


def stretches(
    content: PhysicalContent, timeline: int, histories: t.Mapping[int, t.Sequence[Switch]]
) -> tuple[Stretch, ...]:
    """Which segments lead from the base backup to the end of this timeline.

    The segment in which a timeline was left is read from the next one, which has a copy of its beginning. Raises
    LifeboatError where the timeline does not come from the backup.
    """
    size = content.segment_bytes
    first = parse_lsn("start_lsn", content.start_lsn) // size
    if timeline == content.timeline:
        return (Stretch(timeline, first, None),)
    way = [switch for switch in histories.get(timeline, ()) if switch.timeline >= content.timeline]
    if not way or way[0].timeline != content.timeline:
        raise LifeboatError(
            f"Timeline {timeline} does not come from timeline {content.timeline}, which the base backup is of.",
            hint="Name another target_timeline, or a backup of that timeline.",
        )
    if way[0].at < parse_lsn("stop_lsn", content.stop_lsn):
        raise LifeboatError(
            f"Timeline {content.timeline} was left at {lsn_text(way[0].at)}, before the base backup was consistent (at "
            f"{content.stop_lsn}).",
            hint="Use an older base backup.",
        )
    found = []
    for switch in way:
        left = switch.at // size
        found.append(Stretch(switch.timeline, first, left - 1))
        first = left
    return (*found, Stretch(timeline, first, None))


def reach(way: t.Sequence[Stretch], segments: t.AbstractSet[tuple[int, int]], segment_bytes: int) -> Reach:
    """Follow the stretches as far as their segments (timeline and index) are there."""
    names: list[str] = []
    end, timeline = way[0].first * segment_bytes, way[0].timeline
    for stretch in way:
        index = stretch.first
        while stretch.last is None or index <= stretch.last:
            if (stretch.timeline, index) not in segments:
                later = stretch.last is not None or any(
                    one == stretch.timeline and number > index for one, number in segments
                )
                missing = segment_name(stretch.timeline, index, segment_bytes) if later else ""
                return Reach(timeline, tuple(names), end, missing)
            names.append(segment_name(stretch.timeline, index, segment_bytes))
            index += 1
            end, timeline = index * segment_bytes, stretch.timeline
    return Reach(timeline, tuple(names), end)


def covers(found: Reach, content: PhysicalContent) -> bool:
    """Whether the log makes the base backup consistent at all."""
    return found.end >= parse_lsn("stop_lsn", content.stop_lsn)


def indexed(names: t.Iterable[WalName], segment_bytes: int) -> set[tuple[int, int]]:
    """The segments that there are."""
    return {(name.timeline, name.index(segment_bytes)) for name in names}
