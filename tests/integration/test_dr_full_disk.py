# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A disk that fills in the region that takes over, while it takes over: the database's, and that of the ledger."""

from __future__ import annotations

import collections.abc
import contextlib
import json
import pathlib

import pytest

from tests.integration.modules import run_module
from tests.integration.test_dr_failover import Regions
from tests.integration.test_pg_standby import HEARTBEAT, SETTINGS, Pair
from tests.lab import throwaway
from tests.lab.faultproxy import FaultProxy
from tests.lab.postgres import PostgresCluster, unprivileged_account
from tests.lab.smalldisk import SmallDisk
from tests.lab.standby import StandbyPlace

_SEGMENT = 16 << 20
# The hook of a run fills a disk at the moment that it is told of, once.
_FILL = """
- ansible.builtin.shell:
    cmd: touch FOLDER/filled_{{ failover_event.step }}; dd if=/dev/zero of={{ disk }}/ballast bs=4k || true
    creates: FOLDER/filled_{{ failover_event.step }}
  when: failover_event.transition == 'begun' and disk != ''
  vars:
    disk: "{{ {'promote_database': 'DATABASE', 'start_application': 'LEDGER'}[failover_event.step] | default('') }}"
"""
_START = """
- ansible.builtin.shell: echo started >>FOLDER/started
"""


@pytest.fixture
def disk() -> collections.abc.Iterator[SmallDisk]:
    """Where the standby's data folder lies."""
    with contextlib.ExitStack() as stack:
        try:
            made = stack.enter_context(SmallDisk(256 << 20, user=unprivileged_account()))
        except throwaway.MissingPrerequisiteError as error:
            pytest.skip(str(error))
        yield made


@pytest.fixture
def cramped(disk: SmallDisk) -> collections.abc.Iterator[Pair]:
    with (
        PostgresCluster(settings=SETTINGS) as primary,
        FaultProxy(primary.port, http=False) as proxy,
        StandbyPlace(primary, on=disk.path) as standby,
    ):
        primary.execute(HEARTBEAT)
        pair = Pair(primary, standby, proxy)
        made = pair.make(primary=pair.primary_dsn())
        assert not made.get("failed"), made
        standby.start()
        pair.wait_for("streaming")
        yield pair


def test_a_standby_whose_disk_is_full_is_promoted_when_there_is_room(cramped: Pair, disk: SmallDisk) -> None:
    cramped.write()
    cramped.primary.stop()  # a fast shutdown sends everything first
    run = {"epoch": 1, "run_id": "run-1", "primary": cramped.primary.dsn(), "primary_timeout": "2s"}
    ballast = disk.fill()
    ended = cramped.promote(**run)
    assert ended["failed"] and "The promotion of PostgreSQL broke off" in ended["msg"], ended
    assert "It does not answer any more" in ended["msg"] and "make space, start it" in ended["msg"]
    assert "No space left on device" in cramped.standby.log
    ballast.unlink()
    cramped.standby.stop()
    cramped.standby.start()
    assert cramped.standby.value("select pg_is_in_recovery()"), "it had not come as far as to be a primary"
    ballast = disk.fill(leave_bytes=_SEGMENT + 8192)  # enough to be a primary, and not for a row
    ended = cramped.promote(**run)
    assert ended["failed"] and "The server is promoted (timeline " in ended["msg"], ended
    assert "does not take a write" in ended["msg"] and "Do not send traffic to it. A full disk" in ended["msg"]
    again = cramped.promote(**run)
    assert again["failed"] and "does not take a write" in again["msg"], again
    ballast.unlink()
    done = cramped.promote(**run)
    assert done["changed"] and "which could not write its row then" in str(done["warnings"]), done
    assert cramped.standby.execute("select epoch, run_id from lifeboat.promotion") == [(1, "run-1")]
    assert cramped.promote(**run)["changed"] is False


def test_a_failover_whose_disks_fill_halts_and_is_gone_on_with_when_there_is_room(
    cramped: Pair, disk: SmallDisk, small_disk: SmallDisk, tmp_path: pathlib.Path
) -> None:
    regions = Regions(cramped, tmp_path)
    where = {"path": str(small_disk.path / "ledger")}
    ledger = {"repositories": [where], "app": "shop"}
    opened = {**ledger, "state": "opened", "mode": "planned", "facts": {"source": "eu-central", "target": "eu-west"}}
    ballast = small_disk.fill()
    refused = run_module("failover_run", opened)
    assert refused["failed"] and "No space left on device" in refused["msg"], refused
    ballast.unlink()
    assert run_module("failover_info", ledger)["run_id"] == "", "what could not be written is not there"
    run_id = run_module("failover_run", opened)["run_id"]
    regions.variables["lifeboat_plan"]["failover"]["ledger"] = where
    fill = _FILL.replace("DATABASE", str(disk.path)).replace("LEDGER", str(small_disk.path))
    tasks = {**regions.variables["failover_tasks"], "start_application": regions.tasks("start", _START)}
    go_on = {
        "failover_mode": "planned", "failover_run_id": run_id, "failover_takeover": True, "failover_tasks": tasks,
        "failover_notify_tasks": regions.tasks("fill", fill),
    }  # fmt: skip
    cramped.write()

    status, said = _say(regions, go_on)
    assert status != 0 and "The step promote_database failed: The promotion of PostgreSQL broke off" in said, said
    assert "make space, start it, and run the same again" in said
    assert "nothing is undone any more. Resume the run (next step: promote_database)" in said
    assert _ended(small_disk)["promote_database"] == "failed" and _ended(small_disk)["fence"] == "done"
    assert not (cramped.primary.data_dir / "postmaster.pid").exists(), "the source stays fenced"
    (disk.path / "ballast").unlink()
    cramped.standby.stop()
    cramped.standby.start()

    status, said = _say(regions, go_on)
    assert status != 0 and "The step start_application failed: " in said and "No space left on device" in said, said
    assert "The ledger does not say so, as it took no line" in said and "Never start the old primary" in said
    ended = _ended(small_disk)
    assert (ended["promote_database"], ended["start_application"]) == ("done", "intent"), ended
    assert (tmp_path / "started").exists() and not (tmp_path / "traffic").exists()
    (small_disk.path / "ballast").unlink()

    status, said = _say(regions, go_on)
    assert status == 0 and "shop is in eu-west now (epoch 1): done." in said, said
    assert set(_ended(small_disk).values()) == {"done", "skipped", "closed"}
    assert cramped.standby.execute("select epoch, timeline from lifeboat.promotion") == [(1, 2)]
    assert not (cramped.primary.data_dir / "postmaster.pid").exists()


def _say(regions: Regions, more: dict[str, object]) -> tuple[int, str]:
    status, said = regions.play("dr_failover", **more)
    return status, " ".join(said.split())


def _ended(small_disk: SmallDisk) -> dict[str, str]:
    """The last phase of each step, read without the collection's code."""
    folder = small_disk.path / "ledger/_failover/shop/000001"
    lines = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    assert [line["number"] for line in lines] == list(range(len(lines)))
    return {line["step"]: line["phase"] for line in lines}
