# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The Markdown report, for merge requests and chat (GitHub flavour; GitLab and Gitea read it too).

Nothing from outside can become markup: punctuation is written as character references, which CommonMark (section 2.5)
never reads as structure, so the same text is safe in a paragraph, in a table cell and in a code element.
"""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterable, Sequence

from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import (
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
from ansible_collections.lifeboat.dr.plugins.module_utils._core._store import Words
from ansible_collections.lifeboat.dr.plugins.module_utils._report import _content as content
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Check, Item, Part, Report
from ansible_collections.lifeboat.dr.plugins.module_utils._report._verdict import (
    bad,
    failed_first,
    is_hashed,
    meaning_of,
    part_difference,
)

_MARKS = {"passed": "\u2705", "failed": "\u274c", "error": "\u26a0\ufe0f", "skipped": "\u2796"}
# Everything that CommonMark or GitHub's extensions read as structure; an underscore inside a word is text there.
_ACTIVE = re.compile(r"[\\`*\[\]<>&|~#$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|^[-+=]|:(?=//)|!(?=\[)")
_LIST_NUMBER = re.compile(r"^(\d{1,9})([.)])(?=\s|$)")
# What forges turn into a mention or a reference after the Markdown is done; an invisible joiner behind the sign ends
# it.
_REFERENCE = re.compile(r"(?<!\w)[@#!](?=\w)")
_FOLD_FROM = 31
_PASSED_PARTS_SHOWN = 200


def render_markdown(report: Report) -> str:
    """The whole report.

    Of the passed tables or streams the first 200 are listed, so that it fits into a comment; every failed one is.
    """
    blocks = [
        f"## {_MARKS[report.verdict]} {report.verdict.upper()}: {escape(report.app)} / {escape(report.component)}",
        f"**{escape(report.summary)}** {escape(meaning_of(report))}",
        f"Backup {code(report.backup_id)}, verified {escape(format_timestamp(report.finished_at))}, profile "
        f"**{report.profile}**.",
        _key_figures(report),
        *_problems(report),
        "### Where the time went",
        _phases(report),
        "### Checks",
        _checks(report),
        "### Would damage be noticed?",
        *_controls(report),
        f"### {content.parts_title(report)}",
        *_parts(report),
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
    return _table(
        [figure.term for figure in figures],
        [[f"**{escape(figure.shown)}**<br>{escape(figure.note)}" for figure in figures]],
    )


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
    return (
        _mark(check.status),
        content.GROUP_TITLES[check.group],
        cell,
        _scalar(check.expected),
        _scalar(check.observed),
        time,
    )


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


def _parts(report: Report) -> list[str]:
    words = report.source.words
    wrong = [entry for entry in failed_first(report.parts) if entry.status != "passed"]
    right = [entry for entry in report.parts if entry.status == "passed"]
    blocks = [escape(content.parts_lead(report))]
    if len(right) < _FOLD_FROM:
        return [*blocks, _part_list([*wrong, *right], words)]
    shown = right[:_PASSED_PARTS_SHOWN]
    more = (
        f"And {len(right) - len(shown):,} more that passed: the JSON and the HTML report list them all."
        if len(shown) < len(right)
        else ""
    )
    folded = [
        f"<details><summary>{plural(len(right), words.part)} passed</summary>",
        _part_list(shown, words),
        more,
        "</details>",
    ]
    return [*blocks, _part_list(wrong, words), *folded]


def _part_list(parts: Sequence[Part], words: Words) -> str:
    if not parts:
        return ""
    head = ("Result", words.part.capitalize(), words.units.capitalize(), "Size", "Fingerprint")
    return _table(head, (_part_row(entry, words) for entry in parts), numbers=(2, 3))


def _part_row(entry: Part, words: Words) -> tuple[str, ...]:
    difference = part_difference(entry, words)
    named = code(entry.name) + (f"<br>{difference}" if difference else "")
    same = entry.status == "passed" and entry.count_expected == entry.count_restored
    expected, restored = format_count(entry.count_expected), format_count(entry.count_restored)
    size = format_bytes(entry.bytes) if entry.bytes is not None else ""
    return (
        _mark(entry.status),
        named,
        restored if same else f"{expected} \u2192 {restored}",
        size,
        _fingerprint(entry),
    )


def _fingerprint(entry: Part) -> str:
    expected, restored = entry.fingerprint_expected, entry.fingerprint_restored
    if expected is None and restored is None:
        return "content not compared"
    if is_hashed(entry):
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
        blocks += [f"{number}\\. {escape(step.title)}".rstrip(), _fenced(step.command)]
    return blocks


def _fenced(command: str) -> str:
    shown = visible(command, keep="\n\t")
    longest = max(map(len, re.findall("`+", shown)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}sh\n{shown}\n{fence}"
