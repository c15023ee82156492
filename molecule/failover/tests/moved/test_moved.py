# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is true when the application was moved on purpose, while customers ordered."""

from __future__ import annotations

import typing as t

World = t.Any  # of conftest.py, which cannot be imported from here


def test_no_acknowledged_write_is_lost(world: World) -> None:
    world.nothing_is_lost("ams")


def test_the_new_region_serves(world: World) -> None:
    assert world.acknowledged()[-1]["region"] == "ams"
    assert world.run("witness", "getent hosts www.shop.test").split()[0] == "10.231.7.12"


def test_the_old_region_cannot_be_started_by_hand_not_even_twice(world: World) -> None:
    for unit in ("shop", "shop-jobs", "postgresql@17-main") * 2:
        assert world.fails("fra", f"systemctl start {unit}"), unit
        assert world.run("fra", f"systemctl show --property ActiveState --value {unit}").strip() != "active"


def test_the_report_says_that_nothing_was_lost(world: World) -> None:
    report = world.reports()[-1]
    assert (report["mode"], report["outcome"], report["target"]) == ("planned", "done", "ams")
    lost = {store["name"]: store["lost_seconds"] for store in report["stores"]}
    assert lost == dict.fromkeys(("codex", "events", "sessions", "chunks"), 0.0)
    assert world.measure("planned", report)
