# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The proof of a dump that a home-made script has left: read to its end, restored into a scratch cluster, and asked.

There is no fingerprint of its source. So the report says in words what this cannot show.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import shutil
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._content import Database
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._store import STORE
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._system_catalog import query
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.dumps import _files, _load
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.dumps._kinds import CLUSTER_SCRIPT, DIRECTORY
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore import _target
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore._scratch import ScratchCluster
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_folder import ScratchFolder
from ansible_collections.lifeboat.dr.plugins.module_utils._report import _model
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Check, Control
from ansible_collections.lifeboat.dr.plugins.module_utils._verify import _assertions
from ansible_collections.lifeboat.dr.plugins.module_utils._verify._controls import cut_tail
from ansible_collections.lifeboat.dr.plugins.module_utils._verify._verification import Verification, outcome, summarised
from ansible_collections.lifeboat.dr.plugins.module_utils._verify.postgres import _structure
from ansible_collections.lifeboat.dr.plugins.module_utils._verify.postgres._query import ask

if t.TYPE_CHECKING:
    import psycopg2.extensions
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import StoredBackup
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import Connection
    from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_account import ScratchAccount

_DATABASES = "select datname::text from pg_database where datallowconn and datname <> 'template1' order by datname"
_TABLES = """
    select n.nspname::text, c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' order by 1, 2
"""


_TOC = "toc.dat"


@dataclasses.dataclass(frozen=True)
class Options:
    """How to verify."""

    profile: _model.Profile
    encryption: t.Mapping[str, t.Any] | None
    tools: Tools
    account: ScratchAccount
    scratch_dir: str
    preload: str = ""  # shared_preload_libraries of the scratch server
    assertions: tuple[_assertions.Assertion, ...] = ()


class DumpVerification(Verification):
    """Of one dump."""

    def __init__(
        self,
        dump: _files.Dump,
        stored: StoredBackup,  # described as if we had taken it; nothing of it is in a repository
        options: Options,
        deadline: Deadline,
        progress: Progress,
    ) -> None:
        super().__init__([stored], options.profile, deadline, progress)
        self._dump = dump
        self._options = options
        self._rows = 0
        self._made_roles: list[str] = []

    # what is stored

    def _verify_archives(self) -> None:
        self._progress.phase("read", f"reading {self._dump.path}", self._dump.bytes)
        item = outcome(self._dump.path, self._read)
        self._checks.append(summarised(_READ, [item], "dumps"))
        self._guarded(_CONTROL, self._plant_cut)

    def _read(self, damage: _files.Damage | None = None) -> None:
        if self._dump.kind.kind == DIRECTORY:
            _load.check_folder(self._dump.path)
            _load.read_directory(self._dump.kind, self._dump.path, self._options.tools, self._deadline)
            return
        pieces = _files.plain(self._dump, self._options.encryption, damage)
        identity = self._options.account.identity()
        _load.read_through(self._dump.kind, pieces, self._options.tools, identity, self._deadline)

    def _plant_cut(self) -> None:
        """The first three quarters of the file have to be refused by the very code that reads it."""
        if self._dump.kind.kind == DIRECTORY:
            self._plant_in_folder()
            return
        length = self._dump.bytes * 3 // 4
        damage = f"{self._dump.path} cut to {length} of {self._dump.bytes} bytes"
        title = "The end of the dump cut off"
        try:
            self._read(cut_tail(length))
        except LifeboatError as error:
            self._deadline.check("Planting damage")
            self._controls.append(Control("control.cut", title, damage, "passed", f"Refused: {error.message}"))
            return
        words = "The damaged dump was read to its end as if it were good."
        self._controls.append(Control("control.cut", title, damage, "failed", words))

    def _plant_in_folder(self) -> None:
        """A copy of the folder, in which the largest file is cut, has to be refused."""
        largest = max(os.scandir(self._dump.path), key=lambda entry: entry.stat().st_size if entry.name != _TOC else -1)
        damage, title = f"half of {largest.name}", "The end of a file of the dump cut off"
        with ScratchFolder(self._options.scratch_dir) as scratch:  # with rows: the next run removes a killed one's
            folder = scratch.path
            for entry in os.scandir(self._dump.path):
                if entry.name != largest.name:
                    os.symlink(os.path.realpath(entry.path), os.path.join(folder, entry.name))
            with open(largest.path, "rb") as whole, open(os.path.join(folder, largest.name), "wb") as cut:
                shutil.copyfileobj(whole, cut)
                cut.truncate(largest.stat().st_size // 2)
            item = outcome(
                damage,
                lambda: _load.read_directory(self._dump.kind, folder, self._options.tools, self._deadline),
            )
        seen = item.status == "failed"
        words = f"Refused: {item.message}" if seen else "The damaged dump was read to its end as if it were good."
        self._controls.append(Control("control.cut", title, damage, "passed" if seen else "failed", words))

    # what comes back

    def _verify_restored(self) -> None:
        self._verify_archives()
        if self._checks[-1].status != "passed":
            return
        options = self._options
        expected = self._dump.bytes * (
            10 if self._dump.wrapped or self._dump.kind.kind in _load.KINDS_OF_ARCHIVES else 2
        )
        with ScratchCluster(
            options.tools,
            options.account,
            base_dir=options.scratch_dir,
            database_bytes=expected,
            preload=options.preload,
            deadline=self._deadline,
        ) as scratch:
            self._isolation = scratch.isolation
            if not self._restore(scratch.connection):
                return
            databases = self._databases(scratch.connection)
            for name in databases:
                self._guarded(_TABLES_CHECK, functools.partial(self._count, scratch.connection, name))
            whole_cluster = self._dump.kind.kind == CLUSTER_SCRIPT
            if (self._parts or whole_cluster) and not self._rows and not options.assertions:
                self._checks.append(_NO_ROW)
            if self._profile == "full":
                self._check_structure(scratch.connection, databases)
            self._ask(scratch.connection, databases)
        self._checks.append(self._unread())

    def _restore(self, server: Connection) -> bool:
        began = time.monotonic()
        self._progress.phase("restore", "loading the dump", self._dump.bytes)
        check = dataclasses.replace(_RESTORE)
        try:
            words = self._load(server)
        except LifeboatError as error:
            self._deadline.check("Loading the dump")
            self._checks.append(dataclasses.replace(check, status="failed", message=str(error)))
            return False
        self._restore_seconds = time.monotonic() - began
        self._checks.append(dataclasses.replace(check, message=words, seconds=self._restore_seconds))
        return True

    def _load(self, server: Connection) -> str:
        kind, options = self._dump.kind, self._options
        like = Database(_load.DATABASE, 0, kind.encoding or "UTF8", "C", "C", "c")
        target = _target.create(server, _load.DATABASE, like)
        if kind.kind in _load.KINDS_OF_ARCHIVES:
            pieces = _files.plain(self._dump, options.encryption)
            _load.load_archive(kind, self._dump.path, pieces, target, options.tools, self._deadline)
            return "pg_restore loaded it without an error"
        if kind.kind == DIRECTORY:
            pieces = _load.directory_script(self._dump.path, options.tools, self._deadline)
        else:
            pieces = _files.plain(self._dump, options.encryption)
        loaded = _load.ScriptLoader(server, self._deadline).run(kind, pieces)
        self._made_roles = loaded.made_roles
        return f"{loaded.statements} statements and {loaded.rows} rows were loaded without an error"

    def _databases(self, server: Connection) -> list[str]:
        if self._dump.kind.kind != CLUSTER_SCRIPT:
            return [_load.DATABASE]
        with _cursor(server) as cursor:
            return [name for (name,) in query(cursor, _DATABASES)]

    def _count(self, server: Connection, database: str) -> None:
        """Every table can be read, and has so many rows."""
        self._progress.phase("content", f"reading the tables of {database}")
        prefix = f"{database}: " if self._dump.kind.kind == CLUSTER_SCRIPT else ""
        from psycopg2 import sql

        with _cursor(server.with_database(database)) as cursor:
            tables = query(cursor, _TABLES)
            for schema, name in tables:
                self._deadline.check("Reading the tables")
                cursor.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(schema, name)))
                count = int((cursor.fetchone() or (0,))[0])
                self._rows += count
                self._parts.append(_model.Part(f"{prefix}{schema}.{name}", "passed", None, count))
        words = f"{prefix}{len(tables)} tables with {self._rows} rows"
        status: _model.CheckStatus = "passed"
        if not tables and not prefix:
            status, words = "failed", "the dump holds no table"
        self._checks.append(dataclasses.replace(_TABLES_CHECK, status=status, message=words))

    def _check_structure(self, server: Connection, databases: t.Sequence[str]) -> None:
        for database in databases:
            with _cursor(server.with_database(database)) as cursor:
                self._guarded(_structure.question("foreign_keys"), functools.partial(self._add, cursor, "foreign_keys"))
                self._guarded(_structure.question("indexes"), functools.partial(self._add, cursor, "indexes"))

    def _add(self, cursor: psycopg2.extensions.cursor, name: str) -> None:
        work = {"foreign_keys": _structure.foreign_keys, "indexes": _structure.indexes}[name]
        self._checks.append(work(cursor))

    def _ask(self, server: Connection, databases: t.Sequence[str]) -> None:
        for number, assertion in enumerate(self._options.assertions):
            named = assertion.where.get("database") if self._dump.kind.kind == CLUSTER_SCRIPT else ""
            with _cursor(server.with_database(named or databases[0])) as cursor:
                self._checks.append(ask(cursor, assertion=assertion, number=number))

    def _unread(self) -> Check:
        words = (
            "This dump carries no fingerprint of its source. So it is shown that it is whole, that it restores, how "
            "many rows it has, and what your own checks say. It is not shown that these are the rows that the source "
            "had: a dump of the wrong database, or one that left tables out, looks the same. Nor is it known of which "
            "moment it is; the time is that of the file."
        )
        if self._made_roles:
            words += f" Roles that own things and are not in the dump were made for it: {', '.join(self._made_roles)}."
        return Check("content.unread", "What was not compared", "content", "skipped", words)

    # the report

    def _plain_bytes(self) -> int:
        return self._dump.bytes

    def _source(self) -> _model.Source:
        kind = self._dump.kind
        name = f"database {kind.database}" if kind.database else self._dump.path
        return _model.Source.of(STORE, kind.server_version or "unknown", name, "unknown")

    def _counts(self) -> tuple[_model.Count, ...]:
        return (_model.Count("tables", len(self._parts)), _model.Count("rows", self._rows))

    def _details(self) -> tuple[_model.Detail, ...]:
        found = {
            "File": self._dump.path,
            "Kind": self._dump.kind.kind,
            "Wrapped in": ", ".join(self._dump.wrapped),
            "Written by pg_dump": self._dump.kind.dump_version,
        }
        return tuple(_model.Detail(term, value) for term, value in found.items() if value)


@contextlib.contextmanager
def _cursor(connection: Connection) -> t.Iterator[psycopg2.extensions.cursor]:
    session = connection.connect()
    try:
        with session.cursor() as cursor:
            yield cursor
    finally:
        session.close()


_READ = Check("artifact.content", "The dump can be read to its end, and is whole", "artifact", "passed")
_CONTROL = Check("artifact.controls", "Damaged views of the dump can be read", "artifact", "passed")
_RESTORE = Check("restore.restore", "The dump restores without an error", "restore", "passed")
_TABLES_CHECK = Check("content.tables", "Every table can be read", "content", "passed")
_NO_ROW = Check(
    "content.rows",
    "The dump holds rows",
    "content",
    "failed",
    "it has no table with a row: it is of definitions alone (pg_dump --schema-only, --section=pre-data, pg_dumpall "
    "--globals-only), or of databases without a row. "
    "Where that is right, say so by a check of your own, such as select count(*) from a table",
)
