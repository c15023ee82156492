# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Standbys on real servers: made by a base backup, measured in every state that misleads others, and promoted."""

from __future__ import annotations

import collections.abc
import datetime
import json
import pathlib
import time
import typing as t

import pytest

from tests.integration.backups import Stock
from tests.integration.modules import run_module
from tests.integration.pg_backup_place import until
from tests.lab.faultproxy import FaultProxy
from tests.lab.postgres import Database, PostgresCluster
from tests.lab.standby import StandbyPlace

SETTINGS = {"wal_log_hints": "on", "wal_keep_size": "64MB", "full_page_writes": "on"}  # as pg_rewind wants it
HEARTBEAT = """
    create schema lifeboat;
    create table lifeboat.heartbeat (counter bigint primary key, at timestamptz not null, epoch bigint not null);
    insert into lifeboat.heartbeat values (1, now(), 1);
"""


class Pair:
    """A primary, a standby that streams from it through a proxy, and the modules that are asked about them."""

    def __init__(self, primary: PostgresCluster, standby: StandbyPlace, proxy: FaultProxy) -> None:
        self.primary = primary
        self.standby = standby
        self.proxy = proxy

    def primary_dsn(self, *, through_proxy: bool = False) -> str:
        port = self.proxy.port if through_proxy else self.primary.port
        return f"host=127.0.0.1 port={port} user=postgres dbname=postgres passfile={self.standby.passfile()}"

    def make(self, *, check_mode: bool = False, **more: t.Any) -> dict[str, t.Any]:
        arguments = {
            "state": "standby", "data_dir": str(self.standby.data_dir), "slot": "eu_west",
            "primary": self.primary_dsn(through_proxy=True), "allow_vulnerable_client": True, **more,
        }  # fmt: skip
        return run_module("pg_standby", arguments, check_mode=check_mode, user=self.standby.account)

    def promote(self, *, check_mode: bool = False, **more: t.Any) -> dict[str, t.Any]:
        arguments = {"state": "primary", "dsn": self.standby.dsn(), **more}
        return run_module("pg_standby", arguments, check_mode=check_mode)

    def info(self, *, ask_primary: bool = True, **more: t.Any) -> dict[str, t.Any]:
        asked = {"primary": self.primary.dsn()} if ask_primary else {}
        result = run_module("pg_standby_info", {"dsn": self.standby.dsn(), "primary_timeout": "2s", **asked, **more})
        assert not result.get("failed"), result
        return result

    def beat(self) -> dict[str, t.Any]:
        """One heartbeat, and what the writer publishes of it."""
        counter = self.primary.value("insert into lifeboat.heartbeat select max(counter) + 1, now(), 1 "
                                     "from lifeboat.heartbeat returning counter")  # fmt: skip
        lsn = self.primary.value("select pg_current_wal_lsn()::text")
        return {"lsn": lsn, "at": datetime.datetime.now(datetime.UTC).isoformat(), "counter": counter}

    def write(self, rows: int = 20000) -> None:
        self.primary.execute(f"create table t{time.time_ns()} as select generate_series(1, {rows}) as n")

    def wait_for(self, word: str) -> dict[str, t.Any]:
        limit = time.monotonic() + 60
        while (found := self.info())["word"] != word:
            assert time.monotonic() < limit, found
        return found


@pytest.fixture
def empty_pair() -> collections.abc.Iterator[Pair]:
    with (
        PostgresCluster(settings=SETTINGS) as primary,
        FaultProxy(primary.port, http=False) as proxy,
        StandbyPlace(primary) as standby,
    ):
        primary.execute(HEARTBEAT)
        yield Pair(primary, standby, proxy)


@pytest.fixture
def pair(empty_pair: Pair) -> Pair:
    made = empty_pair.make()
    assert not made.get("failed"), made
    empty_pair.standby.start()
    empty_pair.wait_for("streaming")
    return empty_pair


def copied(file: pathlib.Path) -> dict[str, t.Any]:
    """The last words of a copy's progress; the account of the server writes them."""
    said: dict[str, t.Any] = json.loads(file.read_text())
    assert said["phase"] == "done" and 0 < said["done"] <= said["total"], said
    return said


def test_a_standby_is_made_once_and_streams_from_its_slot(empty_pair: Pair) -> None:
    planned = empty_pair.make(check_mode=True)
    assert (planned["changed"], empty_pair.standby.data_dir.exists()) == (True, False)
    progress_file = empty_pair.standby.folder / "progress"
    first = empty_pair.make(progress_file=str(progress_file))
    assert (first["changed"], first["restart_required"]) == (True, True)
    assert copied(progress_file)["done"] > 10_000_000  # an empty cluster has some 20 MB
    empty_pair.standby.start()
    empty_pair.wait_for("streaming")
    assert empty_pair.make()["changed"] is False
    slots = empty_pair.primary.execute("select slot_name::text, active from pg_replication_slots")
    assert slots == [("eu_west", True)]
    assert empty_pair.primary.password not in (empty_pair.standby.data_dir / "postgresql.auto.conf").read_text()


@pytest.mark.not_by_hand("the rows of an unlogged table are on the primary alone")
def test_a_backup_of_a_standby_says_which_rows_only_its_primary_has(pair: Pair, tmp_path: pathlib.Path) -> None:
    """A server that recovers cannot read unlogged tables, and pg_dump leaves their rows out without a word."""
    name = pair.primary.create_database("read here")
    pair.primary.execute(
        "create table kept as select i from generate_series(1, 5000) i;"
        "create unlogged table fleeting (i serial); insert into fleeting select from generate_series(1, 7)",
        dbname=name,
    )
    stock = Stock.new(tmp_path, encryption="none")
    there = Database(pair.standby, name)
    until(lambda: name in pair.standby.databases() and there.value("select to_regclass('fleeting') is not null"), "it")
    for options in ({"jobs": 1}, {"jobs": 2}, {"fingerprint": "rows"}):
        taken = stock.back_up(there, **options)
        assert "public.fleeting" in str(taken.get("warnings")), (options, taken.get("warnings"))
        result = run_module("pg_verify", stock.arguments(profile="full", allow_vulnerable_client=True))
        assert result.get("verdict") == "passed", result["msg"]
        (unread,) = [check for check in result["checks"] if check["id"] == "content.unread"]
        assert "public.fleeting" in unread["message"] and "unlogged" in unread["message"]


def test_a_data_folder_of_something_else_is_refused_and_set_aside_only_by_an_explicit_word(empty_pair: Pair) -> None:
    with PostgresCluster() as other:
        system = other.value("select system_identifier::text from pg_control_system()")
        other.stop()
        refused = empty_pair.make(data_dir=str(other.data_dir))
        assert refused["failed"] and f"system identifier {system}" in refused["msg"]
        other.start()
        running = empty_pair.make(data_dir=str(other.data_dir), replace=True)
        assert running["failed"] and "runs with" in running["msg"]
        other.stop()
        replaced = empty_pair.make(data_dir=str(other.data_dir), replace=True)
        assert not replaced.get("failed"), replaced
        assert (pathlib.Path(replaced["set_aside"]) / "PG_VERSION").exists()
        assert (other.data_dir / "standby.signal").exists()


def test_a_primary_that_goes_away_while_the_copy_is_made_leaves_no_data_folder(empty_pair: Pair) -> None:
    empty_pair.write(300000)
    empty_pair.proxy.cut_after(4 << 20, direction="down", then_refuse=True)
    failed = empty_pair.make()
    assert failed["failed"] and " kB (" not in failed["msg"], failed["msg"]
    assert [path.name for path in empty_pair.standby.folder.iterdir() if "data" in path.name] == []


def test_a_healthy_standby_loses_nothing_also_when_the_primary_is_idle(pair: Pair) -> None:
    pair.write()
    pair.wait_for("streaming")
    found = pair.info()
    assert (found["role"], found["loss_bytes"], found["loss_seconds"]) == ("standby", 0, 0.0)
    assert (found["split_brain"], found["too_small"]) == (False, [])


def test_a_paused_replay_is_called_so_and_what_it_holds_is_not_lost(pair: Pair) -> None:
    pair.standby.execute("select pg_wal_replay_pause()")
    pair.write()
    limit = time.monotonic() + 30
    while (found := pair.info())["loss_bytes"] or not found["replay_bytes"]:
        assert time.monotonic() < limit, found
    assert (found["word"], found["loss_bytes"]) == ("paused", 0)
    assert found["replay_bytes"] > 500000


def test_a_cut_connection_is_measured_and_never_called_nothing(pair: Pair) -> None:
    pair.beat()
    pair.wait_for("streaming")
    pair.proxy.refuse()
    pair.proxy.cut()
    time.sleep(1.1)
    published = pair.beat()
    pair.write()
    published = {**pair.beat()}
    found = pair.wait_for("disconnected")
    assert found["loss_bytes"] > 500000 and found["loss_seconds"] >= 1
    pair.primary.stop()
    gone = pair.info(published=published)
    assert (gone["primary"]["reached"], gone["word"]) == (False, "disconnected")
    assert gone["loss_bytes"] > 500000 and gone["loss_seconds"] >= 1
    unknown = pair.info()
    assert (unknown["loss_bytes"], unknown["loss_seconds"]) == (None, None)
    assert unknown["because"] == "no heartbeat of the primary is known"


def test_a_heartbeat_is_published_outside_and_a_writer_that_is_silent_says_nothing(
    pair: Pair, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "beat.json"
    beat = {"dsn": pair.primary.dsn(), "publish_to": str(path), "every": "1s"}
    assert run_module("pg_heartbeat", beat, check_mode=True)["changed"] and not path.exists()
    first = run_module("pg_heartbeat", beat)["published"]
    pair.wait_for("streaming")
    second = run_module("pg_heartbeat", beat)["published"]
    assert second["counter"] > first["counter"] and second["timeline"] == 1
    assert (
        "is a standby, and takes no heartbeat" in run_module("pg_heartbeat", {**beat, "dsn": pair.standby.dsn()})["msg"]
    )
    pair.wait_for("streaming")
    pair.standby.stop()
    last = run_module("pg_heartbeat", beat)["published"]
    pair.primary.kill()
    pair.standby.start()
    assert run_module("pg_heartbeat", beat)["failed"]
    published = json.loads(path.read_text())
    assert (published["counter"], published["facts"]["lsn"]) == (last["counter"], last["lsn"])
    said = {"lsn": last["lsn"], "at": last["at"], "counter": last["counter"], "tried_at": published["tried_at"]}
    known = pair.info(published=said)
    assert known["loss_beats"] == last["counter"] - second["counter"]
    assert known["loss_seconds"] > 0 and known["loss_bytes"] > 0
    unknown = pair.info(published={**said, "tried_at": "2026-01-01T00:00:00Z"})
    assert (unknown["loss_seconds"], unknown["loss_bytes"]) == (None, None)
    assert "the writer of the heartbeat is silent itself" in unknown["because"]


def test_a_promotion_is_refused_while_the_primary_is_alive_and_proven_when_it_is_gone(pair: Pair) -> None:
    refused = pair.promote(primary=pair.primary.dsn())
    assert refused["failed"] and "there would be two primaries" in refused["msg"]
    assert pair.standby.value("select pg_is_in_recovery()")
    pair.write()
    pair.primary.stop()  # a fast shutdown sends everything first
    assert pair.info(ask_primary=False)["promoted_epoch"] == 0
    planned = pair.promote(check_mode=True)
    assert (planned["changed"], pair.standby.value("select pg_is_in_recovery()")) == (True, True)
    promoted = pair.promote(primary=pair.primary.dsn(), epoch=17, run_id="run-1", timeline=1)
    assert (promoted["changed"], promoted["timeline_before"], promoted["timeline"]) == (True, 1, 2)
    assert pair.standby.execute("select epoch, timeline, run_id from lifeboat.promotion") == [(17, 2, "run-1")]
    assert pair.promote()["changed"] is False
    assert pair.info(ask_primary=False)["promoted_epoch"] == 17


def test_a_server_that_somebody_has_promoted_by_hand_meanwhile_is_known_by_a_run_that_goes_on(pair: Pair) -> None:
    pair.write()
    pair.primary.stop()
    reach = pair.standby.value("select pg_last_wal_replay_lsn()::text")
    assert pair.standby.value("select pg_promote()")
    run = {"epoch": 3, "run_id": "run-1", "reach": reach}
    refused = pair.promote(**{**run, "reach": "FF/0"})
    assert refused["failed"] and "Somebody has promoted this server at 0/" in refused["msg"], refused
    adopted = pair.promote(**run)
    assert (adopted["changed"], adopted["promoted_by_others"]) == (True, True), adopted
    assert pair.standby.execute("select epoch, timeline, run_id from lifeboat.promotion") == [(3, 2, "run-1")]
    again = pair.promote(**run)
    assert (again["changed"], again["promoted_by_others"]) == (False, False), again
    late = pair.promote(epoch=2, run_id="run-0")
    assert late["failed"] and "another promotion has a later epoch" in late["msg"], late
    pair.primary.start()
    refused = pair.promote(epoch=4, run_id="run-2", primary=pair.primary.dsn())
    assert refused["failed"] and "there would be two primaries" in refused["msg"], refused


def test_a_standby_whose_slot_is_lost_is_said_to_be_so_and_made_again_on_a_word(pair: Pair) -> None:
    pair.standby.stop()
    for setting in ("max_slot_wal_keep_size = '1MB'", "wal_keep_size = 0", "max_wal_size = '32MB'"):
        pair.primary.execute(f"alter system set {setting}")
    pair.primary.execute("alter system set min_wal_size = '32MB'")
    pair.primary.execute("select pg_reload_conf()")
    slot = "select wal_status from pg_replication_slots"
    limit = time.monotonic() + 60
    while pair.primary.value(slot) != "lost":
        assert time.monotonic() < limit
        pair.write()
        pair.primary.execute("select pg_switch_wal()")
        pair.primary.execute("checkpoint")
    pair.standby.start()
    found = pair.wait_for("disconnected")  # its receiver streams for a moment, before the primary sees what is gone
    assert found["loss_bytes"] > 0, found
    assert [one["wal_status"] for one in found["primary"]["slots"]] == ["lost"]
    said = pair.make()
    assert not said["changed"] and "never streams again" in str(said["warnings"]), said
    running = pair.make(replace=True)
    assert running["failed"] and pair.primary.value(slot) == "lost", running
    pair.standby.stop()
    pair.primary.execute("alter system reset max_slot_wal_keep_size")
    pair.primary.execute("select pg_reload_conf()")
    made = pair.make(replace=True)
    assert made.get("changed") and made["set_aside"], made.get("msg")
    pair.standby.start()
    pair.wait_for("streaming")


def test_a_standby_is_synchronous_from_when_it_streams_until_it_is_not_wanted(pair: Pair) -> None:
    pair.standby.stop()
    limit = time.monotonic() + 60
    while pair.primary.value("select count(*) from pg_stat_replication"):
        assert time.monotonic() < limit
    early = pair.make(synchronous=True)
    assert (early["changed"], early["synchronous"]) == (False, "not yet")
    pair.beat()  # no commit waits
    pair.standby.start()
    pair.wait_for("streaming")
    assert (pair.make(synchronous=True, check_mode=True)["changed"], pair.make(synchronous=True)["changed"]) == (
        True,
        True,
    )
    states = "select application_name, sync_state from pg_stat_replication"
    assert pair.primary.execute(states) == [("eu_west", "sync")]
    again = pair.make(synchronous=True)
    assert (again["changed"], again["synchronous"]) == (False, "yes")
    assert pair.make(synchronous=False)["changed"] is True
    assert pair.primary.execute(states) == [("eu_west", "async")]


def test_two_primaries_are_found_and_named_with_the_point_where_they_parted(pair: Pair) -> None:
    pair.wait_for("streaming")
    pair.promote(primary=pair.primary.dsn(), unfenced_primary="a test of the split")
    found = pair.info()
    assert found["split_brain"] is True
    assert (found["position"]["timeline"], found["primary"]["timeline"]) == (2, 1)
    assert "/" in found["parted_at"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"system_identifier": "1"}, "it holds another database"),
        ({"timeline": 9}, "The standby is on timeline 1, and 9 was expected"),
        ({"reach": "nowhere"}, "is not a position in the log"),
        ({"slot": "eu_west"}, "slot does not belong to state: primary"),
        ({"reach": "FF/0", "time_limit": "2s"}, "Waiting until the standby has replayed up to FF/0"),
    ],
)
def test_what_must_not_be_promoted_stays_a_standby(shared_pair: Pair, wrong: dict[str, t.Any], said: str) -> None:
    result = shared_pair.promote(**wrong)
    assert result["failed"] and said in result["msg"], result
    assert shared_pair.standby.value("select pg_is_in_recovery()")


@pytest.fixture(scope="module")
def shared_pair() -> collections.abc.Iterator[Pair]:
    """For tests that change nothing."""
    with (
        PostgresCluster(settings=SETTINGS) as primary,
        FaultProxy(primary.port, http=False) as proxy,
        StandbyPlace(primary) as standby,
    ):
        primary.execute(HEARTBEAT)
        pair = Pair(primary, standby, proxy)
        made = pair.make()
        assert not made.get("failed"), made
        standby.start()
        pair.wait_for("streaming")
        yield pair


def test_a_paused_standby_is_not_promoted_without_a_word(shared_pair: Pair) -> None:
    shared_pair.standby.execute("select pg_wal_replay_pause()")
    try:
        assert "Replay is paused" in shared_pair.promote()["msg"]
    finally:
        shared_pair.standby.execute("select pg_wal_replay_resume()")


def test_a_drill_promotes_a_copy_and_leaves_production_as_it_was(shared_pair: Pair, scratch_base: pathlib.Path) -> None:
    shared_pair.primary.execute("create table if not exists drilled as select generate_series(1, 100) as n")
    shared_pair.wait_for("streaming")
    drill = {
        "dsn": shared_pair.standby.dsn(), "primary": shared_pair.primary.dsn(), "scratch_dir": str(scratch_base),
        "allow_vulnerable_client": True,
        "checks": [{"name": "rows are there", "query": "select count(*) from drilled", "value": 100}],
    }  # fmt: skip
    account = shared_pair.standby.account
    progress_file = shared_pair.standby.folder / "progress"
    done = run_module("pg_drill", {**drill, "progress_file": str(progress_file)}, user=account)
    assert not done.get("failed"), done["msg"]
    assert json.loads(progress_file.read_text())["phase"] == "done"
    assert (done["timeline_before"], done["timeline"], done["left_behind"]) == (1, 2, [])
    assert [check["status"] for check in done["checks"]] == ["passed"]
    before, after = done["production"]["before"], done["production"]["after"]
    assert before["standby"]["in_recovery"] is after["standby"]["in_recovery"] is True
    assert list(scratch_base.iterdir()) == []
    found = shared_pair.info()
    assert (found["word"], found["position"]["timeline"]) == ("streaming", 1)
    assert shared_pair.primary.value("select to_regclass('lifeboat.promotion') is null")
    wrong = [
        {"name": "too many", "query": "select count(*) from drilled", "value": 101},
        {"query": "select", "value": 1},
    ]
    failed = run_module("pg_drill", {**drill, "checks": wrong}, user=account)
    assert failed["failed"] and "does not answer as it should: too many, check 2." in failed["msg"]
    assert [check["status"] for check in failed["checks"]] == ["failed", "error"]
    assert list(scratch_base.iterdir()) == []
    refused = run_module("pg_drill", {**drill, "dsn": shared_pair.primary.dsn()}, user=account)
    assert refused["failed"] and "is a primary, and a drill is of a standby" in refused["msg"]
