# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""A primary that refuses writes while it runs, proved by a write that it refuses.

The setting lies in the server's own files, which replication does not carry to its standbys. A session can overrule it
(``set default_transaction_read_only = off``), so it is a fence for applications, and not for people: stop the server
where it can be stopped.
"""

from __future__ import annotations

import contextlib
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import import_psycopg2
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._system_catalog import value

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import Connection

_READ_ONLY = "25006"  # read_only_sql_transaction
_REFUSED_OTHERWISE = ("42", "P0")  # classes of SQLSTATE: access rules, errors of PL/pgSQL
_POLL_SECONDS = 0.1
# Sessions of applications: not ours, not those that stream the log, no workers of the server.
_OTHERS = "from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"


def refuses_writes(connection: Connection) -> bool:
    """Whether a new session, as an application opens it, may not write. Nothing is left of the try."""
    library = import_psycopg2()
    try:
        session = library.connect(**{"connect_timeout": "15", **connection.parameters})
    except library.OperationalError as error:
        raise LifeboatError(f"No session can be opened to try a write: {str(error).strip()}") from None
    with contextlib.closing(session), session.cursor() as cursor:
        try:
            cursor.execute("create table lifeboat_fence_probe ()")
        except library.Error as error:
            if error.pgcode == _READ_ONLY:
                return True
            # The server looks for that first. What refuses it after that is something else: a right that is missing,
            # or an event trigger of the database's own.
            if str(error.pgcode)[:2] in _REFUSED_OTHERWISE:
                return False
            raise LifeboatError(
                f"The write that was tried failed for another reason: {str(error).strip()}",
                hint="Use a role that may create a table in this database; nothing of it is kept.",
            ) from None
        session.rollback()
        return False


def fence(connection: Connection, deadline: Deadline) -> int:
    """Refuse writes, end all other sessions, and prove it. How many sessions were ended. Raises LifeboatError."""
    _set(connection, "alter system set default_transaction_read_only = on")
    _wait_until(connection, True, deadline)
    with contextlib.closing(connection.connect()) as session, session.cursor() as cursor:
        return int(value(cursor, f"select count(*) from (select pg_terminate_backend(pid) {_OTHERS}) as ended") or 0)


def unfence(connection: Connection, deadline: Deadline) -> None:
    """Take writes again, and prove it. Raises LifeboatError."""
    _set(connection, "alter system reset default_transaction_read_only")
    _wait_until(connection, False, deadline)


def is_kept(connection: Connection) -> bool:
    """Whether a server, such as a standby, would refuse writes as a primary: the fence of an earlier life."""
    with contextlib.closing(connection.connect()) as session, session.cursor() as cursor:
        # Our own sessions set it to off; what every other session begins with is its reset value.
        kept = value(cursor, "select reset_val from pg_settings where name = 'default_transaction_read_only'")
        return str(kept) == "on"


def forget(connection: Connection, deadline: Deadline) -> None:
    """Have a standby take writes once it is promoted. Raises LifeboatError."""
    _set(connection, "alter system reset default_transaction_read_only")
    while is_kept(connection):
        deadline.check(
            f"Waiting until {connection.describe()} has forgotten its fence (look whether "
            "default_transaction_read_only is set for the role or the database, too)"
        )
        time.sleep(deadline.remaining(_POLL_SECONDS))


def _set(connection: Connection, statement: str) -> None:
    library = import_psycopg2()
    try:
        with contextlib.closing(connection.connect()) as session, session.cursor() as cursor:
            cursor.execute(statement)
            cursor.execute("select pg_reload_conf()")
    except library.Error as error:
        raise LifeboatError(
            f"{connection.describe()} refused {statement!r}: {str(error).strip()}",
            hint="It takes a superuser, or the right to ALTER SYSTEM this setting and to execute pg_reload_conf().",
        ) from None


def _wait_until(connection: Connection, refused: bool, deadline: Deadline) -> None:
    """The server reads its files a moment after it was told to."""
    while refuses_writes(connection) is not refused:
        deadline.check(
            f"Waiting until {connection.describe()} {'refuses' if refused else 'takes'} writes (look whether "
            "default_transaction_read_only is set for the role or the database, too)"
        )
        time.sleep(deadline.remaining(_POLL_SECONDS))
