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
from ansible_collections.lifeboat.dr.plugins.module_utils._core._store import Store
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._store import STORE as JETSTREAM
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._store import STORE as POSTGRESQL
from ansible_collections.lifeboat.dr.plugins.module_utils._verify._assertions import (
    OPERATORS,
    Assertion,
    judge,
    read_assertions,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._verify.jetstream._stream_questions import check_places
from ansible_collections.lifeboat.dr.plugins.plugin_utils._engines import ENGINES
from hypothesis import given
from hypothesis import strategies as st

QUERY = {"query": "q", "value": 1}
STREAM = {"stream": "S", "value": 1}
NOW = datetime.datetime(2026, 1, 15, 12, 0, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)


def _right(comparison: str, value: t.Any, answer: t.Any) -> bool:
    return judge(Assertion("n", {"query": "q"}, comparison, value), answer, NOW)[0]


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
    right, expected, observed = judge(Assertion("n", {"query": "q"}, comparison, value), answer, NOW)
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
        (NOW + 14 * HOUR, True),  # a local time without a zone
        (NOW + 16 * HOUR, False),
        (NOW.replace(year=9999), False),
        (None, False),
        ("now", False),
    ],
)
def test_freshness_is_younger_than_the_limit_and_nothing_else(answer: t.Any, right: bool) -> None:
    assert judge(Assertion("n", {"query": "q"}, newer_than=HOUR), answer, NOW)[0] is right


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
        read_assertions([QUERY, QUERY, QUERY, options], POSTGRESQL)


def test_a_question_without_operator_asks_for_equality_and_zero_is_a_value() -> None:
    (assertion,) = read_assertions([{"query": "q", "value": 0}], POSTGRESQL)
    assert (assertion.name, assertion.comparison, assertion.value) == ("check 1", "==", 0)


def test_a_question_about_streams_says_where_the_answer_is() -> None:
    assertion, fresh = read_assertions(
        [
            {"stream": "ORDERS", "subject": "orders.*", "operator": ">=", "value": 10, "query": None, "key": None},
            {"bucket": "settings", "key": "currency", "newer_than": "1h"},
        ],
        JETSTREAM,
    )
    assert assertion == Assertion("check 1", {"stream": "ORDERS", "subject": "orders.*"}, ">=", 10)
    assert fresh.where == {"bucket": "settings", "key": "currency"} and fresh.newer_than == HOUR


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"value": 1}, "nothing is asked for"),
        ({"subject": "s", "value": 1}, "nothing is asked for"),
        ({"bucket": "b", "stream": "S", "value": 1}, "stream and bucket is asked for"),
        ({"stream": "S", "key": "k", "value": 1}, "key does not go with stream"),
    ],
)
def test_a_question_that_is_none_or_two_is_refused(options: dict[str, t.Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        read_assertions([options], JETSTREAM)


def test_a_bucket_holds_keys_or_objects() -> None:
    check_places(read_assertions([{"bucket": "b", "key": "k", "value": 1}], JETSTREAM))
    with pytest.raises(OptionError, match="key and object do not go together"):
        check_places(read_assertions([{"bucket": "b", "key": "k", "object": "o", "value": 1}], JETSTREAM))


@given(store=st.sampled_from([engine.store for engine in ENGINES.values()]), data=st.data())
def test_a_question_to_another_store_is_refused_and_not_left_out(store: Store, data: st.DataObject) -> None:
    keys = {key for engine in ENGINES.values() for key in engine.store.question_keys}
    key = data.draw(st.sampled_from(sorted(keys)))
    questions = [{"name": "mine", key: "x", "value": 1}]
    if key in store.questions:
        assert read_assertions(questions, store)[0].where == {key: "x"}
    elif key not in store.question_keys:
        with pytest.raises(OptionError, match=f"'mine' asks by {key}, and the backup is of {store.engine}"):
            read_assertions(questions, store)


def test_nothing_can_be_asked_of_a_pair_of_buckets() -> None:
    for question in (QUERY, STREAM, {"value": 1}):
        with pytest.raises(OptionError, match=r"checks\[0\]"):
            read_assertions([question], ENGINES["s3"].store)
