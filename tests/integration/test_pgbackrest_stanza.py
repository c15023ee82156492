# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stanza that we make, in a folder and in a bucket: it archives, is backed up, and comes back to a moment."""

from __future__ import annotations

import collections.abc
import contextlib
import dataclasses
import datetime
import getpass
import json
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import sys
import sysconfig
import tempfile
import time
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.plugin_utils._lifeboat_plan import plan_errors

from tests.integration.modules import _python, run_module, start_module
from tests.integration.physical_place import ACCOUNT, RestoredCluster, wait_for
from tests.lab import throwaway
from tests.lab.nats import make_certificates
from tests.lab.objectstore import ObjectStore
from tests.lab.postgres import PostgresCluster
from tests.lab.tlsproxy import TlsProxy

ROOT = pathlib.Path(__file__).parents[2]
PASS = "a-cipher-pass-that-nobody-uses-elsewhere"
TRUST = ["local all postgres trust"]  # pgBackRest logs in over the socket, as the account of the server


@dataclasses.dataclass
class StanzaPlace:
    """A cluster that archives nothing yet, and where its stanza is to be."""

    folder: pathlib.Path
    cluster: PostgresCluster
    bucket: dict[str, t.Any]
    restores: int = 0

    @property
    def config(self) -> pathlib.Path:
        """The configuration that is written."""
        return self.folder / "own" / "pgbackrest" / "main.conf"

    @property
    def repositories(self) -> list[dict[str, t.Any]]:
        """A folder and a bucket."""
        cipher = {"cipher_pass_file": str(self.folder / "pass")}
        return [{"path": str(self.folder / "repo"), **cipher}, {**self.bucket, **cipher}]

    def reached(self) -> dict[str, t.Any]:
        """How the stanza is reached by all modules."""
        return {"stanza": "main", "pgbackrest_config": str(self.config)}

    def make(self, *, check_mode: bool = False, **more: t.Any) -> dict[str, t.Any]:
        """Run ``pgbackrest_stanza`` as the server's account; it may fail."""
        given = {
            **self.reached(), "dsn": self.cluster.dsn(), "pgbackrest_repositories": self.repositories,
            "keep_days": 30, "archive_timeout": "1h",
            "state_dir": str(self.folder / "own" / "state" / "pgbackrest"), **more,
        }  # fmt: skip
        return run_module("pgbackrest_stanza", given, check_mode=check_mode, user=ACCOUNT)

    def common(self) -> dict[str, t.Any]:
        """What the modules of the catalog need."""
        return {"app": "shop", "component": "cluster", "repositories": [{"path": str(self.folder / "catalog")}]}

    def back_up(self, **more: t.Any) -> dict[str, t.Any]:
        """Run ``pgbackrest_backup`` as the server's account; it may fail."""
        given = {**self.common(), **self.reached(), "state_dir": str(self.folder / "own" / "runs"), **more}
        return run_module("pgbackrest_backup", given, user=ACCOUNT)

    def backrest(self, *arguments: str) -> str:
        """Run pgBackRest by hand."""
        done = subprocess.run(
            ["pgbackrest", f"--config={self.config}", "--stanza=main", *arguments],
            check=False, capture_output=True, text=True, cwd="/", env=throwaway.base_environment(),
            **throwaway.identity(ACCOUNT),
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def step(self, name: str) -> str:
        """Commit something. Gives the last transaction."""
        added = "pg_current_xact_id()::text"
        rows = self.cluster.execute(f"insert into step (name) values (%s) returning {added}", (name,), dbname="shop")
        if name != "last":
            rows = self.cluster.execute(f"insert into elsewhere values (1) returning {added}", dbname="shop")
        return str(rows[0][0])

    def restore(self, *, check_mode: bool = False, **more: t.Any) -> dict[str, t.Any]:
        """Run ``pgbackrest_restore`` as the server's account into a new folder; it may fail."""
        given = self.restore_arguments(**more)
        return run_module("pgbackrest_restore", given, check_mode=check_mode, user=ACCOUNT)

    def restore_arguments(self, **more: t.Any) -> dict[str, t.Any]:
        """What it is given."""
        self.restores += 1
        return {
            **self.common(), "allow_vulnerable_client": True, "bin_dir": str(self.cluster.bin_dir),
            "data_dir": str(self.folder / "own" / f"data-{self.restores}"),
            "tablespace_dir": str(self.folder / "own" / f"spaces-{self.restores}"), **more,
        }  # fmt: skip

    def files(self) -> set[str]:
        """Everything that there is below the folder."""
        return {str(path) for path in self.folder.rglob("*")}


@pytest.fixture(scope="module")
def place(object_store: ObjectStore) -> collections.abc.Iterator[StanzaPlace]:
    with tempfile.TemporaryDirectory(prefix="lifeboat-test-", dir="/var/tmp") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o777)
        make_certificates(folder)
        (folder / "ca.pem").chmod(0o644)
        for made in ("own", "repo", "catalog"):
            (folder / made).mkdir(mode=0o700)
        (folder / "pass").write_text(PASS + "\n", encoding="ascii")
        (folder / "pass").chmod(0o600)
        for given in ("own", "repo", "catalog", "pass"):
            if ACCOUNT:
                shutil.chown(folder / given, ACCOUNT)
        bucket = object_store.make_bucket("stanza-of-ours")
        with TlsProxy(folder, object_store.port) as proxy, PostgresCluster(hba=TRUST) as cluster:
            options = {
                "bucket": bucket, "region": object_store.region, "endpoint_url": f"https://localhost:{proxy.port}",
                "access_key": "test", "secret_key": "a-secret-key-of-nobody", "ca_bundle": str(folder / "ca.pem"),
            }  # fmt: skip
            cluster.create_database("shop")
            cluster.execute("create table step (name text primary key)", dbname="shop")
            yield StanzaPlace(folder, cluster, options)
        object_store.drop_bucket(bucket)


@pytest.fixture(scope="module")
def stanza(place: StanzaPlace) -> StanzaPlace:
    """The place with its stanza."""
    before = place.files()
    planned = place.make(check_mode=True)
    assert planned.get("changed") and planned["restart_required"] and not planned["checked"], planned.get("msg")
    assert "stanza in repo2" in planned["diff"]["after"]
    assert place.files() == before and place.cluster.value("show archive_command") == "(disabled)"
    first = place.make()
    assert first.get("changed") and first["restart_required"] and not first["checked"], first.get("msg")
    place.cluster.restart()
    second = place.make()
    assert (second["changed"], second["checked"]) == (False, True), second.get("msg")
    return place


def test_a_stanza_is_made_in_a_folder_and_a_bucket_and_archives(stanza: StanzaPlace, object_store: ObjectStore) -> None:
    text = stanza.config.read_text()
    assert stat.S_IMODE(stanza.config.stat().st_mode) == 0o600
    for line in (
        "repo1-cipher-type=aes-256-cbc", "repo2-type=s3", "repo1-retention-full-type=time", "repo1-retention-full=30",
        "archive-async=y", "compress-type=zst", "repo2-bundle=y",
    ):  # fmt: skip
        assert line in text.splitlines(), line
    command = stanza.cluster.value("show archive_command")
    for result in (command, str(stanza.make(check_mode=True))):
        assert PASS not in result and "a-secret-key-of-nobody" not in result
    assert any("/archive/main/" in key for key in object_store.sizes("stanza-of-ours"))
    assert not any(b"PGDATA" in path.read_bytes() for path in (stanza.folder / "repo").rglob("*.info"))
    again = stanza.make(check_mode=True)
    assert (again["changed"], again["diff"]["after"]) == (False, "")


def test_what_would_lose_backups_or_cannot_be_is_refused_before_anything_is_touched(stanza: StanzaPlace) -> None:
    other = stanza.folder / "other-pass"
    other.write_text("another-cipher-pass-than-before", encoding="ascii")
    other.chmod(0o600)
    if ACCOUNT:
        shutil.chown(other, ACCOUNT)
    folder, bucket = stanza.repositories
    before = stanza.config.read_text()
    for wrong, said in (
        ({"pgbackrest_repositories": [{**folder, "cipher_pass_file": str(other)}, bucket]}, "made with another cipher"),
        ({"pgbackrest_repositories": [folder]}, "would not be found any more"),
        ({"pgbackrest_repositories": [{**bucket, "endpoint_url": "http://127.0.0.1:1"}]}, "speaks HTTPS alone"),
        ({"pgbackrest_repositories": [{"path": "relative"}]}, "is not absolute"),
        ({"pgbackrest_repositories": []}, "has 0 entries"),
        ({"keep_days": -1}, "keep_days is -1"),
        ({"compress_level": 99}, "compress_level is 99"),
        ({"pgbackrest_config": str(stanza.folder / "own" / "other.conf")}, "The server archives already"),
    ):
        refused = stanza.make(**wrong)
        assert refused["failed"] and said in refused["msg"], (wrong, refused["msg"])
        assert PASS not in str(refused) and "another-cipher-pass" not in str(refused)
    assert stanza.config.read_text() == before


def test_a_stanza_of_another_cluster_is_refused(stanza: StanzaPlace) -> None:
    with PostgresCluster(hba=TRUST) as stranger:
        mine = StanzaPlace(stanza.folder, stranger, stanza.bucket)
        refused = mine.make(pgbackrest_config=str(stanza.folder / "own" / "stranger.conf"))
        assert refused["failed"] and "is of the cluster" in refused["msg"], refused["msg"]
        assert stranger.value("show archive_command") == "(disabled)"
        assert not (stanza.folder / "own" / "stranger.conf").exists()


def played(stanza: StanzaPlace, keep: dict[str, t.Any]) -> int:
    """How many tasks of the role's part that makes stanzas have changed something."""
    home = stanza.folder / "home" / "venv" / "bin"
    home.mkdir(parents=True, exist_ok=True)
    (home / "python").write_text(
        f'#!/bin/sh\nPYTHONPATH={sysconfig.get_path("purelib")} exec {_python(ACCOUNT)} "$@"\n'
    )
    (home / "python").chmod(0o755)
    component = {
        "name": "cluster", "engine": "pgbackrest", **stanza.reached(), "take": "auto", "objectives": {"rpo": "5m"},
        "configure": {"dsn": stanza.cluster.dsn(), "pgbackrest_repositories": stanza.repositories},
    }  # fmt: skip
    account = ACCOUNT or getpass.getuser()
    far = {"name": "far", "engine": "pgbackrest", "stanza": "main", "pgbackrest_repo": 2, "take": "auto"}
    plan = {**stanza.common(), "run_as": account, "retention": {"keep": keep}, "components": [component, far]}
    plan.pop("component")
    assert plan_errors(plan) == []
    variables = {
        "lifeboat_plan": plan, "backup_home": str(stanza.folder / "home"), "backup_archive_timeout": "1h",
        "backup_state_dir": str(stanza.folder / "own" / "state"), "backup_stanza_component": "cluster",
        "ansible_become": bool(ACCOUNT),
    }  # fmt: skip
    (stanza.folder / "variables.json").write_text(json.dumps(variables))
    role = {"ansible.builtin.include_role": {"name": "lifeboat.dr.backup", "tasks_from": "stanza"}}
    (stanza.folder / "play.yml").write_text(
        json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [role]}])
    )
    done = subprocess.run(
        [pathlib.Path(sys.executable).with_name("ansible-playbook"), "--inventory", "localhost,", "--connection",
         "local", "--extra-vars", f"@{stanza.folder / 'variables.json'}", stanza.folder / "play.yml"],
        check=False, cwd=ROOT, capture_output=True, text=True, timeout=180, stdin=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "HOME": str(stanza.folder), "LC_ALL": "C.UTF-8",
             "ANSIBLE_HOME": str(ROOT / ".ansible")},
    )  # fmt: skip
    recap = re.search(r"changed=(\d+).*failed=0", done.stdout)
    assert done.returncode == 0 and recap, done.stdout + done.stderr
    assert PASS not in done.stdout
    return int(recap[1])


def test_the_role_makes_the_stanza_of_a_plan_and_keeps_what_its_retention_promises(stanza: StanzaPlace) -> None:
    assert played(stanza, {"daily": 30}) == 0, "the stanza is there, and keeps 30 days"
    assert played(stanza, {"daily": 14, "weekly": 8}) == 1
    assert "repo2-retention-full=56" in stanza.config.read_text().splitlines()


@dataclasses.dataclass
class History:
    """What was committed, and when: a step each before and after every backup."""

    place: StanzaPlace
    kinds: list[str]
    labels: list[str]
    moments: dict[str, str]
    transactions: dict[str, str]
    lsn: str


@pytest.fixture(scope="module")
def history(stanza: StanzaPlace) -> History:
    """Full, differential and incremental backups, with a step after each, and a restore point after the first."""
    tablespace = stanza.folder / "tablespace"
    tablespace.mkdir(mode=0o700)
    if ACCOUNT:
        shutil.chown(tablespace, ACCOUNT)
    stanza.cluster.execute(f"create tablespace aside location '{tablespace}'")
    stanza.cluster.execute("create table elsewhere (n integer) tablespace aside", dbname="shop")
    stanza.cluster.execute("create table large as select generate_series(1, 100000) as n", dbname="shop")
    found = History(stanza, [], [], {}, {}, "")
    found.moments["start"] = stanza.cluster.value("select clock_timestamp()::text")
    for name, given in (("a", {}), ("b", {"diff_max_age": "0s"}), ("c", {"diff_max_age": "1h"})):
        taken = stanza.back_up(take="auto", **given)
        assert taken.get("changed"), taken.get("msg")
        found.kinds.append(taken["pgbackrest_type"])
        found.labels.append(taken["pgbackrest_label"])
        time.sleep(1.1)  # pgBackRest's times are whole seconds
        found.transactions[name] = stanza.step(name)
        found.moments[name] = stanza.cluster.value("select clock_timestamp()::text")
        if name == "a":
            found.lsn = stanza.cluster.value("select pg_create_restore_point('after a')")
    stanza.step("last")
    stanza.cluster.execute("select pg_switch_wal()")
    stanza.backrest("check")
    return found


def steps(stanza: StanzaPlace, restored: dict[str, t.Any]) -> set[str]:
    """What a server of the data folder finds."""
    assert not restored.get("failed"), restored["msg"]
    with RestoredCluster(stanza.cluster, restored["data_dir"], stanza.folder) as server:
        assert server.value("show archive_mode") == "off"
        count = server.value("select count(*) from elsewhere", dbname="shop")
        found = set(str(server.value("select string_agg(name, ' ') from step", dbname="shop")).split())
        assert count == len(found - {"last"})
    return found


def test_backups_are_full_then_differential_then_incremental(history: History) -> None:
    assert history.kinds == ["full", "diff", "incr"]


def test_the_stanza_comes_back_to_a_moment_by_the_right_backup(history: History) -> None:
    place = history.place
    time_of = {"target_time": history.moments["b"], "action": "promote"}
    planned = place.restore(check_mode=True, **time_of)
    assert planned["pgbackrest_label"] == history.labels[1] and planned["window"]["to"], planned.get("msg")
    assert not pathlib.Path(planned["data_dir"]).exists()
    at_b = place.restore(**time_of)
    assert steps(place, at_b) == {"a", "b"}
    assert (at_b["timeline"], at_b["state"], at_b["action"]) == (2, "shut down", "promote")
    named = place.restore(target_name="after a", action="promote")
    assert named["pgbackrest_label"] == history.labels[0] and steps(place, named) == {"a"}
    latest = place.restore(target="latest", action="promote")
    assert latest["pgbackrest_label"] == history.labels[2]
    assert steps(place, latest) == {"a", "b", "c", "last"}


def test_a_bucket_has_backups_of_its_own_and_the_cluster_comes_back_from_it(history: History) -> None:
    place = history.place
    far = {"component": "far", "pgbackrest_repo": 2}
    taken = place.back_up(take="auto", **far)
    assert taken.get("changed") and taken["pgbackrest_type"] == "full", taken.get("msg")
    restored = place.restore(component="far", target="immediate", action="promote")
    assert restored["pgbackrest_label"] == taken["pgbackrest_label"], restored.get("msg")
    assert steps(place, restored) == {"a", "b", "c", "last"}


def test_a_server_that_pauses_at_its_target_gets_the_log_from_pgbackrest(history: History) -> None:
    place = history.place
    paused = place.restore(target_lsn=history.lsn, backup=history.labels[0])
    assert not paused.get("failed"), paused["msg"]
    with open(f"{paused['data_dir']}/postgresql.auto.conf", encoding="utf-8") as file:
        assert "archive-get" in file.read()
    with RestoredCluster(place.cluster, paused["data_dir"], place.folder) as server:
        wait_for(lambda: server.value("select pg_get_wal_replay_pause_state()") == "paused")
        assert server.value("select string_agg(name, ' ') from step", dbname="shop") == "a"


def test_what_cannot_be_reached_is_refused_before_anything_is_touched(history: History) -> None:
    place = history.place
    later = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)).isoformat()
    for wrong, said in (
        ({"target_time": history.moments["start"]}, "is before the end of the oldest base backup"),
        ({"target_time": later}, "is after the last commit"),
        ({"target_time": "2026-01-15T14:30:00"}, "has no time zone"),
        ({"target_lsn": "FFFF/0"}, "is after the end of the archived log"),
        ({"target_time": history.moments["a"], "target_name": "x"}, "exactly one of"),
        ({"target": "latest"}, "action is pause"),
        ({"target": "immediate", "backup": "20200101-000000F"}, "No base backup can be recovered"),
        ({"target": "immediate", "delta": True, "replace": True}, "delta and replace"),
        ({"target": "immediate", "delta": True}, "no data folder that could be brought up to date"),
        ({"target": "immediate", "tablespace_dir": None}, "that folder holds something"),
        ({"target": "immediate", "data_dir": str(place.cluster.data_dir), "delta": True}, "a server runs in"),
    ):
        refused = place.restore(**wrong)
        assert refused.get("failed") and said in refused["msg"], (wrong, refused.get("msg"))
    missing = place.restore(target_name="nobody made it", action="promote")
    assert missing["failed"] and "is not in it" in missing["msg"], missing["msg"]
    assert not pathlib.Path(missing["invocation"]["module_args"]["data_dir"]).exists()


def test_a_delta_brings_only_what_differs_and_goes_on_after_a_failure(history: History) -> None:
    place = history.place
    latest = place.restore(target="latest", action="promote")
    assert not latest.get("failed"), latest["msg"]
    data_dir = pathlib.Path(latest["data_dir"])
    large = data_dir / place.cluster.value("select pg_relation_filepath('large')", dbname="shop")
    before = large.stat()
    with open(data_dir / "global" / "1262", "r+b") as file:
        file.write(b"damaged")
    given = {"data_dir": str(data_dir), "delta": True, "action": "promote", "tablespace_dir": None}
    broken = place.restore(target_name="nobody made it", **given)
    assert broken["failed"] and "lies as" in broken["msg"] and not data_dir.exists(), broken["msg"]
    done = place.restore(target_xid=history.transactions["b"], **given)
    assert not done.get("failed"), done["msg"]
    after = large.stat()
    assert (after.st_ino, after.st_size) == (before.st_ino, before.st_size)
    assert steps(place, done) == {"a", "b"}
    assert place.cluster.value("select count(*) from elsewhere", dbname="shop") == 3, "the live tablespace is untouched"


def programs_at_work(folder: pathlib.Path) -> list[str]:
    """The processes of pgBackRest that restore something into this folder."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes().decode("utf-8", "replace")
            if "pgbackrest" in words and "restore" in words and str(folder) in words:
                found.append(process.name)
    return found


def test_a_run_that_is_killed_leaves_no_data_folder_and_the_next_one_ends_its_work(history: History) -> None:
    place, own = history.place, history.place.folder / "own"
    whole = place.restore_arguments(target_time=history.moments["b"], action="promote")
    folder = pathlib.Path(whole["data_dir"])
    delta = {**whole, "delta": True, "target_time": history.moments["a"]}
    delta.pop("tablespace_dir")
    for given, unfinished in ((whole, f"{folder.name}.lifeboat-restoring-*"), (delta, f"{folder.name}.lifeboat-delta")):
        process = start_module("pgbackrest_restore", given, user=ACCOUNT)
        wait_for(lambda unfinished=unfinished: bool(list(own.glob(unfinished))))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert list(own.glob(unfinished)) and not folder.exists()
        wait_for(lambda: not programs_at_work(place.folder))  # pgBackRest's own processes end a moment later
        shutil.rmtree(given.get("tablespace_dir", ""), ignore_errors=True)
        done = run_module("pgbackrest_restore", given, user=ACCOUNT)
        assert not done.get("failed"), done["msg"]
        assert not list(own.glob(unfinished))
    assert steps(place, done) == {"a"}


def test_the_catalog_shows_the_window_and_its_holes(history: History) -> None:
    place = history.place

    def window() -> dict[str, t.Any]:
        return run_module("backup_info", place.common(), user=ACCOUNT)["windows"][0]

    whole = window()
    assert whole["backups"] == history.labels[::-1] and whole["missing"] == [] and whole["unusable"] == []
    assert whole["archive"] == "main/15-1" and whole["to"] > whole["from"] > "2026"
    watched = {"rpo": "1h", "components": [{"name": "cluster"}], "app": "shop"}

    def status() -> dict[str, t.Any]:
        given = {"repositories": place.common()["repositories"], **watched}
        return run_module("backup_status", given, user=ACCOUNT)["components"][0]

    logged = datetime.datetime.fromisoformat(status()["logged_at"])
    assert logged == datetime.datetime.fromisoformat(whole["to"]), "what would be lost is what is not archived yet"
    lost = place.cluster.value(f"select pg_walfile_name('{history.lsn}')")
    (path,) = (place.folder / "repo" / "archive").rglob(f"{lost}-*")
    aside = path.rename(place.folder / "aside")
    try:
        holed = window()
        assert [problem["code"] for problem in status()["problems"] if lost in problem["message"]] == [
            "log_hole" if lost in holed["missing_ahead"] else "log_hole_before"
        ]
        assert lost in holed["missing"] and holed["backups"] == history.labels[::-1]
        refused = place.restore(target_time=history.moments["a"], action="promote")
        assert refused["failed"] and lost in refused["msg"], refused["msg"]
    finally:
        aside.rename(path)
