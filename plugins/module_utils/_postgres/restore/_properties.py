# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What belongs to a restored database and is not within it: its properties, and the comment that says what it is."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client import _database_sql, _system_catalog
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import import_psycopg2
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore._target import (
    beside,
    cursor_in,
    maintenance,
    reason_of,
)

if t.TYPE_CHECKING:
    import psycopg2.extensions
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import Connection


def apply(connection: Connection, name: str, statements: t.Sequence[_database_sql.Statement]) -> list[str]:
    """Give the database ``name`` its properties. Gives those that this role may not give, in words.

    To be done last: a setting such as default_transaction_read_only would stop the restore.
    """
    psycopg2 = import_psycopg2()
    refused = []
    with cursor_in(beside(connection, name)) as cursor:
        for statement in statements:
            try:
                if statement.owner and not _may_act_for(cursor, statement.owner):
                    refused.append(f"{statement.words}: the role that restores is not a member of it, or it is missing")
                    continue
                cursor.execute(statement.sql)
            except psycopg2.Error as error:
                refused.append(f"{statement.words}: {reason_of(error)}")
    return refused


def _may_act_for(cursor: psycopg2.extensions.cursor, role: str) -> bool:
    """Else a database that was given to that role could not be renamed or dropped any more."""
    return bool(
        _system_catalog.value(
            cursor,
            "select coalesce((select pg_has_role(oid, 'usage') from pg_roles where rolname = %s), false)",
            (role,),
        )
    )


def mark(connection: Connection, name: str, words: str) -> None:
    """Say in the database's comment what it is: in the last line, where the others cannot be written."""
    statement, last = _database_sql.comment(name, words), _database_sql.comment(name, words.rpartition("\n")[2])
    attempts = [(beside(connection, name), statement), (maintenance(connection), last)]
    for place, attempt in attempts:
        try:
            with cursor_in(place) as cursor:
                cursor.execute(attempt)
                return
        except LifeboatError:
            if attempt == last:
                raise


def mark_of(connection: Connection, name: str) -> str:
    """The last line of the database's comment."""
    return _words_of(connection, name).rpartition("\n")[2]


def to_unmark(connection: Connection, name: str) -> str:
    """The SQL that takes the last line out of the database's comment."""
    return _database_sql.comment(name, _words_of(connection, name).rpartition("\n")[0])


def _words_of(connection: Connection, name: str) -> str:
    with cursor_in(maintenance(connection)) as cursor:
        statement = "select coalesce(shobj_description(oid, 'pg_database'), '') from pg_database where datname = %s"
        return str(_system_catalog.value(cursor, statement, (name,)))
