# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""restore_verify on backups that are not right: each fault makes it red, with words that name it."""

from __future__ import annotations

import json
import pathlib
import signal
import time
import typing as t

import pytest

from tests.integration.backups import Stock, cut, flip_byte, is_alive, keys_of, server_below
from tests.integration.modules import run_module, start_module
from tests.lab.postgres import Database, PostgresCluster
from tests.lab.smalldisk import SmallDisk

Copied = t.Callable[..., Stock]


def _red(result: dict[str, t.Any]) -> dict[str, dict[str, t.Any]]:
    """The checks of a verification that failed and said so."""
    assert result["failed"] and result["verdict"] == "failed", result
    return {check["id"]: check for check in result["checks"]}


@pytest.mark.parametrize("profile", ["artifact", "quick"])
def test_a_flipped_byte_is_red(profile: str, plain_stock: Stock, copied: Copied) -> None:
    stock = copied(plain_stock)
    flip_byte(stock.stored("data"))
    result = run_module("pg_verify", stock.arguments(profile=profile))
    check = _red(result)["artifact.stored" if profile == "artifact" else "restore.restore"]
    assert check["status"] == "failed" and stock.stored("data").name in result["msg"] and "SHA-256" in result["msg"]
    assert (result["msg"].count(check["title"]), result["msg"].count("SHA-256")) == (1, 1), "a reason is said once"


def test_a_cut_tail_is_red_and_recorded_so_that_it_is_no_longer_the_newest_verified(
    age_stock: Stock, copied: Copied
) -> None:
    stock = copied(age_stock)
    assert run_module("pg_verify", stock.arguments(profile="artifact"))["verdict"] == "passed"
    time.sleep(1.1)  # proofs are told apart by the second
    cut(stock.stored("whole"))
    assert _red(run_module("pg_verify", stock.arguments(profile="artifact")))["artifact.stored"]["status"] == "failed"
    gone = run_module("pg_verify", stock.arguments(backup="newest_verified", profile="artifact"))
    assert gone["failed"] and "fits no backup" in gone["msg"]


def test_damaged_globals_are_red_and_do_not_keep_the_rows_from_being_proven(plain_stock: Stock, copied: Copied) -> None:
    stock = copied(plain_stock)
    flip_byte(stock.stored("globals"))
    checks = _red(run_module("pg_verify", stock.arguments()))
    assert checks["structure.globals"]["status"] == "failed" and checks["artifact.stored"]["status"] == "failed"
    assert checks["content.rows"]["status"] == "passed"
    said = (checks["structure.globals"]["message"], checks["artifact.stored"]["message"])
    assert said[0].endswith("wrong: globals: the stored file is damaged") and "SHA-256" in said[1]


def test_a_wrong_key_is_told_and_is_no_proof_that_the_backup_is_bad(
    age_stock: Stock, copied: Copied, tmp_path: pathlib.Path
) -> None:
    stock = copied(age_stock)
    result = run_module("pg_verify", stock.arguments(profile="artifact", encryption=keys_of("age", tmp_path).read))
    assert result["failed"] and "No key given opens this backup" in result["msg"] and "verdict" not in result
    assert not (stock.backup_folder() / "verified").exists()


def test_rows_that_are_not_those_of_the_manifest_are_red(plain_stock: Stock, copied: Copied) -> None:
    stock = copied(plain_stock)
    stock.rewrite_manifest(_other_customers)
    result = run_module("pg_verify", stock.arguments())
    checks = _red(result)
    assert checks["artifact.content"]["status"] == "failed" and checks["content.rows"]["status"] == "failed"
    assert "public.customers" in result["msg"]
    assert checks["structure.sequences"]["status"] == "failed", "a sequence is behind what the manifest says"


def _other_customers(content: dict[str, t.Any]) -> None:
    next(table for table in content["tables"] if table["name"] == "customers")["sha256"] = "0" * 64
    content["sequences"][0]["last_value"] += 1_000_000


@pytest.mark.parametrize("fingerprint", ["stream", "rows"])
def test_a_large_object_of_another_content_is_red(
    empty_database: Database, tmp_path: pathlib.Path, fingerprint: str
) -> None:
    empty_database.execute("select lo_from_bytea(4711, 'what it was'); create table t as select 1 as i")
    stock = Stock.new(tmp_path, encryption="none")
    stock.back_up(empty_database, fingerprint=fingerprint)
    stock.rewrite_manifest(lambda content: content["large_objects"].update(sha256="0" * 64))
    assert _red(run_module("pg_verify", stock.arguments()))["content.large_objects"]["status"] == "failed"


@pytest.mark.not_by_hand("stock pg_restore refuses the orphan, too")
def test_an_orphan_at_the_source_is_red(empty_database: Database, tmp_path: pathlib.Path) -> None:
    empty_database.execute(
        "create table p (i int primary key); create table c (i int references p); set session_replication_role = "
        "replica;"
        "insert into c values (7)"
    )
    stock = Stock.new(tmp_path, encryption="none")
    stock.back_up(empty_database)
    check = _red(run_module("pg_verify", stock.arguments()))["restore.restore"]
    assert check["status"] == "failed" and 'violates foreign key constraint "c_i_fkey"' in check["message"]


_BEHIND_THE_BACK = {
    "revoke all on told.ledger from told_reader": "ACL told.TABLE ledger",
    "create policy more on told.ledger using (true)": "POLICY told.ledger more",
    "alter table told.ledger alter column v set storage external": "TABLE told.ledger",
    "alter table told.ledger owner to told_reader": "TABLE told.ledger, owned by told_owner",
    "comment on table told.ledger is null": "COMMENT told.TABLE ledger",
    "alter default privileges for role told_owner grant all on tables to public": "DEFAULT ACL",
    "create function told.added() returns int language sql as 'select 1'": "FUNCTION told.added()",
}


@pytest.mark.soak
def test_what_a_function_of_the_source_changes_while_rows_are_loaded_is_red(
    postgres: PostgresCluster, empty_database: Database, tmp_path: pathlib.Path
) -> None:
    """A CHECK function runs as whoever loads the rows. What it does to definitions leaves every row as it was."""
    for role in ("told_owner", "told_reader"):
        postgres.create_role(role)
    deeds = "; ".join(f"execute {_literal(deed)}" for deed in _BEHIND_THE_BACK)
    try:
        empty_database.execute(
            f"""create schema told authorization told_owner; grant all on schema told to told_reader;
            create table told.ledger (v text); insert into told.ledger values ('a'); alter table told.ledger enable row
            level security; create policy own on told.ledger using (true); alter table told.ledger owner to told_owner;
            grant select on told.ledger to told_reader; comment on table told.ledger is 'every booking';
            create function told.quietly() returns boolean language plpgsql as $$
            begin if session_user = 'lifeboat_loader' then {deeds}; end if; return true; end $$;
            create table told.z (i int check (told.quietly())); insert into told.z values (1);
            alter table told.z owner to told_owner; alter function told.quietly() owner to told_owner"""
        )
        stock = Stock.new(tmp_path, encryption="none")
        stock.back_up(empty_database)
        result = run_module("pg_verify", stock.arguments(report_dir=str(tmp_path / "reports")))
        checks = _red(result)
        assert checks["content.rows"]["status"] == "passed", "every row is there"
        assert checks["structure.definitions"]["status"] == "failed"
        report = json.loads(pathlib.Path(result["report_files"]["json"]).read_bytes())
        found = next(check for check in report["checks"] if check["id"] == "structure.definitions")
        wrong = "\n".join(item["name"] for item in found["items"])
        assert [name for name in _BEHIND_THE_BACK.values() if name not in wrong] == [], wrong
    finally:
        empty_database.execute("drop owned by told_owner, told_reader cascade")
        for role in ("told_owner", "told_reader"):
            postgres.drop_role(role)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def test_a_damaged_second_copy_is_red_with_the_full_profile(plain_stock: Stock, copied: Copied) -> None:
    stock = copied(plain_stock, copies=2)
    flip_byte(stock.stored("data", copy=1))
    check = _red(run_module("pg_verify", stock.arguments()))["artifact.copies"]
    assert check["status"] == "failed" and stock.repositories[1]["path"] in check["message"]
    flip_byte(stock.backup_folder(copy=1) / "manifest.json")
    check = _red(run_module("pg_verify", stock.arguments()))["artifact.copies"]
    assert check["status"] == "failed" and "manifest.json" in check["message"]


def test_the_users_own_questions_pass_fail_or_are_no_questions(plain_stock: Stock, copied: Copied) -> None:
    stock = copied(plain_stock)
    questions = [
        ({"query": "select count(*) from orders", "operator": ">=", "value": 2000}, "passed"),
        ({"query": "select sum(net) from orders", "operator": ">", "value": "1e9"}, "failed"),
        ({"query": "select max(created_at) from orders", "newer_than": "1h"}, "failed"),
        ({"query": "select now()", "newer_than": "1h"}, "passed"),
        ({"query": "select name from parents where false", "value": "x"}, "error"),
        ({"query": "select id from orders", "value": 1}, "error"),
        ({"query": "select null::int", "operator": "<", "value": 1}, "failed"),
        ({"query": "select wrong from nowhere", "value": 1}, "error"),
        ({"query": "delete from orders returning 1", "value": 1}, "error"),
        ({"query": "select '0044-03-15 BC'::timestamp", "newer_than": "1h"}, "error"),
        ({"query": "select fraction from all_types where id = 1", "operator": ">", "value": 1}, "failed"),
        ({"query": "select true", "value": True}, "passed"),
        ({"query": "show shared_preload_libraries", "value": "auto_explain"}, "passed"),
    ]
    asked = [{"name": f"question {number}", **question} for number, (question, _status) in enumerate(questions)]
    options: dict[str, t.Any] = {"profile": "quick", "checks": asked, "scratch_preload_libraries": ["auto_explain"]}
    checks = _red(run_module("pg_verify", stock.arguments(**options)))
    found = [checks[f"custom.{number + 1}"]["status"] for number in range(len(questions))]
    assert found == [status for _question, status in questions]
    wrong = run_module("pg_verify", stock.arguments(scratch_preload_libraries=["a,b"]))
    assert wrong["failed"] and "scratch_preload_libraries: 'a,b'" in wrong["msg"]


def test_too_small_a_disk_and_missing_programs_are_told_before_anything_is_made(
    plain_stock: Stock, small_disk: SmallDisk
) -> None:
    small = run_module("pg_verify", plain_stock.arguments(scratch_dir=str(small_disk.path)))
    assert small["failed"] and "bytes free" in small["msg"] and str(small_disk.path) in small["msg"]
    assert list(small_disk.path.iterdir()) == []


def test_a_missing_initdb_is_told_with_the_package_that_has_it(
    plain_stock: Stock, source: Database, tmp_path: pathlib.Path
) -> None:
    for program in source.cluster.bin_dir.iterdir():
        if program.name not in ("initdb", "postgres"):
            (tmp_path / program.name).symlink_to(program)
    result = run_module("pg_verify", plain_stock.arguments(bin_dir=str(tmp_path)))
    assert result["failed"] and f"Install the package postgresql-{source.cluster.major}" in result["msg"]


def test_a_killed_verification_leaves_no_server_and_the_next_one_removes_its_folder(
    plain_stock: Stock, scratch_base: pathlib.Path
) -> None:
    arguments = plain_stock.arguments(scratch_dir=str(scratch_base), record=False, profile="quick")
    process = start_module("pg_verify", arguments)
    try:
        server = _wait_for(lambda: _server_in(scratch_base))
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    _wait_for(lambda: not is_alive(server))
    assert len(list(scratch_base.iterdir())) == 1
    result = run_module("pg_verify", arguments)
    assert result["verdict"] == "passed", result["msg"]
    assert list(scratch_base.iterdir()) == []


def _server_in(base: pathlib.Path) -> int:
    return server_below(str(base)) if list(base.glob("*/server/data/postmaster.pid")) else 0


def _wait_for(condition: t.Callable[[], t.Any], seconds: float = 60) -> t.Any:
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
    return found
