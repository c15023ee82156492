# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is true when a region was cut off, went on to serve, died, and came back."""

from __future__ import annotations

import typing as t

World = t.Any  # of conftest.py, which cannot be imported from here


def test_what_is_lost_is_what_the_region_acknowledged_after_the_cut_and_the_report_says_how_much(world: World) -> None:
    orders, stored = world.acknowledged(), world.stored("ams")["database"]
    lost = [order for order in orders if order["n"] not in stored]
    assert lost and {order["region"] for order in lost} == {"fra"}
    died = max(order["at"] for order in orders if order["region"] == "fra")
    cut = lost[0]["at"]
    assert [order for order in orders if cut <= order["at"] <= died] == lost, "and nothing from before the cut"
    (codex,) = [store for store in world.reports()[-1]["stores"] if store["name"] == "codex"]
    # Both are read from hearts that beat once a second.
    assert abs(codex["lost_seconds"] - (died - cut)) < 5, (codex, died - cut)


def test_the_report_says_who_accepted_what(world: World) -> None:
    report = world.reports()[-1]
    assert (report["mode"], report["outcome"], report["target"]) == ("unplanned", "done", "ams")
    unknown = {store["name"] for store in report["stores"] if store["lost_seconds"] is None}
    assert unknown == {"events", "sessions", "chunks"}, "nobody measured them, and that is said"
    assert "its host was killed" in str(report)
    assert world.measure("unplanned", report)


def test_the_other_region_serves(world: World) -> None:
    assert world.acknowledged()[-1]["region"] == "ams"
    assert world.run("witness", "getent hosts www.shop.test").split()[0] == "10.231.7.12"


def test_whatever_the_other_region_acknowledged_each_of_its_stores_has(world: World) -> None:
    orders, stored = world.acknowledged(), world.stored("ams")
    moved = max(at for at, order in enumerate(orders) if order["region"] == "fra")
    for name in ("database", "stream", "bucket", "cache"):
        assert {order["n"] for order in orders[moved + 1 :]} <= stored[name], name


def test_the_region_that_came_back_takes_no_writes(world: World) -> None:
    for unit in ("shop", "shop-jobs", "postgresql@17-main"):
        assert world.fails("fra", f"systemctl start {unit}"), unit
        assert world.run("fra", f"systemctl show --property ActiveState --value {unit}").strip() != "active"
