# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The globals artifact: SQL that pg_dumpall wrote, given to psql in a scratch cluster.

psql goes on after a statement that fails (the role that runs it exists already, for one), and says which that was.
"""

from __future__ import annotations

import re
import secrets
import subprocess
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client import _system_catalog
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._codec import carried
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import import_psycopg2
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._database_sql import quoted
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._launch import NamelessFile, start

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import StoredBackup
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import Connection
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._content import PostgresContent
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools

# What pg_dumpall writes before the statements for tablespaces, which come last. They lie in folders of the old host.
_TABLESPACES = b"\n--\n-- Tablespaces\n--\n"
_RESTRICT = re.compile(
    rb"(?:--[^\n]*\n|\n)*\\restrict \w+\n"
)  # before the first statement, where nobody can have put it
_ERROR = re.compile(r"^psql:/dev/fd/\d+:(\d+): (?:ERROR|error|FATAL): +(.+)$", re.MULTILINE)
_TIMEOUT_SECONDS = 300.0
_SHOWN_WORDS = 3  # the rest of a statement may be a password's hash


def without_tablespaces(script: bytes) -> bytes:
    """The script up to the statements for tablespaces: up to the first heading, so that none of them can be left."""
    return script.partition(_TABLESPACES)[0] + b"\n"


def restricted(script: bytes) -> bytes:
    """The script, in which psql runs no command of its own (``\\!`` would start a shell): only SQL is left.

    pg_dumpall asks for that itself since August 2025 (15.14 and its like).
    """
    if _RESTRICT.match(script):
        return script
    return b"\\restrict " + secrets.token_hex(16).encode("ascii") + b"\n" + script


def failures(script: bytes, said: str) -> list[str]:
    """What psql complained of, each with the first words of the statement, which hold no secret."""
    lines = script.split(b"\n")
    found = []
    for match in _ERROR.finditer(said):
        number, reason = int(match.group(1)), match.group(2)
        statement = lines[number - 1].decode("utf-8", "replace") if number <= len(lines) else ""
        found.append(f"{' '.join(statement.split()[:_SHOWN_WORDS])} …: {reason}")
    return found


def apply(tools: Tools, connection: Connection, script: bytes) -> list[str]:
    """Run the script, and give the statements that did not work. Raises SourceError where psql cannot run at all."""
    twice = script.count(_TABLESPACES) > 1
    script = restricted(without_tablespaces(script))
    command = [tools.path("psql"), "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=0"]
    with (
        NamelessFile(script) as file,
        start(
            [*command, f"--file={file.path}"], connection.for_programs(), files=[file], stdout=subprocess.DEVNULL
        ) as program,
    ):
        program.wait(Deadline(_TIMEOUT_SECONDS))
        failed = failures(script, program.stderr)
    if twice:  # within a comment on a role, say
        failed.append("the rest of the script …: what follows the first heading of tablespaces was not run")
    return failed


def restore(tools: Tools, connection: Connection, stored: StoredBackup, content: PostgresContent) -> list[str]:
    """Bring the roles of a backup into a scratch cluster, and make those that are still missing.

    Gives the statements that did not work. Raises DamagedError, RepositoryError or SourceError.
    """
    failed: list[str] = []
    for artifact in stored.artifacts("globals"):
        failed += apply(tools, connection, b"".join(stored.open(artifact)))
    return failed + create_missing_roles(connection, content)


def create_missing_roles(connection: Connection, content: PostgresContent) -> list[str]:
    """Make the roles that are missing, without login and without rights, so that things can be given back to them.

    Gives those that could not be made, in words. Raises LifeboatError where the server cannot be asked.
    """
    psycopg2 = import_psycopg2()
    failed: list[str] = []
    session = connection.connect()
    try:
        encoding = session.get_parameter_status("server_encoding") or "UTF8"
        with session.cursor() as cursor:
            known = {row[0] for row in _system_catalog.query(cursor, "select rolname from pg_roles")}
            for role in content.roles:
                name = carried(role, content.database.encoding, encoding)
                if name in known:
                    continue
                try:
                    # Not psycopg2's own quoting, which refuses names of no known encoding.
                    cursor.execute(f"create role {quoted(name)}")
                except psycopg2.Error as error:
                    failed.append(f"CREATE ROLE {role}: {str(error).strip()}")
    finally:
        session.close()
    return failed
