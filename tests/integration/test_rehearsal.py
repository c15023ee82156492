# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rehearsals on a staging host, run by ansible-playbook as a person runs them, against real servers."""

from __future__ import annotations

import collections.abc
import contextlib
import getpass
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import typing as t

import pytest

from tests.integration.test_playbooks import Site
from tests.lab.postgres import Database, bin_dir
from tests.lab.throwaway import free_port

_STAGING: dict[str, t.Any] = {
    "rehearsal_environment": "staging",
    "rehearsal_production": {"hosts": ["db1.example.com"], "addresses": ["198.51.100.0/24"]},
}


@pytest.fixture
def site(tmp_path: pathlib.Path, database: Database) -> Site:
    """A site with one component; a rehearsal of it restores it anew each time, and only counts rows."""
    made = Site(tmp_path, database.dsn())
    del made.plan["components"][0]["max_age"]
    made.plan["verification"] = {"profile": "quick", "report_dir": str(tmp_path / "reports")}
    return made


def _rehearse(site: Site, **variables: t.Any) -> tuple[int, str]:
    played = site.play("restore_rehearsal", "--extra-vars", json.dumps({**_STAGING, **variables}))
    return played.returncode, played.stdout + played.stderr


def test_production_is_refused_by_its_name_its_address_and_its_server_and_all_of_them_are_named(
    site: Site, database: Database
) -> None:
    identifier = str(database.value("select system_identifier from pg_control_system()"))
    production = {"hosts": ["localhost"], "addresses": ["127.0.0.1"], "system_identifiers": [identifier]}
    status, said = _rehearse(site, rehearsal_production=production)
    assert status == 2
    for words in (
        "This is production",
        "this host is called localhost",
        "this host has the address 127.0.0.1",
        f"is the system {identifier}",
    ):
        assert words in said
    assert not (site.folder / "reports").exists()
    unnamed, said = _rehearse(site, rehearsal_environment="")
    assert unnamed == 2 and "environment is not given, and production is described" in said


def test_the_newest_the_oldest_and_one_of_a_given_date_are_restored_each_once(site: Site) -> None:
    for _run in range(2):
        site.changes("backup_run")
    backups = sorted(path.name for path in (site.folder / "backups" / "shop" / "codex").iterdir())
    date = "2999-01-01T00:00:00Z"
    status, said = _rehearse(site, rehearsal_backups=["newest", "oldest", {"before": date}])
    assert status == 0, said
    assert f"codex, newest = before {date}" in said and "codex, oldest" in said
    proven = sorted(path.name for path in (site.folder / "backups" / "shop" / "codex").glob("*/verified"))
    assert len(proven) == 2
    reports = sorted(path.name.split("_")[2] for path in (site.folder / "reports").glob("*.html"))
    assert reports == backups


_APPLICATION = """
import http.server, subprocess, sys
port, *psql = sys.argv[1:]
class Shop(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        done = subprocess.run([*psql, "-XAtc", "select count(*) from receipts"], capture_output=True, text=True)
        text = f'{{"status": "ok", "receipts": {done.stdout.strip() or 0}}}'
        if self.path == "/broken":
            text = "Something went wrong"
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())
http.server.HTTPServer(("127.0.0.1", int(port)), Shop).serve_forever()
"""
_START = """
- name: Start the shop on what was restored
  ansible.builtin.shell: >-
    nohup {python} {folder}/shop.py {port} {psql} -h {{{{ place.host }}}} -p {{{{ place.port }}}}
    -U {{{{ place.user }}}} -d {{{{ rehearsal_stores.codex.database }}}} >/dev/null 2>&1 & echo $! > {folder}/shop.pid
  vars:
    place: "{{{{ rehearsal_stores.codex.scratch }}}}"
  changed_when: true

- name: Take some time, as applications do
  ansible.builtin.wait_for:
    port: {port}
    timeout: 60
"""
_STOP = """
- name: Stop the shop
  ansible.builtin.shell: kill $(cat {folder}/shop.pid) && rm {folder}/shop.pid
  changed_when: true
"""


class Staging:
    """A staging host with an application of its own: a web server that asks the restored database."""

    def __init__(self, site: Site, base: pathlib.Path) -> None:
        self.site, self.folder, self.kept = site, site.folder, base / "rehearsals"
        self.port = free_port()
        (self.folder / "shop.py").write_text(_APPLICATION, encoding="utf-8")
        named = {"python": sys.executable, "folder": self.folder, "port": self.port, "psql": bin_dir() / "psql"}
        for name, tasks in (("start", _START), ("stop", _STOP)):
            (self.folder / f"{name}.yml").write_text(f"---{tasks.format(**named)}", encoding="utf-8")

    def variables(self, page: str = "/") -> dict[str, t.Any]:
        """The settings of the role."""
        url = f"http://127.0.0.1:{self.port}{page}"
        return {
            **_STAGING,
            "rehearsal_dir": str(self.kept),
            "rehearsal_become_user": getpass.getuser(),
            "ansible_python_interpreter": sys.executable,  # of the tasks of the application
            "rehearsal_application": {
                "start_tasks": str(self.folder / "start.yml"),
                "stop_tasks": str(self.folder / "stop.yml"),
            },
            "rehearsal_checks": [
                {"name": "all receipts are there", "url": url, "json_path": "receipts", "value": 100},
                {"name": "a program runs", "command": ["echo", "ready"], "contains": "ready"},
            ],
            "rehearsal_schemas": {"codex": str(self.folder / "schema.sql")},
            "rehearsal_step_limits": {"prove": "10m"},
        }

    def killed_in(self, step: str) -> None:
        """A rehearsal whose processes are all killed in this step."""
        how = self.site.how_to_play("restore_rehearsal", "--extra-vars", json.dumps(self.variables()))
        with open(self.folder / "killed.log", "w", encoding="utf-8") as log:
            process = subprocess.Popen(**how, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            end = time.monotonic() + 120
            while self._journal().get("step") != step or (step == "start" and not self._is_up()):
                assert process.poll() is None and time.monotonic() < end, (self.folder / "killed.log").read_text()
                time.sleep(0.02)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _journal(self) -> dict[str, t.Any]:
        with contextlib.suppress(OSError, ValueError):
            return t.cast("dict[str, t.Any]", json.loads((self.kept / "run.json").read_text()))
        return {}

    def _is_up(self) -> bool:
        return (self.folder / "shop.pid").exists()

    def is_clean(self) -> bool:
        """Nothing runs, and nothing is left."""
        return not self._is_up() and not any(self.kept.iterdir())

    def reports(self) -> list[dict[str, t.Any]]:
        """What is stored in the repository, in order."""
        paths = sorted((self.folder / "backups" / "_rehearsals" / "shop").glob("*.json"))
        return [
            {**json.loads(path.read_bytes()), "sha": hashlib.sha256(path.read_bytes()).hexdigest()} for path in paths
        ]


@pytest.fixture
def staging(site: Site, scratch_base: pathlib.Path, database: Database) -> collections.abc.Iterator[Staging]:
    database.execute("create table receipts as select generate_series(1, 100) as id")
    place = Staging(site, scratch_base)
    dumped = subprocess.run(
        [bin_dir() / "pg_dump", "--schema-only", "--no-owner", "--no-privileges", database.dsn()],
        check=True,
        capture_output=True,
    )
    (place.folder / "schema.sql").write_bytes(dumped.stdout)
    site.plan["objectives"] = {"rto": "4h"}
    site.plan["components"][0]["bin_dir"] = str(bin_dir())
    site.changes("backup_run")
    yield place
    with contextlib.suppress(OSError, ValueError):  # whatever became of the test
        os.kill(int((place.folder / "shop.pid").read_text()), signal.SIGKILL)
    for kept in place.kept.glob("*/kept"):
        kept.unlink()


def test_an_application_answers_on_what_was_restored_and_whatever_was_killed_before_is_swept(staging: Staging) -> None:
    staging.killed_in("restore")
    staging.killed_in("start")
    assert not staging.is_clean() and not staging.reports()

    status, said = _rehearse(staging.site, **staging.variables("/broken"))
    assert status == 2 and staging.is_clean(), said
    assert (
        "Step 8, ask the application: 1 of 2 checks did not pass: all receipts are there: the answer is not JSON"
        in said
    )
    (red,) = staging.reports()
    assert red["verdict"] == "failed" and "was killed in its step start" in red["findings"][0]
    assert [step["status"] for step in red["steps"]] == [*["passed"] * 7, "failed", "skipped", "passed"]

    status, said = _rehearse(staging.site, **staging.variables())
    assert status == 0 and staging.is_clean(), said
    first, green = staging.reports()
    assert (green["verdict"], green["number"], green["previous_sha256"]) == ("passed", 2, first["sha"])
    assert [step["status"] for step in green["steps"]] == ["passed"] * 10 and not green["findings"]
    assert green["objectives"][0]["status"] == "met" and green["restore_seconds"] > 0
    assert [check["status"] for check in green["checks"]] == ["passed"] * 3
    pages = staging.folder / "reports" / "rehearsals"
    assert len(list(pages.glob("*.html"))) == 3 and len(list(pages.glob("*.junit.xml"))) == 2
    index = (pages / "shop_index.html").read_text(encoding="utf-8")
    assert index.count("_rehearsal_") == 2 and "PASSED" in index
