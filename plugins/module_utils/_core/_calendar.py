# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""When something runs, as people write it for systemd (``Mon..Fri 01:30``) or for cron (``30 1 * * 1-5``). Pure.

Either notation can be handed to either scheduler, and the longest time between two runs can be known: that is what a
schedule promises. Facts: systemd.time(7) and crontab(5).
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MINUTES, _HOURS = frozenset(range(60)), frozenset(range(24))
_DAYS, _ALL_MONTHS, _WEEK = frozenset(range(1, 32)), frozenset(range(1, 13)), frozenset(range(7))
_SHORTHANDS = {
    "minutely": "*-*-* *:*:00",
    "hourly": "*-*-* *:00:00",
    "daily": "*-*-* 00:00:00",
    "weekly": "Mon *-*-* 00:00:00",
    "monthly": "*-*-01 00:00:00",
    "quarterly": "*-01,04,07,10-01 00:00:00",
    "semiannually": "*-01,07-01 00:00:00",
    "yearly": "*-01-01 00:00:00",
    "annually": "*-01-01 00:00:00",
}
_CRON_SHORTHANDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_HINT = (
    "Write it for systemd, such as *-*-* 01:00 or Mon..Fri 02:30 or hourly, or for cron, such as 0 1 * * *. It is the "
    "local time of the host."
)
_LOOKED_AT_DAYS = 9 * 366  # the 29th of February is never further away


class _NotUnderstoodError(ValueError):
    """A part of a schedule that is none."""


@dataclasses.dataclass(frozen=True)
class Calendar:
    """The minutes at which something runs. Weekdays are numbered from Monday, 0."""

    minutes: frozenset[int] = _MINUTES
    hours: frozenset[int] = _HOURS
    days: frozenset[int] = _DAYS  # of the month
    months: frozenset[int] = _ALL_MONTHS
    weekdays: frozenset[int] = _WEEK
    either_day: bool = False  # cron runs where the day or the weekday fits, systemd where both do

    def runs_on(self, day: datetime.date) -> bool:
        """Whether it runs on this day."""
        fits = (day.day in self.days, day.weekday() in self.weekdays)
        both = all(fits) if not self._is_either else any(fits)
        return day.month in self.months and both

    @property
    def _is_either(self) -> bool:
        return self.either_day and self.days != _DAYS and self.weekdays != _WEEK

    def longest_gap(self) -> datetime.timedelta:
        """The longest time between two runs that follow each other, where no clock is changed."""
        times = sorted(hour * 60 + minute for hour in self.hours for minute in self.minutes)
        first = datetime.date(2024, 1, 1)
        days = [number for number in range(_LOOKED_AT_DAYS) if self.runs_on(first + datetime.timedelta(number))]
        within = max((later - earlier for earlier, later in zip(times, times[1:])), default=0)
        between = max((later - earlier for earlier, later in zip(days, days[1:])), default=0)
        overnight = between * 24 * 60 - (times[-1] - times[0])
        return datetime.timedelta(minutes=max(within, overnight))

    def next_after(self, now: datetime.datetime) -> datetime.datetime | None:
        """The next run after this moment, in the local time of the host; None where there is none in nine years."""
        local = now.astimezone().replace(tzinfo=None)
        times = sorted(datetime.time(hour, minute) for hour in self.hours for minute in self.minutes)
        for number in range(_LOOKED_AT_DAYS):
            day = local.date() + datetime.timedelta(number)
            if self.runs_on(day):
                for time in times:
                    moment = datetime.datetime.combine(day, time)
                    if moment > local:
                        return moment.astimezone()
        return None

    @property
    def ever_runs(self) -> bool:
        """Whether there is such a day at all, unlike the thirtieth of February."""
        first = datetime.date(2024, 1, 1)
        return any(self.runs_on(first + datetime.timedelta(number)) for number in range(_LOOKED_AT_DAYS))

    def for_systemd(self) -> list[str]:
        """The values of OnCalendar=, of which cron's days of the month or of the week take two."""
        date = f"*-{_list(self.months, _ALL_MONTHS, '..')}-{_list(self.days, _DAYS, '..')}"
        week = "" if self.weekdays == _WEEK else ",".join(_WEEKDAYS[day] for day in sorted(self.weekdays)) + " "
        time = f"{_list(self.hours, _HOURS, '..')}:{_list(self.minutes, _MINUTES, '..')}:00"
        if not self._is_either:
            return [f"{week}{date} {time}"]
        return [f"{date} {time}", f"{week}*-{_list(self.months, _ALL_MONTHS, '..')}-* {time}"]

    def for_cron(self, option: str) -> str:
        """The five fields of crontab(5). Raises OptionError where cron cannot say it."""
        if self.days != _DAYS and self.weekdays != _WEEK and not self.either_day:
            raise OptionError(
                f"{option} has days of the month and days of the week, and cron would run on either.",
                hint="Give only one of the two, or use systemd as the scheduler.",
            )
        week = _list(frozenset(day + 1 for day in self.weekdays), frozenset(range(1, 8)), "-")
        fields = (
            _list(self.minutes, _MINUTES, "-"),
            _list(self.hours, _HOURS, "-"),
            _list(self.days, _DAYS, "-"),
            _list(self.months, _ALL_MONTHS, "-"),
            week,
        )
        return " ".join(fields)


@functools.lru_cache(maxsize=64)
def parse_calendar(option: str, text: str) -> Calendar:
    """The schedule that is written for systemd or for cron. Raises OptionError naming the option."""
    written = _SHORTHANDS.get(text.strip().lower(), _CRON_SHORTHANDS.get(text.strip().lower(), text)).split()
    try:
        calendar = _of_cron(written) if len(written) == 5 else _of_systemd(written)
    except _NotUnderstoodError as error:
        raise OptionError(f"{option}: {text!r} is not a schedule: {error}.", hint=_HINT) from None
    if not calendar.ever_runs:
        raise OptionError(f"{option}: {text!r} never comes.", hint=_HINT)
    return calendar


def _of_systemd(words: t.Sequence[str]) -> Calendar:
    rest = list(words)
    week, months, days, time = _WEEK, _ALL_MONTHS, _DAYS, ("0", "0")
    if rest and rest[0][:1].isalpha():
        week = _values(rest.pop(0), range(7), _WEEKDAYS, "..")
    if rest and "-" in rest[0]:
        parts = rest.pop(0).split("-")
        if len(parts) not in (2, 3) or (len(parts) == 3 and parts[0] != "*"):
            raise _NotUnderstoodError(f"{'-'.join(parts)} is not a date such as *-*-01; a year cannot be given")
        months, days = _values(parts[-2], range(1, 13), (), ".."), _values(parts[-1], range(1, 32), (), "..")
    if rest and ":" in rest[0]:
        time = _time(rest.pop(0))
    if rest or not words:
        raise _NotUnderstoodError(f"{' '.join(rest) or 'it'} is neither a weekday, nor a date, nor a time")
    return Calendar(_values(time[1], range(60), (), ".."), _values(time[0], range(24), (), ".."), days, months, week)


def _time(word: str) -> tuple[str, str]:
    hour, minute, *seconds = word.split(":")
    if len(seconds) > 1 or (seconds and not re.fullmatch(r"0{1,2}", seconds[0])):
        raise _NotUnderstoodError(f"{word} has seconds, and cron knows only minutes")
    return hour, minute


def _of_cron(fields: t.Sequence[str]) -> Calendar:
    minutes, hours, days, months, week = fields
    weekdays = _values(week, range(8), ("Sun", *_WEEKDAYS), "-")  # 0 and 7 are Sunday
    return Calendar(
        _values(minutes, range(60), (), "-"),
        _values(hours, range(24), (), "-"),
        _values(days, range(1, 32), (), "-"),
        _values(months, range(1, 13), _MONTHS, "-"),
        frozenset((number - 1) % 7 for number in weekdays),
        either_day=True,
    )


def _values(text: str, allowed: range, names: t.Sequence[str], dash: str) -> frozenset[int]:
    """The numbers that ``1,3..5,*/10`` stands for; ``names`` stand for the numbers of ``allowed``."""
    found: set[int] = set()
    for part in text.split(","):
        span, slash, step_text = part.partition("/")
        if slash and (not step_text.isdecimal() or int(step_text) == 0):
            raise _NotUnderstoodError(f"{part} does not name a step")
        begin, between, end = span.partition(dash)
        if span == "*":
            first, last = allowed[0], allowed[-1]
        else:
            first = _number(begin, allowed, names)
            last = _number(end, allowed, names, -1) if between else (allowed[-1] if slash else first)
        if first > last:
            raise _NotUnderstoodError(f"{span} runs backwards")
        found.update(range(first, last + 1, int(step_text) if slash else 1))
    return frozenset(found)


def _number(text: str, allowed: range, names: t.Sequence[str], which: int = 0) -> int:
    """The number; cron's Sunday is 0 at the begin of a range (``which`` is 0) and 7 at its end (-1)."""
    close = [
        number
        for number, name in zip(allowed, names)
        if len(text) >= 3 and _LONG_NAMES[name].lower().startswith(text.lower())
    ]
    if close:
        return close[which]
    if text.isdecimal() and int(text) in allowed and (not names or len(allowed) != 7):
        return int(text)
    raise _NotUnderstoodError(
        f"{text or 'nothing'} is not one of {', '.join(names)}"
        if names and len(allowed) == 7
        else f"{text or 'nothing'} is not a number from {allowed[0]} to {allowed[-1]}"
    )


_LONG_NAMES = dict(
    zip(
        (*_WEEKDAYS, *_MONTHS),
        (
            *("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
            *("January", "February", "March", "April", "May", "June"),
            *("July", "August", "September", "October", "November", "December"),
        ),
    )
)


def _list(values: frozenset[int], every: frozenset[int], dash: str) -> str:
    """``1,3-5``; ``*`` for all."""
    if values == every:
        return "*"
    ordered, parts = sorted(values), []
    begin = previous = ordered[0]
    for number in [*ordered[1:], -1]:
        if number == previous + 1:
            previous = number
            continue
        parts += [f"{begin}{dash}{previous}"] if previous > begin + 1 else [f"{n}" for n in range(begin, previous + 1)]
        begin = previous = number
    return ",".join(parts)
