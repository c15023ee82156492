# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What a server said of its recovery, and whether it is what was asked of it. Pure.

The words are those of ``xlogrecovery.c`` in the locale C, with ``log_timezone`` UTC.
"""

from __future__ import annotations

import dataclasses
import datetime
import re

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._target import (
    IMMEDIATE,
    LATEST,
    LSN,
    NAME,
    TIME,
    XID,
    Target,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._files import parse_lsn

_STOPPING = re.compile(r"LOG:\s+recovery stopping (.*)")
_LAST = re.compile(r"last completed transaction was at log time (\S+ \S+?)(?: ?UTC|\+00)")
_REDO_DONE = re.compile(r"redo done at ([0-9A-F]+/[0-9A-F]+)")
_TIME = re.compile(r"time (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?)(?: ?UTC|\+00)")
_TRANSACTION = re.compile(r"of transaction (\d+)")
_POSITION = re.compile(r'LSN\) "([0-9A-F]+/[0-9A-F]+)"')
_POINT = re.compile(r'restore point "(.*)", time')
_FATAL = re.compile(r"(?:FATAL|PANIC):\s+(.*)")
_OURS = re.compile(r"lifeboat-wal: (.*)")
_NOT_REACHED = "recovery ended before configured recovery target was reached"


@dataclasses.dataclass(frozen=True)
class Reached:
    """Where a recovery stopped, in the server's words. ``moment`` is that of its last transaction, if it says so."""

    words: str
    moment: datetime.datetime | None = None
    lsn: str = ""


def failure(said: str, target: Target) -> LifeboatError:
    """The error for a server that ended its recovery with one."""
    ours = _OURS.findall(said)
    fatal = _FATAL.findall(said)
    why = ours[-1] if ours else fatal[0] if fatal else said.strip()[-300:] or "it said nothing"
    if _NOT_REACHED in said:
        return LifeboatError(
            f"The recovery came to the end of the log, and {target} is not in it." + (f" {ours[-1]}" if ours else ""),
            hint="Check the target, and the timeline. Nothing was put into the place of the data folder.",
            details={"server": said[-2000:]},
        )
    return LifeboatError(
        f"The recovery to {target} failed: {why}",
        hint="Nothing was put into the place of the data folder.",
        details={"server": said[-2000:]},
    )


def judge(target: Target, said: str, end: int, segment_bytes: int) -> Reached:
    """Compare the point that was reached with the one that was asked for.

    ``end`` is the position after the last segment of the archive. Raises LifeboatError for a difference.
    """
    stops = _STOPPING.findall(said)
    last = _LAST.search(said)
    done = _REDO_DONE.search(said)
    words = stops[-1].strip() if stops else "at the end of the log"
    reached = Reached(words, _moment(last[1]) if last else None, done[1] if done else "")
    if not _is_right(target, reached, bool(stops), end, segment_bytes):
        where = f"at {reached.lsn}, {words}" if reached.lsn else words
        raise LifeboatError(
            f"The recovery was to stop at {target}, and it stopped {where}.",
            hint="Do not use what was restored. Name the backup and the target_timeline, and try again.",
            details={"server": said[-2000:]},
        )
    return reached


def _is_right(target: Target, reached: Reached, stopped: bool, end: int, segment_bytes: int) -> bool:
    words = reached.words
    if target.kind == LATEST:
        position = parse_lsn("redo", reached.lsn) if reached.lsn else 0
        return not stopped and position // segment_bytes == (end - 1) // segment_bytes
    if not stopped:
        return False
    if target.kind == TIME:
        found = _TIME.search(words)
        later = found is not None and target.moment is not None and _moment(found[1]) > target.moment
        kept = reached.moment is None or target.moment is None or reached.moment <= target.moment
        return later and kept and words.startswith("before")
    if target.kind == NAME:
        point = _POINT.search(words)
        return point is not None and point[1] == target.text
    if target.kind == LSN:
        position_words = _POSITION.search(words)
        return position_words is not None and parse_lsn("reached", position_words[1]) >= (target.lsn or 0)
    if target.kind == XID:
        transaction = _TRANSACTION.search(words)
        return transaction is not None and transaction[1] == target.text and words.startswith("after")
    return target.kind == IMMEDIATE and words.startswith("after reaching consistency")


def _moment(text: str) -> datetime.datetime:
    head, _dot, fraction = text.partition(".")
    whole = datetime.datetime.strptime(head, "%Y-%m-%d %H:%M:%S").replace(tzinfo=datetime.timezone.utc)
    return whole + datetime.timedelta(microseconds=int(f"{fraction:0<6}"[:6]) if fraction else 0)
