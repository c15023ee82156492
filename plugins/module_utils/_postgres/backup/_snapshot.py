# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""One exported snapshot, which the dump of the schema, every data stream and every fingerprint share."""

from __future__ import annotations

import contextlib
import datetime
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive import _plan
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client import _system_catalog
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import (
    Connection,
    import_psycopg2,
)

if t.TYPE_CHECKING:
    import psycopg2.extensions

_LOCKED_AT_ONCE = 200


@contextlib.contextmanager
def server_errors(connection: Connection, lock_timeout_seconds: int) -> t.Iterator[None]:
    """What the server refuses in here becomes an error that a person can act on. Raises LifeboatError."""
    psycopg2 = import_psycopg2()
    try:
        yield
    except psycopg2.errors.LockNotAvailable:
        raise LifeboatError(
            f"A table of {connection.describe()} was locked by somebody else for more than {lock_timeout_seconds} s, "
            "so the backup could "
            f"not read it. {'; '.join(table_changers(connection)) or 'Whoever held it is gone now'}. Nothing has been "
            "stored.",
            hint="Run the backup again when the change of the table is done, or raise lock_timeout.",
        ) from None
    except psycopg2.errors.OutOfMemory as error:
        raise LifeboatError(
            f"The server at {connection.describe()} ran out of memory, most likely of room for locks: each stream of "
            "the backup locks each "
            f"table ({_first_line(error)}). Nothing has been stored.",
            hint="Raise max_locks_per_transaction on the server, or use jobs: 1.",
        ) from None
    except psycopg2.errors.UndefinedTable as error:
        raise LifeboatError(
            f"A table was dropped while the backup began: {_first_line(error)}. Nothing has been stored.",
            hint="Run the backup again.",
        ) from None
    except psycopg2.Error as error:
        raise SourceError(
            f"The server at {connection.describe()} did not answer a question of the backup: {_first_line(error)}. "
            "Nothing of this backup "
            "was kept.",
            hint="The server's log says more; run the backup again.",
        ) from None


def table_changers(connection: Connection) -> list[str]:
    """Who changes the definition of a table now, or waits to do so, in words.

    Asks in a session of its own; empty when it gets none.
    """
    psycopg2 = import_psycopg2()
    try:
        session = connection.connect()
        try:
            with session.cursor() as cursor:
                return _system_catalog.table_changers(cursor)
        finally:
            session.close()
    except (psycopg2.Error, LifeboatError):
        return []


class Snapshot:
    """A transaction that holds a snapshot open. Use it as a context manager.

    ``identifier`` is what ``pg_dump --snapshot`` and ``SET TRANSACTION SNAPSHOT`` take; ``cursor`` reads in the
    snapshot, and waits for a lock no longer than the timeout.
    """

    def __init__(self, connection: Connection, lock_timeout_seconds: int) -> None:
        self._session = connection.connect(autocommit=False)
        self.cursor: psycopg2.extensions.cursor = self._session.cursor()
        try:
            self.cursor.execute("set transaction isolation level repeatable read, read only")
            self.cursor.execute("select set_config('lock_timeout', %s, true)", (f"{lock_timeout_seconds}s",))
            self.identifier: str = _system_catalog.value(self.cursor, "select pg_export_snapshot()")
            self.taken_at: datetime.datetime = _system_catalog.value(self.cursor, "select now()")
        except BaseException:
            self._session.close()
            raise

    def __enter__(self) -> Snapshot:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.cursor.close()
        self._session.close()

    def lock(self, relations: t.Sequence[_system_catalog.Relation]) -> None:
        """Keep the definitions of these tables from changing until the end. Reading and writing go on."""
        lockable = [
            relation for relation in relations if relation.kind in ("table", "partitioned table") and relation.readable
        ]
        for start in range(0, len(lockable), _LOCKED_AT_ONCE):
            part = lockable[start : start + _LOCKED_AT_ONCE]
            # Not psycopg2's own quoting, which refuses names of no known encoding.
            names = ", ".join(_plan.pattern(relation.schema, relation.name) for relation in part)
            self.cursor.execute(f"lock table only {names} in access share mode")

    def keep_alive(self) -> None:
        """Prove that the snapshot is still open. Raises LifeboatError if the server has ended the session."""
        psycopg2 = import_psycopg2()
        try:
            self.cursor.execute("select 1")
        except psycopg2.Error as error:
            raise SourceError(
                f"The session that holds the snapshot was ended by the server ({_first_line(error)}), so the backup "
                "cannot be trusted to "
                "be consistent, and nothing of it was kept.",
                hint="Find out who ended it (server log), and run the backup again.",
            ) from None


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def join_snapshot(connection: Connection, identifier: str) -> psycopg2.extensions.connection:
    """Another session that reads in the same snapshot."""
    session = connection.connect(autocommit=False)
    with session.cursor() as cursor:
        cursor.execute("set transaction isolation level repeatable read, read only")
        cursor.execute("set transaction snapshot %s", (identifier,))
    return session
