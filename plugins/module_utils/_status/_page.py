# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The status of backups as a page: one file, no script, nothing loaded from anywhere, as good on paper as on a screen.
It has the look of the reports.
"""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import (
    format_bytes,
    format_count,
    format_timestamp,
    parse_timestamp,
    plural,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._report import _html_parts as part
from ansible_collections.lifeboat.dr.plugins.module_utils._report._html import document
from ansible_collections.lifeboat.dr.plugins.module_utils._report._sparkline import sparkline
from ansible_collections.lifeboat.dr.plugins.module_utils._status._databases import databases_section
from ansible_collections.lifeboat.dr.plugins.module_utils._status._fleet import SILENT_NEXT, Fleet
from ansible_collections.lifeboat.dr.plugins.module_utils._status._model import (
    BAD,
    GOOD,
    STATES,
    UNKNOWN,
    WARNING,
    Problem,
    Status,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._status._page_style import STYLE
from ansible_collections.lifeboat.dr.plugins.module_utils._status._words import percent, short

_ICONS = {GOOD: "passed", WARNING: "error", UNKNOWN: "skipped", BAD: "failed"}
_MEANING = {
    GOOD: "Every component has a young, proven backup in every repository.",
    WARNING: "Every component can be restored. What is below should be put right before it matters.",
    UNKNOWN: "Something could not be looked at. What is not known is not good.",
    BAD: "At least one component would lose more than was agreed, if it had to be restored now.",
}
_NOTHING = '<span class="muted">\u2013</span>'


def render_page(fleet: Fleet, title: str = "Backup status") -> str:
    """The whole document."""
    state = fleet.state
    sections = (
        _header(fleet, title),
        _verdict(fleet, state),
        _numbers(fleet),
        _components(fleet),
        _problems(fleet),
        databases_section(fleet.databases, len(fleet.hosts) > 1),
        _certificates(fleet),
        _repositories(fleet),
        "<footer><p>Times are UTC. Sizes are powers of 1000, before compression. Exact numbers show on hovering. Lines "
        "are scaled from 0; a dashed one is the limit.</p></footer>",
    )
    running = f"{title} \u00b7 {format_timestamp(fleet.checked_at)}"
    return document(f"{state.upper()}: {title}", running, sections, STYLE)


def _header(fleet: Fleet, title: str) -> str:
    hosts = f" on {plural(len(fleet.hosts), 'host')}" if len(fleet.hosts) > 1 else ""
    return (
        f'<header><p class="over">lifeboat \u00b7 backup status</p><h1>{part.name(title)}</h1>'
        f'<p class="muted">{plural(len(fleet.statuses), "component")}{hosts}, looked at '
        f"{part.moment(fleet.checked_at)}</p></header>"
    )


def _verdict(fleet: Fleet, state: str) -> str:
    icon = _ICONS[state]
    not_good = sum(status.state != GOOD for status in fleet.statuses)
    says = (
        f"{plural(len(fleet.statuses), 'component is', 'components are')} as they should be."
        if state == GOOD and len(fleet.statuses) > 1
        else "The component is as it should be."
        if state == GOOD
        else f"{not_good} of {plural(len(fleet.statuses), 'component')} "
        f"{'needs' if not_good == 1 else 'need'} attention."
    )
    if fleet.silent:
        says += f" {plural(len(fleet.silent), 'host')} gave no status."
    return (
        f'<section class="verdict {icon}" aria-label="Verdict">{part.icon(icon)}<div><p class="word">{state.upper()}'
        f'</p><p class="says"><strong>{part.text(says)}</strong><span>{_MEANING[state]}</span></p></div></section>'
    )


def _numbers(fleet: Fleet) -> str:
    ages = [status.age_seconds for status in fleet.statuses if status.age_seconds is not None]
    proven = sum(status.last_proven is not None for status in fleet.statuses)
    restores = [one.restore_seconds for one in fleet.statuses if one.restore_seconds is not None]
    sizes = [one.last_good.plain_bytes for one in fleet.statuses if one.last_good and one.last_good.plain_bytes]
    count = len(fleet.statuses)
    cards = (
        ("Good", f"{fleet.counts[GOOD]} of {count}", _tally(fleet)),
        ("Oldest of the newest", short(max(ages, default=None)), "age of the newest good backups, the oldest of them"),
        ("Proven by a restore", f"{proven} of {count}", "components with a proof that passed"),
        (
            "Longest restore",
            short(max(restores, default=None)),
            f"of {plural(len(restores), 'component')}; the newest backups hold {format_bytes(sum(sizes))}",
        ),
    )
    return (
        '<dl class="numbers">'
        + "".join(
            f'<div><dt>{part.text(term)}</dt><dd class="big">{part.text(shown)}</dd><dd class="note">{part.text(note)}'
            "</dd></div>"
            for term, shown, note in cards
        )
        + "</dl>"
    )


def _tally(fleet: Fleet) -> str:
    shown = [f"{fleet.counts[state]} {state}" for state in reversed(STATES[1:]) if fleet.counts[state]]
    return ", ".join(shown) or "nothing is wrong"


def _problems(fleet: Fleet) -> str:
    items = [_item(host, [Problem(UNKNOWN, "silent", f"No status: {why}", SILENT_NEXT)]) for host, why in fleet.silent]
    for status in _ordered(fleet):
        name = f"{status.app}/{status.component}" + (f" on {status.host}" if len(fleet.hosts) > 1 else "")
        if status.problems:
            items.append(_item(name, sorted(status.problems, key=lambda one: -STATES.index(one.state))))
    if not items:
        return ""
    return part.section("problems", "What needs attention", f'<ol class="problems">{"".join(items)}</ol>')


def _item(name: str, problems: t.Sequence[Problem]) -> str:
    """What is wrong with one component; the worst comes first."""
    told = "".join(
        f'<p class="message"><span class="hidden">{part.text(one.state)}: </span>{part.text(one.message)}</p>'
        f'<p class="next">\u2192 {part.text(one.next_step)}</p>'
        for one in problems
    )
    icon = _ICONS.get(problems[0].state, _ICONS[UNKNOWN])
    return (
        f'<li class="{icon}">{part.icon(icon)}<div class="told"><p class="title">{part.name(name)}</p>{told}</div></li>'
    )


def _ordered(fleet: Fleet) -> list[Status]:
    """The worst first."""
    return sorted(fleet.statuses, key=lambda one: (-STATES.index(one.state), one.host, one.app, one.component))


def _components(fleet: Fleet) -> str:
    if not fleet.statuses:
        return ""
    several = len(fleet.hosts) > 1
    columns = [
        ("State", "status-column"),
        ("Component", "who"),
        ("Newest good backup", ""),
        ("Last proven", ""),
        ("Size", ""),
        ("Restore", ""),
        ("Backups", "number"),
    ]
    now = parse_timestamp(fleet.checked_at)
    rows = "".join(_row(status, now, several) for status in _ordered(fleet))
    return part.section(
        "components",
        "Components",
        f'<div class="fleet">{part.table("Components", columns, [f"<tbody>{rows}</tbody>"])}</div>',
    )


def _row(status: Status, now: datetime.datetime | None, several: bool) -> str:
    icon = _ICONS[status.state]
    host = f'<span class="message">{part.name(status.host)}</span>' if several else ""
    kind = f'<span class="message">{part.text(status.engine)}</span>' if status.engine and not several else ""
    css = f"{icon} bad" if status.state in (BAD, UNKNOWN) else icon
    cells = (
        f"<td>{part.badge(icon, status.state)}</td>",
        f'<th scope="row"><strong>{part.name(status.app)}/{part.name(status.component)}</strong>{host}{kind}</th>',
        f'<td data-label="Newest good backup">{_newest(status)}</td>',
        f'<td data-label="Last proven">{_proven(status, now)}</td>',
        f'<td data-label="Size">{_size(status)}{_size_line(status)}</td>',
        f'<td data-label="Restore">{_restore(status)}{_restore_line(status)}</td>',
        f'<td class="number" data-label="Backups">{_backups(status)}</td>',
    )
    return f'<tr class="{css}">{"".join(cells)}</tr>'


def _newest(status: Status) -> str:
    last = status.last_good
    if last is None:
        return f"<strong>none</strong>{_next(status)}"
    limit = status.expected.rpo
    of = f'<span class="message">RPO {short(limit.total_seconds())}</span>' if limit else ""
    age = part.text(short(status.age_seconds))
    return f'{age} old<span class="message">{last.taken_at:%Y-%m-%d %H:%M}</span>{of}{_next(status)}'


def _next(status: Status) -> str:
    if status.next_run is None:
        return ""
    moment = status.next_run.astimezone(datetime.timezone.utc)
    return f'<span class="message">next {moment:%Y-%m-%d %H:%M}</span>'


def _proven(status: Status, now: datetime.datetime | None) -> str:
    proof = status.last_proven
    if proof is None:
        return "<strong>never</strong>"
    age = short((now - proof.verified_at).total_seconds()) if now else "unknown"
    return f'{part.text(age)} ago<span class="message">{proof.verified_at:%Y-%m-%d %H:%M}</span>'


def _size(status: Status) -> str:
    if status.last_good is None:
        return _NOTHING
    change = f' <span class="beside">{percent(status.size_change)}</span>' if status.size_change is not None else ""
    return part.size(status.last_good.plain_bytes) + change


def _size_line(status: Status) -> str:
    values = [float(count) for _at, count in status.sizes]
    if not values:
        return ""
    least, most = format_bytes(int(min(values))), format_bytes(int(max(values)))
    return sparkline(values, f"sizes of {plural(len(values), 'backup')}, {least} to {most}")


def _restore(status: Status) -> str:
    if status.restore_seconds is None:
        return part.humanised("unknown", "") if status.last_good else _NOTHING
    limit = status.expected.rto
    of = f' <span class="beside">RTO {short(limit.total_seconds())}</span>' if limit else ""
    return f"{part.duration(status.restore_seconds)}{of}"


def _restore_line(status: Status) -> str:
    values = [seconds for _at, seconds in status.restore_times]
    if not values:
        return ""
    limit = status.expected.rto.total_seconds() if status.expected.rto else None
    words = f"times of {plural(len(values), 'proven restore')}, {short(min(values))} to {short(max(values))}"
    # A limit far above all of the times would press their line flat.
    return sparkline(values, words, limit if limit and limit <= 4 * max(values) else None)


def _backups(status: Status) -> str:
    oldest = f'<span class="message">since {status.oldest_at:%Y-%m-%d}</span>' if status.oldest_at else ""
    return format_count(status.count) + oldest


def _certificates(fleet: Fleet) -> str:
    if not fleet.certificates:
        return ""
    rows = []
    for one in sorted(fleet.certificates, key=lambda one: (-STATES.index(one.state), one.host, one.name)):
        icon = _ICONS[one.state]
        host = f" on {one.host}" if len(fleet.hosts) > 1 else ""
        until = part.moment(one.not_after.strftime("%Y-%m-%dT%H:%M:%SZ")) if one.not_after else _NOTHING
        rows.append(
            f'<tr class="{icon}"><td>{part.badge(icon, one.state)}</td><th scope="row">{part.name(one.name)}'
            f'<span class="message">{part.text(one.place + host)}</span></th><td>{part.text(one.message)}</td>'
            f"<td>{until}</td></tr>"
        )
    columns = [("State", "status-column"), ("Certificate", ""), ("", ""), ("Valid until", "")]
    body = part.table("Certificates", columns, [f"<tbody>{''.join(rows)}</tbody>"])
    return part.section("certificates", "Certificates", f'<div class="fleet">{body}</div>', keep=True)


def _repositories(fleet: Fleet) -> str:
    if not fleet.repositories:
        return ""
    by_name: dict[str, list[t.Any]] = {}
    for one in fleet.repositories:
        by_name.setdefault(one.name, []).append(one)
    rows = []
    for name, seen in sorted(by_name.items()):
        lost = [one for one in seen if not one.reached]
        icon = "error" if lost else "passed"
        word = "could not be read" if lost else "read"
        why = f'<span class="message">{part.text(lost[0].why)}</span>' if lost else ""
        hosts = f"{len(seen) - len(lost)} of {plural(len(seen), 'host')}" if len(fleet.hosts) > 1 else ""
        rows.append(
            f'<tr class="{icon}"><td>{part.badge(icon, word)}</td><th scope="row">{part.name(name)}{why}</th>'
            f"<td>{hosts}</td></tr>"
        )
    columns = [("State", "status-column"), ("Repository", ""), ("Read by" if len(fleet.hosts) > 1 else "", "")]
    body = part.table("Repositories", columns, [f"<tbody>{''.join(rows)}</tbody>"])
    return part.section("repositories", "Repositories", body, keep=True)
