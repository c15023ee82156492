# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Compares a database with what a manifest says of it, table by table."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._together import together
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive import _dump, _plan
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._archive import ArchiveScanner, TocEntry
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._rows import rows_fingerprint
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client import _system_catalog
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._codec import python_codec
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import import_psycopg2
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._content import (
    LargeObjects,
    Table,
    large_objects_fingerprint,
)

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import Connection
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._content import PostgresContent
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools

_FROM_STDIN = re.compile(r" FROM stdin;\s*\Z")


@dataclasses.dataclass(frozen=True)
class DatabaseFingerprint:
    """What is in a database or an archive, by table. ``copies`` are the COPY statements that the rows were read by."""

    tables: dict[str, Table]
    large_objects: LargeObjects
    copies: dict[str, str] = dataclasses.field(default_factory=dict)


def fingerprint_archives(scanners: t.Sequence[ArchiveScanner]) -> DatabaseFingerprint:
    """What these archives hold."""
    tables: dict[str, Table] = {}
    objects: dict[int, tuple[int, str]] = {}
    for scanner in scanners:
        for entry in scanner.entries:
            data = scanner.tables.get(entry.dump_id)
            if entry.description == "TABLE DATA" and data is not None:
                tables[entry.qualified_name] = Table(
                    entry.schema,
                    entry.tag,
                    "table",
                    "",
                    data.rows,
                    data.bytes,
                    data.sha256,
                )
        objects.update({oid: (data.bytes, data.sha256) for oid, data in scanner.large_objects.items()})
    return DatabaseFingerprint(tables, large_objects_fingerprint(objects), copy_statements(scanners))


def copy_statements(scanners: t.Iterable[ArchiveScanner]) -> dict[str, str]:
    """By table, the COPY statement that an archive loads it with, which names the columns."""
    return {
        entry.qualified_name: entry.copy_statement
        for scanner in scanners
        for entry in scanner.entries
        if entry.description == "TABLE DATA"
    }


def fingerprint_restored(
    tools: Tools,
    connection: Connection,
    content: PostgresContent,
    copies: t.Mapping[str, str],
    jobs: int,
    deadline: Deadline,
    progress: t.Callable[[int], None],
    *,
    counts_only: bool = False,
) -> DatabaseFingerprint:
    """What a restored database holds, read in such a way that it can be compared with the manifest.

    ``copies`` are the COPY statements of the backup (``copy_statements``).
    """
    found = fingerprint_database(tools, connection, content, jobs, deadline, progress)
    if counts_only:
        return found
    if content.fingerprint == "rows":
        return with_row_sums(connection, found, compared_tables(content), deadline)
    return in_columns_of(connection, found, copies, content, deadline)


def in_columns_of(
    connection: Connection,
    found: DatabaseFingerprint,
    copies: t.Mapping[str, str],
    content: PostgresContent,
    deadline: Deadline,
) -> DatabaseFingerprint:
    """The same, with the tables read again whose columns have another order than in ``copies``, in that order.

    A child table whose parent got a column later has it behind its own columns, and before them once it is restored.
    """
    tables = dict(found.tables)
    for name, statement in copies.items():
        table, own = tables.get(name), found.copies.get(name, statement)
        if table is not None and table.sha256 and own != statement:
            deadline.check("Reading the rows")
            sha256 = _copied(connection, statement, content.database.encoding)
            tables[name] = dataclasses.replace(table, sha256=sha256)
    return dataclasses.replace(found, tables=tables)


def _copied(connection: Connection, statement: str, encoding: str) -> str:
    """The SHA-256 of the COPY stream of the columns that a COPY ... FROM names. Raises LifeboatError."""
    psycopg2 = import_psycopg2()
    session = connection.connect()
    digest = _Digest()
    try:
        if encoding != "SQL_ASCII":
            session.set_client_encoding(encoding)
        with session.cursor() as cursor:
            cursor.copy_expert(_FROM_STDIN.sub(" TO STDOUT", statement), digest)
    except psycopg2.Error as error:
        raise LifeboatError(f"The restored rows cannot be read: {str(error).strip()}") from None
    finally:
        session.close()
    return digest.sha256()


class _Digest:
    """A file that keeps nothing but the hash of what is written to it."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        return len(data)

    def sha256(self) -> str:
        return self._hash.hexdigest()


def fingerprint_database(
    tools: Tools,
    connection: Connection,
    content: PostgresContent,
    jobs: int,
    deadline: Deadline,
    progress: t.Callable[[int], None],
) -> DatabaseFingerprint:
    """What this database holds, read with pg_dump as the backup was: so the same rows in the same order have the same
    hash.
    """
    session = connection.connect()
    try:
        with session.cursor() as cursor:
            relations = [relation for relation in _system_catalog.relations(cursor) if relation.kind == "table"]
    finally:
        session.close()
    sized = [_plan.SizedTable(relation.schema, relation.name, relation.bytes) for relation in relations]
    streams = _plan.data_streams(sized, {}, 0, jobs)
    codec = python_codec(content.database.encoding)

    def read(stream: _plan.Stream) -> ArchiveScanner:
        scanner = ArchiveScanner(content="hash" if content.fingerprint == "stream" else "count", codec=codec)
        arguments = [argument.encode(codec, "surrogateescape") for argument in stream.arguments]
        for piece in _dump.snapshot_archive(
            tools, connection, arguments, deadline, encoding=content.database.encoding, scanner=scanner
        ):
            progress(len(piece))
        scanner.finish()
        return scanner

    found = fingerprint_archives(together([functools.partial(read, stream) for stream in streams], jobs, deadline))
    roots = [table for table in compared_tables(content) if table.kind == "partitioned table"]
    return with_row_sums(connection, found, roots, deadline) if roots else found


def definitions(tools: Tools, connection: Connection, content: PostgresContent, deadline: Deadline) -> list[TocEntry]:
    """What pg_dump says is in this database, without rows."""
    scanner = ArchiveScanner(content="skip", codec=python_codec(content.database.encoding))
    for _piece in _dump.snapshot_archive(
        tools,
        connection,
        ["--section=pre-data", "--section=post-data"],
        deadline,
        encoding=content.database.encoding,
        scanner=scanner,
    ):
        pass
    scanner.finish()
    return scanner.entries


def fingerprint_table(
    tools: Tools, connection: Connection, content: PostgresContent, table: Table, deadline: Deadline
) -> Table:
    """What one table of this database holds now."""
    if table.kind == "partitioned table":
        found = DatabaseFingerprint({table.qualified_name: table}, LargeObjects())
        return with_row_sums(connection, found, [table], deadline).tables[table.qualified_name]
    codec = python_codec(content.database.encoding)
    scanner = ArchiveScanner(content="hash", codec=codec)
    name = f"--table={_plan.pattern(table.schema, table.name)}".encode(codec, "surrogateescape")
    for _piece in _dump.snapshot_archive(
        tools,
        connection,
        ["--section=data", name],
        deadline,
        encoding=content.database.encoding,
        scanner=scanner,
    ):
        pass
    scanner.finish()
    return fingerprint_archives([scanner]).tables[table.qualified_name]


def with_row_sums(
    connection: Connection, found: DatabaseFingerprint, expected: t.Sequence[Table], deadline: Deadline
) -> DatabaseFingerprint:
    """Add the order-free sums of the tables whose manifest has one; a partitioned table is counted in any case."""
    session = connection.connect()
    tables = dict(found.tables)
    try:
        with session.cursor() as cursor:
            for table in expected:
                if table.rows_sum or (table.kind == "partitioned table" and table.artifact):
                    deadline.check("Reading the rows")
                    rows, rows_sum = rows_fingerprint(
                        cursor,
                        table.schema,
                        table.name,
                        columns=table.columns,
                        with_partitions=table.kind == "partitioned table",
                    )
                    known = tables.get(table.qualified_name, table)
                    tables[table.qualified_name] = dataclasses.replace(known, rows=rows, rows_sum=rows_sum)
    finally:
        session.close()
    return dataclasses.replace(found, tables=tables)


def difference(expected: Table, found: Table | None, *, counts_only: bool = False) -> str:
    """How the table differs from what the manifest says, in words; empty when it does not."""
    if found is None:
        return "the table is not there"
    if expected.rows >= 0 and found.rows != expected.rows:
        return f"{expected.rows} rows expected, {found.rows} found"
    if counts_only:
        return ""
    if expected.rows_sum and found.rows_sum != expected.rows_sum:
        return "the rows are as many, and their content is not the same"
    # With an order-free sum the order is free; without one the COPY stream decides.
    if expected.sha256 and not expected.rows_sum and found.sha256 != expected.sha256:
        return "the rows are as many, and their content or their order is not the same"
    return ""


def large_objects_difference(content: PostgresContent, found: DatabaseFingerprint) -> str:
    """How the large objects differ from what the manifest says, in words; empty when they do not."""
    expected = content.large_objects
    if found.large_objects.count != expected.count and content.fingerprint != "none":
        return f"{expected.count} large objects expected, {found.large_objects.count} found"
    if expected.sha256 and found.large_objects.sha256 != expected.sha256:
        return "the large objects are as many, and their content is not the same"
    return ""


def archived_tables(content: PostgresContent) -> list[Table]:
    """The tables whose rows the archives hold, so they can be compared with those."""
    return [
        table for table in content.tables if table.artifact and table.rows >= 0 and table.kind != "partitioned table"
    ]


def compared_tables(content: PostgresContent) -> list[Table]:
    """The tables whose rows the backup holds and brings back together, so they can be compared after a restore."""
    return [table for table in content.tables if table.artifact and table.rows >= 0 and not table.loaded_through]
