# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The report as a compact table for a terminal: what failed in full, the rest in numbers."""

from __future__ import annotations

import itertools
import textwrap
import typing as t
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import (
    format_count,
    format_scalar,
    format_seconds,
    format_timestamp,
    is_hash,
    shorten_hash,
    visible,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._report import _content as content
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Report
from ansible_collections.lifeboat.dr.plugins.module_utils._report._verdict import (
    bad,
    failed_first,
    meaning_of,
    part_difference,
    summary_of,
)

_SHOWN = 20  # failed items, tables, streams or buckets in full; the rest is a number


@dataclass(frozen=True)
class _Terminal:
    """What the terminal can show: its width, the lines of a box, and the sign of each status."""

    width: int
    rules: tuple[str, str, str]  # left, between and right of the top, the middle and the bottom rule
    across: str
    down: str
    marks: dict[str, str]
    ascii_only: bool

    def show(self, text: str) -> str:
        """The text with nothing that this terminal would obey or could not show."""
        seen = visible(text)
        return "".join(map(_plain, seen)) if self.ascii_only else seen


_MARKS = {"passed": "\u2713", "failed": "\u2717", "error": "!", "skipped": "\u2013"}
_PLAIN_MARKS = {"passed": "ok", "failed": "XX", "error": "!!", "skipped": "--"}
_PLAIN = {"\u2192": "->", "\u2212": "-", "\u2019": "'", "\u2026": "...", "\u2013": "-", "\u00b7": "-"}
_BOX = ("\u250c\u252c\u2510", "\u251c\u253c\u2524", "\u2514\u2534\u2518")


def _plain(letter: str) -> str:
    return _PLAIN.get(letter) or letter.encode("ascii", "backslashreplace").decode("ascii")


def render_text(report: Report, width: int = 100, ascii_only: bool = False) -> str:
    """The table, at most ``width`` columns wide (60 at least).

    ``ascii_only`` is for terminals and logs that know nothing else.
    """
    if ascii_only:
        terminal = _Terminal(max(width, 60), ("+++", "+++", "+++"), "-", "|", _PLAIN_MARKS, True)
    else:
        terminal = _Terminal(max(width, 60), _BOX, "\u2500", "\u2502", _MARKS, False)
    blocks = [_head(report, terminal), _box(terminal, _figure_rows(report))]
    if report.checks:
        blocks.append(_box(terminal, _check_rows(report, terminal.marks)))
    if report.controls:
        blocks.append(_box(terminal, _control_rows(report, terminal.marks)))
    if bad(report.parts):
        blocks.append(_box(terminal, _part_rows(report)))
    return "\n".join(blocks) + "\n"


def _head(report: Report, terminal: _Terminal) -> str:
    name = (
        f"{report.verdict.upper()}  {report.app}/{report.component}  backup {report.backup_id}  profile "
        f"{report.profile}"
    )
    when = f"verified {format_timestamp(report.finished_at)} on {report.environment.host}"
    lines: list[str] = []
    summary = report.summary if report.verdict == "passed" else summary_of(report, titles=False)  # the reasons follow
    for sentence in filter(None, (name, when, summary, meaning_of(report))):
        lines += textwrap.wrap(terminal.show(sentence), terminal.width, break_on_hyphens=False)
    for problem in content.problems(report):
        said = f"{problem.title}: {problem.message}" if problem.message else problem.title
        mark = terminal.marks[problem.status]
        indent = " " * (len(mark) + 1)
        lines += textwrap.wrap(
            f"{mark} {terminal.show(said)}", terminal.width, subsequent_indent=indent, break_on_hyphens=False
        )
    return "\n".join(lines)


def _figure_rows(report: Report) -> list[list[str]]:
    rows = [["measured", "", ""]]
    return rows + [[figure.term, figure.shown, figure.note] for figure in content.key_figures(report)]


def _check_rows(report: Report, marks: dict[str, str]) -> list[list[str]]:
    rows = [["result", "check", "expected", "observed", "time"]]
    for group in content.groups_failed_first(report.checks):
        for check in group:
            time = "" if check.seconds is None else format_seconds(check.seconds)
            result = f"{marks[check.status]} {check.status}"
            rows.append([result, check.title, _scalar(check.expected), _scalar(check.observed), time])
            wrong = bad(check.items)
            rows += [
                ["", f"  {item.name}", _scalar(item.expected), _scalar(item.observed), ""] for item in wrong[:_SHOWN]
            ]
            rows += _more(len(wrong) - _SHOWN, ["", "  {}", "", "", ""])
    return rows


def _more(count: int, row: list[str]) -> list[list[str]]:
    return [[cell.format(f"and {count:,} more, see the JSON or HTML report") for cell in row]] if count > 0 else []


def _scalar(value: t.Any) -> str:
    return shorten_hash(value) if is_hash(value) else format_scalar(value)


def _control_rows(report: Report, marks: dict[str, str]) -> list[list[str]]:
    rows = [["result", "damaged copy", "damage"]]
    for entry in failed_first(report.controls):
        rows.append([f"{marks[entry.status]} {content.CONTROL_WORDS[entry.status]}", entry.title, entry.damage])
    return rows


def _part_rows(report: Report) -> list[list[str]]:
    wrong, words = bad(report.parts), report.source.words
    rows = [[words.part, words.units, "difference"]]
    for entry in wrong[:_SHOWN]:
        counts = f"{format_count(entry.count_expected)} \u2192 {format_count(entry.count_restored)}"
        rows.append([entry.name, counts, part_difference(entry, words)])
    return rows + _more(len(wrong) - _SHOWN, ["{}", "", ""])


def _box(terminal: _Terminal, rows: Sequence[Sequence[str]]) -> str:
    cells = [[terminal.show(cell.replace("\n", " ")) for cell in row] for row in rows]
    natural = [max(map(columns_of, column)) for column in zip(*cells)]
    widths = _shrink(natural, terminal.width - 3 * len(natural) - 1)
    top, middle, bottom = (
        ends[0] + ends[1].join(terminal.across * (size + 2) for size in widths) + ends[2] for ends in terminal.rules
    )
    first, *rest = (
        [terminal.down + terminal.down.join(line) + terminal.down for line in _lines(row, widths)] for row in cells
    )
    return "\n".join([top, *first, middle, *itertools.chain.from_iterable(rest), bottom])


def _lines(row: Sequence[str], widths: Sequence[int]) -> list[list[str]]:
    """The lines of one row, as many as its longest cell takes."""
    wrapped = [_wrap(cell, size) for cell, size in zip(row, widths)]
    lines = itertools.zip_longest(*wrapped, fillvalue="")
    return [[f" {text}{' ' * (size - columns_of(text))} " for text, size in zip(line, widths)] for line in lines]


def _shrink(widths: Sequence[int], room: int) -> list[int]:
    """The widest column gives way first, so short ones stay whole."""
    sizes = list(widths)
    while sum(sizes) > room and max(sizes) > 4:
        sizes[sizes.index(max(sizes))] -= 1
    return sizes


def _wrap(text: str, size: int) -> list[str]:
    """The text in lines of so many columns, broken between words where that is possible; what is indented stays so."""
    indent = " " * min(len(text) - len(text.lstrip(" ")), size // 2)
    lines = []
    while columns_of(text) > size:
        end = _fitting(text, size)
        space = text.rfind(" ", len(indent) + 1, end + 1)
        end = space if space > 0 else end
        lines.append(text[:end])
        text = indent + text[end:].lstrip(" ")
    return [*lines, text]


def _fitting(text: str, size: int) -> int:
    """How many letters fit into so many columns."""
    sums = itertools.accumulate(map(_columns, text))
    return sum(1 for _columns_so_far in itertools.takewhile(lambda columns: columns <= size, sums))


def columns_of(text: str) -> int:
    """How many columns a terminal gives to the text: wide East Asian letters take two, marks and joiners none (Unicode
    annex 11).
    """
    return sum(map(_columns, text))


def _columns(letter: str) -> int:
    if unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in ("W", "F") else 1
