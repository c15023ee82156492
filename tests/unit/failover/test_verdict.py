# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The verdict: every row of the table, and what no set of probes may ever lead to."""

from __future__ import annotations

import datetime
import itertools

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._verdict import (
    DOWN,
    EDGE,
    PARTITION,
    REPLICATION_BROKEN,
    UNKNOWN,
    UP,
    VANTAGES,
    Probe,
    Verdict,
    judge,
    refusal,
)
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime.datetime(2026, 11, 30, 3, tzinfo=datetime.UTC)


def probes(minutes: float = 10, every: float = 0.5, **views: bool | None) -> list[Probe]:
    """Each vantage says the same for so many minutes; None has not looked."""
    count = int(minutes / every) + 1
    return [
        Probe(vantage, NOW - datetime.timedelta(minutes=every * number), view)
        for vantage, view in views.items()
        if view is not None
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("target", "third_place", "replication", "kind"),
    [
        (False, False, False, DOWN),
        (False, False, None, DOWN),
        (False, False, True, EDGE),
        (False, True, False, PARTITION),
        (False, True, True, PARTITION),
        (False, None, False, UNKNOWN),
        (True, False, True, EDGE),
        (True, True, True, UP),
        (True, None, True, UP),
        (True, True, False, REPLICATION_BROKEN),
        (True, False, False, REPLICATION_BROKEN),
        (None, False, False, UNKNOWN),
        (None, True, True, UNKNOWN),
    ],
)
def test_each_row_of_the_table(
    target: bool | None, third_place: bool | None, replication: bool | None, kind: str
) -> None:
    seen = probes(target=target, third_place=third_place, replication=replication)
    assert judge(seen, NOW).kind == kind


def test_a_source_that_says_itself_that_it_is_alive_is_never_down() -> None:
    assert judge(probes(target=False, third_place=False, source=True), NOW).kind == PARTITION


def test_an_outage_has_to_last() -> None:
    """43 seconds of silence, however often it was looked at, cost GitHub a day."""
    verdict = judge(probes(minutes=0.7, every=0.05, target=False, third_place=False), NOW)
    assert verdict.kind == UNKNOWN and "300 s and 5 looks are needed" in verdict.because


def test_an_outage_has_to_be_seen_often() -> None:
    assert judge(probes(minutes=9, every=3, target=False, third_place=False), NOW).kind == UNKNOWN


def test_one_answer_in_between_starts_the_count_again() -> None:
    seen = probes(target=False, third_place=False)
    seen.append(Probe("third_place", NOW - datetime.timedelta(minutes=2.2), True))
    assert judge(seen, NOW).kind == UNKNOWN


def test_a_vantage_that_stopped_looking_knows_nothing() -> None:
    old = [Probe(one.vantage, one.at - datetime.timedelta(minutes=5), one.alive) for one in probes(third_place=False)]
    assert judge([*probes(target=False), *old], NOW).kind == UNKNOWN


KINDS = (UP, REPLICATION_BROKEN, EDGE, PARTITION, DOWN, UNKNOWN)


def test_only_a_source_that_is_down_may_be_left_without_an_override() -> None:
    allowed = [kind for kind in KINDS if not refusal(Verdict(kind, "Because."), "unplanned", {})]
    assert allowed == [DOWN]


def test_no_override_leaves_a_source_that_is_up_or_cut_off() -> None:
    every = dict.fromkeys(("single_vantage", "broken_replication"), "a reason")
    allowed = [kind for kind in KINDS if not refusal(Verdict(kind, "Because."), "unplanned", every)]
    assert allowed == [REPLICATION_BROKEN, DOWN, UNKNOWN]


@pytest.mark.parametrize("mode", ["planned", "failback"])
def test_a_planned_run_needs_a_source_that_is_up(mode: str) -> None:
    assert [kind for kind in KINDS if not refusal(Verdict(kind, "Because."), mode, {})] == [UP]


def test_a_mode_that_is_not_one_is_refused() -> None:
    with pytest.raises(OptionError, match="mode is 'auto'"):
        refusal(Verdict(UP, ""), "auto", {})


PROBES = st.lists(
    st.builds(
        Probe,
        st.sampled_from(VANTAGES),
        st.integers(-600, 1200).map(lambda seconds: NOW - datetime.timedelta(seconds=seconds)),
        st.booleans(),
    ),
    max_size=60,
)


@given(PROBES)
def test_it_is_down_only_when_two_places_have_been_blind_for_five_minutes(seen: list[Probe]) -> None:
    if judge(seen, NOW).kind != DOWN:
        return
    for vantage in ("target", "third_place"):
        ours = [one for one in seen if one.vantage == vantage and one.at <= NOW]
        recent = [one for one in ours if NOW - one.at < datetime.timedelta(minutes=5)]
        assert not any(one.alive for one in recent)
        assert any(NOW - one.at >= datetime.timedelta(minutes=5) for one in ours)


@given(PROBES, st.sampled_from(VANTAGES))
def test_one_more_sign_of_life_now_never_makes_it_down(seen: list[Probe], vantage: str) -> None:
    assert judge([*seen, Probe(vantage, NOW, True)], NOW).kind != DOWN


@given(st.permutations(probes(target=False, third_place=False, replication=False)[:20]))
def test_the_order_of_the_probes_does_not_matter(seen: list[Probe]) -> None:
    assert judge(seen, NOW) == judge(sorted(seen, key=lambda one: (one.at, one.vantage)), NOW)


def test_every_combination_gives_a_sentence() -> None:
    for views in itertools.product((True, False, None), repeat=4):
        assert judge(probes(**dict(zip(VANTAGES, views, strict=True))), NOW).because.endswith(".")
