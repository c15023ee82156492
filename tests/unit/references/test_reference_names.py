# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one store names of another: the key of a plan, and the checks that a rehearsal makes of it."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._references._names import exchange, taken_by
from ansible_collections.lifeboat.dr.plugins.plugin_utils._components import references_call
from ansible_collections.lifeboat.dr.plugins.plugin_utils._engines import ENGINES
from ansible_collections.lifeboat.dr.plugins.plugin_utils._lifeboat_plan import plan_errors
from ansible_collections.lifeboat.dr.plugins.plugin_utils._references import checks, items, needed
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.repetitions import examples

_BUCKET = {"bucket": "uploads-dr", "region": "eu-west-1"}
PLAN: dict[str, t.Any] = {
    "app": "shop",
    "repositories": [{"path": "/var/backups"}],
    "components": [
        {"name": "codex", "engine": "postgresql", "dsn": "postgresql:///codex"},
        {"name": "events", "engine": "jetstream", "url": "nats://production:4222"},
        {"name": "uploads", "engine": "s3", "source": {"bucket": "uploads"}, "destination": _BUCKET},
        {"name": "sessions", "engine": "redis", "login_host": "production"},
        {"name": "cluster", "engine": "postgresql_physical", "dsn": "postgresql:///postgres"},
    ],
    "references": [
        {
            "name": "every receipt is in the bucket",
            "from": {"component": "codex", "query": "select key from receipts"},
            "to": {"component": "uploads", "prefix": "receipts/"},
        },
        {
            "name": "every message names an order",
            "from": {"component": "events", "stream": "ORDERS", "json_path": "id"},
            "to": {"component": "codex", "query": "select id from orders"},
            "max_missing": 2,
        },
    ],
}
STORES = {
    "codex": {"database": "codex", "scratch": {"host": "/var/tmp/x", "port": 5433, "user": "postgres"}},
    "events": {"streams": []},
}
RESTORE = {"events": {"url": "nats://staging:4222", "streams": ["ORDERS"]}}


def changed(side: str, **keys: t.Any) -> dict[str, t.Any]:
    first = PLAN["references"][0]
    return {**PLAN, "references": [{**first, side: {**first[side], **keys}}]}


def test_a_plan_with_references_has_no_errors() -> None:
    assert plan_errors(PLAN) == []


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (changed("from", component="lost"), "references[0].from.component is 'lost'; the components are codex"),
        (changed("to", component="cluster"), "references[0].to.component: cluster is"),
        (changed("to", stream="X"), "references[0].to.stream is not a key of a plan"),
        (changed("from", take="("), "references[0].from: take is '(', which is not a regular expression"),
        ({**PLAN, "references": [PLAN["references"][0]] * 2}, "Give each a name of its own"),
        ({**PLAN, "references": [{**PLAN["references"][0], "max_missing": -1}]}, "max_missing is -1"),
        ({**PLAN, "references": [{"name": "x", "from": {"component": "codex"}}]}, "missing required arguments: to"),
        ({**PLAN, "references": [{**PLAN["references"][0], "from": {"component": "codex"}}]}, "arguments: query"),
    ],
)
def test_each_mistake_is_named(plan: dict[str, t.Any], words: str) -> None:
    assert words in " ".join(plan_errors(plan))


def test_each_side_goes_to_what_was_restored_and_never_to_production() -> None:
    calls = [
        references_call(PLAN, item, stores=STORES, restore=RESTORE, folder="/kept", seconds=9)
        for item in items(PLAN["references"])
    ]
    assert [call.module.removeprefix("lifeboat.dr.") for call in calls] == [
        "pg_references",
        "s3_references",
        "jetstream_references",
        "pg_references",
    ]
    assert calls[0].arguments["login_host"] == "/var/tmp/x" and calls[0].arguments["login_db"] == "codex"
    assert calls[0].arguments["write_to"] == calls[1].arguments["look_for"] == "/kept/references/0.names"
    assert calls[1].arguments["bucket"] == _BUCKET and calls[1].arguments["prefix"] == "receipts/"
    assert calls[2].arguments["url"] == "nats://staging:4222" and "streams" not in calls[2].arguments
    assert all(call.arguments["time_limit"] == "9s" for call in calls)
    for call, engine in zip(calls, ("postgresql", "s3", "jetstream", "postgresql"), strict=True):
        module = ENGINES[engine].references
        assert module is not None and set(call.arguments) <= set(module.spec)


def test_a_database_on_a_server_of_the_staging_host_is_asked_there() -> None:
    item = items(PLAN["references"])[0]
    restore = {"codex": {"target": {"dsn": "postgresql:///codex_staging"}}}
    call = references_call(PLAN, item, stores={"codex": {"database": "x"}}, restore=restore, folder="/kept")
    assert call.arguments["dsn"] == "postgresql:///codex_staging"


def test_a_store_that_was_not_restored_is_an_error() -> None:
    with pytest.raises(OptionError, match="codex was not restored"):
        references_call(PLAN, items(PLAN["references"])[0], stores={}, restore={}, folder="/kept")


def test_what_has_to_be_restored_and_what_needs_a_place() -> None:
    assert needed(PLAN["references"], PLAN["components"], places=False) == ["codex", "events"]
    assert needed(PLAN["references"], PLAN["components"], places=True) == ["events"]
    assert needed(None, PLAN["components"], places=False) == []


def looked(*results: dict[str, t.Any]) -> dict[str, t.Any]:
    pairs = zip(items(PLAN["references"]), results, strict=False)
    return {"results": [{"rehearsal_one": item, **result} for item, result in pairs]}


def seen(entries: int = 3, names: int = 3, missing: t.Sequence[str] = (), unnamed: int = 0) -> dict[str, t.Any]:
    some = {"missing": len(missing), "missing_names": list(missing)}
    return {"entries": entries, "names": names, "unnamed": unnamed, **some}


def test_a_check_says_how_much_was_compared_and_what_is_missing() -> None:
    found = checks(looked(seen(), seen(9), seen(5, unnamed=1), seen(7, 4, ["a", "b", "c"])), PLAN["references"])
    assert [one["status"] for one in found] == ["passed", "failed"]
    assert found[0]["observed"] == "3 names of 3 entries, looked for in 9 entries: all are there"
    assert found[1]["expected"] == "what events names is in codex, but for at most 2"
    assert found[1]["observed"].endswith("(1 without a name), looked for in 7 entries: 3 missing: a, b, c")
    tolerated = checks(looked(seen(), seen(), seen(), seen(7, 4, ["a", "b"])), PLAN["references"])
    assert tolerated[1]["status"] == "passed" and "2 missing: a, b" in tolerated[1]["observed"]


@pytest.mark.parametrize(
    "result",
    [
        looked(),
        looked({"failed": True, "msg": "The query failed."}, seen()),
        looked(seen(), {"failed": True, "msg": "Nothing was compared: there is no name to look for."}),
        looked(seen(), {"skipped": True}),
    ],
)
def test_what_was_not_compared_is_never_good(result: dict[str, t.Any]) -> None:
    assert [one["status"] for one in checks(result, PLAN["references"])] == ["error", "error"]
    assert all(one["observed"] for one in checks(result, PLAN["references"]))


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.text(), min_size=1, max_size=20), st.lists(st.text(), max_size=20))
def test_exactly_what_is_not_there_is_missing(
    tmp_path_factory: pytest.TempPathFactory, named: list[str], there: list[str]
) -> None:
    file = str(tmp_path_factory.getbasetemp() / "property.names")
    written = exchange({"take": None, "write_to": file, "look_for": None}, named)
    found = exchange({"take": None, "write_to": None, "look_for": file}, there)
    assert written["names"] == found["names"] == len(set(named))
    assert found["missing"] == len(set(named) - set(there))
    assert set(found["missing_names"]) <= set(named) - set(there)


def test_no_name_to_look_for_is_an_error(tmp_path: pathlib.Path) -> None:
    file = str(tmp_path / "x.names")
    exchange({"take": "(y)", "write_to": file, "look_for": None}, ["a"])
    with pytest.raises(LifeboatError, match="Nothing was compared"):
        exchange({"take": None, "write_to": None, "look_for": file}, ["a"])


def test_a_name_is_the_group_or_all_that_matches() -> None:
    assert taken_by(r"^a/(\d+)")("a/12/b") == "12" and taken_by(r"\d+")("a/12/b") == "12"
    assert taken_by(r"^b")("a") is None and taken_by(None)("a") == "a"
