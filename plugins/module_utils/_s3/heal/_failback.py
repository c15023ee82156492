# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What is brought back to the source, key by key, so that nothing newer is ever overwritten. Pure.

The versions of the source tell what the destination's object is: a content that the source has had before is no news,
unless the destination had something newer in between, so that somebody has set it back. Only that, and what the source
never had, goes back, and only where it is younger than what the source has. What nobody can tell is a conflict.
"""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._parser import (
    ETAG,
    MODIFIED,
    SIZE,
    VERSION_ID,
    Row,
    parse_time,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.heal._undelete import marker_time, version_times
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.heal._wanted import ABSENT, Wanted, version_of, wanted_of

_EVEN = datetime.timedelta()
SAME, OLDER, SET_BACK, NEWER_AT_SOURCE, ONLY_AT_SOURCE, DELETED, COPY = (
    "same",
    "older_version_at_the_destination",
    "set_back_at_the_destination",
    "newer_at_the_source",
    "only_at_the_source",
    "deleted_at_the_destination",
    "copy",
)


def decide(
    key: bytes, source: t.Sequence[Row], destination: t.Sequence[Row], ahead: datetime.timedelta = _EVEN
) -> tuple[str, Wanted | None, bool]:
    """What to do about one key, the copy where there is one, and whether both sides have content of their own that
    differs.

    Rows are versions and markers, the newest first. ``ahead`` is by how much the destination's clock is ahead of the
    source's.
    """
    if not destination:
        return ONLY_AT_SOURCE, None, False
    new = destination[0]
    if not new[SIZE]:
        return DELETED, None, False
    if not source:
        return COPY, wanted_of(key, new, condition=ABSENT), False
    top = source[0]
    known = [number for number, row in enumerate(source) if _same(row, new)]
    if known and known[0] == 0:
        return SAME, None, False
    if known and (_has_id(new, source) or not _younger(new, source, ahead)):
        return OLDER, None, False  # a replica of what was overwritten since
    if known and not _followed(destination, source, ahead):
        return SET_BACK, None, True  # a replica that came late, or a write of the application: nobody can tell
    if not _younger(new, source, ahead):
        return NEWER_AT_SOURCE, None, True
    if not top[SIZE]:
        return COPY, wanted_of(key, new, condition=ABSENT), False
    condition = top[ETAG].decode("ascii", "replace")
    return COPY, wanted_of(key, new, condition=condition, before=version_of(top)), True


def _has_id(new: Row, source: t.Sequence[Row]) -> bool:
    """Whether the source has this very version, on servers whose replicas keep the version id."""
    return any(row[VERSION_ID] == new[VERSION_ID] and row[VERSION_ID] not in (b"", b"null") for row in source)


def _followed(destination: t.Sequence[Row], source: t.Sequence[Row], ahead: datetime.timedelta) -> bool:
    """Whether the newest of the source had arrived before the destination's newest: so that is a later write."""
    top, when = source[0], _time(source, 0)
    for number, row in enumerate(destination[1:], 1):
        arrived = _time(destination, number)
        alike = _same(row, top) or not (row[SIZE] or top[SIZE])
        if alike and when is not None and arrived is not None and arrived - ahead >= when:
            return True
    return False


def _time(rows: t.Sequence[Row], number: int) -> datetime.datetime | None:
    """When a version or marker of these was made."""
    row = rows[number]
    return parse_time(row[MODIFIED]) if row[SIZE] else marker_time(row, version_times(rows))


def _same(one: Row, other: Row) -> bool:
    """One version id that servers give only once, or one content."""
    if one[VERSION_ID] == other[VERSION_ID] and one[VERSION_ID] not in (b"", b"null"):
        return True
    return bool(one[SIZE]) and one[SIZE] == other[SIZE] and one[ETAG] == other[ETAG]


def _younger(new: Row, source: t.Sequence[Row], ahead: datetime.timedelta) -> bool:
    """Than what the source has. A time that nobody knows is no proof of being younger, nor is a clock that is ahead."""
    times = parse_time(new[MODIFIED]), _time(source, 0)
    return times[0] is not None and times[1] is not None and times[0] - ahead > times[1]
