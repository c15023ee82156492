# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Asks a server where it stands: primary or standby, its positions, its receiver, its heartbeat, who streams
from it."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import (
    Connection,
    import_psycopg2,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._own_table import refuse_foreign
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._system_catalog import query, value
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._lag import (
    Heartbeat,
    Position,
    forked_at,
    parse_lsn,
)

if t.TYPE_CHECKING:
    import psycopg2.extensions

HEARTBEAT_TABLE = "lifeboat.heartbeat"
# A standby does not start, or pauses its replay, while one of these is smaller than on the primary (PostgreSQL
# documentation, "Administrator's Overview" of hot standby).
_NO_SMALLER = (
    "max_connections",
    "max_worker_processes",
    "max_wal_senders",
    "max_prepared_transactions",
    "max_locks_per_transaction",
)
_DURABILITY = ("fsync", "full_page_writes", "synchronous_commit", "wal_log_hints", "data_checksums")


@dataclasses.dataclass(frozen=True)
class ServerState:
    """A server, its position, and what a promotion or a rejoin depends on."""

    position: Position
    version: str
    version_num: int
    no_smaller: dict[str, int]
    durability: dict[str, str]
    senders: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)  # who streams from it
    slots: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    sender_host: str = ""  # where a standby streams from


def read_state(connection: Connection, timeout_seconds: int = 15) -> ServerState:
    """Where this server stands. Raises LifeboatError with the server's reason."""
    with _session(connection, timeout_seconds) as cursor:
        return _state(cursor)


def try_state(connection: Connection, timeout_seconds: int) -> tuple[ServerState | None, str]:
    """The same; or None and why, for a server that may be gone."""
    try:
        return read_state(connection, timeout_seconds), ""
    except LifeboatError as error:
        return None, error.message


def read_fork(connection: Connection, timeline: int, parent: int) -> int | None:
    """Where ``timeline`` left ``parent``, by its history file; None where this role may not read it, or it is gone."""
    library = import_psycopg2()
    with _session(connection, 15) as cursor:
        try:
            return forked_at(str(value(cursor, "select pg_read_file(%s)", (f"pg_wal/{timeline:08X}.history",))), parent)
        except library.Error:
            return None


@contextlib.contextmanager
def _session(connection: Connection, timeout_seconds: int) -> t.Iterator[psycopg2.extensions.cursor]:
    library = import_psycopg2()
    session = connection.connect(timeout_seconds=timeout_seconds)
    try:
        with session.cursor() as cursor:
            cursor.execute("select set_config('statement_timeout', %s, false)", (f"{timeout_seconds}s",))
            yield cursor
    except library.Error as error:
        raise LifeboatError(
            f"PostgreSQL at {connection.describe()} does not say where it stands: {str(error).strip()}",
            hint="The role needs pg_monitor, and EXECUTE on pg_control_system() and pg_control_checkpoint().",
        ) from None
    finally:
        session.close()


def _state(cursor: psycopg2.extensions.cursor) -> ServerState:
    version, number, in_recovery = query(
        cursor,
        "select current_setting('server_version'), current_setting('server_version_num')::int, pg_is_in_recovery()",
    )[0]
    identifier = str(value(cursor, "select system_identifier::text from pg_control_system()"))
    settings = dict(query(cursor, "select name, setting from pg_settings where name = any(%s)", (list(_NO_SMALLER),)))
    # Our own sessions set some of them; what every other session begins with is the reset value.
    durability = dict(
        query(cursor, "select name, reset_val from pg_settings where name = any(%s)", (list(_DURABILITY),))
    )
    heartbeat = _heartbeat(cursor)
    if in_recovery:
        position, sender_host = _standby(cursor, identifier, heartbeat)
    else:
        position, sender_host = _primary(cursor, identifier, heartbeat), ""
    return ServerState(
        position=position,
        version=version,
        version_num=number,
        no_smaller={name: int(setting) for name, setting in settings.items()},
        durability=durability,
        senders=_rows(
            cursor,
            "select application_name, client_addr::text, state, sync_state, sent_lsn::text, replay_lsn::text "
            "from pg_stat_replication order by 1, 2",
        ),
        slots=_rows(
            cursor,
            "select slot_name::text, slot_type, active, restart_lsn::text, wal_status from pg_replication_slots "
            "order by 1",
        ),
        sender_host=sender_host,
    )


def _primary(cursor: psycopg2.extensions.cursor, identifier: str, heartbeat: Heartbeat | None) -> Position:
    # pg_control_checkpoint() shows the old timeline until the first checkpoint after a promotion; the name of the
    # segment that is written to does not.
    lsn, segment = query(cursor, "select pg_current_wal_lsn()::text, pg_walfile_name(pg_current_wal_lsn())")[0]
    return Position(False, identifier, int(segment[:8], 16), current=parse_lsn(lsn), heartbeat=heartbeat)


def _standby(cursor: psycopg2.extensions.cursor, identifier: str, heartbeat: Heartbeat | None) -> tuple[Position, str]:
    received, replayed, paused, control = query(
        cursor,
        "select pg_last_wal_receive_lsn()::text, pg_last_wal_replay_lsn()::text, pg_is_wal_replay_paused(), "
        "(select timeline_id from pg_control_checkpoint())",
    )[0]
    receivers = query(cursor, "select status, sender_host, received_tli from pg_stat_wal_receiver")
    status, host, timeline = receivers[0] if receivers else ("", "", None)
    position = Position(
        in_recovery=True,
        system_identifier=identifier,
        timeline=timeline or control,
        received=parse_lsn(received) if received else None,
        replayed=parse_lsn(replayed) if replayed else None,
        paused=paused,
        receiver=status or "",
        heartbeat=heartbeat,
    )
    return position, host or ""


def _heartbeat(cursor: psycopg2.extensions.cursor) -> Heartbeat | None:
    if value(cursor, "select to_regclass(%s) is null", (HEARTBEAT_TABLE,)):
        return None
    refuse_foreign(cursor, HEARTBEAT_TABLE, writes=False)
    rows = query(cursor, f"select counter, at, epoch from {HEARTBEAT_TABLE} order by counter desc limit 1")
    return Heartbeat(rows[0][0], rows[0][1].astimezone(datetime.timezone.utc), rows[0][2]) if rows else None


def _rows(cursor: psycopg2.extensions.cursor, sql: str) -> list[dict[str, t.Any]]:
    cursor.execute(sql)
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row)) for row in cursor.fetchall()]
