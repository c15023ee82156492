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
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.repetitions import examples

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

    def test_what_a_backup_that_stays_builds_on_stays_with_the_whole_chain(self) -> None:
        full, first, second, third = ids("9d", "8d", "7d", "1h")
        entries = [
            entry("9d"), entry("8d", needs=full), entry("7d", needs=first), entry("1h", needs=second), entry("30d"),
        ]  # fmt: skip
        result = plan(entries, policy(last=1), NOW)
        assert kept(result) == [third, second, first, full]
        assert result.decisions[1].reasons == (f"{third} builds on it",)
        assert result.of(DELETE) == [entry("30d")]
        alone = plan([entry("9d"), entry("8d", needs=full), entry("1h")], policy(last=1), NOW)
        assert kept(alone) == ids("1h")
        circle = plan([entry("9d", needs=first), entry("8d", needs=full), entry("1h", needs=full)], policy(last=1), NOW)
        assert kept(circle) == [third, first, full]

    def test_nothing_older_than_a_link_of_a_chain_that_cannot_be_read_is_deleted(self) -> None:
        """It is not among the entries, and what it builds on is known to nobody: the full backup would go."""
        full, unread, newest = ids("9d", "8d", "1h")
        entries = [entry("30d"), entry("9d"), entry("5d"), entry("1h", needs=unread)]
        result = plan(entries, policy(last=1), NOW)
        assert kept(result) == [newest, full, *ids("30d")] and result.of(DELETE) == [entry("5d")]
        assert f"{newest} builds on {unread}, of which nobody knows" in result.decisions[2].reasons[0]

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


# Properties, for every catalog. Two backups may share a second; ids still differ. Catalogs of two days, forty days and
# two years, and policies of one rule alone: what everything together keeps hides what one rule does wrong.
HOURS = st.one_of(st.integers(-48, 48), st.integers(-48, 24 * 40), st.integers(-48, 24 * 800))
ENTRY = st.builds(
    lambda hours, number, failed, proven, held: Entry(
        f"{NOW - datetime.timedelta(hours=hours):%Y%m%dT%H%M%SZ}-{number:06x}",
        NOW - datetime.timedelta(hours=hours),
        failed=failed,
        proven=proven and not failed,
        held="a reason" if held else "",
    ),
    HOURS,
    st.integers(0, 0xFFFFFF),
    st.integers(0, 4).map(lambda number: number == 0),
    st.booleans(),
    st.integers(0, 9).map(lambda number: number == 0),
)
ENTRIES = st.one_of(
    st.lists(ENTRY, max_size=20, unique_by=lambda one: one.backup_id),
    st.lists(ENTRY, min_size=9, max_size=12, unique_by=lambda one: one.backup_id),
)


def _rules(last: int, days: int, counts: tuple[int, ...]) -> Rules:
    periods = tuple((period, count) for period, count in zip(PERIODS, counts, strict=True) if count)
    return Rules(last, datetime.timedelta(days=days), periods)


ALONE = st.tuples(st.integers(0, len(PERIODS) + 1), st.integers(1, 6)).map(
    lambda one: _rules(
        one[1] if one[0] == 0 else 0,
        one[1] if one[0] == 1 else 0,
        tuple(one[1] if one[0] == number + 2 else 0 for number in range(len(PERIODS))),
    )
)
TOGETHER = st.builds(
    _rules, st.integers(0, 5), st.integers(0, 30), st.tuples(*(st.integers(0, 6) for _period in PERIODS))
).filter(lambda rules: rules.keeps_anything)
RULES = st.one_of(ALONE, TOGETHER)
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
    one = plan(entries, rules, NOW)
    assert digest({"r": plan(shuffled, rules, NOW), "s": one}) == digest({"s": one, "r": one})


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


KEYS = {
    "hourly": lambda at: (at.year, at.month, at.day, at.hour),
    "daily": lambda at: at.date(),
    "weekly": lambda at: at.isocalendar()[:2],
    "monthly": lambda at: (at.year, at.month),
    "yearly": lambda at: at.year,
}


def naively_kept(entries: list[Entry], rules: Policy) -> set[str]:
    """The rules as a person reads them, one after the other."""
    good = sorted((one for one in entries if sound(one)), key=lambda one: (one.taken_at, one.backup_id), reverse=True)
    stay = [one for one in entries if one.held or one.taken_at > NOW]
    stay += good[:1] + [one for one in good if one.proven][:1] + good[: rules.min_keep] + good[: rules.keep.last]
    stay += [one for one in good if rules.keep.within and one.taken_at > good[0].taken_at - rules.keep.within]
    for period, count in rules.keep.periods:
        newest_of: dict[object, Entry] = {}
        for one in good:
            newest_of.setdefault(KEYS[period](one.taken_at), one)
        stay += list(newest_of.values())[:count]
    for one in entries:
        if one.failed and (not good or one.taken_at > good[0].taken_at - rules.failed_after - datetime.timedelta(0, 1)):
            stay.append(one)
    return {one.backup_id for one in stay}


@settings(max_examples=examples(200))
@given(ENTRIES, POLICIES)
def test_what_stays_is_what_a_naive_reading_of_the_rules_keeps(entries: list[Entry], rules: Policy) -> None:
    assert set(kept(plan(entries, rules, NOW))) == naively_kept(entries, rules)


@settings(max_examples=examples(100))
@given(ENTRIES, POLICIES, st.integers(-48, 48))
def test_a_lock_puts_a_deletion_off_and_changes_nothing_else(entries: list[Entry], rules: Policy, hours: int) -> None:
    until = NOW + datetime.timedelta(hours=hours)
    locked = [dataclasses.replace(one, locked_until=until) if number % 2 else one for number, one in enumerate(entries)]
    before, after = plan(entries, rules, NOW), plan(locked, rules, NOW)
    gone = {one.backup_id for one in before.of(DELETE)}
    assert gone == {one.backup_id for one in [*after.of(DELETE), *after.of(DEFER)]}
    assert not [one for one in after.of(DELETE) if one.locked_until and one.locked_until > NOW]
    assert not [one for one in after.of(DEFER) if not one.locked_until or one.locked_until <= NOW]


@given(ENTRIES, POLICIES, st.floats(0, 1), st.integers(0, 60))
def test_a_plan_is_refused_where_it_deletes_too_much_or_backups_fail_and_nowhere_else(
    entries: list[Entry], rules: Policy, fraction: float, days: int
) -> None:
    strict = dataclasses.replace(rules, max_fraction=fraction)
    now = NOW + datetime.timedelta(days=days)
    decided = plan(entries, strict, now)
    deletes = len(decided.of(DELETE))
    good = [one.taken_at for one in entries if not one.failed and not one.held and one.taken_at <= now]
    silent = not good or now - max(good) > strict.max_silence
    too_many = deletes > max(1, int(fraction * len(entries)))
    assert bool(decided.refusal) == bool(deletes and (silent or too_many))
