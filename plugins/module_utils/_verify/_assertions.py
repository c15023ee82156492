# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The user's own questions to the restored data: a query, and what its answer must be. Pure, but for the asking."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import operator
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._errors import OptionError

OPERATORS: dict[str, t.Callable[[t.Any, t.Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


@dataclasses.dataclass(frozen=True)
class Assertion:
    """One question: either ``comparison`` and ``value``, or ``newer_than``."""

    name: str
    query: str
    comparison: str = ""
    value: t.Any = None
    newer_than: datetime.timedelta | None = None


def read_assertion(number: int, options: t.Mapping[str, t.Any]) -> Assertion:
    """The assertion that an entry of the option ``checks`` describes. Raises OptionError naming entry and key."""
    place = f"checks[{number}]"
    name = options.get("name") or f"check {number + 1}"
    if options.get("newer_than"):
        if options.get("operator") or options.get("value") is not None:
            raise OptionError(f"{place}: newer_than stands alone.", hint="Leave out operator and value, or leave out newer_than.")
        return Assertion(name, options["query"], newer_than=parse_duration(f"{place}.newer_than", options["newer_than"]))
    if options.get("value") is None:
        raise OptionError(f"{place}: there is nothing to compare the answer with.", hint="Give operator and value, or newer_than.")
    return Assertion(name, options["query"], options.get("operator") or "==", options["value"])


def judge(assertion: Assertion, answer: t.Any, now: datetime.datetime) -> tuple[bool, str, str]:
    """Whether the answer is right, what was expected, and what was observed, in words. NULL is never right."""
    if assertion.newer_than is not None:
        expected = f"newer than {assertion.newer_than}"
        moment = _moment(answer)
        if moment is None:
            return False, expected, f"{answer!r} is no point in time"
        age = now - moment
        return age < assertion.newer_than, expected, f"{moment.isoformat()} ({age} old)"
    expected = f"{assertion.comparison} {assertion.value}"
    if answer is None:
        return False, expected, "NULL"
    pair = _comparable(answer, assertion.value)
    if pair is None:
        return False, expected, f"{answer} cannot be compared with {assertion.value}"
    return OPERATORS[assertion.comparison](*pair), expected, str(answer)


def _comparable(answer: t.Any, value: t.Any) -> tuple[t.Any, t.Any] | None:
    """Numbers as numbers and points in time as such, however they are written; text as text. None when there is no order between them."""
    if isinstance(answer, bool) or isinstance(value, bool):
        return str(answer).lower(), str(value).lower()
    numbers = [isinstance(item, (int, float, decimal.Decimal)) for item in (answer, value)]
    if any(numbers):
        return _numbers(answer, value)
    if isinstance(answer, datetime.date):
        return _moments(answer, value)
    return str(answer), str(value)


def _numbers(answer: t.Any, value: t.Any) -> tuple[decimal.Decimal, decimal.Decimal] | None:
    try:
        pair = decimal.Decimal(str(answer).strip()), decimal.Decimal(str(value).strip())
    except decimal.InvalidOperation:
        return None
    return None if any(number.is_nan() for number in pair) else pair


def _moments(answer: datetime.date, value: t.Any) -> tuple[datetime.datetime, datetime.datetime] | None:
    try:
        other = datetime.datetime.fromisoformat(str(value).strip().replace("Z", "+00:00"))
    except ValueError:
        return None
    left, right = _moment(answer), _moment(other)
    return (left, right) if left and right else None


def _moment(answer: t.Any) -> datetime.datetime | None:
    if isinstance(answer, datetime.datetime):
        return answer if answer.tzinfo else answer.replace(tzinfo=datetime.timezone.utc)
    if isinstance(answer, datetime.date):
        return datetime.datetime(answer.year, answer.month, answer.day, tzinfo=datetime.timezone.utc)
    return None
