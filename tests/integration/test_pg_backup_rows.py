# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rows that psql reads are the rows that pg_dump reads; and where psql cannot, pg_dump does."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import os
import pathlib
import subprocess
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._archive import ArchiveScanner
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._row_source import (
    PlainTables,
    snapshot_archive,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backup._snapshot import Snapshot
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client import _system_catalog
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._codec import python_codec
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import connection_from_options
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import find_tools
from psycopg2 import sql

from tests.integration.modules import result_of
from tests.integration.pg_backup_place import Place, copied_now, noted, programs, session_pid, until
from tests.lab.postgres import Database, PostgresCluster
from tests.lab.stocktools import tool

_EVERYTHING = r"""
CREATE SCHEMA shop;
CREATE TABLE shop.parent (id integer GENERATED ALWAYS AS IDENTITY, dropped text, note text,
    twice integer GENERATED ALWAYS AS (7 * 2) STORED);
ALTER TABLE shop.parent DROP COLUMN dropped;
CREATE TABLE shop.child (extra text) INHERITS (shop.parent);
INSERT INTO shop.parent (note) SELECT E'a\tb\nc\\.\b\v\f\r' || i FROM generate_series(1, 3000) AS i;
INSERT INTO shop.child (id, note, extra) SELECT i, NULL, E'\\.' FROM generate_series(1, 3000) AS i;
CREATE TABLE shop.whole (id integer, at date) PARTITION BY RANGE (at);
CREATE TABLE shop.half PARTITION OF shop.whole FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY LIST (id);
CREATE TABLE shop.leaf PARTITION OF shop.half FOR VALUES IN (1);
INSERT INTO shop.whole SELECT 1, '2026-05-05' FROM generate_series(1, 500);
CREATE TABLE shop.values AS SELECT i::float8 / 3 AS f, i * interval '1 hour 1 second' AS passed, now() + i * interval '1
day' AS at,
    decode(md5(i::text), 'hex') AS raw, ARRAY[i, NULL] AS list, jsonb_build_object('k', i) AS document, '{}'::xml AS x
    FROM generate_series(1, 2000) AS i;
CREATE MATERIALIZED VIEW shop.sums AS SELECT sum(id) FROM shop.child;
CREATE SEQUENCE shop.numbers; SELECT nextval('shop.numbers');
CREATE UNLOGGED TABLE shop.empty (id integer);
""".replace("'{}'::xml", "xmlparse(content '<a/>')")
_ODD = [
    '"',
    "'",
    "a b",
    "-dash",
    "--",
    "ü 客",
    "dot.ted",
    "$1",
    "*",
    "(a|b)",
    ")",
    ",",
    "\\",
    "\\.",
    "`id`",
    ":x",
    ":'x'",
    "to",
    "tab\t",
    "%s",
]


@pytest.fixture
def place(tmp_path: pathlib.Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def bulky(empty_database: Database) -> Database:
    """A database that is large enough for psql to be worth while."""
    empty_database.execute(
        "CREATE TABLE bulky AS SELECT i AS id, repeat(md5(i::text), 4) AS noise FROM generate_series(1, 100000) AS i;"
        "CREATE TABLE small AS SELECT 1 AS id"
    )
    return empty_database


@dataclasses.dataclass(frozen=True)
class Archived:
    """An archive, and what its scanner knows."""

    content: bytes
    scanner: ArchiveScanner

    @property
    def tables(self) -> dict[tuple[str, str], tuple[int, int, str]]:
        """Rows, bytes and SHA-256 by schema and name."""
        names = {entry.dump_id: (entry.schema, entry.tag) for entry in self.scanner.entries}
        return {names[key]: (found.rows, found.bytes, found.sha256) for key, found in self.scanner.tables.items()}


def archived(database: Database, *arguments: str, bin_dir: str | None = None, **plain: t.Any) -> Archived:
    """An archive of the database as it is now. Without ``plain`` psql reads whatever it may."""
    connection = connection_from_options({"dsn": database.dsn()})
    tools = find_tools(database.cluster.major, bin_dir=bin_dir)
    with Snapshot(connection, 5) as snapshot:
        relations = _system_catalog.relations(snapshot.cursor)
        encoding = _system_catalog.database(snapshot.cursor, database.cluster.major * 10000).encoding
        options = {
            "bytes_by_oid": {relation.oid: relation.bytes for relation in relations if relation.kind == "table"},
            "lock_capacity": _system_catalog.lock_capacity(snapshot.cursor),
            "server_major": database.cluster.major,
            "encoding": encoding,
            "least_bytes": 0,
        }
        tables = PlainTables(**{**options, **plain})
        scanner = ArchiveScanner(codec=tables.codec)
        pieces = snapshot_archive(
            tools, connection, arguments, Deadline(60),
            snapshot=snapshot.identifier, lock_timeout_seconds=5, plain=tables, scanner=scanner,
        )  # fmt: skip
        content = b"".join(pieces)
        scanner.finish()
        return Archived(content, scanner)


def check_both_ways(database: Database, settings: t.Sequence[str] = ()) -> None:
    """Psql and pg_dump give archives that hold the same and restore to the same, whatever the database sets for its
    sessions.
    """
    for setting in settings:
        database.cluster.execute(sql.SQL(f"ALTER DATABASE {{}} SET {setting}").format(sql.Identifier(database.name)))
    by_psql, by_pg_dump = archived(database), archived(database, least_bytes=1 << 60)
    database.cluster.execute(sql.SQL("ALTER DATABASE {} RESET ALL").format(sql.Identifier(database.name)))
    assert len(by_psql.content) < len(by_pg_dump.content), "psql has read nothing"
    reread = ArchiveScanner(codec=python_codec(str(database.value("SHOW server_encoding"))))
    reread.feed(by_psql.content)
    reread.finish()
    assert by_psql.tables == by_pg_dump.tables == copied_now(database)
    assert reread.tables == by_psql.scanner.tables and reread.entries == by_pg_dump.scanner.entries
    pg_restore = str(database.cluster.bin_dir / "pg_restore")
    for arguments in (["--list"], ["-f", "-"]):
        first, second = (
            without_chance(tool(pg_restore, *arguments, given=each.content)) for each in (by_psql, by_pg_dump)
        )
        assert first == second
    check_restored(database, by_psql)


def without_chance(text: bytes) -> list[bytes]:
    """The lines that are the same each time: not the time, and not the key that pg_restore makes up."""
    changing = (b"; Archive created at", b"\\restrict ", b"\\unrestrict ")
    return [line for line in text.splitlines() if not line.startswith(changing)]


def check_restored(database: Database, archive: Archived) -> None:
    """A new database made of the archive holds the same."""
    cluster, name = database.cluster, f"{database.name} restored"
    cluster.create_database(name, encoding=str(database.value("SHOW server_encoding")), locale="C")
    try:
        command = [str(cluster.bin_dir / "pg_restore"), "--exit-on-error", f"--dbname={cluster.dsn(name)}"]
        subprocess.run(command, input=archive.content, env={**os.environ, "PGPASSWORD": cluster.password}, check=True)
        assert copied_now(Database(cluster, name)) == archive.tables
    finally:
        cluster.drop_database(name)


def test_every_kind_of_table_is_read_as_pg_dump_reads_it(empty_database: Database) -> None:
    empty_database.execute(_EVERYTHING)
    check_both_ways(empty_database)


def test_settings_of_the_database_change_nothing(empty_database: Database) -> None:
    empty_database.execute(_EVERYTHING)
    shown = (
        "datestyle = 'German'",
        "extra_float_digits = -3",
        "bytea_output = 'escape'",
        "timezone = 'Asia/Kolkata'",
        "xmloption = document",
    )
    limits = (
        "statement_timeout = '1ms'",
        "lock_timeout = '1ms'",
        "search_path = shop",
        "default_transaction_isolation = serializable",
    )
    check_both_ways(empty_database, [*shown, "intervalstyle = 'sql_standard'", *limits])


def test_names_of_every_shape_are_read(empty_database: Database) -> None:
    database = empty_database
    for word in _ODD:
        table = sql.Identifier(word, word)
        database.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(word)))
        database.execute(
            sql.SQL("CREATE TABLE {} ({} text, {} text)").format(table, sql.Identifier(word), sql.Identifier("from"))
        )
        value = sql.Literal(word + "\n\\.\b\n")
        database.execute(sql.SQL("INSERT INTO {} SELECT {} FROM generate_series(1, 20)").format(table, value))
    check_both_ways(database)


@pytest.mark.parametrize(
    ("encoding", "codec", "word"),
    [("LATIN1", "latin-1", "Ärger"), ("SQL_ASCII", "latin-1", "Ärger"), ("EUC_JP", "euc_jp", "日本")],
)
def test_a_database_of_another_encoding_is_read(
    postgres: PostgresCluster, encoding: str, codec: str, word: str
) -> None:
    name = postgres.create_database(f"rows {encoding}", encoding=encoding, locale="C")
    try:
        database = Database(postgres, name)
        statement = f"""CREATE TABLE "{word}" ("{word}" text); INSERT INTO "{word}" SELECT '{word}' FROM
            generate_series(1, 50);"""
        environment = {**os.environ, "PGPASSWORD": postgres.password, "PGCLIENTENCODING": encoding}
        psql = [str(postgres.bin_dir / "psql"), "-Xqd", postgres.dsn(name)]
        subprocess.run(psql, input=statement.encode(codec), env=environment, check=True)
        by_psql, by_pg_dump = archived(database), archived(database, least_bytes=1 << 60)
        assert len(by_psql.content) < len(by_pg_dump.content)
        assert by_psql.tables == by_pg_dump.tables and [found[0] for found in by_psql.tables.values()] == [50]
    finally:
        postgres.drop_database(name)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT lo_from_bytea(0, 'a large object')",
        "CREATE TABLE nothing (); INSERT INTO nothing DEFAULT VALUES",
        'CREATE TABLE "new\nline" (id integer)',
        'CREATE TABLE a_column ("new\nline" integer)',
    ],
)
def test_what_psql_might_read_in_another_way_is_left_to_pg_dump(bulky: Database, statement: str) -> None:
    bulky.execute(statement)
    check_left_to_pg_dump(bulky)


def check_left_to_pg_dump(database: Database, **options: t.Any) -> None:
    first, second = archived(database, **options), archived(database, least_bytes=1 << 60)
    assert len(first.content) == len(second.content) and first.tables == second.tables
    assert first.scanner.large_objects == second.scanner.large_objects


def test_tables_that_are_not_ordinary_and_too_many_tables_are_left_to_pg_dump(bulky: Database) -> None:
    small = bulky.value("SELECT 'small'::regclass::oid::int8")
    check_left_to_pg_dump(bulky, bytes_by_oid={small: 8192})  # bulky is an extension's, for all that is known
    check_left_to_pg_dump(bulky, lock_capacity=15)
    assert len(archived(bulky, lock_capacity=16).content) < len(archived(bulky, lock_capacity=15).content)


@pytest.mark.parametrize(
    "program",
    ["", "#!/bin/sh\nexit 1\n", "#!/bin/sh\nprintf '1\\n2\\n\\b\\\\. 0\\n'\n", "#!/bin/sh\ncat /dev/zero\n"],
    ids=["none", "broken", "cannot-count", "nonsense"],
)
def test_without_a_psql_that_does_pg_dump_reads_the_rows(bulky: Database, tmp_path: pathlib.Path, program: str) -> None:
    folder = programs_folder(bulky, tmp_path)
    if program:
        write_program(folder / "psql", program)
    check_left_to_pg_dump(bulky, bin_dir=str(folder))


def programs_folder(database: Database, tmp_path: pathlib.Path) -> pathlib.Path:
    """A bin_dir without psql."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("pg_dump", "pg_dumpall"):
        (folder / name).symlink_to(database.cluster.bin_dir / name)
    return folder


def write_program(path: pathlib.Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def test_a_psql_that_ends_too_early_with_success_makes_no_backup(
    bulky: Database, place: Place, tmp_path: pathlib.Path
) -> None:
    folder = programs_folder(bulky, tmp_path)
    write_program(folder / "psql", f'#!/bin/sh\n{bulky.cluster.bin_dir}/psql "$@" | head -c 1000000\n')
    message = place.refused(bulky.dsn(), bin_dir=str(folder))
    assert "psql ended before it had read all rows of public.bulky" in message


def test_a_change_that_waits_for_the_table_does_not_stop_the_backup(
    bulky: Database, place: Place, tmp_path: pathlib.Path
) -> None:
    """It comes after pg_dump's locks and before psql's: psql gets none, pg_dump goes on, and the change waits until it
    is done.
    """
    folder, go = programs_folder(bulky, tmp_path), tmp_path / "go"
    write_program(
        folder / "psql", f'#!/bin/sh\nuntil [ -e {go} ]; do sleep 0.02; done\nexec {bulky.cluster.bin_dir}/psql "$@"\n'
    )
    expected = copied_now(bulky)
    process = place.started(bulky.dsn(), bin_dir=str(folder))
    until(lambda: programs("sh", str(folder / "psql")), "psql is started")
    with contextlib.closing(bulky.connect()) as session, concurrent.futures.ThreadPoolExecutor() as pool:
        change = pool.submit(lambda: session.cursor().execute("ALTER TABLE bulky ADD COLUMN note text"))
        until(
            lambda: bulky.value("SELECT count(*) FROM pg_locks WHERE relation = 'bulky'::regclass AND NOT granted"),
            "the change waits",
        )
        go.touch()
        result = result_of(process)
        change.result(60)
    assert not result.get("failed"), result["msg"]
    assert noted(place.manifest(result)) == expected


def test_a_change_that_comes_while_psql_reads_waits(bulky: Database, place: Place, tmp_path: pathlib.Path) -> None:
    """Psql locks all tables before it reads the first, so it never has to wait for one in the middle."""
    folder, go = programs_folder(bulky, tmp_path), tmp_path / "go"
    script = f'{bulky.cluster.bin_dir}/psql "$@" | (head -c 100; until [ -e {go} ]; do sleep 0.02; done; cat)'
    write_program(folder / "psql", f"#!/bin/sh\n{script}\n")
    expected = copied_now(bulky)
    process = place.started(bulky.dsn(), bin_dir=str(folder))
    until(lambda: session_pid(bulky, "lifeboat psql") and not programs("pg_dump", bulky.name), "psql has taken over")
    with contextlib.closing(bulky.connect()) as session, concurrent.futures.ThreadPoolExecutor() as pool:
        change = pool.submit(lambda: session.cursor().execute("ALTER TABLE small ADD COLUMN note text"))
        until(
            lambda: bulky.value("SELECT count(*) FROM pg_locks WHERE relation = 'small'::regclass AND NOT granted"),
            "the change waits",
        )
        go.touch()
        result = result_of(process)
        change.result(60)
    assert not result.get("failed"), result["msg"]
    assert noted(place.manifest(result)) == expected
