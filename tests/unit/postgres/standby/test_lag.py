# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lag of a standby: every state in which the expression that everybody copies gives a wrong answer."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._lag import (
    CATCHING_UP,
    DISCONNECTED,
    NEVER_STREAMED,
    PAUSED,
    PRIMARY,
    STREAMING,
    Heartbeat,
    Position,
    Published,
    forked_at,
    format_lsn,
    measure,
    parse_lsn,
    shortfalls,
    split_brain,
)
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime.datetime(2026, 11, 30, 3, tzinfo=datetime.UTC)


def beat(seconds_ago: float) -> Heartbeat:
    return Heartbeat(1, NOW - datetime.timedelta(seconds=seconds_ago))


def standby(
    received: int | None = 100,
    replayed: int | None = 100,
    receiver: str = "streaming",
    paused: bool = False,
    heartbeat: Heartbeat | None = None,
) -> Position:
    return Position(True, "7300", 1, None, received, replayed, paused, receiver, heartbeat)


def primary(current: int, heartbeat: Heartbeat | None = None) -> Position:
    return Position(False, "7300", 1, current=current, heartbeat=heartbeat)


def test_an_idle_primary_is_no_lag() -> None:
    lag = measure(standby(heartbeat=beat(3600)), primary(100, beat(3600)), None)
    assert (lag.word, lag.loss_bytes, lag.loss_seconds) == (STREAMING, 0, 0.0)


def test_a_paused_replay_loses_nothing_that_was_received() -> None:
    lag = measure(standby(received=500, replayed=100, paused=True), primary(500), None)
    assert (lag.word, lag.loss_bytes, lag.replay_bytes) == (PAUSED, 0, 400)


def test_a_cut_connection_is_measured_against_the_primary() -> None:
    lag = measure(standby(receiver="", heartbeat=beat(70)), primary(900, beat(2)), None)
    assert (lag.word, lag.loss_bytes, lag.loss_seconds) == (DISCONNECTED, 800, 68.0)


def test_a_dead_primary_is_measured_by_what_it_published() -> None:
    lag = measure(standby(receiver="", heartbeat=beat(70)), None, Published(900, NOW))
    assert (lag.loss_bytes, lag.loss_seconds) == (800, 70.0)


def test_a_standby_that_never_streamed_is_unknown_and_not_zero() -> None:
    lag = measure(standby(received=None, replayed=None, receiver=""), primary(900), None)
    assert (lag.word, lag.loss_bytes, lag.loss_seconds) == (NEVER_STREAMED, None, None)


def test_a_standby_fed_from_the_archive_is_measured_by_its_replay() -> None:
    lag = measure(standby(received=None, replayed=800, receiver=""), primary(900), None)
    assert (lag.loss_bytes, lag.replay_bytes) == (100, 0)


def test_a_standby_that_is_behind_catches_up() -> None:
    assert measure(standby(), primary(900), None).word == CATCHING_UP


def test_a_primary_is_not_behind_itself() -> None:
    assert measure(primary(1), None, None).word == PRIMARY


@given(
    st.builds(
        standby,
        st.none() | st.integers(0, 99),
        st.none() | st.integers(0, 99),
        st.sampled_from(["", "streaming"]),
        st.booleans(),
        st.none() | st.just(beat(5)),
    ),
    st.none() | st.builds(primary, st.integers(0, 199), st.none() | st.just(beat(1))),
    st.none() | st.builds(Published, st.integers(0, 199), st.just(NOW)),
)
def test_nothing_is_known_without_a_primary_and_nothing_is_negative(
    one: Position, other: Position | None, published: Published | None
) -> None:
    lag = measure(one, other, published)
    assert lag.loss_bytes is None or lag.loss_bytes >= 0
    assert lag.loss_seconds is None or lag.loss_seconds >= 0
    if other is None and published is None:
        assert (lag.loss_bytes, lag.loss_seconds) == (None, None)
    if one.held is None:
        assert lag.loss_bytes is None


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        (primary(1), primary(2), True),
        (standby(), primary(2), False),
        (primary(1), standby(), False),
        (primary(1), None, False),
        (primary(1), Position(False, "other", 1), False),
        (Position(False, "", 1), Position(False, "", 1), False),
    ],
)
def test_two_primaries_of_one_system_are_a_split_brain(one: Position, other: Position | None, found: bool) -> None:
    assert (split_brain(one, other) is not None) == found


@given(st.integers(0, 2**64 - 1))
def test_a_position_is_the_same_as_text_and_as_a_number(position: int) -> None:
    assert parse_lsn(format_lsn(position)) == position


def test_a_history_file_says_where_the_timelines_parted() -> None:
    history = "1\t0/3000148\tno recovery target specified\n\n2\t16/B374D848\tno recovery target specified\n"
    assert forked_at(history, 2) == parse_lsn("16/B374D848")
    assert (forked_at(history, 3), forked_at("1 nonsense", 1), forked_at("", 1)) == (None, None, None)


def test_a_setting_that_is_smaller_than_on_the_primary_is_named() -> None:
    assert shortfalls(
        {"max_connections": 100, "max_wal_senders": 10}, {"max_connections": 50, "max_wal_senders": 10}
    ) == ["max_connections is 50 here and 100 on the primary"]
