# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""restore_verify and component_* start the module of the store, in each way in which a task can run."""

from __future__ import annotations

import copy
import pathlib
import typing as t

import pytest

from tests.integration.jetstream_place import Client
from tests.integration.test_progress_action import Host
from tests.lab.nats import NatsServer
from tests.lab.postgres import Database

PROVEN = ["restore.restore", "content.rows"]


class Site(Host):
    """A host whose plan has a database with a backup."""

    def __init__(self, folder: pathlib.Path, dsn: str) -> None:
        super().__init__(folder)
        self.repositories = [{"path": str(folder / "backups")}]
        self.plan: dict[str, t.Any] = {
            "app": "shop",
            "repositories": self.repositories,
            "components": [{"name": "codex", "engine": "postgresql", "dsn": dsn, "max_age": "1h"}],
            "verification": {"profile": "quick", "nats_server_binary": "/nowhere", "record": False},
        }
        self.named = {"app": "shop", "component": "codex", "repositories": self.repositories}

    def results(self, *tasks: dict[str, t.Any]) -> list[dict[str, t.Any]]:
        """Run the tasks, each of which may fail, and give their results; ``shown`` is what was printed."""
        names = [f"result_{number}" for number in range(len(tasks))]
        steps = [
            step
            for name, task in zip(names, tasks, strict=True)
            for step in ({**task, "register": name, "ignore_errors": True}, self.keep(name))
        ]
        self.shown = "\n".join(self.run(*steps))
        return [self.kept(name) for name in names]

    def component(self, kind: str, **more: t.Any) -> dict[str, t.Any]:
        """A task for the component."""
        return {f"lifeboat.dr.component_{kind}": {"plan": self.plan, "component": "codex", **more}}


@pytest.fixture
def site(tmp_path: pathlib.Path, database: Database) -> Site:
    return Site(tmp_path, database.dsn())


def test_a_plan_is_backed_up_proven_and_restored_component_by_component(site: Site, database: Database) -> None:
    target = {"target": {"dsn": database.dsn().replace(database.name, f"{database.name}_again")}}
    planned, first, second, proof, restored, again = site.results(
        {**site.component("backup"), "check_mode": True},
        site.component("backup", state_dir=str(site.folder / "state")),
        site.component("backup"),
        site.component("verify"),
        site.component("restore", options={**target, "backup": "newest"}),
        site.component("restore", options={**target, "backup": "newest"}),
    )
    assert planned["changed"] and planned["planned"]["database"] == database.name, planned
    assert first["changed"] and (site.folder / "state").exists(), first
    assert not second["changed"] and second["backup_id"] == first["backup_id"]
    assert proof["verdict"] == "passed" and proof["backup_id"] == first["backup_id"], proof
    assert {check["id"] for check in proof["checks"]} >= set(PROVEN)
    assert restored["changed"] and restored["database"].endswith("_again"), restored
    assert not again["changed"]
    database.cluster.drop_database(f"{database.name}_again")


def test_restore_verify_finds_the_store_and_runs_in_each_way_of_a_task(site: Site) -> None:
    common = {**site.named, "profile": "artifact", "record": False, "nats_server_binary": "/nowhere"}
    verify = {"lifeboat.dr.restore_verify": common}
    stream = {"lifeboat.dr.restore_verify": {**common, "checks": [{"name": "mine", "stream": "S", "value": 1}]}}
    wrong = {"lifeboat.dr.restore_verify": {**common, "scratch_dirr": "/x"}}
    unknown = {"lifeboat.dr.restore_verify": {**common, "engine": "mysql"}}
    none = {"lifeboat.dr.restore_verify": {**common, "component": "other"}}
    _backup, plain, checked, asynchronous, delegated, named, *refused = site.results(
        site.component("backup"),
        verify,
        {**verify, "check_mode": True},
        {**verify, "async": 60, "poll": 1, "vars": {"ansible_async_dir": str(site.folder / "async")}},
        {**verify, "delegate_to": "db2", "vars": {"ansible_connection": "local"}},
        {"lifeboat.dr.restore_verify": {**common, "engine": "postgresql"}},
        stream,
        wrong,
        unknown,
        none,
    )
    for result in (plain, asynchronous, delegated, named):
        assert result.get("verdict") == "passed", result
    assert asynchronous["finished"]
    assert checked["changed"] and "planned" in checked and "verdict" not in checked
    words = [
        "checks[0]: the check 'mine' asks by stream, and the backup is of postgresql",
        "scratch_dirr",
        "engine: 'mysql' is not known here",
        "There is no backup of shop/other",
    ]
    for result, part in zip(refused, words, strict=True):
        assert result["failed"] and part in result["msg"], result


def test_a_task_that_says_too_little_or_too_much_is_told_what_is_right(site: Site) -> None:
    lost, extra, other = site.results(
        {"lifeboat.dr.component_backup": {"plan": site.plan}},
        site.component("verify", profile="full"),
        {"lifeboat.dr.component_backup": {"plan": site.plan, "component": "codec"}},
    )
    assert lost["failed"] and "component is missing" in lost["msg"]
    assert extra["failed"] and "profile is not an option" in extra["msg"]
    assert other["failed"] and "no component 'codec'" in other["msg"] and "codex" in other["hint"]


def test_streams_of_a_plan_are_restored_into_the_server_that_the_component_names(tmp_path: pathlib.Path) -> None:
    users = [{"user": "backup", "password": "hunter2"}]
    with NatsServer("2.14", accounts={"SHOP": {"jetstream": "enabled", "users": users}}) as nats:
        with Client(nats.url("backup")) as client:
            client.make("GH")
            client.publish("gh.a", b"x", count=5)
        site = Site(tmp_path, "")
        site.plan["components"] = [{"name": "codex", "engine": "jetstream", "url": nats.url("backup")}]
        (backup,) = site.results(site.component("backup"))
        assert backup["changed"], backup
        with Client(nats.url("backup")) as client:
            client.good("STREAM.DELETE.GH")
        plan = copy.deepcopy(site.plan)
        (restored,) = site.results(site.component("restore", options={"backup": "newest"}))
        assert restored["streams"][0]["messages"] == 5 and site.plan == plan, restored
        assert "hunter2" not in site.shown
