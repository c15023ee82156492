# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The commands that restore a backup with stock tools alone: they stand in each manifest, so nobody needs this
collection to restore.
"""

from __future__ import annotations

import shlex
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client import _database_sql

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Artifact
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._content import PostgresContent


_RESTORE = "pg_restore --exit-on-error"


def commands(
    artifacts: t.Sequence[Artifact], opened: t.Callable[[Artifact], str], content: PostgresContent
) -> tuple[str, ...]:
    """One command a line, to be run in the backup's folder, in this order.

    ``NEW`` is the name of the database to make; ``opened`` gives the command that opens a file.
    """
    database = content.database
    by_content: dict[str, list[Artifact]] = {}
    for artifact in sorted(artifacts, key=lambda item: item.name):
        by_content.setdefault(artifact.content, []).append(artifact)
    locale = f"--template=template0 --encoding={database.encoding}"
    locale += f" --lc-collate={shlex.quote(database.collate)} --lc-ctype={shlex.quote(database.ctype)}"
    if database.locale_provider == "b":
        locale += f" --locale-provider=builtin --builtin-locale={shlex.quote(database.icu_locale)}"
    elif database.icu_locale:
        locale += f" --locale-provider=icu --icu-locale={shlex.quote(database.icu_locale)}"
    named = ", ".join(_in_a_comment(name) for name in content.tablespaces)
    note = f"  # add --no-tablespaces where the server does not have the tablespaces {named}" if named else ""
    tablespace = f"  # the old one lay in the tablespace {_in_a_comment(database.tablespace)}"
    lines = [f"createdb {locale} NEW{tablespace if database.tablespace else ''}"]
    # Roles from within the new database: a name that is not ASCII has other bytes in one of another encoding.
    lines += [
        f"{opened(artifact)} | psql --dbname=NEW  # roles; read it first: it changes those that exist"
        for artifact in by_content.get("globals", [])
    ]
    lines += [f"{opened(artifact)} | {_RESTORE} --dbname=NEW{note}" for artifact in by_content.get("whole", [])]
    for section in ("pre-data", "", "post-data"):
        for artifact in by_content.get("schema" if section else "data", []):
            part = f" --section={section}" if section else ""
            lines.append(f"{opened(artifact)} | {_RESTORE}{part} --dbname=NEW{note if section == 'pre-data' else ''}")
    # Settings last and from another database: one that makes sessions read-only would stop all that comes after it.
    statements = [statement.sql for statement in _database_sql.properties(database, "NEW")]
    if database.comment:
        statements.insert(0, _database_sql.comment("NEW", database.comment))
    return (*lines, *_around(statements, database.encoding))


def _around(statements: t.Sequence[str], encoding: str) -> list[str]:
    """Statements about the database, from another one; in one session within it where a name has to be in its
    encoding.
    """
    if all(statement.isascii() for statement in statements):
        return [f"psql --dbname=postgres --command {shlex.quote(statement)}" for statement in statements]
    # A database of SQL_ASCII takes bytes as they come; for all others they are what this command is written in.
    client = "" if encoding == "SQL_ASCII" else "PGCLIENTENCODING=UTF8 "
    given = " ".join(f"--command {shlex.quote(statement)}" for statement in statements)
    return [f"{client}psql --set=ON_ERROR_STOP=1 --dbname=NEW {given}"]


def _in_a_comment(text: str) -> str:
    """On one line."""
    return " ".join(text.split())
