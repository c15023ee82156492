# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A proof of a cluster goes to a restore point or to a time between two, and knows which rows are there then."""

from __future__ import annotations

import datetime
import random

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._content import Marker
from ansible_collections.lifeboat.dr.plugins.module_utils._verify.postgres._aims import (
    Aim,
    choose,
    expected,
    planted,
    wrong,
)

START = datetime.datetime(2026, 1, 15, 2, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)


def marker(days: float, database: str = "postgres") -> Marker:
    return Marker(f"point-{days}", database, "0/3000000", (START + days * DAY).isoformat())


POINTS = [marker(0), marker(1), marker(2)]


def test_at_a_point_its_first_row_is_there_and_its_second_is_not() -> None:
    aim = Aim(POINTS[1])
    assert wrong(aim, {("point-1", "before"), ("point-0", "after")}) == []
    assert wrong(aim, {("point-1", "before"), ("point-1", "after")}) == ["the row after point-1 is there"]
    assert wrong(aim, set()) == ["the row before point-1 is missing"]
    assert planted(aim) == ("point-1", "after")


def test_at_a_time_earlier_points_are_there_and_later_ones_are_not() -> None:
    aim = Aim(POINTS[2], START + 1.5 * DAY, tuple(POINTS))
    whole = {("point-0", "before"), ("point-0", "after"), ("point-1", "before"), ("point-1", "after")}
    assert wrong(aim, whole) == []
    # The second row of a point may come late, and the first of the next one early: neither says anything.
    assert wrong(aim, whole - {("point-1", "after")} | {("point-2", "before")}) == []
    assert wrong(aim, whole - {("point-1", "before")}) == ["the row before point-1 is missing"]
    assert wrong(aim, whole | {planted(aim)}) == ["the row after point-2 is there"]
    late = Aim(marker(100), START + 99 * DAY, (marker(0), marker(50), marker(100)))
    assert expected(late)[0] == {("point-50", "before")}  # older rows are removed after 90 days


@pytest.mark.parametrize("seed", range(20))
def test_a_time_by_chance_lies_between_the_first_and_the_last_point(seed: int) -> None:
    chance = random.Random(seed)
    aims = [choose(POINTS, chance) for _turn in range(40)]
    moments = [aim.moment for aim in aims if aim.moment is not None]
    assert moments and len(moments) < len(aims)
    assert all(START < moment < START + 2 * DAY for moment in moments)
    assert {aim.point for aim in aims if aim.moment is None} == set(POINTS)
    alone = choose([marker(0, "other"), marker(1)], chance)
    assert (alone.point, alone.moment) == (marker(1), None)
