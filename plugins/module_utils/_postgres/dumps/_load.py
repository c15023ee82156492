# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Loads a dump of another's making into a scratch cluster, and reads it to its end without one."""

from __future__ import annotations

import dataclasses
import io
import os
import re
import subprocess
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, LifeboatError, SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import import_psycopg2
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._launch import start
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.dumps._kinds import (
    CLUSTER_SCRIPT,
    CUSTOM,
    DIRECTORY,
    SCRIPT,
    TAR,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.dumps._script import Command, Script, Statement
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._process import Program
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._sandbox import base_environment

if t.TYPE_CHECKING:
    import psycopg2.extensions
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import Connection
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.dumps._kinds import Kind

DATABASE = "restored"
_CONNECT = re.compile(rb"\\c(?:onnect)?\s+(?:-reuse-previous=on\s+)?(?:\"((?:[^\"]|\"\")+)\"|'([^']+)'|(\S+))\s*$")
_HARMLESS = (b"\\restrict", b"\\unrestrict", b"\\encoding", b"\\echo", b"\\set", b"\\pset", b"\\timing")
_NO_ROLE = re.compile(r'role "(.+)" does not exist')
_SHOWN = 200
_TAR_BLOCK = 512


@dataclasses.dataclass
class Loaded:
    """What loading a script has met on its way."""

    statements: int = 0
    rows: int = 0
    made_roles: list[str] = dataclasses.field(default_factory=list)  # that own things, and are not in the dump
    complete: bool = False


def read_through(
    kind: Kind, pieces: t.Iterator[bytes], tools: Tools, identity: t.Mapping[str, t.Any], deadline: Deadline
) -> None:
    """Read a dump that is a file to its end. Raises DamagedError where it is not whole."""
    if kind.kind in (SCRIPT, CLUSTER_SCRIPT):
        _read_script(kind, pieces, deadline)
        return
    if kind.kind == TAR:
        pieces = _whole_tar(pieces)
    command = [tools.path("pg_restore"), "--file=/dev/null"]
    try:
        with Program(
            command,
            environment=base_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            cwd="/",
            **identity,
        ) as program:
            program.write(pieces, deadline)
            for _piece in pieces:  # pg_restore may go when it has all that it wants
                deadline.check("Reading the dump")
    except SourceError as error:
        deadline.check("Reading the dump")
        raise DamagedError(f"pg_restore cannot read it: {_words(error)}") from None
    finally:
        close(pieces)


def _whole_tar(pieces: t.Iterator[bytes]) -> t.Iterator[bytes]:
    """The pieces. pg_restore does not read a tar to its end, so a cut is found here. Raises DamagedError."""
    tail, size = b"", 0
    try:
        for piece in pieces:
            tail, size = (tail + piece)[-2 * _TAR_BLOCK :], size + len(piece)
            yield piece
    finally:
        close(pieces)
    if size % _TAR_BLOCK or tail != bytes(2 * _TAR_BLOCK):
        raise DamagedError("The tar does not end as a tar does: it was cut.")


def check_folder(path: str) -> None:
    """Refuse an archive in a folder that holds more than files: a link leads elsewhere. Raises DamagedError."""
    for entry in os.scandir(path):
        if not entry.is_file(follow_symlinks=False):
            raise DamagedError(f"{entry.path} is not a file, and an archive of pg_dump has nothing else.")


def read_directory(kind: Kind, path: str, tools: Tools, deadline: Deadline) -> None:
    """Read an archive in a folder to its end. Raises DamagedError where it is not whole."""
    _read_script(kind, directory_script(path, tools, deadline), deadline)


def _read_script(kind: Kind, pieces: t.Iterator[bytes], deadline: Deadline) -> None:
    script = Script(pieces)
    for item in script:
        deadline.check("Reading the dump")
        if isinstance(item, Statement) and item.copies:
            for _row in script.rows():
                pass
    _check_complete(kind, script)


def _check_complete(kind: Kind, script: Script) -> None:
    if script.cut or (kind.dump_version and not script.complete):
        raise DamagedError(
            "The script does not end with the words that pg_dump ends with: it was cut.",
            hint="Use another dump. Make the script that dumps stop at an error (set -o pipefail).",
        )


def load_archive(
    kind: Kind, path: str, pieces: t.Iterator[bytes], target: Connection, tools: Tools, deadline: Deadline
) -> None:
    """Load an archive of pg_dump into an empty database. Raises LifeboatError."""
    command = [
        tools.path("pg_restore"),
        "--exit-on-error",
        "--no-password",
        "--no-owner",
        "--no-acl",
        "--no-tablespaces",
    ]
    try:
        with start(command, target, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd="/") as program:
            program.write(pieces, deadline)
            for _piece in pieces:
                deadline.check("Loading the dump")
    except SourceError as error:
        deadline.check("Loading the dump")
        raise LifeboatError(f"pg_restore could not load {path}: {_words(error)}") from None
    finally:
        close(pieces)


def directory_script(path: str, tools: Tools, deadline: Deadline) -> t.Iterator[bytes]:
    """The SQL script that an archive in a folder stands for; ends only when pg_restore has ended well."""
    command = [tools.path("pg_restore"), "--format=directory", "--no-owner", "--no-acl", "--no-tablespaces"]
    with Program([*command, "--file=-", path], environment=base_environment(), cwd="/") as program:
        try:
            yield from program.read(deadline)
        except SourceError as error:
            raise DamagedError(f"pg_restore cannot read {path}: {_words(error)}") from None


class ScriptLoader:
    """Runs a script in a scratch cluster, statement by statement."""

    def __init__(self, server: Connection, deadline: Deadline) -> None:
        self._server = server
        self._deadline = deadline
        self._database = DATABASE
        self._session: psycopg2.extensions.connection | None = None
        self.loaded = Loaded()

    def run(self, kind: Kind, pieces: t.Iterator[bytes]) -> Loaded:
        """Raises LifeboatError naming the line of the first statement that the server refuses."""
        script = Script(pieces)
        try:
            for item in script:
                self._deadline.check("Loading the script")
                if isinstance(item, Command):
                    self._command(item)
                else:
                    self._statement(item, script)
        finally:
            self._close()
            close(pieces)
        self.loaded.complete = script.complete
        _check_complete(kind, script)
        return self.loaded

    def _close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    @property
    def _cursor(self) -> psycopg2.extensions.cursor:
        if self._session is None:
            self._session = self._server.with_database(self._database).connect()
        return self._session.cursor()

    def _command(self, command: Command) -> None:
        match = _CONNECT.match(command.text)
        if match:
            name = (match[1] or b"").replace(b'""', b'"') or match[2] or match[3]
            self._close()
            self._database = _connected(name.decode("utf-8", "surrogateescape"))
        elif not command.text.startswith(_HARMLESS):
            raise DamagedError(
                f"Line {command.line} of the script is a command of psql that no dump has: "
                f"{command.text[:80].decode('utf-8', 'replace')!r}. It was not run.",
                hint="Look at the script: somebody has changed it.",
            )

    def _statement(self, statement: Statement, script: Script) -> None:
        library = import_psycopg2()
        self.loaded.statements += 1
        rows = script.rows() if statement.copies else None
        for attempt in (1, 2):
            try:
                with self._cursor as cursor:
                    if rows is None:
                        cursor.execute(statement.text)
                    else:
                        # Bytes, in whatever encoding the script is: the library passes them on as they are.
                        cursor.copy_expert(t.cast(t.Any, statement.text), _Rows(rows, self.loaded))
                return
            except library.Error as error:
                if rows is None and _is_harmless(error, statement.text):
                    return
                if attempt == 2 or rows is not None or not self._make_role(error):
                    raise self._refused(statement, error) from None

    def _make_role(self, error: t.Any) -> bool:
        """A dump of one database names roles that it does not have. Whether one was made that was missing."""
        match = _NO_ROLE.search(str(error))
        if not match or match[1] in self.loaded.made_roles:
            return False
        from psycopg2 import sql

        with self._cursor as cursor:
            cursor.execute(sql.SQL("create role {}").format(sql.Identifier(match[1])))
        self.loaded.made_roles.append(match[1])
        return True

    def _refused(self, statement: Statement, error: t.Any) -> LifeboatError:
        shown = b" ".join(statement.text.split())[:_SHOWN].decode("utf-8", "replace")
        reason = str(error.diag.message_primary or error).strip()
        return LifeboatError(
            f"Line {statement.line} of the script was refused: {reason}. The statement: {shown}",
            hint="What is in this dump cannot be restored as it is.",
        )


class _Rows(io.RawIOBase):
    """Rows as a file that psycopg2 reads."""

    def __init__(self, rows: t.Iterator[bytes], loaded: Loaded) -> None:
        super().__init__()
        self._rows = rows
        self._loaded = loaded
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        while not self._rest or 0 <= len(self._rest) < size:
            row = next(self._rows, None)
            if row is None:
                break
            self._loaded.rows += 1
            self._rest += row
        size = len(self._rest) if size < 0 else size
        found, self._rest = self._rest[:size], self._rest[size:]
        return found

    def readline(self, size: int | None = -1) -> bytes:
        raise io.UnsupportedOperation("readline")


def _connected(name: str) -> str:
    """The database of a ``\\connect``: its name, or what stands in a connection string."""
    match = re.match(r"dbname='?((?:[^'\\]|\\.)+)'?$", name)
    return re.sub(r"\\(.)", r"\1", match[1]) if match else name


def _is_harmless(error: t.Any, text: bytes) -> bool:
    """What is dropped first and is not there (``pg_dump --clean``)."""
    state = str(error.pgcode or "")
    words = b" ".join(text.split()[:6]).upper()
    dropping = words.startswith(b"DROP ") or (
        words.startswith(b"ALTER ") and b" DROP " in b" ".join(text.split()).upper()
    )
    return dropping and state in ("42704", "42P01", "3D000", "42883", "3F000", "42703")


def _words(error: SourceError) -> str:
    said = str(error.details.get("stderr") or error.message).strip()
    return said.splitlines()[0][:500] if said else "it said nothing"


KINDS_OF_ARCHIVES = (CUSTOM, TAR)
KIND_OF_FOLDER = DIRECTORY
