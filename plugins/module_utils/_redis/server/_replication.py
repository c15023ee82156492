# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Asks servers where they stand in replication, and changes it: a replica is made or promoted, a primary is fenced.

Every change is read back, and a promotion and a fence are proved by a write that is taken or refused.
"""

from __future__ import annotations

import json
import secrets
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._client import Connection, Server, ServerError
from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._standby import (
    Position,
    position_of,
    read_heartbeat,
    read_info,
)

HEARTBEAT_KEY = "lifeboat:heartbeat"
PROMOTION_KEY = "lifeboat:promotion"
_FENCE_KEY = "lifeboat:fence"
FENCED_REPLICAS = 10000  # more than anybody has: every write is refused with NOREPLICAS
# What was set before the fence is added to that number, so that it is known to whoever takes the fence away, however
# often it was put up, by whom, and whether the server was restarted meanwhile.
_LAG_WAS_OFF = 1_000_000
_POLL_SECONDS = 0.1


def read_position(connection: Connection, heartbeat_key: str = HEARTBEAT_KEY) -> Position:
    """Where the server stands now. Raises SourceError."""
    info = read_info(connection.text("INFO", "everything").decode("utf-8", "replace"))
    try:
        value = connection.call("GET", heartbeat_key)
    except ServerError as error:  # a replica that serves no stale data, or a user that may not read it
        if error.code not in ("MASTERDOWN", "NOPERM", "LOADING", "WRONGTYPE"):
            raise
        value = None
    try:
        return position_of(info, read_heartbeat(value))
    except (KeyError, ValueError):
        raise SourceError("The server's answer to INFO does not say where it stands in replication.") from None


def try_position(server: Server, seconds: float, heartbeat_key: str = HEARTBEAT_KEY) -> tuple[Position | None, str]:
    """The same of a server that may be gone: None, and why."""
    try:
        with server.connect(Deadline(seconds)) as connection:
            return read_position(connection, heartbeat_key), ""
    except LifeboatError as error:
        return None, error.message


def promote(connection: Connection, deadline: Deadline) -> None:
    """Make the replica a primary. Raises LifeboatError, which says what state the server is in."""
    connection.text("REPLICAOF", "NO", "ONE")
    while not read_position(connection).is_primary:
        deadline.check("Waiting until the server is a primary, which was ordered and may still happen,")
        time.sleep(deadline.remaining(_POLL_SECONDS))


def prove_writes(connection: Connection, run_id: str, epoch: int) -> None:
    """Write a key, and read it back. Raises LifeboatError."""
    nonce = secrets.token_hex(8)
    value = json.dumps({"run_id": run_id, "epoch": epoch, "nonce": nonce}).encode()
    try:
        connection.text("SET", PROMOTION_KEY, value)
        found = connection.call("GET", PROMOTION_KEY)
    except ServerError as error:
        raise LifeboatError(
            f"The server is promoted, and does not take a write: {error.message}",
            hint="Do not send traffic to it. Look at maxmemory, min-replicas-to-write, the disk and its rights.",
        ) from None
    if found != value:
        raise LifeboatError(
            "The server is promoted, and a key that was written is not what was read back.",
            hint="Do not send traffic to it: something else writes to it, too.",
        )


def follow(connection: Connection, host: str, port: int, deadline: Deadline) -> Position:
    """Make the server a replica, and wait until it has the primary's whole data set. Raises LifeboatError."""
    connection.text("REPLICAOF", host, port)
    while True:
        position = read_position(connection)
        if position.link_up and not position.syncing:
            return position
        deadline.check(
            f"Waiting until the replica has everything from {host}:{port} (check masterauth and masteruser, which are "
            "the replica's own settings, and whether the port can be reached)"
        )
        time.sleep(deadline.remaining(_POLL_SECONDS))


def fence(connection: Connection) -> None:
    """Make a primary refuse writes, and prove it. Raises LifeboatError."""
    before, off = min_replicas(connection), _setting(connection, "min-replicas-max-lag") == "0"
    if not is_fence(before):
        kept = FENCED_REPLICAS + before + (_LAG_WAS_OFF if off else 0)
        connection.text("CONFIG", "SET", "min-replicas-to-write", kept)
    if off:  # which turns the rule off
        connection.text("CONFIG", "SET", "min-replicas-max-lag", 10)
    if not refuses_writes(connection):
        raise LifeboatError(
            "The server took a write although it was asked to refuse all of them.",
            hint="Stop it, and keep it from starting. Promote nothing before.",
        )


def unfence(connection: Connection, replicas: int) -> None:
    """Let a primary take writes again, while it has so many replicas."""
    before = min_replicas(connection)
    if before != replicas:
        connection.text("CONFIG", "SET", "min-replicas-to-write", replicas)
    if before >= FENCED_REPLICAS + _LAG_WAS_OFF:
        connection.text("CONFIG", "SET", "min-replicas-max-lag", 0)


def min_replicas(connection: Connection) -> int:
    """The setting by which a primary refuses writes while it has fewer replicas."""
    number = _setting(connection, "min-replicas-to-write")
    return int(number) if number.isdecimal() else 0


def is_fence(replicas: int) -> bool:
    """Whether the setting is one that ``fence`` has made."""
    return replicas >= FENCED_REPLICAS


def before_fence(replicas: int) -> int:
    """What the setting was before ``fence`` made it what it is; itself where it did not."""
    return (replicas - FENCED_REPLICAS) % _LAG_WAS_OFF if is_fence(replicas) else replicas


def refuses_writes(connection: Connection) -> bool:
    """Whether a write that is tried now is refused. Raises ServerError when it is refused for another reason."""
    try:
        connection.text("SET", _FENCE_KEY, "is this taken?", "EX", 1)
    except ServerError as error:
        if error.code in ("NOREPLICAS", "READONLY"):
            return True
        raise
    return False


def persist(connection: Connection) -> tuple[bool, str]:
    """Write the settings into the server's file, so that a restart does not undo the change. Whether, and why not."""
    try:
        connection.text("CONFIG", "REWRITE")
    except ServerError as error:
        return False, error.text
    return True, ""


def _setting(connection: Connection, name: str) -> str:
    answer: t.Any = connection.call("CONFIG", "GET", name)
    if not isinstance(answer, list) or len(answer) != 2 or not isinstance(answer[1], bytes):
        raise SourceError(f"The server does not say what {name} is.", hint="It is older than Redis 5, or hides it.")
    return answer[1].decode()
