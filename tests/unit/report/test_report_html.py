# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The HTML report, read back by a parser: what is visible, what is folded, and that no value becomes markup."""

from __future__ import annotations

import dataclasses
import hashlib
import html.parser

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._report._html import render_html
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import (
    Check,
    Control,
    Count,
    Detail,
    Item,
    Part,
    Report,
    canonical_json,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._report._verdict import conclude

VOID = {"meta", "link", "br"}
DRAWN = {"rect", "path", "circle", "line", "use"}
HOSTILE = "<script>alert(1)</script>\"'&amp;\u202e\x1b</style></title>--> \u05e9\u05dc\u05d5\u05dd"
HOSTILE_SHOWN = "<script>alert(1)</script>\"'&amp;\u27e8U+202E\u27e9\u241b</style></title>--> \u05e9\u05dc\u05d5\u05dd"


class Page(html.parser.HTMLParser):
    """The elements of a page, its text, and the text outside every ``details``; complains about anything that is not
    closed.
    """

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.unfolded: list[str] = []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in DRAWN
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.texts.append(data)
        if "details" not in self.open:
            self.unfolded.append(data)

    def values(self, attribute: str) -> list[str]:
        return [value for _tag, name, value in self.attributes if name == attribute]


def position(page: Page, text: str) -> int:
    return "\n".join(page.texts).index(text)


@pytest.mark.parametrize("name", ["passed_report", "failed_report", "many_tables_report"])
def test_one_file_that_runs_nothing_and_loads_nothing(name: str, request: pytest.FixtureRequest) -> None:
    source = render_html(request.getfixturevalue(name))
    page = Page(source)
    assert page.tags.isdisjoint({"script", "img", "iframe", "object", "embed", "form", "base"})
    assert not page.values("src") and not page.values("style")
    assert set(page.values("href")) <= {"data:,", "#icon-passed", "#icon-failed", "#icon-error", "#icon-skipped"}
    assert not [name for _tag, name, _value in page.attributes if name.startswith("on")]
    assert "url(" not in source and "@import" not in source and "http" not in source.replace("http-equiv", "")
    assert ("html", "lang", "en") in page.attributes


@pytest.mark.parametrize(("name", "word"), [("passed_report", "PASSED"), ("failed_report", "FAILED")])
def test_the_verdict_is_a_word_and_a_shape_and_not_only_a_colour(
    name: str, word: str, request: pytest.FixtureRequest
) -> None:
    source = render_html(request.getfixturevalue(name))
    head = source[source.index('<section class="verdict') :][:400]
    assert f'<p class="word">{word}</p>' in head
    assert f'href="#icon-{word.lower()}"' in head
    assert ("PASSED" in source) != ("FAILED" in source)


def test_everything_that_failed_is_visible_without_unfolding(failed_report: Report) -> None:
    page = Page(render_html(failed_report))
    bad = [check for check in failed_report.checks if check.status == "failed"]
    assert len(bad) == 3
    for check in bad:
        assert page.unfolded.count(check.title) == 2  # at the top, and in the list of checks
        assert check.message in page.unfolded
        for item in check.items:
            assert item.name in page.unfolded or item.status == "passed"
    for name in ("public.dependencies", "public.sections"):
        assert name in page.unfolded


def test_what_failed_stands_before_what_passed(failed_report: Report) -> None:
    page = Page(render_html(failed_report))
    checks = position(page, "Checks")
    listed = "\n".join(page.texts)[checks:]
    order = [
        listed.index(title)
        for title in ("Content hashes are equal", "Row counts are equal", "Stored files have the hashes")
    ]
    assert order == sorted(order)
    assert listed.index("public.sections", listed.index("Tables")) < listed.index(
        "audit.changes", listed.index("Tables")
    )


def test_a_green_report_has_no_section_of_failures(passed_report: Report) -> None:
    assert "What failed" not in Page(render_html(passed_report)).texts


def test_thirty_passed_tables_are_listed_openly(passed_report: Report) -> None:
    tables = tuple(Part(f"t{number}", "passed", 1, 1) for number in range(30))
    assert "t29" in Page(render_html(dataclasses.replace(passed_report, parts=tables))).unfolded


def test_two_thousand_tables_fold_away_and_the_failed_ones_do_not(many_tables_report: Report) -> None:
    page = Page(render_html(many_tables_report))
    shown = [text for text in page.unfolded if text.startswith("tenant_")]
    assert {"tenant_00.order_lines_0007", "tenant_25.order_lines_1033", "tenant_49.order_lines_1999"} <= set(shown)
    assert len([text for text in page.texts if text.startswith("tenant_") and "," not in text]) == 2_000
    assert "tenant_00.order_lines_0001" not in page.unfolded
    assert "1,997 tables passed" in page.texts


def test_every_failed_table_is_listed_however_many(many_tables_report: Report) -> None:
    tables = tuple(dataclasses.replace(table, status="failed", count_restored=0) for table in many_tables_report.parts)
    page = Page(render_html(conclude(dataclasses.replace(many_tables_report, parts=tables))))
    assert {table.name for table in tables} <= set(page.unfolded)


def test_paper_unfolds_what_the_screen_folds_and_says_so_where_it_cannot(many_tables_report: Report) -> None:
    source = render_html(many_tables_report)
    paper = source[source.index("@media print") :]
    assert "details::details-content { content-visibility: visible" in paper
    assert "@supports not selector(::details-content)" in paper
    assert "1,997 tables passed; they are folded. Unfold them before printing." in Page(source).unfolded
    assert "size: A4" in source and "prefers-color-scheme: dark" in source


def test_an_unknown_measurement_is_the_word_unknown_and_counts_as_missed(failed_report: Report) -> None:
    source = render_html(failed_report)
    assert (
        '<dt>Age of the data</dt><dd class="big"><span class="unknown">unknown</span></dd><dd class="note">unknown '
        "counts as missed</dd>" in source
    )


def test_exact_numbers_stand_behind_the_rounded_ones(passed_report: Report) -> None:
    source = render_html(passed_report)
    assert '<span title="204,118,331 bytes">204 MB</span>' in source
    assert '<span title="19.442 seconds">19.4 s</span>' in source


def test_a_damaged_copy_that_passed_is_said_at_the_top(passed_report: Report) -> None:
    through = Control("cut", "A cut tail", "4,096 bytes removed", "failed", "Not noticed.")
    page = Page(render_html(conclude(dataclasses.replace(passed_report, verdict="failed", controls=(through,)))))
    assert "A cut tail: the damaged copy passed as good" in page.unfolded
    assert "passed as good" in page.unfolded


def test_a_run_without_a_control_says_that_it_does_not_know(passed_report: Report) -> None:
    page = Page(render_html(dataclasses.replace(passed_report, controls=())))
    assert "Unknown: no damaged copy was planted in this run." in page.unfolded


def test_a_report_of_nothing_is_red_and_says_why(passed_report: Report) -> None:
    bare = dataclasses.replace(
        passed_report, verdict="failed", checks=(), controls=(), parts=(), phases=(), restore_by_hand=()
    )
    page = Page(render_html(conclude(bare)))
    assert {
        "FAILED",
        "Nothing was checked",
        "No check was made.",
        "No phase was measured.",
        "No table was compared.",
    } <= set(page.unfolded)


def test_the_page_names_the_hash_of_the_json_it_was_made_from(passed_report: Report) -> None:
    assert hashlib.sha256(canonical_json(passed_report)).hexdigest() in Page(render_html(passed_report)).texts


def test_hostile_names_stay_text_everywhere(passed_report: Report) -> None:
    check = Check(
        HOSTILE,
        HOSTILE,
        "custom",
        "failed",
        HOSTILE,
        HOSTILE,
        HOSTILE,
        1.0,
        (Item(HOSTILE, "failed", HOSTILE, HOSTILE, HOSTILE),),
    )
    report = dataclasses.replace(
        passed_report,
        app=HOSTILE,
        component=HOSTILE,
        backup_id=HOSTILE,
        repository=HOSTILE,
        verdict="failed",
        source=dataclasses.replace(passed_report.source, engine=HOSTILE, host=HOSTILE),
        backup=dataclasses.replace(
            passed_report.backup,
            counts=(Count(HOSTILE, 1),),
            details=(Detail(HOSTILE, HOSTILE),),
            encryption=HOSTILE,
            repositories=(HOSTILE,),
        ),
        environment=dataclasses.replace(passed_report.environment, host=HOSTILE, tool_versions={HOSTILE: HOSTILE}),
        phases=(dataclasses.replace(passed_report.phases[0], title=HOSTILE),),
        checks=(check,),
        controls=(Control(HOSTILE, HOSTILE, HOSTILE, "failed", HOSTILE),),
        parts=(Part(HOSTILE, "failed", 1, 2, 3, HOSTILE, HOSTILE[::-1], HOSTILE),),
        restore_by_hand=(dataclasses.replace(passed_report.restore_by_hand[0], title=HOSTILE, command=HOSTILE),),
    )
    source = render_html(conclude(report))
    page = Page(source)
    assert "script" not in page.tags
    assert page.texts.count(HOSTILE_SHOWN) >= 20
    assert f"Time by phase: {HOSTILE_SHOWN} 3.9 s, Other 33.3 s" in page.values("aria-label")
    assert HOSTILE_SHOWN in page.values("title")
    assert source.count("</style>") == 1 and source.count("</title>") == 1 + source.count("<g><title>")
    assert "\x1b" not in source and "\u202e" not in source


def test_a_name_written_from_right_to_left_keeps_to_itself(passed_report: Report) -> None:
    source = render_html(dataclasses.replace(passed_report, parts=(Part("\u05d8\u05d1\u05dc\u05d4", "passed", 1, 1),)))
    assert '<bdi dir="auto">\u05d8\u05d1\u05dc\u05d4</bdi>' in source


def test_the_bar_adds_up_to_the_whole_and_names_every_phase(passed_report: Report) -> None:
    page = Page(render_html(passed_report))
    widths = [float(value.rstrip("%")) for tag, name, value in page.attributes if tag == "rect" and name == "width"]
    assert len(widths) == 8  # seven phases, and what none of them accounts for
    assert sum(widths) == pytest.approx(100, abs=0.01)
    label = next(value for value in page.values("aria-label") if value.startswith("Time by phase"))
    assert all(phase.title in label for phase in passed_report.phases)
