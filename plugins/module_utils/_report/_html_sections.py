# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The sections of the HTML report that list evidence: problems, phases, checks, controls, and the tables, streams or
buckets.
"""

from __future__ import annotations

import typing as t
from collections.abc import Sequence

from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import format_seconds, plural, shorten_hash
from ansible_collections.lifeboat.dr.plugins.module_utils._core._store import Words
from ansible_collections.lifeboat.dr.plugins.module_utils._report import _content as content
from ansible_collections.lifeboat.dr.plugins.module_utils._report import _html_parts as part
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Check, Item, Part, Report
from ansible_collections.lifeboat.dr.plugins.module_utils._report._verdict import (
    BAD,
    failed_first,
    is_hashed,
    part_difference,
)

_FOLD_PARTS_FROM = 31
_FOLD_ITEMS_FROM = 6
_HUES = 6
_LABEL_FROM = 0.025  # share of the bar below which a number does not fit


def problems(report: Report) -> str:
    """What made the report red, at the top where nobody misses it; nothing where it is green."""
    found = content.problems(report)
    if not found:
        return ""
    return part.section("problems", "What failed", f'<ol class="problems">{"".join(map(_problem, found))}</ol>')


def _problem(problem: content.Problem) -> str:
    said = f'<p class="message">{part.name(problem.message)}</p>' if problem.message else ""
    compared = _compare(problem.check.expected, problem.check.observed) if problem.check else ""
    return (
        f"<li>{part.icon(problem.status)}<div><p "
        f'class="title">{part.name(problem.title)}</p>{said}{compared}</div></li>'
    )


def _compare(expected: t.Any, observed: t.Any) -> str:
    pairs = [(term, value) for term, value in (("expected", expected), ("observed", observed)) if value is not None]
    if not pairs:
        return ""
    return (
        '<dl class="compare">'
        + "".join(f"<div><dt>{term}</dt><dd>{part.scalar(value)}</dd></div>" for term, value in pairs)
        + "</dl>"
    )


def phases(report: Report) -> str:
    """Where the time went: a bar whose parts are numbered, and its legend with exact figures."""
    total = report.measured.total_seconds
    stretches = content.stretches(report)
    body = _bar(stretches) + _legend(stretches) if stretches else '<p class="unknown">No phase was measured.</p>'
    lead = f"{format_seconds(total)} from start to end." if total is not None else "The total time is unknown."
    return part.section("phases", "Where the time went", body, lead, keep=True)


def _hue(index: int, stretch: content.Stretch) -> str:
    return "hue-rest" if stretch.is_rest else f"hue-{index % _HUES}"


def _bar(stretches: Sequence[content.Stretch]) -> str:
    pieces: list[str] = []
    at = 0.0
    for index, stretch in enumerate(stretches):
        if not stretch.share:
            continue
        left, width, middle = 100 * at, 100 * stretch.share, 100 * (at + stretch.share / 2)
        label = (
            f'<text x="{middle:.3f}%" y="23">{index + 1}</text>'
            if stretch.share >= _LABEL_FROM and not stretch.is_rest
            else ""
        )
        gap = f'<line class="gap" x1="{left:.3f}%" x2="{left:.3f}%" y1="0" y2="46"/>' if at else ""
        box = f'<rect class="{_hue(index, stretch)}" x="{left:.3f}%" y="0" width="{width:.3f}%" height="46"/>'
        pieces.append(
            f"<g><title>{part.text(stretch.title)}: {format_seconds(stretch.seconds)}</title>{box}{gap}{label}</g>"
        )
        at += stretch.share
    told = part.text(
        "Time by phase: " + ", ".join(f"{stretch.title} {format_seconds(stretch.seconds)}" for stretch in stretches)
    )
    return f'<svg class="bar" role="img" aria-label="{told}">{"".join(pieces)}</svg>' if pieces else ""


def _legend(stretches: Sequence[content.Stretch]) -> str:
    rows = "".join(_legend_row(index, stretch) for index, stretch in enumerate(stretches))
    columns = [("", ""), ("Phase", ""), ("Time", "number"), ("Share", "number"), ("Data", "number"), ("Rate", "number")]
    return part.table("Phases with their time and data", columns, [f"<tbody>{rows}</tbody>"])


def _legend_row(index: int, stretch: content.Stretch) -> str:
    key = f'<span class="key {_hue(index, stretch)}">{"" if stretch.is_rest else index + 1}</span>'
    share = f"{100 * stretch.share:.0f} %" if stretch.share is not None else ""
    data = part.size(stretch.bytes) if stretch.bytes is not None else ""
    rate = f"{part.size(round(stretch.bytes_per_second))}/s" if stretch.bytes_per_second else ""
    return (
        f'<tr><td class="key-column">{key}</td><th scope="row">{part.name(stretch.title)}</th>'
        f'<td class="number">{part.duration(stretch.seconds)}</td><td class="number">{share}</td>'
        f'<td class="number">{data}</td><td class="number">{rate}</td></tr>'
    )


def checks(report: Report) -> str:
    """Every check, by group; groups with a failure first, and failures first in each group."""
    if not report.checks:
        return part.section("checks", "Checks", '<p class="unknown">No check was made.</p>')
    groups = content.groups_failed_first(report.checks)
    columns = [
        ("Result", "status-column"),
        ("Check", ""),
        ("Expected", "value"),
        ("Observed", "value"),
        ("Time", "number"),
    ]
    listed = part.table("Checks by group, failed ones first", columns, map(_check_group, groups))
    return part.section("checks", "Checks", listed, content.tally(report.checks))


def _check_group(entries: Sequence[Check]) -> str:
    title = f'{content.GROUP_TITLES[entries[0].group]} <span class="tally">\u00b7 {content.tally(entries)}</span>'
    return (
        '<tbody><tr class="group"><th colspan="5" '
        f'scope="rowgroup">{title}</th></tr>{"".join(map(_check_row, entries))}</tbody>'
    )


def _check_row(check: Check) -> str:
    time = part.duration(check.seconds) if check.seconds is not None else ""
    css = _row_class(check.status)
    more = f'<tr class="{css} more"><td></td><td colspan="4">{_items(check.items)}</td></tr>' if check.items else ""
    return (
        f'<tr class="{css}{" has-more" if more else ""}"><td>{part.badge(check.status)}</td>'
        f"<td><strong>{part.name(check.title)}</strong>{_said(check.message)}</td>"
        f'<td class="value">{part.scalar(check.expected)}</td><td class="value">{part.scalar(check.observed)}</td>'
        f'<td class="number">{time}</td></tr>{more}'
    )


def _said(message: str) -> str:
    return f' <span class="message">{part.name(message)}</span>' if message else ""


def _row_class(status: str) -> str:
    return f"bad {status}" if status in BAD else status


def _items(items: Sequence[Item]) -> str:
    wrong = [item for item in failed_first(items) if item.status != "passed"]
    right = [item for item in items if item.status == "passed"]
    shown = _item_list(wrong)
    if len(right) < _FOLD_ITEMS_FROM:
        return _item_list([*wrong, *right])
    title = f"{plural(len(right), 'item')} passed"
    return shown + part.fold(title, _item_list(right), f"{title}; they are folded. Unfold them before printing.")


def _item_list(items: Sequence[Item]) -> str:
    return f'<ul class="items">{"".join(map(_item, items))}</ul>' if items else ""


def _item(item: Item) -> str:
    hidden = f'<span class="hidden">{item.status}: </span>'
    compare = "" if item.status == "passed" else _compare(item.expected, item.observed)
    named = part.name(item.name, "code")
    return f"<li>{part.icon(item.status)}<div>{hidden}{named}{_said(item.message)}{compare}</div></li>"


def controls(report: Report) -> str:
    """Copies damaged on purpose. The word says what happened to the copy, not to the check."""
    title = "Would damage be noticed?"
    if not report.controls:
        return part.section("controls", title, f'<p class="unknown">{content.NO_CONTROL}</p>', keep=True)
    rows = "".join(
        "<tr "
        f'class="{_row_class(entry.status)}"><td>{part.badge(entry.status, content.CONTROL_WORDS[entry.status])}</td>'
        f"<td><strong>{part.name(entry.title)}</strong>{_said(entry.message)}</td><td>{part.name(entry.damage)}</td></tr>"
        for entry in failed_first(report.controls)
    )
    columns = [("Result", "status-column"), ("Control", ""), ("Damage done to the copy", "")]
    listed = part.table("Damaged copies and whether they were refused", columns, [f"<tbody>{rows}</tbody>"])
    return part.section("controls", title, listed, content.CONTROLS, keep=True)


def parts(report: Report) -> str:
    """Tables, streams or buckets, failed ones first; the passed ones fold away when they are many."""
    lead, heading, words = content.parts_lead(report), content.parts_title(report), report.source.words
    if not report.parts:
        return part.section("parts", heading, f'<p class="unknown">{lead}</p>', keep=True)
    wrong = [entry for entry in failed_first(report.parts) if entry.status != "passed"]
    right = [entry for entry in report.parts if entry.status == "passed"]
    several = len(content.part_algorithms(report)) > 1
    if len(right) < _FOLD_PARTS_FROM:
        listed = _part_list(f"{heading}, failed ones first", [*wrong, *right], several, words)
        return part.section("parts", heading, listed, lead)
    title = f"{plural(len(right), words.part)} passed"
    summary = f'{title}<span class="act"> \u2013 show them</span>'
    folded = _part_list(f"{heading} that passed", right, several, words)
    body = _part_list(f"{heading} that did not pass", wrong, several, words) if wrong else ""
    body += part.fold(summary, folded, f"{title}; they are folded. Unfold them before printing.")
    return part.section("parts", heading, body, lead)


def _part_list(caption: str, entries: Sequence[Part], algorithms: bool, words: Words) -> str:
    named = [(words.part.capitalize(), ""), (words.units.capitalize(), "number")]
    columns = [("Result", "status-column"), *named, ("Size", "number"), ("Fingerprint", "")]
    rows = "".join(_part_row(entry, algorithms, words) for entry in entries)
    return part.table(caption, columns, [f"<tbody>{rows}</tbody>"])


def _part_row(entry: Part, algorithms: bool, words: Words) -> str:
    difference = part_difference(entry, words)
    said = f' <span class="difference">{part.text(difference)}</span>' if difference else ""
    size = part.size(entry.bytes) if entry.bytes is not None else ""
    algorithm = f' <span class="muted">{part.text(entry.algorithm)}</span>' if algorithms and entry.algorithm else ""
    return (
        f'<tr class="{_row_class(entry.status)}"><td>{part.badge(entry.status)}</td>'
        f'<th scope="row">{part.name(entry.name, "code")}{said}</th><td class="number">{_counts(entry)}</td>'
        f'<td class="number">{size}</td><td>{_fingerprint(entry)}{algorithm}</td></tr>'
    )


def _counts(entry: Part) -> str:
    if entry.status == "passed" and entry.count_expected == entry.count_restored:
        return part.number(entry.count_restored)
    return f"{part.number(entry.count_expected)} \u2192 {part.number(entry.count_restored)}"


def _fingerprint(entry: Part) -> str:
    expected, restored = entry.fingerprint_expected, entry.fingerprint_restored
    if expected is None and restored is None:
        return '<span class="muted">content not compared</span>'
    if is_hashed(entry):
        return part.fingerprint(expected)
    alike = shorten_hash(expected) == shorten_hash(restored)  # then only the whole hashes show the difference
    return f"{part.fingerprint(expected, whole=alike)} \u2192 {part.fingerprint(restored, whole=alike)}"
