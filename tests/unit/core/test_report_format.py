# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Numbers, times and names in the words of people."""

from __future__ import annotations

import datetime
import re

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core import _format
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "unknown"),
        (float("nan"), "unknown"),
        (0, "0 s"),
        (0.004, "< 0.01 s"),
        (0.42, "0.42 s"),
        (0.996, "1.0 s"),
        (42.34, "42.3 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min"),
        (192.4, "3 min 12 s"),
        (3599.6, "1 h"),
        (7_500, "2 h 5 min"),
        (86_399, "1 d"),
        (273_600, "3 d 4 h"),
        (-5, "\u22125.0 s"),
    ],
)
def test_seconds_are_told_in_two_units_at_most(seconds: float | None, text: str) -> None:
    assert _format.format_seconds(seconds) == text


@given(st.floats(min_value=0, max_value=1e9))
def test_no_unit_of_time_is_ever_full(seconds: float) -> None:
    text = _format.format_seconds(seconds)
    assert not re.search(r"\b60(\.0)? s|\b60 min|\b24 h", text)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "unknown"),
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1_000, "1.0 kB"),
        (99_949, "99.9 kB"),
        (99_950, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (1_234_567_890, "1.2 GB"),
        (5 * 10**12, "5.0 TB"),
        (12_345 * 10**18, "12345 EB"),
    ],
)
def test_bytes_are_told_in_powers_of_a_thousand(count: int | None, text: str) -> None:
    assert _format.format_bytes(count) == text


@given(st.integers(min_value=0, max_value=10**20))
def test_a_size_never_needs_four_digits(count: int) -> None:
    digits = re.match(r"[\d.]+", _format.format_bytes(count))
    assert digits and float(digits.group()) < 1000


def test_a_rate_and_a_ratio_are_unknown_where_a_part_is() -> None:
    assert _format.format_rate(85_100_000.4) == "85.1 MB/s"
    assert _format.format_rate(None) == "unknown"
    assert _format.format_ratio(390, 100) == "3.9"
    assert _format.format_ratio(None, 100) == _format.format_ratio(390, 0) == "unknown"


def test_a_count_that_is_not_known_is_not_zero() -> None:
    assert _format.format_count(None) == "unknown"
    assert _format.format_count(0) == "0"
    assert [_format.plural(count, "copy", "copies") for count in (0, 1, 2_000)] == [
        "0 copies",
        "1 copy",
        "2,000 copies",
    ]


def test_exact_values_keep_every_digit() -> None:
    assert _format.exact_bytes(1_234_567_890) == "1,234,567,890 bytes"
    assert _format.exact_seconds(192.4181) == "192.418 seconds"
    assert _format.exact_bytes(None) == _format.exact_seconds(None) == "unknown"


@pytest.mark.parametrize("text", ["2026-01-15T02:00:00Z", "2026-01-15T02:00:00.123Z", "2026-01-15T02:00:00.123456Z"])
def test_a_utc_timestamp_is_read(text: str) -> None:
    moment = _format.parse_timestamp(text)
    assert moment is not None
    assert _format.utc_timestamp(moment) == "2026-01-15T02:00:00Z"
    assert _format.format_timestamp(text) == "2026-01-15 02:00:00 UTC"


@pytest.mark.parametrize(
    "text",
    ["2026-01-15", "2026-01-15T02:00:00", "2026-01-15T02:00:00+01:00", "2026-13-15T02:00:00Z", "20260115T020000Z"],
)
def test_anything_else_is_no_timestamp_and_is_shown_as_it_is(text: str) -> None:
    assert _format.parse_timestamp(text) is None
    assert _format.format_timestamp(text) == text


def test_a_moment_elsewhere_is_written_in_utc() -> None:
    berlin = datetime.timezone(datetime.timedelta(hours=1))
    assert _format.utc_timestamp(datetime.datetime(2026, 1, 15, 3, 0, 0, tzinfo=berlin)) == "2026-01-15T02:00:00Z"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "plain \u00fcn\u00efc\u00f6de \u05e9\u05dc\u05d5\u05dd",
            "plain \u00fcn\u00efc\u00f6de \u05e9\u05dc\u05d5\u05dd",
        ),
        ("a\x1b[31mred", "a\u241b[31mred"),
        ("nul\x00 del\x7f", "nul\u2400 del\u2421"),
        ("c1\x9b surrogate\udc80", "c1\ufffd surrogate\ufffd"),
        ("invoice\u202egpj.exe", "invoice\u27e8U+202E\u27e9gpj.exe"),
        ("zero\u200bwidth", "zero\u27e8U+200B\u27e9width"),
    ],
)
def test_what_cannot_be_seen_or_would_be_obeyed_is_shown(text: str, shown: str) -> None:
    assert _format.visible(text) == shown


def test_line_breaks_stay_only_where_they_are_asked_for() -> None:
    assert _format.visible("a\nb\tc") == "a\u240ab\u2409c"
    assert _format.visible("a\nb\tc", keep="\n\t") == "a\nb\tc"


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (True, "true"), (1_000, "1,000"), (0.5, "0.5"), ("x\x1b", "x\u241b")]
)
def test_a_checked_value_is_told_by_its_kind(value: object, text: str) -> None:
    assert _format.format_scalar(value) == text


def test_a_hash_is_shortened_and_a_short_one_is_not() -> None:
    assert _format.shorten_hash("0123456789abcdef0123") == "0123456789ab\u2026"
    assert _format.shorten_hash("0123456789ab") == "0123456789ab"
    assert _format.shorten_hash(None) == "unknown"
    assert _format.is_hash("ab" * 32) and not _format.is_hash("ab") and not _format.is_hash(12)


@pytest.mark.parametrize(
    ("count", "many", "said"),
    [
        (0, "tables", "0 tables"),
        (1, "tables", "1 table"),
        (1, "indexes", "1 index"),
        (1, "files in other repositories", "1 file in another repository"),
        (1_234, "key-value stores", "1,234 key-value stores"),
        (None, "rows", "unknown rows"),
    ],
)
def test_one_thing_is_not_called_many(count: int | None, many: str, said: str) -> None:
    assert _format.counted(count, many) == said
