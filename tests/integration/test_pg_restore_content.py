# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""pg_restore on a real server: what comes back is what was there, seen by an independent client."""

from __future__ import annotations

import pathlib
import typing as t

import pytest

from tests.integration.backups import Stock, everything_in
from tests.integration.modules import run_module
from tests.lab.postgres import Database, PostgresCluster


@pytest.fixture
def target(postgres: PostgresCluster) -> t.Iterator[Database]:
    """A database that does not exist yet, dropped afterwards."""
    database = Database(postgres, "restored 'here'")
    yield database
    postgres.drop_database(database.name)


@pytest.mark.parametrize("name", ["age_stock", "plain_stock", "gpg_stock"])
def test_everything_comes_back_and_a_second_run_changes_nothing(
    name: str, request: pytest.FixtureRequest, source: Database, target: Database
) -> None:
    stock: Stock = request.getfixturevalue(name)
    arguments = stock.arguments(target={"dsn": target.dsn()})
    first = run_module("pg_restore", arguments)
    assert not first.get("failed"), first["msg"]
    assert (
        first["changed"] and first["database"] == target.name and first["repository"] == stock.repositories[0]["path"]
    )
    expected, found = everything_in(source), everything_in(target)
    for what in expected:
        assert found[what] == expected[what], what
    second = run_module("pg_restore", arguments)
    assert second["changed"] is False and second["backup_id"] == first["backup_id"]


def test_a_database_in_latin1_with_an_odd_name_comes_back(
    postgres: PostgresCluster, tmp_path: pathlib.Path, target: Database
) -> None:
    name = postgres.create_database('-la\'tin "1"; ', encoding="LATIN1", locale="C")
    database = Database(postgres, name)
    database.execute('create table "tâble é" ("cölumn" text); insert into "tâble é" values (\'Zoë\'), (\'naïve ÿ\')')
    stock = Stock.new(tmp_path)
    stock.back_up(database, jobs=2)
    result = run_module("pg_restore", stock.arguments(target={"dsn": target.dsn()}))
    assert not result.get("failed"), result["msg"]
    assert everything_in(target) == everything_in(database)
    assert target.value('select array_agg("cölumn" order by 1) from "tâble é"') == ["Zoë", "naïve ÿ"]
    postgres.drop_database(name)


@pytest.mark.parametrize("name", ["age_stock", "plain_stock"])
def test_definitions_alone_come_without_rows(
    name: str, request: pytest.FixtureRequest, source: Database, target: Database
) -> None:
    stock: Stock = request.getfixturevalue(name)
    result = run_module("pg_restore", stock.arguments(target={"dsn": target.dsn()}, schema_only=True))
    assert not result.get("failed"), result["msg"]
    expected, found = everything_in(source), everything_in(target)
    for what in ("tables", "columns", "constraints", "indexes", "triggers", "schemas", "partitions"):
        assert found[what] == expected[what], what
    assert target.value("select count(*) from public.customers") == 0
    assert found["large objects"] == []


@pytest.mark.parametrize("name", ["age_stock", "plain_stock"])
def test_selected_tables_bring_what_they_need_and_no_other_table(
    name: str, request: pytest.FixtureRequest, source: Database, target: Database
) -> None:
    stock: Stock = request.getfixturevalue(name)
    result = run_module(
        "pg_restore", stock.arguments(target={"dsn": target.dsn()}, tables=["public.orders", "public.events"])
    )
    assert not result.get("failed"), result["msg"]
    expected, found = everything_in(source), everything_in(target)
    events = {f"public.events_{part}" for part in ("2026_01", "2026_02", "other")}
    assert set(found["rows"]) == {"public.orders", *events}
    assert found["rows"] == {table: expected["rows"][table] for table in found["rows"]}
    assert found["sequences"] == [row for row in expected["sequences"] if row[1] == "order_number"]
    assert found["triggers"] == [row for row in expected["triggers"] if row[0] == "public.orders"]
    assert [row for row in found["indexes"] if row[1] == "orders"] == [
        row for row in expected["indexes"] if row[1] == "orders"
    ]
    assert target.value("select obj_description('public.orders_open'::regclass)") == "What is still to do"
    constraints = {row[1] for row in found["constraints"]}
    assert "orders_customer_id_fkey" not in constraints, "its parent customers was not asked for"
    assert "events_order_id_fkey" in constraints
    target.execute(
        "set transaction_read_only = off; insert into public.orders (customer_id, net, created_at) values (1, 1, now())"
    )


def test_an_unknown_table_is_refused_with_a_list_of_those_there_are(
    age_stock: Stock, postgres: PostgresCluster, target: Database
) -> None:
    before = postgres.databases()
    result = run_module("pg_restore", age_stock.arguments(target={"dsn": target.dsn()}, tables=["public.ordesr"]))
    assert (
        result["failed"] and "public.ordesr is not in this backup" in result["msg"] and "audit.changes" in result["msg"]
    )
    assert postgres.databases() == before
