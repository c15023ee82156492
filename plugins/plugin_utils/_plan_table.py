# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""A plan as a table that a person reads. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import plural
from ansible_collections.lifeboat.dr.plugins.module_utils._notify._options import EVENTS, channel_name, wanted
from ansible_collections.lifeboat.dr.plugins.plugin_utils._plan_findings import (
    GAP,
    Finding,
    domain_of,
    interval_of,
    repository_name,
    span,
)
from ansible_collections.lifeboat.dr.plugins.plugin_utils._plan_keys import objectives_of, retention_of

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.plugin_utils._engines import Values

_NOTHING = "-"
_WIDEST = 118


def plan_table(plan: Values, findings: t.Sequence[Finding]) -> list[str]:
    """The lines: components, repositories, notifications, and what is not protected."""
    gaps = [finding for finding in findings if finding.kind == GAP]
    notes = [finding for finding in findings if finding.kind != GAP]
    lines = [
        f"{plan['app']}: {plural(len(plan['components']), 'component')}, "
        f"{plural(len(plan['repositories']), 'repository', 'repositories')}",
        "",
        *_columns([_HEAD, *(_component(plan, component) for component in plan["components"])]),
        "",
        *_columns([("repository", "failure domain"), *(_repository(one) for one in plan["repositories"])]),
        "",
        *_columns([("notified", "of"), *_channels(plan)]),
        "",
        f"What this plan does not protect: {plural(len(gaps), 'gap') if gaps else 'nothing that can be seen from it'}",
    ]
    for number, finding in enumerate(gaps, start=1):
        lines += _wrapped(f"{number:>3}. ", str(finding))
    if notes:
        lines += ["", "Also worth knowing:"]
    for finding in notes:
        lines += _wrapped("  -  ", str(finding))
    return lines


_HEAD = ("component", "engine", "backed up", "may lose", "back within", "proven", "kept")


def _component(plan: Values, component: Values) -> tuple[str, ...]:
    schedule = plan.get("schedule") or {}
    objectives = objectives_of(plan, component["name"])
    interval = interval_of(plan, component)
    verification = {**(plan.get("verification") or {}), **(component.get("verification") or {})}
    profile = verification.get("profile") or "full"
    return (
        str(component["name"]),
        component["engine"],
        f"every {span(interval)}" if interval else "by hand",
        *(span(objectives[key]) if key in objectives else _NOTHING for key in ("rpo", "rto")),
        f"{schedule['rehearsal']} ({profile})" if schedule.get("rehearsal") else "never",
        _kept(retention_of(plan, component["name"])),
    )


def _kept(retention: Values | None) -> str:
    if retention is None:
        return "all"
    said = [f"{name} {value}" for name, value in retention["keep"].items() if value]
    return ", ".join(said + [f"label {label}" for label in sorted(retention.get("labels") or {})])


def _repository(repository: Values) -> tuple[str, str]:
    return repository_name(repository), domain_of(repository) or "unknown"


def _channels(plan: Values) -> list[tuple[str, str]]:
    channels = plan.get("notifications") or []
    if not channels:
        return [("nobody", _NOTHING)]
    return [
        (channel_name(channel), ", ".join(event for event in EVENTS if event != "test" and wanted(channel, event)))
        for channel in channels
    ]


def _columns(rows: t.Sequence[t.Sequence[str]]) -> list[str]:
    widths = [max(len(row[number]) for row in rows) for number in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def _wrapped(begin: str, text: str) -> list[str]:
    lines, line = [], begin
    for word in text.split():
        if len(line) + len(word) + 1 > _WIDEST and line.strip():
            lines.append(line.rstrip())
            line = " " * len(begin)
        line += f"{word} "
    return [*lines, line.rstrip()]
