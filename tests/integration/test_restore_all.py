# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook restore_all where one component cannot be restored: the others are, and everybody is told."""

from __future__ import annotations

import datetime
import getpass
import json
import pathlib
import time
import typing as t

from tests.integration.modules import run_module
from tests.integration.test_playbooks import Site
from tests.lab.postgres import Database, PostgresCluster, bin_dir


def _component(name: str, database: Database) -> dict[str, t.Any]:
    return {"name": name, "engine": "postgresql", "dsn": database.dsn(), "bin_dir": str(bin_dir())}


def _damage(file: pathlib.Path) -> bytes:
    """Change a byte in its middle: a look at sizes and manifests does not see it. Gives what was there."""
    content = file.read_bytes()
    middle = len(content) // 2
    file.write_bytes(content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :])
    return content


def test_one_component_that_fails_does_not_keep_those_after_it_from_being_restored_and_is_named(
    postgres: PostgresCluster, tmp_path: pathlib.Path
) -> None:
    names = [postgres.create_database(f"restored_{name}") for name in ("codex", "orders")]
    codex, orders = (Database(postgres, name) for name in names)
    site = Site(tmp_path, codex.dsn())
    site.plan["components"] = [_component("codex", codex), _component("orders", orders)]
    site.plan["objectives"] = {"rto": "1h"}
    taken: dict[str, str] = {}
    for component, database in (("codex", codex), ("orders", orders), ("codex", codex)):
        if component in taken:  # a second backup, of more rows, and not in the same second
            time.sleep(1)
            database.execute("insert into receipts select generate_series(101, 150)")
        else:
            database.execute("create table receipts as select generate_series(1, 100) as id")
        options = {"dsn": database.dsn(), "bin_dir": str(bin_dir()), "state_dir": str(tmp_path / "state")}
        said = {"app": "shop", "component": component, "repositories": site.plan["repositories"]}
        result = run_module("pg_backup", {**said, **options})
        assert not result.get("failed"), result
        taken[component] = result["backup_id"]
    for database in (codex, orders):
        postgres.drop_database(database.name)
    newest = tmp_path / "backups" / "shop" / "codex" / taken["codex"]
    (artifact,) = newest.glob("pg_*.dump*")  # beside it lie the globals
    whole = _damage(artifact)

    reports = tmp_path / "restores"
    settings = {
        "restore_backup": "newest",
        "restore_become_user": getpass.getuser(),
        "restore_report_dir": str(reports),
        "restore_confirm": "shop",
    }
    try:
        played = site.play("restore_all", "--extra-vars", json.dumps(settings))
        assert played.returncode == 2, played.stdout + played.stderr
        assert "1 of 2 failed; the others are restored." in played.stdout
        assert orders.value("select count(*) from receipts") == 100
        assert names[0] not in postgres.databases(), "nothing half restored is left under its name"
        report = json.loads(next(reports.glob("*.json")).read_text(encoding="utf-8"))
        assert [(one["component"], one["state"]) for one in report["components"]] == [
            ("codex", "failed"),
            ("orders", "restored"),
        ]
        assert report["failed"] == 1 and report["rto"] == "1h"
        assert report["components"][0]["message"] and artifact.name in report["components"][0]["message"]
        text = next(reports.glob("*.md")).read_text(encoding="utf-8")
        assert "NOT EVERYTHING IS BACK: 1 failed." in text and report["components"][0]["message"] in text

        artifact.write_bytes(whole)  # corrected, and run again for what is missing, as of the time before its change
        moment = datetime.datetime.strptime(taken["codex"][:16], "%Y%m%dT%H%M%SZ").isoformat() + "Z"
        corrected = {"restore_components": ["codex"], "restore_backup": "", "restore_target_time": moment}
        aside = Database(postgres, "restored_aside")  # what is said now stands before what the plan says
        corrected["restore_options"] = {"codex": {"target": {"dsn": aside.dsn()}}}
        again = site.play("restore_all", "--extra-vars", json.dumps({**settings, **corrected}))
        assert again.returncode == 0, again.stdout + again.stderr
        assert aside.value("select count(*) from receipts") == 100, "the newest backup has 150"
        assert json.loads(sorted(reports.glob("*.json"))[-1].read_text(encoding="utf-8"))["left_out"] == ["orders"]
        text = sorted(reports.glob("*.md"))[-1].read_text(encoding="utf-8")
        assert "NOT RESTORED, as restore_components does not name it: orders." in text
        assert "Everything is back" not in text
        assert names[0] not in postgres.databases()
        unknown = site.play("restore_all", "--extra-vars", json.dumps({**settings, "restore_options": {"codx": {}}}))
        words = " ".join((unknown.stdout + unknown.stderr).split())
        assert unknown.returncode == 2 and "and restore_options has" in words and "codx" in words, words
    finally:
        for name in (*names, "restored_aside"):
            postgres.drop_database(name)
