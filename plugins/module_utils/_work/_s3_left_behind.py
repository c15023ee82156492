# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Whether there are objects that no rule has replicated, nor will: rules see only what is written after them.

S3 tells nobody when a rule was made. So a few keys of both sides are compared each time, and all of them where it is
known that there was something, until there is nothing any more.
"""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DeadlineError
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access import _clock
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._keys import groups, side_by_side
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._listing import Lister, Requests
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._parser import KEY, MODIFIED, parse_time

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side

_MOST_SECONDS = 60.0
_ON_ITS_WAY = datetime.timedelta(minutes=15)


def first_page_lacks(source: Side, destination: Side, prefix: str) -> bool:
    """Whether the destination lacks one of the first 1,000 objects, which is too old to be on its way."""
    pages = [Lister(side, prefix, Requests(), short_way=False).page_after(None) for side in (source, destination)]
    reach = min((page.rows[-1][KEY] for page in pages if page.truncated and page.rows), default=None)
    there = {row[KEY] for row in pages[1].rows}
    now = datetime.datetime.now(datetime.timezone.utc)
    for row in pages[0].rows:
        modified = parse_time(row[MODIFIED])
        within = reach is None or row[KEY] <= reach
        if not within or row[KEY] in there or modified is None:
            continue
        if not now - _ON_ITS_WAY - _clock.UNCERTAIN <= modified <= now + _clock.TOLERATED:  # from the future: never due
            return True
    return False


def anything_lacks(source: Side, destination: Side, prefix: str) -> bool:
    """Whether the destination lacks any object, however young. Also True when a minute does not tell."""
    deadline = Deadline(_MOST_SECONDS)
    listings = (groups(Lister(side, prefix, Requests()), deadline) for side in (source, destination))
    pairs = side_by_side(*listings)
    try:
        return any(ours and not theirs for _key, ours, theirs in pairs)
    except DeadlineError:
        return True
    finally:
        t.cast("t.Generator[t.Any, None, None]", pairs).close()
