# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The model, its schema, and what the evidence amounts to."""

from __future__ import annotations

import dataclasses
import decimal
import json
import math
import typing as t
from pathlib import Path

import jsonschema
import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._report import _content, _verdict
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import (
    Check,
    Control,
    Item,
    Measured,
    Part,
    Report,
    canonical_json,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._report._read import ReportFormatError
from ansible_collections.lifeboat.dr.plugins.module_utils._report._words import WORDS

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/schemas/report.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
GOOD = Check("a", "A", "content", "passed")
REFUSED = Control("flip", "Flip", "a bit", "passed")


def test_the_schema_is_a_valid_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    "name", ["passed_report", "failed_report", "many_tables_report", "streams_report", "buckets_report"]
)
def test_real_reports_follow_the_schema(name: str, request: pytest.FixtureRequest) -> None:
    VALIDATOR.validate(json.loads(canonical_json(request.getfixturevalue(name))))


def test_the_schema_refuses_a_green_report_with_a_red_check(failed_report: Report) -> None:
    data = failed_report.to_dict()
    data["verdict"] = "passed"
    assert not VALIDATOR.is_valid(data)


def test_the_schema_refuses_a_green_report_that_checked_nothing(passed_report: Report) -> None:
    data = passed_report.to_dict()
    data["checks"] = [{**check, "status": "skipped"} for check in data["checks"]]
    assert not VALIDATOR.is_valid(data)


@pytest.mark.parametrize("name", ["schema", "measured", "parts"])
def test_the_schema_misses_a_field_that_is_gone(passed_report: Report, name: str) -> None:
    data = passed_report.to_dict()
    del data[name]
    assert not VALIDATOR.is_valid(data)


def test_the_schema_and_the_model_name_the_same_fields(passed_report: Report) -> None:
    assert list(passed_report.to_dict()) == SCHEMA["required"]


@pytest.mark.parametrize(
    ("checks", "controls", "parts", "verdict"),
    [
        ([GOOD], [REFUSED], [], "passed"),
        ([GOOD], [], [], "passed"),
        (
            [GOOD, dataclasses.replace(GOOD, status="skipped")],
            [dataclasses.replace(REFUSED, status="skipped")],
            [],
            "passed",
        ),
        ([GOOD, dataclasses.replace(GOOD, status="failed")], [REFUSED], [], "failed"),
        ([GOOD, dataclasses.replace(GOOD, status="error")], [REFUSED], [], "failed"),
        ([GOOD], [REFUSED, dataclasses.replace(REFUSED, status="failed")], [], "failed"),
        ([GOOD], [REFUSED], [Part("t", "failed")], "failed"),
        ([dataclasses.replace(GOOD, status="skipped")], [REFUSED], [], "failed"),
        ([], [REFUSED], [Part("t", "passed")], "failed"),
        ([], [], [], "failed"),
    ],
)
def test_the_verdict_is_green_only_on_evidence(
    checks: list[Check], controls: list[Control], parts: list[Part], verdict: str
) -> None:
    assert _verdict.verdict_of(checks, controls, parts) == verdict


def test_a_report_is_red_until_its_evidence_is_counted(passed_report: Report) -> None:
    names = {field.name for field in dataclasses.fields(Report)} - {"verdict", "summary"}
    draft = Report(**{name: getattr(passed_report, name) for name in names})
    assert (draft.verdict, draft.summary) == ("failed", "")
    assert _verdict.conclude(draft) == passed_report


def test_a_report_cannot_say_passed_against_its_own_evidence(failed_report: Report) -> None:
    with pytest.raises(ReportFormatError, match="'passed'.*say 'failed'"):
        dataclasses.replace(failed_report, verdict="passed")


def test_the_summary_of_a_green_report_names_what_was_proven(passed_report: Report) -> None:
    assert passed_report.summary == (
        "shop/codex passed: 13 checks, 8 tables with 2,446,442 rows equal hash by hash, restored in 19.4 s."
    )
    assert "every one of 8 tables came back" in _verdict.meaning_of(passed_report)
    assert "3 copies damaged on purpose were refused." in _verdict.meaning_of(passed_report)


@pytest.mark.parametrize(
    ("status", "observed", "words"),
    [
        ("passed", "in_sync", "Both buckets are the same now, and the replica has"),
        ("passed", "lagging", "Both buckets are the same now but for what is young enough to be on its way, and"),
        ("skipped", None, "The source was not asked; the replica has"),
    ],
)
def test_of_the_source_of_a_pair_only_what_was_seen_is_said(
    buckets_report: Report, status: t.Any, observed: str | None, words: str
) -> None:
    pair = Check("content.pair", "Both buckets hold the same now", "content", status, "", "in_sync", observed)
    report = dataclasses.replace(buckets_report, checks=(*buckets_report.checks, pair))
    assert words in _verdict.meaning_of(report)


def test_streams_and_buckets_have_their_own_words(streams_report: Report, buckets_report: Report) -> None:
    assert "2 streams with 1,007 messages equal hash by hash" in streams_report.summary
    assert "every one of 2 streams came back" in _verdict.meaning_of(streams_report)
    assert "2 buckets with 6 objects equal hash by hash" in buckets_report.summary
    lost = Part("ORDERS", "failed", 5, 3)
    assert _verdict.part_difference(lost, streams_report.source.words) == "2 messages missing"
    assert (
        _verdict.part_difference(dataclasses.replace(lost, count_restored=None), WORDS["account"])
        == "not in the restored account"
    )
    assert (
        _verdict.part_difference(dataclasses.replace(lost, count_restored=6), WORDS["object_store"])
        == "1 object too many"
    )


def test_a_report_that_was_written_without_words_has_those_of_its_kind(streams_report: Report) -> None:
    document = streams_report.to_dict()
    del document["source"]["words"]
    assert Report.from_dict(document) == streams_report
    document["source"]["kind"] = "shop"
    with pytest.raises(ReportFormatError, match=r"report\.source\.kind is 'shop', .* one of database, account"):
        Report.from_dict(document)


def test_the_summary_of_a_red_report_names_the_checks(failed_report: Report) -> None:
    assert failed_report.summary == (
        "shop/codex failed: 3 of 14 checks did not hold (Content hashes are equal, No foreign key has an orphan, data "
        "is fresh)."
    )


def test_a_failure_says_each_reason_once(failed_report: Report) -> None:
    wrong = _verdict.bad(failed_report.checks)
    said = _content.failure_of(failed_report)
    assert said.startswith("shop/codex failed: 3 of 14 checks did not hold. ")
    assert [said.count(check.title) for check in wrong] == [1, 1, 1]
    assert [said.count(check.message.rstrip(".")) for check in wrong if check.message] == [
        1 for check in wrong if check.message
    ]
    assert ".." not in said


def test_a_failure_that_has_no_words_of_its_own_says_what_was_asked_for(passed_report: Report) -> None:
    check = Check("custom.1", "orders are there", "custom", "failed", "", ">= 1,000", 5)
    said = _content.failure_of(_verdict.conclude(dataclasses.replace(passed_report, verdict="failed", checks=(check,))))
    assert said == "shop/codex failed: 1 of 1 check did not hold. orders are there: 5, where >= 1,000 is asked for."


def test_a_damaged_copy_that_passed_outweighs_everything_else(passed_report: Report) -> None:
    through = dataclasses.replace(passed_report.controls[1], status="failed")
    report = _verdict.conclude(
        dataclasses.replace(passed_report, verdict="failed", controls=(*passed_report.controls, through))
    )
    assert report.verdict == "failed"
    assert report.summary == "shop/codex failed: the verification accepted 1 damaged copy (A cut tail)."
    assert "nothing this verification says can be relied on" in _verdict.meaning_of(report)


def test_a_report_without_checks_says_that_nothing_is_proven(passed_report: Report) -> None:
    report = _verdict.conclude(dataclasses.replace(passed_report, verdict="failed", checks=(), parts=(), controls=()))
    assert report.summary == "shop/codex failed: nothing was checked, so nothing is proven."


def test_tables_that_were_only_counted_are_not_called_proven_by_hash(passed_report: Report) -> None:
    parts = (Part("a", "passed", 5, 5, None, "f", "f"), Part("b", "passed", 7, 7), Part("c", "skipped"))
    report = dataclasses.replace(passed_report, parts=parts)
    assert _verdict.proof_of(parts) == _verdict.Proof(
        parts=3, hashed_parts=1, hashed_count=5, counted_parts=1, counted_count=7
    )
    assert "1 of 3 tables came back equal hash by hash, 1 by row count only, 1 not compared" in _verdict.meaning_of(
        report
    )


@pytest.mark.parametrize(
    ("entry", "difference"),
    [
        (Part("t", "passed", 1, 1), ""),
        (Part("t", "failed", 5, 3), "2 rows missing"),
        (Part("t", "failed", 5, 6), "1 row too many"),
        (Part("t", "failed", 5, 5, None, "a", "b"), "as many rows, but other content"),
        (Part("t", "failed", None, None, None, "a", "b"), "other content"),
        (Part("t", "failed", 5, None, None, "a", None), "not in the restored database"),
        (Part("t", "failed", None, 5, None, None, "b"), "restored, but the manifest does not know it"),
    ],
)
def test_the_difference_of_a_table_is_told_in_words(entry: Part, difference: str) -> None:
    assert _verdict.part_difference(entry, WORDS["database"]) == difference


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            ("schema",),
            "lifeboat.report/2",
            r"report\.schema is 'lifeboat\.report/2', but this version reads 'lifeboat\.report/1'",
        ),
        (("verdict",), "maybe", r"report\.verdict is 'maybe', but it has to be one of passed, failed\."),
        (("finished_at",), "yesterday", r"report\.finished_at is 'yesterday', but it has to be a UTC time"),
        (("source",), None, r"report\.source is null, but it has to be an object\."),
        (
            ("source", "words", "part"),
            7,
            r"report\.source\.words\.part is 7, but it has to be text\.",
        ),
        (
            ("backup", "counts", 1, "count"),
            "7",
            r"report\.backup\.counts\[1\]\.count is '7', but it has to be a whole number or null\.",
        ),
        (("source", "host"), 5, r"report\.source\.host is 5, but it has to be text\."),
        (
            ("backup", "stored_bytes"),
            "7",
            r"report\.backup\.stored_bytes is '7', but it has to be a whole number or null\.",
        ),
        (
            ("backup", "stored_bytes"),
            True,
            r"report\.backup\.stored_bytes is True, but it has to be a whole number or null\.",
        ),
        (
            ("backup", "repositories"),
            [1],
            r"report\.backup\.repositories is a list, but it has to be a list of texts\.",
        ),
        (
            ("measured", "restore_seconds"),
            {},
            r"report\.measured\.restore_seconds is an object, but it has to be a number or null\.",
        ),
        (
            ("checks", 3, "expected"),
            [],
            r"report\.checks\[3\]\.expected is a list, but it has to be text, a number, true, false or null\.",
        ),
        (("checks",), {}, r"report\.checks is an object, but it has to be a list of objects\."),
        (
            ("environment", "tool_versions"),
            {"age": 1},
            r"report\.environment\.tool_versions is an object, but it has to be an object of texts",
        ),
    ],
)
def test_a_wrong_field_is_named_with_its_value_and_what_would_be_right(
    passed_report: Report, path: tuple[str | int, ...], value: object, message: str
) -> None:
    data = passed_report.to_dict()
    inner = data
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    with pytest.raises(ReportFormatError, match=message):
        Report.from_dict(data)


def test_a_missing_field_is_named(passed_report: Report) -> None:
    data = passed_report.to_dict()
    del data["parts"][2]["algorithm"]
    with pytest.raises(ReportFormatError, match=r"report\.parts\[2\]\.algorithm is missing; it has to be text"):
        Report.from_dict(data)


def test_something_that_is_no_object_is_refused() -> None:
    with pytest.raises(ReportFormatError, match="report is a list, but it has to be an object"):
        Report.from_dict([])


def test_an_edited_verdict_is_refused_when_it_is_read_back(failed_report: Report) -> None:
    with pytest.raises(ReportFormatError, match="its checks, controls and parts say 'failed'"):
        Report.from_dict({**failed_report.to_dict(), "verdict": "passed"})


def test_fields_of_a_later_addition_are_ignored(passed_report: Report) -> None:
    assert Report.from_dict({**passed_report.to_dict(), "later": 1}) == passed_report


def test_numbers_that_json_does_not_have_become_null_or_text(passed_report: Report) -> None:
    check = Check(
        "n", "N", "custom", "passed", expected=math.inf, observed=math.nan, items=(Item("i", "passed", -math.inf),)
    )
    report = dataclasses.replace(
        passed_report, checks=(check,), measured=Measured(restore_seconds=math.nan, total_seconds=math.inf)
    )
    data = json.loads(canonical_json(report))
    assert (data["checks"][0]["expected"], data["checks"][0]["observed"]) == ("inf", "nan")
    assert data["checks"][0]["items"][0]["expected"] == "-inf"
    assert (data["measured"]["restore_seconds"], data["measured"]["total_seconds"]) == (None, None)
    VALIDATOR.validate(data)


def test_what_a_database_driver_gives_is_written_as_its_text(passed_report: Report) -> None:
    check = Check("n", "N", "custom", "passed", observed=decimal.Decimal("12.50"))  # type: ignore[arg-type]  # what psycopg2 returns
    report = dataclasses.replace(passed_report, checks=(check,))
    assert report.to_dict()["checks"][0]["observed"] == "12.50"
