# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The metrics that real backups, rehearsals and looks at the catalog write, checked by promtool."""

from __future__ import annotations

import pathlib
import subprocess
import time

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._metrics._exposition import read_values

from tests.integration.backups import Stock
from tests.integration.modules import run_module
from tests.integration.test_playbooks import Site
from tests.lab import prometheus
from tests.lab.postgres import Database
from tests.lab.smalldisk import SmallDisk

BACKUP, REHEARSAL, STATUS = (
    f"lifeboat_{name}.prom" for name in ("backup_shop@codex", "rehearsal_shop@codex", "status_shop")
)


def values(path: pathlib.Path) -> dict[str, float]:
    assert path.stat().st_mode & 0o777 == 0o644
    return read_values(path.read_text(encoding="utf-8"))


def test_every_run_of_a_plan_says_how_it_ended(tmp_path: pathlib.Path, database: Database) -> None:
    site, folder, began = Site(tmp_path, database.dsn()), tmp_path / "metrics", time.time()
    folder.mkdir()
    log = tmp_path / "audit.jsonl"
    site.plan |= {"watch": {"metrics_dir": str(folder), "audit_log": str(log)}, "labels": {"team": 'the "shop"'}}
    assert site.changes("backup_run", "--check") == 1 and not list(folder.iterdir()) and not log.exists()
    assert [site.changes("backup_run"), site.changes("restore_rehearsal")] == [1, 1]
    good = values(folder / BACKUP)
    assert good["backup_last_status"] == 1 and good["lifeboat_backup_failures_total"] == 0
    assert began < good["backup_last_success_timestamp"] <= time.time()
    assert good["backup_size_bytes"] > 0 and good["backup_duration_seconds"] > 0
    proof = values(folder / REHEARSAL)
    assert proof["restore_rehearsal_success"] == 1 and proof["lifeboat_rehearsal_restore_seconds"] > 0

    site.plan["components"][0] |= {"dsn": "postgresql:///?host=/nowhere&password=hunter2", "max_age": "1s"}
    assert site.play("backup_run").returncode == 2
    failed = values(folder / BACKUP)
    assert failed["backup_last_status"] == 0 and failed["lifeboat_backup_failures_total"] == 1
    assert failed["backup_last_success_timestamp"] == good["backup_last_success_timestamp"]
    assert site.play("backup_status", "-e", "backup_status_fail_on=bad").returncode == 0
    status = values(folder / STATUS)
    assert status["lifeboat_backups"] == 1 and status["lifeboat_status_state"] == 1

    written = sorted(folder.iterdir())
    assert [path.name for path in written] == [BACKUP, REHEARSAL, STATUS], "nothing temporary is left"
    for path in written:
        content = path.read_bytes()
        assert prometheus.check_metrics(content) == "" and b'team="the \\"shop\\""' in content, content

    _the_audit_log_has_all_of_it(log)


def _the_audit_log_has_all_of_it(log: pathlib.Path) -> None:
    found = run_module("audit_info", {"log": str(log)})
    entries = found["entries"]
    assert [(one["module"].rpartition(".")[2], one["result"]) for one in entries] == [
        ("pg_backup", "changed"), ("pg_verify", "changed"), ("pg_backup", "failed"),
    ]  # fmt: skip
    assert entries[0]["backups"] == entries[1]["backups"] and len(entries[0]["backups"]) == 1
    assert all("@" in one["by"] and one["component"] == "codex" for one in entries)
    assert (entries[1]["verdict"], found["broken"]) == ("passed", [])

    content = log.read_text(encoding="utf-8")
    assert "hunter2" not in content
    log.write_text(content.replace('"failed"', '"changed"'), encoding="utf-8")
    assert "is not what was written" in run_module("audit_info", {"log": str(log), "expect_head": found["head"]})["msg"]
    log.write_text(content.replace("pg_verify", "pg_backup"), encoding="utf-8")
    assert run_module("audit_info", {"log": str(log)})["broken"][0]["line"] == 3


@pytest.mark.parametrize("kind", ["missing", "a file", "full", "read-only"])
def test_a_folder_that_takes_no_metrics_never_fails_a_backup(
    tmp_path: pathlib.Path, database: Database, small_disk: SmallDisk, kind: str
) -> None:
    folder = small_disk.path / "metrics"
    if kind == "a file":
        folder.write_text("", encoding="utf-8")
    elif kind == "read-only":
        folder.mkdir()
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk.path)], check=True)
    elif kind == "full":
        folder.mkdir()
        with open(small_disk.path / "filler", "wb") as filler, pytest.raises(OSError, match="No space left"):
            while True:
                filler.write(bytes(1 << 16))
    stock = Stock.new(tmp_path, encryption="none", compression="none")
    arguments = {
        "app": "shop", "component": "codex", "repositories": stock.repositories, "dsn": database.dsn(),
        "state_dir": str(tmp_path / "state"), "metrics": {"dir": str(folder)},
    }  # fmt: skip
    result = run_module("pg_backup", arguments)
    assert result["changed"] and not result.get("failed"), result
    [warning] = [str(line) for line in result["warnings"] if "The metrics could not" in str(line)]
    assert f"{folder}/{BACKUP}" in warning
