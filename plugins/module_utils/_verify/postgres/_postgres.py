# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Proves one backup of PostgreSQL: reads what is stored, restores it into a scratch cluster, compares, and sees itself
say no.

Which questions are asked depends on the profile: ``artifact`` reads every artifact to its end; ``quick`` restores and
counts; ``full`` compares every row, looks at keys and indexes, and reads every copy in every repository.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import from_plain
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import import_psycopg2
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._content import PostgresContent
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._store import STORE
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools, find_tools
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore import (
    _compare,
    _globals,
    _restore,
    _scratch_restore,
    _target,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore._scratch import ScratchCluster
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore._scratch_restore import ScratchRestore
from ansible_collections.lifeboat.dr.plugins.module_utils._report import _model
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Check, Control, Item
from ansible_collections.lifeboat.dr.plugins.module_utils._verify import _assertions
from ansible_collections.lifeboat.dr.plugins.module_utils._verify._verification import Verification, summarised
from ansible_collections.lifeboat.dr.plugins.module_utils._verify.postgres import _aside, _definitions, _structure
from ansible_collections.lifeboat.dr.plugins.module_utils._verify.postgres._archives import Archives, read_archives
from ansible_collections.lifeboat.dr.plugins.module_utils._verify.postgres._query import ask
from ansible_collections.lifeboat.dr.plugins.module_utils._verify.postgres._tables import part_of, unread

if t.TYPE_CHECKING:
    import psycopg2.extensions
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Artifact
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import StoredBackup
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._archive import TocEntry
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import Connection
    from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_account import ScratchAccount

DATABASE = "restored"


@dataclasses.dataclass(frozen=True)
class Options:
    """How to verify."""

    profile: _model.Profile
    assertions: tuple[_assertions.Assertion, ...] = ()
    jobs: int = 2
    scratch_dir: str = "/var/tmp"
    account: t.Callable[[], ScratchAccount] | None = None  # who runs the scratch cluster: quick and full need one
    bin_dir: str | None = None
    allow_vulnerable_client: bool = False
    preload: str = ""  # shared_preload_libraries of the scratch server


class PostgresVerification(Verification):
    """Restores into a scratch cluster."""

    def __init__(
        self, copies: t.Sequence[StoredBackup], options: Options, deadline: Deadline, progress: Progress
    ) -> None:
        super().__init__(copies, options.profile, deadline, progress)
        self._content = from_plain(PostgresContent, self._manifest.content, "the manifest's content")
        self._options = options
        self._unpopulated: t.Sequence[tuple[str, str]] = ()  # materialized views that were left empty, and why
        self._backup_copies: t.Mapping[str, str] = {}  # by table, the COPY statement of the backup
        self._entries: t.Sequence[TocEntry] = ()  # what the backup's definitions describe

    # what is stored

    def _verify_archives(self) -> None:
        self._progress.phase("read", "reading every artifact", self._manifest.stored_bytes)
        archives = read_archives(self._stored, self._manifest.artifacts, self._content, self._deadline)
        self._add_archive_checks(archives)

    def _add_archive_checks(self, archives: Archives) -> None:
        check = Check("artifact.stored", "Every stored file is what was written", "artifact", "passed")
        self._checks.append(summarised(check, archives.items, "files"))
        if self._content.fingerprint in ("stream", "count"):
            found = _compare.fingerprint_archives(archives.scanners)
            self._checks.append(
                self._compared("artifact.content", "The archives hold what was read at the snapshot", "artifact", found)
            )

    # what comes back

    def _verify_restored(self) -> None:
        options = self._options
        tools = find_tools(
            self._content.major, bin_dir=options.bin_dir, allow_vulnerable=options.allow_vulnerable_client
        )
        self._progress.phase("scratch", "starting a scratch cluster")
        if options.account is None:
            raise AssertionError(f"the profile {options.profile} was asked for without an account")
        scratch = ScratchCluster(
            tools,
            options.account(),
            base_dir=options.scratch_dir,
            database_bytes=self._content.database.bytes,
            preload=options.preload,
            deadline=self._deadline,
        )
        with scratch as cluster:
            self._isolation = cluster.isolation
            failures = self._restore_globals(tools, cluster.connection)
            database = self._restore(tools, cluster.connection)
            if database is None:
                return
            rows = Check("content.rows", "Every row is what it was at the snapshot", "content", "passed")
            self._guarded(rows, lambda: self._compare_rows(tools, database))
            self._add_unread()
            if options.profile == "full":
                self._guarded(_definitions.CHECK, lambda: self._compare_definitions(tools, database))
            ready = Check("structure.ready", "The restored database can be asked", "structure", "passed")
            self._guarded(ready, lambda: _aside.put_aside(database))
            self._ask(database, failures)
            if options.profile == "full":
                row = Check("content.control", "A deleted row is noticed", "content", "passed")
                self._guarded(row, lambda: self._drop_a_row(tools, database))

    def _add_unread(self) -> None:
        check = unread(self._content, self._unpopulated)
        if check is not None:
            self._checks.append(check)

    def _restore_globals(self, tools: Tools, connection: Connection) -> list[Item]:
        """Bring the roles back, and those that the backup needs in any case. Gives what did not work."""
        try:
            failures = _globals.restore(tools, connection, self._stored, self._content)
        except (LifeboatError, UnicodeError, import_psycopg2().Error) as error:
            # What is missing, the restore names.
            with contextlib.suppress(LifeboatError, UnicodeError, import_psycopg2().Error):
                _globals.create_missing_roles(connection, self._content)
            damaged = isinstance(error, DamagedError)  # which the check of the stored files tells in full
            return [Item("globals", "failed", None, None, "the stored file is damaged" if damaged else str(error))]
        return [Item(failure, "failed", None, None, "the statement did not work") for failure in failures]

    def _restore(self, tools: Tools, server: Connection) -> Connection | None:
        """Restore into the scratch cluster; None when that failed, which is a failed check."""
        check = Check("restore.restore", "The backup restores without an error", "restore", "passed")
        began = time.monotonic()
        try:
            restore, who = _scratch_restore.restore(
                server,
                DATABASE,
                lambda: _target.create(server, DATABASE, self._content.database),
                lambda database: ScratchRestore(
                    self._stored,
                    self._content,
                    tools,
                    database,
                    what=_restore.RestoreScope(scan=True),
                    jobs=self._options.jobs,
                    deadline=self._deadline,
                    progress=self._progress,
                ),
                self._content,
            )
        except LifeboatError as error:
            self._deadline.check("The restore")
            self._checks.append(
                dataclasses.replace(check, status="failed", message=str(error), seconds=time.monotonic() - began)
            )
            return None
        self._restore_seconds = time.monotonic() - began
        self._entries, self._unpopulated = restore.entries, restore.unpopulated
        self._backup_copies = restore.copies
        message = f"pg_restore --exit-on-error ended well; the rows were loaded by {who}"
        self._checks.append(dataclasses.replace(check, message=message, seconds=self._restore_seconds))
        rest = [artifact for artifact in self._manifest.artifacts if artifact.name not in restore.scanners]
        archives = read_archives(self._stored, rest, self._content, self._deadline)
        read = [
            Item(name, "passed") for name in restore.scanners
        ]  # the restore has read them to their end, against their hash
        self._add_archive_checks(Archives([*read, *archives.items], [*restore.scanners.values(), *archives.scanners]))
        return server.with_database(DATABASE)

    def _compare_rows(self, tools: Tools, database: Connection) -> None:
        content = self._content
        self._progress.phase("compare", "reading the restored rows", sum(table.bytes for table in content.tables))
        counts_only = self._options.profile == "quick"
        found = _compare.fingerprint_restored(
            tools,
            database,
            content,
            self._backup_copies,
            self._options.jobs,
            self._deadline,
            self._progress.advance,
            counts_only=counts_only,
        )
        if content.fingerprint == "none":
            reason = "the backup was taken with fingerprint: none, so nothing can be compared"
            self._checks.append(Check("content.rows", "Every row is back", "content", "failed", reason))
            return
        title = "Every table has as many rows" if counts_only else "Every row is what it was at the snapshot"
        check = self._compared("content.rows", title, "content", found, counts_only=counts_only)
        self._checks.append(check)
        for table in _compare.compared_tables(content):
            self._parts.append(part_of(table, found.tables.get(table.qualified_name), counts_only))
        if content.large_objects.count or found.large_objects.count:
            same = not _compare.large_objects_difference(content, found)
            expected, observed = (
                f"{objects.count} of {objects.bytes} bytes" for objects in (content.large_objects, found.large_objects)
            )
            self._checks.append(
                Check(
                    "content.large_objects",
                    "Every large object is back",
                    "content",
                    "passed" if same else "failed",
                    "",
                    expected,
                    observed,
                )
            )

    def _compare_definitions(self, tools: Tools, database: Connection) -> None:
        began = time.monotonic()
        entries = _compare.definitions(tools, database, self._content, self._deadline)
        check = _definitions.compared(self._entries, entries)
        self._checks.append(dataclasses.replace(check, seconds=time.monotonic() - began))

    def _compared(
        self,
        name: str,
        title: str,
        group: _model.Group,
        found: _compare.DatabaseFingerprint,
        *,
        counts_only: bool = False,
    ) -> Check:
        items = []
        tables = _compare.archived_tables if group == "artifact" else _compare.compared_tables
        for table in tables(self._content):
            counterpart = found.tables.get(table.qualified_name)
            # An archive has no order-free sums; there the rows are counted.
            words = _compare.difference(
                table, counterpart, counts_only=counts_only or (group == "artifact" and bool(table.rows_sum))
            )
            items.append(
                Item(
                    table.qualified_name,
                    "failed" if words else "passed",
                    table.rows,
                    counterpart.rows if counterpart else None,
                    words,
                )
            )
        check = summarised(Check(name, title, group, "passed"), items, "tables")
        return check if items else dataclasses.replace(check, status="skipped")  # nothing compared is not equal

    def _ask(self, database: Connection, failures: list[Item]) -> None:
        """Structure and the user's own questions."""
        self._progress.phase("structure", "checking keys, sequences and indexes")
        content = _described(self._content, self._entries)
        questions: list[tuple[Check, t.Callable[[psycopg2.extensions.cursor], Check]]] = [
            (_structure.question("sequences"), lambda cursor: _structure.sequences(cursor, content)),
            (_structure.question("extensions"), lambda cursor: _structure.extensions(cursor, content)),
        ]
        if self._options.profile == "full":
            questions += [
                (_structure.question("globals"), lambda cursor: _structure.roles(cursor, self._content, failures)),
                (_structure.question("collations"), lambda cursor: _structure.collations(cursor, self._content)),
                (_structure.question("foreign_keys"), _structure.foreign_keys),
                (_structure.question("indexes"), _structure.indexes),
            ]
        for number, assertion in enumerate(self._options.assertions):
            check = Check(f"custom.{number + 1}", assertion.name, "custom", "passed")
            questions.append((check, functools.partial(ask, assertion=assertion, number=number)))
        for check, question in questions:
            self._deadline.check("The verification")
            self._guarded(check, functools.partial(self._answer, database, question))

    def _answer(self, database: Connection, question: t.Callable[[psycopg2.extensions.cursor], Check]) -> None:
        """One question in a session of its own: what ends that session ends no other question."""
        began = time.monotonic()
        session = database.connect()
        try:
            with session.cursor() as cursor:
                check = question(cursor)
        finally:
            session.close()
        self._checks.append(dataclasses.replace(check, seconds=time.monotonic() - began))

    def _drop_a_row(self, tools: Tools, database: Connection) -> None:
        """Delete one row of the smallest table in the scratch database, and demand that the comparison sees it."""
        candidates = [table for table in _compare.compared_tables(self._content) if table.rows > 0]
        control = Control("control.row", "One row deleted after the restore", "", "skipped", "no table has a row")
        if candidates and self._content.fingerprint != "none":
            table = min(candidates, key=lambda candidate: candidate.rows)
            _target.delete_one_row(database, table)
            found = _compare.fingerprint_table(tools, database, self._content, table, self._deadline)
            words = _compare.difference(table, dataclasses.replace(found, rows_sum=table.rows_sum))
            control = dataclasses.replace(
                control,
                damage=f"one row of {table.qualified_name}, of {table.rows}",
                status="passed" if words else "failed",
                message=f"Refused: {words}" if words else "The comparison did not see that a row was missing.",
            )
        self._controls.append(control)

    # the report

    def _controlled(self) -> Artifact:
        return min(
            self._stored.artifacts("data") or self._stored.artifacts("whole"),
            key=lambda artifact: artifact.stored_bytes,
        )

    def _source(self) -> _model.Source:
        content = self._content
        return _model.Source.of(STORE, content.server_version, content.database.name, self._manifest.host)

    def _counts(self) -> tuple[_model.Count, ...]:
        content = self._content
        counted = {"tables": len(content.tables), "rows": content.rows, "large objects": content.large_objects.count}
        return tuple(_model.Count(what, count) for what, count in counted.items())

    def _details(self) -> tuple[_model.Detail, ...]:
        return (_model.Detail("Log position", self._content.lsn),)


def _described(content: PostgresContent, entries: t.Sequence[TocEntry]) -> PostgresContent:
    """The manifest's content without what filters kept out of the backup: the manifest lists the database's sequences
    and extensions.
    """
    if not any(content.filters.values()):
        return content
    sequences = {entry.qualified_name for entry in entries if entry.description == "SEQUENCE"}
    extensions = {entry.tag for entry in entries if entry.description == "EXTENSION"}
    return dataclasses.replace(
        content,
        sequences=tuple(sequence for sequence in content.sequences if sequence.qualified_name in sequences),
        extensions=tuple(extension for extension in content.extensions if extension.name in extensions),
    )
