# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names, positions, first pages and histories of a write-ahead log."""

from __future__ import annotations

import contextlib
import struct

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal import _files
from hypothesis import given
from hypothesis import strategies as st

MIB = 1 << 20


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("000000010000000000000002", "segment"),
        ("000000010000000000000002.partial", "partial"),
        ("00000002.history", "history"),
        ("000000010000000000000002.00000028.backup", "label"),
    ],
)
def test_every_file_that_is_archived_is_known_by_its_name(text: str, kind: str) -> None:
    name = _files.parse_name(text)
    assert name is not None and (name.text, name.kind) == (text, kind)


@pytest.mark.parametrize(
    "text", ["", "00000001000000000000000", "00000001000000000000000g", "00000002.history.lifeboat", "RECOVERYXLOG",
             "../000000010000000000000002", "000000010000000000000002.00000028"],
)  # fmt: skip
def test_nothing_else_is(text: str) -> None:
    assert _files.parse_name(text) is None


@given(st.integers(1, 0xFFFF), st.integers(0, 1 << 30), st.sampled_from([MIB, 16 * MIB, 1024 * MIB]))
def test_a_segments_name_gives_its_number_back(timeline: int, index: int, segment_bytes: int) -> None:
    name = _files.parse_name(_files.segment_name(timeline, index, segment_bytes))
    assert name is not None and (name.timeline, name.index(segment_bytes)) == (timeline, index)


@given(st.integers(0, (1 << 64) - 1))
def test_a_position_is_read_as_it_is_written(position: int) -> None:
    assert _files.parse_lsn("x", _files.lsn_text(position)) == position


@pytest.mark.parametrize("text", ["", "0", "0/", "0/123456789", "x/1", "0/1 0"])
def test_what_is_not_a_position_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="target_lsn: .* is not a position"):
        _files.parse_lsn("target_lsn", text)


def segment(*, index: int = 2, timeline: int = 1, length: int = MIB, info: int = 2) -> bytes:
    head = struct.pack("<HHIQIxxxxQII", 0xD110, info, timeline, index * MIB, 0, 7300000000000000000, MIB, 8192)
    return head + bytes(length - len(head))


def test_a_segment_is_what_its_name_says_or_refused() -> None:
    name = _files.parse_name("000000010000000000000002")
    assert name is not None
    assert _files.check_segment(segment(), name).system_identifier == "7300000000000000000"
    for wrong in (segment(index=3), segment(timeline=2), segment(length=MIB - 8192), segment(info=0), bytes(20)):
        with pytest.raises(DamagedError):
            _files.check_segment(wrong, name)


def test_a_history_says_where_timelines_were_left() -> None:
    text = b"1\t0/5000000\tno recovery target specified\n\n2\t1/A0\tbefore 2026-01-15 14:30:00\n"
    assert _files.parse_history(text, "x") == (_files.Switch(1, 0x5000000), _files.Switch(2, 0x1000000A0))
    with pytest.raises(DamagedError, match="x is not a history"):
        _files.parse_history(b"nonsense\n", "x")


_SEGMENT_NAME = _files.parse_name("000000010000000000000001")


@given(st.binary(max_size=64) | st.binary(min_size=40, max_size=40).map(lambda head: head + bytes(100)))
def test_no_bytes_are_anything_but_a_segment_or_an_error_in_words(content: bytes) -> None:
    assert _SEGMENT_NAME is not None
    for read in (lambda: _files.read_header(content, "it"), lambda: _files.check_segment(content, _SEGMENT_NAME)):
        with contextlib.suppress(LifeboatError):
            read()
    with contextlib.suppress(LifeboatError):
        _files.parse_history(content, "00000002.history")


@given(st.text() | st.from_regex(r"[0-9A-F]{24}(\.[0-9A-F]{8}\.backup|\.partial)?|[0-9A-F]{8}\.history"))
def test_no_text_is_anything_but_a_name_or_none(text: str) -> None:
    _files.parse_name(text)
    with contextlib.suppress(LifeboatError):
        _files.parse_lsn("it", text)


@pytest.mark.parametrize("number", ["\u00b2", "\u0663", "9" * 5000, "-1", "1_0"])
def test_a_timeline_that_is_no_number_is_refused(number: str) -> None:
    with pytest.raises(DamagedError, match="not a history of timelines"):
        _files.parse_history(f"{number}\t0/2000138\tno recovery target".encode(), "00000002.history")
