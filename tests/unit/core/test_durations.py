# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lengths of time."""

from __future__ import annotations

import datetime
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from hypothesis import given
from hypothesis import strategies as st

SECONDS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("20h", 72000),
        ("90m", 5400),
        ("7d", 604800),
        ("1h30m", 5400),
        ("1.5h", 5400),
        (" 2W ", 1209600),
        ("45", 45),
        (45, 45),
        (0.5, 0.5),
        ("0s", 0),
    ],
)
def test_what_people_write_is_understood(text: t.Any, seconds: float) -> None:
    assert parse_duration("max_age", text) == datetime.timedelta(seconds=seconds)


@given(st.lists(st.tuples(st.integers(0, 1000), st.sampled_from(sorted(SECONDS))), min_size=1, max_size=5))
def test_parts_add_up(parts: list[tuple[int, str]]) -> None:
    text = "".join(f"{number}{unit}" for number, unit in parts)
    assert parse_duration("max_age", text).total_seconds() == sum(number * SECONDS[unit] for number, unit in parts)


@pytest.mark.parametrize(
    "text", ["", "h", "1 h", "-1h", "20x", "1h-", "h1", "1,5h", "1h 30m", None, True, [1], "1.h", "inf", "nan"]
)
def test_what_is_no_length_of_time_is_refused_by_the_name_of_the_option(text: t.Any) -> None:
    with pytest.raises(OptionError, match=r"^max_age: .* is not a duration\. Write it as 20h"):
        parse_duration("max_age", text)


@given(st.text(max_size=12) | st.from_regex(r"\d{1,14}[wdhms]", fullmatch=True))
def test_nothing_that_people_write_is_a_traceback(text: str) -> None:
    try:
        assert parse_duration("max_age", text) >= datetime.timedelta()
    except OptionError:
        return
