# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""A rehearsal as Markdown, for a ticket, and as JUnit XML, for what reads test results. Pure."""

from __future__ import annotations

import typing as t
from xml.etree import ElementTree

from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import format_seconds, visible
from ansible_collections.lifeboat.dr.plugins.module_utils._rehearsal._model import (
    ERROR,
    FAILED,
    PASSED,
    SKIPPED,
    Proof,
    Rehearsal,
    problems,
)

_ELEMENTS = {FAILED: "failure", ERROR: "error", SKIPPED: "skipped"}


def render_markdown(rehearsal: Rehearsal) -> str:
    """The whole document."""
    where = f" ({rehearsal.environment})" if rehearsal.environment else ""
    lines = [
        f"# {rehearsal.verdict.upper()}: rehearsal {rehearsal.number or rehearsal.run_id} of {_cell(rehearsal.app)}",
        "",
        f"{_cell(rehearsal.summary)} It ended at {rehearsal.ended_at} on {_cell(rehearsal.host + where)} and took "
        f"{format_seconds(rehearsal.seconds)}.",
        "",
        *(f"- **{_cell(title)}**: {_cell(why)}" for title, why in problems(rehearsal)),
        *(f"- To look at: {_cell(finding)}" for finding in rehearsal.findings),
        *_table(
            ("step", "result", "took", "evidence"),
            (
                (f"{n}. {one.title}", one.status, format_seconds(one.seconds), one.message or one.evidence)
                for n, one in enumerate(rehearsal.steps, 1)
            ),
        ),
        *_table(
            ("backup", "result", "restore", "id"),
            (
                (
                    one.name,
                    f"{one.status} at {one.proven_at}" if one.proven_at else one.status,
                    "is the copy" if one.is_no_restore else format_seconds(one.restore_seconds),
                    one.backup_id,
                )
                for one in rehearsal.proofs
            ),
        ),
        *_table(
            ("check", "result", "expected", "observed"),
            ((one.name, one.status, one.expected, one.observed) for one in rehearsal.checks),
        ),
        *_table(
            ("recovery time", "result", "promised", "measured"),
            (
                (one.name, one.status, format_seconds(one.limit_seconds), format_seconds(one.seconds))
                for one in rehearsal.objectives
            ),
        ),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


def _table(columns: t.Sequence[str], rows: t.Iterable[t.Sequence[str]]) -> list[str]:
    shown = [f"| {' | '.join(map(_cell, row))} |" for row in rows]
    return ["", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|", *shown] if shown else []


def _cell(text: str) -> str:
    plain = visible(" ".join(text.split()))
    for character in "\\`*_[]<>|#":
        plain = plain.replace(character, f"\\{character}")
    return plain


def render_junit(rehearsal: Rehearsal) -> str:
    """The whole document. It is red wherever the verdict is."""
    root = ElementTree.Element("testsuites", name=visible(f"lifeboat rehearsal {rehearsal.app} {rehearsal.run_id}"))
    steps = [(f"{n}. {one.title}", one.status, one.message, one.seconds) for n, one in enumerate(rehearsal.steps, 1)]
    proofs = [(_when(one), one.status, one.message, one.restore_seconds) for one in rehearsal.proofs]
    checks = [(one.name, one.status, one.observed, one.seconds) for one in rehearsal.checks]
    verdict = [("The rehearsal passed", rehearsal.verdict, rehearsal.summary, rehearsal.seconds)]
    for title, cases in (("Steps", steps), ("Backups", proofs), ("Application", checks), ("Verdict", verdict)):
        if cases:
            _suite(root, rehearsal, title, cases)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _when(proof: Proof) -> str:
    """What passed has no message in this format."""
    return f"{proof.name}, proven before, at {proof.proven_at}" if proof.proven_at else proof.name


def _suite(
    root: ElementTree.Element,
    rehearsal: Rehearsal,
    title: str,
    cases: t.Sequence[tuple[str, str, str, float | None]],
) -> None:
    suite = ElementTree.SubElement(root, "testsuite", name=title, tests=str(len(cases)))
    for status, name in _COUNTED.items():
        suite.set(name, str(sum(case[1] == status for case in cases)))
    suite.set("timestamp", rehearsal.began_at.rstrip("Z"))
    suite.set("hostname", visible(rehearsal.host))
    for name, status, message, seconds in cases:
        case = ElementTree.SubElement(suite, "testcase", name=visible(name), time=f"{seconds or 0.0:.3f}")
        case.set("classname", visible(f"lifeboat.rehearsal.{rehearsal.app}.{title}"))
        if status != PASSED:
            answer = ElementTree.SubElement(case, _ELEMENTS.get(status, "failure"), message=visible(message or status))
            if status != SKIPPED:
                answer.set("type", status)


_COUNTED = {FAILED: "failures", ERROR: "errors", SKIPPED: "skipped"}
