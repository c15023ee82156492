# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The Markdown report, for merge requests and chat (GitHub flavour; GitLab and Gitea read it too).

Nothing from outside can become markup: punctuation is written as character references, which CommonMark (section 2.5) never reads as
structure, so the same text is safe in a paragraph, in a table cell and in a code element.
"""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterable, Sequence

from ansible_collections.lifeboat.dr.plugins.module_utils._report import _content as content
from ansible_collections.lifeboat.dr.plugins.module_utils._report._format import (
    format_bytes,
    format_count,
    format_rate,
    format_scalar,
    format_seconds,
    format_timestamp,
    is_hash,
    plural,
    shorten_hash,
    visible,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Check, Item, Report, Table
from ansible_collections.lifeboat.dr.plugins.module_utils._report._verdict import bad, failed_first, is_hashed, meaning_of, table_difference

_MARKS = {"passed": "\u2705", "failed": "\u274c", "error": "\u26a0\ufe0f", "skipped": "\u2796"}
# Everything that CommonMark or GitHub's extensions read as structure; an underscore inside a word is text there.
_ACTIVE = re.compile(r"[\\`*\[\]<>&|~#$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|^[-+=]|:(?=//)|!(?=\[)")
_LIST_NUMBER = re.compile(r"^(\d{1,9})([.)])(?=\s|$)")
# What forges turn into a mention or a reference after the Markdown is done; an invisible joiner behind the sign ends it.
_REFERENCE = re.compile(r"(?<!\w)[@#!](?=\w)")
_FOLD_FROM = 31
_PASSED_TABLES_SHOWN = 200


def render_markdown(report: Report) -> str:
    """The whole report. Of passed tables the first 200 are listed, so that it fits into a comment; every failed one is."""
    blocks = [
        f"## {_MARKS[report.verdict]} {report.verdict.upper()}: {escape(report.app)} / {escape(report.component)}",
        f"**{escape(report.summary)}** {escape(meaning_of(report))}",
        f"Backup {code(report.backup_id)}, verified {escape(format_timestamp(report.finished_at))}, profile **{report.profile}**.",
        _key_figures(report),
        *_problems(report),
        "### Where the time went",
        _phases(report),
        "### Checks",
        _checks(report),
        "### Would damage be noticed?",
        *_controls(report),
        "### Tables",
        *_tables(report),
        "### The backup",
        _facts(content.backup_facts(report)),
        *_by_hand(report),
        "### Where and with what it was verified",
        _facts(content.environment_facts(report)),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def escape(text: str) -> str:
    """The text as Markdown that shows this text, on one line: no markup, no mention, no issue number."""
    return _characters(_REFERENCE.sub("\\g<0>\u2060", visible(text, keep="\n\t")))


def code(text: str) -> str:
    """A name in the typeface of code, character by character as it is."""
    return f"<code>{_characters(visible(text))}</code>"


def _characters(text: str) -> str:
    line = _ACTIVE.sub(lambda found: f"&#{ord(found.group())};", " ".join(text.split()))
    return _LIST_NUMBER.sub(lambda found: f"{found.group(1)}&#{ord(found.group(2))};", line)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: t.Collection[int] = ()) -> str:
    ruler = "|".join("---:" if index in numbers else "---" for index in range(len(head)))
    lines = [f"| {' | '.join(head)} |", f"|{ruler}|", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines)


def _mark(status: str, word: str = "") -> str:
    return f"{_MARKS[status]} {word or status}"


def _scalar(value: t.Any) -> str:
    return code(shorten_hash(value)) if is_hash(value) else escape(format_scalar(value))


def _key_figures(report: Report) -> str:
    figures = content.key_figures(report)
    return _table([figure.term for figure in figures], [[f"**{escape(figure.shown)}**<br>{escape(figure.note)}" for figure in figures]])


def _problems(report: Report) -> list[str]:
    found = content.problems(report)
    return ["### What failed", "\n".join(map(_problem, found))] if found else []


def _problem(problem: content.Problem) -> str:
    compared = _compare(problem.check.expected, problem.check.observed) if problem.check else ""
    said = f": {escape(problem.message)}" if problem.message else ""
    return f"- {_MARKS[problem.status]} **{escape(problem.title)}**{said}{compared}"


def _compare(expected: t.Any, observed: t.Any) -> str:
    if expected is None and observed is None:
        return ""
    return f" (expected {_scalar(expected) or 'nothing'}, observed {_scalar(observed) or 'nothing'})"


def _phases(report: Report) -> str:
    stretches = content.stretches(report)
    if not stretches:
        return "No phase was measured."
    return _table(
        ("Phase", "Time", "Share", "Data", "Rate"),
        (
            (
                escape(stretch.title),
                escape(format_seconds(stretch.seconds)),
                f"{100 * stretch.share:.0f} %" if stretch.share is not None else "",
                format_bytes(stretch.bytes) if stretch.bytes is not None else "",
                format_rate(stretch.bytes_per_second) if stretch.bytes_per_second is not None else "",
            )
            for stretch in stretches
        ),
        numbers=(1, 2, 3, 4),
    )


def _checks(report: Report) -> str:
    if not report.checks:
        return "No check was made."
    rows = [_check(check) for group in content.groups_failed_first(report.checks) for check in group]
    return _table(("Result", "Group", "Check", "Expected", "Observed", "Time"), rows, numbers=(5,))


def _check(check: Check) -> tuple[str, ...]:
    told = [f"**{escape(check.title)}**", escape(check.message), *map(_item, bad(check.items))]
    time = escape(format_seconds(check.seconds)) if check.seconds is not None else ""
    cell = "<br>".join(filter(None, told))
    return (_mark(check.status), content.GROUP_TITLES[check.group], cell, _scalar(check.expected), _scalar(check.observed), time)


def _item(item: Item) -> str:
    said = f": {escape(item.message)}" if item.message else ""
    return f"{_MARKS[item.status]} {code(item.name)}{said}{_compare(item.expected, item.observed)}"


def _controls(report: Report) -> list[str]:
    if not report.controls:
        return [content.NO_CONTROL]
    rows = (
        (
            _mark(entry.status, content.CONTROL_WORDS[entry.status]),
            "<br>".join(filter(None, (f"**{escape(entry.title)}**", escape(entry.message)))),
            escape(entry.damage),
        )
        for entry in failed_first(report.controls)
    )
    return [content.CONTROLS, _table(("Result", "Control", "Damage done to the copy"), rows)]


def _tables(report: Report) -> list[str]:
    wrong = [table for table in failed_first(report.tables) if table.status != "passed"]
    right = [table for table in report.tables if table.status == "passed"]
    blocks = [escape(content.tables_lead(report))]
    if len(right) < _FOLD_FROM:
        return [*blocks, _table_list([*wrong, *right])]
    shown = right[:_PASSED_TABLES_SHOWN]
    more = (
        f"And {len(right) - len(shown):,} more that passed: the JSON and the HTML report list them all." if len(shown) < len(right) else ""
    )
    folded = [f"<details><summary>{plural(len(right), 'table')} passed</summary>", _table_list(shown), more, "</details>"]
    return [*blocks, _table_list(wrong), *folded]


def _table_list(tables: Sequence[Table]) -> str:
    if not tables:
        return ""
    return _table(("Result", "Table", "Rows", "Size", "Fingerprint"), map(_table_row, tables), numbers=(2, 3))


def _table_row(table: Table) -> tuple[str, ...]:
    difference = table_difference(table)
    named = code(table.name) + (f"<br>{difference}" if difference else "")
    same = table.status == "passed" and table.rows_expected == table.rows_restored
    rows = format_count(table.rows_restored) if same else f"{format_count(table.rows_expected)} \u2192 {format_count(table.rows_restored)}"
    size = format_bytes(table.bytes) if table.bytes is not None else ""
    return (_mark(table.status), named, rows, size, _fingerprint(table))


def _fingerprint(table: Table) -> str:
    expected, restored = table.fingerprint_expected, table.fingerprint_restored
    if expected is None and restored is None:
        return "content not compared"
    if is_hashed(table):
        return code(shorten_hash(expected))
    if expected and restored and shorten_hash(expected) == shorten_hash(restored):
        return f"{code(expected)} \u2192 {code(restored)}"
    return f"{code(shorten_hash(expected))} \u2192 {code(shorten_hash(restored))}"


def _facts(figures: Iterable[content.Figure]) -> str:
    return "\n".join(f"- {escape(figure.term)}: {escape(figure.shown.replace(chr(10), ', '))}" for figure in figures)


def _by_hand(report: Report) -> list[str]:
    if not report.restore_by_hand:
        return []
    blocks = ["### How to restore it by hand", content.BY_HAND]
    for number, step in enumerate(report.restore_by_hand, start=1):
        blocks += [f"{number}\\. {escape(step.title)}", _fenced(step.command)]
    return blocks


def _fenced(command: str) -> str:
    shown = visible(command, keep="\n\t")
    longest = max(map(len, re.findall("`+", shown)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}sh\n{shown}\n{fence}"
