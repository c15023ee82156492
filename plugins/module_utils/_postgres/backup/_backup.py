# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""One backup of one database: a snapshot, its streams side by side, their fingerprints, and the manifest last."""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._engine import Engine, Look, Part, Saved
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._together import together
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError, SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import from_plain
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive import _dump, _plan
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._archive import ArchiveScanner
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._rows import (
    inherited_columns,
    rows_fingerprint,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backup import _by_hand, _preflight
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backup._snapshot import (
    Snapshot,
    join_snapshot,
    server_errors,
    table_changers,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backup._tables import described_tables
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client import _system_catalog
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._codec import python_codec
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import connection_from_options
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._content import (
    Database,
    PostgresContent,
    Table,
    large_objects_fingerprint,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._store import STORE
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools, find_tools

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Manifest
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._session import BackupSession
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import Connection

_LOOK_SECONDS = 300.0
_SCANNED = {
    "stream": "hash",
    "rows": "count",
    "count": "count",
    "none": "skip",
}  # fingerprint → what the scanner does with the rows


@dataclasses.dataclass(frozen=True)
class Preflight(Look):
    """What is known before work starts: the numbers that check mode shows."""

    tools: Tools
    server: _system_catalog.Server
    database: Database
    tables: int
    tables_bytes: int  # with large objects


class PostgresEngine(Engine[Preflight]):
    """One database. ``database`` is another one than the options name."""

    name = STORE.engine

    def __init__(
        self, options: t.Mapping[str, t.Any], warn: t.Callable[[str], None], database: str | None = None
    ) -> None:
        super().__init__(options, warn)
        self._database = database
        self.jobs: int = options["jobs"]
        self.fingerprint: str = options["fingerprint"]
        self.globals: str = options["globals"]
        self.filters: dict[str, list[str]] = {option: options[option] for option in _plan.FILTERS}
        self.lock_timeout_seconds = max(1, int(parse_duration("lock_timeout", options["lock_timeout"]).total_seconds()))

    @functools.cached_property
    def connection(self) -> Connection:
        """How the database is reached."""
        connection = connection_from_options(self._options)
        return connection.with_database(self._database) if self._database else connection

    def look(self, last: Manifest | None) -> Preflight:
        """Ask the server for sizes and rights, and find the programs."""
        options = self._options
        session = self.connection.connect()
        try:
            with server_errors(self.connection, self.lock_timeout_seconds), session.cursor() as cursor:
                cursor.execute("select set_config('lock_timeout', %s, false)", (f"{self.lock_timeout_seconds}s",))
                server = _system_catalog.server(cursor)
                tools = find_tools(
                    server.major, bin_dir=options["bin_dir"], allow_vulnerable=options["allow_vulnerable_client"]
                )
                database = _system_catalog.database(cursor, server.version_num)
                relations = _system_catalog.relations(cursor)
                _preflight.check_role(cursor, relations, self.filters, self.connection.describe())
                if self.globals == "with_passwords":
                    _preflight.check_passwords(cursor)
                hidden = _preflight.hidden_damage(cursor)
                tables_bytes = _system_catalog.large_object_bytes(cursor)
        finally:
            session.close()
        codec = python_codec(database.encoding)
        _arguments_in(codec, [value for values in self.filters.values() for value in values])
        if any(self.filters.values()):
            relations = self._filtered(tools, database, codec, relations)
        if hidden:
            self._warn(
                f"In the database {database.name}, {' and '.join(hidden)} is on for this role: damaged pages are "
                "passed over without an error, and rows that are on them are missing from this backup. Set it off."
            )
        elsewhere = [relation.qualified_name for relation in relations if relation.elsewhere]
        if elsewhere:
            self._warn(
                f"{self.connection.describe()} is a standby, and only its primary has the rows of unlogged tables: "
                f"{_preflight.some(elsewhere)} {'is' if len(elsewhere) == 1 else 'are'} in this backup without rows."
            )
        if not relations:
            self._warn(
                f"The database {database.name} holds no table at all: make sure that it is the one you mean. A proof "
                "of this backup compares nothing."
            )
        tables_bytes += sum(relation.bytes for relation in relations if relation.kind == "table")
        compressed = (options["compression"] or {}).get("engine") != "none"
        needed = _preflight.needed_bytes(tables_bytes, compressed, last.stored_bytes if last else 0)
        return Preflight(needed, tools, server, database, len(relations), tables_bytes)

    def _filtered(
        self, tools: Tools, database: Database, codec: str, relations: list[_system_catalog.Relation]
    ) -> list[_system_catalog.Relation]:
        """What the filters select: pg_dump is the judge of that. Raises SourceError."""
        scanner = ArchiveScanner(content="skip", codec=codec)
        stream = _plan.schema_stream(self.filters, 0)
        try:
            for _piece in _dump.snapshot_archive(
                tools,
                self.connection,
                _arguments_in(codec, stream.arguments),
                Deadline(_LOOK_SECONDS),
                encoding=database.encoding,
                scanner=scanner,
                lock_timeout_seconds=self.lock_timeout_seconds,
            ):
                pass
        except SourceError as error:
            raise _explained(error, self.connection) from None
        return _described(relations, scanner)

    def planned(self, look: Preflight) -> dict[str, t.Any]:
        """The database's sizes."""
        return {
            "database": look.database.name,
            "server_version": look.server.version,
            "tables": look.tables,
            "tables_bytes": look.tables_bytes,
            "needed_bytes": look.needed_bytes,
        }

    def save(self, look: Preflight, session: BackupSession) -> Saved:
        """Dump the database in one snapshot."""
        with (
            server_errors(self.connection, self.lock_timeout_seconds),
            Snapshot(self.connection, self.lock_timeout_seconds) as snapshot,
        ):
            try:
                content = _Work(self, look, session, snapshot).run()
            except SourceError as error:
                snapshot.keep_alive()  # when that is gone, it is the reason
                raise _explained(error, self.connection) from None
            return Saved(
                content,
                taken_at=snapshot.taken_at,
                tool_versions={"pg_dump": look.tools.version_text},
                by_hand=_by_hand.commands(session.artifacts, session.opened, content),
            )

    def describe(self, manifest: Manifest) -> dict[str, t.Any]:
        """What was dumped of which server."""
        content, stored = manifest.content, manifest.stored_bytes
        return {
            "database": content["database"]["name"],
            "server_version": content["server_version"],
            "lsn": content["lsn"],
            "tables": len(content["tables"]),
            "rows": from_plain(PostgresContent, content, "the manifest's content").rows,
            "fingerprint": content["fingerprint"],
            "ratio": round(manifest.plain_bytes / stored, 2) if stored else 0.0,
        }


def _described(relations: list[_system_catalog.Relation], scanner: ArchiveScanner) -> list[_system_catalog.Relation]:
    """Those whose definition is in the archive."""
    oids = {entry.oid for entry in scanner.entries if entry.section == "pre-data"}
    return [relation for relation in relations if relation.oid in oids]


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
    elif "startup parameter" in error.message:
        hint = "A connection pooler does not pass on what pg_dump needs: connect to the server itself."
    elif "invalid byte sequence" in error.message and "pg_dumpall" in str(error.details.get("program", "")):
        hint = (
            "The name of a role is not text in the encoding of this database, so pg_dumpall cannot read it. Rename the "
            "role in a database of the encoding that it was made in, or use globals: none. Nothing of this backup was "
            "kept."
        )
    elif "out of shared memory" in error.message:
        hint = "Raise max_locks_per_transaction on the server, or use jobs: 1. Nothing of this backup was kept."
    return SourceError(f"The backup was stopped: {error.message}", hint=hint, details=error.details)


class _Work:
    """The streams of one backup."""

    def __init__(self, request: PostgresEngine, before: Preflight, session: BackupSession, snapshot: Snapshot) -> None:
        self._request = request
        self._before = before
        self._session = session
        self._snapshot = snapshot
        self._deadline = session.deadline
        self._progress = session.progress
        stamp = session.backup_id.split("-")[0]
        self._stem = f"pg_{_plan.safe_file_name(before.database.name)}_{stamp}"
        self._scanners: dict[str, ArchiveScanner] = {}
        self._codec = python_codec(before.database.encoding)
        self._stored: dict[str, str] = {}  # label of a stream → its file

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
            tablespaces=_system_catalog.named_tablespaces(snapshot.cursor),
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
        tables = self._with_row_sums(described_tables(selected, self._scanners, self._stored))
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
        return _described(relations, self._scanners[label])

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
        name = "_".join(part for part in (self._stem, label) if part) + suffix
        # Else the fingerprints cover it.
        hashed = content not in ("whole", "data") or self._request.fingerprint != "stream"
        artifact = self._session.store(Part(name, content, pieces, estimated_bytes, hash_plain=hashed))
        self._stored[label] = artifact.name

    def _with_row_sums(self, tables: list[Table]) -> list[Table]:
        """Add the order-free sums that are needed, read in the same snapshot by as many sessions as there are jobs."""
        wanted = [table for table in tables if self._needs_row_sum(table)]
        if not wanted:
            return tables
        self._progress.phase("rows", "reading rows once more")

        def work(share: list[Table]) -> list[Table]:
            session = join_snapshot(self._request.connection, self._snapshot.identifier)
            try:
                with session.cursor() as cursor:
                    return [self._with_row_sum(cursor, table) for table in share]
            finally:
                session.close()

        jobs = self._request.jobs
        shares = together(
            [functools.partial(work, wanted[number::jobs]) for number in range(jobs)], jobs, self._deadline
        )
        summed = {table.qualified_name: table for share in shares for table in share}
        return [summed.get(table.qualified_name, table) for table in tables]

    def _needs_row_sum(self, table: Table) -> bool:
        """Whether the hash of a COPY stream is not what was asked for, or cannot be compared after a restore."""
        fingerprint = self._request.fingerprint
        dealt_out = table.kind == "partitioned table" and fingerprint != "none"
        return bool(table.artifact) and (fingerprint == "rows" or dealt_out)

    def _with_row_sum(self, cursor: t.Any, table: Table) -> Table:
        self._deadline.check("Reading the rows")
        columns = inherited_columns(cursor, table.schema, table.name)
        rows, rows_sum = rows_fingerprint(
            cursor, table.schema, table.name, columns=columns, with_partitions=table.kind == "partitioned table"
        )
        return dataclasses.replace(table, rows=rows, rows_sum=rows_sum, columns=columns)
