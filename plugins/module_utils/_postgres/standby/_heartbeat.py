# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The heartbeat of a PostgreSQL database, and the program ``lifeboat-heartbeat`` that writes it every few seconds."""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
import threading
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._heartbeats import beat_until
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import (
    Connection,
    import_psycopg2,
)
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
_USAGE = "usage: lifeboat-heartbeat --config FILE"


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


def main(arguments: t.Sequence[str]) -> int:
    """Beat until a signal ends it. Gives the exit status."""
    if len(arguments) != 2 or arguments[0] != "--config":
        sys.stderr.write(_USAGE + "\n")
        return 2
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    try:
        connection, path, every = _config(arguments[1])
        beater = DatabaseBeater(connection)
        try:
            beat_until(beater, path, every, stopped)
        finally:
            beater.close()
    except LifeboatError as error:
        sys.stderr.write(f"lifeboat-heartbeat: {error}\n")
        return 1
    return 0


def _config(path: str) -> tuple[Connection, str, float]:
    try:
        with open(path, encoding="utf-8") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise OptionError(f"{path} can be read by others, and may hold a password.", hint="chmod 600 it.")
            given = json.load(file)
        return Connection(given["connection"]), str(given["publish_to"]), float(given["every_seconds"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OptionError(
            f"{path} is not a configuration of lifeboat-heartbeat: {type(error).__name__}: {error}."
        ) from None
