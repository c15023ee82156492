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
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._comparing import OPERATORS, comparable, moment_of
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import (
    format_seconds,
    format_timestamp,
    utc_timestamp,
)

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._store import Store

_AHEAD = datetime.timedelta(hours=15)  # of UTC: a local time without a zone, wherever it was written
QUESTION_SPEC: dict[str, dict[str, t.Any]] = {
    "name": {"type": "str"},
    "operator": {"type": "str", "choices": list(OPERATORS)},
    "value": {"type": "raw"},
    "newer_than": {"type": "str"},
}
"""The keys that a question has to any store."""


def checks_spec(*stores: Store) -> dict[str, t.Any]:
    """The option ``checks`` of a module that can ask these stores."""
    asking = {key: {"type": "str", "no_log": False} for store in stores for key in store.question_keys}
    return {"type": "list", "elements": "dict", "default": [], "options": {**QUESTION_SPEC, **asking}}


@dataclasses.dataclass(frozen=True)
class Assertion:
    """One question: ``where`` its answer is (such as ``query``, or ``stream`` and ``subject``), and either
    ``comparison`` and ``value``, or ``newer_than``.
    """

    name: str
    where: t.Mapping[str, str]
    comparison: str = ""
    value: t.Any = None
    newer_than: datetime.timedelta | None = None


def read_assertions(checks: t.Sequence[t.Mapping[str, t.Any]], store: Store) -> tuple[Assertion, ...]:
    """The assertions that the option ``checks`` describes. Raises OptionError naming entry and key.

    A question that this store cannot answer is refused: one that is never asked must not look like one that was right.
    """
    return tuple(_read(number, entry, store) for number, entry in enumerate(checks))


def _read(number: int, options: t.Mapping[str, t.Any], store: Store) -> Assertion:
    place = f"checks[{number}]"
    name = options.get("name") or f"check {number + 1}"
    where = _where(place, name, options, store)
    if options.get("newer_than"):
        if options.get("operator") or options.get("value") is not None:
            raise OptionError(
                f"{place}: newer_than stands alone.", hint="Leave out operator and value, or leave out newer_than."
            )
        limit = parse_duration(f"{place}.newer_than", options["newer_than"])
        return Assertion(name, where, newer_than=limit)
    if options.get("value") is None:
        raise OptionError(
            f"{place}: there is nothing to compare the answer with.", hint="Give operator and value, or newer_than."
        )
    return Assertion(name, where, options.get("operator") or "==", options["value"])


def _where(place: str, name: str, options: t.Mapping[str, t.Any], store: Store) -> dict[str, str]:
    """Where the answer is. Raises OptionError unless it is one question to this store."""
    given = {key: str(value) for key, value in options.items() if key not in QUESTION_SPEC and value}
    foreign = sorted(set(given) - set(store.question_keys))
    if foreign:
        asking = " or ".join(store.questions)
        raise OptionError(
            f"{place}: the check {name!r} asks by {foreign[0]}, and the backup is of {store.engine}.",
            hint=f"Give each component its own checks: {asking} for {store.phrase}."
            if asking
            else f"Nothing can be asked of {store.phrase}: give each component its own checks.",
        )
    asked = [key for key in store.questions if key in given]
    if len(asked) != 1:
        raise OptionError(
            f"{place}: {' and '.join(asked) or 'nothing'} is asked for.",
            hint=f"Give one of: {', '.join(store.questions)}." if store.questions else "Leave checks out.",
        )
    narrowing = [key for key in given if key != asked[0]]
    lost = [key for key in narrowing if key not in store.questions[asked[0]]]
    if lost:
        owner = next(key for key, more in store.questions.items() if lost[0] in more)
        raise OptionError(f"{place}: {lost[0]} does not go with {asked[0]}.", hint=f"{lost[0]} belongs to a {owner}.")
    return given


def judge(assertion: Assertion, answer: t.Any, now: datetime.datetime) -> tuple[bool, str, str]:
    """Whether the answer is right, what was expected, and what was observed, in words. NULL is never right."""
    if assertion.newer_than is not None:
        expected = f"newer than {format_seconds(assertion.newer_than.total_seconds())}"
        moment = moment_of(answer)
        if moment is None:
            return False, expected, f"{answer!r} is not a timestamp"
        age = now - moment
        if age < -_AHEAD:  # one row of the year 9999 would call the data fresh for ever
            return False, expected, f"{format_timestamp(utc_timestamp(moment))}, which is in the future"
        observed = f"{format_timestamp(utc_timestamp(moment))} ({format_seconds(age.total_seconds())} old)"
        return age < assertion.newer_than, expected, observed
    expected = f"{assertion.comparison} {assertion.value}"
    if answer is None:
        return False, expected, "NULL"
    pair = comparable(answer, assertion.value)
    if pair is None:
        return False, expected, f"{answer} cannot be compared with {assertion.value}"
    return OPERATORS[assertion.comparison](*pair), expected, str(answer)
