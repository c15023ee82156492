# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A base backup and its log, and recovery to every kind of target on a real server: exactly there, or an error."""

from __future__ import annotations

import collections.abc
import contextlib
import dataclasses
import datetime
import functools
import getpass
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import typing as t

import psycopg2
import pytest

from tests.integration import howtos
from tests.integration.modules import result_of, run_module, start_module
from tests.integration.physical_place import ACCOUNT, PhysicalPlace, RestoredCluster, wait_for
from tests.integration.proofs import ends_in_a_report
from tests.lab.postgres import PostgresCluster


@dataclasses.dataclass
class History:
    """A cluster with two base backups, and what was committed when. ``steps`` are the rows of the table ``step``."""

    cluster: PostgresCluster
    place: PhysicalPlace
    first: dict[str, t.Any]
    second: dict[str, t.Any]
    moments: dict[str, datetime.datetime]  # just after the step was committed
    positions: dict[str, str]
    transactions: dict[str, str]

    def restore(self, *, check_mode: bool = False, **more: t.Any) -> dict[str, t.Any]:
        return self.place.restore(self.cluster, check_mode=check_mode, **more)

    def steps_of(self, result: dict[str, t.Any], *, paused: bool = False) -> list[str]:
        """What a server that is started on the restored data folder holds."""
        assert not result.get("failed"), result["msg"]
        with RestoredCluster(self.cluster, result["data_dir"], self.place.folder) as server:
            assert server.value("select pg_is_in_recovery()") is paused
            assert server.value("show archive_mode") == "off"
            return [row[0] for row in server.execute("select name from step order by at")]


@pytest.fixture(scope="module")
def folder() -> collections.abc.Iterator[pathlib.Path]:
    with tempfile.TemporaryDirectory(prefix="lifeboat-test-", dir="/var/tmp") as path:
        pathlib.Path(path).chmod(0o777)
        yield pathlib.Path(path)


@pytest.fixture(scope="module")
def history(folder: pathlib.Path) -> collections.abc.Iterator[History]:
    """Steps a, b | first backup | c, d, named point, e | second backup | f, g."""
    # LIFEBOAT_LAB_POSTGRES: the programs of another version than Debian's.
    with PostgresCluster(programs=os.environ.get("LIFEBOAT_LAB_POSTGRES", "")) as cluster:
        place = PhysicalPlace(folder)
        place.archive_with(cluster)
        cluster.execute("create table step (name text, at timestamptz default clock_timestamp())")
        _make_odd_databases(cluster)
        found = History(cluster, place, {}, {}, {}, {}, {})

        def step(name: str) -> None:
            rows = cluster.execute(
                "with made as (insert into step (name) values (%s)) select pg_current_xact_id()::text", (name,)
            )
            found.transactions[name] = rows[0][0]
            found.moments[name], found.positions[name] = cluster.execute(
                "select clock_timestamp(), pg_current_wal_flush_lsn()::text"
            )[0]
            time.sleep(0.01)

        for name in ("a", "b"):
            step(name)
        found.first = place.back_up(cluster)
        for name in ("c", "d"):
            step(name)
            cluster.execute("select pg_create_restore_point('each release')")
        cluster.execute("select pg_create_restore_point('before the release')")
        step("e")
        found.second = place.back_up(cluster)
        for name in ("f", "g"):
            step(name)
        place.configure(cluster)
        yield found


def _make_odd_databases(cluster: PostgresCluster) -> None:
    """Databases that a proof must not stumble over: one refuses all DDL, nobody can connect to the other."""
    cluster.create_database("strict")
    cluster.execute(
        """create table twice as select 1 as i from generate_series(1, 2);
        create function no_ddl() returns event_trigger language plpgsql as $$ begin raise 'no %', tg_tag; end $$""",
        dbname="strict",
    )
    with pytest.raises(psycopg2.Error):
        cluster.execute("create unique index concurrently never_valid on twice (i)", dbname="strict")
    cluster.execute("create event trigger no_ddl on ddl_command_start execute function no_ddl()", dbname="strict")
    cluster.create_database("closed")
    cluster.execute("alter database closed allow_connections false")


def test_a_backup_says_where_it_stands_in_the_log_and_its_log_is_there(history: History) -> None:
    first, second = history.first, history.second
    assert first["timeline"] == 1 and first["restore_point"] == f"lifeboat-{first['backup_id']}"
    assert {first["first_segment"], first["last_segment"], second["last_segment"]} <= set(history.place.archived())
    assert (first["archive"], first["system_identifier"]) == (
        "shop@cluster", history.cluster.value("select system_identifier::text from pg_control_system()"),
    )  # fmt: skip
    young = history.place.try_backup(history.cluster, max_age="1h")
    assert (young["changed"], young["backup_id"]) == (False, second["backup_id"])
    planned = history.place.try_backup(history.cluster, check_mode=True)
    assert planned["changed"] and planned["planned"]["timeline"] == 1
    assert history.cluster.password not in str(sorted(history.place.folder.rglob("manifest.json")))


@pytest.mark.parametrize("action", ["pause", "promote"])
def test_a_time_is_reached_exactly_from_the_backup_before_it(history: History, action: str) -> None:
    asked = history.moments["d"].astimezone(datetime.timezone(datetime.timedelta(hours=5, minutes=30)))
    result = history.restore(target_time=asked.isoformat(), action=action)
    assert history.steps_of(result, paused=action == "pause") == ["a", "b", "c", "d"]
    assert result["backup_id"] == history.first["backup_id"]
    assert "before commit of transaction" in result["reached"]["words"]
    assert result["timeline"] == (2 if action == "promote" else 1)


def test_a_name_a_position_a_transaction_and_the_end_are_reached(history: History) -> None:
    named = history.restore(target_name="before the release", action="promote")
    again = history.restore(target_name="each release", action="promote")
    assert "more than one restore point each release" in str(again["warnings"])
    assert history.steps_of(again) == ["a", "b", "c", "d"]
    assert history.steps_of(named) == ["a", "b", "c", "d"]
    at = history.restore(target_lsn=history.positions["e"], action="promote")
    assert history.steps_of(at) == ["a", "b", "c", "d", "e"]
    transaction = history.restore(target_xid=history.transactions["f"], action="promote")
    assert history.steps_of(transaction)[-1] == "f"
    latest = history.restore(target="latest", action="promote")
    assert history.steps_of(latest) == ["a", "b", "c", "d", "e", "f", "g"]
    assert latest["backup_id"] == history.second["backup_id"]


def test_the_marker_before_a_backups_point_is_there_and_the_one_after_it_is_not(history: History) -> None:
    result = history.restore(target_name=history.first["restore_point"], action="promote")
    assert not result.get("failed"), result["msg"]
    with RestoredCluster(history.cluster, result["data_dir"], history.place.folder) as server:
        sides = server.execute("select side from lifeboat.pitr_marker")
    assert sides == [("before",)]


def test_a_target_outside_of_the_window_is_refused_before_anything_is_touched(history: History) -> None:
    late = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    before = sorted(path.name for path in (history.place.folder / "own").iterdir())
    for wrong, said in (
        ({"target_time": history.moments["a"].isoformat()}, "is before the end of the oldest base backup"),
        ({"target_time": late.isoformat()}, "is after the last commit in the archived log"),
        ({"target_lsn": "FF/0"}, "is after the end of the archived log"),
        ({"target_lsn": "0/28"}, "is before the end of the oldest base backup"),
        ({"target_time": "2026-01-15 14:30:00"}, "has no time zone"),
        ({"target_time": "yesterday"}, "is not a point in time"),
        ({"target": "latest"}, "action is pause"),
        ({}, "No target is given"),
        ({"target": "immediate", "target_xid": "5"}, "target and target_xid is given"),
        ({"target": "immediate", "target_timeline": "9"}, "Timeline 9 does not come from timeline 1"),
        ({"target": "immediate", "backup": "20200101T000000Z-000000"}, "There is no base backup"),
        ({"target": "immediate", "archive": "other"}, "There is no archive other"),
        ({"target": "immediate", "data_dir": str(history.cluster.data_dir)}, "is there and not empty"),
    ):
        refused = history.restore(**wrong)
        assert refused["failed"] and said in refused["msg"], (wrong, refused["msg"])
    assert sorted(path.name for path in (history.place.folder / "own").iterdir()) == before


def test_a_point_that_is_not_in_the_log_is_an_error_and_leaves_nothing(history: History) -> None:
    result = history.restore(target_name="no such point", action="promote")
    assert result["failed"] and "target_name no such point is not in it" in result["msg"]
    assert not list((history.place.folder / "own").glob("data-*"))
    planned = history.restore(target_name="no such point", check_mode=True)
    assert planned["changed"] and not pathlib.Path(planned["data_dir"]).exists()


def test_a_hole_ends_the_window_and_what_lies_before_it_is_reached(history: History) -> None:
    hole = history.second["first_segment"]
    path = history.place.archived()[hole]
    aside = path.rename(history.place.folder / "aside")
    try:
        refused = history.restore(target_time=history.moments["f"].isoformat())
        assert refused["failed"] and f"{hole} is missing from the archive" in refused["msg"]
        latest = history.restore(target="latest", action="promote")
        assert latest["failed"] and f"{hole} is missing" in latest["msg"]
        result = history.restore(target_time=history.moments["c"].isoformat(), action="promote")
        assert history.steps_of(result)[-1] == "c"
        assert result["window"]["missing"] == hole
    finally:
        aside.rename(path)


def test_a_corrupted_segment_stops_the_recovery_and_is_named(history: History) -> None:
    name = history.second["last_segment"]
    path = history.place.archived()[name]
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    try:
        result = history.restore(target="latest", action="promote")
        assert result["failed"] and name in result["msg"], result["msg"]
        assert not list((history.place.folder / "own").glob("data-*"))
    finally:
        path.write_bytes(whole)


def statuses(result: dict[str, t.Any], kind: str = "checks") -> dict[str, str]:
    return {one["id"]: one["status"] for one in result.get(kind, [])}


def test_a_backup_is_proven_by_a_point_of_the_live_cluster(history: History) -> None:
    questions = [
        {"name": "a and b are there", "query": "select count(*) from step", "operator": ">=", "value": 2},
        {"name": "the library is loaded", "query": "show shared_preload_libraries", "value": "auto_explain"},
    ]
    preloaded = ["auto_explain"]
    full = history.place.verify(
        history.cluster, backup=history.first["backup_id"], checks=questions, scratch_preload_libraries=preloaded
    )
    assert full["verdict"] == "passed", full["msg"]
    assert statuses(full) == {
        "artifact.stored": "passed", "artifact.log": "passed", "restore.restore": "passed",
        "content.markers": "passed", "structure.databases": "passed", "structure.indexes": "passed",
        "structure.collations": "passed", "structure.pages": "passed", "custom.1": "passed",
        "custom.2": "passed",
    }  # fmt: skip
    assert statuses(full, "controls") == dict.fromkeys(["control.marker", "control.flip", "control.cut"], "passed")
    quick = history.place.verify(history.cluster, profile="quick", backup=history.first["backup_id"])
    assert quick["verdict"] == "passed" and "structure.pages" not in statuses(quick)
    artifact = history.place.verify(history.cluster, profile="artifact", bin_dir="/nowhere")
    assert (artifact["verdict"], list(statuses(artifact))) == ("passed", ["artifact.stored", "artifact.log"])


def test_a_log_with_a_hole_or_damage_is_not_proven(history: History) -> None:
    name = history.first["last_segment"]
    path = history.place.archived()[name]
    whole = path.read_bytes()
    aside = path.rename(history.place.folder / "aside")
    missing = history.place.verify(history.cluster, profile="quick", backup=history.first["backup_id"])
    aside.rename(path)
    assert missing["verdict"] == "failed" and statuses(missing)["artifact.log"] == "failed" and name in missing["msg"]
    path.write_bytes(whole[:-20])
    try:
        damaged = history.place.verify(history.cluster, profile="artifact", backup=history.first["backup_id"])
        assert damaged["verdict"] == "failed" and name in damaged["msg"]
    finally:
        path.write_bytes(whole)


def test_a_server_that_dies_in_a_proof_leaves_a_report(history: History, scratch_base: pathlib.Path) -> None:
    verify = functools.partial(history.place.verify, history.cluster)
    ends_in_a_report("postgresql_physical", verify, scratch_base, "postgres")


def test_the_catalog_shows_the_window_and_its_holes(history: History) -> None:
    (window,) = run_module("backup_info", {"repositories": history.place.common()["repositories"]})["windows"]
    assert window["backups"] == [history.second["backup_id"], history.first["backup_id"]]
    assert (window["from"], window["missing"], window["unusable"]) == (history.first["stopped_at"], [], [])
    assert datetime.datetime.fromisoformat(window["to"]) >= history.moments["g"].replace(microsecond=0)
    hole = history.second["first_segment"]
    path = history.place.archived()[hole]
    aside = path.rename(history.place.folder / "aside")
    try:
        (broken,) = run_module("backup_info", {**history.place.common()})["windows"]
        assert broken["backups"] == [history.first["backup_id"]] and broken["missing"] == [hole]
        assert broken["missing_ahead"] == [hole], "the newest backup that can be recovered lies before it"
        assert hole in broken["unusable"][0]
    finally:
        aside.rename(path)


def test_a_run_that_is_killed_leaves_no_data_folder_and_the_next_one_cleans_up(history: History) -> None:
    arguments = history.place.restore_arguments(
        history.cluster, target_time=history.moments["d"].isoformat(), action="promote"
    )
    own = history.place.folder / "own"
    process = start_module("pg_physical_restore", arguments, user=ACCOUNT)
    wait_for(lambda: bool(list(own.glob("data-*.lifeboat-restoring-*/recovery.signal"))))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not os.path.exists(arguments["data_dir"])
    left = list(own.glob("data-*.lifeboat-restoring-*"))
    wait_for(lambda: not any((path / "postmaster.pid").exists() for path in left))
    again = result_of(start_module("pg_physical_restore", arguments, user=ACCOUNT))
    assert not again.get("failed"), again["msg"]
    assert not list(own.glob("data-*.lifeboat-restoring-*"))
    assert history.steps_of(again)[-1] == "d"


def test_a_data_folder_is_replaced_by_an_explicit_word_alone_and_is_kept(history: History) -> None:
    first = history.restore(target_name="before the release", action="promote")
    assert not first.get("failed"), first["msg"]
    place, target = first["data_dir"], {"target": "latest", "action": "promote"}
    refused = history.restore(data_dir=place, **target)
    assert refused["failed"] and "replace: true" in refused["msg"]
    running = history.restore(data_dir=str(history.cluster.data_dir), replace=True, **target)
    assert running["failed"] and "a server runs in" in running["msg"]
    other = history.restore(data_dir=str(history.place.repositories[0]), replace=True, **target)
    assert other["failed"] and "is not a data folder of PostgreSQL" in other["msg"]
    again = history.restore(data_dir=place, replace=True, **target)
    assert not again.get("failed"), again["msg"]
    assert again["kept"].startswith(f"{place}.before-") and os.path.exists(f"{again['kept']}/PG_VERSION")
    assert history.steps_of(again)[-1] == "g"
    assert history.steps_of({"data_dir": again["kept"]}) == ["a", "b", "c", "d"]


@contextlib.contextmanager
def blocked_archiver(cluster: PostgresCluster) -> collections.abc.Iterator[None]:
    """Every try to archive takes two seconds, and fails."""
    own = cluster.value("show archive_command")
    cluster.execute("alter system set archive_command = 'sleep 2; false'")
    cluster.execute("select pg_reload_conf()")
    try:
        yield
    finally:
        cluster.execute("alter system set archive_command = %s", (own,))
        cluster.execute("select pg_reload_conf()")


@pytest.mark.parametrize("phase", ["archiving", "dump", "log"])
def test_a_base_backup_that_is_killed_before_in_or_after_its_copy_is_none_and_the_next_one_cleans_up(
    history: History, phase: str
) -> None:
    place, cluster = history.place, history.cluster
    progress = place.folder / f"progress-{phase}"
    killed = {"component": "killed", "archive": "shop@cluster"}
    # A checkpoint that is spread waits a tenth of a second for each page.
    cluster.execute("drop table if exists dirty; create table dirty as select generate_series(1, 60000) as n")
    arguments = place.backup_arguments(cluster, **killed, checkpoint="spread", progress_file=str(progress))

    def began(name: str) -> bool:
        return progress.exists() and f'"{name}"' in progress.read_text(encoding="utf-8")

    with contextlib.ExitStack() as stack:
        if phase == "archiving":
            stack.enter_context(blocked_archiver(cluster))
        if phase == "log":  # after its copy, it writes a marker first
            held = stack.enter_context(contextlib.closing(psycopg2.connect(cluster.dsn())))
            held.cursor().execute("lock table lifeboat.pitr_marker")
        process = start_module("pg_physical_backup", arguments)
        wait_for(lambda: began("archiving" if phase == "archiving" else "dump"))
        if phase == "log":
            cluster.execute("checkpoint")  # which ends the one that is spread
            wait_for(lambda: began(phase))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    cluster.execute("checkpoint")
    folder = place.repositories[0] / "shop" / "killed"
    assert not list(folder.rglob("manifest.json"))
    done = place.try_backup(cluster, **killed)
    assert not done.get("failed"), done["msg"]
    assert [path.name for path in folder.iterdir()] == [done["backup_id"]]
    shutil.rmtree(folder)


def test_a_role_that_is_not_a_superuser_can_take_the_backup(history: History) -> None:
    cluster = history.cluster
    cluster.create_role("basebackup", password="secret", options="LOGIN REPLICATION")
    cluster.execute(
        "grant pg_monitor to basebackup; grant execute on function pg_switch_wal, pg_create_restore_point to basebackup"
    )
    refused = history.place.try_backup(cluster, dsn=cluster.dsn(user="basebackup", password="secret"))
    assert refused["failed"] and "This role may not do what a base backup needs" in refused["msg"]
    dsn = cluster.dsn(user="basebackup", password="secret")
    done = history.place.try_backup(cluster, dsn=dsn, markers=False, component="cluster")
    assert not done.get("failed"), done["msg"]
    assert done["restore_point"] == ""
    proof = history.place.verify(cluster, profile="quick", backup=done["backup_id"])
    assert proof["verdict"] == "passed" and "content.markers" not in statuses(proof)


def test_a_damaged_page_in_the_live_cluster_fails_the_backup_and_leaves_none(folder: pathlib.Path) -> None:
    (folder / "damaged").mkdir(mode=0o755)
    place = PhysicalPlace(folder / "damaged", encryption="none")
    with PostgresCluster(programs=os.environ.get("LIFEBOAT_LAB_POSTGRES", "")) as cluster:
        place.archive_with(cluster)
        cluster.execute("create table t as select generate_series(1, 1000) as n; checkpoint")
        path = cluster.data_dir / str(cluster.value("select pg_relation_filepath('t')"))
        cluster.stop()
        with open(path, "r+b") as file:
            file.seek(5000)
            file.write(b"damage")
        cluster.start()
        failed = place.try_backup(cluster)
        assert failed["failed"] and "checksum" in failed["msg"], failed
        assert not list(place.folder.rglob("manifest.json"))
        cluster.stop()
        off = place.try_backup(cluster)
        assert off["failed"] and "Cannot connect" in off["msg"]


def test_a_cluster_without_archiving_or_with_a_broken_archive_is_refused(
    folder: pathlib.Path, history: History
) -> None:
    (folder / "silent").mkdir(mode=0o755)
    place = PhysicalPlace(folder / "silent", encryption="none")
    with PostgresCluster(programs=os.environ.get("LIFEBOAT_LAB_POSTGRES", "")) as cluster:
        off = place.try_backup(cluster)
        assert off["failed"] and "archive_mode is off" in off["msg"]
        cluster.execute("alter system set archive_mode = on")
        cluster.restart()
        empty = place.try_backup(cluster)
        assert empty["failed"] and "archive_command is empty" in empty["msg"]
        cluster.execute("alter system set archive_command = '/bin/true'")
        cluster.execute("select pg_reload_conf()")
        (folder / "silent" / "tablespace").mkdir(mode=0o700)
        place.give(folder / "silent" / "tablespace")
        cluster.execute(f"create tablespace aside location '{folder}/silent/tablespace'")
        aside = place.try_backup(cluster)
        assert aside["failed"] and "has 1 tablespaces of its own" in aside["msg"] and "pgBackRest" in aside["msg"]
        cluster.execute("drop tablespace aside")
        lying = place.try_backup(cluster, archive_wait="3s")
        assert lying["failed"] and "is in the archive shop@cluster" in lying["msg"], lying["msg"]
        assert not list(place.folder.rglob("manifest.json"))
        foreign = place.try_backup(cluster, repositories=history.place.common()["repositories"])
        assert foreign["failed"] and "holds the archive shop@cluster of the cluster" in foreign["msg"]


def test_a_new_timeline_is_followed_and_the_old_one_can_still_be_asked_for(history: History) -> None:
    """A promoted copy goes on in the same archive, as the standby of a cluster does after a failover."""
    result = history.restore(target_time=history.moments["d"].isoformat(), action="promote")
    assert not result.get("failed"), result["msg"]
    with RestoredCluster(history.cluster, result["data_dir"], history.place.folder) as server:
        history.place.archive_with(server)
        server.execute("insert into step (name) values ('h')")
        moment = server.value("select clock_timestamp()")
        server.execute("insert into step (name) values ('i')")
        history.place.configure(server)
    assert {"00000002.history"} <= set(history.place.archived())
    new = history.restore(target_time=moment.isoformat(), action="promote")
    assert history.steps_of(new) == ["a", "b", "c", "d", "h"]
    assert (new["timeline"], new["backup_id"]) == (3, history.first["backup_id"])
    old = history.restore(target_time=history.moments["f"].isoformat(), target_timeline="1", action="promote")
    assert history.steps_of(old) == ["a", "b", "c", "d", "e", "f"]
    late = history.restore(target="immediate", backup=history.second["backup_id"])
    assert late["failed"] and "was left at" in late["msg"] and "before the base backup was consistent" in late["msg"]


def test_retention_removes_only_the_log_that_no_base_backup_needs(history: History) -> None:
    """The last one of the shared cluster: it removes the first backup."""
    history.place.back_up(history.cluster)
    oldest = run_module("backup_info", history.place.common())["backups"][1]["backup_id"]
    kept = next(history.place.folder.rglob(f"shop/cluster/{oldest}/manifest.json"))
    first = str(json.loads(kept.read_text(encoding="utf-8"))["content"]["first_segment"])
    policy = {**history.place.common(), "keep": {"last": 2}, "min_keep": 1, "max_fraction": 0.6}
    policy["state_dir"] = str(history.place.folder / "state")
    before = set(history.place.archived())
    older = {name for name in before if name[8:24] < first[8:24] and not name.endswith(".history")}
    assert older and older != before
    manifest = next(history.place.folder.rglob(f"shop/cluster/{history.first['backup_id']}/manifest.json"))
    whole = manifest.read_bytes()
    manifest.chmod(0o600)
    manifest.write_bytes(whole[:-10])
    blind = run_module("backup_prune", policy, check_mode=True)
    assert blind["logs"] == [] and "left alone" in str(blind["warnings"])
    manifest.write_bytes(whole)
    planned = run_module("backup_prune", policy, check_mode=True)
    assert planned["logs"] == [{"archive": "shop@cluster", "files": len(older), "failed": {}}]
    assert set(history.place.archived()) == before
    done = run_module("backup_prune", policy)
    assert not done.get("failed"), done["msg"]
    assert set(history.place.archived()) == before - older
    again = run_module("backup_prune", policy)
    assert (again["changed"], again["logs"][0]["files"]) == (False, 0)
    left = {"backup": oldest, "target_timeline": "1", "action": "promote"}
    assert history.steps_of(history.restore(target="immediate", **left))


KEY = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
MOMENT = "2026-01-15T14:30:00+01:00"  # of the pages


def followed(
    place: PhysicalPlace, cluster: PostgresCluster, *names: str, moment: str = MOMENT, for_good: bool = False
) -> list[dict[str, t.Any]]:
    """Tasks of the how-to "restore to 14:30 yesterday", as they stand there, and then without ``check_mode``."""
    tasks = [howtos.task("restore-to-a-moment", name) for name in names]
    for one in tasks if for_good else ():
        del one["check_mode"]
    reached = {"dsn": cluster.dsn("postgres")}
    programs = {"allow_vulnerable_client": True, "bin_dir": str(cluster.bin_dir)}
    own = place.folder / "own"
    return howtos.follow(
        tasks,
        place.folder,
        values={
            "/srv/backups/lifeboat": str(place.repositories[0]), KEY: place.keys.write["recipients"][0],
            "/etc/lifeboat/operations.key": str(place.keys.read["identity_file"]),
            "/var/lib/postgresql/15": str(own), MOMENT: moment,
        },
        defaults={
            "pg_physical_backup": {**reached, **programs, "state_dir": str(own / "state")},
            "pg_physical_restore": {**programs, "python": place.python},
            "pg_wal_archive": {**reached, "python": place.python, "program": place.program, "archive_timeout": "1h",
                               "config_dir": str(own / "wal"), "spool_dir": str(own / "spool")},
        },
        python=place.python,
        become=bool(ACCOUNT),
    )  # fmt: skip


def test_one_table_and_the_whole_cluster_come_back_as_the_how_tos_say(folder: pathlib.Path) -> None:
    """The pages "restore to 14:30 yesterday" and "someone dropped a table", as they stand there, from one backup."""
    (folder / "table").mkdir(mode=0o755)
    place = PhysicalPlace(folder / "table")
    with PostgresCluster(programs=os.environ.get("LIFEBOAT_LAB_POSTGRES", "")) as cluster:
        place.archive_with(cluster)
        cluster.create_database("shop")
        cluster.execute(
            # Partitions, and a column of a type that cannot be compared.
            "create table orders (id integer primary key generated always as identity, customer text, "
            "created_at timestamptz default clock_timestamp(), total integer, note json default '{}') "
            "partition by range (id);"
            "create table orders_old partition of orders for values from (minvalue) to (50);"
            "create table orders_new partition of orders for values from (50) to (maxvalue);"
            "insert into orders (customer, total) select 'customer ' || n, n from generate_series(1, 100) as n",
            dbname="shop",
        )
        (taken,) = followed(place, cluster, "Take a base backup")
        cluster.execute("insert into orders (customer, total) values ('the last one', 1)", dbname="shop")
        moment = cluster.value("select clock_timestamp()").isoformat()
        cluster.execute("delete from orders where id > 90; update orders set total = 0 where id <= 10", dbname="shop")
        place.configure(cluster)
        played = play_table_back(place, cluster, moment)
        assert played.returncode == 0, played.stdout[-3000:] + played.stderr
        said = " ".join(played.stdout.split())
        assert f"restored.orders holds 101 rows of {moment}. 21 of them are not in public.orders." in said
        assert cluster.value("select count(*) from orders", dbname="shop") == 90
        assert not list((place.folder / "own").glob("lifeboat-table-*"))
        again = play_table_back(place, cluster, moment)
        assert again.returncode == 2 and "already exists" in again.stdout
        assert not list((place.folder / "own").glob("lifeboat-table-*"))
        for rows in howtos.blocks("someone-dropped-a-table", "sql"):
            cluster.execute(rows, dbname="shop")
        assert cluster.execute("select count(*), sum(total) from orders", dbname="shop") == [(101, 5051)]
        assert cluster.value("select to_regnamespace('restored') is null", dbname="shop")
        back = "Bring the cluster back as it was at half past two"
        (planned,) = followed(place, cluster, back, moment=moment)
        assert planned["backup_id"] == taken["backup_id"] and not pathlib.Path(planned["data_dir"]).exists()
        (done,) = followed(place, cluster, back, moment=moment, for_good=True)
        with RestoredCluster(cluster, done["data_dir"], place.folder) as server:
            assert server.value("select count(*) from orders", dbname="shop") == 101
            assert server.value("show archive_mode") == "off"
            apart, base = "Archive into a place of its own", "Take a base backup of what it is now"
            (first,) = followed(place, server, apart)
            assert first["restart_required"]
            server.restart()
            (_again, new) = followed(place, server, apart, base)
            assert (new["archive"], new["timeline"]) == ("shop@cluster@2", 2)
            assert new["last_segment"] in place.archived(archive="shop@cluster@2")
            assert not {name for name in place.archived() if name.startswith("00000002")}


def play_table_back(place: PhysicalPlace, cluster: PostgresCluster, moment: str) -> subprocess.CompletedProcess[str]:
    """The page's own command, beside a plan of its reader's."""
    python = place.folder / "home" / "venv" / "bin" / "python"
    if not python.exists():
        python.parent.mkdir(parents=True)
        shutil.copy2(place.python, python)
    plan = {
        "app": "shop",
        "run_as": ACCOUNT or getpass.getuser(),
        "repositories": place.common()["repositories"],
        "components": [
            {"name": "cluster", "engine": "postgresql_physical", "dsn": cluster.dsn(), "allow_vulnerable_client": True,
             "bin_dir": str(cluster.bin_dir), "restore": {"python": place.python, "target": "latest",
             "data_dir": "/nowhere/data"}}
        ],
        "verification": place.keys.read,
    }  # fmt: skip
    given = {"lifeboat_plan": plan, "lifeboat_home": str(place.folder / "home"), "live": cluster.dsn("shop"),
             "work_dir": str(place.folder / "own")}  # fmt: skip
    (place.folder / "plan.yml").write_text(json.dumps(given), encoding="utf-8")
    (command,) = howtos.blocks("someone-dropped-a-table", "sh")
    return subprocess.run(
        ["bash", "-c", howtos.replaced(command, {MOMENT: moment})],
        check=False, cwd=place.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180,
        env=howtos.environment(place.folder),
    )  # fmt: skip


def test_a_standby_that_is_gone_keeps_no_backup_and_no_heartbeat_waiting(history: History) -> None:
    """A commit waits for a synchronous standby for ever, and statement_timeout does not end that."""
    cluster = history.cluster
    cluster.execute("alter system set synchronous_standby_names = 'gone'")
    cluster.execute("select pg_reload_conf()")
    try:
        state = run_module("pg_standby_info", {"dsn": cluster.dsn()})
        assert state["durability"]["synchronous_commit"] == "on", "what others have, not what our session has"
        published = history.place.folder / "beat.json"
        beat = run_module("pg_heartbeat", {"dsn": cluster.dsn(), "publish_to": str(published)})
        assert not beat.get("failed") and published.exists(), beat
        planned = history.place.try_backup(cluster)
        assert planned["changed"] and not planned.get("failed"), planned
    finally:
        cluster.execute("alter system reset synchronous_standby_names")
        cluster.execute("select pg_reload_conf()")
