# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Databases of every kind: what stock tools back up and restore, the modules do, with the same result, and so do the
printed commands; and the proof is green.
"""

from __future__ import annotations

import contextlib
import pathlib
import re
import subprocess
import typing as t

import pytest
from psycopg2 import sql

from tests.integration.modules import run_module
from tests.integration.stock_restores import ThreeWays, around, differences, dumped, lines_of
from tests.lab import regression
from tests.lab.postgres import Database, PostgresCluster, installed_majors
from tests.lab.stocktools import tool
from tests.lab.throwaway import MissingPrerequisiteError

# A database with every feature does not dump twice alike: what stock tools restore is the measure here.
pytestmark = pytest.mark.not_by_hand("these tests run the printed commands themselves")

_ENUM_HASH = """
    CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
    CREATE TABLE p (m mood, n int, words text) PARTITION BY HASH (m);
    CREATE TABLE p0 PARTITION OF p FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE p1 PARTITION OF p FOR VALUES WITH (MODULUS 2, REMAINDER 1);
    INSERT INTO p SELECT (ARRAY['sad','ok','happy'])[1 + i % 3]::mood, i, repeat(md5(i::text), {width})
        FROM generate_series(1, {rows}) AS i;
    CREATE TABLE years (y int, m mood) PARTITION BY LIST (y);
    CREATE TABLE y1 PARTITION OF years FOR VALUES IN (1);
    CREATE TABLE y2 PARTITION OF years FOR VALUES IN (2) PARTITION BY HASH (m);
    CREATE TABLE "y2 0" PARTITION OF y2 FOR VALUES WITH (MODULUS 1, REMAINDER 0);
    INSERT INTO years SELECT 1 + i % 2, 'ok' FROM generate_series(1, 50) AS i;
    CREATE TABLE plain AS SELECT i FROM generate_series(1, 10) AS i
"""
# name → statements within the database, and settings of the database itself
_DATABASES: dict[str, tuple[str, tuple[str, ...]]] = {
    "partitions by the hash of an enum": (_ENUM_HASH.format(rows=100, width=1), ()),
    "large partitions by the hash of an enum": (_ENUM_HASH.format(rows=60000, width=6), ()),
    "strings of old applications": (
        r"CREATE TABLE t AS SELECT i, E'a\\b''c' || i AS words FROM generate_series(1, 5) AS i;"
        r"COMMENT ON TABLE t IS E'it''s \\ here'; CREATE VIEW v AS SELECT E'\\d+'::text AS pattern",
        ("standard_conforming_strings = off", "backslash_quote = off", "escape_string_warning = on"),
    ),
    "settings that change what SQL means": (
        "CREATE TABLE t AS SELECT 1 AS a, NULL::text AS b, '{a,NULL}'::text[] AS c, interval '-1 day 2:03' AS d,"
        " '\\xc3'::bytea AS e, 0.1::float8 AS f, now() AS g, xmlparse(content '<a/>') AS h",
        (
            "quote_all_identifiers = on",
            "transform_null_equals = on",
            "array_nulls = off",
            "intervalstyle = sql_standard",
            "datestyle = 'German, DMY'",
            "bytea_output = escape",
            "extra_float_digits = -3",
            "timezone = 'Asia/Kolkata'",
            "xmloption = document",
            "search_path = nowhere",
            "default_transaction_isolation = serializable",
            "default_transaction_deferrable = on",
            "row_security = off",
            "statement_timeout = '1ms'",
            "lock_timeout = '1ms'",
            "idle_in_transaction_session_timeout = '1ms'",
            "check_function_bodies = off",
            "client_min_messages = error",
        ),
    ),
    "read-only": ("CREATE TABLE t AS SELECT 1 AS a", ("default_transaction_read_only = on",)),
}


@pytest.fixture
def odd(postgres: PostgresCluster) -> t.Iterator[Database]:
    """A database that gets its statements from the test."""
    database = Database(postgres, postgres.create_database("odd source", encoding="UTF8", locale="C"))
    yield database
    for name in (database.name, "NEW"):
        postgres.drop_database(name)


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("name", list(_DATABASES))
def test_a_restore_is_what_stock_tools_make_of_it(odd: Database, tmp_path: pathlib.Path, name: str, jobs: int) -> None:
    statements, settings = _DATABASES[name]
    odd.execute(statements)
    for setting in settings:
        odd.cluster.execute(sql.SQL(f"ALTER DATABASE {{}} SET {setting}").format(sql.Identifier(odd.name)))
    own = around(odd)
    with ThreeWays(odd, tmp_path) as ways:
        expected = dumped(ways.by_stock_tools())
        restored = ways.by_module(jobs=jobs)
        assert around(restored) == own
        assert dumped(restored) == expected, differences(expected, dumped(restored))
        assert ways.restored["left_out"] == []
        by_hand = ways.by_hand()
        assert around(by_hand) == own
        assert dumped(by_hand) == expected, differences(expected, dumped(by_hand))
        proof = run_module("pg_verify", {**ways.reading(), "profile": "full", "record": False})
        assert proof.get("verdict") == "passed", proof["msg"]


_EVERY_FEATURE = pathlib.Path(__file__).parents[1] / "lab" / "sql" / "every_feature.sql"
# Every kind of entry that pg_dump 15 makes, but security labels: those have a test of their own, as no package has a
# provider of them.
_KINDS = (
    "ACCESS METHOD", "ACL", "AGGREGATE", "BLOB", "BLOBS", "CAST", "CHECK CONSTRAINT", "COLLATION", "COMMENT",
    "CONSTRAINT", "CONVERSION", "DEFAULT", "DEFAULT ACL", "DOMAIN", "EVENT TRIGGER", "EXTENSION", "FK CONSTRAINT",
    "FOREIGN DATA WRAPPER", "FOREIGN TABLE", "FUNCTION", "INDEX", "INDEX ATTACH", "MATERIALIZED VIEW",
    "MATERIALIZED VIEW DATA", "OPERATOR", "OPERATOR CLASS", "OPERATOR FAMILY", "POLICY", "PROCEDURAL LANGUAGE",
    "PROCEDURE", "PUBLICATION", "PUBLICATION TABLE", "PUBLICATION TABLES IN SCHEMA", "ROW SECURITY", "RULE", "SCHEMA",
    "SEQUENCE", "SEQUENCE OWNED BY", "SEQUENCE SET", "SERVER", "SHELL TYPE", "STATISTICS", "SUBSCRIPTION", "TABLE",
    "TABLE ATTACH", "TABLE DATA", "TEXT SEARCH CONFIGURATION", "TEXT SEARCH DICTIONARY", "TEXT SEARCH PARSER",
    "TEXT SEARCH TEMPLATE", "TRANSFORM", "TRIGGER", "TYPE", "USER MAPPING", "VIEW",
)  # fmt: skip
_FEATURE_ROLES = ("feature_owner", "feature_reader")


@pytest.fixture(scope="module")
def every_feature(postgres: PostgresCluster) -> t.Iterator[Database]:
    """A database with one object at least of every kind that pg_dump knows. No test may change it."""
    for role in _FEATURE_ROLES:
        postgres.create_role(role)
    database = Database(postgres, postgres.create_database("every feature", encoding="UTF8", locale="C"))
    _psql(database, "--quiet", "--set=ON_ERROR_STOP=1", f"--file={_EVERY_FEATURE}")
    yield database
    database.execute("DROP SUBSCRIPTION feed")
    for name in (database.name, "NEW"):
        postgres.drop_database(name)
    for role in _FEATURE_ROLES:
        postgres.drop_role(role)


def _psql(database: Database, *arguments: str) -> None:
    tool(str(database.cluster.bin_dir / "psql"), "--no-psqlrc", f"--dbname={database.dsn()}", *arguments)


def _restored_in_every_way(source: Database, folder: pathlib.Path, jobs: int) -> None:
    """The module, the printed commands and a proof have stock tools as their measure."""
    with ThreeWays(source, folder) as ways:
        expected = dumped(ways.by_stock_tools())
        restored = ways.by_module(jobs=jobs)
        assert dumped(restored) == expected, differences(expected, dumped(restored))
        assert ways.restored["left_out"] == []
        by_hand = ways.by_hand()
        assert dumped(by_hand) == expected, differences(expected, dumped(by_hand))
        arguments = {**ways.reading(), "profile": "full", "record": False, "report_dir": str(folder / "reports")}
        result = run_module("pg_verify", arguments)
        assert result.get("verdict") == "passed", result["msg"]
        if jobs == 2:
            kept = _kept(ways)
            assert kept == expected, differences(expected, kept)


def _kept(ways: ThreeWays) -> list[bytes]:
    """What stock pg_dump finds in a scratch cluster that is kept, which is removed again."""
    kept = run_module("pg_restore", {**ways.reading(), "target": {"scratch": True}})
    assert not kept.get("failed"), kept["msg"]
    place = kept["scratch"]
    try:
        assert kept["left_out"] == []
        words = f"host={place['host']} port={place['port']} user={place['user']} dbname='{kept['database']}'"
        return lines_of(tool(str(ways.cluster.bin_dir / "pg_dump"), f"--dbname={words}"))
    finally:
        subprocess.run(place["remove_command"], shell=True, check=True, capture_output=True, cwd="/")


def test_the_database_of_every_feature_holds_every_kind_of_object(every_feature: Database) -> None:
    archive = tool(str(every_feature.cluster.bin_dir / "pg_dump"), "--format=custom", f"--dbname={every_feature.dsn()}")
    listing = tool(str(every_feature.cluster.bin_dir / "pg_restore"), "--list", given=archive).decode()
    missing = [kind for kind in _KINDS if not re.search(rf"^\d+; \d+ \d+ {kind} ", f"{listing} ", re.MULTILINE)]
    assert missing == []


@pytest.mark.soak
@pytest.mark.parametrize("jobs", [1, 2])
def test_every_kind_of_object_comes_back_as_stock_tools_bring_it(
    every_feature: Database, tmp_path: pathlib.Path, jobs: int
) -> None:
    _restored_in_every_way(every_feature, tmp_path, jobs)


@contextlib.contextmanager
def _regression() -> t.Iterator[pathlib.Path]:
    """What PostgreSQL's own tests are made of; skips the test where it cannot be had."""
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(regression.place(installed_majors()[-1]))
        except MissingPrerequisiteError as error:
            pytest.skip(f"PostgreSQL's own tests are not here: {error}")
        yield folder


@pytest.mark.soak
def test_security_labels_come_back_where_their_provider_is_loaded(tmp_path: pathlib.Path) -> None:
    with _regression() as folder:
        provider = regression.label_provider(folder)
        with PostgresCluster(settings={"shared_preload_libraries": provider}) as cluster:
            cluster.create_role("labelled")
            source = Database(cluster, cluster.create_database("labels", encoding="UTF8", locale="C"))
            source.execute(
                """
                CREATE TABLE t (a integer, b text); CREATE VIEW v AS SELECT a FROM t; CREATE SCHEMA s;
                CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1'; INSERT INTO t VALUES (1, 'x');
                SECURITY LABEL ON TABLE t IS 'classified'; SECURITY LABEL ON COLUMN t.b IS 'unclassified';
                SECURITY LABEL ON VIEW v IS 'classified'; SECURITY LABEL FOR dummy ON SCHEMA s IS 'unclassified';
                SECURITY LABEL ON FUNCTION f() IS 'classified'; SECURITY LABEL ON ROLE labelled IS 'classified'
                """
            )
            _labels_are_restored(source, tmp_path, provider)


def _labels_are_restored(source: Database, folder: pathlib.Path, provider: str) -> None:
    with ThreeWays(source, folder) as ways:
        expected = dumped(ways.by_stock_tools())
        assert sum(line.startswith(b"SECURITY LABEL") for line in expected) == 5, expected
        restored, by_hand = dumped(ways.by_module()), dumped(ways.by_hand())
        assert restored == expected, differences(expected, restored)
        assert by_hand == expected, differences(expected, by_hand)
        proof = {**ways.reading(), "profile": "full", "record": False}
        refused = run_module("pg_verify", proof)
        assert refused["verdict"] == "failed" and "scratch_preload_libraries" in refused["msg"], refused["msg"]
        proven = run_module("pg_verify", {**proof, "scratch_preload_libraries": [provider]})
        assert proven.get("verdict") == "passed", proven["msg"]


@pytest.mark.soak
def test_the_regression_database_of_postgresql_itself_comes_back_as_stock_tools_bring_it(
    tmp_path: pathlib.Path,
) -> None:
    settings = {
        "allow_in_place_tablespaces": "on",
        "max_prepared_transactions": "2",
        "max_locks_per_transaction": "256",
    }
    with _regression() as folder, PostgresCluster(settings=settings) as cluster:
        assert regression.make(cluster, "regression", folder) > 150
        source = Database(cluster, "regression")
        assert source.value("SELECT count(*) FROM pg_class") > 1500, "the scripts were run in vain"
        _restored_in_every_way(source, tmp_path, 2)
