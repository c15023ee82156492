# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tables that this collection keeps in a live database: whoever made one of that name before gains nothing."""

from __future__ import annotations

import contextlib
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import Connection
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical import _markers
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby import _fence, _promote, _state
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._heartbeat import DatabaseBeater

from tests.lab.postgres import Database, PostgresCluster

_TABLES = {
    "lifeboat.pitr_marker": "point text, side text, at timestamptz default now(), primary key (point, side)",
    "lifeboat.heartbeat": "counter bigint primary key, at timestamptz default now(), epoch bigint default 0",
    "lifeboat.promotion": "epoch bigint primary key, at timestamptz default now(), timeline int, run_id text",
}
_TRAP = """
    set role mallory;
    create schema lifeboat;
    create table {table} ({columns});
    create function lifeboat.take() returns trigger language plpgsql as
      $$ begin execute 'alter role mallory superuser'; return new; end $$;
    create trigger take before insert on {table} for each row execute function lifeboat.take()
"""
_VIEW = """
    set role mallory;
    create schema lifeboat;
    create function lifeboat.take() returns bigint language plpgsql as
      $$ begin execute 'alter role mallory superuser'; return 1; end $$;
    create view {table} as select lifeboat.take() as counter, now() as at, 1::bigint as epoch, 1 as timeline,
      'a'::text as point, 'before'::text as side
"""


def _connection(database: Database) -> Connection:
    return Connection(database.cluster.parameters(database.name))


def _plant(database: Database) -> None:
    with contextlib.closing(_connection(database).connect()) as session, session.cursor() as cursor:
        _markers.plant(cursor, database.name, "a point")


def _rows(database: Database) -> None:
    with contextlib.closing(_connection(database).connect()) as session, session.cursor() as cursor:
        _markers.rows(cursor)


def _beat(database: Database) -> None:
    DatabaseBeater(_connection(database)).beat(1)


def _promotion(database: Database) -> None:
    state = _state.read_state(_connection(database))
    _promote._write_and_read_back(_connection(database), state, _promote.Wanted())


@pytest.fixture
def mallory(postgres: PostgresCluster, empty_database: Database) -> t.Iterator[Database]:
    """A database in which a plain role may create schemas."""
    postgres.create_role("mallory")
    empty_database.execute(f'grant create on database "{empty_database.name}" to mallory')
    yield empty_database
    empty_database.execute("drop owned by mallory cascade")
    postgres.drop_role("mallory")


@pytest.mark.parametrize(
    ("table", "use"),
    [("lifeboat.pitr_marker", _plant), ("lifeboat.heartbeat", _beat), ("lifeboat.promotion", _promotion)],
)
def test_a_table_that_a_plain_role_has_made_is_not_written_to(
    mallory: Database, table: str, use: t.Callable[[Database], None]
) -> None:
    mallory.execute(_TRAP.format(table=table, columns=_TABLES[table]))
    with pytest.raises(LifeboatError, match=f"{table} belongs to the role mallory") as refused:
        use(mallory)
    assert "ALTER TABLE" in refused.value.hint
    assert mallory.value("select rolsuper from pg_roles where rolname = 'mallory'") is False
    mallory.execute(f"drop trigger take on {table}; alter table {table} owner to current_user")
    use(mallory)
    assert mallory.value(f"select count(*) from {table}") > 0


@pytest.mark.parametrize(
    ("table", "use"),
    [
        ("lifeboat.pitr_marker", _rows),
        ("lifeboat.pitr_marker", _plant),
        ("lifeboat.heartbeat", lambda database: _state.read_state(_connection(database))),
        ("lifeboat.promotion", _promotion),
    ],
)
def test_a_view_in_the_place_of_a_table_is_not_asked(
    mallory: Database, table: str, use: t.Callable[[Database], None]
) -> None:
    mallory.execute(_VIEW.format(table=table))
    with pytest.raises(LifeboatError, match=f"{table} is not a plain table, and belongs to the role mallory"):
        use(mallory)
    assert mallory.value("select rolsuper from pg_roles where rolname = 'mallory'") is False


def test_a_database_that_refuses_every_definition_can_be_fenced_and_unfenced_as_far_as_the_probe_goes(
    empty_database: Database,
) -> None:
    """The probe's CREATE TABLE meets an event trigger, which says nothing about a fence."""
    empty_database.execute(
        """create function no_ddl() returns event_trigger language plpgsql as $$ begin raise 'no %', tg_tag; end $$;
        create event trigger no_ddl on ddl_command_start execute function no_ddl()"""
    )
    try:
        assert _fence.refuses_writes(_connection(empty_database)) is False
        empty_database.execute(f'alter database "{empty_database.name}" set default_transaction_read_only = on')
        assert _fence.refuses_writes(_connection(empty_database)) is True
    finally:
        with contextlib.closing(empty_database.connect()) as session, session.cursor() as cursor:
            cursor.execute("set default_transaction_read_only = off")
            cursor.execute("drop event trigger no_ddl")
