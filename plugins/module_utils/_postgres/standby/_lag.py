# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""How far behind a standby is, in bytes and in seconds, and in a word. Pure.

``pg_last_wal_replay_lsn() - pg_last_wal_receive_lsn()``, which everybody copies, is 0 when the primary is cut off and
negative when replay is paused. Here the standby is measured against what the primary has written: as the primary says
itself, or, when it is gone, against the last position that it published somewhere else. What is not known is None, and
never 0.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

STREAMING = "streaming"
CATCHING_UP = "catching up"
PAUSED = "paused"
DISCONNECTED = "disconnected"
NEVER_STREAMED = "never streamed"
PRIMARY = "primary"


@dataclasses.dataclass(frozen=True)
class Heartbeat:
    """The newest row that the heartbeat writer has put into a database."""

    counter: int
    at: datetime.datetime  # UTC, by the primary's clock
    epoch: int = 0


@dataclasses.dataclass(frozen=True)
class Published:
    """A position that the primary wrote down outside of itself, after it had committed the heartbeat."""

    lsn: int
    at: datetime.datetime
    counter: int = 0


@dataclasses.dataclass(frozen=True)
class Position:
    """One server as it stands. Positions are bytes of write-ahead log."""

    in_recovery: bool
    system_identifier: str
    timeline: int
    current: int | None = None  # a primary's
    received: int | None = None  # a standby's; None: it never streamed
    replayed: int | None = None
    paused: bool = False
    receiver: str = ""  # the state of its WAL receiver; empty: there is none
    heartbeat: Heartbeat | None = None

    @property
    def held(self) -> int | None:
        """Up to where a standby has the log: what it would have after a promotion."""
        known = [position for position in (self.received, self.replayed) if position is not None]
        return max(known, default=None)


@dataclasses.dataclass(frozen=True)
class Lag:
    """What a promotion of this standby would lose, and what it has still to replay. None: nobody knows."""

    word: str
    loss_bytes: int | None
    loss_seconds: float | None
    replay_bytes: int | None
    because: str
    loss_beats: int | None = None  # of the heartbeat


def measure(standby: Position, primary: Position | None, published: Published | None) -> Lag:
    """The lag of a standby. ``primary`` is None when it does not answer; ``published`` when nothing was published."""
    if not standby.in_recovery:
        return Lag(PRIMARY, 0, 0.0, 0, "it is a primary")
    held, replayed = standby.held, standby.replayed
    replay_bytes = None if held is None or replayed is None else held - replayed
    newest = primary.current if primary else published.lsn if published else None
    loss_bytes = None if newest is None or held is None else max(0, newest - held)
    word = _word(standby, loss_bytes)
    loss_seconds, because = _seconds(standby, primary, published, loss_bytes)
    return Lag(word, loss_bytes, loss_seconds, replay_bytes, because, _beats(standby, primary, published))


def _word(standby: Position, loss_bytes: int | None) -> str:
    if standby.paused:
        return PAUSED
    if standby.receiver == "streaming":
        return STREAMING if not loss_bytes else CATCHING_UP
    if standby.received is None:
        return NEVER_STREAMED
    return DISCONNECTED


def _beats(standby: Position, primary: Position | None, published: Published | None) -> int | None:
    newest = primary.heartbeat.counter if primary and primary.heartbeat else published.counter if published else 0
    return max(0, newest - standby.heartbeat.counter) if newest and standby.heartbeat else None


def _seconds(
    standby: Position, primary: Position | None, published: Published | None, loss_bytes: int | None
) -> tuple[float | None, str]:
    """By the heartbeat: the newest one that anybody knows of against the newest one that the standby has."""
    newest = primary.heartbeat.at if primary and primary.heartbeat else published.at if published else None
    if primary and loss_bytes == 0:
        return 0.0, "it has everything that the primary has written"
    if newest is None:
        return None, "no heartbeat of the primary is known"
    if standby.heartbeat is None:
        return None, "the standby has no heartbeat"
    return max(0.0, (newest - standby.heartbeat.at).total_seconds()), "the heartbeats were compared"


@dataclasses.dataclass(frozen=True)
class SplitBrain:
    """Two primaries of one system."""

    system_identifier: str
    timelines: tuple[int, int]


def split_brain(one: Position, other: Position | None) -> SplitBrain | None:
    """Whether both are primaries of the same system: then both take writes that the other does not have."""
    if other is None or one.in_recovery or other.in_recovery:
        return None
    if not one.system_identifier or one.system_identifier != other.system_identifier:
        return None
    return SplitBrain(one.system_identifier, (one.timeline, other.timeline))


def parse_lsn(text: str) -> int:
    """The position that a text such as ``16/B374D848`` names. Raises ValueError."""
    high, slash, low = text.partition("/")
    if not slash:
        raise ValueError(text)
    return (int(high, 16) << 32) + int(low, 16)


def format_lsn(position: int | None) -> str:
    """The text of a position; empty where it is not known."""
    return "" if position is None else f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


def forked_at(history: str, timeline: int) -> int | None:
    """Where a later timeline left ``timeline``, by the content of its history file; None when it does not say.

    Each line is ``parent timeline, position, reason`` (PostgreSQL documentation, "Timelines").
    """
    for line in history.splitlines():
        fields = line.split()
        if len(fields) >= 2 and fields[0] == str(timeline):
            try:
                return parse_lsn(fields[1])
            except ValueError:
                return None
    return None


def shortfalls(source: t.Mapping[str, int], target: t.Mapping[str, int]) -> list[str]:
    """Settings that are smaller on the target than on the source, which PostgreSQL does not start a standby with."""
    return [
        f"{name} is {target[name]} here and {value} on the primary"
        for name, value in sorted(source.items())
        if name in target and target[name] < value
    ]
