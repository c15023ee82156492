# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restores of a database whose table owner is hostile: what its functions try while the rows are loaded, and that none
of it leaves the scratch server's own folder.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import typing as t

import psycopg2
import pytest

from tests.integration.backups import Stock
from tests.integration.modules import run_module
from tests.lab.postgres import Database, PostgresCluster

ACCOUNT = "lifeboat-scratch"
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account"),
    pytest.mark.not_by_hand(
        "stock pg_restore runs what the table owner wrote as the superuser of a server of the tests"
    ),
]

# Each is tried in a subtransaction of its own; what came of it is written down.
_ATTEMPTS = {
    "program": "copy (select 1) to program 'touch {marks}/program'",
    "daemon": "copy (select 1) to program 'setsid sleep 300 &'",
    "read by program": "copy hostile.a_findings from program 'cat {key}'",
    "file": "copy (select 1) to '{marks}/file'",
    "large object": """do $do$ declare o oid := lo_from_bytea(0, 'x'); begin
        perform lo_export(o, '{marks}/large_object'); end $do$""",
    "key": "insert into hostile.a_findings select 'the key', pg_read_file('{key}')",
    "passwords": "insert into hostile.a_findings select 'the passwords', pg_read_file('/etc/shadow')",
    "root": "insert into hostile.a_findings select 'root', string_agg(f, ' ' order by f) from pg_ls_dir('/') f",
    "network": "select public.dblink_connect('a', 'host=127.0.0.1 port={port} user=x dbname=x connect_timeout=5')",
    "production": "select public.dblink_connect('b', 'host={production} port={port} user=x dbname=x')",
    "c function": """create function hostile.system(cstring) returns int language c
        as '/usr/lib/x86_64-linux-gnu/libc.so.6', 'system'""",
    "library": """do $do$ declare o oid := lo_from_bytea(0, pg_read_binary_file('{library}')); begin
        perform lo_export(o, 'evil.so');
        execute format('load %L', current_setting('data_directory') || '/evil.so'); end $do$""",
    "setting": "alter system set listen_addresses = '*'",
    "memory": "select length(repeat(repeat('x', 1000000000), 2))",
}


class Enemy(t.NamedTuple):
    """A backup of the hostile database, and what its functions were told to reach.

    ``demands`` says that they refuse to let rows in unless they run as a superuser, as some honest ones do as well.
    """

    demands: bool
    stock: Stock
    marks: pathlib.Path
    listener: socket.socket


@pytest.fixture(
    scope="module", params=[False, pytest.param(True, marks=pytest.mark.soak)], ids=["patient", "demanding"]
)
def enemy(
    postgres: PostgresCluster, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> t.Iterator[Enemy]:
    """A plain role owns a table with a CHECK function, an index and a trigger that attack whoever else runs them."""
    marks = pathlib.Path(f"/var/tmp/lifeboat-test-marks-{os.getpid()}")
    marks.mkdir()
    marks.chmod(0o777)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    stock = Stock.new(tmp_path_factory.mktemp("hostile"))
    name = postgres.create_database("hostile")
    postgres.create_role("mallory")
    places = {
        "marks": marks,
        "key": stock.keys.read["identity_file"],
        "port": listener.getsockname()[1],
        "production": postgres.folder,
        "library": postgres.bin_dir.parent / "lib" / "dblink.so",
    }
    tried = "\n".join(
        f"perform hostile.attempt({_literal(what)}, {_literal(statement.format(**places))});"
        for what, statement in _ATTEMPTS.items()
    )
    database = Database(postgres, name)
    database.execute(
        f"""
        create extension dblink; create schema hostile authorization mallory; set role mallory;
        create table hostile.a_findings (what text, said text);
        create function hostile.attempt(what text, statement text) returns void language plpgsql as $$
        begin
          execute statement; insert into hostile.a_findings values (what, 'done');
        exception when others or query_canceled then insert into hostile.a_findings values (what, sqlerrm); end $$;
        create function hostile.attack(i int) returns boolean language plpgsql immutable as $$
        begin return hostile.really(i); end $$;
        create function hostile.really(i int) returns boolean language plpgsql as $$
        begin
          if session_user = 'mallory' or current_user = 'mallory' then return true; end if;
          if {request.param} and current_setting('is_superuser') = 'off' then raise insufficient_privilege; end if;
          insert into hostile.a_findings values ('superuser', current_setting('is_superuser'));
          {tried}
          return true;
        end $$;
        create function hostile.fire() returns trigger language plpgsql as $$
        begin perform hostile.really(0); return coalesce(new, old); end $$;
        create table hostile.trap (i int check (hostile.attack(i)), g boolean generated always as
          (hostile.attack(i)) stored);
        insert into hostile.trap values (1), (2);
        create index on hostile.trap (hostile.attack(i));
        create trigger fire before insert or update or delete on hostile.trap for each row
          execute function hostile.fire();
        alter table hostile.trap enable always trigger fire;
        """
    )
    stock.back_up(database)
    yield Enemy(request.param, stock, marks, listener)
    postgres.drop_database(name)
    postgres.drop_role("mallory")
    listener.close()
    shutil.rmtree(marks)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _left_nothing(enemy: Enemy) -> None:
    """Nothing was written, nobody was called, and no process is left."""
    assert list(enemy.marks.iterdir()) == []
    with pytest.raises(BlockingIOError):
        enemy.listener.accept()


def _processes() -> list[str]:
    """What runs as the scratch account."""
    uid, found = pwd.getpwnam(ACCOUNT).pw_uid, []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if process.stat().st_uid == uid:
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


def test_what_a_table_owner_wrote_reaches_nothing_of_the_host(enemy: Enemy, scratch_base: pathlib.Path) -> None:
    result = run_module("pg_restore", enemy.stock.arguments(target={"scratch": True}, scratch_dir=str(scratch_base)))
    assert not result.get("failed"), result["msg"]
    scratch = result["scratch"]
    try:
        with (
            contextlib.closing(
                psycopg2.connect(
                    host=scratch["host"], port=scratch["port"], user=scratch["user"], dbname=result["database"]
                )
            ) as session,
            session.cursor() as cursor,
        ):
            cursor.execute("select what, said from hostile.a_findings")
            found: list[tuple[str, str]] = cursor.fetchall()
    finally:
        subprocess.run(scratch["remove_command"], shell=True, check=True, capture_output=True, cwd="/")
    print(*found, sep="\n")
    assert list(scratch_base.iterdir()) == []
    _left_nothing(enemy)
    tried = {what for what, _said in found}
    assert set(_ATTEMPTS) <= tried, "the test shows nothing where nothing was tried"
    assert not any(said == "done" for what, said in found if what != "root"), found
    rights = {said for what, said in found if what == "superuser"}
    seen = {said for what, said in found if what == "root"}
    assert f"account {ACCOUNT}" in scratch["isolation"]
    if enemy.demands:
        assert rights == {"on"} and scratch["rows_loaded_by"].startswith("a superuser (")
        assert "done" in seen and not any("home" in names or "proc" in names or "tmp" in names for names in seen), seen
        assert "as a superuser" in str(result["warnings"])
    else:
        assert rights == {"off"} and scratch["rows_loaded_by"] == "a role that is not a superuser"
        assert all("permission denied" in said for said in seen), seen
    assert not any(str(scratch_base) in process for process in _processes())


@pytest.mark.parametrize("profile", ["quick", "full"])
def test_a_proof_of_a_hostile_database_ends_in_a_report(
    enemy: Enemy, profile: str, tmp_path: pathlib.Path, scratch_base: pathlib.Path
) -> None:
    arguments = enemy.stock.arguments(profile=profile, scratch_dir=str(scratch_base), report_dir=str(tmp_path))
    result = run_module("pg_verify", arguments)
    assert result["verdict"] in ("passed", "failed") and len(list(tmp_path.glob("*.json"))) == 1
    assert list(scratch_base.iterdir()) == []
    _left_nothing(enemy)
    text = next(iter(tmp_path.glob("*.json"))).read_text(encoding="utf-8")
    assert ("a superuser (" if enemy.demands else "a role that is not a superuser") in text, (
        "who loaded the rows is said"
    )
    assert "AGE-SECRET-KEY" not in text and f"account {ACCOUNT}" in text
    assert not any(str(scratch_base) in process for process in _processes())
