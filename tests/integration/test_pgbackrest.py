# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stanza that others have configured: recorded and proven without a change to it, and red where it is damaged."""

from __future__ import annotations

import collections.abc
import contextlib
import dataclasses
import fcntl
import getpass
import hashlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import typing as t

import pytest

from tests.integration import howtos
from tests.integration.modules import run_module, start_module
from tests.integration.physical_place import ACCOUNT, python_for, wait_for
from tests.integration.proofs import ends_in_a_report
from tests.lab import throwaway
from tests.lab.postgres import PostgresCluster

STANZA = "main"
# Debian has 2.45. This is the one thing that later ones do and it does not: from 2.59 on, root may restore alone.
REFUSES_ROOT = """#!/bin/sh
if [ "$(id -u)" = 0 ]; then
  case " $* " in
    *" restore "* | " version ") ;;
    *) echo "ERROR: [031]: the command must not be run as the root user" >&2; exit 31 ;;
  esac
fi
exec pgbackrest "$@"
"""


@dataclasses.dataclass
class BackrestPlace:
    """A cluster that archives with pgBackRest, its stanza, and a catalog of ours."""

    folder: pathlib.Path
    cluster: PostgresCluster

    @property
    def config(self) -> pathlib.Path:
        """pgBackRest's configuration."""
        return self.folder / "pgbackrest.conf"

    @property
    def repository(self) -> pathlib.Path:
        """pgBackRest's repository."""
        return self.folder / "repo"

    @property
    def refuses_root(self) -> pathlib.Path:
        """pgBackRest, as it is from 2.59 on."""
        return self.folder / "pgbackrest-that-refuses-root"

    def configure(self) -> None:
        """As an administrator would have done it, long before."""
        for name in ("repo", "log", "lock", "spool", "catalog"):
            (self.folder / name).mkdir()
            if ACCOUNT:
                shutil.chown(self.folder / name, ACCOUNT)
        self.config.write_text(
            f"""
[global]
repo1-path={self.repository}
repo1-retention-full=2
repo1-cipher-type=aes-256-cbc
repo1-cipher-pass=not-a-secret-of-anybody
compress-type=zst
start-fast=y
log-path={self.folder}/log
lock-path={self.folder}/lock
spool-path={self.folder}/spool

[{STANZA}]
pg1-path={self.cluster.data_dir}
pg1-port={self.cluster.port}
pg1-socket-path={self.cluster.folder}
""",
            encoding="ascii",
        )
        self.config.chmod(0o644)
        self.refuses_root.write_text(REFUSES_ROOT, encoding="ascii")
        self.refuses_root.chmod(0o755)

    def backrest(self, *arguments: str) -> str:
        """Run pgBackRest by hand."""
        done = subprocess.run(
            ["pgbackrest", f"--config={self.config}", f"--stanza={STANZA}", *arguments],
            check=False, capture_output=True, text=True, cwd="/", env=throwaway.base_environment(),
            **throwaway.identity(ACCOUNT),
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def common(self) -> dict[str, t.Any]:
        """What both modules need."""
        return {"app": "shop", "component": "cluster", "repositories": [{"path": str(self.folder / "catalog")}]}

    def record(self, *, check_mode: bool = False, **more: t.Any) -> dict[str, t.Any]:
        """Run ``pgbackrest_backup`` as the server's account; it may fail."""
        return run_module("pgbackrest_backup", self.recording(**more), check_mode=check_mode, user=ACCOUNT)

    def recording(self, **more: t.Any) -> dict[str, t.Any]:
        """What ``pgbackrest_backup`` is given."""
        return {
            **self.common(), "stanza": STANZA, "pgbackrest_config": str(self.config),
            "state_dir": str(self.folder / "state"), **more,
        }  # fmt: skip

    def verify(self, **more: t.Any) -> dict[str, t.Any]:
        """Run ``pgbackrest_verify``, as root where we are; it may fail."""
        return run_module("pgbackrest_verify", {**self.common(), **self.proving(), **more})

    def proving(self) -> dict[str, t.Any]:
        """What a proof needs here beside what a how-to says."""
        return {
            "allow_vulnerable_client": True, "bin_dir": str(self.cluster.bin_dir), "record": False,
            "pgbackrest_binary": str(self.refuses_root),
        }  # fmt: skip

    def state(self) -> dict[str, str]:
        """Every file of pgBackRest's, with a hash."""
        folders = (self.repository, self.folder / "log", self.folder / "lock", self.folder / "spool")
        files = [path for folder in folders for path in folder.rglob("*")]
        return {
            str(path): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "" for path in sorted(files)
        }

    def step(self, name: str) -> None:
        """Commit something, and have it archived."""
        self.cluster.execute("insert into step (name) values (%s)", (name,), dbname="shop")
        self.cluster.execute("select pg_create_restore_point('x'), pg_switch_wal()")
        self.backrest("check")


@pytest.fixture(scope="module")
def place() -> collections.abc.Iterator[BackrestPlace]:
    with tempfile.TemporaryDirectory(prefix="lifeboat-test-", dir="/var/tmp") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o777)
        settings = {
            "archive_mode": "on", "wal_level": "replica",
            "archive_command": f"pgbackrest --config={folder}/pgbackrest.conf --stanza={STANZA} archive-push %p",
        }  # fmt: skip
        with PostgresCluster(settings=settings, hba=["local all postgres trust"]) as cluster:
            found = BackrestPlace(folder, cluster)
            found.configure()
            found.backrest("stanza-create")
            tablespace = folder / "tablespace"
            tablespace.mkdir(mode=0o700)
            if ACCOUNT:
                shutil.chown(tablespace, ACCOUNT)
            cluster.execute(f"create tablespace aside location '{tablespace}'")
            cluster.create_database("shop")
            cluster.execute(
                "create table step (name text primary key, at timestamptz default clock_timestamp());"
                "create table elsewhere (n integer) tablespace aside; insert into elsewhere values (1), (2)",
                dbname="shop",
            )
            found.step("a")
            found.backrest("backup", "--type=full")
            for step in ("b", "c", "d"):
                found.step(step)
            yield found


def statuses(result: dict[str, t.Any], kind: str = "checks") -> dict[str, str]:
    return {one["id"]: one["status"] for one in result.get(kind, [])}


def followed(place: BackrestPlace, checks: list[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
    """What the how-to says of pgBackRest, as it stands there; the place has a configuration of its own."""
    page, own = "prove-the-backups-that-i-have", place.folder / "reader"
    own.mkdir()
    return howtos.follow(
        [howtos.task(page, "Record what pgBackRest has"), howtos.task(page, "Prove it")],
        own,
        values={"/srv/backups/lifeboat": str(place.folder / "catalog"), "/var/lib/lifeboat": str(own)},
        defaults={
            "pgbackrest_backup": {"pgbackrest_config": str(place.config), "state_dir": str(place.folder / "state")},
            "restore_verify": {**place.proving(), "checks": checks},
        },
        python=python_for(place.folder),
        become=bool(ACCOUNT),
    )


def test_a_stanza_is_recorded_and_proven_as_the_how_to_says_without_a_change_to_it(place: BackrestPlace) -> None:
    before = place.state()
    planned = place.record(check_mode=True)
    assert planned["changed"] and planned["planned"]["take"] == "none", planned
    questions = [
        {"name": "a is there", "query": "select count(*) from step where name = 'a'", "database": "shop", "value": 1},
        {"name": "the tablespace", "query": "select count(*) from elsewhere", "database": "shop", "value": 2},
    ]
    first, full = followed(place, questions)
    assert first["changed"] and first["pgbackrest_type"] == "full", first.get("msg")
    again = place.record()
    assert (again["changed"], again["backup_id"]) == (False, first["backup_id"])
    (shown,) = run_module("backup_info", place.common())["backups"]
    assert (shown["kept_by"], shown["engine"], shown["stored_bytes"]) == ("pgbackrest", "pgbackrest", 0)
    assert full.get("verdict") == "passed", full["msg"]
    assert statuses(full) == {
        "artifact.stored": "passed", "artifact.log": "passed", "restore.restore": "passed",
        "content.unread": "skipped", "structure.databases": "passed", "structure.indexes": "passed",
        "structure.collations": "passed", "structure.pages": "passed", "custom.1": "passed", "custom.2": "passed",
    }  # fmt: skip
    assert statuses(full, "controls") == dict.fromkeys(["control.log", "control.page"], "passed")
    recovery = next(one["message"] for one in full["checks"] if one["id"] == "restore.restore")
    assert "recovery stopped before commit of transaction" in recovery
    artifact = place.verify(profile="artifact", bin_dir="/nowhere", pgbackrest_account=ACCOUNT or getpass.getuser())
    assert artifact["verdict"] == "passed", artifact["msg"]
    assert statuses(artifact, "controls") == {"control.log": "passed"}
    quick = place.verify(profile="quick")
    assert quick["verdict"] == "passed" and "structure.pages" not in statuses(quick), quick["msg"]
    assert place.state() == before
    assert place.cluster.value("select to_regnamespace('lifeboat') is null")


def test_what_is_wrong_with_a_stanza_is_said_in_words(place: BackrestPlace) -> None:
    for wrong, said in (
        ({"stanza": "other"}, "There is no stanza other"),
        ({"stanza": "../x"}, "is not the name of a stanza"),
        ({"pgbackrest_config": "/nowhere"}, "pgbackrest_config: /nowhere is not there"),
        ({"pgbackrest_binary": "/nowhere"}, "is not a program on this host"),
        ({"pgbackrest_repo": 2}, "pgbackrest info of the stanza main failed"),
        ({"system_identifier": "123"}, "and system_identifier is 123"),
        ({"system_identifier": "abc"}, "is not one"),
        ({"pgbackrest_account": "root"}, "only root can become another"),
    ):
        refused = place.record(**wrong)
        assert refused["failed"] and said in refused["msg"], (wrong, refused["msg"])
    assert (
        "no account nobody-of-this-name" in place.verify(pgbackrest_account="nobody-of-this-name")["msg"] or not ACCOUNT
    )
    with open(place.folder / "lock" / f"{STANZA}-backup.lock", "w", encoding="ascii") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        locked = place.record(take="incr")
    os.unlink(held.name)
    assert locked["failed"] and ("runs already" in locked["msg"] or "Another pgBackRest works" in locked["msg"])


def test_pgbackrest_takes_a_backup_when_it_is_asked_to(place: BackrestPlace) -> None:
    taken = place.record(take="auto")
    assert taken["changed"] and taken["pgbackrest_type"] == "incr", taken.get("msg")
    assert taken["references"] and taken["earlier_backups"] == 1
    young = place.record(take="auto", max_age="1h")
    assert (young["changed"], young["backup_id"]) == (False, taken["backup_id"])
    proof = place.verify(profile="quick")
    assert proof["verdict"] == "passed", proof["msg"]


def test_a_run_that_is_killed_records_nothing_and_the_next_one_takes_its_backup(place: BackrestPlace) -> None:
    lock = place.folder / "lock" / f"{STANZA}-backup.lock"

    def recorded() -> list[str]:
        return [one["backup_id"] for one in run_module("backup_info", place.common())["backups"]]

    before = recorded()
    process = start_module("pgbackrest_backup", place.recording(take="full"), user=ACCOUNT)
    wait_for(lock.exists)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert recorded() == before

    def is_free() -> bool:
        with contextlib.suppress(OSError), open(lock, "rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return not lock.exists()

    wait_for(is_free)  # pgBackRest itself goes on, or ends when it has to say something
    done = place.record(take="full")
    assert done["changed"] and done["pgbackrest_type"] == "full", done.get("msg")
    assert place.verify(profile="quick")["verdict"] == "passed"


def test_damage_in_the_repository_is_red(place: BackrestPlace) -> None:
    place.backrest("backup", "--type=full")  # not the only one: pgBackRest 2.45 ends with an assertion without any
    label = place.record()["pgbackrest_label"]
    stored = [path for path in (place.repository / "archive").rglob("*.zst") if len(path.name) > 60]
    segment = sorted(stored)[-1]
    kept = segment.read_bytes()
    segment.write_bytes(kept[:-64] + bytes(64))
    try:
        damaged = place.verify(profile="artifact")
        assert damaged["verdict"] == "failed" and statuses(damaged)["artifact.stored"] == "failed", damaged["msg"]
    finally:
        segment.write_bytes(kept)
    first = place.record()["first_segment"]
    (path,) = [one for one in stored if one.name.startswith(first)]
    aside = path.rename(place.folder / "aside")
    try:
        hole = place.verify(profile="quick")
        assert hole["verdict"] == "failed" and first in hole["msg"], hole["msg"]
    finally:
        aside.rename(path)
    files = (place.repository / "backup" / STANZA / label / "pg_data").rglob("*.zst")
    big = max(files, key=lambda one: one.stat().st_size)
    kept = big.read_bytes()
    big.write_bytes(kept[: len(kept) // 2] + bytes(32) + kept[len(kept) // 2 + 32 :])
    try:
        broken = place.verify(profile="quick")
        assert broken["verdict"] == "failed" and statuses(broken)["artifact.stored"] == "failed", broken["msg"]
    finally:
        big.write_bytes(kept)
    aside = (place.repository / "backup" / STANZA / label).rename(place.folder / "expired")
    info = [place.repository / "backup" / STANZA / name for name in ("backup.info", "backup.info.copy")]
    before = [one.read_bytes() for one in info]
    try:
        place.backrest("expire", f"--set={label}")
        gone = place.verify(profile="artifact")
        assert gone["failed"] and "is not in the stanza main any more" in gone["msg"], gone["msg"]
    finally:
        aside.rename(place.repository / "backup" / STANZA / label)
        for one, content in zip(info, before, strict=True):
            one.write_bytes(content)


def test_a_server_that_dies_in_a_proof_leaves_a_report(place: BackrestPlace, scratch_base: pathlib.Path) -> None:
    assert not place.record().get("failed")
    ends_in_a_report("pgbackrest", place.verify, scratch_base, "postgres")
