# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The database that a restore fills, under its working name, and what a killed restore left of one.

A restore that is killed cannot drop its database. The next restore to the same name does it, where three things hold:
the database bears our comment (or no comment and nothing at all is in it: the restore was killed before it could write
one), nobody holds the advisory lock that a restore holds as long as it lives, and no session but a restore's own is in
it.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client import _system_catalog
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import (
    APPLICATION_NAME,
    import_psycopg2,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore import _target

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import Connection

COMMENT = "Being filled by lifeboat.dr, not complete: drop it if no restore is running"
WORD = "restoring"
_TAIL = re.compile(r"_restoring_[0-9a-f]{6}$")


@contextlib.contextmanager
def claimed(connection: Connection, name: str) -> t.Iterator[None]:
    """Hold the lock that says that the restore into this working database is alive.

    It ends with the session, however that ends.
    """
    psycopg2 = import_psycopg2()
    session = _target.maintenance(connection).connect()
    try:
        with session.cursor() as cursor:
            if session.server_version >= 140000:
                cursor.execute("select set_config('idle_session_timeout', '0', false)")
            cursor.execute("select pg_advisory_lock(%s)", (lock_key(name),))
        yield
    except psycopg2.Error as error:
        raise LifeboatError(
            f"{connection.describe()} refused: {str(error).strip()}", hint="See the server's log."
        ) from None
    finally:
        session.close()


def remove_abandoned(connection: Connection, name: str) -> tuple[list[str], list[str]]:
    """Drop the working databases for ``name`` that killed restores left.

    Gives their names, and why others could not be dropped, in words: they stand in nobody's way. Raises LifeboatError.
    """
    own = connection.parameters.get("application_name", APPLICATION_NAME)
    removed, kept = [], []
    session = _target.maintenance(connection).connect()
    try:
        with session.cursor() as cursor:
            rows = _system_catalog.query(
                cursor,
                """select datname, shobj_description(oid, 'pg_database') from pg_database d
                   where coalesce(shobj_description(oid, 'pg_database'), %s) = %s
                   and pg_has_role(datdba, 'usage') and not exists (
                     select from pg_stat_activity a where a.datname = d.datname and a.backend_type = 'client backend'
                     and a.application_name <> all(%s))""",
                (COMMENT, COMMENT, [own, f"{own} pg_restore"]),
            )
            for working, comment in rows:
                if not is_working_name(working, name):
                    continue
                if not _system_catalog.value(cursor, "select pg_try_advisory_lock(%s)", (lock_key(working),)):
                    continue
                try:
                    if comment is not None or _target.is_empty(connection.with_database(working)):
                        _target.drop(connection, working)
                        removed.append(working)
                except LifeboatError as error:
                    kept.append(
                        f"The unfinished database {working} of an earlier restore could not be dropped: {error}"
                    )
    finally:
        session.close()
    return removed, kept


def is_working_name(working: str, name: str) -> bool:
    """Whether a restore to ``name`` could have made this working name."""
    match = _TAIL.search(working)
    return match is not None and working == _target.working_name(name, WORD, match.group()[-6:])


def lock_key(name: str) -> int:
    """The advisory lock's number: 64 bits with a sign."""
    return int.from_bytes(
        hashlib.sha256(f"lifeboat.dr restore {name}".encode("utf-8", "surrogateescape")).digest()[:8],
        "big",
        signed=True,
    )
