# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks, run by ansible-playbook on this machine as a person runs them, against a real server."""

from __future__ import annotations

import contextlib
import copy
import getpass
import json
import os
import pathlib
import re
import subprocess
import sys
import typing as t

import pytest

from tests.integration.jetstream_place import Client
from tests.integration.pg_backup_place import until
from tests.lab.nats import NatsServer
from tests.lab.notified import HttpService
from tests.lab.postgres import Database
from tests.lab.redis import RedisServer

ROOT = pathlib.Path(__file__).parents[2]


class Site:
    """A place with a plan, and the account of this process as the one that backs up."""

    def __init__(self, folder: pathlib.Path, dsn: str) -> None:
        self.folder = folder
        self.plan: dict[str, t.Any] = {
            "app": "shop",
            "run_as": getpass.getuser(),
            "repositories": [{"path": str(folder / "backups")}],
            "components": [
                {
                    "name": "codex",
                    "engine": "postgresql",
                    "dsn": dsn,
                    "max_age": "1h",
                    "state_dir": str(folder / "state"),
                }
            ],
            "verification": {"max_age": "1h", "report_dir": str(folder / "reports")},
        }
        python = folder / "home" / "venv" / "bin" / "python"  # where the role backup would have installed it
        python.parent.mkdir(parents=True)
        python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n', encoding="utf-8")
        python.chmod(0o755)

    def play(self, playbook: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Run a playbook of the collection."""
        return subprocess.run(
            capture_output=True, check=False, text=True, timeout=180, **self.how_to_play(playbook, *options)
        )

    def how_to_play(self, playbook: str, *options: str) -> dict[str, t.Any]:
        """The command, its folder and its environment."""
        variables = self.folder / "variables.json"
        variables.write_text(
            json.dumps(
                {
                    "lifeboat_plan": self.plan,
                    "lifeboat_home": str(self.folder / "home"),
                    "rehearsal_become_user": getpass.getuser(),
                }
            ),
            encoding="utf-8",
        )
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "AWS_", "PG"))
        }
        command = [
            str(pathlib.Path(sys.executable).with_name("ansible-playbook")),
            "--inventory",
            "localhost,",
            "--connection",
            "local",
        ]
        return {
            "args": [*command, "--extra-vars", f"@{variables}", *options, f"lifeboat.dr.{playbook}"],
            "cwd": ROOT,
            "env": {**inherited, "LC_ALL": "C.UTF-8", "ANSIBLE_NOCOLOR": "1", "ANSIBLE_HOME": str(ROOT / ".ansible")},
            "stdin": subprocess.DEVNULL,
        }

    def changes(self, playbook: str, *options: str) -> int:
        """How many tasks have changed something. The playbook must succeed."""
        played = self.play(playbook, *options)
        recap = re.search(r"changed=(\d+).*failed=0", played.stdout)
        assert played.returncode == 0 and recap, played.stdout + played.stderr
        return int(recap[1])


@pytest.fixture
def site(tmp_path: pathlib.Path, database: Database) -> Site:
    """A site whose component is a real database."""
    return Site(tmp_path, database.dsn())


def test_backup_and_rehearsal_change_something_once(site: Site) -> None:
    assert site.changes("backup_run", "--check") == 1
    assert not (site.folder / "backups").exists()
    assert [site.changes("backup_run"), site.changes("backup_run")] == [1, 0]
    assert [site.changes("restore_rehearsal"), site.changes("restore_rehearsal")] == [1, 0]
    assert len(list((site.folder / "backups" / "shop" / "codex").iterdir())) == 1
    assert len(list((site.folder / "reports").glob("*.html"))) == 1


def test_old_backups_are_deleted_by_the_retention_of_the_plan_and_shown_first(site: Site) -> None:
    del site.plan["components"][0]["max_age"]
    for _number in range(3):
        site.changes("backup_run")
    backups = site.folder / "backups" / "shop" / "codex"
    before = sorted(path.name for path in backups.iterdir())
    refused = site.play("backup_prune")
    assert refused.returncode == 2 and "lifeboat_plan.retention is missing" in refused.stdout
    site.plan["retention"] = {"keep": {"last": 1}, "min_keep": 1}
    planned = site.play("backup_prune", "--check")
    named = re.search(r"with confirm: (\w+)", planned.stdout)
    assert planned.returncode == 2 and named, planned.stdout  # two of three are more than max_fraction
    assert re.search(rf"{before[0]} .* delete no rule keeps it", planned.stdout)
    assert sorted(path.name for path in backups.iterdir()) == before
    confirmed = json.dumps({"backup_prune_confirm": {"codex": named[1]}})
    assert site.changes("backup_prune", "--extra-vars", confirmed) == 1
    assert [path.name for path in backups.iterdir()] == [before[2]]
    assert site.changes("backup_prune") == 0


def test_a_labelled_backup_is_taken_whatever_there_is_and_refused_where_it_cannot_be_read(site: Site) -> None:
    site.changes("backup_run")
    unnamed = site.play("backup_now")
    assert unnamed.returncode == 2 and "such as -e label=before-release-42" in unnamed.stdout
    assert site.changes("backup_now", "--extra-vars", "label=before-release-42") == 1
    backups = sorted((site.folder / "backups" / "shop" / "codex").iterdir())
    labels = {json.loads((folder / "manifest.json").read_text())["label"] for folder in backups}
    assert len(backups) == 2 and labels == {"", "before-release-42"}
    damaging = site.folder / "home" / "venv" / "bin" / "python"  # what is stored is changed behind the backup's back
    folder = site.folder / "backups"
    damaging.write_text(
        f'#!/bin/sh\ncase "$*" in *backup_info*)\n'
        f'find {folder} -name "pg_*" -exec sh -c \'echo >>"$0"\' {{}} ";";; esac\n'
        f'exec {sys.executable} "$@"\n',
        encoding="utf-8",
    )
    refused = site.play("backup_now", "--extra-vars", "label=again")
    assert refused.returncode == 2, refused.stdout
    assert "is not proven readable" in refused.stdout


def test_who_the_plan_names_hears_of_a_failure_and_of_its_end_and_no_secret_is_shown(site: Site) -> None:
    web, dsn = HttpService(), site.plan["components"][0]["dsn"]
    try:
        secret = site.folder / "hook.url"
        secret.write_text(f"{web.url}/hook/hunter2")
        site.plan["notifications"] = [
            {"type": "webhook", "url_file": str(secret)},
            {"type": "healthchecks", "url": f"{web.url}/ping/hunter2-too", "timeout": "30s"},
            {"name": "broken", "type": "slack", "url": f"{web.url}/500/hunter2-three"},
        ]
        site.plan["components"][0]["dsn"] = "postgresql:///?host=/nowhere"
        played = site.play("backup_run", "-vvv")
        assert played.returncode == 2 and "hunter2" not in played.stdout + played.stderr
        assert "broken was not notified of the failure: the service answered 500" in played.stdout + played.stderr
        site.plan["components"][0]["dsn"] = dsn
        assert [site.changes("backup_run"), site.changes("backup_run")] == [1, 0]
        tested = site.play("notify_test")
        assert tested.returncode == 2 and "1 of 3 notifications did not arrive. broken:" in tested.stdout
    finally:
        web.close()
    heard = [request for request in web.received if "/500/" not in request.path]
    hooked = [json.loads(request.body) for request in heard if request.path.startswith("/hook")]
    assert [one["event"] for one in hooked] == ["failure", "recovery", "test"]
    assert "/nowhere" in hooked[0]["components"][0]["reason"]
    pinged = [request.path.partition("hunter2-too")[2] for request in heard if request.path.startswith("/ping")]
    assert pinged == ["/start", "/fail", "/start", "", "/start", "", "/log"]


def test_a_first_plan_is_written_once_and_can_be_checked(site: Site) -> None:
    with RedisServer():
        options = {
            "discover_become": False, "plan_file": str(site.folder / "first.yml"), "app": "shop",
            "ansible_python_interpreter": sys.executable, "socket_dirs": [str(site.folder)],
        }  # fmt: skip
        assert site.changes("plan_discover", "--extra-vars", json.dumps(options)) == 1
        assert site.changes("plan_discover", "--extra-vars", json.dumps(options)) == 0
    checked = site.play("plan_check", "--extra-vars", f"@{site.folder / 'first.yml'}")
    assert checked.returncode == 0 and "no copy is known to be in another failure domain" in checked.stdout


def test_the_check_of_a_plan_shows_what_it_does_not_protect_and_fails_where_that_is_asked_for(site: Site) -> None:
    played = site.play("plan_check")
    assert played.returncode == 0, played.stdout
    assert "What this plan does not protect" in played.stdout and "one copy of each backup" in played.stdout
    strict = site.play("plan_check", "--extra-vars", "plan_strict=true")
    assert strict.returncode == 2 and "gaps, and plan_strict is set" in strict.stdout
    assert not (site.folder / "backups").exists()


def test_the_verification_of_a_component_stands_before_that_of_the_plan(site: Site) -> None:
    site.plan["components"][0]["verification"] = {"checks": [{"name": "impossible", "query": "select 1", "value": 2}]}
    site.changes("backup_run")
    played = site.play("restore_rehearsal")
    assert played.returncode == 2
    assert "impossible" in played.stdout + played.stderr
    assert len(list((site.folder / "reports").glob("*.html"))) == 1, "what only the plan says still holds"


def test_one_component_that_fails_does_not_keep_the_others_from_being_backed_up(site: Site) -> None:
    good = site.plan["components"][0]
    site.plan["components"] = [{**copy.deepcopy(good), "name": "lost", "dsn": "postgresql:///?host=/nowhere"}, good]
    played = site.play("backup_run")
    assert played.returncode == 2
    assert "failed: [localhost] (item=lost)" in played.stdout
    assert "changed: [localhost] => (item=codex)" in played.stdout


def test_a_plan_that_is_edited_while_a_run_goes_counts_from_the_next_run_on(site: Site, database: Database) -> None:
    """The run goes on with the plan that it began with, whatever becomes of the file: nothing is done by halves."""
    first = site.plan["components"][0]
    second = {**copy.deepcopy(first), "name": "second"}
    later = {**copy.deepcopy(first), "name": "later"}
    site.plan["components"] = [first, second]
    database.execute("create table held (i integer)")
    with contextlib.closing(database.cluster.connect(database.name)) as holder, holder.cursor() as cursor:
        cursor.execute("begin; lock table held in access exclusive mode")
        given = site.how_to_play("backup_run")
        with subprocess.Popen(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **given) as run:
            waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
            until(lambda: database.cluster.value(waiting), "the run waits in its first component")
            (site.folder / "variables.json").write_text("lifeboat_plan: [half of a pla")
            cursor.execute("commit")
            said, _errors = run.communicate(timeout=180)
    assert run.returncode == 0, said
    backups = site.folder / "backups" / "shop"
    assert sorted(path.name for path in backups.iterdir()) == ["codex", "second"]
    site.plan["components"] = [later]
    assert site.changes("backup_run") == 1
    assert sorted(path.name for path in backups.iterdir()) == ["codex", "later", "second"]
    database.execute("drop table held")


def test_streams_are_backed_up_beside_databases_even_when_these_fail(site: Site) -> None:
    site.plan["components"][0]["dsn"] = "postgresql:///?host=/nowhere"
    users = [{"user": "backup", "password": "hunter2"}]
    with NatsServer("2.14", accounts={"SHOP": {"jetstream": "enabled", "users": users}}) as nats:
        with Client(nats.url("backup")) as client:
            client.make("GH")
            client.publish("gh.a", b"x", count=5)
        events = {"name": "events", "engine": "jetstream", "url": nats.url("backup"), "max_age": "1h", "jobs": 2}
        site.plan["components"].append({**events, "state_dir": str(site.folder / "state")})
        played = site.play("backup_run", "-vv")
        assert played.returncode == 2 and "hunter2" not in played.stdout + played.stderr
        assert "failed: [localhost] (item=codex)" in played.stdout
        assert "changed: [localhost] => (item=events)" in played.stdout, played.stdout
        del site.plan["components"][0]
        assert site.changes("backup_run") == 0
    assert (next((site.folder / "backups" / "shop" / "events").iterdir()) / "streams" / "GH" / "stream.tar.s2").exists()


def test_everything_of_an_application_comes_back_by_one_command(site: Site, database: Database) -> None:
    database.execute("create table receipts as select generate_series(1, 100) as id")
    reports = site.folder / "restores"
    said = {"restore_backup": "newest", "restore_become_user": getpass.getuser(), "restore_report_dir": str(reports)}
    with NatsServer("2.14") as nats, Client(nats.url()) as client:
        client.make("GH")
        client.publish("gh.a", b"x", count=5)
        site.plan["components"].append(
            {"name": "events", "engine": "jetstream", "url": nats.url(), "state_dir": str(site.folder / "state")}
        )
        site.changes("backup_run")
        there = site.play("restore_all", "--extra-vars", json.dumps({**said, "restore_confirm": "shop"}))
        assert there.returncode == 2 and "Nothing was restored." in there.stdout, there.stdout
        assert re.search(r"codex: target: the database .* exists at", there.stdout), there.stdout

        database.cluster.execute(f'drop database "{database.name}"')
        client.good("STREAM.DELETE.GH")
        unmeant = site.play("restore_all", "--extra-vars", json.dumps(said))
        assert unmeant.returncode == 2 and 'restore_confirm is \\"\\" and has to be \\"shop\\"' in unmeant.stdout
        looked = site.play("restore_all", "--check", "--extra-vars", json.dumps(said))
        assert looked.returncode == 0, looked.stdout
        assert client.names() == [] and not reports.exists()

        played = site.play("restore_all", "--extra-vars", json.dumps({**said, "restore_confirm": "shop"}))
        assert played.returncode == 0, played.stdout + played.stderr
        assert client.state("GH")["messages"] == 5
    assert database.value("select count(*) from receipts") == 100
    report = json.loads(next(reports.glob("*.json")).read_text(encoding="utf-8"))
    assert [(one["component"], one["state"]) for one in report["components"]] == [
        ("codex", "restored"),
        ("events", "restored"),
    ]
    assert report["failed"] == 0 and report["seconds"] > 0 and report["components"][0]["backup_id"]
    assert "Everything is back." in next(reports.glob("*.md")).read_text(encoding="utf-8")


@pytest.mark.parametrize("verbosity", ["-v", "-vvv"])
def test_the_passwords_of_a_plan_are_not_shown(site: Site, database: Database, verbosity: str) -> None:
    with_dsn = {**site.plan["components"][0], "name": "one", "dsn": database.dsn(password="hunter2-in-dsn")}
    parameters = database.connect().info
    with_options = {
        "name": "two",
        "engine": "postgresql",
        "login_host": parameters.host,
        "login_port": parameters.port,
        "login_user": parameters.user,
        "login_password": "hunter2-in-option",
        "login_db": parameters.dbname,
    }
    site.plan["components"] = [with_dsn, with_options]
    played = site.play("backup_run", verbosity)
    assert played.returncode == 2
    assert "password authentication failed" in played.stdout + played.stderr
    assert "hunter2" not in played.stdout + played.stderr


def test_a_plan_with_mistakes_is_refused_before_anything_runs(site: Site) -> None:
    site.plan["components"][0] |= {"max_age": "soon", "job": 2}
    site.plan["repository"] = []
    played = site.play("backup_run")
    assert played.returncode == 2
    for words in (
        "components[0].job is not a key of a plan. Did you mean jobs",
        "Did you mean repositories?",
        "lifeboat_plan cannot be used",
    ):
        assert words in played.stdout
    assert not (site.folder / "backups").exists()


def test_without_a_plan_the_error_names_it(site: Site) -> None:
    played = site.play("restore_rehearsal", "--extra-vars", '{"lifeboat_plan": null}')
    assert played.returncode == 2
    assert "lifeboat_plan" in played.stdout
    options = ("--extra-vars", '{"lifeboat_plan": null, "lifeboat_serial": 2}', "--inventory", "one,two,three,")
    batches = site.play("backup_run", *options, "--limit", "one,two,three")
    assert set(re.findall(r"^fatal: \[(\w+)\]", batches.stdout, re.MULTILINE)) == {"one", "two"}, batches.stdout


def test_a_fleet_without_hosts_is_no_success(site: Site) -> None:
    for playbook in ("backup_now", "backup_status", "restore_all"):
        played = site.play(playbook, "--extra-vars", '{"lifeboat_hosts": ["shpo", "db*"], "label": "before"}')
        assert played.returncode == 2 and "No host of the inventory matches shpo,db*" in played.stdout, played.stdout
    for playbook in ("backup_now", "backup_status", "restore_all"):
        options = ("--extra-vars", '{"lifeboat_hosts": "db*", "label": "before"}', "--inventory", "db1,web1,")
        played = site.play(playbook, *options, "--limit", "web1")
        said = " ".join(played.stdout.split())
        assert played.returncode == 2 and "No host of db* is within the limit web1, so n" in said, played.stdout
