# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is true when the first region was killed, and its standby had not quite followed."""

from __future__ import annotations

import typing as t

World = t.Any  # of conftest.py, which cannot be imported from here

HEARTBEAT_SECONDS = 1.0
LATE_SECONDS = 4.0
"""By how much a writer on a busy machine may be late."""


def test_the_other_region_serves(world: World) -> None:
    assert world.acknowledged()[-1]["region"] == "ams"
    assert world.run("witness", "getent hosts www.shop.test").split()[0] == "10.231.7.12"


def test_what_the_database_lost_is_what_the_report_says(world: World) -> None:
    report = world.reports()[-1]
    assert (report["mode"], report["outcome"], report["target"]) == ("unplanned", "done", "ams")
    beats, kept = world.acknowledged("beats"), world.stored("ams")["beats"]
    lost = [beat for beat in beats if beat["n"] not in kept]
    assert lost, "the standby was cut off while the load wrote on"
    last = max(beat["at"] for beat in lost)
    assert [beat for beat in beats if beat["n"] not in kept and beat["at"] > last] == []
    truth = last - min(beat["at"] for beat in lost)
    said = next(store for store in report["stores"] if store["name"] == "codex")["lost_seconds"]
    assert abs(said - truth) <= HEARTBEAT_SECONDS + LATE_SECONDS, (said, truth)


def test_what_nobody_could_measure_was_accepted_by_a_person_and_is_little(world: World) -> None:
    report = world.reports()[-1]
    assert "the region is gone" in str(report["overrides"])
    orders, stored = world.acknowledged(), world.stored("ams")
    moved = next(order["at"] for order in reversed(orders) if order["region"] == "fra")
    for name in ("stream", "cache", "bucket"):
        lost = [order for order in orders if order["n"] not in stored[name]]
        assert all(moved - order["at"] < 2 * LATE_SECONDS for order in lost), (name, lost)


def test_it_is_measured(world: World) -> None:
    assert world.measure("unplanned", world.reports()[-1])
