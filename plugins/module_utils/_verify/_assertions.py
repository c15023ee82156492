# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The user's own questions to the restored data, and what the answers must be.

Pure: each store asks them in its own way.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import operator
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import (
    format_seconds,
    format_timestamp,
    utc_timestamp,
)

OPERATORS: dict[str, t.Callable[[t.Any, t.Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


@dataclasses.dataclass(frozen=True)
class Place:
    """Where in the streams of an account the answer is.

    A stream (or its messages on a subject, wildcards allowed), a bucket (of a key-value or an object store), a key or
    an object in it.
    """

    stream: str = ""
    subject: str = ""
    bucket: str = ""
    key: str = ""
    object: str = ""


@dataclasses.dataclass(frozen=True)
class Assertion:
    """One question, a query or a place: either ``comparison`` and ``value``, or ``newer_than``."""

    name: str
    query: str
    comparison: str = ""
    value: t.Any = None
    newer_than: datetime.timedelta | None = None
    place: Place | None = None

    @property
    def engine(self) -> str:
        """The engine of the backups that it can be asked of."""
        return "postgresql" if self.place is None else "jetstream"


def read_assertion(number: int, options: t.Mapping[str, t.Any]) -> Assertion:
    """The assertion that an entry of the option ``checks`` describes. Raises OptionError naming entry and key."""
    where = f"checks[{number}]"
    name = options.get("name") or f"check {number + 1}"
    query, place = str(options.get("query") or ""), _place(where, options)
    if options.get("newer_than"):
        if options.get("operator") or options.get("value") is not None:
            raise OptionError(
                f"{where}: newer_than stands alone.", hint="Leave out operator and value, or leave out newer_than."
            )
        limit = parse_duration(f"{where}.newer_than", options["newer_than"])
        return Assertion(name, query, newer_than=limit, place=place)
    if options.get("value") is None:
        raise OptionError(
            f"{where}: there is nothing to compare the answer with.", hint="Give operator and value, or newer_than."
        )
    return Assertion(name, query, options.get("operator") or "==", options["value"], place=place)


def _place(where: str, options: t.Mapping[str, t.Any]) -> Place | None:
    """Where the question goes; None for a query. Raises OptionError unless it is one question to one store."""
    asked = [key for key in ("query", "stream", "bucket") if options.get(key)]
    if len(asked) != 1:
        raise OptionError(
            f"{where}: {' and '.join(asked) or 'nothing'} is asked for.",
            hint="Give one of query (a database), stream, or bucket (a key-value or object store of NATS).",
        )
    within = {"subject": "stream", "key": "bucket", "object": "bucket"}
    lost = [key for key, of in within.items() if options.get(key) and of != asked[0]]
    if lost:
        raise OptionError(
            f"{where}: {lost[0]} does not go with {asked[0]}.", hint=f"{lost[0]} belongs to a {within[lost[0]]}."
        )
    if options.get("key") and options.get("object"):
        raise OptionError(
            f"{where}: key and object do not go together.",
            hint="key is for a key-value store, object for an object store.",
        )
    if options.get("query"):
        return None
    return Place(**{field.name: str(options.get(field.name) or "") for field in dataclasses.fields(Place)})


def check_engine(assertions: t.Sequence[Assertion], engine: str) -> None:
    """Raises OptionError for a question that this store cannot answer: one that is never asked must not look like one
    that was right.
    """
    for assertion in assertions:
        if assertion.engine != engine:
            asked = "a query" if assertion.place is None else "about streams"
            raise OptionError(
                f"The check {assertion.name!r} is {asked}, and the backup is of {engine}.",
                hint=(
                    "Give each component its own checks: query for postgresql, stream or bucket for jetstream, none "
                    "for s3."
                ),
            )


def judge(assertion: Assertion, answer: t.Any, now: datetime.datetime) -> tuple[bool, str, str]:
    """Whether the answer is right, what was expected, and what was observed, in words. NULL is never right."""
    if assertion.newer_than is not None:
        expected = f"newer than {format_seconds(assertion.newer_than.total_seconds())}"
        moment = _moment(answer)
        if moment is None:
            return False, expected, f"{answer!r} is no point in time"
        age = now - moment
        observed = f"{format_timestamp(utc_timestamp(moment))} ({format_seconds(age.total_seconds())} old)"
        return age < assertion.newer_than, expected, observed
    expected = f"{assertion.comparison} {assertion.value}"
    if answer is None:
        return False, expected, "NULL"
    pair = _comparable(answer, assertion.value)
    if pair is None:
        return False, expected, f"{answer} cannot be compared with {assertion.value}"
    return OPERATORS[assertion.comparison](*pair), expected, str(answer)


def _comparable(answer: t.Any, value: t.Any) -> tuple[t.Any, t.Any] | None:
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
    left, right = _moment(answer), _moment(other)
    return (left, right) if left and right else None


def _moment(answer: t.Any) -> datetime.datetime | None:
    if isinstance(answer, datetime.datetime):
        return answer if answer.tzinfo else answer.replace(tzinfo=datetime.timezone.utc)
    if isinstance(answer, datetime.date):
        return datetime.datetime(answer.year, answer.month, answer.day, tzinfo=datetime.timezone.utc)
    return None
