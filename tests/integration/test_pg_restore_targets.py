# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""pg_restore's targets: a new database, the place of an existing one, a scratch cluster; and which backup it takes."""

from __future__ import annotations

import contextlib
import os
import pathlib
import pwd
import subprocess
import typing as t
import urllib.parse

import psycopg2
import pytest

from tests.integration.backups import Stock, everything_in, flip_byte, is_alive, server_below
from tests.integration.conftest import OWNER, READER
from tests.integration.modules import run_module
from tests.lab import sockets
from tests.lab.postgres import Database, PostgresCluster

Copied = t.Callable[..., Stock]


@pytest.fixture
def target(postgres: PostgresCluster) -> t.Iterator[Database]:
    """A database that does not exist yet, dropped afterwards."""
    database = Database(postgres, "codex_new")
    yield database
    postgres.drop_database(database.name)


@pytest.fixture
def nothing_is_left(postgres: PostgresCluster) -> t.Iterator[None]:
    """Fails a test that leaves a database behind that was not there before."""
    before = postgres.databases()
    yield
    assert postgres.databases() == before


# a new database


@pytest.mark.usefixtures("nothing_is_left")
def test_a_database_that_exists_is_refused_and_untouched(age_stock: Stock, empty_database: Database) -> None:
    empty_database.execute("create table precious as select 1 as id")
    result = run_module("pg_restore", age_stock.arguments(target={"dsn": empty_database.dsn()}))
    assert (
        result["failed"]
        and f"the database {empty_database.name} exists" in result["msg"]
        and "target.swap" in result["msg"]
    )
    assert empty_database.value("select count(*) from precious") == 1


@pytest.mark.usefixtures("nothing_is_left")
def test_check_mode_makes_nothing(age_stock: Stock, target: Database) -> None:
    result = run_module("pg_restore", age_stock.arguments(target={"dsn": target.dsn()}), check_mode=True)
    assert result["changed"] and result["backup_id"] in result["diff"]["after"]


@pytest.fixture
def other_server() -> t.Iterator[PostgresCluster]:
    """A server that knows none of the source's roles, with a role that may do little and has an awkward password."""
    with PostgresCluster() as cluster:
        yield cluster


def test_a_server_that_lacks_something_refuses_with_nothing_done(
    age_stock: Stock, copied: Copied, other_server: PostgresCluster
) -> None:
    target = {"dsn": other_server.dsn("codex_new")}
    before = other_server.databases()

    result = run_module("pg_restore", age_stock.arguments(target=target))
    assert result["failed"] and OWNER in result["msg"] and READER in result["msg"] and "owners: false" in result["msg"]

    stock = copied(age_stock)
    stock.rewrite_manifest(
        lambda content: content["extensions"].append({"name": "nowhere", "version": "1", "schema": "public"})
    )
    result = run_module("pg_restore", stock.arguments(target=target, owners=False))
    assert result["failed"] and "extensions that are not installed" in result["msg"] and "nowhere" in result["msg"]

    other_server.create_role("feeble", password="x")
    result = run_module(
        "pg_restore", age_stock.arguments(target={"dsn": other_server.dsn("codex_new", "feeble", "x")}, owners=False)
    )
    assert result["failed"] and "feeble" in result["msg"] and "CREATEDB" in result["msg"]

    assert other_server.databases() == before


def test_a_modest_role_with_an_awkward_password_and_a_tight_timeout_restores_without_owners(
    age_stock: Stock, source: Database, other_server: PostgresCluster
) -> None:
    password = "p@ss:w/o?r#d% &=+'\"\\ é$`"
    other_server.create_role("restore", password=password, options="LOGIN CREATEDB")
    other_server.execute("alter role restore set statement_timeout = '50ms'")
    refused = run_module(
        "pg_restore",
        age_stock.arguments(target={"dsn": other_server.dsn("codex_new", "restore", password)}, owners=False),
    )
    assert (
        refused["failed"]
        and "CREATE POLICY own_rows ON public.owned" in refused["msg"]
        and "make the role first" in refused["msg"]
    )
    assert "codex_new" not in "".join(other_server.databases())

    other_server.create_role(READER)
    dsn = f"postgresql://restore:{urllib.parse.quote(password, safe='')}@127.0.0.1:{other_server.port}/codex_new"
    result = run_module("pg_restore", age_stock.arguments(target={"dsn": dsn}, owners=False))
    assert not result.get("failed"), result["msg"]
    assert password not in str(result)
    expected, found = everything_in(source), everything_in(Database(other_server, "codex_new"))
    for what in ("rows", "columns", "constraints", "indexes", "triggers", "sequences", "large objects", "settings"):
        assert found[what] == expected[what], what
    assert {row[3] for row in found["tables"]} == {"restore"}


# the place of an existing database


@pytest.fixture
def live(postgres: PostgresCluster) -> t.Iterator[Database]:
    """A database in use, whose name is as long as a name can be, with an owner, grants and a limit of its own."""
    name = "codex-" + "ü" * 28 + "1"
    assert len(name.encode()) == 63
    before = postgres.databases()
    postgres.create_database(name, owner=OWNER)
    database = Database(postgres, name)
    database.execute("create table broken as select 1 as id")
    quoted = f'"{name}"'
    postgres.execute(
        f"revoke connect on database {quoted} from public; grant connect on database {quoted} to "
        f'"{READER.replace(chr(34), chr(34) * 2)}"'
    )
    postgres.execute(f"alter database {quoted} connection limit 17")
    postgres.execute(f"alter role {OWNER} in database {quoted} set work_mem = '7MB'")
    yield database
    for left in postgres.databases() - before:
        postgres.drop_database(left)


@pytest.mark.usefixtures("nothing_is_left")
def test_without_the_word_nothing_is_swapped(age_stock: Stock, empty_database: Database) -> None:
    for confirm in ({}, {"confirm": "other"}):
        result = run_module("pg_restore", age_stock.arguments(target={"swap": empty_database.dsn(), **confirm}))
        assert result["failed"] and f"set target.confirm to {empty_database.name}" in result["msg"]


def _place(live: Database) -> list[tuple[t.Any, ...]]:
    return live.cluster.execute(
        "select pg_get_userbyid(datdba), datacl, datconnlimit, datallowconn,"
        " (select array_agg(setrole::regrole::text || setconfig::text) from pg_db_role_setting where setdatabase = "
        "d.oid and setrole <> 0)"
        " from pg_database d where datname = %s",
        (live.name,),
    )


def test_a_swap_puts_the_backup_in_place_and_keeps_the_old_database(
    gpg_stock: Stock, source: Database, live: Database
) -> None:
    place = _place(live)
    session = live.connect()
    arguments = gpg_stock.arguments(target={"swap": live.dsn(), "confirm": live.name})
    result = run_module("pg_restore", arguments)
    assert not result.get("failed"), result["msg"]
    with contextlib.closing(session), pytest.raises(psycopg2.Error), session.cursor() as cursor:
        cursor.execute("select 1")
    expected, found = everything_in(source), everything_in(live)
    for what in expected:
        assert found[what] == expected[what], what
    assert _place(live) == place, "owner, grants, limit and the roles' settings belong to the place"
    assert Database(live.cluster, result["kept_as"]).value("select count(*) from broken") == 1
    assert len(result["kept_as"].encode()) <= 63
    again = run_module("pg_restore", arguments)
    assert again["changed"] is False and "what has been changed in it since is still there" in str(again["warnings"])
    (said,) = [warning for warning in again["warnings"] if "run this again: " in str(warning)]
    words = said if isinstance(said, str) else said["event"]["msg"]
    live.cluster.execute(words.rpartition("run this again: ")[2])
    assert run_module("pg_restore", arguments)["changed"] is True, "what is typed takes the mark off"


def test_a_damaged_backup_never_takes_a_place(plain_stock: Stock, copied: Copied, live: Database) -> None:
    stock = copied(plain_stock)
    flip_byte(stock.stored("data"))
    before = live.cluster.databases()
    with contextlib.closing(live.connect()) as session, session.cursor() as cursor:
        result = run_module("pg_restore", stock.arguments(target={"swap": live.dsn(), "confirm": live.name}))
        assert result["failed"] and "SHA-256" in result["msg"]
        cursor.execute("select count(*) from broken")  # the session is alive
        assert cursor.fetchone() == (1,)
    assert live.cluster.databases() == before


def test_a_backup_whose_rows_are_not_those_of_its_manifest_never_takes_a_place(
    plain_stock: Stock, copied: Copied, live: Database
) -> None:
    stock = copied(plain_stock)
    stock.rewrite_manifest(lambda content: _table(content, "customers").update(sha256="0" * 64))
    before = live.cluster.databases()
    result = run_module("pg_restore", stock.arguments(target={"swap": live.dsn(), "confirm": live.name}))
    assert result["failed"] and "public.customers came back wrong" in result["msg"] and "is as it was" in result["msg"]
    assert live.cluster.databases() == before and live.value("select count(*) from broken") == 1


_OTHER_COLUMNS = """
    create table a (id int, name text); create table b (bark int, "o""dd %s" text) inherits (a);
    alter table a add column late int default 42, add column "Late Too" text default 'x';
    create table once (i int) inherits (b); alter table b add column last int default 7;
    insert into b (id, name, bark) select i, 'dog ' || i, -i from generate_series(1, 20) i;
    insert into once (id, i) select i, i from generate_series(1, 20) i;
    create table g (i int, gone text, twice int generated always as (i * 2) stored, v text) inherits (a);
    alter table g drop column gone; alter table a add column "after" int, drop column name;
    insert into g (i, v) select i, repeat('v', i) from generate_series(1, 20) i;
    create table parts (day int, v text, n int) partition by range (day);
    create table part (n int, gone int, v text, day int); alter table part drop column gone;
    alter table parts attach partition part for values from (0) to (100);
    insert into parts select i, 'v' || i, -i from generate_series(1, 20) i
"""


@pytest.mark.soak
@pytest.mark.usefixtures("source")
@pytest.mark.parametrize("fingerprint", ["stream", "rows"])
def test_columns_that_come_back_in_another_order_are_compared_and_a_difference_is_still_seen(
    postgres: PostgresCluster, empty_database: Database, live: Database, tmp_path: pathlib.Path, fingerprint: str
) -> None:
    """B7: what a parent got later stands behind the child's own columns, and before them after a restore."""
    empty_database.execute(_OTHER_COLUMNS)
    stock = Stock.new(tmp_path, encryption="none")
    stock.back_up(empty_database, fingerprint=fingerprint)
    proof = run_module("pg_verify", stock.arguments(profile="full", record=False))
    assert proof.get("verdict") == "passed", proof["msg"]
    arguments = stock.arguments(target={"swap": live.dsn(), "confirm": live.name})
    wrong = {"sha256": "0" * 64} if fingerprint == "stream" else {"rows_sum": "0:0"}
    right: dict[str, t.Any] = {}
    for name in ("b", "part"):
        stock.rewrite_manifest(lambda content, name=name: _exchange(_table(content, name), wrong, right))  # type: ignore[misc]
        refused = run_module("pg_restore", arguments)
        assert refused["failed"] and f"public.{name} came back wrong" in refused["msg"], refused["msg"]
        stock.rewrite_manifest(lambda content, name=name: _exchange(_table(content, name), right, {}))  # type: ignore[misc]
    result = run_module("pg_restore", arguments)
    assert not result.get("failed"), result["msg"]
    for name in ("b", "once", "g", "parts"):
        statement = f"select to_jsonb({name}) from {name} order by to_jsonb({name})::text"
        assert live.execute(statement) == empty_database.execute(statement)


def _exchange(table: dict[str, t.Any], new: dict[str, t.Any], old: dict[str, t.Any]) -> None:
    old.update({key: table[key] for key in new})
    table.update(new)


def _table(content: dict[str, t.Any], name: str) -> dict[str, t.Any]:
    return next(table for table in content["tables"] if table["name"] == name)


# a scratch cluster


def test_a_folder_for_the_scratch_cluster_with_too_long_a_path_is_refused(
    age_stock: Stock, tmp_path: pathlib.Path
) -> None:
    folder = tmp_path / ("long" * 20)
    folder.mkdir()
    result = run_module("pg_restore", age_stock.arguments(target={"scratch": True}, scratch_dir=str(folder)))
    assert result["failed"] and "scratch_dir" in result["msg"] and "too long" in result["msg"]
    assert list(folder.iterdir()) == []


def test_a_scratch_cluster_lives_on_in_private_until_it_is_removed(
    age_stock: Stock, source: Database, scratch_base: pathlib.Path
) -> None:
    planned = run_module(
        "pg_restore", age_stock.arguments(target={"scratch": True}, scratch_dir=str(scratch_base)), check_mode=True
    )
    assert planned["changed"] and list(scratch_base.iterdir()) == []

    result = run_module("pg_restore", age_stock.arguments(target={"scratch": True}, scratch_dir=str(scratch_base)))
    assert not result.get("failed"), result["msg"]
    scratch = result["scratch"]
    try:
        found = _Reached(scratch, result["database"])
        assert found.everything() == everything_in(source)
        assert found.value("select current_setting('archive_mode') || current_setting('listen_addresses')") == "off"
        process = server_below(scratch["host"])
        account = pwd.getpwuid(os.stat(f"/proc/{process}").st_uid).pw_name
        assert account == ("lifeboat-scratch" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name)
        assert sockets.ports(process) == set()
    finally:
        subprocess.run(scratch["remove_command"], shell=True, check=True, capture_output=True, cwd="/")
    assert list(scratch_base.iterdir()) == [] and not is_alive(process)


class _Reached:
    """The scratch cluster as its result says to reach it."""

    def __init__(self, scratch: dict[str, str], dbname: str) -> None:
        self._parameters = {"host": scratch["host"], "port": scratch["port"], "user": scratch["user"], "dbname": dbname}
        self.name = dbname

    def connect(self) -> t.Any:
        connection = psycopg2.connect(**self._parameters)
        connection.autocommit = True
        return connection

    def everything(self) -> dict[str, t.Any]:
        return everything_in(t.cast(Database, self))

    def value(self, statement: str) -> t.Any:
        with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchone()[0]


# which backup


def test_the_backup_is_chosen_as_it_was_named(
    empty_database: Database, tmp_path: pathlib.Path, target: Database
) -> None:
    stock = Stock.new(tmp_path, encryption="none")
    first, second = (stock.back_up(empty_database)["backup_id"] for _number in range(2))

    def chosen(backup: t.Any) -> dict[str, t.Any]:
        return run_module("pg_restore", stock.arguments(target={"dsn": target.dsn()}, backup=backup), check_mode=True)

    assert chosen("newest")["backup_id"] == second
    assert chosen(first)["backup_id"] == first
    assert chosen({"before": "2100-01-01T00:00:00Z"})["backup_id"] == second
    for none in ("newest_verified", {"before": "2001-01-01T00:00:00Z"}, "20010101T000000Z-000000"):
        refused = chosen(none)
        assert refused["failed"] and "fits no backup of shop/codex" in refused["msg"] and first in refused["msg"], none
    proof = run_module("pg_verify", stock.arguments(backup=first, profile="artifact"))
    assert proof["verdict"] == "passed", proof
    assert chosen("newest_verified")["backup_id"] == first
