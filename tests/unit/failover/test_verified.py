# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan that has changed since the last drill that passed is not verified, and says what has changed."""

from __future__ import annotations

import copy
import datetime
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._ledger import (
    CLOSED,
    DONE,
    DRILLS,
    OPENED,
    Ledger,
    Line,
    append,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._steps import steps_of
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._verified import (
    UNVERIFIED,
    VERIFIED,
    digest,
    fingerprint,
    standing,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._work._failover_common import last_passed_drill

from tests.unit.mock_repository import MockRepository

PLAN: dict[str, t.Any] = {
    "stores": [{"kind": "jetstream", "streams": ["ORDERS"], "servers": {"west": {"url": "nats://west:4222"}}}],
    "traffic": [{"kind": "dns", "key_name": "failover", "key_secret": "hidden", "key_secret_file": "/etc/key"}],
    "third_place": "witness",
}
NOW = datetime.datetime(2026, 11, 30, 3, tzinfo=datetime.UTC)
QUARTER = datetime.timedelta(days=90)


def drill(repository: MockRepository, number: int, plan: dict[str, t.Any], *, passed: bool = True) -> Ledger:
    """A drill of the plan, which ended at 02:00."""
    at = "2026-11-30T02:00:00Z"
    ledger = Ledger("shop", number, root=DRILLS)
    facts = {"mode": "drill", "plan": fingerprint(plan)}
    ledger = append(repository, ledger, Line(0, at, f"drill-{number}", "w", "me", OPENED, "", facts))
    for step in steps_of("drill")[: None if passed else 1]:
        ledger = append(repository, ledger, Line(0, at, f"drill-{number}", "w", "me", DONE, step.name))
    return append(repository, ledger, Line(0, at, f"drill-{number}", "w", "me", CLOSED))


def test_the_same_plan_is_verified_until_the_drill_is_too_old() -> None:
    passed = drill(MockRepository(), 1, PLAN)
    found = standing(passed, fingerprint(copy.deepcopy(PLAN)), NOW, QUARTER)
    assert (found.word, found.changed, found.drilled_at) == (VERIFIED, (), "2026-11-30T02:00:00Z")
    old = standing(passed, fingerprint(PLAN), NOW + datetime.timedelta(days=91), QUARTER)
    assert old.word == UNVERIFIED and "was 91 days ago" in old.because
    early = standing(passed, fingerprint(PLAN), NOW - datetime.timedelta(days=1), QUARTER)
    assert early.word == UNVERIFIED and "from the future" in early.because, "a wrong clock would verify it for ever"


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("third_place", {"third_place": "another"}),
        ("stores[0].streams[1]", {"stores": [{**PLAN["stores"][0], "streams": ["ORDERS", "INVOICES"]}]}),
        ("stores[0].servers.west.url", {"stores": [{**PLAN["stores"][0], "servers": {"west": {"url": "nats://x"}}}]}),
        ("traffic[0].key_secret_file", {"traffic": [{**PLAN["traffic"][0], "key_secret_file": "/etc/other"}]}),
        ("traffic[0].key_name", {"traffic": [{**PLAN["traffic"][0], "key_name": "other"}]}),
        ("health[0].url", {"health": [{"url": "http://x"}]}),
    ],
)
def test_each_change_is_named(path: str, change: dict[str, t.Any]) -> None:
    found = standing(drill(MockRepository(), 1, PLAN), fingerprint({**PLAN, **change}), NOW, QUARTER)
    assert (found.word, found.changed) == (UNVERIFIED, (path,))
    assert path in found.because and digest(fingerprint(PLAN)) != digest(fingerprint({**PLAN, **change}))


def test_a_secret_leaves_no_hash() -> None:
    changed = copy.deepcopy(PLAN)
    changed["traffic"][0]["key_secret"] = "another"
    assert fingerprint(changed) == fingerprint(PLAN)
    assert not [path for path in fingerprint(PLAN) if path.endswith(("key_secret", "password"))]


def test_the_newest_drill_that_passed_counts_and_one_that_failed_after_it_does_not() -> None:
    repository = MockRepository()
    assert last_passed_drill(repository, "shop") is None
    assert standing(None, fingerprint(PLAN), NOW, QUARTER).because == "no drill has passed yet"
    drill(repository, 1, {**PLAN, "third_place": "before"})
    drill(repository, 2, PLAN)
    drill(repository, 3, {**PLAN, "third_place": "later"}, passed=False)
    found = last_passed_drill(repository, "shop")
    assert found is not None and found.epoch == 2
    path = next(path for path in repository.files if path.startswith("_drills/shop/000002/000002"))
    repository.files[path] = b"{}"
    found = last_passed_drill(repository, "shop")
    assert found is not None and found.epoch == 1, "a drill whose ledger is damaged proves nothing"
