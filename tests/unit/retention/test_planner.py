# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What retention keeps and deletes: the rules by example, and properties that hold for every catalog."""

from __future__ import annotations

import dataclasses
import datetime
import random

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._retention._planner import (
    DEFER,
    DELETE,
    KEEP,
    Entry,
    Plan,
    digest,
    plan,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._retention._policy import (
    PERIODS,
    Policy,
    Rules,
    read_policy,
)
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime.datetime(2026, 11, 30, 12, tzinfo=datetime.UTC)
FREE = 1.0  # max_fraction that never refuses


def entry(age: str, **facts: object) -> Entry:
    """A backup this old, such as ``3d``, ``5h``; a negative age is the future."""
    hours = float(age[:-1]) * {"d": 24, "h": 1}[age[-1]]
    taken_at = NOW - datetime.timedelta(hours=hours)
    return Entry(f"{taken_at:%Y%m%dT%H%M%SZ}-00000a", taken_at, **facts)  # type: ignore[arg-type]


def policy(last: int = 0, within_days: float = 0, min_keep: int = 1, max_fraction: float = FREE, **more: int) -> Policy:
    periods = tuple((period, more[period]) for period in PERIODS if more.get(period))
    return Policy(
        Rules(last, datetime.timedelta(days=within_days), periods), min_keep=min_keep, max_fraction=max_fraction
    )


def kept(result: Plan) -> list[str]:
    return [one.backup_id for one in result.of(KEEP)]


def ids(*ages: str) -> list[str]:
    return [entry(age).backup_id for age in ages]


class TestRules:
    def test_each_period_keeps_its_newest_backup_and_empty_periods_do_not_count(self) -> None:
        result = plan([entry(age) for age in ("1h", "2h", "25h", "26h", "5d", "9d")], policy(daily=3), NOW)
        assert kept(result) == ids("1h", "25h", "5d")

    def test_weeks_are_those_of_iso_8601_across_a_new_year(self) -> None:
        days = [datetime.datetime(2026, 12, 31, tzinfo=datetime.UTC) + datetime.timedelta(days=n) for n in range(6)]
        entries = [Entry(f"{day:%Y%m%d}T000000Z-00000a", day) for day in days]
        result = plan(entries, policy(weekly=2), days[-1])
        assert kept(result) == ["20270105T000000Z-00000a", "20270103T000000Z-00000a"]  # 2026-W53 ends on 3 January

    def test_a_reason_is_given_for_every_backup(self) -> None:
        result = plan([entry("1h", proven=True), entry("2h"), entry("3d")], policy(last=1, daily=1), NOW)
        assert result.decisions[0].reasons == (
            "the newest good one", "the newest proven one", "min_keep 1 of 1", "last 1 of 1",
            "daily 1 of 1 (2026-11-30)"
        )  # fmt: skip
        assert [decision.reasons for decision in result.decisions[1:]] == [("no rule keeps it",)] * 2

    def test_three_bad_newest_ones_do_not_use_up_the_counts(self) -> None:
        bad = [entry(age, failed=True) for age in ("1h", "2h", "3h")]
        result = plan([*bad, *(entry(age) for age in ("1d", "2d", "3d", "4d"))], policy(last=3), NOW)
        assert result.of(DELETE) == [entry("4d")]

    def test_one_from_the_future_is_kept_and_does_not_count(self) -> None:
        result = plan([entry("-2d"), entry("1d"), entry("2d"), entry("3d")], policy(daily=2), NOW)
        assert kept(result) == ids("-2d", "1d", "2d")

    def test_a_held_one_is_kept_and_does_not_count(self) -> None:
        result = plan([entry("1h", held="audit"), entry("1d"), entry("2d")], policy(last=1), NOW)
        assert kept(result) == ids("1h", "1d")

    def test_a_locked_one_is_deferred_until_its_lock_ends(self) -> None:
        locked = entry("9d", locked_until=NOW + datetime.timedelta(days=1))
        over = entry("8d", locked_until=NOW - datetime.timedelta(days=1))
        result = plan([entry("1d"), locked, over], policy(last=1), NOW)
        assert (result.of(DEFER), result.of(DELETE)) == ([locked], [over])

    def test_the_newest_proven_one_stays_though_no_rule_keeps_it(self) -> None:
        result = plan(
            [entry("1d"), entry("2d"), entry("30d", proven=True), entry("40d", proven=True)], policy(last=1), NOW
        )
        assert kept(result) == ids("1d", "30d")

    def test_labelled_ones_have_rules_of_their_own_and_do_not_displace_others(self) -> None:
        rules = dataclasses.replace(policy(daily=2), labels=(("release", Rules(within=datetime.timedelta(days=5))),))
        labelled = [entry("1h", label="release"), entry("8d", label="release"), entry("9d", label="unknown")]
        result = plan([*labelled, entry("2h"), entry("1d"), entry("2d")], rules, NOW)
        assert result.of(DELETE) == [entry("2d"), labelled[1]]

    def test_a_pattern_has_the_rules_of_all_labels_that_fit_unless_a_longer_one_or_the_label_itself_does(self) -> None:
        labels = (("release-*", Rules(last=1)), ("release-4*", Rules(last=1)), ("release-44", Rules(last=1)))
        labelled = [
            entry(f"{age}d", label=f"release-{number}") for age, number in enumerate((51, 44, 43, 42, 44, 50), 3)
        ]
        result = plan([*labelled, entry("1h"), entry("1d")], dataclasses.replace(policy(daily=2), labels=labels), NOW)
        assert result.of(DELETE) == [labelled[3], labelled[4], labelled[5]]
        assert ("label release-4*: last 1 of 1",) in [decision.reasons for decision in result.decisions]

    def test_a_failed_one_goes_after_its_time_and_only_when_a_newer_good_one_is_there(self) -> None:
        failed = [entry(age, failed=True) for age in ("1h", "10d", "30d")]
        assert plan(failed, policy(last=1), NOW).of(DELETE) == []
        assert plan([*failed, entry("1d")], policy(last=1), NOW).of(DELETE) == [failed[2]]

    def test_time_that_passes_without_new_backups_deletes_nothing(self) -> None:
        entries = [entry(f"{age}d") for age in range(30)]
        rules = policy(last=2, within_days=7, weekly=3)
        first = plan(entries, rules, NOW)
        later = plan(first.of(KEEP), rules, NOW + datetime.timedelta(days=1000))
        assert later.of(DELETE) == []

    def test_a_plan_that_deletes_too_much_is_refused_with_both_numbers(self) -> None:
        entries = [entry(f"{age}d") for age in range(10)]
        assert plan(entries, policy(last=7, max_fraction=0.3), NOW).refusal == ""
        assert plan(entries, policy(last=6, max_fraction=0.3), NOW).refusal == (
            "4 of 10 backups would be deleted, and max_fraction 0.3 allows 3 in one run"
        )

    def test_nothing_is_deleted_while_backups_fail(self) -> None:
        entries = [entry(age) for age in ("9d", "10d", "11d")]
        assert "max_silence is 8 days: backups are failing" in plan(entries, policy(last=1), NOW).refusal
        assert plan(entries, policy(last=1), NOW - datetime.timedelta(days=2)).refusal == ""
        assert plan(entries, policy(last=3), NOW).refusal == ""  # nothing would be deleted

    def test_one_deletion_in_a_run_is_always_allowed(self) -> None:
        assert plan([entry("1d"), entry("2d")], policy(last=1, max_fraction=0.0), NOW).refusal == ""

    def test_an_empty_catalog_is_an_empty_plan(self) -> None:
        assert plan([], policy(last=1), NOW) == Plan(())


OPTIONS = {
    "keep": {"last": 3},
    "labels": None,
    "min_keep": 2,
    "failed_after": "14d",
    "max_silence": "8d",
    "max_fraction": 0.3,
}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"keep": {}}, "keep keeps nothing"),
        ({"keep": {"daily": -1}}, "keep.daily is -1"),
        ({"keep": {"within": "soon"}}, "keep.within"),
        ({"labels": {"release": None}}, "labels.release keeps nothing"),
        ({"min_keep": 0}, "min_keep is 0"),
        ({"max_fraction": 1.5}, "max_fraction is 1.5"),
        ({"failed_after": "never"}, "failed_after"),
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused_by_name(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        read_policy({**OPTIONS, **wrong})


# Properties, for every catalog. Two backups may share a second; ids still differ.
ENTRIES = st.lists(
    st.builds(
        lambda hours, number, failed, proven, held: Entry(
            f"{NOW - datetime.timedelta(hours=hours):%Y%m%dT%H%M%SZ}-{number:06x}",
            NOW - datetime.timedelta(hours=hours),
            failed=failed,
            proven=proven and not failed,
            held="a reason" if held else "",
        ),
        st.integers(-48, 24 * 800),
        st.integers(0, 0xFFFFFF),
        st.booleans(),
        st.booleans(),
        st.integers(0, 9).map(lambda number: number == 0),
    ),
    max_size=40,
    unique_by=lambda one: one.backup_id,
)
RULES = st.builds(
    lambda last, days, counts: Rules(
        last, datetime.timedelta(days=days), tuple((p, n) for p, n in zip(PERIODS, counts, strict=True) if n)
    ),
    st.integers(0, 5),
    st.integers(0, 30),
    st.tuples(*(st.integers(0, 6) for _period in PERIODS)),
).filter(lambda rules: rules.keeps_anything)
POLICIES = st.builds(Policy, RULES, min_keep=st.integers(1, 4), max_fraction=st.just(FREE))


def sound(one: Entry) -> bool:
    return not one.failed and not one.held and one.taken_at <= NOW


@given(ENTRIES, POLICIES)
def test_the_newest_good_and_the_newest_proven_are_kept(entries: list[Entry], rules: Policy) -> None:
    left = kept(plan(entries, rules, NOW))
    newest = sorted((one for one in entries if sound(one)), key=lambda one: (one.taken_at, one.backup_id), reverse=True)
    assert all(one.backup_id in left for one in newest[: rules.min_keep])
    assert all(one.backup_id in left for one in [one for one in newest if one.proven][:1])


@given(ENTRIES, POLICIES)
def test_what_is_held_or_from_the_future_is_never_deleted(entries: list[Entry], rules: Policy) -> None:
    deleted = plan(entries, rules, NOW).of(DELETE)
    assert not [one for one in deleted if one.held or one.taken_at > NOW + datetime.timedelta(minutes=5)]


@given(ENTRIES, POLICIES)
def test_a_second_run_deletes_nothing(entries: list[Entry], rules: Policy) -> None:
    assert plan(plan(entries, rules, NOW).of(KEEP), rules, NOW).of(DELETE) == []


@given(ENTRIES, POLICIES, st.randoms(use_true_random=False))
def test_the_order_of_the_catalog_does_not_matter(entries: list[Entry], rules: Policy, chance: random.Random) -> None:
    shuffled = list(entries)
    chance.shuffle(shuffled)
    assert plan(shuffled, rules, NOW) == plan(entries, rules, NOW)
    assert digest({"r": plan(shuffled, rules, NOW)}) == digest({"r": plan(entries, rules, NOW)})


@given(ENTRIES, POLICIES)
def test_pruning_after_every_backup_keeps_what_pruning_once_at_the_end_keeps(
    entries: list[Entry], rules: Policy
) -> None:
    good = sorted((one for one in entries if sound(one)), key=lambda one: (one.taken_at, one.backup_id))
    rolling: list[Entry] = []
    for one in good:
        rolling = plan([*rolling, one], rules, NOW).of(KEEP)
    assert {one.backup_id for one in rolling} == set(kept(plan(good, rules, NOW)))


@given(ENTRIES, POLICIES, st.sampled_from(["last", *PERIODS]))
def test_a_higher_count_never_keeps_less(entries: list[Entry], rules: Policy, which: str) -> None:
    counts = {**dict(rules.keep.periods), "last": rules.keep.last}
    counts[which] = counts.get(which, 0) + 1
    more = Rules(counts["last"], rules.keep.within, tuple((p, counts[p]) for p in PERIODS if counts.get(p)))
    assert set(kept(plan(entries, rules, NOW))) <= set(kept(plan(entries, dataclasses.replace(rules, keep=more), NOW)))


@given(ENTRIES, POLICIES, st.integers(-48, 24 * 800), st.booleans())
def test_a_failed_one_or_one_from_the_future_never_changes_which_good_ones_stay(
    entries: list[Entry], rules: Policy, hours: int, failed: bool
) -> None:
    moment = NOW - datetime.timedelta(hours=hours) if failed else NOW + datetime.timedelta(days=1)
    stranger = Entry(f"{moment:%Y%m%dT%H%M%SZ}-stranger", moment, failed=failed)
    good = {one.backup_id for one in entries if sound(one)}
    before, after = plan(entries, rules, NOW), plan([*entries, stranger], rules, NOW)
    assert good & set(kept(before)) == good & set(kept(after))


@given(ENTRIES, POLICIES, st.integers(0, 40))
def test_a_sweep_that_is_cut_off_and_planned_again_ends_the_same(
    entries: list[Entry], rules: Policy, done: int
) -> None:
    whole = plan(entries, rules, NOW)
    gone = {one.backup_id for one in whole.of(DELETE)[:done]}
    again = plan([one for one in entries if one.backup_id not in gone], rules, NOW)
    assert kept(again) == kept(whole)
