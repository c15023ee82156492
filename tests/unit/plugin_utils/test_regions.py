# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The regions of a plan: mistakes are named, and each direction gives the variables of a failover."""

from __future__ import annotations

import copy
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.plugin_utils._lifeboat_plan import plan_errors
from ansible_collections.lifeboat.dr.plugins.plugin_utils._regions import failover_variables

PLAN: dict[str, t.Any] = {
    "app": "shop",
    "repositories": [{"path": "/var/backups/lifeboat"}],
    "objectives": {"rpo": "60s", "rto": "15m"},
    "components": [{"name": "codex", "engine": "postgresql"}, {"name": "sessions", "engine": "redis"}],
    "third_place": "witness",
    "regions": [
        {
            "name": "eu-central-1",
            "host": "db1",
            "database": {
                "dsn": "host=db1 dbname=codex", "address": "db1", "unit": "postgresql@15-main",
                "data_dir": "/var/lib/postgresql/15/main", "replication": "host=db1 user=replicator", "slot": "central",
            },
        },
        {"name": "eu-west-1", "database": {"dsn": "host=db2", "address": "db2", "data_dir": "/data"}},
    ],
    "failover": {"component": "codex", "ledger": {"path": "/var/lib/lifeboat/ledger"}},
}  # fmt: skip


def changed(*path: t.Any, value: t.Any) -> dict[str, t.Any]:
    """The good plan with another value at this place; None takes it out."""
    plan = copy.deepcopy(PLAN)
    place: t.Any = plan
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return plan


class TestErrors:
    def test_a_plan_with_regions_can_be_used(self) -> None:
        assert plan_errors(PLAN) == []

    @pytest.mark.parametrize(
        ("plan", "said"),
        [
            (changed("failover", value=None), "regions is there and failover is not"),
            (changed("regions", value=None), "failover is there and regions is not"),
            (changed("regions", value=PLAN["regions"][:1]), "regions has 1 of at least two"),
            (changed("regions", 1, "name", value="eu-central-1"), "regions[1].name is eu-central-1, as another one's"),
            (changed("regions", 1, "name", value="eu west"), "regions[1].name"),
            (changed("regions", 0, "database", "slot", value="Slot-1"), "regions[0].database.slot: 'Slot-1' cannot"),
            (
                changed("regions", 0, "database", "data_dir", value="main"),
                "regions[0].database.data_dir: 'main' is not",
            ),
            (changed("regions", 0, "database", "port", value=70000), "regions[0].database.port is 70000"),
            (changed("regions", 0, "database", "replication", value="password=x"), "replication holds a password"),
            (changed("regions", 0, "database", "replication", value="postgresql://u:x@h/"), "holds a password"),
            (changed("regions", 0, "databas", value={}), "Did you mean database?"),
            (changed("third_place", value="db1"), "third_place is db1, which is the host of a region"),
            (changed("failover", "component", value="sessions"), "failover.component is 'sessions', which is not"),
            (changed("failover", "ledger", value={}), "ledger"),
            (changed("failover", "min_outage", value="soon"), "failover.min_outage"),
            (changed("failover", "min_probes", value=0), "failover.min_probes is 0"),
            (changed("failover", "min_outag", value="5m"), "failover.min_outag"),
        ],
    )
    def test_a_mistake_is_named_with_its_key(self, plan: dict[str, t.Any], said: str) -> None:
        errors = plan_errors(plan)
        assert errors and any(said in error for error in errors), errors


class TestVariables:
    def test_the_second_region_takes_over_from_the_first(self) -> None:
        found = failover_variables(PLAN, "unplanned", "")
        assert (found["source"]["region"], found["target"]["region"]) == ("eu-central-1", "eu-west-1")
        assert found["source"]["host"] == "db1" and found["source"]["database"] == "host=db1 dbname=codex"
        assert (found["objectives"], found["rto"]) == ({"codex": "60s"}, "900s")
        assert (found["min_outage"], found["third_place"], found["app"]) == ("5m", "witness", "shop")

    def test_a_failback_goes_the_other_way(self) -> None:
        found = failover_variables(PLAN, "failback", "")
        assert (found["source"]["region"], found["target"]["region"]) == ("eu-west-1", "eu-central-1")
        assert found["target"]["slot"] == "central"

    def test_what_is_done_around_the_database_is_checked_and_has_objectives(self) -> None:
        servers = {"eu-central-1": {"login_host": "a"}, "eu-west-1": {"login_host": "b"}}
        store = {"kind": "redis", "name": "sessions", "servers": servers}
        plan = {**PLAN, "objectives": {"rpo": "1m"}, "stores": [store]}
        assert plan_errors(plan) == []
        found = failover_variables(plan, "unplanned", "")
        assert found["stores"] == [store] and found["traffic"] == []
        assert found["objectives"]["sessions"] == "60s"
        broken = {**plan, "stores": [{**store, "servers": {"eu-west-1": {"login_host": "b"}}}]}
        assert "stores[0].servers says nothing of the region eu-central-1" in " ".join(plan_errors(broken))

    def test_the_target_can_be_named(self) -> None:
        assert failover_variables(PLAN, "planned", "eu-central-1")["source"]["region"] == "eu-west-1"
        with pytest.raises(OptionError, match="no region 'mars'"):
            failover_variables(PLAN, "planned", "mars")

    def test_a_plan_without_regions_gives_nothing(self) -> None:
        assert failover_variables({"app": "shop"}, "planned", "") == {}
