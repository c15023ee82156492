# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Schedules mean the same to systemd and to cron, and the longest time between two runs is known."""

from __future__ import annotations

import datetime
import itertools
import shutil
import subprocess

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._calendar import Calendar, parse_calendar
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from hypothesis import given
from hypothesis import strategies as st


def hours(number: float) -> datetime.timedelta:
    return datetime.timedelta(hours=number)


@pytest.mark.parametrize(
    ("text", "systemd", "cron", "gap"),
    [
        ("*-*-* 01:30", ["*-*-* 1:30:00"], "30 1 * * *", hours(24)),
        ("01:30:00", ["*-*-* 1:30:00"], "30 1 * * *", hours(24)),
        ("daily", ["*-*-* 0:0:00"], "0 0 * * *", hours(24)),
        ("hourly", ["*-*-* *:0:00"], "0 * * * *", hours(1)),
        ("*:0/15", ["*-*-* *:0,15,30,45:00"], "0,15,30,45 * * * *", hours(0.25)),
        ("Mon..Fri 02:30", ["Mon,Tue,Wed,Thu,Fri *-*-* 2:30:00"], "30 2 * * 1-5", hours(72)),
        ("Sun 04:00", ["Sun *-*-* 4:00:00".replace("00:00", "0:00")], "0 4 * * 7", hours(168)),
        ("*-*-01 00:00", ["*-*-1 0:0:00"], "0 0 1 * *", hours(31 * 24)),
        ("0 1 * * *", ["*-*-* 1:0:00"], "0 1 * * *", hours(24)),
        (
            "*/20 8-18 * * mon-fri",
            ["Mon,Tue,Wed,Thu,Fri *-*-* 8..18:0,20,40:00"],
            "0,20,40 8-18 * * 1-5",
            hours(61 + 1 / 3),
        ),
        ("0 3 * * 0", ["Sun *-*-* 3:0:00"], "0 3 * * 7", hours(168)),
        ("0 3 * * fri-sun", ["Fri,Sat,Sun *-*-* 3:0:00"], "0 3 * * 5-7", hours(120)),
        ("0 3 1,15 * 1", ["*-*-1,15 3:0:00", "Mon *-*-* 3:0:00"], "0 3 1,15 * 1", hours(168)),
        ("@weekly", ["Sun *-*-* 0:0:00"], "0 0 * * 7", hours(168)),
    ],
)
def test_a_schedule_is_the_same_for_both_schedulers(
    text: str, systemd: list[str], cron: str, gap: datetime.timedelta
) -> None:
    calendar = parse_calendar("schedule.backup", text)
    assert (calendar.for_systemd(), calendar.for_cron("schedule.backup")) == (systemd, cron)
    assert calendar.longest_gap() == gap
    assert parse_calendar("again", cron).longest_gap() == gap


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("soon", "soon is not one of Mon"),
        ("", "it is neither"),
        ("25:00", "25 is not a number from 0 to 23"),
        ("01:60", "60 is not a number from 0 to 59"),
        ("01:00:30", "has seconds"),
        ("2027-01-01 01:00", "a year cannot be given"),
        ("*-02-30 01:00", "never comes"),
        ("61 * * * *", "61 is not a number"),
        ("*/0 * * * *", "does not name a step"),
        ("5-1 * * * *", "runs backwards"),
        ("* * *", "* * * is neither"),
        ("*-*-* 01:00 UTC", "UTC is neither"),
        ("@reboot", "@reboot is neither"),
    ],
)
def test_what_is_not_a_schedule_is_named_with_what_would_be_right(text: str, words: str) -> None:
    with pytest.raises(OptionError) as caught:
        parse_calendar("schedule.backup", text)
    assert words in str(caught.value)
    assert "schedule.backup" in str(caught.value) and "Write it for systemd" in str(caught.value)


def test_cron_is_refused_where_it_would_run_on_other_days() -> None:
    first_monday = parse_calendar("schedule.backup", "Mon *-*-1..7 01:00")
    with pytest.raises(OptionError, match="cron would run on either"):
        first_monday.for_cron("schedule.backup")


def some(first: int, last: int) -> st.SearchStrategy[frozenset[int]]:
    return st.frozensets(st.integers(first, last), min_size=1)


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    """Schedules of which both schedulers have a notation, and that come."""
    by_week = draw(st.booleans())
    days = frozenset(range(1, 32)) if by_week else draw(some(1, 28))
    week = draw(some(0, 6)) if by_week else frozenset(range(7))
    return Calendar(draw(some(0, 59)), draw(some(0, 23)), days, draw(some(1, 12)), week)


@given(calendars())
def test_each_notation_is_read_back_as_what_it_was_written_from(calendar: Calendar) -> None:
    (systemd,) = calendar.for_systemd()
    days = [datetime.date(2027, 1, 1) + datetime.timedelta(number) for number in range(366)]
    for text in (systemd, calendar.for_cron("x")):
        again = parse_calendar("x", text)
        assert (again.minutes, again.hours) == (calendar.minutes, calendar.hours)
        assert [again.runs_on(day) for day in days] == [calendar.runs_on(day) for day in days]


@given(calendars())
def test_no_two_runs_are_further_apart_than_the_longest_gap_and_two_are_as_far(calendar: Calendar) -> None:
    days = [datetime.date(2024, 1, 1) + datetime.timedelta(number) for number in range(3 * 366)]
    runs = [
        datetime.datetime(day.year, day.month, day.day, hour, minute)
        for day in days
        if calendar.runs_on(day)
        for hour in sorted(calendar.hours)
        for minute in sorted(calendar.minutes)
    ]
    gaps = {later - earlier for earlier, later in itertools.pairwise(runs)}
    assert max(gaps) <= calendar.longest_gap()
    assert max(gaps) == calendar.longest_gap() or len(calendar.months) < 12 or calendar.days != frozenset(range(1, 32))


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed here")
@pytest.mark.parametrize("text", ["*:0/15", "Mon..Fri 02:30", "0 3 1,15 * 1", "*-02..04-01 1..3:5/10", "weekly"])
def test_systemd_understands_what_is_written_for_it(text: str) -> None:
    for expression in parse_calendar("x", text).for_systemd():
        subprocess.run(["systemd-analyze", "calendar", expression], check=True, capture_output=True, timeout=30)


LOCAL = datetime.datetime(2026, 11, 30, 12, 0).astimezone()  # a Monday


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*-*-* 01:30", (12, 1, 1, 30)),
        ("*-*-* 12:00", (12, 1, 12, 0)),  # not now, but after now
        ("hourly", (11, 30, 13, 0)),
        ("Sun 04:00", (12, 6, 4, 0)),
        ("0 3 1,15 * 5", (12, 1, 3, 0)),
    ],
)
def test_the_next_run_is_the_first_after_now_in_local_time(text: str, expected: tuple[int, ...]) -> None:
    found = parse_calendar("schedule.backup", text).next_after(LOCAL)
    assert found == datetime.datetime(2026, *expected).astimezone()


@given(st.integers(0, 59), st.integers(0, 23), st.integers(0, 6), st.integers(0, 60 * 24 * 30))
def test_no_run_lies_between_now_and_the_next(minute: int, hour: int, weekday: int, later: int) -> None:
    calendar = Calendar(frozenset([minute]), frozenset([hour]), weekdays=frozenset([weekday]))
    now = LOCAL + datetime.timedelta(minutes=later)
    found = calendar.next_after(now)
    assert found is not None
    assert datetime.timedelta() < found - now <= datetime.timedelta(days=7, hours=1)
    assert (found.minute, found.hour, found.weekday()) == (minute, hour, weekday)
