# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""A rehearsal as a page in the look of the reports, and the page that lists all of them. Pure."""

from __future__ import annotations

import hashlib
import os
import typing as t
import urllib.parse

from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import format_seconds, plural
from ansible_collections.lifeboat.dr.plugins.module_utils._rehearsal._chain import to_json
from ansible_collections.lifeboat.dr.plugins.module_utils._rehearsal._model import (
    MET,
    PASSED,
    Proof,
    Rehearsal,
    problems,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._report import _html_parts as part
from ansible_collections.lifeboat.dr.plugins.module_utils._report._html import document
from ansible_collections.lifeboat.dr.plugins.module_utils._report._sparkline import sparkline

_STYLE = """
.spark { width: 112px; height: 30px; display: block; margin-top: 6px; }
.spark .area { fill: currentColor; opacity: .12; } .spark .dot { fill: currentColor; }
.spark .line { fill: none; stroke: currentColor; stroke-width: 1.6; }
.spark .limit { stroke: var(--failed); stroke-width: 1.2; stroke-dasharray: 4 3; }
td .message, th .message { display: block; color: var(--muted); font-size: .93em; font-weight: 400; }
td.mono, td time, td.number .message { white-space: nowrap; }
@media (max-width: 560px) { th[scope="row"] { min-width: 9em; } td time { white-space: normal; } }
"""
_MEANING = {
    PASSED: "What is stored came back on a host of its own, and what was asked of it was answered.",
    "failed": "Do not rely on a restore before the cause is found. Nothing of this evidence is removed.",
}


def render_page(rehearsal: Rehearsal, earlier: t.Sequence[Rehearsal], folder: str = "") -> str:
    """The whole document. ``earlier`` are those before, oldest first; ``folder`` is where the page is written, from
    which it leads to the reports of the proofs.
    """
    title = f"{rehearsal.verdict.upper()}: rehearsal {_number(rehearsal)} of {rehearsal.app}"
    sections = (
        _header(rehearsal),
        _verdict(rehearsal),
        _numbers(rehearsal, earlier),
        _problems(rehearsal),
        _steps(rehearsal),
        _proofs(rehearsal, folder),
        _checks(rehearsal),
        _findings(rehearsal),
        _history(earlier[-12:]),
        _foot(rehearsal),
    )
    return document(title, f"{title} \u00b7 {rehearsal.ended_at}", sections, _STYLE)


def render_index(app: str, rehearsals: t.Sequence[Rehearsal], stems: t.Mapping[str, str]) -> str:
    """The page that lists all rehearsals, newest first; ``stems`` are the names of those pages that are beside it, by
    the ids of the runs.
    """
    newest = rehearsals[-1]
    good = [one for one in rehearsals if one.verdict == PASSED]
    last = f"last passed {part.moment(good[-1].ended_at)}" if good else "none has passed"
    header = (
        f'<header><p class="over">lifeboat \u00b7 rehearsals</p><h1>{part.name(app)}</h1>'
        f'<p class="muted">{plural(len(rehearsals), "rehearsal")}, {last}</p></header>'
    )
    title = f"Rehearsals of {app}"
    sections = (header, _verdict(newest), _numbers(newest, rehearsals[:-1]), _history(rehearsals, stems))
    return document(title, f"{title} \u00b7 {newest.ended_at}", sections, _STYLE)


def _number(rehearsal: Rehearsal) -> str:
    return str(rehearsal.number) if rehearsal.number else rehearsal.run_id


def _header(rehearsal: Rehearsal) -> str:
    where = f" ({part.name(rehearsal.environment)})" if rehearsal.environment else ""
    kind = part.name(f"{rehearsal.variant} rehearsal".strip())
    return (
        f'<header><p class="over">lifeboat \u00b7 {kind} {part.text(_number(rehearsal))}</p>'
        f'<h1>{part.name(rehearsal.app)}</h1><p class="muted">On {part.name(rehearsal.host)}{where}, ended '
        f"{part.moment(rehearsal.ended_at)}</p></header>"
    )


def _verdict(rehearsal: Rehearsal) -> str:
    says = f"<strong>{part.name(rehearsal.summary)}</strong><span>{_MEANING[rehearsal.verdict]}</span>"
    return (
        f'<section class="verdict {rehearsal.verdict}" aria-label="Verdict">{part.icon(rehearsal.verdict)}<div>'
        f'<p class="word">{rehearsal.verdict.upper()}</p><p class="says">{says}</p></div></section>'
    )


def _numbers(rehearsal: Rehearsal, earlier: t.Sequence[Rehearsal]) -> str:
    objective = rehearsal.objectives[0] if rehearsal.objectives else None
    promised = (
        f"{objective.status}: promised within {format_seconds(objective.limit_seconds)}"
        if objective
        else "all in a row"
    )
    times = [one.restore_seconds for one in (*earlier, rehearsal) if one.restore_seconds is not None][-20:]
    line = sparkline(times, f"restore times of {plural(len(times), 'rehearsal')}")
    ages = [proof.data_age_seconds for proof in rehearsal.proofs if proof.data_age_seconds is not None]
    proven = sum(proof.status == PASSED for proof in rehearsal.proofs)
    right = sum(check.status == PASSED for check in rehearsal.checks)
    asked = f"{right} of {plural(len(rehearsal.checks), 'check')}" if rehearsal.checks else "no check of an application"
    cards = (
        ("Restore time", part.duration(rehearsal.restore_seconds), part.text(promised) + line),
        ("Whole rehearsal", part.duration(rehearsal.seconds), plural(len(rehearsal.steps), "step")),
        ("Backups proven", f"{proven} of {len(rehearsal.proofs)}", part.text(asked)),
        ("Age of the data", part.duration(min(ages, default=None)), "of the youngest backup, when it was proven"),
    )
    return (
        '<dl class="numbers">'
        + "".join(
            f'<div><dt>{term}</dt><dd class="big">{shown}</dd><dd class="note">{note}</dd></div>'
            for term, shown, note in cards
        )
        + "</dl>"
    )


def _problems(rehearsal: Rehearsal) -> str:
    items = "".join(
        f'<li>{part.icon("failed")}<div><p class="title">{part.name(title)}</p><p class="message">{part.name(why)}</p>'
        "</div></li>"
        for title, why in problems(rehearsal)
    )
    return part.section("problems", "What failed", f'<ol class="problems">{items}</ol>') if items else ""


def _steps(rehearsal: Rehearsal) -> str:
    rows = "".join(
        f'<tr class="{_bad(step.status)}"><td>{part.badge(step.status)}</td><th scope="row">{number}. '
        f"{part.name(step.title)}{_note(step.message)}{_note(step.evidence)}</th>"
        f'<td>{part.moment(step.began_at)}</td><td class="number">{part.duration(step.seconds)}'
        f"{_note(f'at most {step.limit}' if step.limit else '')}</td></tr>"
        for number, step in enumerate(rehearsal.steps, 1)
    )
    columns = [("Result", "status-column"), ("Step", ""), ("Began", ""), ("Took", "number")]
    return part.section("steps", "Steps", part.table("Steps", columns, [f"<tbody>{rows}</tbody>"]))


def _proofs(rehearsal: Rehearsal, folder: str) -> str:
    if not rehearsal.proofs:
        return ""
    rows = "".join(
        f'<tr class="{_bad(proof.status)}"><td>{part.badge(proof.status)}</td><th scope="row">'
        f'{_proof_link(proof, folder)}{_note(proof.message)}</th><td class="mono">{part.name(proof.backup_id)}</td>'
        f'<td class="number">{_restore_time(proof)}</td></tr>'
        for proof in rehearsal.proofs
    )
    columns = [("Result", "status-column"), ("Backup", ""), ("Id", ""), ("Restore", "number")]
    body = part.table("Backups", columns, [f"<tbody>{rows}</tbody>"])
    return part.section("backups", "Backups", body, "Each has a report of its own, with every check and damaged copy.")


def _proof_link(proof: Proof, folder: str) -> str:
    """A link to the proof's own report, as seen from the page: where both folders are copied, it still leads there."""
    if not (proof.report and folder):
        return part.name(proof.name)
    target = urllib.parse.quote(os.path.relpath(proof.report, folder))
    return f'<a href="{part.text(target)}">{part.name(proof.name)}</a>'


def _restore_time(proof: Proof) -> str:
    """A bucket is not restored, as its replica is the copy: that is no time that is not known."""
    if proof.is_no_restore:
        return "is the copy"
    return part.duration(proof.restore_seconds)


def _checks(rehearsal: Rehearsal) -> str:
    if not rehearsal.checks:
        return ""
    rows = "".join(
        f'<tr class="{_bad(check.status)}"><td>{part.badge(check.status)}</td><th scope="row">{part.name(check.name)}'
        f"</th><td>{part.name(check.expected)}</td><td>{part.name(check.observed)}</td></tr>"
        for check in rehearsal.checks
    )
    columns = [("Result", "status-column"), ("Check", ""), ("Expected", ""), ("Observed", "")]
    return part.section("checks", "The application", part.table("Checks", columns, [f"<tbody>{rows}</tbody>"]))


def _findings(rehearsal: Rehearsal) -> str:
    items = "".join(f"<li>{part.name(finding)}</li>" for finding in rehearsal.findings)
    return part.section("findings", "What somebody should look at", f"<ul>{items}</ul>") if items else ""


def _history(rehearsals: t.Sequence[Rehearsal], stems: t.Mapping[str, str] | None = None) -> str:
    if not rehearsals:
        return ""
    some_stored = any(one.stored_in for one in rehearsals)  # then two of them may have the same number
    rows = "".join(
        f'<tr class="{_bad(one.verdict)}"><td>{part.badge(one.verdict)}</td><th scope="row">'
        f"{_link(one, stems or {})}{_note('only this host has it' if some_stored and not one.stored_in else '')}"
        f"{_note(one.summary if one.verdict != PASSED else '')}</th><td>{part.moment(one.ended_at)}</td>"
        f'<td class="number">{part.duration(one.restore_seconds)}{_note(_promise(one))}</td></tr>'
        for one in reversed(rehearsals)
    )
    columns = [("Result", "status-column"), ("Rehearsal", ""), ("Ended", ""), ("Restore", "number")]
    title = "Rehearsals" if stems else "Earlier rehearsals"
    return part.section("history", title, part.table(title, columns, [f"<tbody>{rows}</tbody>"]))


def _link(rehearsal: Rehearsal, stems: t.Mapping[str, str]) -> str:
    stem = stems.get(rehearsal.run_id)
    shown = f"{_number(rehearsal)} on {rehearsal.host}" + (f", {rehearsal.variant}" if rehearsal.variant else "")
    return f'<a href="{part.text(stem)}.html">{part.name(shown)}</a>' if stem else part.name(shown)


def _promise(rehearsal: Rehearsal) -> str:
    missed = [one for one in rehearsal.objectives if one.status != MET]
    return f"{missed[0].status}" if missed else ""


def _bad(status: str) -> str:
    return f"{status} bad" if status in ("failed", "error") else status


def _note(text: str) -> str:
    return f'<span class="message">{part.name(text)}</span>' if text else ""


def _foot(rehearsal: Rehearsal) -> str:
    digest = hashlib.sha256(to_json(rehearsal)).hexdigest()
    previous = part.text(rehearsal.previous_sha256)
    before = f' It follows the one with <span class="mono">{previous}</span>.' if previous else ""
    where = f"stored in {rehearsal.stored_in}" if rehearsal.stored_in else "in this folder alone"
    return (
        f'<footer><p>Made from the JSON report with SHA-256 <span class="mono">{digest}</span>.'
        f"{before}</p><p>It is {part.name(where)}. Times are UTC.</p>"
        "</footer>"
    )
