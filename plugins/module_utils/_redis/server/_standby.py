# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Where a server stands in replication, what its promotion would lose, and two primaries of one data set. Pure.

What is read of a server is ``INFO`` (redis.io, "INFO", section replication): primaries count the bytes that they have
sent in ``master_repl_offset``, and replicas those that they have taken in ``slave_repl_offset``. The bytes of two
servers can be compared only while both have the same replication id.
"""

from __future__ import annotations

import dataclasses
import datetime

from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json

STREAMING = "streaming"
CATCHING_UP = "catching up"
DISCONNECTED = "disconnected"
SYNCING = "syncing"
NEVER_SYNCED = "never synced"
PRIMARY = "primary"


@dataclasses.dataclass(frozen=True)
class Heartbeat:
    """What the heartbeat writer has put into its key."""

    counter: int
    at: datetime.datetime


@dataclasses.dataclass(frozen=True)
class Published:
    """A position that the primary's side wrote down somewhere else."""

    offset: int | None
    at: datetime.datetime


@dataclasses.dataclass(frozen=True)
class Position:
    """One server as it stands. Offsets are bytes of the replication stream."""

    is_primary: bool
    replication_id: str
    former_id: str  # of the primary that it followed before it was promoted
    offset: int
    parted_at: int | None = None  # up to here it has the stream of its former id
    link_up: bool = False
    syncing: bool = False
    never_synced: bool = False  # not since it was started; it may hold older data
    primary_host: str = ""
    primary_port: int = 0
    replicas: int = 0
    cluster: bool = False
    version: str = ""
    appendonly: bool = False
    heartbeat: Heartbeat | None = None


@dataclasses.dataclass(frozen=True)
class Lag:
    """What a promotion would lose. None: nobody knows."""

    word: str
    loss_bytes: int | None
    loss_seconds: float | None
    because: str


def read_info(text: str) -> dict[str, str]:
    """The lines ``name:value`` of an answer to INFO."""
    pairs = (line.partition(":") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: value.strip() for name, _colon, value in pairs}


def position_of(info: dict[str, str], heartbeat: Heartbeat | None) -> Position:
    """The position by INFO. Raises KeyError and ValueError for an answer that is not INFO's."""
    is_primary = info["role"] == "master"
    return Position(
        is_primary=is_primary,
        replication_id=info["master_replid"],
        former_id=info.get("master_replid2", ""),
        offset=int(info["master_repl_offset"] if is_primary else info["slave_repl_offset"]),
        parted_at=_parted_at(info),
        link_up=info.get("master_link_status") == "up",
        syncing=info.get("master_sync_in_progress") == "1",
        never_synced=info.get("master_link_down_since_seconds") == "-1" and int(info["slave_repl_offset"]) <= 0,
        primary_host=info.get("master_host", ""),
        primary_port=int(info.get("master_port") or 0),
        replicas=int(info.get("connected_slaves") or 0),
        cluster=info.get("cluster_enabled") == "1",
        version=info.get("valkey_version") or info.get("redis_version", ""),
        appendonly=info.get("aof_enabled") == "1",
        heartbeat=heartbeat,
    )


def _parted_at(info: dict[str, str]) -> int | None:
    """INFO counts from 1, and says -1 where the server has never followed another one."""
    second = int(info.get("second_repl_offset", -1))
    return second - 1 if second > 0 else None


def only_here(left: Position, serving: Position | None) -> tuple[int | None, str]:
    """How many bytes of replication a primary that was left has and the one that serves never got, and why so. None:
    nobody knows. Keys that expired count: a primary tells its replicas of them.
    """
    if serving is None:
        return None, "the primary that serves does not answer"
    if serving.parted_at is None or serving.former_id != left.replication_id:
        return None, "it is not the server that the one that serves has followed last, or was restarted since"
    more = max(0, left.offset - serving.parted_at)
    return more, f"they parted at the offset {serving.parted_at}"


def read_heartbeat(value: bytes | None) -> Heartbeat | None:
    """The heartbeat, ``{"counter": 7, "at": "2026-01-15T02:00:00Z"}``; None where it is not one."""
    try:
        found = read_json(value or b"")
        at = datetime.datetime.fromisoformat(str(found["at"]).replace("Z", "+00:00"))
        return Heartbeat(int(found["counter"]), at) if at.tzinfo else None
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def measure(replica: Position, primary: Position | None, published: Published | None) -> Lag:
    """The lag of a replica. ``primary`` is None when it does not answer, or is a replica itself."""
    if replica.is_primary:
        return Lag(PRIMARY, 0, 0.0, "it is a primary")
    same = primary is not None and primary.replication_id == replica.replication_id
    newest = primary.offset if primary and same else published.offset if published and not primary else None
    loss = None if newest is None or replica.never_synced else max(0, newest - replica.offset)
    seconds, because = _seconds(replica, primary, published, loss)
    if primary and not same:
        because = "the primary has another replication id, so it and this replica have not the same history"
        loss, seconds = None, None
    return Lag(_word(replica, loss), loss, seconds, because)


def _word(replica: Position, loss: int | None) -> str:
    if replica.syncing:
        return SYNCING
    if replica.never_synced:
        return NEVER_SYNCED
    if not replica.link_up:
        return DISCONNECTED
    return CATCHING_UP if loss else STREAMING


def _seconds(
    replica: Position, primary: Position | None, published: Published | None, loss: int | None
) -> tuple[float | None, str]:
    if loss == 0:
        known = "that the primary has sent" if primary else "up to the position that was published"
        return 0.0, f"it has everything {known}"
    newest = primary.heartbeat.at if primary and primary.heartbeat else published.at if published else None
    if newest is None:
        return None, "no heartbeat of the primary is known"
    if replica.heartbeat is None:
        return None, "the replica has no heartbeat"
    return max(0.0, (newest - replica.heartbeat.at).total_seconds()), "the heartbeats were compared"


def split_brain(one: Position, other: Position | None) -> bool:
    """Whether both are primaries that come from one history: then each takes writes that the other does not have."""
    if other is None or not one.is_primary or not other.is_primary:
        return False
    unknown = {"", "0" * 40}
    return bool(({one.replication_id, one.former_id} & {other.replication_id, other.former_id}) - unknown)
