# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The job templates of awx/, started by ansible-runner as AWX starts them: by path, with extra variables, without a
terminal, and read through their events.
"""

from __future__ import annotations

import dataclasses
import getpass
import os
import pathlib
import re
import shutil
import sys
import typing as t

import ansible_runner
import jinja2
import pyrage
import pytest
import yaml

from tests.integration.modules import run_module
from tests.lab.notified import HttpService
from tests.lab.postgres import Database

ROOT = pathlib.Path(__file__).parents[2]
_OBJECTS = yaml.safe_load((ROOT / "awx/objects/controller_templates.yml").read_text(encoding="utf-8"))
TEMPLATES: dict[str, dict[str, t.Any]] = {
    one["name"].removeprefix("lifeboat: "): one for one in _OBJECTS["controller_templates"]
}


class _Loader(yaml.SafeLoader):
    """Reads Ansible's ``!unsafe`` as the text that it is."""


_Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(t.cast(yaml.ScalarNode, node)))
_TYPES = yaml.load((ROOT / "awx/objects/controller_credential_types.yml").read_text(encoding="utf-8"), _Loader)
INJECTORS: dict[str, dict[str, t.Any]] = {
    one["name"].removeprefix("lifeboat: "): one["injectors"] for one in _TYPES["controller_credential_types"]
}


def injected(place: pathlib.Path, credentials: t.Mapping[str, t.Mapping[str, str]]) -> dict[str, str]:
    """The extra variables that AWX makes of credentials; their files are in the job's own folder."""
    variables: dict[str, str] = {}
    for kind, fields in credentials.items():
        files: dict[str, str] = {}
        for name, template in INJECTORS[kind].get("file", {}).items():
            path = place / "credentials" / kind / name.removeprefix("template.")
            path.parent.mkdir(parents=True, mode=0o700)
            path.touch(mode=0o600)
            path.write_text(_rendered(template, fields) + "\n", encoding="utf-8")
            files[path.name] = str(path)
        for name, template in INJECTORS[kind]["extra_vars"].items():
            variables[name] = _rendered(template, {**fields, "tower": {"filename": files}})
    return variables


def _rendered(template: str, values: t.Mapping[str, t.Any]) -> str:
    return jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False).from_string(template).render(**values)


@dataclasses.dataclass(frozen=True)
class Job:
    """What AWX keeps of a job."""

    status: str
    events: list[dict[str, t.Any]]

    def said(self) -> str:
        """Everything that was printed."""
        return "\n".join(str(event.get("stdout", "")) for event in self.events)

    def recap(self) -> dict[str, dict[str, int]]:
        """Counts of the last event by kind and host."""
        return t.cast("dict[str, dict[str, int]]", self.events[-1]["event_data"])

    def artifacts(self) -> dict[str, t.Any]:
        """What the job hands to the next node of a workflow."""
        return t.cast("dict[str, t.Any]", self.events[-1]["event_data"].get("artifact_data") or {})


class Controller:
    """A folder as AWX lays it out for a job: the project, an inventory, extra variables."""

    def __init__(self, folder: pathlib.Path, plan: dict[str, t.Any]) -> None:
        self.folder = folder
        self.inventory: dict[str, t.Any] = {}  # else hosts that are localhost
        self.variables: dict[str, t.Any] = {
            "lifeboat_plan": plan,
            "lifeboat_home": str(folder / "home"),
            "rehearsal_become_user": getpass.getuser(),
            "awx_user_name": "alice",
        }
        self.jobs = 0
        python = folder / "home" / "venv" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n', encoding="utf-8")
        python.chmod(0o755)

    def launch(
        self,
        name: str,
        hosts: t.Sequence[str] = (),
        credentials: t.Mapping[str, t.Mapping[str, str]] | None = None,
        **answers: t.Any,
    ) -> Job:
        """Run a job template with these answers to its survey, and its defaults for all else. ``credentials`` are the
        fields of each by the name of its type.
        """
        template = TEMPLATES[name]
        questions = template.get("survey_spec", {}).get("spec", [])
        assert set(answers) <= {question["variable"] for question in questions}
        defaults = {one["variable"]: one["default"] for one in questions if one["default"] != ""}
        local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        self.jobs += 1
        place = self.folder / "jobs" / str(self.jobs)  # the runner keeps what it was given, such as --check
        shutil.copytree(ROOT / "awx", place / "project" / "awx")
        done = ansible_runner.run(
            private_data_dir=str(place),
            playbook=template["playbook"],
            inventory=self.inventory or {"all": {"hosts": dict.fromkeys(hosts or ["localhost"], local)}},
            extravars={**self.variables, **defaults, **answers, **injected(place, credentials or {})},
            cmdline="--check" if template["job_type"] == "check" else None,
            envvars={
                "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible" / "collections"),
                "ANSIBLE_HOME": str(self.folder / "ansible"),
                "ANSIBLE_PIPELINING": "1",
                "PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}",
                "LC_ALL": "C.UTF-8",
            },
            quiet=True,
            timeout=180,
        )
        return Job(done.status, sorted(done.events, key=lambda event: event["counter"]))


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runner hands its own environment on: AWX has nothing of ours in it."""
    for name in [name for name in os.environ if name.startswith(("ANSIBLE_", "PG", "PYTHONPATH"))]:
        monkeypatch.delenv(name)


@pytest.fixture
def controller(tmp_path: pathlib.Path, database: Database, clean_environment: None) -> Controller:
    state = str(tmp_path / "state")
    plan = {
        "app": "shop",
        "run_as": getpass.getuser(),
        "repositories": [{"path": str(tmp_path / "backups")}],
        "retention": {"keep": {"last": 1}, "min_keep": 1},
        "encryption": {"recipients_file": "{{ lifeboat_recipients_file | default('/etc/lifeboat/recipients.txt') }}"},
        "components": [{"name": "codex", "engine": "postgresql", "dsn": database.dsn(), "state_dir": state}],
        "verification": {
            "profile": "quick",
            "report_dir": str(tmp_path / "reports"),
            "identity_file": "{{ lifeboat_identity_file | default('/etc/lifeboat/operations.key') }}",
        },
    }
    return Controller(tmp_path, plan)


def test_a_day_of_an_application_in_job_templates(controller: Controller, database: Database) -> None:
    """Each job gets the credentials of its own authority and no other."""
    identity = pyrage.x25519.Identity.generate()
    encrypt = {"encrypt": {"recipients": str(identity.to_public())}}
    restore = {"restore": {"age_identity": str(identity), "access_key": "", "secret_key": ""}}
    first = controller.launch("back up", credentials=encrypt)
    assert first.status == "successful" and first.recap()["changed"] == {"localhost": 1}, first.said()
    labelled = controller.launch("back up now", credentials=encrypt, backup_label="before-release-42")
    assert labelled.status == "successful", labelled.said()
    rehearsed = controller.launch("rehearse", credentials=restore)
    assert rehearsed.status == "successful", rehearsed.said()
    said = [event for job in (first, labelled, rehearsed) for event in job.events if event["event"] == "verbose"]
    assert any("shop/codex" in event["stdout"] for event in said), "live progress is in the events"
    report = rehearsed.artifacts()["rehearsal_report"]
    assert report["verdict"] == "passed" and pathlib.Path(report["report_files"]["html"]).exists()

    before = sorted(path.name for path in controller.folder.glob("backups/shop/codex/*"))
    looked = controller.launch("which backups would go")
    assert before[0] in looked.said()
    assert sorted(path.name for path in controller.folder.glob("backups/shop/codex/*")) == before

    status = controller.launch("status")
    assert "codex" in status.said(), status.said()
    refused = controller.launch("can everything be restored", credentials=restore, restore_backup="newest")
    assert refused.status == "failed" and f"the database {database.name} exists" in refused.said()
    database.cluster.execute(f'drop database "{database.name}"')
    restored = controller.launch(
        "restore everything", credentials=restore, restore_confirm="shop", restore_backup="newest"
    )
    assert restored.status == "successful", restored.said()
    assert restored.artifacts()["restore_report"]["failed"] == 0
    assert database.value("select 1") == 1
    assert str(identity) not in "".join(job.said() for job in (first, rehearsed, refused, restored))


def test_what_is_left_of_the_job_templates_runs_as_well(controller: Controller, database: Database) -> None:
    plan = t.cast("dict[str, t.Any]", controller.variables["lifeboat_plan"])
    del plan["encryption"]
    for _number in range(2):
        options = {"dsn": database.dsn(), "state_dir": str(controller.folder / "state"), "max_age": "0s"}
        said = {"app": "shop", "component": "codex", "repositories": plan["repositories"]}
        assert not run_module("pg_backup", {**said, **options}).get("failed")
    checked = controller.launch("check the plan")
    assert checked.status == "successful" and "What this plan does not protect" in checked.said(), checked.said()
    gone = controller.launch("delete old backups")
    assert gone.status == "successful" and len(list(controller.folder.glob("backups/shop/codex/*"))) == 1, gone.said()
    web = HttpService()
    plan["notifications"] = [{"type": "webhook", "url": f"{web.url}/hook"}]
    tried = controller.launch("try the notifications")
    web.close()
    assert tried.status == "successful" and [request.path for request in web.received] == ["/hook"], tried.said()


def test_a_fleet_is_backed_up_in_slices_as_awx_deals_it_out(controller: Controller) -> None:
    """AWX gives every slice each n-th host of the inventory; no host of a play waits for one of another slice."""
    fleet = [f"shard{number}" for number in range(3)]
    encrypt = {"encrypt": {"recipients": str(pyrage.x25519.Identity.generate().to_public())}}
    component = controller.variables["lifeboat_plan"]["components"][0]  # type: ignore[index]
    component["state_dir"] += "/{{ inventory_hostname }}"
    component["name"] = "{{ inventory_hostname }}"
    for number in range(2):
        job = controller.launch("back up", hosts=fleet[number::2], credentials=encrypt)
        assert job.status == "successful", job.said()
        assert set(job.recap()["changed"]) == set(fleet[number::2])
    assert sorted(path.name for path in controller.folder.glob("backups/shop/*")) == fleet


def test_every_job_template_is_launched_by_a_test() -> None:
    texts = [path.read_text(encoding="utf-8") for path in pathlib.Path(__file__).parent.glob("test_awx_*.py")]
    launched = set(re.findall(r'launch\(\s*"([^"]+)"', "".join(texts)))
    assert launched == set(TEMPLATES)


def test_a_failover_that_is_not_described_is_refused_in_words(controller: Controller) -> None:
    job = controller.launch("fail over")
    assert job.status == "failed"
    assert re.search(r"failover_app, failover_\w+.*: not given\. Nothing was done|argument.*failover_", job.said())
