# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks of a failover against two real PostgreSQL servers: planned, unplanned, halted and resumed, aborted."""

from __future__ import annotations

import collections.abc
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import sysconfig
import time
import typing as t

import pytest

from tests.integration.modules import run_module
from tests.integration.test_pg_standby import Pair, empty_pair
from tests.lab import throwaway
from tests.lab.postgres import PostgresCluster

__all__ = ["empty_pair"]  # the fixture

ROOT = pathlib.Path(__file__).parents[2]
INVENTORY = """
all:
  hosts:
    localhost: {ansible_connection: local}
    elsewhere: {ansible_connection: local}
    central: {ansible_connection: local, ansible_become_method: su, ansible_python_interpreter: WRAPPER}
  vars: {ansible_python_interpreter: PYTHON}
"""
STOP = """
- name: Stop the old primary
  ansible.builtin.shell: kill -INT $(head -1 {{ failover_from.data_dir }}/postmaster.pid)
  changed_when: true
- name: Wait until it is gone
  ansible.builtin.wait_for: {path: "{{ failover_from.data_dir }}/postmaster.pid", state: absent, timeout: 30}
- name: Remember the proof
  ansible.builtin.set_fact: {failover_facts: {proof: its process is gone}}
"""
TELL = """
- name: Point the application to the new primary
  ansible.builtin.copy: {content: "{{ failover_target.database }}", dest: "FOLDER/traffic", mode: "0600"}
"""
FAIL_ONCE = """
- name: Fail the first time
  ansible.builtin.command: {cmd: mkdir FOLDER/tried, creates: FOLDER/started}
"""
TOLD = """
- ansible.builtin.shell:
    cmd: printf '%s\\n' {{ [failover_event.step, failover_event.transition, failover_event.message | default('')]
      | join(' ') | trim('\\n') | regex_replace(' $', '') | quote }} >>FOLDER/told
- ansible.builtin.fail: {msg: which harms nobody}
"""


class Regions:
    """Two regions on one host, and the playbooks that move between them."""

    def __init__(self, pair: Pair, folder: pathlib.Path) -> None:
        self.pair = pair
        self.folder = folder
        inventory = INVENTORY.replace("PYTHON", sys.executable).replace("WRAPPER", self.interpreter())
        (folder / "hosts.yml").write_text(inventory, encoding="utf-8")
        tasks = {"fence": self.tasks("fence", STOP), "traffic": self.tasks("traffic", TELL)}
        self.variables: dict[str, t.Any] = {
            "lifeboat_plan": {
                "app": "shop",
                "repositories": [{"path": str(folder / "backups")}],
                "components": [{"name": "codex", "engine": "postgresql"}],
                "regions": [self.region("eu-central", pair.primary), self.region("eu-west", pair.standby)],
                "third_place": "elsewhere",
                "failover": {
                    "component": "codex",
                    "ledger": {"path": str(folder / "ledger")},
                    "key_file": str(folder / "failover.key"),
                    "probe_timeout": 2,
                    "report_dir": str(folder),
                    "heartbeat_file": str(folder / "heartbeat.json"),
                },
            },
            "failover_accept": {"not_durable": "a server of a test", "host": "its disk is what it is"},
            "failover_tasks": tasks,
        }

    def interpreter(self) -> str:
        """A Python with our libraries that the account of the servers may run."""
        if not self.pair.standby.account:
            return sys.executable
        path = self.pair.standby.folder / "python"
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        libraries = sysconfig.get_path("purelib")
        path.write_text(f'#!/bin/sh\nPYTHONPATH={libraries} exec /usr/bin/python{version} "$@"\n', encoding="ascii")
        path.chmod(0o755)
        return str(path)

    def region(self, name: str, server: PostgresCluster) -> dict[str, t.Any]:
        """A region of the plan, whose database is this server."""
        return {
            "name": name,
            "database": {
                "dsn": server.dsn(),
                "address": "127.0.0.1",
                "port": server.port,
                "data_dir": str(server.data_dir),
                "bin_dir": str(server.bin_dir),
                "replication": f"host=127.0.0.1 port={server.port} user=postgres dbname=postgres "
                f"passfile={self.pair.standby.passfile()}",
                "slot": name.replace("-", "_"),
            },
            "host": "central" if self.pair.standby.account and name == "eu-central" else "",
        }

    def tasks(self, name: str, text: str) -> str:
        path = self.folder / f"{name}.yml"
        path.write_text(text.replace("FOLDER", str(self.folder)), encoding="utf-8")
        return str(path)

    def play(self, playbook: str, **more: t.Any) -> tuple[int, str]:
        """Run a playbook. The exit code, and what was said on one line."""
        environment = {
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible/collections"),
            "ANSIBLE_HOME": str(self.folder / "ansible"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
            "LC_ALL": "C.UTF-8",
            "PATH": f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        command = [
            str(pathlib.Path(sys.executable).parent / "ansible-playbook"),
            "--inventory",
            str(self.folder / "hosts.yml"),
            "--extra-vars",
            json.dumps({**self.variables, **more}),
            str(ROOT / "playbooks" / f"{playbook}.yml"),
        ]
        done = subprocess.run(
            command,
            env=throwaway.base_environment(environment),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def start_heart(self) -> subprocess.Popen[bytes]:
        """Install the heartbeat's writer and start it; the first beat is there afterwards."""
        installed = run_module("pg_heartbeat", {
            "state": "installed", "dsn": self.pair.primary.dsn(), "publish_to": str(self.folder / "heartbeat.json"),
            "every": "1s", "program": str(self.folder / "bin/heart"), "config_file": str(self.folder / "heart.json"),
        })  # fmt: skip
        assert installed["changed"], installed
        command = [str(self.folder / "bin/heart"), "--config", str(self.folder / "heart.json")]
        heart = throwaway.start(command, log=str(self.folder / "heart.log"))
        self.wait_for_beat()
        return heart

    def wait_for_beat(self) -> None:
        """Until a later heartbeat than now's is published."""
        path = self.folder / "heartbeat.json"
        last = json.loads(path.read_text())["counter"] if path.exists() else 0
        limit = time.monotonic() + 60
        while not path.exists() or json.loads(path.read_text())["counter"] <= last:
            assert time.monotonic() < limit, (self.folder / "heart.log").read_text()
            time.sleep(0.1)

    def token(self, **more: t.Any) -> str:
        """What the preflight prints."""
        status, said = self.play("dr_preflight", **more)
        assert status == 0, said
        found = re.search(r"failover_token=([A-Z2-7]{4}-[A-Z2-7]{10})", said)
        assert found, said
        return found.group(1)

    def ledger(self) -> list[tuple[str, str]]:
        """Step and phase of each line of the newest epoch, read without the collection's code."""
        return [(line["step"], line["phase"]) for line in self.lines()]

    def lines(self) -> list[dict[str, t.Any]]:
        """Each line of the newest epoch."""
        epochs = sorted((self.folder / "ledger/_failover/shop").iterdir())
        return [json.loads(path.read_text()) for path in sorted(epochs[-1].glob("*.json"))]


@pytest.fixture
def regions(empty_pair: Pair, tmp_path: pathlib.Path) -> collections.abc.Iterator[Regions]:  # noqa: F811
    made = empty_pair.make(primary=empty_pair.primary_dsn())
    assert not made.get("failed"), made
    empty_pair.standby.start()
    empty_pair.wait_for("streaming")
    yield Regions(empty_pair, tmp_path)


def test_a_planned_failover_loses_nothing_and_is_written_down(regions: Regions) -> None:
    status, said = regions.play("dr-failover", failover_mode="drill")
    assert status != 0 and "A drill promotes a copy" in said
    status, said = regions.play("dr-failover", failover_mode="planned")
    found = re.search(r"To say yes: -e failover_token=([A-Z2-7]{4}-[A-Z2-7]{10})", said)
    assert status != 0 and found, said
    assert not (regions.folder / "ledger").exists()
    token = found.group(1)
    forged = token[:5] + ("B" if token[5] == "A" else "A") + token[6:]
    status, said = regions.play("dr-failover", failover_mode="planned", failover_token=forged)
    assert status != 0 and "belongs to another failover" in said
    regions.pair.write()
    status, said = regions.play("dr-failover", failover_mode="planned", failover_token=token)
    assert status == 0, said
    assert "shop is in eu-west now (epoch 1): done." in said
    standby = regions.pair.standby
    assert standby.value("select pg_is_in_recovery()") is False
    tables = standby.execute("select relname::text from pg_class where relname ~ '^t[0-9]' and relkind = 'r'")
    assert standby.value(f"select count(*) from {tables[0][0]}") == 20000
    assert (regions.folder / "traffic").read_text() == standby.dsn()
    lines = regions.ledger()
    assert lines[0] == ("", "opened") and lines[-1] == ("", "closed")
    assert (
        lines.index(("fence", "done"))
        < lines.index(("promote_database", "intent"))
        < lines.index(("traffic", "intent"))
    )
    report = next(regions.folder.glob("failover_shop_*.md")).read_text()
    assert "its process is gone" in report and "promote PostgreSQL" in report
    status, said = regions.play("dr_status")
    assert status == 0 and "is closed: done." in said
    assert "its mode is planned, its epoch 1." in said, "which is what one types to go on with it"
    empty = regions.folder / "not-mounted"
    empty.mkdir()
    status, said = regions.play("dr_preflight", failover_mode="planned", failover_ledger={"path": str(empty)})
    assert status != 0 and f"The ledger in {empty} knows of no failover" in " ".join(said.split()), said
    lost = {"repositories": [{"path": str(empty)}], "app": "shop", "promoted_epoch": 1}
    opened = run_module("failover_run", {**lost, "state": "opened", "mode": "planned"})
    assert opened["epoch"] == 2, "the promotion would refuse an epoch that the database has had"


def test_an_unplanned_failover_needs_a_source_that_is_down_and_fails_back_losing_what_it_says(regions: Regions) -> None:
    quick = {"failover_mode": "unplanned", "failover_min_outage": "1s", "failover_probe_pause": 0,
             "failover_min_probes": 2, "failover_objectives": {"codex": "60s"}}  # fmt: skip
    status, said = regions.play("dr_preflight", **quick)
    assert status != 0 and "The source is not down. The source answers." in said
    old, new = regions.pair.primary, regions.pair.standby
    old.execute("create table orders as select generate_series(1, 100) as n")
    heart = regions.start_heart()
    regions.pair.wait_for("streaming")
    new.stop()
    old.execute("insert into orders values (1001), (1002)")  # nobody will ever get these
    regions.wait_for_beat()
    old.kill()
    new.start()
    alone = {**quick, "failover_third_place": "", "failover_heartbeat_file": ""}
    status, said = regions.play("dr_preflight", **alone)
    assert status != 0 and "no third place has looked lately" in said
    assert "codex: nobody knows how much would be lost" in said
    hosts = regions.folder / "hosts.yml"
    healthy = hosts.read_text()
    witness = "elsewhere: {ansible_connection: local"
    hosts.write_text(healthy.replace(witness, f"{witness}, ansible_python_interpreter: /nowhere/python3"))
    status, said = regions.play("dr_preflight", **quick)
    assert status != 0 and "no third place has looked lately" in said, "a look that fails is not silence"
    hosts.write_text(healthy)
    unfenced = {key: value for key, value in regions.variables["failover_tasks"].items() if key != "fence"}
    token = regions.token(**quick, failover_tasks=unfenced)
    status, said = regions.play("dr_failover", **quick, failover_token=token, failover_tasks=unfenced)
    assert status != 0 and "silence is not a fence" in said
    assert "Nothing was promoted. Resume the run" in said
    run_id = re.search(r"The run is (\S+);", said)
    assert run_id and regions.pair.standby.value("select pg_is_in_recovery()")
    status, said = regions.play(
        "dr_failover", **quick, failover_run_id=run_id.group(1), failover_takeover=True, failover_tasks=unfenced,
        failover_accept={"unfenced_source": "the building burns", "not_durable": "a test", "host": "a test"},
    )  # fmt: skip
    assert status == 0, said
    assert new.value("select pg_is_in_recovery()") is False
    report = next(regions.folder.glob("failover_shop_*.md")).read_text()
    assert "the building burns" in report and "DOWN" in report
    throwaway.stop(heart, signal.SIGTERM)
    new.execute("insert into orders values (2001)")
    _fail_back(regions)
    assert old.execute("select n from orders where n > 100") == [(2001,)]


def _fail_back(regions: Regions) -> None:
    """The old primary is brought back, its two transactions are counted, and it takes over again."""
    old, new = regions.pair.primary, regions.pair.standby
    status, said = regions.play("dr_failback")
    assert status != 0 and "bytes of log that eu-west never got" in said and '"divergence": "REASON"' in said
    assert not (old.data_dir / "standby.signal").exists()
    words = {
        "divergence": "the orders were entered again by hand",
        "not_durable": "a test",
        "host": "a test",
        "vulnerable_client": "a test",
    }
    saved = {"failover_save_dir": str(new.folder / "saved"), "failover_accept": words}
    status, said = regions.play("dr_failback", **saved)
    assert status != 0 and "eu-central lost 2 transactions; kept in" in said and "Start it, and run this again" in said
    assert regions.ledger()[-3:] == [("rejoin", "intent"), ("rejoin", "failed"), ("", "closed")]
    old.start()
    status, said = regions.play("dr_failback", **saved)
    assert regions.ledger()[-4:] == [("", "reopened"), ("rejoin", "intent"), ("rejoin", "done"), ("", "closed")]
    report = " ".join(next(regions.folder.glob("failover_shop_000001_*.md")).read_text().split())
    assert "# DONE" in report and "lost_transactions: 2" in report and "entered again by hand" in report, report
    found = re.search(r"failover_token=([A-Z2-7]{4}-[A-Z2-7]{10})", said)
    assert status != 0 and found and "failback of shop from eu-west to eu-central" in said, said
    assert new.value("select pg_is_in_recovery()") is False
    status, said = regions.play("dr_failback", **saved, failover_token=found.group(1))
    assert status == 0 and "shop is in eu-central now (epoch 2): done." in said, said
    assert old.value("select pg_is_in_recovery()") is False
    assert regions.ledger()[-1] == ("", "closed")


def test_a_run_that_halts_goes_on_where_it_stood_and_promotes_once(regions: Regions) -> None:
    tasks = {**regions.variables["failover_tasks"], "start_application": regions.tasks("start", FAIL_ONCE)}
    (regions.folder / "tried").mkdir()
    regions.variables["failover_notify_tasks"] = regions.tasks("told", TOLD)
    token = regions.token(failover_mode="planned", failover_tasks=tasks)
    status, said = regions.play("dr_failover", failover_mode="planned", failover_token=token, failover_tasks=tasks)
    assert status != 0 and "The step start_application failed" in said and "Never start the old primary" in said
    assert not (regions.folder / "traffic").exists()
    run_id = re.search(r"The run is (\S+);", said)
    assert run_id
    ledger = {"repositories": [{"path": str(regions.folder / "ledger")}], "app": "shop"}
    assert (
        f"To go on: dr_failover -e failover_mode=planned -e failover_to=eu-west -e failover_run_id={run_id[1]}" in said
    )
    taken = run_module("failover_run", {**ledger, "state": "resumed", "run_id": run_id.group(1)})
    assert not taken.get("failed"), "whoever has said that a step failed is not at work any more"
    refused = run_module("failover_run", {**ledger, "state": "resumed", "run_id": run_id.group(1)})
    assert "may still be at work" in refused["msg"]
    refused = run_module("failover_run", {**ledger, "state": "opened", "mode": "planned"})
    assert "is not closed" in refused["msg"], "nobody begins another one while this run is open"
    _come_back_meanwhile(regions, tasks)
    (regions.folder / "started").touch()
    resumed = {"failover_run_id": run_id.group(1), "failover_tasks": tasks, "failover_mode": "planned"}
    status, said = regions.play("dr_failover", **resumed, failover_takeover=True)
    assert status == 0, said
    assert regions.ledger().count(("promote_database", "intent")) == 1
    told = (regions.folder / "told").read_text().splitlines()
    assert told[0] == " opened" and told[-1] == " closed done", told
    assert {"fence begun", "fence done", "start_application done", "traffic done", " resumed"} <= {*told}, told
    assert told.count("promote_database done") == 1, told
    assert [line for line in told if line.startswith("start_application failed ")], "and why it failed"
    assert regions.pair.standby.execute("select epoch, timeline from lifeboat.promotion") == [(1, 2)]


def _come_back_meanwhile(regions: Regions, tasks: dict[str, str]) -> None:
    """The old primary is started while the run stands still behind the promotion: the guard does not wait for it."""
    old = regions.pair.primary
    old.start()
    fences = [{"kind": "postgresql", "servers": {"eu-central": {"dsn": old.dsn()}, "eu-west": {"dsn": old.dsn()}}}]
    status, said = regions.play("dr_guard", failover_tasks=tasks, failover_fences=fences)
    said = " ".join(said.split())
    assert status != 0 and "came back as a primary" in said and "It runs, and refuses writes." in said, said


def test_an_abort_before_the_promotion_brings_the_source_back(regions: Regions) -> None:
    regions.variables["lifeboat_plan"][
        "regions"
    ].reverse()  # the ledger says which region was left, and not their order
    never = "- name: Never ready\n  ansible.builtin.fail: {msg: it is not ready}\n"
    back = "- name: Say so\n  ansible.builtin.file: {path: FOLDER/undone, state: touch, mode: '0600'}\n"
    tasks = {
        **regions.variables["failover_tasks"],
        "drain": regions.tasks("drain", never),
        "undo_fence": regions.tasks("back", back),
    }
    say = "- ansible.builtin.shell:\n    cmd: echo {word}@{{{{ failover_from.region }}}} >> FOLDER/order\n"
    regions.variables["failover_application"] = [
        {
            "kind": "tasks",
            "file": regions.tasks("app_on", say.format(word="started")),
            "stop_file": regions.tasks("app_off", say.format(word="stopped")),
        },
    ]
    regions.variables["failover_fences"] = [
        {
            "kind": "tasks",
            "file": regions.tasks(f"fence_{number}", say.format(word=f"fence-{number}")),
            "undo_file": regions.tasks(f"lift_{number}", say.format(word=f"lift-{number}")),
        }
        for number in (1, 2)
    ]
    planned = {"failover_mode": "planned", "failover_to": "eu-west", "failover_tasks": tasks}
    token = regions.token(**planned)
    status, said = regions.play("dr_failover", **planned, failover_token=token)
    assert status != 0 and "it is not ready" in said
    run_id = re.search(r"The run is (\S+);", said)
    assert run_id
    status, said = regions.play("dr_abort", failover_run_id=run_id.group(1), failover_tasks=tasks)
    assert status == 0, said
    assert (regions.folder / "undone").exists()
    order = (regions.folder / "order").read_text().split()
    done = [f"{word}@eu-central" for word in ("stopped", "fence-1", "fence-2", "lift-2", "lift-1", "started")]
    assert order == done, "each of it where it was done"
    assert regions.ledger()[-3:] == [("", "resumed"), ("fence", "compensated"), ("", "closed")]
    assert regions.pair.standby.value("select pg_is_in_recovery()")


def test_a_drill_is_written_down_and_a_plan_that_changed_since_is_unverified(regions: Regions) -> None:
    west = regions.variables["lifeboat_plan"]["regions"][1]
    west["host"] = "central" if regions.pair.standby.account else ""
    scratch = regions.pair.standby.folder / "scratch"
    scratch.mkdir(mode=0o777)
    scratch.chmod(0o777)
    drill = {"failover_drill_scratch_dir": str(scratch), "failover_accept": {"not_durable": "a test", "host": "a test",
             "vulnerable_client": "a test"}}  # fmt: skip
    status, said = regions.play("dr_drill", **drill)
    assert status == 0 and "Production is as it was, and nothing is left behind" in " ".join(said.split()), said
    assert list(scratch.iterdir()) == [] and regions.pair.standby.value("select pg_is_in_recovery()")
    lines = [json.loads(path.read_text()) for path in sorted((regions.folder / "ledger/_drills/shop/000001").iterdir())]
    ended = {line["step"]: line["phase"] for line in lines}
    assert ended["drill_database"] == "done" and ended["drill_stores"] == "skipped" and lines[-1]["phase"] == "closed"
    report = next(regions.folder.glob("drill_shop_*.md")).read_text()
    assert "# PASSED: drill of shop" in report and "promote a copy of the database" in report
    assert not (regions.folder / "ledger/_failover").exists(), "a drill opens no epoch"
    metrics = regions.folder / "metrics"
    metrics.mkdir()
    changed = {"failover_mode": "planned", "failover_metrics_dir": str(metrics), "failover_rto": "1h"}
    status, said = regions.play("dr_preflight", **changed)
    said = " ".join(said.split())
    assert status == 0 and "DEGRADED" in said and "this was changed: rto" in said, said
    told = (metrics / "lifeboat_failover_shop@eu-west.prom").read_text()
    labels = '{app="shop",destination="eu-west",source="eu-central"}'
    assert f"lifeboat_failover_state{labels} 1\n" in told
    assert f"lifeboat_failover_drill_passed_timestamp_seconds{labels} " in told
