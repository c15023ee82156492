# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Properties of the report over any text that a database, a host or a user may hold."""

from __future__ import annotations

import html.parser
import json
import re
import string
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import visible
from ansible_collections.lifeboat.dr.plugins.module_utils._report import _model as model
from ansible_collections.lifeboat.dr.plugins.module_utils._report._html import render_html
from ansible_collections.lifeboat.dr.plugins.module_utils._report._html_parts import name as html_name
from ansible_collections.lifeboat.dr.plugins.module_utils._report._html_style import style_sheet
from ansible_collections.lifeboat.dr.plugins.module_utils._report._junit import render_junit
from ansible_collections.lifeboat.dr.plugins.module_utils._report._markdown import code, escape, render_markdown
from ansible_collections.lifeboat.dr.plugins.module_utils._report._verdict import conclude
from ansible_collections.lifeboat.dr.plugins.module_utils._report._words import WORDS
from ansible_collections.lifeboat.dr.plugins.module_utils._report._write import file_stem
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tests.repetitions import examples

SCHEMA = Path(__file__).parents[3] / "docs/schemas/report.schema.json"
VALIDATOR = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))

# Any code point, lone surrogates and control characters among them, and often the ones that mean something to a format.
TEXT = st.text(
    st.one_of(st.characters(exclude_categories=()), st.sampled_from(string.punctuation + "\n\t\r\x00\x1b\u202e ")),
    max_size=12,
)
COUNT = st.none() | st.integers(min_value=0, max_value=10**18)
SECONDS = st.none() | st.floats(min_value=0, max_value=1e7, allow_nan=False)
SCALAR = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
TIME = st.datetimes().map(lambda moment: moment.replace(microsecond=0).isoformat() + "Z")
ITEM = st.builds(model.Item, TEXT, st.sampled_from(model.CHECK_STATUSES), SCALAR, SCALAR, TEXT)
CHECK = st.builds(
    model.Check,
    *(TEXT, TEXT, st.sampled_from(model.GROUPS), st.sampled_from(model.CHECK_STATUSES), TEXT, SCALAR, SCALAR, SECONDS),
    st.lists(ITEM, max_size=8).map(tuple),
)
OUTCOME = st.sampled_from(model.OUTCOMES)
PART = st.builds(model.Part, TEXT, OUTCOME, COUNT, COUNT, COUNT, st.none() | TEXT, st.none() | TEXT, st.none() | TEXT)
BACKUP = st.builds(
    model.Backup,
    *(TIME, st.none() | TIME, SECONDS, COUNT, COUNT),
    st.lists(st.builds(model.Count, TEXT, COUNT), max_size=3).map(tuple),
    *(TEXT, TEXT),
    st.lists(st.builds(model.Detail, TEXT, TEXT), max_size=2).map(tuple),
    st.lists(TEXT, max_size=3).map(tuple),
)
REPORT = st.builds(
    model.Report,
    app=TEXT,
    component=TEXT,
    backup_id=TEXT,
    repository=TEXT,
    profile=st.sampled_from(model.PROFILES),
    started_at=TIME,
    finished_at=TIME,
    source=st.builds(model.Source, TEXT, TEXT, TEXT, TEXT, TEXT, st.sampled_from(list(WORDS.values()))),
    backup=BACKUP,
    environment=st.builds(model.Environment, TEXT, st.dictionaries(TEXT, TEXT, max_size=3)),
    measured=st.builds(model.Measured, SECONDS, SECONDS, SECONDS, SECONDS, SECONDS),
    phases=st.lists(st.builds(model.Phase, TEXT, TEXT, SECONDS, COUNT), max_size=4).map(tuple),
    checks=st.lists(CHECK, max_size=4).map(tuple),
    controls=st.lists(st.builds(model.Control, TEXT, TEXT, TEXT, OUTCOME, TEXT), max_size=3).map(tuple),
    parts=st.lists(PART, max_size=4).map(tuple),
    restore_by_hand=st.lists(st.builds(model.Step, TEXT, TEXT), max_size=2).map(tuple),
).map(conclude)
ELEMENTS = {
    *(
        "html",
        "head",
        "meta",
        "link",
        "title",
        "style",
        "body",
        "main",
        "header",
        "section",
        "footer",
        "div",
        "p",
        "h1",
        "h2",
        "h3",
    ),
    *(
        "svg",
        "symbol",
        "g",
        "path",
        "circle",
        "rect",
        "line",
        "text",
        "use",
        "bdi",
        "span",
        "strong",
        "code",
        "pre",
        "time",
        "br",
    ),
    *("dl", "dt", "dd", "ol", "ul", "li", "table", "caption", "thead", "tbody", "tr", "th", "td", "details", "summary"),
}
MARKDOWN_ELEMENTS = {
    *(
        "h2",
        "h3",
        "p",
        "strong",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "br",
        "code",
        "pre",
        "ul",
        "li",
        "details",
        "summary",
    ),
}
RARELY = settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Names(html.parser.HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@RARELY
@given(REPORT)
def test_a_report_survives_its_own_json(report: model.Report) -> None:
    assert model.Report.from_dict(json.loads(model.canonical_json(report))) == report
    assert model.Report.from_dict(report.to_dict()) == report


@RARELY
@given(REPORT)
def test_any_report_follows_the_schema(report: model.Report) -> None:
    VALIDATOR.validate(json.loads(model.canonical_json(report)))


@given(TEXT)
def test_a_name_in_html_is_one_text_and_nothing_else(text: str) -> None:
    page = Names(html_name(text))
    assert page.tags == ["bdi"]
    assert "".join(page.texts) == visible(text, keep="\n\t")


@given(TEXT)
def test_no_running_title_gets_out_of_its_string(text: str) -> None:
    rule = style_sheet(text).split("@bottom-left { content: ")[1]
    assert re.match(r'"(?:[A-Za-z0-9]|\\[0-9a-f]+ )*";', rule)


@RARELY
@given(REPORT)
def test_no_report_brings_its_own_elements_into_the_page(report: model.Report) -> None:
    source = render_html(report)
    tags = set(Names(source).tags)
    assert tags <= ELEMENTS
    assert source.encode("utf-8")


@RARELY
@given(REPORT)
def test_junit_is_well_formed_xml_and_red_when_the_verdict_is(report: model.Report) -> None:
    root = ElementTree.fromstring(render_junit(report).encode("utf-8"))
    cases = root.findall("testsuite/testcase")
    assert (
        len(cases)
        == int(root.get("tests", ""))
        == sum(int(suite.get("tests", "")) for suite in root.findall("testsuite"))
    )
    failures, errors = len(root.findall(".//failure")), len(root.findall(".//error"))
    assert (failures, errors) == (int(root.get("failures", "")), int(root.get("errors", "")))
    assert (failures + errors > 0) == (report.verdict == "failed")


def shown(markdown: str) -> Names:
    return Names(MarkdownIt("commonmark").enable("table").enable("strikethrough").render(markdown))


@given(TEXT)
def test_a_name_in_markdown_is_text_in_a_paragraph_and_in_one_cell_of_a_table(text: str) -> None:
    wanted = " ".join(visible(text, keep="\n\t").split())
    paragraph = shown(f"{escape(text)}")
    assert set(paragraph.tags) <= {"p"}
    assert "".join(paragraph.texts).strip().replace("\u2060", "") == wanted.replace("\u2060", "")
    table = shown(f"| a | b |\n|---|---|\n| {escape(text)} | {code(text)} |\n")
    assert table.tags == ["table", "thead", "tr", "th", "th", "tbody", "tr", "td", "td", "code"]


@RARELY
@given(REPORT)
def test_markdown_holds_no_element_but_its_own(report: model.Report) -> None:
    page = shown(render_markdown(report))
    assert set(page.tags) <= MARKDOWN_ELEMENTS
    assert page.tags.count("h2") == 1


@RARELY
@given(REPORT)
def test_any_report_has_a_file_name_that_is_only_a_name(report: model.Report) -> None:
    stem = file_stem(report)
    assert re.fullmatch(r"[A-Za-z0-9_%.-]+", stem) and len(stem) <= 200
    assert not stem.startswith((".", "-"))
