# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is true when a region was cut off, went on to serve, died, came back, was fenced, and follows again."""

from __future__ import annotations

import itertools
import typing as t

import pytest

World = t.Any  # of conftest.py, which cannot be imported from here
HEARTBEAT_SECONDS = 1.0


@pytest.mark.parametrize(("store", "kind"), [("codex", "database"), ("events", "stream"), ("sessions", "cache")])
def test_what_is_lost_is_what_the_region_acknowledged_after_the_cut_and_the_report_says_how_much(
    world: World, store: str, kind: str
) -> None:
    orders, stored = world.acknowledged(), world.stored("ams")[kind]
    lost = [order for order in orders if order["n"] not in stored]
    assert lost and {order["region"] for order in lost} == {"fra"}
    of_fra = [order for order in orders if order["region"] == "fra"]
    assert of_fra[-len(lost) :] == lost, "and nothing from before the cut"
    (said,) = [one for one in world.reports()[-1]["stores"] if one["name"] == store]
    # Both ends are read from a heart that beats once a second, and from the moments when orders were acknowledged.
    near = of_fra[-len(lost) - 20 :]
    pause = max(after["at"] - before["at"] for before, after in itertools.pairwise(near))
    truth = lost[-1]["at"] - lost[0]["at"]
    assert abs(said["lost_seconds"] - truth) <= HEARTBEAT_SECONDS + 2 * pause, (said, truth, pause)


def test_the_report_says_who_accepted_what(world: World) -> None:
    report = world.reports()[-1]
    assert (report["mode"], report["outcome"], report["target"]) == ("unplanned", "done", "ams")
    unknown = {store["name"] for store in report["stores"] if store["lost_seconds"] is None}
    assert unknown == {"chunks"}, "nobody measured it, and that is said"
    reasons = {one["name"]: one["reason"] for one in report["overrides"]}
    assert reasons["unfenced_source"] == "its host was killed", reasons
    assert "this is an outage" in reasons["cooldown"], reasons
    assert world.measure("unplanned", report)


def test_the_other_region_serves(world: World) -> None:
    assert world.acknowledged()[-1]["region"] == "ams"
    assert world.run("witness", "getent hosts www.shop.test").split()[0] == "10.231.7.12"


def test_whatever_the_other_region_acknowledged_each_of_its_stores_has(world: World) -> None:
    orders, stored = world.acknowledged(), world.stored("ams")
    moved = max(at for at, order in enumerate(orders) if order["region"] == "fra")
    for name in ("database", "stream", "bucket", "cache"):
        assert {order["n"] for order in orders[moved + 1 :]} <= stored[name], name


def test_the_application_of_the_region_that_came_back_cannot_be_started(world: World) -> None:
    for unit in ("shop", "shop-jobs"):
        assert world.fails("fra", f"systemctl start {unit}"), unit
        assert world.run("fra", f"systemctl show --property ActiveState --value {unit}").strip() != "active"


def test_the_region_that_came_back_follows_and_what_only_it_had_is_counted_and_saved(world: World) -> None:
    ask = "psql -XAt 'host=fra user=lifeboat dbname=shop' -c 'select pg_is_in_recovery()'"
    assert world.run("ams", ask).strip() == "t"
    rejoined = world.reports()[-1]["steps"][-1]
    assert (rejoined["name"], rejoined["status"]) == ("rejoin", "done"), rejoined
    orders, stored = world.acknowledged(), world.stored("ams")["database"]
    lost = [order for order in orders if order["n"] not in stored]
    assert rejoined["facts"]["lost_transactions"] >= len(lost), "its orders, its beats and those of the heart"
    assert world.run("fra", f"find {rejoined['facts']['saved']} -type f"), "they are kept"
    assert "asked to order again" in str(world.reports()[-1]["overrides"])
