# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The heartbeat of a PostgreSQL database, and the program ``lifeboat-heartbeat`` that writes it every few seconds."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._heartbeats import run_program
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import (
    Connection,
    import_psycopg2,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._own_table import refuse_foreign
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._system_catalog import query, value
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._state import HEARTBEAT_TABLE

if t.TYPE_CHECKING:
    import psycopg2.extensions

_TIMEOUT_SECONDS = 5
_KEPT = 1000  # beats
_TABLE = f"""
    create schema if not exists lifeboat;
    create table if not exists {HEARTBEAT_TABLE} (
        counter bigint primary key, at timestamptz not null default now(), epoch bigint not null default 0
    )
"""


class DatabaseBeater:
    """Writes heartbeats into a database, through one connection that is made again when it breaks."""

    def __init__(self, connection: Connection) -> None:
        timeouts = {"connect_timeout": str(_TIMEOUT_SECONDS), "tcp_user_timeout": str(_TIMEOUT_SECONDS * 1000)}
        self._connection = Connection({**timeouts, **connection.parameters, "application_name": "lifeboat heartbeat"})
        self._session: psycopg2.extensions.connection | None = None

    def beat(self, counter: int) -> dict[str, t.Any]:
        """Commit the counter, and give the position of the log after that. Raises LifeboatError."""
        library = import_psycopg2()
        try:
            with self._connected().cursor() as cursor:
                return _beat(cursor, counter)
        except library.Error as error:
            raise LifeboatError(
                f"{self._connection.describe()} does not take a heartbeat: {str(error).strip()}",
                hint=f"The role needs INSERT, SELECT and DELETE on {HEARTBEAT_TABLE}, or CREATE in the database.",
            ) from None

    def close(self) -> None:
        """End the connection."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _connected(self) -> psycopg2.extensions.connection:
        if self._session is None:
            session = self._connection.connect(timeout_seconds=_TIMEOUT_SECONDS)
            try:
                with session.cursor() as cursor:
                    cursor.execute("select set_config('statement_timeout', %s, false)", (f"{_TIMEOUT_SECONDS}s",))
                    if value(cursor, "select pg_is_in_recovery()"):
                        raise LifeboatError(f"{self._connection.describe()} is a standby, and takes no heartbeat.")
                    refuse_foreign(cursor, HEARTBEAT_TABLE, writes=True)
                    if value(cursor, "select to_regclass(%s) is null", (HEARTBEAT_TABLE,)):
                        cursor.execute(_TABLE)
            except BaseException:
                session.close()
                raise
            self._session = session
        return self._session


def _beat(cursor: psycopg2.extensions.cursor, counter: int) -> dict[str, t.Any]:
    at, epoch = query(
        cursor,
        f"with old as (delete from {HEARTBEAT_TABLE} where counter < %s - {_KEPT}) "
        f"insert into {HEARTBEAT_TABLE} (counter, at, epoch) values (%s, now(), coalesce((select max(epoch) from "
        f"{HEARTBEAT_TABLE}), 0)) on conflict (counter) do update set at = excluded.at returning at, epoch",
        (counter, counter),
    )[0]
    lsn, segment, system = query(
        cursor,
        "select pg_current_wal_lsn()::text, pg_walfile_name(pg_current_wal_lsn()), "
        "(select system_identifier::text from pg_control_system())",
    )[0]
    return {
        "at": at.isoformat(),
        "lsn": lsn,
        "epoch": epoch,
        "timeline": int(segment[:8], 16),
        "system_identifier": system,
    }


def beater_of(options: t.Mapping[str, t.Any], _facts: t.Mapping[str, t.Any]) -> DatabaseBeater:
    """The writer of a database that the parameters of a connection lead to."""
    return DatabaseBeater(Connection(dict(options)))


def main(arguments: t.Sequence[str]) -> int:
    """Beat until a signal ends it. Gives the exit status."""
    return run_program(arguments, beater_of)
