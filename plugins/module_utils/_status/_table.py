# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The status of backups as lines for a terminal: a table, and below it what is wrong and what to do. Pure."""

from __future__ import annotations

import datetime
import textwrap
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import (
    format_bytes,
    format_count,
    plural,
    visible,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._status._model import STATES, Certificate, Status
from ansible_collections.lifeboat.dr.plugins.module_utils._status._words import percent, short

_WIDTH = 110
_GAP = "  "
_RIGHT = ("last good", "RPO", "proven", "size", "restore", "RTO", "backups", "copies", "next")


def table(
    statuses: t.Sequence[Status], now: datetime.datetime, certificates: t.Sequence[Certificate] = ()
) -> list[str]:
    """The lines: worst first. Hosts are shown where there are several."""
    ordered = sorted(statuses, key=lambda one: (-STATES.index(one.state), one.host, one.app, one.component))
    with_host = len({status.host for status in ordered}) > 1
    with_next = any(status.next_run for status in ordered)
    rows = [_row(status, now, with_host, with_next) for status in ordered]
    lines = _aligned(rows) if rows else ["There is no component to show."]
    for status in ordered:
        lines += _told(status, with_host)
    return [*lines, *_certificates(certificates, with_host), "", _tally(ordered)]


def _certificates(certificates: t.Sequence[Certificate], with_host: bool) -> list[str]:
    if not certificates:
        return []
    lines = ["", "certificates"]
    for one in sorted(certificates, key=lambda one: (-STATES.index(one.state), one.host, one.name)):
        host = f"{one.host}: " if with_host else ""
        lines += _wrapped(f"  {one.state.upper():<8}", visible(f"{host}{one.name} ({one.place}): {one.message}"))
    return lines


def _row(status: Status, now: datetime.datetime, with_host: bool, with_next: bool) -> dict[str, str]:
    last, proven, expected = status.last_good, status.last_proven, status.expected
    name = visible(f"{status.app}/{status.component}")
    row = {"state": status.state.upper()}
    if with_host:
        row["host"] = visible(status.host)
    row = {
        **row,
        "component": name,
        "last good": f"{short(status.age_seconds)} ago" if last else "none",
        "RPO": _limit(expected.rpo),
        "proven": _ago(now, proven.verified_at) if proven else "never",
        "size": _size(status),
        "restore": short(status.restore_seconds),
        "RTO": _limit(expected.rto),
        "backups": format_count(status.count),
        "copies": format_count(status.copies),
    }
    return {**row, "next": _in(now, status.next_run)} if with_next else row


def _in(now: datetime.datetime, moment: datetime.datetime | None) -> str:
    return f"in {short((moment - now).total_seconds())}" if moment else "-"


def _limit(limit: datetime.timedelta | None) -> str:
    return short(limit.total_seconds()) if limit is not None else "-"


def _ago(now: datetime.datetime, moment: datetime.datetime) -> str:
    return f"{short((now - moment).total_seconds())} ago"


def _size(status: Status) -> str:
    if status.last_good is None:
        return "-"
    shown = format_bytes(status.last_good.plain_bytes)
    return shown if status.size_change is None else f"{shown} {percent(status.size_change)}"


def _aligned(rows: t.Sequence[t.Mapping[str, str]]) -> list[str]:
    titles = list(rows[0])
    widths = {title: max(len(title), *(len(row[title]) for row in rows)) for title in titles}

    def line(cells: t.Mapping[str, str]) -> str:
        padded = (
            cells[title].rjust(widths[title]) if title in _RIGHT else cells[title].ljust(widths[title])
            for title in titles
        )
        return _GAP.join(padded).rstrip()

    return [
        line({title: title for title in titles}),
        line({title: "-" * widths[title] for title in titles}),
        *map(line, rows),
    ]


def _told(status: Status, with_host: bool) -> list[str]:
    """What is wrong with one component."""
    if not status.problems:
        return []
    host = f"{visible(status.host)}: " if with_host else ""
    lines = ["", f"{host}{visible(status.app)}/{visible(status.component)}"]
    for problem in sorted(status.problems, key=lambda one: -STATES.index(one.state)):
        lines += _wrapped(f"  {problem.state.upper():<8}", visible(problem.message))
        lines += _wrapped(f"  {'':<8}\u2192 ", visible(problem.next_step))
    return lines


def _wrapped(lead: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=lead,
        subsequent_indent=" " * len(lead),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [lead.rstrip()]


def _tally(statuses: t.Sequence[Status]) -> str:
    counts = [(state, sum(status.state == state for status in statuses)) for state in reversed(STATES)]
    shown = ", ".join(f"{count} {state}" for state, count in counts if count)
    return f"{plural(len(statuses), 'component')}: {shown}." if statuses else "Nothing was looked at: this is not good."
