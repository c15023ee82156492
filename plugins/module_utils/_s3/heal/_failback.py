# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What is brought back to the source, key by key, so that nothing newer is ever overwritten. Pure.

The versions of the source tell what the destination's object is: a content that the source has had before is no news,
whatever the times say. Only what the source never had, and what is younger than what the source has, goes back.
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
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.heal._wanted import ABSENT, Wanted, version_of, wanted_of

_EVEN = datetime.timedelta()
SAME, OLDER, NEWER_AT_SOURCE, ONLY_AT_SOURCE, DELETED, COPY = (
    "same",
    "older_version_at_the_destination",
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
    if known:
        return (SAME if known[0] == 0 else OLDER), None, False
    if not _younger(new, top, ahead):
        return NEWER_AT_SOURCE, None, True
    if not top[SIZE]:
        return COPY, wanted_of(key, new, condition=ABSENT), False
    condition = top[ETAG].decode("ascii", "replace")
    return COPY, wanted_of(key, new, condition=condition, before=version_of(top)), True


def _same(one: Row, other: Row) -> bool:
    """One version id that servers give only once, or one content."""
    if one[VERSION_ID] == other[VERSION_ID] and one[VERSION_ID] not in (b"", b"null"):
        return True
    return bool(one[SIZE]) and one[SIZE] == other[SIZE] and one[ETAG] == other[ETAG]


def _younger(one: Row, other: Row, ahead: datetime.timedelta) -> bool:
    """A time that cannot be read is no proof of being younger, and neither is a clock that is ahead."""
    times = parse_time(one[MODIFIED]), parse_time(other[MODIFIED])
    return times[0] is not None and times[1] is not None and times[0] - ahead > times[1]
