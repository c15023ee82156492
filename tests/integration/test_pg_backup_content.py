# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""pg_backup: what the manifest says of a database is what psycopg2 finds in it, and the stock tools can open what is
stored.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import os
import pathlib
import re
import subprocess
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._rows import rows_fingerprint
from psycopg2 import sql

from tests.integration.modules import result_of, run_module
from tests.integration.pg_backup_place import Place, copied, copied_now, frozen, noted, session_pid, until
from tests.integration.stock_restores import run_by_hand
from tests.lab.postgres import Database, PostgresCluster
from tests.lab.stocktools import age_key, tool


@pytest.fixture
def place(tmp_path: pathlib.Path) -> Place:
    return Place(tmp_path)


def by_hand(lines: t.Sequence[str], folder: pathlib.Path, database: Database, restored: str) -> None:
    """Run the manifest's own commands as they stand; ``NEW`` is what they say the new database is called."""
    run_by_hand(lines, folder, database.cluster)
    database.cluster.execute(sql.SQL('ALTER DATABASE "NEW" RENAME TO {}').format(sql.Identifier(restored)))


@pytest.mark.parametrize("jobs", [1, 3])
def test_the_manifest_tells_what_an_independent_copy_finds(database: Database, place: Place, jobs: int) -> None:
    result = place.back_up(database.dsn(), jobs=jobs)
    manifest = place.manifest(result)
    expected = copied_now(database)
    assert noted(manifest) == expected
    assert result["changed"] and result["rows"] == sum(rows for rows, _bytes, _sha256 in expected.values())
    assert result["tables"] == len(manifest["content"]["tables"])
    kinds = {(table["schema"], table["name"]): table["kind"] for table in manifest["content"]["tables"]}
    assert kinds["public", "events"] == "partitioned table" and kinds["public", "order_totals"] == "materialized view"
    objects = manifest["content"]["large_objects"]
    content = bytes.fromhex("4c617267656f626a65637400ff" * 5000)
    oid = database.value("SELECT oid FROM pg_largeobject_metadata")
    line = f"{oid} {len(content)} {hashlib.sha256(content).hexdigest()}\n"
    assert objects == {"count": 1, "bytes": len(content), "sha256": hashlib.sha256(line.encode()).hexdigest()}
    assert {entry["name"] for entry in manifest["content"]["extensions"]} == {"pg_trgm", "citext"}
    sequences = {entry["name"]: entry["last_value"] for entry in manifest["content"]["sequences"]}
    assert sequences["order_number"] == database.value("SELECT last_value FROM order_number")
    contents = [artifact["content"] for artifact in result["artifacts"]]
    assert (
        sorted(contents) == ["globals", "whole"]
        if jobs == 1
        else sorted(contents) == ["data", "data", "data", "globals", "schema"]
    )


@pytest.mark.parametrize("jobs", [1, 2])
def test_rows_that_are_written_during_the_backup_are_not_in_it(database: Database, place: Place, jobs: int) -> None:
    database.execute(
        "CREATE TABLE busy AS SELECT i AS id, repeat('x', 200) AS filler FROM generate_series(1, 100000) AS i"
    )
    before = copied_now(database)
    process = place.started(database.dsn(), jobs=jobs)
    until(lambda: session_pid(database), "pg_dump is connected")
    commits = 0
    while process.poll() is None:
        database.execute(
            "INSERT INTO busy VALUES (0, 'new'); UPDATE busy SET filler = 'changed' WHERE id = %s", (commits,)
        )
        database.execute("UPDATE orders SET net = net + 1 WHERE id % 7 = 0")
        commits += 1
    result = result_of(process)
    assert not result.get("failed"), result["msg"]
    assert commits > 1
    assert noted(place.manifest(result)) == before
    with frozen(database) as cursor:
        assert copied(cursor) != before


@pytest.mark.parametrize("jobs", [1, 3])
def test_the_commands_in_the_manifest_restore_the_backup_with_stock_tools_alone(
    database: Database, place: Place, tmp_path: pathlib.Path, jobs: int
) -> None:
    key = age_key(tmp_path, "KEY_FILE")
    result = place.back_up(database.dsn(), jobs=jobs, encryption={"engine": "age", "recipients": [key.public]})
    folder = place.backup_folder(result)
    (folder / "KEY_FILE").symlink_to(key.file)
    restored = f"{database.name}_by_hand"
    lines = place.manifest(result)["restore_by_hand"]
    assert not any("--clean" in line for line in lines)
    by_hand(lines, folder, database, restored)
    try:
        copy = Database(database.cluster, restored)
        assert copied_now(copy) == copied_now(database)
        assert copy.value("SELECT encode(sha256(lo_get(oid)), 'hex') FROM pg_largeobject_metadata") == database.value(
            "SELECT encode(sha256(lo_get(oid)), 'hex') FROM pg_largeobject_metadata"
        )
        for relation in ("order_totals", "open_orders"):
            count = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(relation))
            assert copy.value(count) == database.value(count) > 0
    finally:
        database.cluster.drop_database(restored)


@pytest.mark.parametrize("jobs", [1, 2])
def test_pg_restore_lists_and_reads_each_archive(database: Database, place: Place, jobs: int) -> None:
    result = place.back_up(database.dsn(), jobs=jobs)
    pg_restore = str(database.cluster.bin_dir / "pg_restore")
    archives = [artifact["name"] for artifact in result["artifacts"] if artifact["content"] != "globals"]
    assert len(archives) == (1 if jobs == 1 else 3)
    for name in archives:
        archive = tool("zstd", "--decompress", "--stdout", str(place.backup_folder(result) / name))
        assert b"Format: CUSTOM" in tool(pg_restore, "--list", given=archive)
        tool(pg_restore, "-f", os.devnull, given=archive)


def test_globals_have_password_hashes_only_when_asked_for(database: Database, place: Place) -> None:
    cluster = database.cluster
    cluster.create_role("with secret", password="correct horse")
    try:
        for kind, expected in (("with_passwords", True), ("without_passwords", False)):
            result = place.back_up(database.dsn(), globals=kind)
            text = tool("zstd", "--decompress", "--stdout", str(place.artifact(result, "globals")))
            assert b'CREATE ROLE "with secret"' in text
            assert (b"SCRAM-SHA-256" in text) == expected
        result = place.back_up(database.dsn(), globals="none")
        assert [artifact["content"] for artifact in result["artifacts"]] == ["whole"]
    finally:
        cluster.drop_role("with secret")


def test_the_other_fingerprints_note_what_they_promise(database: Database, place: Place) -> None:
    expected = copied_now(database)
    manifests = {
        kind: place.manifest(place.back_up(database.dsn(), fingerprint=kind, jobs=2))
        for kind in ("rows", "count", "none")
    }
    for table in manifests["rows"]["content"]["tables"]:
        if table["kind"] == "table":
            assert table["rows"] == expected[table["schema"], table["name"]][0]
            statement = sql.SQL(
                "SELECT coalesce(sum(('x' || substr(h, 1, 16))::bit(64)::int8), 0)::text || ':' ||"
                " coalesce(sum(('x' || substr(h, 17, 16))::bit(64)::int8), 0)::text"
                " FROM (SELECT encode(sha256(convert_to(x::text, 'UTF8')), 'hex') AS h FROM ONLY {} AS x) AS hashed"
            ).format(sql.Identifier(table["schema"], table["name"]))
            assert table["rows_sum"] == like_the_module(database, statement) and not table["sha256"]
    assert {rows for rows, _bytes, _sha256 in noted(manifests["count"]).values()} == {
        rows for rows, _b, _s in expected.values()
    }
    assert not any(table["sha256"] or table["rows_sum"] for table in manifests["count"]["content"]["tables"])
    nothing = [table for table in manifests["none"]["content"]["tables"] if table["kind"] == "table"]
    assert all(table["rows"] == -1 and table["artifact"] and not table["sha256"] for table in nothing)


def like_the_module(database: Database, statement: sql.Composable) -> str:
    """The first value, in a session whose settings the module pins."""
    return str(
        database.execute(
            sql.SQL(
                "SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET intervalstyle = 'postgres'; SET "
                "extra_float_digits = 3; "
            )
            + statement
        )[0][0]
    )


def test_settings_of_the_database_do_not_change_its_fingerprints(database: Database, place: Place) -> None:
    plain = noted(place.manifest(place.back_up(database.dsn())))
    for setting in (
        "timezone = 'Asia/Kolkata'",
        "bytea_output = 'escape'",
        "datestyle = 'German'",
        "intervalstyle = 'sql_standard'",
    ):
        database.execute(f'ALTER DATABASE "{database.name}" SET {setting}')
    changed = place.manifest(place.back_up(database.dsn()))
    assert noted(changed) == plain == copied_now(database)
    assert "bytea_output=escape" in changed["content"]["database"]["settings"]


def test_a_setting_that_passes_over_damage_is_said(database: Database, place: Place) -> None:
    database.execute(f'alter database "{database.name}" set zero_damaged_pages = on')
    taken = place.back_up(database.dsn())
    assert "zero_damaged_pages is on for this role" in str(taken.get("warnings")), taken
    database.execute(f'alter database "{database.name}" reset zero_damaged_pages')


def test_every_kind_of_object_passes(empty_database: Database, place: Place) -> None:
    database = empty_database
    database.execute(
        """
        CREATE EXTENSION postgres_fdw;
        CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1');
        CREATE FOREIGN TABLE remote (id integer) SERVER elsewhere;
        CREATE TABLE parent (id integer GENERATED ALWAYS AS IDENTITY, twice integer GENERATED ALWAYS AS (7 * 2) STORED);
        CREATE TABLE child (extra text) INHERITS (parent);
        INSERT INTO parent DEFAULT VALUES; INSERT INTO child (id, extra) VALUES (1, 'a'), (2, 'b');
        CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
        CREATE EVENT TRIGGER noted ON ddl_command_end EXECUTE FUNCTION note();
        CREATE TABLE whole (id integer, at date) PARTITION BY RANGE (at);
        CREATE TABLE half PARTITION OF whole FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY LIST (id);
        CREATE TABLE leaf PARTITION OF half FOR VALUES IN (1); INSERT INTO whole VALUES (1, '2026-05-05');
        CREATE MATERIALIZED VIEW never AS SELECT 1 AS one WITH NO DATA;
        """
    )
    for jobs in (1, 2):
        result = place.back_up(database.dsn(), jobs=jobs)
        manifest = place.manifest(result)
        kinds = {table["name"]: (table["kind"], table["rows"]) for table in manifest["content"]["tables"]}
        assert kinds == {
            "remote": ("foreign table", -1),
            "parent": ("table", 1),
            "child": ("table", 2),
            "whole": ("partitioned table", -1),
            "half": ("partitioned table", -1),
            "leaf": ("table", 1),
            "never": ("materialized view", -1),
        }
        assert {key: value[2] for key, value in noted(manifest).items()} == {
            key: value[2] for key, value in copied_now(database).items()
        }
        restored = f"{database.name}_{jobs}"
        by_hand(manifest["restore_by_hand"], place.backup_folder(result), database, restored)
        copy = Database(database.cluster, restored)
        assert copied_now(copy) == copied_now(database)
        assert copy.value("SELECT evtname FROM pg_event_trigger") == "noted"
        database.cluster.drop_database(restored)


@pytest.mark.not_by_hand("these filters leave out types that the chosen tables need")
@pytest.mark.parametrize("jobs", [1, 2])
def test_filters_select_what_pg_dump_selects(database: Database, place: Place, jobs: int) -> None:
    def names(**filters: list[str]) -> dict[str, int]:
        manifest = place.manifest(place.back_up(database.dsn(), jobs=jobs, globals="none", **filters))
        assert manifest["content"]["filters"] == filters
        return {f"{table['schema']}.{table['name']}": table["rows"] for table in manifest["content"]["tables"]}

    everything = names()
    assert names(schemas=["audit"]) == {"audit.changes": everything["audit.changes"]}
    assert not any(
        name.startswith(("audit.", "Odd")) for name in names(exclude_schemas=["audit", '"Odd Schema; it\'s"'])
    )
    assert names(tables=["orders", "audit.*"]) == {
        name: everything[name] for name in ("public.orders", "audit.changes")
    }
    without = names(exclude_tables=["event*"])
    assert "public.orders" in without and not any(name.startswith("public.event") for name in without)
    assert names(exclude_table_data=["orders"]) == {**everything, "public.orders": -1}
    assert "no matching tables were found" in place_elsewhere(place).refused(
        database.dsn(), jobs=jobs, tables=["no_such_table"]
    )


def place_elsewhere(place: Place) -> Place:
    return Place(place.folder / "elsewhere")


def test_all_databases_of_a_cluster_become_components(place: Place) -> None:
    names = ["plain", "a \"quoted\" 'name'", "-leading-dash.and.dots", "ümläut 客户", "new\nline", "sch=ema"]
    with PostgresCluster() as cluster:
        for name in names:
            cluster.create_database(name)
            cluster.execute("CREATE TABLE t AS SELECT 1 AS id", dbname=name)
        result = place.back_up(cluster.dsn(), databases=["*"])
        assert {backup["database"] for backup in result["backups"]} == {*names, "postgres"}
        components = [backup["component"] for backup in result["backups"]]
        assert len(set(components)) == len(components) == len(names) + 1
        assert "codex-plain" in components
        cluster.drop_database("plain")
        partly = run_module("pg_backup", place.arguments(cluster.dsn(), databases=["plain", "sch=ema"]))
        assert (
            partly["failed"]
            and "plain" in partly["msg"]
            and [backup["database"] for backup in partly["backups"]] == ["sch=ema"]
        )


@pytest.mark.parametrize(
    ("encoding", "codec", "jobs"), [("LATIN1", "latin-1", 2), ("SQL_ASCII", "latin-1", 2), ("EUC_JP", "euc_jp", 1)]
)
def test_a_database_of_another_encoding_keeps_its_names_and_bytes(
    postgres: PostgresCluster, place: Place, encoding: str, codec: str, jobs: int
) -> None:
    word = "日本" if encoding == "EUC_JP" else "Ärger"
    name = postgres.create_database(f"{encoding} {word} {jobs}", encoding=encoding, locale="C")
    try:
        database = Database(postgres, name)
        raw = f"""CREATE TABLE "{word}" (text text); INSERT INTO "{word}" VALUES ('{word}'), ('a'); CREATE SCHEMA
            "{word}s";
                  CREATE TABLE "{word}s"."large {word}" AS SELECT '{word}' || i AS "{word}" FROM generate_series(1, 500)
                  AS i;
                  CREATE SEQUENCE "{word} sequence" """.encode(codec)
        run_bytes(database, encoding, raw)
        for fingerprint in ("stream", "rows"):
            result = place.back_up(database.dsn(), jobs=jobs, fingerprint=fingerprint, lock_timeout="5s")
            tables = place.manifest(result)["content"]["tables"]
            # Bytes of no known encoding are in the manifest as Python's surrogates, which give them back.
            expected = word.encode(codec).decode("utf-8", "surrogateescape") if encoding == "SQL_ASCII" else word
            assert {table["name"]: table["rows"] for table in tables} == {expected: 2, f"large {expected}": 500}
            assert result["database"] == name
        digest = hashlib.sha256(word.encode(codec) + b"\na\n").hexdigest()
        stream = place.manifest(place.back_up(database.dsn(), jobs=jobs))["content"]["tables"]
        assert digest in {table["sha256"] for table in stream}
        if encoding != "SQL_ASCII":
            only = place.back_up(database.dsn(), jobs=jobs, tables=[f'"{word}"'])
            assert only["rows"] == 2
            refused = Place(place.folder / "other").refused(
                database.dsn(), tables=["кириллица" if encoding == "LATIN1" else "Ärgeré☃"]
            )
            assert "its encoding" in refused
    finally:
        postgres.drop_database(name)


def run_bytes(database: Database, encoding: str, statement: bytes) -> None:
    """Run SQL that is in the database's own encoding already."""
    psql = str(database.cluster.bin_dir / "psql")
    environment = {"PGPASSWORD": database.cluster.password, "PGCLIENTENCODING": encoding, "PATH": os.environ["PATH"]}
    subprocess.run(
        [psql, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={database.cluster.dsn(database.name)}"],
        input=statement,
        env=environment,
        check=True,
    )


@pytest.mark.parametrize("jobs", [1, 2])
def test_names_of_every_shape_are_backed_up(postgres: PostgresCluster, place: Place, jobs: int) -> None:
    odd = [
        '"',
        "'",
        "a b",
        "-dash",
        "--",
        "ü 客",
        "dot.ted",
        "new\nline",
        "$1",
        "*",
        "?",
        "(a|b)",
        "\\",
        "[x]",
        "tab\t",
        "%s",
        "^a$",
    ]
    name = postgres.create_database(f'odd "names" {jobs}')
    try:
        database = Database(postgres, name)
        for number, word in enumerate(odd):
            table = sql.Identifier(word, word)
            database.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(word)))
            database.execute(sql.SQL("CREATE TABLE {} ({} text)").format(table, sql.Identifier(word)))
            value = sql.Literal(f"{number}\n\\.\n")
            database.execute(sql.SQL("INSERT INTO {} SELECT {} FROM generate_series(1, 20)").format(table, value))
        result = place.back_up(database.dsn(), jobs=jobs)
        assert noted(place.manifest(result)) == copied_now(database)
        assert result["rows"] == 20 * len(odd)
        restored = f"{name} restored"
        by_hand(place.manifest(result)["restore_by_hand"], place.backup_folder(result), database, restored)
        assert copied_now(Database(postgres, restored)) == copied_now(database)
        postgres.drop_database(restored)
    finally:
        postgres.drop_database(name)


def test_two_thousand_tables_fit_into_a_server_with_default_settings(place: Place) -> None:
    with PostgresCluster(settings={"max_locks_per_transaction": "64", "max_connections": "100"}) as cluster:
        name = cluster.create_database("many")
        for start in range(0, 2000, 500):
            cluster.execute(
                f"DO $$ BEGIN FOR i IN {start}..{start + 499} LOOP EXECUTE format('CREATE TABLE t%s AS SELECT %s AS "
                "id', i, i);"
                " END LOOP; END $$",
                dbname=name,
            )
        result = place.back_up(cluster.dsn(name), jobs=2)
        assert result["tables"] == result["rows"] == 2000
        assert result["seconds"] < 60


def test_a_full_lock_table_is_explained(place: Place) -> None:
    with PostgresCluster(settings={"max_locks_per_transaction": "10", "max_connections": "10"}) as cluster:
        name = cluster.create_database("many")
        for start in range(0, 1500, 50):
            cluster.execute(
                f"DO $$ BEGIN FOR i IN {start}..{start + 49} LOOP EXECUTE format('CREATE TABLE t%s (id integer)', i); "
                "END LOOP; END $$",
                dbname=name,
            )
        assert "max_locks_per_transaction" in place.refused(cluster.dsn(name), jobs=2)


def test_an_unknown_option_value_is_refused_with_its_name(database: Database, place: Place) -> None:
    for option, value, word in (
        ("app", "../up", "app"),
        ("component", "a/b", "component"),
        ("jobs", 0, "jobs"),
        ("min_copies", 2, "min_copies"),
        ("max_age", "soon", "max_age"),
        ("lock_timeout", "long", "lock_timeout"),
        ("time_limit", "-1", "time_limit"),
        ("dsn", "postgresql://a:se@zqx@h/y", "dsn"),
        ("dsn", "postgresql://a:se/zqx@h/y", "dsn"),
        ("dsn", "postgresql://a:12/zqx@h/y", "dsn"),
    ):
        result = run_module("pg_backup", {**place.arguments(database.dsn()), option: value})
        assert result["failed"] and word in result["msg"], result
        assert "zqx" not in str(result)
    assert place.files() == []


def test_filters_count_in_check_mode(database: Database, place: Place) -> None:
    planned = run_module("pg_backup", place.arguments(database.dsn(), tables=["public.orders"]), check_mode=True)
    assert planned["changed"] and planned["planned"]["tables"] == 1, planned
    nothing = run_module("pg_backup", place.arguments(database.dsn(), tables=["nothing.*"]), check_mode=True)
    assert nothing["failed"] and "no matching tables were found" in nothing["msg"]


def test_a_sum_of_rows_covers_every_column_whatever_the_columns_are_called(
    empty_database: Database, place: Place
) -> None:
    """The names are all aliases and functions of the statement that makes the sum."""
    words = re.findall(r"[a-z_0-9]+", inspect.getsource(rows_fingerprint))
    names = sorted({*words, "x", "h", "r", "t", "row", "record"} - {"tableoid", "ctid", "xmin", "xmax", "cmin", "cmax"})
    columns = ", ".join(f'"{name}" text' for name in names)
    empty_database.execute(f"CREATE TABLE r ({columns}); INSERT INTO r DEFAULT VALUES")
    sums = set()
    for name in names:
        empty_database.execute(f"UPDATE r SET \"{name}\" = 'changed'")
        with contextlib.closing(empty_database.connect()) as session, session.cursor() as cursor:
            cursor.execute("SET search_path = pg_catalog")
            rows, rows_sum = rows_fingerprint(cursor, "public", "r")
            assert rows == 1
            sums.add(rows_sum)
    assert len(sums) == len(names), "a column is not in the sum"


@pytest.mark.parametrize(("encoding", "client"), [("LATIN1", "UTF8"), ("UTF8", "LATIN1"), ("EUC_JP", "UTF8")])
def test_a_client_encoding_of_the_database_is_no_matter(
    postgres: PostgresCluster, place: Place, encoding: str, client: str
) -> None:
    name = postgres.create_database(f"client {encoding}", encoding=encoding, locale="C")
    word = "日本" if encoding == "EUC_JP" else "tä"
    database = Database(postgres, name)
    try:
        database.execute(f'CREATE TABLE "{word}" AS SELECT 1 AS "{word}"; CREATE TABLE plain AS SELECT 1 AS a')
        postgres.execute(f"ALTER DATABASE \"{name}\" SET client_encoding = '{client}'")
        for jobs in (1, 2):
            result = place.back_up(database.dsn(), jobs=jobs, tables=[f'"{word}"', "plain"])
            tables = place.manifest(result)["content"]["tables"]
            assert [(table["name"], table["rows"]) for table in tables] == [("plain", 1), (word, 1)]
    finally:
        postgres.drop_database(name)
