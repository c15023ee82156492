# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""One backup of one database: a snapshot, its streams side by side, their fingerprints, and the manifest last."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import platform
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _manifest, _run
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._artifacts import store_artifact
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._together import together
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError, SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import to_plain
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive import _dump, _plan
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._archive import (
    ArchiveScanner,
    ContentFingerprint,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._rows import rows_fingerprint
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backup import _by_hand, _preflight
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backup._snapshot import (
    Snapshot,
    join_snapshot,
    server_errors,
    table_changers,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client import _system_catalog
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._codec import python_codec
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._content import (
    Database,
    PostgresContent,
    Table,
    large_objects_fingerprint,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools, find_tools

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._compression import Compressor
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
    from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import Cipher
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import Connection
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository

ENGINE = "postgresql"
_SCANNED = {
    "stream": "hash",
    "rows": "count",
    "count": "count",
    "none": "skip",
}  # fingerprint → what the scanner does with the rows


@dataclasses.dataclass(frozen=True)
class Request:
    """What to back up, how, and where to."""

    app: str
    component: str
    connection: Connection
    repositories: tuple[Repository, ...]
    compressor: Compressor
    cipher: Cipher
    jobs: int = 1
    fingerprint: str = "stream"
    globals: str = "without_passwords"
    filters: t.Mapping[str, t.Sequence[str]] = dataclasses.field(default_factory=dict)
    bin_dir: str | None = None
    allow_vulnerable_client: bool = False
    lock_timeout_seconds: int = 60
    time_limit_seconds: float = 0
    last_stored_bytes: int = 0  # of the last backup, 0 where there is none


@dataclasses.dataclass(frozen=True)
class Preflight:
    """What is known before work starts: the numbers that check mode shows."""

    tools: Tools
    server: _system_catalog.Server
    database: Database
    tables: int
    tables_bytes: int  # with large objects
    needed_bytes: int


def preflight(request: Request) -> Preflight:
    """Refuse now what would fail later. Leaves nothing behind. Raises LifeboatError."""
    request.cipher.check()
    session = request.connection.connect()
    try:
        with server_errors(request.connection, request.lock_timeout_seconds), session.cursor() as cursor:
            cursor.execute("select set_config('lock_timeout', %s, false)", (f"{request.lock_timeout_seconds}s",))
            server = _system_catalog.server(cursor)
            tools = find_tools(server.major, bin_dir=request.bin_dir, allow_vulnerable=request.allow_vulnerable_client)
            database = _system_catalog.database(cursor, server.version_num)
            relations = _system_catalog.relations(cursor)
            _preflight.check_role(cursor, relations, request.filters, request.connection.describe())
            if request.globals == "with_passwords":
                _preflight.check_passwords(cursor)
            tables_bytes = _system_catalog.large_object_bytes(cursor)
    finally:
        session.close()
    _arguments_in(python_codec(database.encoding), [value for values in request.filters.values() for value in values])
    tables_bytes += sum(relation.bytes for relation in relations if relation.kind == "table")
    needed = _preflight.needed_bytes(tables_bytes, request.compressor.engine != "none", request.last_stored_bytes)
    return Preflight(tools, server, database, len(relations), tables_bytes, needed)


def back_up(
    request: Request, before: Preflight, stem: str, progress: Progress
) -> tuple[_manifest.Manifest, _run.StoringResult]:
    """Take the backup.

    ``stem`` is what the run's lock gave. Raises LifeboatError; then nothing of the backup is left anywhere.
    """
    started = datetime.datetime.now(datetime.timezone.utc)
    backup_id = _manifest.new_backup_id(started)
    folder = _manifest.backup_folder(request.app, request.component, backup_id)
    deadline = Deadline(request.time_limit_seconds)
    progress.phase("preflight", "checking the repositories")
    reachable, failed = _run.writable(request.repositories, before.needed_bytes)
    with (
        _run.Storing(stem, folder, reachable, failed) as storing,
        server_errors(request.connection, request.lock_timeout_seconds),
    ):
        with Snapshot(request.connection, request.lock_timeout_seconds) as snapshot:
            work = _Work(request, before, storing, snapshot, deadline, progress, backup_id)
            try:
                content = work.run()
            except SourceError as error:
                snapshot.keep_alive()  # when that is gone, it is the reason
                raise _explained(error, request.connection) from None

        def manifest(repositories: tuple[str, ...]) -> _manifest.Manifest:
            return _manifest.Manifest(
                app=request.app,
                component=request.component,
                backup_id=backup_id,
                engine=ENGINE,
                started_at=_manifest.iso(started),
                snapshot_at=_manifest.iso(snapshot.taken_at),
                finished_at=_manifest.iso(datetime.datetime.now(datetime.timezone.utc)),
                host=platform.node(),
                tool_versions={"pg_dump": before.tools.version_text, "python": platform.python_version()},
                encoding=_manifest.Encoding(
                    request.compressor.engine, request.cipher.engine, tuple(request.cipher.recipients)
                ),
                artifacts=tuple(work.artifacts),
                content=to_plain(content),
                repositories=repositories,
                restore_by_hand=_by_hand.commands(work.artifacts, request.compressor, request.cipher, content),
            )

        progress.phase("manifest", "writing the manifest")
        outcome = storing.finish(lambda repositories: _manifest.dump(manifest(repositories)))
        return manifest(tuple(outcome.stored_in)), outcome


def _arguments_in(codec: str, arguments: t.Sequence[str]) -> list[bytes]:
    """The arguments in the database's encoding, in which pg_dump compares them with names. Raises OptionError."""
    encoded = []
    for argument in arguments:
        try:
            encoded.append(argument.encode(codec, "surrogateescape"))
        except UnicodeEncodeError:
            raise OptionError(
                f"No table or schema of this database can be meant by {argument!r}: its encoding {codec} has not all "
                "these characters.",
                hint="Correct the name in schemas, tables or one of the exclude options.",
            ) from None
    return encoded


def _explained(error: SourceError, connection: Connection) -> LifeboatError:
    """The error of pg_dump, with what a person needs beside it."""
    hint = "Nothing of this backup was kept. The server's log says more."
    if "LOCK TABLE" in error.message:  # the statement, which pg_dump repeats in every language
        changers = table_changers(connection)
        hint = (
            f"A change of a table stands in the way: {'; '.join(changers)}. "
            if changers
            else "A table was locked by somebody else. "
        )
        hint += "Nothing of this backup was kept. Run it again when the change is done, or raise lock_timeout."
    elif "out of shared memory" in error.message:
        hint = "Raise max_locks_per_transaction on the server, or use jobs: 1. Nothing of this backup was kept."
    return SourceError(f"The backup was stopped: {error.message}", hint=hint, details=error.details)


class _Work:
    """The streams of one backup."""

    def __init__(
        self,
        request: Request,
        before: Preflight,
        storing: _run.Storing,
        snapshot: Snapshot,
        deadline: Deadline,
        progress: Progress,
        backup_id: str,
    ) -> None:
        self._request = request
        self._before = before
        self._storing = storing
        self._snapshot = snapshot
        self._deadline = deadline
        self._progress = progress
        self._stem = f"pg_{_plan.safe_file_name(before.database.name)}_{backup_id.split('-')[0]}"
        self._scanners: dict[str, ArchiveScanner] = {}
        self._codec = python_codec(before.database.encoding)
        self.artifacts: list[_manifest.Artifact] = []

    def run(self) -> PostgresContent:
        """Store every artifact, and tell what they hold."""
        request, snapshot, version_num = self._request, self._snapshot, self._before.server.version_num
        self._progress.phase("snapshot", "taking the snapshot")
        relations = _system_catalog.relations(snapshot.cursor)
        snapshot.lock(relations)
        content = PostgresContent(
            server_version=self._before.server.version,
            server_version_num=version_num,
            system_identifier=self._before.server.system_identifier,
            lsn=_system_catalog.server(snapshot.cursor).lsn,
            timeline=self._before.server.timeline,
            in_recovery=self._before.server.in_recovery,
            database=_system_catalog.database(snapshot.cursor, version_num),
            jobs=request.jobs,
            fingerprint=request.fingerprint,
            tables=(),
            sequences=_system_catalog.sequences(snapshot.cursor),
            extensions=_system_catalog.extensions(snapshot.cursor),
            collations=_system_catalog.collations(snapshot.cursor, version_num),
            roles=_system_catalog.involved_roles(snapshot.cursor),
            globals=request.globals,
            filters={option: list(values) for option, values in request.filters.items() if values},
        )
        if request.globals != "none":
            self._progress.phase("globals", "dumping roles and tablespaces")
            passwords = request.globals == "with_passwords"
            self._store(
                "globals",
                "globals",
                ".sql",
                _dump.dump_globals(self._before.tools, self._request.connection, self._deadline, passwords=passwords),
                1 << 20,
            )
        selected = self._dump_streams(relations)
        tables = self._tables(selected)
        if request.fingerprint == "rows":
            tables = self._with_row_sums(tables)
        snapshot.keep_alive()
        objects = {
            oid: (found.bytes, found.sha256)
            for scanner in self._scanners.values()
            for oid, found in scanner.large_objects.items()
        }
        return dataclasses.replace(content, tables=tuple(tables), large_objects=large_objects_fingerprint(objects))

    def _dump_streams(self, relations: list[_system_catalog.Relation]) -> list[_system_catalog.Relation]:
        """Store the archives. Gives the tables that they describe."""
        request = self._request
        if request.jobs == 1:
            self._progress.phase("dump", "dumping", self._before.tables_bytes)
            self._store_stream(_plan.whole_stream(request.filters, self._before.tables_bytes))
            return self._selected(relations, "")
        self._progress.phase("schema", "dumping the definitions")
        self._store_stream(_plan.schema_stream(request.filters, 1 << 20 | len(relations) * 4096))
        selected = self._selected(relations, "schema")
        sized = [_plan.SizedTable(table.schema, table.name, table.bytes) for table in selected if table.kind == "table"]
        large_objects = _system_catalog.large_object_bytes(self._snapshot.cursor)
        self._progress.phase("dump", "dumping", self._before.tables_bytes)
        streams = _plan.data_streams(sized, request.filters, large_objects, request.jobs)
        together([functools.partial(self._store_stream, stream) for stream in streams], request.jobs, self._deadline)
        return selected

    def _selected(self, relations: list[_system_catalog.Relation], label: str) -> list[_system_catalog.Relation]:
        oids = {entry.oid for entry in self._scanners[label].entries if entry.section == "pre-data"}
        return [relation for relation in relations if relation.oid in oids]

    def _store_stream(self, stream: _plan.Stream) -> None:
        scanner = ArchiveScanner(content=_SCANNED[self._request.fingerprint], codec=self._codec)
        pieces = _dump.snapshot_archive(
            self._before.tools,
            self._request.connection,
            _arguments_in(self._codec, stream.arguments),
            self._deadline,
            snapshot=self._snapshot.identifier,
            lock_timeout_seconds=self._request.lock_timeout_seconds,
            encoding=self._before.database.encoding,
            scanner=scanner,
        )
        self._store(stream.content, stream.label, ".dump", pieces, stream.estimated_bytes)
        scanner.finish()
        self._scanners[stream.label] = scanner

    def _store(self, content: str, label: str, suffix: str, pieces: t.Iterator[bytes], estimated_bytes: int) -> None:
        """Store one artifact in every repository that has not failed so far."""
        request = self._request
        name = (
            "_".join(part for part in (self._stem, label) if part)
            + suffix
            + request.compressor.suffix
            + request.cipher.suffix
        )
        artifact = store_artifact(
            self._storing,
            name,
            content,
            pieces,
            compressor=request.compressor,
            cipher=request.cipher,
            estimated_bytes=estimated_bytes,
            deadline=self._deadline,
            hash_plain=content not in ("whole", "data")
            or request.fingerprint != "stream",  # else the fingerprints cover it
            on_bytes=self._progress.advance,
        )
        self.artifacts.append(artifact)

    def _tables(self, selected: list[_system_catalog.Relation]) -> list[Table]:
        """Every table that the archives describe, with the fingerprint of its rows where they hold any."""
        names = {artifact_label(artifact.name, self._stem): artifact.name for artifact in self.artifacts}
        found: dict[int, tuple[str, int, int, str]] = {}
        foreign: list[Table] = []
        known = {relation.oid for relation in selected}
        not_counted = ContentFingerprint(-1, 0, "")
        for label, scanner in self._scanners.items():
            for entry in scanner.entries:
                if entry.description != "TABLE DATA":
                    continue
                data = scanner.tables.get(entry.dump_id, not_counted)
                if entry.oid in known:
                    found[entry.oid] = (names[label], data.rows, data.bytes, data.sha256)
                else:  # an extension's own table, whose rows belong to the user
                    foreign.append(
                        Table(entry.schema, entry.tag, "table", names[label], data.rows, data.bytes, data.sha256)
                    )
        tables = []
        for relation in selected:
            artifact, rows, size, sha256 = found.get(relation.oid, ("", -1, 0, ""))
            tables.append(Table(relation.schema, relation.name, relation.kind, artifact, rows, size, sha256))
        return [*tables, *foreign]

    def _with_row_sums(self, tables: list[Table]) -> list[Table]:
        """Add the order-free sums, read in the same snapshot by as many sessions as there are jobs."""
        self._progress.phase("rows", "reading every row once more")

        def work(share: list[Table]) -> list[Table]:
            session = join_snapshot(self._request.connection, self._snapshot.identifier)
            try:
                with session.cursor() as cursor:
                    return [self._with_row_sum(cursor, table) for table in share]
            finally:
                session.close()

        jobs = self._request.jobs
        shares = together(
            [functools.partial(work, tables[number::jobs]) for number in range(jobs)], jobs, self._deadline
        )
        return sorted((table for share in shares for table in share), key=lambda table: (table.schema, table.name))

    def _with_row_sum(self, cursor: t.Any, table: Table) -> Table:
        self._deadline.check("Reading the rows")
        if not table.artifact:
            return table  # the backup holds no rows of it: nothing could be compared
        rows, rows_sum = rows_fingerprint(cursor, table.schema, table.name)
        return dataclasses.replace(table, rows=rows, rows_sum=rows_sum)


def artifact_label(name: str, stem: str) -> str:
    """``data1`` of ``pg_shop_20260115T020000Z_data1.dump.zst``, and nothing for the artifact that is the whole."""
    return name[len(stem) :].split(".")[0].lstrip("_")
