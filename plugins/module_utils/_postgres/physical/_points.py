# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Where a restore point is in the log: the newest of its name is meant, and a server stops at the first that it meets.

The log is read from its end back, as far as the point: what a recovery from the oldest backup would read is more.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._target import LSN, NAME, Target
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._files import lsn_text, parse_lsn

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._plan import Candidate, Log

_POINT = re.compile(rb"lsn: ([0-9A-F]+/[0-9A-F]+), .*desc: RESTORE_POINT (.*)")


def located(
    chosen: Candidate,
    good: t.Sequence[Candidate],
    target: Target,
    log: Log,
    tools: Tools,
    deadline: Deadline,
    warn: t.Callable[[str], None],
) -> tuple[Candidate, Target]:
    """The backup and the target for the newest restore point of the name that is asked for; else what was ``chosen``.

    ``good`` are all that can be chosen, the newest first. A name that is used twice behind the backup makes the target
    a position, which is said. A point that is not found is left to the server, which says so.
    """
    marker = chosen.content.marker
    if target.kind != NAME or (marker and marker.point == target.text):  # names of ours are used once
        return chosen, target
    names = list(dict.fromkeys(text for one in good for text in reversed(one.found.names)))
    newest = next((found[-1] for found in _back(names, target.text, log, tools, deadline)), None)
    fitting = [one for one in good if newest is not None and _stop(one) <= newest < one.found.end]
    if newest is None or not fitting:
        return chosen, target
    best = fitting[0]
    for found in _back(list(reversed(best.found.names)), target.text, log, tools, deadline):
        earlier = [position for position in found if _stop(best) <= position < newest]
        if earlier:
            warn(
                f"There is more than one restore point {target.text}. The newest is taken, which is at "
                f"{lsn_text(newest)}; another one is at {lsn_text(earlier[-1])}. For that one say target_lsn."
            )
            return best, Target(LSN, lsn_text(newest), lsn=newest, timeline=target.timeline)
    return best, target


def _stop(candidate: Candidate) -> int:
    return parse_lsn("stop_lsn", candidate.content.stop_lsn)


def _back(
    names: t.Sequence[str], point: str, log: Log, tools: Tools, deadline: Deadline
) -> t.Iterator[tuple[int, ...]]:
    """The positions of the point in each segment that has it, in the order of ``names``."""
    for text in names:
        deadline.check("Looking for the restore point in the archive")
        found = log.points(text, point, tools, deadline)
        if found:
            yield found


def read_points(lines: t.Iterator[bytes], point: str) -> tuple[int, ...]:
    """The positions of the restore point in what ``pg_waldump --rmgr=XLOG`` says, the first first. Pure."""
    found = []
    try:
        for line in lines:
            match = _POINT.search(line)
            if match and match[2].strip() == point.encode():
                found.append(parse_lsn("lsn", match[1].decode("ascii")))
    except SourceError:  # where a segment was left before it was full, it ends with an error
        pass
    return tuple(found)
