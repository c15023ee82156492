# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""restore_verify on databases that forbid things, reach out, or are named oddly: good backups of them are proven, what
was not looked at is said, and there is always a report.
"""

from __future__ import annotations

import json
import os
import pathlib
import socket
import typing as t

import pytest
from psycopg2 import sql

from tests.integration.backups import Stock
from tests.integration.modules import result_of, run_module, start_module
from tests.integration.proofs import ends_in_a_report, says_that_nothing_was_compared
from tests.lab.notified import silent_service
from tests.lab.postgres import Database, PostgresCluster


def _proven(stock: Stock, folder: pathlib.Path, **options: t.Any) -> dict[str, dict[str, t.Any]]:
    """The checks, by id, of the report of a verification that passed."""
    result = run_module("pg_verify", stock.arguments(report_dir=str(folder / "reports"), **options))
    assert result.get("verdict") == "passed", result["msg"]
    assert all(control["status"] == "passed" for control in result["controls"]), result["controls"]
    return _checks(result)


def _checks(result: dict[str, t.Any]) -> dict[str, dict[str, t.Any]]:
    report = json.loads(pathlib.Path(result["report_files"]["json"]).read_bytes())
    return {check["id"]: check for check in report["checks"]}


_FORBIDDEN = {
    "a publication of tables without a key (B1)": """
        create table event_log (what text); insert into event_log values ('a'), ('b'), ('c');
        create publication dbz for all tables""",
    "an event trigger that raises on all DDL (B2)": """
        create table t as select 1 as i;
        create function no_ddl() returns event_trigger language plpgsql as
          $$ begin raise 'DDL only through migrations (%)', tg_tag; end $$;
        create event trigger migrations_only on ddl_command_start execute function no_ddl()""",
    "an event trigger that raises on drops": """
        create table t as select 1 as i; create publication p for table t;
        create function no_drop() returns event_trigger language plpgsql as $$ begin raise 'no %', tg_tag; end $$;
        create event trigger nothing_dropped on sql_drop execute function no_drop()""",
    "a trigger that always fires and refuses": """
        create table t as select 1 as i;
        create function never() returns trigger language plpgsql as $$ begin raise 'rows are for ever'; end $$;
        create trigger never before delete on t for each row execute function never();
        alter table t enable always trigger never""",
    "a trigger of replicas that keeps rows": """
        create table t as select 1 as i;
        create function kept() returns trigger language plpgsql as $$ begin return null; end $$;
        create trigger kept before delete on t for each row execute function kept();
        alter table t enable replica trigger kept""",
    "a rule that always does something else": """
        create table t as select 1 as i; create rule kept as on delete to t do instead nothing;
        alter table t enable always rule kept""",
    "rights on what belongs to the system": """
        create table t as select 1 as i; grant select (rolname) on pg_authid to public;
        grant execute on function pg_reload_conf() to public; revoke execute on function pg_backend_pid() from public;
        revoke select on pg_stats from public; revoke select on information_schema.tables from public;
        revoke all on schema public from public; comment on schema public is 'ours'""",
    "policies for everybody": """
        create table t as select 1 as i; alter table t enable row level security, force row level security;
        create policy none_at_all on t using (false)""",
    "keys between texts of other collations (B3)": """
        create collation german (provider = icu, locale = 'de-DE');
        create table parent (k text collate "C" primary key); insert into parent values ('a'), ('B');
        create table child (k text collate german references parent); insert into child values ('a'), ('B'), (null)""",
    "a column that the parent got later (B7)": """
        create table a (id int, name text); create table b (bark int) inherits (a);
        alter table a add column late int default 42;
        insert into b (id, name, bark) select i, 'dog ' || i, -i from generate_series(1, 20) i""",
    "a sequence that a view owns": """
        create table t as select 1 as i; create function boom() returns int language plpgsql as
          $$ begin raise 'a view was asked'; end $$;
        create view v as select boom() as n; create sequence s; select nextval('s'); alter sequence s owned by v.n""",
    "names of every kind": """
        create schema "select"; create table "select"."from ""x"" %s {} \\" ("where" serial primary key, "c%I" text);
        insert into "select"."from ""x"" %s {} \\" ("c%I") values ('x');
        create table "select"."to" ("of" int references "select"."from ""x"" %s {} \\");
        insert into "select"."to" values (1)""",
    "functions and operators that hide the system's own": """
        create table t (i serial primary key); insert into t select from generate_series(1, 3);
        create function public.max(int) returns int language sql as 'select 0';
        create function public.count() returns int language sql as 'select 0';
        create schema pg_lifeboat_not; create table pg_class (relname text)""",
}


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param(text, id=name, marks=[pytest.mark.soak] * (name == "a sequence that a view owns"))
        for name, text in _FORBIDDEN.items()
    ],
)
def test_what_a_database_forbids_does_not_stop_its_proof(
    empty_database: Database, tmp_path: pathlib.Path, schema: str
) -> None:
    empty_database.execute(schema.replace("create schema pg_lifeboat_not; ", ""))
    stock = Stock.new(tmp_path, encryption="none")
    stock.back_up(empty_database)
    try:
        checks = _proven(stock, tmp_path)
    finally:
        for trigger in ("migrations_only", "nothing_dropped"):
            empty_database.execute(f"drop event trigger if exists {trigger}")
    assert checks["structure.indexes"]["status"] == "passed" and checks["content.rows"]["status"] == "passed"


def test_a_proof_never_calls_another_server_and_says_what_it_did_not_read(
    empty_database: Database, tmp_path: pathlib.Path
) -> None:
    """B4: foreign tables, a partition that is one, and materialized views above them."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        empty_database.execute(
            f"""create extension postgres_fdw;
            create server other foreign data wrapper postgres_fdw options (host '127.0.0.1', port '{port}', dbname 'x');
            create user mapping for public server other options (user 'x', password 'not shown');
            create foreign table remote_orders (id serial, v text) server other;
            create table parts (id serial, day int) partition by range (day);
            create table parts_here partition of parts for values from (0) to (10);
            create foreign table parts_there partition of parts for values from (10) to (20) server other;
            insert into parts (day) values (1), (2);
            create materialized view far as select * from remote_orders with no data;
            create view between as select id from far union all select id from parts;
            create materialized view further as select count(*) as n from between with no data"""
        )
        stock = Stock.new(tmp_path, encryption="none")
        stock.back_up(empty_database)
        # As a source that could reach the other server when it filled them: the archive then fills them as well.
        listener.setblocking(False)
        checks = _proven(stock, tmp_path)
        with pytest.raises(BlockingIOError):
            listener.accept()
    said = {item["name"]: item for item in checks["content.unread"]["items"]}
    assert said["public.remote_orders"]["status"] == "skipped"
    assert "another server" in said["public.remote_orders"]["message"]
    assert "public.far" in said and "public.further" in said
    skipped = {item["name"]: item["message"] for item in checks["structure.sequences"]["items"]}
    assert "another server" in skipped["public.parts_id_seq for public.parts.id"]


def test_a_value_that_setval_has_set_and_nobody_has_called_is_recorded_and_compared(
    empty_database: Database, tmp_path: pathlib.Path
) -> None:
    """B6."""
    empty_database.execute(
        """create sequence s; select setval('s', 33, false); create sequence called; select nextval('called');
        create sequence down increment -5 maxvalue 100 start 100; create table t (i serial); create sequence fresh;
        insert into t default values"""
    )
    stock = Stock.new(tmp_path, encryption="none")
    stock.back_up(empty_database)
    manifest = json.loads((stock.backup_folder() / "manifest.json").read_bytes())
    recorded = {entry["name"]: entry for entry in manifest["content"]["sequences"]}
    assert (recorded["s"]["last_value"], recorded["s"]["is_called"]) == (33, False)
    assert (recorded["called"]["last_value"], recorded["called"]["is_called"]) == (1, True)
    assert (recorded["down"]["last_value"], recorded["down"]["is_called"]) == (100, False)
    checks = _proven(stock, tmp_path)
    assert {item["name"]: item["observed"] for item in checks["structure.sequences"]["items"]}["public.s"] == 33

    stock.rewrite_manifest(lambda content: _next(content, "s", 34))
    result = run_module("pg_verify", stock.arguments(report_dir=str(tmp_path / "red")))
    assert _checks(result)["structure.sequences"]["status"] == "failed" and "public.s" in result["msg"]


def _next(content: dict[str, t.Any], name: str, value: int) -> None:
    next(entry for entry in content["sequences"] if entry["name"] == name)["last_value"] = value


def test_names_of_bytes_that_are_no_text_are_proven(postgres: PostgresCluster, tmp_path: pathlib.Path) -> None:
    """B5: a database of no encoding, whose names are bytes."""
    name = postgres.create_database("bytes of names", encoding="SQL_ASCII", locale="C")
    database = Database(postgres, name)
    with database.connect() as session, session.cursor() as cursor:
        session.autocommit = True
        cursor.execute(
            b"""create table "t\xe4ble" ("c\xf6l" serial primary key, v text);
            insert into "t\xe4ble" (v) values ('\xfc');
            create table "k\xefnd" (p int references "t\xe4ble"); insert into "k\xefnd" values (1);
            create sequence "s\xe9q"; select setval('"s\xe9q"', 7, false);
            create publication "p\xfcb" for all tables"""
        )
    session.close()
    stock = Stock.new(tmp_path, encryption="none")
    try:
        stock.back_up(database)
        checks = _proven(stock, tmp_path)
        assert checks["structure.foreign_keys"]["status"] == "passed"
    finally:
        postgres.drop_database(name)


@pytest.mark.parametrize(
    ("encoding", "client"), [("LATIN1", ""), ("EUC_JP", ""), ("UTF8", "LATIN1"), ("SQL_ASCII", "")]
)
def test_a_role_whose_name_has_another_encoding_than_the_database_is_proven(
    postgres: PostgresCluster, tmp_path: pathlib.Path, encoding: str, client: str
) -> None:
    """B5: names of roles are shared by databases of every encoding."""
    name = postgres.create_database(f"roles in {encoding}", encoding=encoding, locale="C")
    postgres.execute('create role "rôle"')
    try:
        database = Database(postgres, name)
        if client:
            setting = sql.SQL("alter database {} set client_encoding = {}")
            database.execute(setting.format(sql.Identifier(name), sql.Identifier(client)))
        with database.connect() as session, session.cursor() as cursor:
            cursor.execute("create table owned as select 1 as i")
            cursor.execute(
                "do $$ declare r text; begin "
                "for r in select quote_ident(rolname) from pg_roles where rolname like 'r%le' loop "
                "execute 'alter table owned owner to ' || r; end loop; end $$"
            )
            session.commit()
        session.close()
        stock = Stock.new(tmp_path, encryption="none")
        stock.back_up(database)
        _proven(stock, tmp_path)
    finally:
        postgres.drop_database(name)
        postgres.execute('drop role "rôle"')


def test_a_database_without_a_table_says_that_nothing_was_compared(
    empty_database: Database, tmp_path: pathlib.Path
) -> None:
    stock = Stock.new(tmp_path, encryption="none")
    result = stock.back_up(empty_database)
    assert "holds no table at all" in str(result.get("warnings"))
    checked = run_module("pg_verify", stock.arguments(report_dir=str(tmp_path / "reports")))
    checks = _checks(checked)
    assert checks["content.unread"]["status"] == "skipped" and "no table" in checks["content.unread"]["message"]
    assert checks["content.rows"]["status"] == "skipped", "nothing compared is not equal"
    says_that_nothing_was_compared("postgresql", checked)


def test_what_a_filter_left_out_is_said(empty_database: Database, tmp_path: pathlib.Path) -> None:
    empty_database.execute("create table kept as select 1 as i; create table logs as select 1 as i")
    stock = Stock.new(tmp_path, encryption="none")
    stock.back_up(empty_database, exclude_table_data=["logs"])
    said = _proven(stock, tmp_path)["content.unread"]
    assert "public.logs" in said["message"] and "exclude_table_data: logs" in {item["name"] for item in said["items"]}


def test_a_question_that_cannot_be_asked_is_an_error_and_all_others_are_asked(
    empty_database: Database, tmp_path: pathlib.Path
) -> None:
    """A user's query that ends its own session ends no other check."""
    empty_database.execute("create table t (i serial primary key); insert into t select from generate_series(1, 3)")
    stock = Stock.new(tmp_path, encryption="none")
    stock.back_up(empty_database)
    questions = [
        {"name": "ends itself", "query": "select pg_terminate_backend(pg_backend_pid())", "value": True},
        {"name": "still asked", "query": "select count(*) from t", "value": 3},
    ]
    result = run_module("pg_verify", stock.arguments(report_dir=str(tmp_path / "reports"), checks=questions))
    checks = _checks(result)
    assert result["verdict"] == "failed"
    assert (checks["custom.1"]["status"], checks["custom.2"]["status"]) == ("error", "passed")
    assert list((stock.backup_folder() / "verified").iterdir()), "the proof is recorded"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account")
def test_what_root_writes_belongs_to_the_repositorys_owner_and_an_account_with_a_server_is_refused(
    postgres: PostgresCluster, empty_database: Database, tmp_path: pathlib.Path
) -> None:
    empty_database.execute("create table t as select 1 as i")
    stock = Stock.new(tmp_path, encryption="none")
    stock.back_up(empty_database)
    repository = pathlib.Path(stock.repositories[0]["path"])
    reports = tmp_path / "reports"
    reports.mkdir()
    for path in [reports, repository, *repository.rglob("*")]:
        os.chown(path, 65534, 65534)
    refused = run_module("pg_verify", stock.arguments(scratch_account="postgres"))
    assert (
        refused["failed"]
        and "runs a server on this host" in refused["msg"]
        and "scratch_shares_account" in (refused["hint"])
    )
    assert run_module("pg_verify", stock.arguments(report_dir=str(reports)))["verdict"] == "passed"
    written = [*repository.rglob("*"), *reports.iterdir()]
    assert {path.stat().st_uid for path in written} == {65534} and any("verified" in str(path) for path in written)


def test_a_server_that_dies_in_a_proof_leaves_a_report(age_stock: Stock, scratch_base: pathlib.Path) -> None:
    def verify(**more: t.Any) -> dict[str, t.Any]:
        return run_module("pg_verify", age_stock.arguments(record=False, **more))

    ends_in_a_report("postgresql", verify, scratch_base, "postgres")


_VERIFIERS = ("pg", "pg_physical", "pgbackrest", "jetstream", "s3", "paths", "redis")


def test_a_silent_bucket_is_waited_for_within_the_time_limit_by_every_store() -> None:
    """Without it, each of these asks for ten minutes."""
    with silent_service() as port:
        place = {"bucket": "b", "endpoint_url": f"http://127.0.0.1:{port}", "region": "us-east-1"}
        said: dict[str, t.Any] = {
            "app": "shop",
            "component": "codex",
            "repositories": [{**place, "access_key": "key", "secret_key": "secret"}],
            "time_limit": "2s",
        }
        own = {"paths": {"restic_password_file": "/etc/hostname"}}
        started = [start_module(f"{name}_verify", {**said, **own.get(name, {})}) for name in _VERIFIERS]
        for process in [*started, start_module("backup_info", said)]:
            assert "the time limit of 2 s for all requests is over" in result_of(process)["msg"]
