# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The user's own questions: how they are read and how answers are judged."""

from __future__ import annotations

import datetime
import decimal
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._verify._assertions import (
    OPERATORS,
    Assertion,
    Place,
    check_engine,
    judge,
    read_assertion,
)
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime.datetime(2026, 1, 15, 12, 0, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)


def _right(comparison: str, value: t.Any, answer: t.Any) -> bool:
    return judge(Assertion("n", "q", comparison, value), answer, NOW)[0]


@given(
    st.integers() | st.decimals(allow_nan=False, allow_infinity=False),
    st.integers() | st.floats(allow_nan=False, allow_infinity=False),
)
def test_numbers_are_compared_as_numbers_however_they_are_written(answer: t.Any, value: t.Any) -> None:
    expected = decimal.Decimal(str(answer)) >= decimal.Decimal(str(value))
    assert (
        _right(">=", value, answer) is _right(">=", str(value), answer) is _right(">=", value, str(answer)) is expected
    )


@given(st.sampled_from(sorted(OPERATORS)), st.text(), st.text())
def test_text_is_compared_as_text(comparison: str, answer: str, value: str) -> None:
    assert _right(comparison, value, answer) is OPERATORS[comparison](answer, value)


@given(
    st.sampled_from(sorted(OPERATORS)),
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.datetimes()
    | st.dates()
    # fmt: skip
    | st.decimals()
    | st.binary()
    | st.lists(st.integers()),
    st.booleans() | st.integers() | st.floats() | st.text(),
)
def test_no_answer_breaks_the_judge(comparison: str, answer: t.Any, value: t.Any) -> None:
    right, expected, observed = judge(Assertion("n", "q", comparison, value), answer, NOW)
    assert isinstance(right, bool) and expected and isinstance(observed, str)


@pytest.mark.parametrize("comparison", sorted(OPERATORS))
def test_neither_null_nor_nan_nor_what_has_no_order_is_ever_right(comparison: str) -> None:
    assert not _right(comparison, 1, None)
    assert not _right(comparison, 1, decimal.Decimal("NaN"))
    assert not _right(comparison, 1, float("nan"))
    assert not _right(comparison, 1, "many")
    assert not _right(comparison, "soon", NOW)


@pytest.mark.parametrize("answer", [NOW, NOW.replace(tzinfo=None), datetime.date(2026, 1, 15)])
def test_points_in_time_are_compared_as_such(answer: t.Any) -> None:
    assert _right(">=", "2026-01-15", answer) and _right("<", "2026-01-15T13:00:00Z", answer)
    assert _right("==", "2026-01-15T13:00:00+01:00", NOW)


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        (NOW - HOUR / 2, True),
        (NOW - HOUR, False),
        (NOW - 2 * HOUR, False),
        ((NOW - HOUR / 2).replace(tzinfo=None), True),
        (None, False),
        ("now", False),
    ],
)
def test_freshness_is_younger_than_the_limit_and_nothing_else(answer: t.Any, right: bool) -> None:
    assert judge(Assertion("n", "q", newer_than=HOUR), answer, NOW)[0] is right


@pytest.mark.parametrize(
    "options",
    [
        {"query": "q"},
        {"query": "q", "operator": ">"},
        {"query": "q", "newer_than": "1h", "value": 1},
        {"query": "q", "newer_than": "soon"},
    ],
)
def test_half_a_question_is_refused_by_its_number(options: dict[str, t.Any]) -> None:
    with pytest.raises(OptionError, match=r"checks\[3\]"):
        read_assertion(3, options)


def test_a_question_without_operator_asks_for_equality_and_zero_is_a_value() -> None:
    assertion = read_assertion(0, {"query": "q", "value": 0})
    assert (assertion.name, assertion.comparison, assertion.value) == ("check 1", "==", 0)


def test_a_question_about_streams_has_a_place() -> None:
    assertion = read_assertion(
        0, {"stream": "ORDERS", "subject": "orders.*", "operator": ">=", "value": 10, "query": None, "key": None}
    )
    assert assertion == Assertion("check 1", "", ">=", 10, place=Place(stream="ORDERS", subject="orders.*"))
    fresh = read_assertion(1, {"bucket": "settings", "key": "currency", "newer_than": "1h"})
    assert fresh.place == Place(bucket="settings", key="currency") and fresh.newer_than == HOUR


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"value": 1}, "nothing is asked for"),
        ({"query": "select 1", "stream": "S", "value": 1}, "query and stream is asked for"),
        ({"stream": "S", "key": "k", "value": 1}, "key does not go with stream"),
        ({"query": "select 1", "subject": "s", "value": 1}, "subject does not go with query"),
        ({"bucket": "b", "key": "k", "object": "o", "value": 1}, "key and object do not go together"),
    ],
)
def test_a_question_that_is_none_or_two_is_refused(options: dict[str, t.Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        read_assertion(0, options)


def test_a_question_to_another_store_is_refused_and_not_left_out() -> None:
    query, streams = (
        read_assertion(0, {"query": "select 1", "value": 1}),
        read_assertion(1, {"stream": "S", "value": 1}),
    )
    check_engine([query], "postgresql")
    check_engine([streams], "jetstream")
    with pytest.raises(OptionError, match="'check 1' is a query, and the backup is of jetstream"):
        check_engine([streams, query], "jetstream")
    with pytest.raises(OptionError, match="'check 2' is about streams, and the backup is of postgresql"):
        check_engine([query, streams], "postgresql")
