# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""How an answer is compared with what is expected of it. Pure."""

from __future__ import annotations

import datetime
import decimal
import operator
import typing as t

OPERATORS: dict[str, t.Callable[[t.Any, t.Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


def comparable(answer: t.Any, value: t.Any) -> tuple[t.Any, t.Any] | None:
    """Numbers as numbers and points in time as such, however they are written; text as text.

    None when there is no order between them.
    """
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
    left, right = moment_of(answer), moment_of(other)
    return (left, right) if left and right else None


def moment_of(answer: t.Any) -> datetime.datetime | None:
    """The point in time that an answer is, in UTC where it says no zone; None where it is none."""
    if isinstance(answer, datetime.datetime):
        return answer if answer.tzinfo else answer.replace(tzinfo=datetime.timezone.utc)
    if isinstance(answer, datetime.date):
        return datetime.datetime(answer.year, answer.month, answer.day, tzinfo=datetime.timezone.utc)
    return None
