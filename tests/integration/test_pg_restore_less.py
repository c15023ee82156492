# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore cannot bring back, does not bring back, or must not begin with: it is refused, or said."""

from __future__ import annotations

import collections.abc
import pathlib
import shutil
import typing as t

import pytest

from tests.integration.backups import Stock, flip_byte, keys_of
from tests.integration.modules import run_module
from tests.integration.stock_restores import ThreeWays, around, dumped
from tests.lab.postgres import Database, PostgresCluster

Copied = collections.abc.Callable[..., Stock]


@pytest.fixture
def target(postgres: PostgresCluster) -> t.Iterator[Database]:
    """A database that does not exist yet, dropped afterwards."""
    database = Database(postgres, "less or not")
    yield database
    postgres.drop_database(database.name)


def restored(stock: Stock, target: Database, **options: t.Any) -> dict[str, t.Any]:
    return run_module("pg_restore", stock.arguments(target={"dsn": target.dsn()}, **options))


# what belongs to the database


def test_what_belongs_to_the_database_comes_back_or_is_named(
    postgres: PostgresCluster, empty_database: Database, tmp_path: pathlib.Path
) -> None:
    name = f'"{empty_database.name}"'
    for role in ("place_owner", "place_app"):
        postgres.create_role(role)
    empty_database.execute("CREATE TABLE t AS SELECT 1 AS a")
    for statement in (
        f"ALTER DATABASE {name} OWNER TO place_owner",
        f"ALTER DATABASE {name} CONNECTION LIMIT 17",
        f"ALTER DATABASE {name} SET work_mem = '7MB'",
        f"ALTER DATABASE {name} SET \"my.odd\" = E'it''s \\\\ here'",
        f'ALTER ROLE place_app IN DATABASE {name} SET search_path = app, "$user", public',
        f"REVOKE CONNECT ON DATABASE {name} FROM public",
        f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO place_app WITH GRANT OPTION",
        f"COMMENT ON DATABASE {name} IS E'It''s mine\\nand \\\\ more'",
        f"ALTER DATABASE {name} IS_TEMPLATE true",
    ):
        postgres.execute(statement)
    try:
        with ThreeWays(empty_database, tmp_path) as ways:
            made = ways.by_module()
            assert around(made) == around(empty_database)
            assert ways.restored["left_out"] == []
            again = run_module("pg_restore", {**ways.reading(), "target": {"dsn": made.dsn()}})
            assert again["changed"] is False, again
            by_hand = ways.by_hand()
            assert around(by_hand) == around(empty_database)
            # Of a database that was restored, our own line in the comment is not the user's.
            twice = ThreeWays(made, tmp_path / "twice")
            with twice:
                assert around(twice.by_module()) == around(empty_database)
        with ThreeWays(empty_database, tmp_path / "modest") as ways:
            postgres.create_role("place_modest", password="x", options="LOGIN CREATEDB")
            made = Database(postgres, "less or not")
            ways.by_module()
            options = {
                **ways.reading(),
                "owners": False,
                "target": {"dsn": postgres.dsn(made.name, "place_modest", "x")},
            }
            result = run_module("pg_restore", options)
            assert not result.get("failed"), result["msg"]
            assert [words for words in result["left_out"] if "place_app" in words], result["left_out"]
            assert str(result["warnings"]).count("Not restored: ") == len(result["left_out"])
    finally:
        postgres.execute(f"ALTER DATABASE {name} IS_TEMPLATE false")
        postgres.execute(f"ALTER DATABASE {name} OWNER TO {postgres.user}")
        postgres.drop_database("less or not")
        postgres.execute("DROP OWNED BY place_app; DROP OWNED BY place_owner")
        for role in ("place_owner", "place_app", "place_modest"):
            postgres.drop_role(role)


def test_a_tablespace_is_kept_where_it_is_there_and_named_where_not(
    postgres: PostgresCluster, empty_database: Database, tmp_path: pathlib.Path, target: Database
) -> None:
    for name in ("fast", "slow"):
        folder = postgres.folder / f"space {name}"
        folder.mkdir()
        shutil.chown(folder, postgres.data_dir.owner(), postgres.data_dir.group())
        postgres.execute(f"CREATE TABLESPACE {name} LOCATION '{folder}'")
    try:
        empty_database.execute(
            "CREATE TABLE here (a integer); CREATE TABLE there (a integer PRIMARY KEY USING INDEX TABLESPACE fast)"
            " TABLESPACE slow; CREATE INDEX far ON here (a) TABLESPACE slow;"
            " CREATE MATERIALIZED VIEW seen TABLESPACE fast AS SELECT 1 AS a"
        )
        with ThreeWays(empty_database, tmp_path) as ways:
            expected = dumped(ways.by_stock_tools())
            made = ways.by_module()
            assert dumped(made) == expected and places(made) == places(empty_database)
            assert dumped(ways.by_hand()) == expected
            moved = run_module(
                "pg_restore", {**ways.reading(), "target": {"dsn": target.dsn()}, "tablespaces": "default"}
            )
            assert not moved.get("failed"), moved["msg"]
            assert set(places(target).values()) == {None}
            with PostgresCluster() as other:
                there = run_module("pg_restore", {**ways.reading(), "target": {"dsn": other.dsn("new")}})
                assert not there.get("failed"), there["msg"]
                assert [words.split()[2].rstrip(":") for words in there["left_out"]] == ["fast", "slow"]
                assert set(places(Database(other, "new")).values()) == {None}
    finally:
        postgres.drop_database(target.name)
        empty_database.execute("DROP TABLE here, there; DROP MATERIALIZED VIEW seen")
        for name in ("fast", "slow"):
            postgres.execute(f"DROP TABLESPACE {name}")


def places(database: Database) -> dict[str, str | None]:
    """Where each table and index lies."""
    return dict(
        database.execute(
            "SELECT relname, (SELECT spcname FROM pg_tablespace WHERE oid = reltablespace) FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace"
        )
    )


# who may what


def test_what_needs_a_superuser_can_be_left_out_and_is_named(
    postgres: PostgresCluster, empty_database: Database, tmp_path: pathlib.Path, target: Database
) -> None:
    empty_database.execute(
        "CREATE TABLE t AS SELECT 1 AS a; CREATE PUBLICATION everything FOR ALL TABLES;"
        "CREATE FUNCTION watched() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;"
        "CREATE EVENT TRIGGER watching ON ddl_command_end EXECUTE FUNCTION watched();"
        "COMMENT ON EVENT TRIGGER watching IS 'who changed it'"
    )
    stock = Stock.new(tmp_path, encryption="none")
    stock.back_up(empty_database, jobs=2)
    postgres.create_role("modest", password="x", options="LOGIN CREATEDB")
    try:
        arguments = stock.arguments(target={"dsn": postgres.dsn(target.name, "modest", "x")}, owners=False)
        refused = run_module("pg_restore", arguments)
        assert refused["failed"] and "superuser_objects: leave_out" in refused["msg"]
        assert "removed again" in refused["msg"] and target.name not in postgres.databases()
        result = run_module("pg_restore", {**arguments, "superuser_objects": "leave_out"})
        assert not result.get("failed"), result["msg"]
        assert {"EVENT TRIGGER watching", "PUBLICATION everything"} <= set(result["left_out"])
        assert target.value("SELECT a FROM t") == 1 and target.value("SELECT count(*) FROM pg_event_trigger") == 0
    finally:
        postgres.drop_database(target.name)
        postgres.drop_role("modest")


@pytest.mark.not_by_hand("a function needs a search_path that no restore has, stock tools' neither")
def test_a_restore_that_fails_removes_a_database_with_a_subscription_and_says_what_a_function_needs(
    postgres: PostgresCluster, empty_database: Database, tmp_path: pathlib.Path, target: Database
) -> None:
    empty_database.execute(
        "CREATE TABLE t AS SELECT 1 AS n;"
        "CREATE FUNCTION total() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT sum(n) FROM t); END $$;"
        "CREATE MATERIALIZED VIEW totals AS SELECT total() AS n;"
        "CREATE SUBSCRIPTION elsewhere CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p"
        " WITH (connect = false, slot_name = 'other')"
    )
    stock = Stock.new(tmp_path, encryption="none")
    try:
        stock.back_up(empty_database)
        before = postgres.databases()
        for _time in range(2):
            result = restored(stock, target)
            assert result["failed"] and "ALTER FUNCTION public.total() SET search_path" in result["msg"]
            assert "removed again" in result["msg"] and "warnings" not in result
            assert postgres.databases() == before
    finally:
        empty_database.execute("ALTER SUBSCRIPTION elsewhere SET (slot_name = NONE)")
        empty_database.execute("DROP SUBSCRIPTION elsewhere")


# what is stored


def test_an_artifact_that_is_not_restored_is_looked_at_all_the_same(
    plain_stock: Stock, copied: Copied, postgres: PostgresCluster, target: Database
) -> None:
    stock = copied(plain_stock)
    flip_byte(stock.stored("globals"))
    before = postgres.databases()
    refused = restored(stock, target, require_whole=True)
    assert refused["failed"] and "globals" in refused["msg"] and postgres.databases() == before
    result = restored(stock, target)
    assert not result.get("failed"), result["msg"]
    assert "The copy is not whole" in str(result["warnings"]) and "globals" in str(result["warnings"])


@pytest.mark.parametrize("content", ["data", "schema"])
def test_an_artifact_that_is_missing_is_seen_before_anything_is_made(
    plain_stock: Stock, copied: Copied, postgres: PostgresCluster, target: Database, content: str
) -> None:
    stock = copied(plain_stock)
    stock.stored(content).unlink()
    before = postgres.databases()
    for check_mode in (True, False):
        result = run_module("pg_restore", stock.arguments(target={"dsn": target.dsn()}), check_mode=check_mode)
        assert result["failed"] and "is not there" in result["msg"] and postgres.databases() == before


def test_a_damaged_newest_backup_is_not_hidden_by_an_older_one(
    empty_database: Database, tmp_path: pathlib.Path, target: Database
) -> None:
    empty_database.execute("CREATE TABLE t AS SELECT 1 AS a")
    stock = Stock.new(tmp_path, encryption="none")
    older, newer = (stock.back_up(empty_database)["backup_id"] for _number in range(2))
    flip_byte(stock.backup_folder(backup_id=newer) / "manifest.json")
    for which in ("newest", {"before": "2100-01-01T00:00:00Z"}):
        proof = run_module("pg_verify", stock.arguments(profile="artifact", backup=which))
        assert proof["failed"] and newer in proof["msg"] and older in proof["msg"]
        refused = restored(stock, target, backup=which)
        assert refused["failed"] and newer in refused["msg"] and "accept_older" in refused["msg"]
    accepted = run_module("pg_verify", stock.arguments(profile="artifact", accept_older=True))
    assert accepted["verdict"] == "passed" and accepted["backup_id"] == older
    named = restored(stock, target, backup=older)
    assert not named.get("failed") and named["backup_id"] == older, named


def test_check_mode_knows_that_a_key_is_the_wrong_one(
    age_stock: Stock, tmp_path: pathlib.Path, target: Database
) -> None:
    arguments = age_stock.arguments(target={"dsn": target.dsn()}, encryption=keys_of("age", tmp_path).read)
    result = run_module("pg_restore", arguments, check_mode=True)
    assert result["failed"] and "No key given opens this backup" in result["msg"]
    assert all(recipient in result["msg"] for recipient in age_stock.keys.write["recipients"])


# where to


def test_a_server_is_named_by_the_same_options_as_for_a_backup(
    plain_stock: Stock, postgres: PostgresCluster, target: Database
) -> None:
    way = {
        "login_host": "127.0.0.1",
        "login_port": postgres.port,
        "login_user": postgres.user,
        "login_password": postgres.password,
    }
    result = run_module("pg_restore", plain_stock.arguments(**way, target={"database": target.name}, schema_only=True))
    assert not result.get("failed"), result["msg"]
    assert result["database"] == target.name and target.value("SELECT count(*) FROM pg_class WHERE relname = 'orders'")
    swap = run_module("pg_restore", plain_stock.arguments(**way, target={"replace": target.name}))
    assert swap["failed"] and f"set target.confirm to {target.name}" in swap["msg"]
    both = run_module("pg_restore", plain_stock.arguments(**way, target={"dsn": target.dsn()}))
    assert both["failed"] and "target.dsn is a connection string, and login_host" in both["msg"]
    by_dsn = run_module(
        "pg_restore",
        plain_stock.arguments(dsn=postgres.dsn(), target={"replace": target.name, "confirm": target.name}),
    )
    assert not by_dsn.get("failed"), by_dsn["msg"]
    postgres.drop_database(by_dsn["kept_as"])
