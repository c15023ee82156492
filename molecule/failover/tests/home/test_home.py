# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is true when the application is back where it began."""

from __future__ import annotations

import typing as t

World = t.Any  # of conftest.py, which cannot be imported from here


def test_no_acknowledged_write_is_lost_on_the_way_there_and_back(world: World) -> None:
    world.nothing_is_lost("fra")


def test_the_first_region_serves_again(world: World) -> None:
    assert world.acknowledged()[-1]["region"] == "fra"
    assert world.run("witness", "getent hosts www.shop.test").split()[0] == "10.231.7.11"


def test_the_report_says_that_nothing_was_lost(world: World) -> None:
    report = world.reports()[-1]
    assert (report["mode"], report["outcome"], report["target"]) == ("failback", "done", "fra")
    lost = {store["name"]: store["lost_seconds"] for store in report["stores"]}
    assert lost == dict.fromkeys(("codex", "events", "sessions", "chunks"), 0.0)
    assert world.measure("failback", report)
