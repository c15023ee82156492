# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a bucket lacks, by the heartbeats that were published of another one."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._heartbeat import (
    RING,
    Beat,
    as_plain,
    lag_of,
    read_beats,
)
from hypothesis import given
from hypothesis import strategies as st

BEGIN = datetime.datetime(2026, 11, 30, tzinfo=datetime.UTC)


def beats(count: int, first: int = 1000) -> list[Beat]:
    """Beats that are five seconds apart."""
    return [Beat(first + number, BEGIN + datetime.timedelta(seconds=5 * number)) for number in range(count)]


def test_a_bucket_that_has_all_of_them_lacks_nothing() -> None:
    assert lag_of(beats(16), beats(16)).loss_seconds == 0.0


def test_the_oldest_that_is_missing_counts_as_replication_keeps_no_order() -> None:
    published = beats(16)
    found = [beat for beat in published if beat.counter != 1010]
    lag = lag_of(published, found)
    assert (lag.loss_beats, lag.loss_seconds) == (1, 30.0)  # from beat 1009 to beat 1015


def test_a_beat_of_the_round_before_does_not_count() -> None:
    lag = lag_of(beats(16, 1016), [*beats(16, 1016)[:-1], Beat(1015, BEGIN)])
    assert (lag.loss_beats, lag.loss_seconds) == (1, 5.0)


@pytest.mark.parametrize(("published", "found"), [([], beats(3)), (beats(16), []), (beats(16), beats(16, 2)[:4])])
def test_unknown_is_never_0(published: list[Beat], found: list[Beat]) -> None:
    assert lag_of(published, found).loss_seconds is None


@given(st.integers(1, RING), st.sets(st.integers(0, RING - 1)), st.integers(0, 10**9))
def test_what_is_lost_is_counted_from_the_last_beat_that_arrived_before_the_first_gap(
    count: int, missing: set[int], first: int
) -> None:
    published = beats(count, first)
    there = [beat for number, beat in enumerate(published) if number not in missing]
    lag = lag_of(published, there)
    lacking = sorted(number for number in missing if number < count)
    assert lag.loss_beats == (None if lacking[:1] == [0] else len(lacking))
    assert lag.loss_seconds == (None if lacking[:1] == [0] else 5.0 * (count - lacking[0]) if lacking else 0.0)


def test_what_is_published_is_read_back() -> None:
    assert read_beats("beats", [as_plain(beat) for beat in beats(3)]) == beats(3)


@pytest.mark.parametrize(
    "wrong", [[{}], [7], [{"counter": "x", "at": "y"}], [{"counter": 1, "at": "2026-11-30T00:00:00"}]]
)
def test_what_is_not_a_beat_is_refused_with_words(wrong: list[object]) -> None:
    with pytest.raises(OptionError, match="is not what a heartbeat of a bucket publishes"):
        read_beats("published.beats", wrong)
