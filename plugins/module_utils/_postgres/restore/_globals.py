# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The globals artifact: SQL that pg_dumpall wrote, taken apart into statements and applied to a scratch cluster."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client import _system_catalog
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import import_psycopg2

if t.TYPE_CHECKING:
    import psycopg2.extensions
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import StoredBackup
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import Connection

# Comments, quoted strings, quoted names and dollar quotes hold semicolons that end nothing (PostgreSQL, "Lexical
# Structure").
_TOKEN = re.compile(
    r"""--[^\n]*|/\*.*?\*/|[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$((?:[A-Za-z_]\w*)?)\$.*?\$\1\$"""
    r"""|\\(?:un)?restrict\b[^\n]*|;|[^;'"$/\\\-eE]+|.""",
    re.DOTALL,
)
_TABLESPACE = re.compile(
    r"(?:create|alter|drop|comment on|grant .* on|revoke .* on)\s+tablespace\b", re.IGNORECASE | re.DOTALL
)


def statements(script: str) -> list[str]:
    """The statements of a script of pg_dumpall, without comments and psql's own commands."""
    found: list[str] = []
    current: list[str] = []
    for match in _TOKEN.finditer(script):
        token = match.group()
        if token.startswith(("--", "/*")) or token.startswith("\\") and len(token) > 1:
            current.append(" ")
            continue
        if token == ";":
            found.append("".join(current).strip())
            current = []
        else:
            current.append(token)
    found.append("".join(current).strip())
    return [statement for statement in found if statement]


def is_tablespace(statement: str) -> bool:
    """Whether the statement is about a tablespace, which lies in a folder of the old host."""
    return _TABLESPACE.match(_without_quoted(statement)) is not None


def _without_quoted(statement: str) -> str:
    """The statement with all that is quoted made empty, so that only SQL's own words are left."""
    tokens = (match.group() for match in _TOKEN.finditer(statement))
    return "".join(token[0] * 2 if len(token) > 1 and token[0] in "'\"" else token for token in tokens)


def apply(cursor: psycopg2.extensions.cursor, script: str) -> list[str]:
    """Run the statements, one by one, in a session in autocommit.

    Gives what failed, in words without the statement's secrets.
    """
    psycopg2 = import_psycopg2()
    failures: list[str] = []
    for statement in statements(script):
        if is_tablespace(statement):
            continue
        try:
            cursor.execute(statement)
        except psycopg2.Error as error:
            words = " ".join(statement.split()[:3])
            failures.append(f"{words} …: {error.diag.message_primary or str(error).strip()}")
    return failures


def restore(connection: Connection, stored: StoredBackup, roles: t.Sequence[str]) -> list[str]:
    """Bring the roles of a backup into a scratch cluster, and make those that are still missing.

    Gives the statements that did not work. Raises DamagedError or RepositoryError.
    """
    failures: list[str] = []
    for artifact in stored.artifacts("globals"):
        script = b"".join(stored.open(artifact)).decode("utf-8", "surrogateescape")
        session = connection.connect()
        try:
            with session.cursor() as cursor:
                failures += apply(cursor, script)
        finally:
            session.close()
    create_missing_roles(connection, roles)
    return failures


def create_missing_roles(connection: Connection, roles: t.Sequence[str]) -> None:
    """Make the roles that are missing, without login and without rights, so that things can be given back to them."""
    from psycopg2 import sql

    session = connection.connect()
    try:
        with session.cursor() as cursor:
            known = {row[0] for row in _system_catalog.query(cursor, "select rolname from pg_roles")}
            for role in roles:
                if role not in known:
                    cursor.execute(sql.SQL("create role {}").format(sql.Identifier(role)))
    finally:
        session.close()
