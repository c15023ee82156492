# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rehearsals on a staging host, run by ansible-playbook as a person runs them, against real servers.

A start of Ansible takes seconds, so each shows as much as it can; backups are taken by their modules.
"""

from __future__ import annotations

import collections.abc
import contextlib
import getpass
import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import typing as t

import jsonschema
import pytest

from tests.integration.backups import keys_of
from tests.integration.bucket_pairs import Pair, versioned_pair
from tests.integration.modules import run_module
from tests.integration.test_playbooks import ROOT, Site
from tests.lab.notified import HttpService
from tests.lab.objectstore import ObjectStore
from tests.lab.postgres import Database, PostgresCluster, bin_dir
from tests.lab.throwaway import free_port

_STAGING: dict[str, t.Any] = {
    "rehearsal_environment": "staging",
    "rehearsal_production": {"hosts": ["db1.example.com"], "addresses": ["198.51.100.0/24"]},
}
STEPS = ("preflight", "guard", "sweep", "choose", "prove", "restore", "start", "check", "compare", "clean_up")
_SCHEMA = json.loads((ROOT / "docs" / "schemas" / "rehearsal.schema.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def shop(postgres: PostgresCluster) -> collections.abc.Iterator[Database]:
    """A small database: a hundred receipts, each with the key of an object. No test changes it."""
    name = postgres.create_database("rehearsed_shop")
    postgres.execute(
        "create table receipts as select n as id, 'receipts/' || n as object_key from generate_series(1, 100) as n",
        dbname=name,
    )
    yield Database(postgres, name)
    postgres.drop_database(name)


@pytest.fixture
def site(tmp_path: pathlib.Path, shop: Database) -> Site:
    """A site with one component; a rehearsal of it restores it anew each time, and only counts rows."""
    made = Site(tmp_path, shop.dsn())
    del made.plan["components"][0]["max_age"]
    made.plan["components"][0]["bin_dir"] = str(bin_dir())
    made.plan["verification"] = {
        "profile": "quick",
        "report_dir": str(tmp_path / "reports"),
        "scratch_shares_account": True,  # containers of other tests may use the number of the account
    }
    return made


def _back_up(site: Site, **more: t.Any) -> str:
    component = {key: value for key, value in site.plan["components"][0].items() if key not in ("name", "engine")}
    said = {"app": "shop", "component": "codex", "repositories": site.plan["repositories"], "max_age": "0s"}
    result = run_module("pg_backup", {**said, **component, **more})
    assert not result.get("failed"), result
    return str(result["backup_id"])


def _rehearse(site: Site, **variables: t.Any) -> tuple[int, str]:
    played = site.play("restore_rehearsal", "--extra-vars", json.dumps({**_STAGING, **variables}))
    return played.returncode, played.stdout + played.stderr


def _stored(site: Site) -> list[dict[str, t.Any]]:
    """The reports in the repository, in order. Each keeps to the schema."""
    paths = sorted((site.folder / "backups" / "_rehearsals" / "shop").glob("*.json"))
    for path in paths:
        jsonschema.validate(json.loads(path.read_bytes()), _SCHEMA)
    return [{**json.loads(path.read_bytes()), "sha": hashlib.sha256(path.read_bytes()).hexdigest()} for path in paths]


def _statuses(report: dict[str, t.Any]) -> dict[str, str]:
    assert tuple(step["name"] for step in report["steps"]) == STEPS
    return {step["name"]: step["status"] for step in report["steps"]}


def test_production_is_refused_by_its_name_its_address_and_its_server_and_all_of_them_are_named(
    site: Site, shop: Database
) -> None:
    identifier = str(shop.value("select system_identifier from pg_control_system()"))
    production = {"hosts": ["localhost"], "addresses": ["127.0.0.1"], "system_identifiers": [identifier]}
    elsewhere_by_name = {"restore": {"codex": {"login_host": "db1.shop.example"}}}
    production["hosts"].append("db1.shop.example")
    status, said = _rehearse(site, rehearsal_production=production, rehearsal_application=elsewhere_by_name)
    assert status == 2
    for words in (
        "This is production",
        "this host is called localhost",
        "this host has the address 127.0.0.1",
        f"is the system {identifier}",
        "a connection leads to production: it names db1.shop.example",
    ):
        assert words in said
    assert not (site.folder / "reports").exists()
    unnamed = run_module("rehearsal_guard", {"production": production})
    assert "environment is not given, and production is described" in unnamed["msg"]
    elsewhere = run_module("rehearsal_guard", {"environment": "staging", "production": {"hosts": ["db1.example.com"]}})
    assert not elsewhere.get("failed") and elsewhere["servers"]


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
_SCRUB = """
- name: Take the addresses of customers out, unless it is to fail
  ansible.builtin.command: >-
    {psql} -h {{{{ place.host }}}} -p {{{{ place.port }}}} -U {{{{ place.user }}}}
    -d {{{{ rehearsal_stores.codex.database }}}} -XAtc
    "select 'scrubbed{{{{ scrub | default('') }}}}'"
  vars:
    place: "{{{{ rehearsal_stores.codex.scratch }}}}"
  changed_when: true
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
        for name, tasks in (("scrub", _SCRUB), ("start", _START), ("stop", _STOP)):
            (self.folder / f"{name}.yml").write_text(f"---{tasks.format(**named)}", encoding="utf-8")

    def variables(self, page: str = "/", **more: t.Any) -> dict[str, t.Any]:
        """The settings of the role."""
        url = f"http://127.0.0.1:{self.port}{page}"
        return {
            **_STAGING,
            "rehearsal_dir": str(self.kept),
            "rehearsal_state_dir": str(self.folder / "notified"),
            "rehearsal_become_user": getpass.getuser(),
            "ansible_python_interpreter": sys.executable,  # of the tasks of the application
            "rehearsal_application": {
                f"{name}_tasks": str(self.folder / f"{name}.yml") for name in ("scrub", "start", "stop")
            },
            "rehearsal_checks": [
                {"name": "all receipts are there", "url": url, "json_path": "receipts", "value": 100},
                {"name": "a program runs", "command": ["echo", "ready"], "contains": "ready"},
            ],
            "rehearsal_schemas": {"codex": str(self.folder / "schema.sql")},
            "rehearsal_step_limits": {"prove": "10m"},
            **more,
        }

    def killed_in(self, step: str) -> None:
        """A rehearsal whose processes are all killed in this step, once it does something."""
        how = self.site.how_to_play("restore_rehearsal", "--extra-vars", json.dumps(self.variables()))
        log = self.folder / f"killed-{step}.log"
        with open(log, "w", encoding="utf-8") as file:
            process = subprocess.Popen(**how, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            end = time.monotonic() + 120
            while f"TASK [lifeboat.dr.rehearsal : Do it: {_TITLES[step]}" not in log.read_text() or (
                step == "start" and not self.is_up()
            ):
                assert process.poll() is None and time.monotonic() < end, log.read_text()
                time.sleep(0.02)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def journal(self) -> dict[str, t.Any]:
        with contextlib.suppress(OSError, ValueError):
            return t.cast("dict[str, t.Any]", json.loads((self.kept / "run.json").read_text()))
        return {}

    def is_up(self) -> bool:
        return (self.folder / "shop.pid").exists()

    def is_clean(self) -> bool:
        """Nothing runs, and nothing is left."""
        return not self.is_up() and not any(self.kept.iterdir())


_TITLES = {
    "preflight": "check the plan",
    "guard": "make sure",
    "sweep": "remove what earlier",
    "choose": "choose the backups",
    "prove": "restore every backup",
    "restore": "restore the stores",
    "start": "scrub the stores",
    "check": "ask the application",
    "compare": "compare schemas",
    "clean_up": "remove everything",
}


@pytest.fixture
def staging(site: Site, scratch_base: pathlib.Path, shop: Database) -> collections.abc.Iterator[Staging]:
    place = Staging(site, scratch_base)
    dumped = subprocess.run(
        [bin_dir() / "pg_dump", "--schema-only", "--no-owner", "--no-privileges", shop.dsn()],
        check=True,
        capture_output=True,
    )
    (place.folder / "schema.sql").write_bytes(dumped.stdout)
    site.plan["objectives"] = {"rto": "4h"}
    yield place
    with contextlib.suppress(OSError, ValueError):  # whatever became of the test
        os.kill(int((place.folder / "shop.pid").read_text()), signal.SIGKILL)
    for kept in place.kept.glob("*/kept"):
        kept.unlink()


@pytest.fixture(scope="module")
def receipts(object_store: ObjectStore) -> collections.abc.Iterator[Pair]:
    """The objects that the rows of ``shop`` name, on both sides of a pair of buckets."""
    with tempfile.TemporaryDirectory() as folder, versioned_pair(object_store, pathlib.Path(folder)) as pair:
        for number in range(1, 101):
            for bucket in (pair.source, pair.destination):
                pair.store.write(bucket, f"receipts/{number}", b"paid")
        yield pair


def _with_receipts(site: Site, pair: Pair) -> None:
    """The pair as a component, and what the rows name of it."""
    sides = {"source": pair.side(pair.source), "destination": pair.side(pair.destination)}
    uploads = {**sides, "level": "listing", "grace": "0s", "state_dir": str(site.folder / "state")}
    said = {"app": "shop", "component": "uploads", "repositories": site.plan["repositories"]}
    taken = run_module("s3_inventory", {**said, **uploads})
    assert not taken.get("failed"), taken
    site.plan["components"].append({"name": "uploads", "engine": "s3", **uploads})
    site.plan["references"] = [
        {
            "name": "every receipt is in the bucket",
            "from": {"component": "codex", "query": "select object_key from receipts"},
            "to": {"component": "uploads", "prefix": "receipts/"},
        }
    ]


def test_a_page_that_says_200_with_an_error_in_it_is_red_and_what_was_killed_before_is_swept(staging: Staging) -> None:
    site, web = staging.site, HttpService()
    site.plan["notifications"] = [{"type": "webhook", "url": f"{web.url}/hook"}]
    _back_up(site)
    staging.killed_in("start")
    assert not staging.is_clean() and staging.journal()["step"] == "start" and not _stored(site)

    status, said = _rehearse(site, **staging.variables("/broken", rehearsal_checks_wait="0s"))
    assert status == 2 and staging.is_clean(), said
    assert (
        "Step 8, ask the application: 1 of 2 checks did not pass: all receipts are there: the answer is not JSON"
        in said
    )
    (red,) = _stored(site)
    assert red["verdict"] == "failed" and "was killed in its step start" in red["findings"][0]
    assert list(_statuses(red).values()) == [*["passed"] * 7, "failed", "skipped", "passed"]
    web.close()
    assert json.loads(web.received[-1].body)["event"] == "failure", "a rehearsal that failed notifies people"
    assert "all receipts are there" in web.received[-1].body.decode()


def test_stores_that_do_not_fit_together_make_it_red_and_otherwise_the_whole_is_good(
    staging: Staging, receipts: Pair
) -> None:
    site, web = staging.site, HttpService()
    site.plan["notifications"] = [{"type": "webhook", "url": f"{web.url}/hook"}]
    backups = [_back_up(site), _back_up(site)]
    _with_receipts(site, receipts)
    query = site.plan["references"][0]["from"]["query"]
    site.plan["references"][0]["from"]["query"] = f"{query} union all select 'receipts/lost'"
    status, said = _rehearse(site, **staging.variables(rehearsal_variants={"odd": {}}, rehearsal_variant="odd"))
    assert status == 2 and staging.is_clean(), said
    assert "101 names of 101 entries, looked for in 100 entries: 1 missing: receipts/lost" in said
    assert "every receipt is in the bucket: 101 names" in said
    (red,) = _stored(site)
    assert (red["verdict"], red["variant"], _statuses(red)["compare"]) == ("failed", "odd", "failed")

    site.plan["references"][0]["from"]["query"] = query
    date = "2999-01-01T00:00:00Z"
    status, said = _rehearse(
        site, **staging.variables(rehearsal_backups=["newest", "oldest", "random", {"before": date}])
    )
    assert status == 0 and staging.is_clean(), said
    first, green = _stored(site)
    assert (green["verdict"], green["number"], green["previous_sha256"]) == ("passed", 2, first["sha"])
    assert set(_statuses(green).values()) == {"passed"} and not green["findings"]
    assert green["objectives"][0]["status"] == "met" and green["restore_seconds"] > 0
    assert [check["status"] for check in green["checks"]] == ["passed"] * 4
    assert green["checks"][3]["observed"] == "100 names of 100 entries, looked for in 100 entries: all are there"
    assert all(step["evidence"] for step in green["steps"]), "each step says what it saw"
    restored = {proof["backup_id"]: proof["name"] for proof in green["proofs"] if proof["component"] == "codex"}
    assert sorted(restored) == sorted(backups), "each of them once"
    assert "newest" in restored[backups[1]] and f"before {date}" in restored[backups[1]]
    assert "oldest" in restored[backups[0]]
    web.close()
    assert json.loads(web.received[-1].body)["event"] == "recovery"
    _look_at_the_pages(staging, 2)


def _look_at_the_pages(staging: Staging, rehearsals: int) -> None:
    pages = staging.folder / "reports" / "rehearsals"
    assert len(list(pages.glob("*.html"))) == rehearsals + 1 and len(list(pages.glob("*.junit.xml"))) == rehearsals
    index = (pages / "shop_index.html").read_text(encoding="utf-8")
    assert index.count("_rehearsal_") == rehearsals and "PASSED" in index
    for path in pages.glob("*.json"):
        jsonschema.validate(json.loads(path.read_bytes()), _SCHEMA)
    if keep := os.environ.get("LIFEBOAT_KEEP_PAGES"):  # for people who want to look at them
        shutil.copytree(pages, keep, dirs_exist_ok=True)


def test_wrong_keys_and_a_repository_that_is_away_and_what_was_stored_stays(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    _back_up(site, encryption=keys_of("age", tmp_path_factory.mktemp("keys")).write)
    before = sorted(path for path in (site.folder / "backups").rglob("*") if path.is_file())
    site.plan["verification"] |= keys_of("age", tmp_path_factory.mktemp("other")).read
    (site.folder / "no-folder").touch()
    site.plan["repositories"].insert(0, {"path": str(site.folder / "no-folder" / "gone")})
    status, said = _rehearse(site)
    assert status == 2 and "Step 5, restore every backup and prove it" in said, said
    assert "key" in said and "gone" in said
    (red,) = _stored(site)
    assert red["verdict"] == "failed" and _statuses(red)["prove"] == "failed"
    after = sorted(path for path in (site.folder / "backups").rglob("*") if path.is_file())
    assert set(before) <= set(after), "a failed rehearsal removes nothing"


@pytest.mark.soak
def test_a_time_limit_that_is_reached_ends_the_step_and_the_rehearsal_in_words(site: Site) -> None:
    _back_up(site)
    status, said = _rehearse(site, rehearsal_step_limits={"prove": "1s"})
    assert status == 2, said
    (red,) = _stored(site)
    assert _statuses(red)["prove"] == "failed" and red["steps"][4]["limit"] == "1s"
    words = red["proofs"][0]["message"] + red["steps"][4]["message"]
    assert "time limit of 1 s is over" in words or "It took longer than 1s" in words


@pytest.mark.soak
def test_no_step_begins_after_the_time_limit_of_the_whole(staging: Staging) -> None:
    _back_up(staging.site)
    status, said = _rehearse(staging.site, **staging.variables(rehearsal_time_limit="3s"))
    assert status == 2 and "The time limit of the whole rehearsal, 3s, is over" in said, said
    assert not staging.is_up() and not list(staging.kept.glob("*")), "in whichever step it was over"


@pytest.mark.soak
def test_a_repository_that_is_silent_holds_a_rehearsal_no_longer_than_its_time_limit(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the kernel takes every connection, and nobody answers
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        keys = {"region": "us-east-1", "access_key": "KEY", "secret_key": "secret"}
        site.plan["repositories"] = [{"bucket": "backups", "endpoint_url": endpoint, **keys}]
        status, said = _rehearse(site, rehearsal_time_limit="10s")  # without the limit, it is asked for ten minutes
    assert status == 2 and "Step 5, restore every backup and prove it" in said, said
    assert len(list((site.folder / "reports" / "rehearsals").glob("shop_rehearsal_*.html"))) == 1


@pytest.mark.soak
def test_nothing_is_started_where_scrubbing_fails(staging: Staging) -> None:
    _back_up(staging.site)
    status, said = _rehearse(staging.site, **staging.variables(scrub="' nonsense"))
    assert status == 2 and "Step 7, scrub the stores, and start the application" in said, said
    assert "unterminated quoted string" in said, "and what the program said"
    (red,) = _stored(staging.site)
    assert _statuses(red) == {
        **dict.fromkeys(STEPS, "passed"), "start": "failed", "check": "skipped", "compare": "skipped"
    }  # fmt: skip
    assert staging.is_clean()


@pytest.mark.soak
@pytest.mark.parametrize("step", STEPS)
def test_a_rehearsal_that_is_killed_in_any_step_leaves_nothing_that_the_next_one_does_not_sweep(
    staging: Staging, step: str
) -> None:
    backup = _back_up(staging.site)
    staging.killed_in(step)
    assert not _stored(staging.site), "there is no report of what did not end"
    status, said = _rehearse(staging.site, **staging.variables())
    assert status == 0 and staging.is_clean(), said
    (green,) = _stored(staging.site)
    assert green["verdict"] == "passed" and green["proofs"][0]["backup_id"] == backup
    journalled = STEPS.index(step) > STEPS.index("sweep")
    assert len(green["findings"]) == journalled, green["findings"]
    assert not journalled or f"was killed in its step {step}" in green["findings"][0] or step == "clean_up"
