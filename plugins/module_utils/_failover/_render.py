# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The report of a failover for people and machines: HTML, Markdown and JUnit, each made from the one account. Pure."""

from __future__ import annotations

import hashlib
import typing as t
from xml.etree import ElementTree

from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import (
    UNKNOWN,
    format_bytes,
    format_count,
    format_seconds,
    format_timestamp,
    plural,
    visible,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._account import (
    MET,
    MISSED,
    NOT_PROMISED,
    Account,
    StepAccount,
    StoreAccount,
    canonical_json,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._ledger import (
    COMPENSATED,
    DONE,
    FAILED,
    INTENT,
    SKIPPED,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._steps import DRILL, NOT_PASSED, PASSED
from ansible_collections.lifeboat.dr.plugins.module_utils._report import _html_parts as part
from ansible_collections.lifeboat.dr.plugins.module_utils._report._html import document
from ansible_collections.lifeboat.dr.plugins.module_utils._report._markdown import escape

_STYLE = '@media (max-width: 560px) { th[scope="row"] { min-width: 7em; } td time { white-space: normal; } }'
_ICONS = {DONE: "passed", FAILED: "failed", SKIPPED: "skipped", COMPENSATED: "skipped", INTENT: "error",
          MET: "passed", MISSED: "failed", NOT_PROMISED: "skipped"}  # fmt: skip
_STATES = {"done": "passed", "not executed": "skipped", "executed but incomplete": "failed",
           PASSED: "passed", NOT_PASSED: "failed"}  # fmt: skip
_MEANING = {
    "done": "Every step ended well, and the new side was committed.",
    "not executed": "Nothing was promoted: the application is where it was.",
    "executed but incomplete": "The database may have been promoted, and the run has not ended well. Go on with it; "
    "never start the old primary.",
    PASSED: "A copy took over in isolation, and production is as it was.",
    NOT_PASSED: "The drill has not passed. Nothing was moved.",
}
_TIMES = (
    ("t0", "Disruption"),
    ("t1", "Detected"),
    ("t2", "Declared"),
    ("t3", "Source fenced"),
    ("t4", "Data ready"),
    ("t5", "Serves inside"),
    ("t6", "Verified"),
)


def render_html(account: Account) -> str:
    """The whole page."""
    title = f"{account.outcome.upper()}: {_what(account)} of {account.app}, epoch {account.epoch}"
    sections = (
        _header(account),
        _verdict(account),
        _numbers(account),
        _losses(account),
        _timeline(account),
        _overrides(account),
        _steps(account),
        _rejoined(account),
        _foot(account),
    )
    return document(title, f"{title} \u00b7 {account.run_id}", sections, _STYLE)


def _what(account: Account) -> str:
    return account.mode if account.mode in (DRILL, "failback") else f"{account.mode} failover"


def loss_words(store: StoreAccount) -> str:
    """What a store lost, in seconds, beats and its own unit."""
    words = [format_seconds(store.lost_seconds)]
    if store.lost_beats is not None:
        words.append(plural(store.lost_beats, "beat"))
    if store.lost_amount is not None:
        amount = format_bytes(store.lost_amount) if store.unit == "bytes" else format_count(store.lost_amount)
        words.append(amount if store.unit in ("bytes", "") else f"{amount} {store.unit}")
    return ", ".join(words)


def measured_words(account: Account) -> str:
    """Up to where it was measured: a source that is dead has told nobody what it took after its last beat."""
    words = "Seconds and beats are the heartbeat's."
    if account.mode != "unplanned" or not account.stores:
        return words
    more = "What was written after the last beat comes on top, and is counted when the old region is back (dr_rejoin)."
    return f"{words} {more}"


def skew_words(account: Account) -> str:
    """How far apart the stores are, in a sentence; empty where there is one store."""
    if len(account.stores) < 2:
        return ""
    apart = format_seconds(account.skew_seconds)
    return f"The stores are {apart} apart: what one has written about another may not be there."


def worst_loss(account: Account) -> float | None:
    """The largest loss; None where one of them is not known, or there is none."""
    losses = [store.lost_seconds for store in account.stores]
    known = [loss for loss in losses if loss is not None]
    return max(known) if known and len(known) == len(losses) else None


def _header(account: Account) -> str:
    return (
        f'<header><p class="over">lifeboat \u00b7 {part.text(_what(account))}</p>'
        f"<h1>{part.name(account.app)}</h1>"
        f'<p class="muted">From <strong>{part.name(account.source)}</strong> to '
        f"<strong>{part.name(account.target)}</strong>, "
        f'epoch {account.epoch}, run <span class="mono">{part.name(account.run_id)}</span></p></header>'
    )


def _verdict(account: Account) -> str:
    state = _STATES[account.outcome]
    says = account.sentence or f"{_what(account)} of {account.app}"
    return (
        f'<section class="verdict {state}" aria-label="Outcome">{part.icon(state)}<div>'
        f'<p class="word">{part.text(account.outcome.upper())}</p>'
        f'<p class="says"><strong>{part.name(says)}</strong><span>{part.text(_meaning(account))}</span></p>'
        "</div></section>"
    )


def _meaning(account: Account) -> str:
    """What the outcome means for whoever reads it."""
    failed = [step.title for step in account.steps if step.status == FAILED]
    if account.outcome != "executed but incomplete" or not account.committed or not failed:
        return _MEANING[account.outcome]
    unprotected = any(step.name == "protect" and step.status == FAILED for step in account.steps)
    return (
        f"It was committed: the application serves in the new region. Not done: {', '.join(failed)}."
        f"{' Repair what the step names, and run dr_protect.' if unprotected else ''}"
    )


def _numbers(account: Account) -> str:
    promised = [store for store in account.stores if store.status != NOT_PROMISED]
    kept = sum(store.status == MET for store in promised)
    cards = (
        ("Out of service", format_seconds(account.rto_seconds), _promise(account)),
        ("From the yes on", format_seconds(account.execution_seconds), "until it was verified and committed"),
        ("Most data lost", format_seconds(worst_loss(account)), f"{kept} of {len(promised)} promises kept"),
        ("Overrides", str(len(account.overrides)), "rules that a person set aside"),
    )
    return (
        '<dl class="numbers">'
        + "".join(
            f'<div><dt>{term}</dt><dd class="big">{part.humanised(shown, shown)}</dd><dd class="note">{part.text(note)}'
            "</dd></div>"
            for term, shown, note in cards
        )
        + "</dl>"
    )


def _promise(account: Account) -> str:
    if account.rto_promised_seconds is None:
        return "nothing was promised"
    return f"{format_seconds(account.rto_promised_seconds)} were promised: {account.rto_status}"


def _losses(account: Account) -> str:
    rows = "".join(
        f'<tr><th scope="row">{part.name(store.name)}</th><td>{part.text(loss_words(store))}</td>'
        f"<td>{'' if store.promised_seconds is None else part.duration(store.promised_seconds)}</td>"
        f"<td>{part.badge(_ICONS[store.status], store.status)}</td></tr>"
        for store in account.stores
    )
    columns = [("Store", ""), ("Lost", ""), ("Promised at most", ""), ("", "")]
    body = part.table("What each store lost", columns, [f"<tbody>{rows}</tbody>"])
    lead = f"What is not known counts as missed. {measured_words(account)} {skew_words(account)}".strip()
    return part.section("loss", "What was lost", body if rows else '<p class="unknown">Nothing was measured.</p>', lead)


def _timeline(account: Account) -> str:
    rows = "".join(
        f'<tr><th scope="row">{key}</th><td>{title}</td><td>{part.moment(moment)}</td></tr>'
        for key, title, moment in moments(account)
    )
    body = part.table("When", [("", ""), ("", ""), ("Time", "")], [f"<tbody>{rows}</tbody>"])
    lead = f"{account.verdict}. {account.because}" if account.verdict else ""
    return part.section("times", "When it happened", body, lead, keep=True)


def moments(account: Account) -> list[tuple[str, str, str | None]]:
    """The moments t0 to t6 with their titles."""
    return [(key, title, getattr(account.times, key)) for key, title in _TIMES]


def _overrides(account: Account) -> str:
    if not account.overrides:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{part.name(one.name)}</th><td>{part.name(one.reason)}</td>'
        f"<td>{part.moment(one.at)}</td><td>{part.name(one.actor)}</td></tr>"
        for one in account.overrides
    )
    columns = [("Rule", ""), ("Why", ""), ("When", ""), ("Who", "")]
    return part.section(
        "overrides", "What a person set aside", part.table("Overrides", columns, [f"<tbody>{rows}</tbody>"])
    )


def _steps(account: Account) -> str:
    rows = "".join(map(_step_row, account.steps))
    columns = [("Step", ""), ("", ""), ("Began", ""), ("Took", "number"), ("What it found", "")]
    return part.section("steps", "The steps", part.table("Steps", columns, [f"<tbody>{rows}</tbody>"]))


def _step_row(step: StepAccount) -> str:
    facts = "".join(
        f"<dt>{part.name(str(name))}</dt><dd>{part.name(_fact(value))}</dd>"
        for name, value in step.facts.items()
        if value not in ("", None, [], {})
    )
    found = f'<dl class="facts">{facts}</dl>' if facts else ""
    return (
        f'<tr><th scope="row">{part.text(step.title)}</th>'
        f"<td>{part.badge(_ICONS.get(step.status, 'skipped'), step.status)}</td>"
        f"<td>{part.moment(step.started_at or None) if step.started_at else ''}</td>"
        f'<td class="number">{part.duration(step.seconds) if step.seconds is not None else ""}</td>'
        f"<td>{found}</td></tr>"
    )


def _fact(value: t.Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_fact(inner)}" for key, inner in value.items() if inner not in ("", None, [], {}))
    if isinstance(value, list):
        return "; ".join(map(_fact, value))
    return str(value)


def _rejoined(account: Account) -> str:
    if not account.rejoined:
        return ""
    facts = "".join(
        f"<dt>{part.name(name)}</dt><dd>{part.name(UNKNOWN if value is None else _fact(value))}</dd>"
        for name, value in account.rejoined.items()
    )
    return part.section("rejoined", "What only the old primary had", f'<dl class="facts">{facts}</dl>', keep=True)


def _foot(account: Account) -> str:
    digest = hashlib.sha256(canonical_json(account)).hexdigest()
    return (
        f"<footer><p>Made from {account.lines} lines of the ledger; the last one has the SHA-256 "
        f'<span class="mono">{part.text(account.ledger_sha256)}</span></p>'
        f'<p>The JSON report has the SHA-256 <span class="mono">{digest}</span></p><p>Times are UTC.</p>'
        '<div class="sign"><p>Reviewed by</p><p>Date</p><p>Signature</p></div></footer>'
    )


def render_markdown(account: Account) -> str:
    """The report for a ticket."""
    lines = [
        f"# {account.outcome.upper()}: {_what(account)} of {escape(account.app)}",
        "",
        f"From {escape(account.source)} to {escape(account.target)}, epoch {account.epoch}, "
        f"run {escape(account.run_id)}. {escape(account.sentence)} {_meaning(account)}",
        "",
        *_rows(("", "measured", "promised", ""), [_rto_row(account), *map(_loss_row, account.stores)]),
        *_rows(("", "", "time (UTC)"), [(key, name, format_timestamp(at)) for key, name, at in moments(account)]),
    ]
    if account.stores:
        lines += [f"{measured_words(account)} {skew_words(account)}".strip(), ""]
    if account.overrides:
        rows = [(one.name, one.reason, format_timestamp(one.at), one.actor) for one in account.overrides]
        lines += ["## What a person set aside", "", *_rows(("rule", "why", "when", "who"), rows)]
    steps = [
        (s.title, s.status, format_timestamp(s.started_at or None), _took(s), _fact(s.facts)) for s in account.steps
    ]
    lines += ["## The steps", "", *_rows(("step", "", "began", "took", "what it found"), steps)]
    if account.rejoined:
        lines += ["## What only the old primary had", "", escape(_fact(account.rejoined)), ""]
    return "\n".join(
        [*lines, f"Made from {account.lines} lines of the ledger, the last one {account.ledger_sha256}.", ""]
    )


def _rto_row(account: Account) -> tuple[str, ...]:
    measured, promised = format_seconds(account.rto_seconds), format_seconds(account.rto_promised_seconds)
    return "out of service", measured, promised, account.rto_status


def _loss_row(store: StoreAccount) -> tuple[str, ...]:
    promised = "" if store.promised_seconds is None else format_seconds(store.promised_seconds)
    return f"lost of {store.name}", loss_words(store), promised, store.status


def _took(step: StepAccount) -> str:
    return format_seconds(step.seconds) if step.seconds is not None else ""


def _rows(head: t.Sequence[str], rows: t.Iterable[t.Sequence[str]]) -> list[str]:
    table = [head, ["---"] * len(head), *([escape(cell) for cell in row] for row in rows)]
    return [f"| {' | '.join(row)} |" for row in table] + [""]


def render_junit(account: Account) -> str:
    """Steps and promises as test cases, for a build server."""
    root = ElementTree.Element("testsuites", name=visible(f"lifeboat {account.app} {account.run_id}"))
    steps = [
        _case(account, "step", s.title, _ICONS.get(s.status, "skipped"), s.message, s.seconds) for s in account.steps
    ]
    promises = [
        _case(account, "promise", f"{s.name} loses no more than promised", _ICONS[s.status], loss_words(s), None)
        for s in account.stores
    ]
    words = f"{format_seconds(account.rto_seconds)} of {format_seconds(account.rto_promised_seconds)}"
    promises.append(_case(account, "promise", "out of service", _ICONS[account.rto_status], words, None))
    for title, cases in (("Steps", steps), ("Promises", promises)):
        suite = ElementTree.SubElement(root, "testsuite", name=title)
        suite.extend(cases)
        for name, path in (("tests", "testcase"), ("failures", "testcase/failure"), ("skipped", "testcase/skipped")):
            suite.set(name, str(len(suite.findall(path))))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _case(
    account: Account, group: str, title: str, status: str, message: str, seconds: float | None
) -> ElementTree.Element:
    name = f"lifeboat.{account.app}.failover.{group}"
    case = ElementTree.Element("testcase", name=visible(title), classname=visible(name), time=f"{seconds or 0.0:.3f}")
    if status in ("failed", "error"):
        ElementTree.SubElement(case, "failure", message=visible(message or status))
    elif status == "skipped":
        ElementTree.SubElement(case, "skipped", message=visible(message))
    return case
