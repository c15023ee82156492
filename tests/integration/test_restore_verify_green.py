# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""restore_verify on good backups: every profile passes, the report holds, the proof is recorded, and nothing is
left.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import typing as t

import jsonschema
import pytest

from tests.integration.backups import APP, COMPONENT, Stock
from tests.integration.modules import run_module
from tests.lab.postgres import Database, PostgresCluster
from tests.lab.throwaway import MissingPrerequisiteError

_SCHEMA = pathlib.Path(__file__).parents[2] / "docs" / "schemas" / "report.schema.json"
Copied = t.Callable[..., Stock]


def _passed(result: dict[str, t.Any]) -> dict[str, str]:
    """The statuses of the checks of a verification that passed."""
    assert result.get("verdict") == "passed", result.get("msg")
    assert all(control["status"] == "passed" for control in result["controls"]), result["controls"]
    return {check["id"]: check["status"] for check in result["checks"]}


def test_full_proves_every_row_and_writes_report_and_proof(
    plain_stock: Stock, copied: Copied, tmp_path: pathlib.Path, scratch_base: pathlib.Path
) -> None:
    stock = copied(plain_stock, copies=2)
    arguments = stock.arguments(profile="full", report_dir=str(tmp_path / "reports"), scratch_dir=str(scratch_base))
    result = run_module("pg_verify", arguments)
    checks = _passed(result)
    for check in (
        "artifact.stored", "artifact.content", "artifact.copies", "restore.restore", "content.rows",
        "content.large_objects",
        "structure.sequences", "structure.extensions", "structure.globals", "structure.collations",
        "structure.foreign_keys",
        "structure.indexes",
    ):  # fmt: skip
        assert checks[check] == "passed", check
    assert {control["id"] for control in result["controls"]} == {"control.flip", "control.cut", "control.row"}
    report = json.loads(pathlib.Path(result["report_files"]["json"]).read_bytes())
    jsonschema.validate(report, json.loads(_SCHEMA.read_bytes()))
    assert {table["status"] for table in report["parts"]} == {"passed"}
    assert result["measured"]["restore_seconds"] > 0

    info = run_module("backup_info", {"app": APP, "component": COMPONENT, "repositories": stock.repositories})
    assert info["backups"][0]["verified"] is True, info["backups"][0]
    again = run_module("pg_verify", {**arguments, "backup": "newest_verified", "max_age": "1h"})
    assert again["changed"] is False and again["verdict"] == "passed"
    assert list(scratch_base.iterdir()) == []


@pytest.mark.parametrize("profile", ["artifact", "quick"])
def test_the_lesser_profiles_pass_and_are_no_proof_of_the_greater(
    age_stock: Stock, copied: Copied, profile: str
) -> None:
    stock = copied(age_stock)
    checks = _passed(run_module("pg_verify", stock.arguments(profile=profile)))
    assert ("content.rows" in checks) == (profile == "quick")
    planned = run_module("pg_verify", stock.arguments(profile="full", max_age="1h"), check_mode=True)
    assert planned["changed"] is True, "a weaker proof is not enough"
    same = run_module("pg_verify", stock.arguments(profile=profile, max_age="1h"))
    assert same["changed"] is False
    question = {"name": "one", "query": "select 1", "value": 1}
    asked = run_module("pg_verify", stock.arguments(profile="quick", max_age="1h", checks=[question]))
    assert asked["changed"] and asked["verdict"] == "passed", "a proof that was not asked does not answer"
    renamed = [{**question, "name": "the same question"}]
    for checks_now, new in ((renamed, False), ([], False), ([{**question, "value": 2}], True)):
        again = stock.arguments(profile="quick", max_age="1h", checks=checks_now)
        assert run_module("pg_verify", again, check_mode=True)["changed"] is new, checks_now


@pytest.mark.parametrize(("fingerprint", "jobs"), [("rows", 2), ("count", 1)])
def test_other_fingerprints_pass_in_latin1_with_odd_names(
    postgres: PostgresCluster, tmp_path: pathlib.Path, fingerprint: str, jobs: int
) -> None:
    name = postgres.create_database(f'"q\'uoted" {fingerprint}', encoding="LATIN1", locale="C")
    database = Database(postgres, name)
    database.execute(
        'create table "tâble é" ("cölumn" text, i serial); insert into "tâble é" select \'Zoë \' || i from '
        "generate_series(1, 100) as i;"
        "create materialized view m as select count(*) from \"tâble é\"; select lo_from_bytea(0, '\\x00ff')"
    )
    stock = Stock.new(tmp_path, encryption="none")
    stock.back_up(database, fingerprint=fingerprint, jobs=jobs)
    checks = _passed(run_module("pg_verify", stock.arguments()))
    assert checks["content.rows"] == "passed" and checks["content.large_objects"] == "passed"
    postgres.drop_database(name)


def test_a_backup_of_a_part_of_the_database_passes(empty_database: Database, tmp_path: pathlib.Path) -> None:
    empty_database.execute(
        "create extension citext; create table a (i serial); insert into a default values;"
        "create schema other; create table other.b (i serial); insert into other.b default values"
    )
    stock = Stock.new(tmp_path, encryption="none")
    stock.back_up(empty_database, schemas=["other"], jobs=2)
    _passed(run_module("pg_verify", stock.arguments()))


def test_roles_with_comments_and_settings_come_back(postgres: PostgresCluster, tmp_path: pathlib.Path) -> None:
    name = postgres.create_database("role settings")
    postgres.create_role("setter")
    postgres.execute("alter role setter set search_path = audit, public; comment on role setter is 'it''s; a \"role\"'")
    stock = Stock.new(tmp_path, encryption="none")
    postgres.execute("create table t as select 1 as i", dbname=name)
    stock.back_up(Database(postgres, name))
    checks = _passed(run_module("pg_verify", stock.arguments()))
    assert checks["structure.globals"] == "passed"
    postgres.drop_database(name)
    postgres.drop_role("setter")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account")
def test_a_plain_user_needs_no_root_and_no_account_of_postgres(
    plain_stock: Stock, copied: Copied, scratch_base: pathlib.Path
) -> None:
    place = scratch_base / "repository"
    shutil.copytree(plain_stock.repositories[0]["path"], place)
    for path in [place, *place.rglob("*")]:
        shutil.chown(path, "nobody")
    work = scratch_base / "work"
    work.mkdir()
    shutil.chown(work, "nobody")
    stock = copied(plain_stock)
    stock.repositories = [{"path": str(place)}]
    try:
        result = run_module(
            "pg_verify", stock.arguments(scratch_dir=str(work)), user="nobody", environment={"HOME": str(work)}
        )
    except MissingPrerequisiteError as error:
        pytest.skip(str(error))
    _passed(result)
    assert list(work.iterdir()) == []
