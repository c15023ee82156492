# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a rehearsal restores and what it makes of the proofs."""

from __future__ import annotations

import datetime
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.plugin_utils._rehearsal import (
    choices,
    failures,
    outcomes,
    patience,
    promises,
    proofs,
    schema_checks,
    stores,
    variant,
)


def _found(component: str, which: t.Any, *ids: str) -> dict[str, t.Any]:
    return {"rehearsal_pair": [component, which], "backups": [{"backup_id": one} for one in ids]}


def test_without_a_look_the_newest_of_every_component_is_chosen() -> None:
    for looked in ({}, {"results": [{"skipped": True, "rehearsal_pair": ["a", "newest"]}]}):
        assert [(one["component"], one["backup"]) for one in choices(looked, ["a", "b"])] == [
            ("a", "newest"),
            ("b", "newest"),
        ]


def test_a_backup_that_is_asked_for_twice_is_restored_once_and_says_so() -> None:
    looked = {"results": [_found("a", "newest", "1"), _found("a", "oldest", "1"), _found("b", "newest", "1")]}
    assert [(one["component"], one["name"]) for one in choices(looked, ["a", "b"])] == [
        ("a", "a, newest = oldest"),
        ("b", "b, newest"),
    ]


def test_chance_is_taken_once_and_the_newest_stays_asked_for_by_its_name() -> None:
    looked = {"results": [_found("a", "newest", "2"), _found("a", "random", "1")]}
    assert [one["backup"] for one in choices(looked, ["a"])] == ["newest", "1"]


@pytest.mark.parametrize("asked", [("oldest", "newest"), ("random", "newest"), ("1", "newest"), ("newest", "oldest")])
def test_a_damaged_newest_one_is_an_error_in_whatever_order_backups_are_asked_for(asked: tuple[str, str]) -> None:
    """Only the word makes it one: the oldest is good, whatever else there is."""
    (one,) = choices({"results": [_found("a", which, "1") for which in asked]}, ["a"])
    assert (one["backup"], one["backup_id"]) == ("newest", "1")
    before = {"before": "2026-01-01"}
    (other,) = choices({"results": [_found("a", "oldest", "1"), _found("a", before, "1")]}, ["a"])
    assert other["backup"] == before


def test_a_proof_of_another_day_is_told_from_one_of_this_rehearsal() -> None:
    asked = choices({}, ["a"])[0]
    plan = {"components": [{"name": "a", "engine": "postgresql"}]}
    young = {"verdict": "passed", "verified_at": "2026-01-01T02:00:00Z", "changed": False, "rehearsal_one": asked,
             "profile": "quick"}  # fmt: skip
    earlier, now = (
        proofs({"results": [one]}, plan)[0] for one in (young, {**young, "changed": True, "summary": "shop/a passed"})
    )
    assert (earlier["proven_at"], now["proven_at"]) == ("2026-01-01T02:00:00Z", "") and now["profile"] == "quick"
    assert "not restored in this rehearsal" in earlier["message"] and now["message"] == "shop/a passed"


def test_what_could_not_be_chosen_is_left_to_its_proof() -> None:
    before = {"before": "2001-01-01"}
    looked = {"results": [{"rehearsal_pair": ["a", before], "failed": False, "msg": "fits no backup"}]}
    (one,) = choices(looked, ["a"])
    assert (one["backup"], one["backup_id"], one["name"]) == (before, "", "a, before 2001-01-01")


def test_a_proof_is_good_only_where_a_module_has_said_so() -> None:
    asked = choices({}, ["a"])[0]
    plan = {"components": [{"name": "a", "engine": "postgresql"}]}
    results: list[tuple[dict[str, t.Any], str]] = [
        ({"verdict": "passed"}, "passed"),
        ({"planned": {}}, "planned"),
        ({"verdict": "failed", "msg": "red"}, "failed"),
        ({"msg": "There is no backup of shop/a"}, "failed"),
        ({}, "failed"),
        ({"unreachable": True}, "failed"),
    ]
    for result, status in results:
        (proof,) = proofs({"results": [{**result, "rehearsal_one": asked}]}, plan)
        assert proof["status"] == status, result


def test_the_lines_of_a_failure_name_step_backup_reason_and_report() -> None:
    asked = choices({}, ["a"])[0]
    red = [{"id": f"custom.{n}", "title": f"question {n}", "status": "failed", "message": "no"} for n in range(5)]
    result = {"verdict": "failed", "msg": "a failed: no.", "checks": red, "report_files": {"html": "/r/a.html"}}
    shown = proofs({"results": [{**result, "rehearsal_one": asked}]}, {"components": [{"name": "a", "engine": "x"}]})
    steps = [
        {"title": "check", "status": "passed", "message": ""},
        {"title": "prove", "status": "failed", "message": "1 of 1 backups are not proven."},
    ]
    report = {"report_files": {"html": "/r/r.html"}, "problems": ["The recovery time of a: 3 s", "a: red"]}
    assert failures(steps, shown, report) == [
        "Step 2, prove: 1 of 1 backups are not proven.",
        "a, newest: a failed: no.",
        "a, newest: and 2 more",
        "a, newest: its report is /r/a.html",
        "The recovery time of a: 3 s",
        "The report is /r/r.html",
    ]
    assert failures(steps[:1], [], {"failed": True, "msg": "disk full"}) == [
        "There is no report of the rehearsal: disk full"
    ]


def test_people_are_notified_of_each_component_once_and_of_the_rehearsal_where_it_did_more_than_prove() -> None:
    good = {"component": "a", "status": "passed", "message": "fine"}
    bad = {"component": "a", "status": "failed", "message": "red"}
    prove = {"name": "prove", "title": "prove", "status": "failed", "message": "1 of 2"}
    assert outcomes([prove], [good, bad, good]) == [{"name": "a", "state": "failed", "reason": "red"}]
    check = {"name": "check", "title": "ask", "status": "failed", "message": "502"}
    assert outcomes([check], [good])[1] == {"name": "rehearsal", "state": "failed", "reason": "ask: 502"}
    assert outcomes([{**check, "status": "passed"}], [])[0]["state"] == "good"
    assert outcomes([{**check, "status": "skipped"}], []) == []


_SCHEMA = (
    "-- PostgreSQL database dump\n\\restrict abc\n\nSET lock_timeout = 0;\nCREATE TABLE orders (\n    id integer\n);\n"
)


def test_a_schema_is_compared_without_what_pg_dump_writes_anew_each_time() -> None:
    other = _SCHEMA.replace("abc", "xyz").replace("SET lock_timeout = 0;", "SET row_security = off;")
    (same,) = schema_checks({"results": [{"rehearsal_schema": "a", "stdout": other}]}, {"a": _SCHEMA})
    assert same["status"] == "passed" and same["observed"] == "3 lines, and the same"
    (red,) = schema_checks(
        {"results": [{"rehearsal_schema": "a", "stdout": other.replace("integer", "bigint")}]}, {"a": _SCHEMA}
    )
    assert red["status"] == "failed" and "-    id integer" in red["observed"] and "+    id bigint" in red["observed"]


def test_a_line_of_a_function_that_looks_like_a_setting_is_compared() -> None:
    body = "CREATE FUNCTION pay() RETURNS void LANGUAGE sql AS $$\nUPDATE a\nSET balance = balance - 1;\n$$;\n"
    other = body.replace("- 1", "- 100")
    (red,) = schema_checks({"results": [{"rehearsal_schema": "a", "stdout": _SCHEMA + other}]}, {"a": _SCHEMA + body})
    assert red["status"] == "failed" and "+SET balance = balance - 100;" in red["observed"]


def test_a_schema_that_was_not_described_and_an_empty_one_are_red() -> None:
    for dumped in ({}, {"results": [{"rehearsal_schema": "a"}]}):
        assert schema_checks(dumped, {"a": ""})[0]["status"] == "failed"


def test_the_stores_are_found_by_their_names_and_what_is_promised_is_found_in_the_plan() -> None:
    result = {"rehearsal_store": "a", "database": "shop", "scratch": {"host": "/x"}, "invocation": {"secret": 1}}
    assert stores({"results": [result]}) == {"a": {"database": "shop", "scratch": {"host": "/x"}}}
    plan = {"components": [{"name": "a", "objectives": {"rto": "1h"}}, {"name": "b"}, {"name": "c", "objectives": {}}]}
    assert promises(plan) == {"a": "1h"}


@pytest.mark.parametrize(
    ("day", "name"),
    [
        ("2026-01-04", "quarterly"),
        ("2026-01-08", ""),
        ("2026-02-01", "monthly"),
        ("2026-02-07", "monthly"),
        ("2026-02-08", ""),
        ("2026-03-31", ""),
        ("2026-10-07", "quarterly"),
    ],
)
def test_the_first_rehearsal_of_a_month_and_of_a_quarter_is_another_one(day: str, name: str) -> None:
    variants = {"monthly": {"backups": ["oldest"]}, "quarterly": {"backups": ["random"]}, "escrow": {}}
    found = variant(variants, "auto", datetime.date.fromisoformat(day))
    assert found == ({**variants[name], "name": name} if name else {})
    assert variant(variants, "escrow", datetime.date.fromisoformat(day)) == {"name": "escrow"}
    assert variant(variants, "", datetime.date.fromisoformat(day)) == {}


def test_without_a_quarterly_variant_a_quarter_begins_as_a_month() -> None:
    assert variant({"monthly": {}}, "auto", datetime.date(2026, 4, 1)) == {"name": "monthly"}


def test_a_server_is_not_waited_for_longer_than_there_is_time() -> None:
    folder, bucket, hasty = {"path": "/b"}, {"bucket": "b"}, {"bucket": "b", "request_time_limit": 5}
    assert patience([folder, bucket, hasty], 20) == [folder, {**bucket, "request_time_limit": 20}, hasty]
    assert patience([folder, bucket, hasty], 0) == [folder, bucket, hasty]
