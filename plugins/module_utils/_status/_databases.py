# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""How databases themselves are, beside their backups: what ``pg_health_info`` returned, for the page and the document.
Pure.

It changes no state of a backup: a database that is unwell can have the best of backups.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import format_bytes, format_count
from ansible_collections.lifeboat.dr.plugins.module_utils._report import _html_parts as part
from ansible_collections.lifeboat.dr.plugins.module_utils._status._model import BAD, GOOD, STATES, UNKNOWN, WARNING
from ansible_collections.lifeboat.dr.plugins.module_utils._status._words import short

_ICONS = {GOOD: "passed", WARNING: "error", UNKNOWN: "skipped", BAD: "failed"}
_WRAPAROUND = 2**31 - 1
_SHOWN_TABLES = 3
_NOTHING = '<span class="muted">\u2013</span>'


@dataclasses.dataclass(frozen=True)
class Database:
    """One database. ``findings`` are pairs of a message and a next step."""

    host: str
    component: str
    state: str
    bytes: int | None = None
    connections: str = ""
    oldest_transaction_seconds: float | None = None
    wraparound: float | None = None  # the share of transaction ids that is used
    archiver: str = ""
    tables: tuple[tuple[str, int, float | None], ...] = ()  # name, bytes, share of dead rows
    findings: tuple[tuple[str, str], ...] = ()


def database_from(result: t.Any, component: str, host: str) -> Database:
    """What a look at a database gave; one that failed is unknown, with the reason."""
    if not isinstance(result, t.Mapping) or result.get("state") not in STATES:
        why = result.get("msg") if isinstance(result, t.Mapping) else None
        step = "The role needs pg_monitor; run lifeboat.dr.pg_health_info on the host."
        return Database(host, component, UNKNOWN, findings=((str(why or "It was not looked at."), step),))
    age = result.get("oldest_xid_age")
    return Database(
        host,
        component,
        str(result["state"]),
        bytes=_int(result.get("bytes")),
        connections=f"{result.get('connections')} of {result.get('max_connections')}",
        oldest_transaction_seconds=_float(result.get("oldest_transaction_seconds")),
        wraparound=age / _WRAPAROUND if isinstance(age, int) else None,
        archiver=_archiver(result),
        tables=tuple(_table(one) for one in (result.get("tables") or [])[:_SHOWN_TABLES]),
        findings=tuple((str(one["message"]), str(one["next_step"])) for one in result.get("findings") or []),
    )


def _archiver(result: t.Mapping[str, t.Any]) -> str:
    if result.get("archive_mode") == "off":
        return "off"
    return "fails" if (result.get("archiver") or {}).get("failing") else "works"


def _table(one: t.Mapping[str, t.Any]) -> tuple[str, int, float | None]:
    live, dead = _int(one.get("live_rows")) or 0, _int(one.get("dead_rows")) or 0
    return (
        f"{one.get('schema')}.{one.get('name')}",
        _int(one.get("bytes")) or 0,
        dead / (live + dead) if live + dead else None,
    )


def _int(value: t.Any) -> int | None:
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _float(value: t.Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def to_plain(one: Database) -> dict[str, t.Any]:
    """The same for machines."""
    return dataclasses.asdict(one)


def databases_section(databases: t.Sequence[Database], several_hosts: bool) -> str:
    """The section of the page; nothing where no database was looked at."""
    if not databases:
        return ""
    ordered = sorted(databases, key=lambda one: (-STATES.index(one.state), one.host, one.component))
    columns = [("State", "status-column"), ("Database", "who"), ("Size", ""), ("Largest tables", ""), ("Server", "")]
    rows = "".join(_row(one, several_hosts) for one in ordered)
    body = part.table("Databases", columns, [f"<tbody>{rows}</tbody>"])
    return part.section("databases", "The databases themselves", f'<div class="fleet">{body}</div>', keep=True)


def _row(one: Database, several_hosts: bool) -> str:
    icon = _ICONS[one.state]
    host = f'<span class="message">{part.name(one.host)}</span>' if several_hosts else ""
    told = "".join(
        f'<span class="message">{part.text(message)} \u2192 {part.text(step)}</span>' for message, step in one.findings
    )
    tables = "".join(
        f'<span class="message">{part.name(name)} {part.text(format_bytes(size))}{_dead(dead)}</span>'
        for name, size, dead in one.tables
    )
    return (
        f'<tr class="{icon}"><td>{part.badge(icon, one.state)}</td>'
        f'<th scope="row"><strong>{part.name(one.component)}</strong>{host}{told}</th>'
        f'<td data-label="Size">{part.size(one.bytes) if one.bytes is not None else _NOTHING}</td>'
        f'<td data-label="Largest tables">{tables or _NOTHING}</td>'
        f'<td data-label="Server">{_server(one)}</td></tr>'
    )


def _dead(share: float | None) -> str:
    return f", {share:.0%} dead" if share is not None and share >= 0.005 else ""


def _server(one: Database) -> str:
    if one.bytes is None:
        return _NOTHING
    lines = [f"{one.connections} connections", f"archiver {one.archiver}"]
    if one.oldest_transaction_seconds is not None:
        lines.append(f"oldest transaction {short(one.oldest_transaction_seconds)}")
    if one.wraparound is not None:
        lines.append(f"{one.wraparound:.1%} of {format_count(_WRAPAROUND)} transaction ids")
    return "".join(f'<span class="message">{part.text(line)}</span>' for line in lines)


def database_lines(databases: t.Sequence[Database], several_hosts: bool) -> list[str]:
    """The same for a terminal."""
    if not databases:
        return []
    lines = ["", "databases"]
    for one in sorted(databases, key=lambda one: (-STATES.index(one.state), one.host, one.component)):
        host = f"{one.host}: " if several_hosts else ""
        size = f", {format_bytes(one.bytes)}" if one.bytes is not None else ""
        lines.append(f"  {one.state.upper():<8}{host}{one.component}{size}")
        for message, step in one.findings:
            lines += [f"          {message}", f"          \u2192 {step}"]
    return lines
