# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an answer must be: right answers pass, and each thing that is wrong is red and said."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._http._expectation import (
    LENGTH,
    judge,
    read_expectation,
    read_path,
    value_at,
)
from hypothesis import given
from hypothesis import strategies as st

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def _judge(options: dict[str, t.Any], text: str, status: int = 200) -> tuple[bool, str]:
    judged = judge(read_expectation("checks[0]", options, 200), status, text)
    return judged.right, judged.observed


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"contains": "cart"}, "<a>Add to cart</a>"),
        ({"matches": r"v\d+"}, "this is v7"),
        ({"contains": "a", "lacks": "error"}, "a page"),
        ({"json_path": "status", "value": "ok"}, '{"status": "ok"}'),
        ({"json_path": "$.data.orders[-1].id", "operator": ">=", "value": 2}, '{"data": {"orders": [{"id": 2}]}}'),
        ({"json_path": "orders.length()", "operator": ">", "value": "0"}, '{"orders": [1], "errors": []}'),
        ({"json_path": '["a b"].c', "value": True}, '{"a b": {"c": true}}'),
        ({"json_path": "[0]", "value": 1.0}, "[1]"),
    ],
)
def test_a_right_answer_passes(options: dict[str, t.Any], text: str) -> None:
    assert _judge(options, text)[0]


@pytest.mark.parametrize(
    ("options", "text", "words"),
    [
        ({"contains": "cart"}, "Something went wrong", "'cart' is not in the answer: Something went wrong"),
        ({"matches": r"v\d+"}, "this is vx", "nothing in the answer matches"),
        ({"contains": "page", "lacks": "Traceback"}, "a page\nTraceback (most", "'Traceback' is in the answer: Trace"),
        ({"json_path": "status", "value": "ok"}, '{"status": "down"}', "status is down"),
        ({"json_path": "status", "value": "ok"}, "<html>", "the answer is not JSON: <html>"),
        ({"json_path": "a.b", "value": 1}, '{"a": []}', "a.b is not in the answer"),
        ({"json_path": "a", "value": "None"}, '{"a": null}', "a is null"),
        ({"json_path": "a", "value": "[1]"}, '{"a": [1]}', "cannot be compared"),
        ({"json_path": "a", "operator": ">", "value": 3}, '{"a": "many"}', "cannot be compared"),
        ({"contains": "data"}, '{"data": null, "errors": [{"message": "no database"}]}', "no database"),
    ],
)
def test_a_page_that_says_200_and_is_wrong_is_red_and_says_why(
    options: dict[str, t.Any], text: str, words: str
) -> None:
    right, observed = _judge(options, text)
    assert not right and words in observed


def test_another_status_is_red_whatever_the_page_says() -> None:
    right, observed = _judge({"contains": "cart"}, "Add to cart", 503)
    assert not right and observed == "status 503: Add to cart"


@given(st.text(max_size=20), st.text(min_size=1, max_size=5), st.integers(100, 599))
def test_what_is_contained_decides_and_nothing_else(text: str, part: str, status: int) -> None:
    assert _judge({"contains": part}, f"<p>{text}</p>", status)[0] == (part in f"<p>{text}</p>" and status == 200)


@given(_JSON, _JSON)
def test_any_json_is_judged_without_an_exception_and_null_is_never_right(document: t.Any, value: t.Any) -> None:
    right, observed = _judge({"json_path": "a", "value": str(value) or "x"}, json.dumps({"a": document}))
    assert isinstance(observed, str) and not (right and (document is None or isinstance(document, (list, dict))))


@given(st.text(max_size=300))
def test_what_was_observed_is_one_short_line(text: str) -> None:
    _right, observed = _judge({"contains": "\0never"}, text)
    assert "\n" not in observed and len(observed) < 300


_NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,5}", fullmatch=True)


@given(st.lists(_NAMES | st.integers(-3, 3), min_size=1, max_size=5), st.integers())
def test_a_path_that_is_written_leads_to_the_value_it_names(parts: list[str | int], value: int) -> None:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    assert read_path("json_path", "$" + text) == tuple(parts)
    document: t.Any = value
    for part in reversed(parts):
        document = [document] * 4 if isinstance(part, int) else {part: document}
    assert value_at(document, parts) == value


@pytest.mark.parametrize("text", ["", "$", "a..b", "a b", "a[", "a[x]", "a[1", "a.size()", "length().a", ".", "a]b"])
def test_a_path_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="json_path"):
        read_path("checks[0].json_path", text)


def test_the_length_is_that_of_a_list_a_text_or_a_dictionary() -> None:
    assert [value_at(one, (LENGTH,)) for one in ([1, 2], "abc", {})] == [2, 3, 0]
    with pytest.raises(KeyError):
        value_at(7, (LENGTH,))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"matches": "("}, "not a regular expression"),
        ({"json_path": "a"}, "go together"),
        ({"value": 1}, "go together"),
        ({"operator": ">"}, "go together"),
    ],
)
def test_a_check_that_cannot_be_right_is_refused(options: dict[str, t.Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        read_expectation("checks[0]", options, 200)


@given(
    st.text(max_size=30) | st.from_regex(r"\$?(\.?[a-z]+(\(\))?|\[-?[0-9]{1,6000}\]|\[\"[^\"]*\"\])*", fullmatch=True)
)
def test_any_text_is_a_path_or_is_refused_in_words(text: str) -> None:
    try:
        parts = read_path("checks[0].json_path", text)
    except OptionError as error:
        assert error.message
    else:
        assert parts


@given(
    _JSON,
    st.text(max_size=40) | st.just("[" * 100_000) | st.just("1" * 10_000) | st.just('{"a": 1e999, "b": NaN}'),
    st.sampled_from(["a", "b", "[0]", "a.length()", "[-1][0]"]),
    st.sampled_from(["==", "!=", "<", ">="]),
    st.integers() | st.text(max_size=4) | st.booleans() | st.floats(),
)
def test_any_body_is_judged_and_nothing_leaves_the_judge(
    document: t.Any, text: str, path: str, operator: str, value: t.Any
) -> None:
    for body in (text, json.dumps(document)):
        right, observed = _judge({"json_path": path, "operator": operator, "value": value}, body)
        assert observed and len(observed) < 1000
        if right:
            assert "status 200" in observed
