# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ctrl-C in the middle of a step of a failover: what the ledger says is right, and the run is gone on with.

No server is needed: each step is a task file that waits, and the run was opened as the role opens it.
"""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._steps import steps_of

from tests.integration.modules import run_module
from tests.lab import throwaway

ROOT = pathlib.Path(__file__).parents[2]
STEPS = [step.name for step in steps_of("planned")]
OWN = ["verdict", "preflight", "approve", "fence", "drain", "promote_database", "commit"]  # what the role does itself
WAIT = """
- ansible.builtin.shell: |
    echo {{ failover_step }} >> FOLDER/begun
    while [ {{ failover_step }} = "$(cat FOLDER/stop_at)" ]; do sleep 0.1; done
- ansible.builtin.set_fact: {failover_facts: {seen: "{{ failover_step }}"}}
"""


class Place:
    """A run of a failover whose steps do nothing but say that they were begun."""

    def __init__(self, folder: pathlib.Path, steps: list[str]) -> None:
        self.folder = folder
        self.ledger = {"repositories": [{"path": str(folder / "ledger")}], "app": "shop"}
        (folder / "step.yml").write_text(WAIT.replace("FOLDER", str(folder)))
        facts = {"source": "central", "target": "west"}
        opened = run_module("failover_run", {**self.ledger, "state": "opened", "mode": "planned", "facts": facts})
        self.variables = {
            "failover_mode": "planned",
            "failover_app": "shop",
            "failover_component": "codex",
            "failover_ledger": {"path": str(folder / "ledger")},
            "failover_source": {"region": "central", "address": "127.0.0.1"},
            "failover_target": {"region": "west", "database": "host=/nowhere"},
            "failover_tasks": {name: str(folder / "step.yml") for name in steps},
            "failover_run_id": opened["run_id"],
            "failover_takeover": True,
            "ansible_python_interpreter": sys.executable,
        }

    def start(self, stop_at: str) -> subprocess.Popen[bytes]:
        """Go on with the run; it stands still in the step ``stop_at``."""
        (self.folder / "stop_at").write_text(stop_at)
        environment = {
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible/collections"),
            "ANSIBLE_HOME": str(self.folder / "ansible"),
            "ANSIBLE_PIPELINING": "1",
            "LC_ALL": "C.UTF-8",
            "PATH": f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        program = str(pathlib.Path(sys.executable).parent / "ansible-playbook")
        with open(self.folder / "play.log", "ab") as log:
            return subprocess.Popen(
                [program, "-i", "localhost,", "-c", "local", "-e", json.dumps(self.variables),
                 str(ROOT / "playbooks/dr_failover.yml")],
                env=throwaway.base_environment(environment), cwd=self.folder, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def lines(self) -> list[tuple[str, str]]:
        folder = self.folder / "ledger/_failover/shop/000001"
        found = [json.loads(path.read_text()) for path in sorted(folder.iterdir())]
        return [(line["step"], line["phase"]) for line in found]

    def begun(self) -> list[str]:
        path = self.folder / "begun"
        return path.read_text().split() if path.exists() else []


def interrupted_in(step: str, folder: pathlib.Path, steps: list[str]) -> None:
    place = Place(folder, steps)
    play = place.start(step)
    limit = time.monotonic() + 120
    while place.begun()[-1:] != [step]:
        assert time.monotonic() < limit and play.poll() is None, (folder / "play.log").read_text()[-3000:]
        time.sleep(0.1)
    os.killpg(play.pid, signal.SIGINT)  # as a terminal does: to everybody in the foreground
    assert play.wait(60) != 0
    lines = place.lines()
    assert (step, "intent") in lines and (step, "done") not in lines
    assert not [name for name, phase in lines if phase == "intent" and steps.index(name) > steps.index(step)]
    assert place.start("nowhere").wait(240) == 0, (folder / "play.log").read_text()[-3000:]
    lines = place.lines()
    assert [name for name, phase in lines if phase == "intent"] == steps, "each intent was written once"
    assert [name for name, phase in lines if phase == "done"] == steps
    assert place.begun() == steps[: steps.index(step) + 1] + steps[steps.index(step) :], "only this one was seen twice"
    assert lines[-1] == ("", "closed")


def test_ctrl_c_in_the_promotion_leaves_an_intent_and_the_run_is_gone_on_with(tmp_path: pathlib.Path) -> None:
    interrupted_in("promote_database", tmp_path, OWN)


@pytest.mark.soak
@pytest.mark.parametrize("step", STEPS)
def test_ctrl_c_in_each_step_leaves_an_intent_and_the_run_is_gone_on_with(step: str, tmp_path: pathlib.Path) -> None:
    interrupted_in(step, tmp_path, STEPS)
