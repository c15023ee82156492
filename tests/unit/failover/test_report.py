# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of a failover out of its ledger: what is not known is never 0, and every rendering says the same."""

from __future__ import annotations

import dataclasses
import json
import typing as t
from xml.etree import ElementTree

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._failover import _render
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._account import (
    MET,
    MISSED,
    NOT_PROMISED,
    Account,
    account_of,
    canonical_json,
    skew_of,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._ledger import (
    CLOSED,
    DONE,
    FAILED,
    INTENT,
    OPENED,
    RESUMED,
    SKIPPED,
    Ledger,
    Line,
    append,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._steps import steps_of

from tests.unit.mock_repository import MockRepository

LOSS = {"store": "codex", "lag": "12 s", "budget": "60 s", "budget_seconds": 60.0, "seconds": 12.0, "beats": 2,
        "amount": 4096, "unit": "bytes"}  # fmt: skip


def at(second: int) -> str:
    return f"2026-11-30T03:{second // 60:02d}:{second % 60:02d}Z"


def run(mode: str, *, until: str = "", loss: dict[str, t.Any] | None = None, **facts: t.Any) -> Account:
    """A run whose lines are a second apart from 03:01:00 on; ``until`` is the step that fails."""
    repository, second = MockRepository(), 60
    opened = {"mode": mode, "source": "eu-central", "target": "eu-west", **facts}
    ledger = append(repository, Ledger("shop", 3), Line(0, at(second), "run-3", "w", "me", OPENED, "", opened))
    for step in steps_of(mode):
        failed = step.name == until
        found: dict[str, t.Any] = {"message": "it broke | <b>"} if failed else {}
        if step.name == "verdict":
            found = {"verdict": "DOWN", "because": "Nobody sees it.", "losses": [loss or LOSS],
                     "accepted": {"single_vantage": "no third place", "data_loss": ""}}  # fmt: skip
        if step.name == "approve":
            found = {"sentence": "unplanned failover of shop; at most 60 s."}
        for phase, with_facts in ((INTENT, {}), (FAILED if failed else DONE, found)):
            second += 1
            line = Line(0, at(second), "run-3", "w", "me", phase, step.name, dict(with_facts))
            ledger = append(repository, ledger, line)
        if failed:
            return account_of(ledger)
    return account_of(append(repository, ledger, Line(0, at(second + 1), "run-3", "w", "me", CLOSED)))


def test_an_unplanned_run_counts_from_the_last_heartbeat_to_the_verified_service() -> None:
    account = run("unplanned", last_beat_at=at(0), first_look_at=at(20), rto="15m")
    assert (account.outcome, account.times.t0, account.times.t1, account.times.t2) == ("done", at(0), at(20), at(60))
    assert account.rto_seconds == 60 + 2 * [s.name for s in steps_of("unplanned")].index("commit") + 2
    assert (account.rto_status, account.rto_promised_seconds) == (MET, 900.0)
    assert account.execution_seconds == account.rto_seconds - 60
    store = account.stores[0]
    assert (store.lost_seconds, store.lost_beats, store.lost_amount, store.status) == (12.0, 2, 4096, MET)
    assert [(one.name, one.reason) for one in account.overrides] == [("single_vantage", "no third place")]


def test_what_is_not_known_is_not_zero_and_counts_as_missed() -> None:
    account = run("unplanned", loss={**LOSS, "seconds": None, "beats": None, "amount": None}, rto="15m")
    assert (account.times.t0, account.rto_seconds, account.rto_status) == (None, None, MISSED)
    assert (account.stores[0].lost_seconds, account.stores[0].status) == (None, MISSED)
    assert _render.worst_loss(account) is None
    for text in (_render.render_html(account), _render.render_markdown(account)):
        assert "unknown" in text


def test_a_planned_run_loses_nothing_when_it_was_drained_and_an_unknown_amount_when_not() -> None:
    done = run("planned", loss={**LOSS, "budget_seconds": None})
    assert (done.stores[0].lost_seconds, done.stores[0].status) == (0.0, NOT_PROMISED)
    assert done.rto_status == NOT_PROMISED and done.rto_seconds is not None
    halted = run("planned", until="drain")
    assert (halted.stores[0].lost_seconds, halted.stores[0].status) == (None, MISSED)
    assert halted.outcome == "not executed" and halted.times.t6 is None


@pytest.mark.parametrize("mode", ["planned", "failback"])
def test_a_run_that_waits_for_every_store_accounts_for_every_store(mode: str) -> None:
    facts: dict[str, t.Any] = {"stores": ["events", "codex", "cache"], "objectives": {"events": "30s", "codex": "1m"}}
    done = run(mode, **facts)
    assert [(store.name, store.promised_seconds, store.lost_seconds) for store in done.stores] == [
        ("codex", 60.0, 0.0),
        ("events", 30.0, 0.0),
        ("cache", None, 0.0),
    ]
    halted = run(mode, until="drain", **facts)
    assert [store.lost_seconds for store in halted.stores] == [None] * 3
    assert [store.name for store in run("unplanned", **facts).stores] == ["codex"], "there, each is measured"
    assert [store.name for store in run(mode, stores="events", objectives=[]).stores] == ["codex"]


def test_a_run_that_was_gone_on_with_says_who_and_why() -> None:
    repository = MockRepository()
    ledger = append(repository, Ledger("shop", 1), Line(0, at(0), "run", "w", "one", OPENED, "", {"mode": "planned"}))
    ledger = append(repository, ledger, Line(0, at(9), "run", "v", "two", RESUMED, "", {}))
    ledger = append(repository, ledger, Line(0, at(10), "run", "v", "two", SKIPPED, "freeze", {"why": "nothing named"}))
    account = account_of(ledger)
    assert [(one.name, one.actor) for one in account.overrides] == [("resumed", "two")]
    assert account.actors == ("one", "two")
    assert (account.steps[0].status, account.steps[0].seconds) == (SKIPPED, None)


@pytest.mark.parametrize("mode", ["planned", "unplanned", "failback", "drill"])
@pytest.mark.parametrize("until", ["", "middle"])
def test_every_rendering_is_well_formed_and_the_same_each_time(mode: str, until: str) -> None:
    until = ("drill_database" if mode == "drill" else "promote_database") if until else ""
    account = run(mode, until=until, rejoined={"lost_transactions": 2, "saved": "/saved"})
    assert canonical_json(account) == canonical_json(account)
    assert json.loads(canonical_json(account))["ledger_sha256"] == account.ledger_sha256
    html = _render.render_html(account)
    assert html == _render.render_html(account)
    assert "<b>" not in html and account.ledger_sha256 in html
    markdown = _render.render_markdown(account)
    widths = [line.replace("\\|", "").count("|") for line in markdown.splitlines() if line.startswith("|")]
    assert widths and set(widths) <= {4, 5, 6}
    junit = ElementTree.fromstring(_render.render_junit(account))
    assert len(junit.findall("testsuite/testcase")) == len(account.steps) + len(account.stores) + 1
    assert bool(junit.findall("testsuite[@name='Steps']/testcase/failure")) is bool(until)


def test_the_report_says_how_far_apart_the_stores_are() -> None:
    assert skew_of([]) is None and skew_of([3.0, None]) is None
    assert skew_of([3.0, 12.5, 4.0]) == 9.5
    account = run("unplanned")
    two = dataclasses.replace(account, stores=account.stores * 2, skew_seconds=9.5)
    for text in (_render.render_html(two), _render.render_markdown(two)):
        assert "The stores are 9.5 s apart" in text
    assert "apart" not in _render.render_markdown(account)


def test_a_drill_calls_itself_one_and_says_that_nothing_was_moved() -> None:
    passed, failed = run("drill"), run("drill", until="drill_copies")
    assert (passed.outcome, failed.outcome) == ("passed", "failed")
    assert "# PASSED: drill of shop" in _render.render_markdown(passed)
    assert "Nothing was moved" in _render.render_html(failed)
