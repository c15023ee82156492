# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fills databases: with the real Debian package archive, and with a large reproducible data set for the benchmark."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import io
import itertools
import pathlib
import re
import time
import typing as t

import psycopg2
import psycopg2.extensions
from psycopg2 import sql

from tests.lab import debian

_SQL = pathlib.Path(__file__).with_name("sql")
_FLUSH_ROWS = 20_000
_MAINTAINER = re.compile(r'^"?(.*?)"?\s*(?:<([^>]*)>)?$')
_KINDS = {
    field: field.lower().replace("-", "_")
    for field in (
        "Depends",
        "Pre-Depends",
        "Recommends",
        "Suggests",
        "Enhances",
        "Breaks",
        "Conflicts",
        "Replaces",
        "Provides",
    )
}
_PRIORITIES = frozenset(("required", "important", "standard", "optional", "extra"))
_COLUMNS = {
    "maintainers": ("id", "name", "email"),
    "packages": ("id", "name"),
    "package_versions": (
        "id",
        "package_id",
        "version",
        "architecture",
        "source",
        "section",
        "priority",
        "maintainer_id",
        "installed_kib",
        "size_bytes",
        "description",
        "homepage",
        "filename",
        "sha256",
    ),
    "relations": (
        "version_id",
        "kind",
        "group_number",
        "alternative",
        "package_id",
        "architecture",
        "operator",
        "version",
    ),
    "tags": ("id", "name"),
    "version_tags": ("version_id", "tag_id"),
}


# Bytes of one row in COPY's text format, measured; the numbers in a row grow a little with its number.
_BENCHMARK_ROW_BYTES = {"accounts": 100, "documents": 456, "customers": 119, "orders": 84}


@dataclasses.dataclass(frozen=True)
class Loaded:
    """What was loaded: where from, how many rows in each table, and how long it took."""

    source: str
    rows: dict[str, int]
    seconds: float


def load_debian_archive(
    connection: psycopg2.extensions.connection, source: debian.Source | None = None, *, packages: int | None = None
) -> Loaded:
    """Make the schema of tests/lab/sql/archive_*.sql in an empty database and fill it with this machine's package
    index, by COPY.

    ``packages`` takes the first so many of the index only, for a database that is there at once.
    """
    started = time.monotonic()
    source = source or debian.find_source()
    with connection.cursor() as cursor:
        cursor.execute((_SQL / "archive_tables.sql").read_text(encoding="utf-8"))
        archive = _Archive(cursor)
        for stanza in itertools.islice(debian.stanzas(source), packages):
            archive.add(stanza)
        archive.flush()
        cursor.execute((_SQL / "archive_keys.sql").read_text(encoding="utf-8"))
        rows = _count_rows(cursor)
    if not connection.autocommit:
        connection.commit()
    return Loaded(source.name, rows, time.monotonic() - started)


def load_benchmark(dsn: str, megabytes: int = 1200) -> Loaded:
    """Make the schema ``bench`` (tests/lab/sql/benchmark.sql): about ``megabytes`` (10^6 bytes) of COPY text, made on
    the server.

    The same rows come out each time. Four tables hold a quarter of the bytes each.
    """
    started = time.monotonic()
    text = (_SQL / "benchmark.sql").read_text(encoding="utf-8")
    for table, row_bytes in _BENCHMARK_ROW_BYTES.items():
        text = text.replace(f":{table}", str(max(1, megabytes * 1_000_000 // len(_BENCHMARK_ROW_BYTES) // row_bytes)))
    first, *tables, last = text.split("-- section\n")
    _run(dsn, first)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda section: _run(dsn, section), tables))
        _run(dsn, last)
        # No hint bits are left to be written by whoever reads first: that one would be measured slower.
        list(pool.map(lambda table: _run(dsn, f"VACUUM (FREEZE, ANALYZE) bench.{table}"), _BENCHMARK_ROW_BYTES))
    with contextlib.closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        rows = _count_rows(cursor)
    return Loaded("tests/lab/sql/benchmark.sql", rows, time.monotonic() - started)


def _run(dsn: str, script: str) -> None:
    with contextlib.closing(psycopg2.connect(dsn, options="-c jit=off")) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(script)


class _Archive:
    """Gives ids to names as they come by, and copies the rows of each table in batches."""

    def __init__(self, cursor: psycopg2.extensions.cursor) -> None:
        self._cursor = cursor
        self._lines: dict[str, list[str]] = {table: [] for table in _COLUMNS}
        self._ids: dict[str, dict[str, int]] = {"maintainers": {}, "packages": {}, "tags": {}}
        self._versions: set[tuple[int, str, str]] = set()

    def add(self, stanza: debian.Stanza) -> None:
        """One package of the index. A version that two lists have is taken once."""
        if "Version" not in stanza or "Maintainer" not in stanza:
            return
        package = self._id("packages", stanza["Package"])
        key = (package, stanza["Version"], stanza["Architecture"])
        if key in self._versions:
            return
        self._versions.add(key)
        version = len(self._versions)
        self._add_version(version, package, stanza)
        for field, kind in _KINDS.items():
            if field in stanza:
                for group, number, one in debian.relations(stanza[field]):
                    target = self._id("packages", one.package)
                    self._add_row(
                        "relations", version, kind, group, number, target, one.architecture, one.operator, one.version
                    )
        for tag in {tag.strip() for tag in stanza.get("Tag", "").split(",")} - {""}:
            self._add_row("version_tags", version, self._id("tags", tag))

    def flush(self) -> None:
        """Copy what has not been copied yet."""
        for table in self._lines:
            self._copy(table)

    def _add_version(self, version: int, package: int, stanza: debian.Stanza) -> None:
        priority = stanza.get("Priority")
        self._add_row(
            "package_versions",
            version,
            package,
            stanza["Version"],
            stanza["Architecture"],
            stanza.get("Source", stanza["Package"]).partition(" ")[0],
            stanza.get("Section"),
            priority if priority in _PRIORITIES else None,
            self._id("maintainers", stanza["Maintainer"]),
            stanza.get("Installed-Size"),
            stanza.get("Size"),
            stanza.get("Description", ""),
            stanza.get("Homepage"),
            stanza.get("Filename"),
            f"\\x{stanza['SHA256']}" if "SHA256" in stanza else None,
        )

    def _id(self, table: str, text: str) -> int:
        ids = self._ids[table]
        number = ids.get(text)
        if number is None:
            number = ids[text] = len(ids) + 1
            values = t.cast("re.Match[str]", _MAINTAINER.match(text)).groups() if table == "maintainers" else (text,)
            self._add_row(table, number, *values)
        return number

    def _add_row(self, table: str, *values: object) -> None:
        lines = self._lines[table]
        lines.append("\t".join([_copy_text(value) for value in values]))
        if len(lines) >= _FLUSH_ROWS:
            self._copy(table)

    def _copy(self, table: str) -> None:
        lines = self._lines[table]
        if not lines:
            return
        command = f"COPY {table} ({', '.join(_COLUMNS[table])}) FROM STDIN"
        self._cursor.copy_expert(command, io.BytesIO("\n".join([*lines, ""]).encode()), size=1 << 18)
        lines.clear()


def _copy_text(value: object) -> str:
    r"""A value in COPY's text format: NULL is \N; backslash, tab, newline and carriage return are escaped (sql-copy,
    "Text Format").
    """
    if value is None:
        return r"\N"
    text = str(value)
    if "\\" in text or "\n" in text or "\t" in text or "\r" in text:
        return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    return text


def _count_rows(cursor: psycopg2.extensions.cursor) -> dict[str, int]:
    """Exact row counts of all tables of one's own; a partitioned table as a whole."""
    cursor.execute(
        "SELECT c.oid::regclass::text, n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = "
        "c.relnamespace"
        " WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname NOT IN ('pg_catalog', "
        "'information_schema') ORDER BY 1"
    )
    counts = {}
    for shown, schema, table in cursor.fetchall():
        cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table)))
        counts[shown] = t.cast("tuple[int]", cursor.fetchone())[0]
    return counts
