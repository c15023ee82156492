# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The job templates of a failover, started by ansible-runner as AWX starts them, between two real regions: a drill, a
planned failover, the old primary brought back, and the way back; each answered and read as a person does in AWX.
"""

from __future__ import annotations

import pathlib
import re

import pytest
import yaml

from tests.integration.test_awx_runner import Controller, Job, clean_environment
from tests.integration.test_dr_failover import Regions, empty_pair, regions

__all__ = ["clean_environment", "empty_pair", "regions"]  # the fixtures

_ACCEPTED = {"not_durable": "a test", "host": "a test", "vulnerable_client": "a test"}


@pytest.fixture
def controller(
    regions: Regions,  # noqa: F811
    tmp_path: pathlib.Path,
    clean_environment: None,  # noqa: F811
) -> Controller:
    made = Controller(tmp_path / "awx", {})
    made.inventory = yaml.safe_load((regions.folder / "hosts.yml").read_text(encoding="utf-8"))
    scratch = regions.pair.standby.folder / "scratch"
    scratch.mkdir(mode=0o777)
    scratch.chmod(0o777)
    protected = regions.tasks("protect", "- ansible.builtin.debug: {msg: protected once more}\n")
    made.variables |= {
        **regions.variables,
        "failover_accept": _ACCEPTED,
        "failover_drill_scratch_dir": str(scratch),
        "failover_protect": [{"kind": "tasks", "file": protected}],
    }
    made.variables["lifeboat_plan"]["regions"][1]["host"] = "central" if regions.pair.standby.account else ""
    return made


def _token(job: Job) -> str:
    """What the preflight prints for a person, who types it into the survey of the next job."""
    found = re.search(r"failover_token=([A-Z2-7]{4}-[A-Z2-7]{10})", job.said())
    assert job.status == "successful" and found, job.said()
    return found.group(1)


def _report(job: Job, outcome: str = "done") -> str:
    """The text of the report whose path the job hands on, with the verdict that it hands on."""
    assert job.status == "successful", job.said()
    report = job.artifacts()["failover_report"]
    text = pathlib.Path(report["reports"]["markdown"]).read_text(encoding="utf-8")
    assert pathlib.Path(report["reports"]["html"]).is_file()
    assert report["outcome"] == outcome and text.startswith(f"# {outcome.upper()}: "), text
    return text


def _steps(job: Job) -> list[str]:
    """The progress: the steps that the job takes, as their events come."""
    tasks = [event["event_data"]["task"] for event in job.events if event["event"] == "playbook_on_task_start"]
    return [task.removeprefix("Take the step: ") for task in tasks if task.startswith("Take the step: ")]


def test_an_application_moves_and_comes_back_in_job_templates(controller: Controller, regions: Regions) -> None:  # noqa: F811
    old, new = regions.pair.primary, regions.pair.standby
    old.execute("create table orders as select generate_series(1, 100) as n")
    drilled = controller.launch("drill of a failover")
    assert "drill of shop" in _report(drilled, "passed") and "drill_database" in _steps(drilled)
    assert new.value("select pg_is_in_recovery()") is True

    token = _token(controller.launch("preflight of a failover", failover_mode="planned"))
    moved = controller.launch("fail over", failover_mode="planned", failover_token=token)
    assert "promote PostgreSQL" in _report(moved), moved.said()
    steps = _steps(moved)
    assert steps.index("fence") < steps.index("promote_database") < steps.index("traffic"), steps
    assert new.value("select count(*) from orders") == 100 and new.value("select pg_is_in_recovery()") is False
    protected = controller.launch("protect the new side")
    assert protected.status == "successful" and "protected once more" in protected.said(), protected.said()
    status = controller.launch("status of a failover")
    assert status.status == "successful" and "is closed: done." in status.said(), status.said()
    undone = controller.launch("undo a failover", failover_run_id=regions.lines()[0]["run_id"])
    assert undone.status == "failed" and "no run is open" in undone.said(), undone.said()

    new.execute("insert into orders values (1001)")
    stopped = controller.launch("bring an old primary back")
    assert stopped.status == "failed" and "Start it, and run this again" in " ".join(stopped.said().split())
    old.start()
    back = controller.launch("bring an old primary back")
    assert back.status == "successful", back.said()
    token = _token(controller.launch("preflight of a failover", failover_mode="failback"))
    home = controller.launch("fail back", failover_token=token)
    assert "failback" in _report(home)
    assert old.value("select pg_is_in_recovery()") is False and old.value("select max(n) from orders") == 1001
    assert regions.ledger()[-1] == ("", "closed")
