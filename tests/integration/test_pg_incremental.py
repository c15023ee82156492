# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Incremental base backups on PostgreSQL 18: restored and proven through their chain, which retention never breaks."""

from __future__ import annotations

import collections.abc
import dataclasses
import datetime
import pathlib
import tempfile
import typing as t

import pytest

from tests.integration.modules import run_module
from tests.integration.physical_place import PhysicalPlace, RestoredCluster, wait_for
from tests.lab import postgres18
from tests.lab.postgres import PostgresCluster


@dataclasses.dataclass
class Chain:
    """A full backup and two incremental ones. ``moments`` are those just after a step was committed."""

    cluster: PostgresCluster
    place: PhysicalPlace
    backups: list[dict[str, t.Any]]
    moments: dict[str, datetime.datetime]

    def step(self, name: str) -> None:
        self.cluster.execute("insert into step values (%s)", (name,))
        self.cluster.execute("update ballast set n = n + 1 where mod(n, 1000) = 0")
        self.moments[name] = self.cluster.value("select clock_timestamp()")

    def steps_of(self, **target: t.Any) -> list[str]:
        result = self.place.restore(self.cluster, action="promote", **target)
        assert not result.get("failed"), result["msg"]
        with RestoredCluster(self.cluster, result["data_dir"], self.place.folder) as server:
            assert server.value("select count(*) from ballast") == 50_000
            return [row[0] for row in server.execute("select name from step order by name")]


@pytest.fixture(scope="module")
def chain() -> collections.abc.Iterator[Chain]:
    with tempfile.TemporaryDirectory(prefix="lifeboat-test-", dir="/var/tmp") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o777)
        with PostgresCluster(programs=postgres18.programs(), settings={"summarize_wal": "on"}) as cluster:
            place = PhysicalPlace(folder)
            place.archive_with(cluster)
            cluster.execute(
                "create table step (name text); create table ballast as select generate_series(1, 50000) as n, "
                "repeat('x', 100) as filler"
            )
            found = Chain(cluster, place, [], {})
            for step in ("a", "b", "c"):
                found.step(step)
                found.backups.append(place.back_up(cluster, kind="auto"))
            found.step("d")
            place.configure(cluster)
            yield found


def test_each_backup_builds_on_the_one_before_and_is_smaller(chain: Chain) -> None:
    full, first, second = chain.backups
    assert [one["builds_on"] for one in chain.backups] == ["", full["backup_id"], first["backup_id"]]
    assert first["plain_bytes"] < full["plain_bytes"] / 2 and second["plain_bytes"] < full["plain_bytes"] / 2
    planned = chain.place.try_backup(chain.cluster, check_mode=True, kind="auto", full_max_age="1s")
    assert planned["planned"]["builds_on"] == ""
    planned = chain.place.try_backup(chain.cluster, check_mode=True, kind="incremental")
    assert planned["planned"]["builds_on"] == second["backup_id"]


def test_every_moment_comes_back_through_the_chain(chain: Chain) -> None:
    assert chain.steps_of(target="latest") == ["a", "b", "c", "d"]
    assert chain.steps_of(target_time=chain.moments["b"].isoformat()) == ["a", "b"]
    own = chain.place.folder / "own"
    assert not list(own.glob("*lifeboat-restoring*"))


def test_an_incremental_backup_is_proven_and_a_damaged_base_makes_it_red(chain: Chain) -> None:
    full, _first, second = chain.backups
    proof = chain.place.verify(chain.cluster, profile="full", backup=second["backup_id"])
    assert proof["verdict"] == "passed", proof["msg"]
    stored = next(one for one in proof["checks"] if one["id"] == "artifact.stored")
    assert stored["message"].startswith("4 files")  # three archives, and pg_combinebackup
    (path,) = chain.place.repositories[0].glob(f"shop/cluster/{full['backup_id']}/base.tar*")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 1]) + whole[len(whole) // 2 + 1 :])
    try:
        red = chain.place.verify(chain.cluster, profile="artifact", backup=second["backup_id"])
        assert red["verdict"] == "failed" and full["backup_id"] in red["msg"]
    finally:
        path.write_bytes(whole)


def test_retention_keeps_what_an_incremental_backup_builds_on(chain: Chain) -> None:
    given = {
        "app": "shop", "repositories": chain.place.common()["repositories"], "keep": {"last": 1}, "min_keep": 1,
        "max_fraction": 1.0, "state_dir": str(chain.place.folder / "state"),
    }  # fmt: skip
    pruned = run_module("backup_prune", given)
    assert not pruned.get("failed") and pruned["deleted"] == [], pruned
    (window,) = run_module("backup_info", {**chain.place.common()})["windows"]
    assert len(window["backups"]) == 3 and window["missing"] == []


def test_a_server_without_its_summaries_gets_a_full_backup(chain: Chain) -> None:
    """pg_basebackup would fail every night, until the last full backup is older than full_max_age."""
    summaries = chain.cluster.data_dir / "pg_wal" / "summaries"
    chain.cluster.execute("create table since (n integer); checkpoint")
    wait_for(
        lambda: chain.cluster.value(
            "select summarized_lsn > %s::pg_lsn from pg_get_wal_summarizer_state()", (chain.backups[-1]["start_lsn"],)
        )
    )
    gone = [path.rename(chain.place.folder / path.name) for path in summaries.iterdir()]
    try:
        planned = chain.place.try_backup(chain.cluster, check_mode=True, kind="auto")
        assert planned["planned"]["builds_on"] == "" and "has no summaries of its log" in str(planned["warnings"])
        refused = chain.place.try_backup(chain.cluster, check_mode=True, kind="incremental")
        assert refused["failed"] and "wal_summary_keep_time" in refused["msg"]
    finally:
        for path in gone:
            path.rename(summaries / path.name)
    planned = chain.place.try_backup(chain.cluster, check_mode=True, kind="incremental")
    assert planned["planned"]["builds_on"] == chain.backups[-1]["backup_id"]


def test_a_chain_without_its_base_is_named_and_used_for_nothing(chain: Chain) -> None:
    full = chain.backups[0]["backup_id"]
    (folder,) = chain.place.repositories[0].glob(f"shop/cluster/{full}")
    aside = folder.rename(chain.place.folder / "aside")
    try:
        refused = chain.place.restore(chain.cluster, target="latest", action="promote")
        assert refused["failed"] and f"builds on {full}, which is in no repository" in refused["msg"]
        (window,) = run_module("backup_info", {**chain.place.common()})["windows"]
        assert window["backups"] == [] and full in window["unusable"][0]
    finally:
        aside.rename(folder)
    for manifest in (chain.place.folder / "state").glob("*.postgresql-manifest"):
        manifest.rename(f"{manifest}-aside")
    lost = chain.place.try_backup(chain.cluster, check_mode=True, kind="incremental")
    assert lost["failed"] and "is not on this host (state_dir)" in lost["msg"]
