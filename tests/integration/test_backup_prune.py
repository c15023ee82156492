# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""backup_prune and backup_hold on a real directory and a real S3 server. What is left is read without the collection's
code.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import pathlib
import time
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _run
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._retention._observe import Component
from ansible_collections.lifeboat.dr.plugins.module_utils._retention._planner import Entry
from ansible_collections.lifeboat.dr.plugins.module_utils._retention._sweep import sweep

from tests.integration.modules import result_of, run_module, start_module
from tests.integration.repository_places import BucketPlace, DirectoryPlace, Place

NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
FREE = {"max_fraction": 1.0}


def backup_id(days: float) -> str:
    return f"{NOW - datetime.timedelta(days=days):%Y%m%dT%H%M%SZ}-00000a"


class Fleet:
    """Backups of shop/codex in one place. Artifacts are small; the manifests are what a backup writes."""

    def __init__(self, place: Place, state_dir: pathlib.Path) -> None:
        self.place = place
        self._state_dir = state_dir

    def add(self, days: float, *, verdict: str = "", size: int = 100, component: str = "codex") -> str:
        """A backup that was taken so many days ago; its proof, if any, has this verdict."""
        one = backup_id(days)
        folder, moment = f"shop/{component}/{one}", f"{NOW - datetime.timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"
        content = one.encode().ljust(size, b".")
        artifact = {
            "name": "data.dump", "content": "whole", "plain_bytes": size, "stored_bytes": size, "plain_sha256": "",
            "sha256": hashlib.sha256(content).hexdigest(),
        }  # fmt: skip
        document = {
            "schema": "lifeboat.manifest", "schema_version": 2, "app": "shop", "component": component, "backup_id": one,
            "engine": "postgresql", "started_at": moment, "snapshot_at": moment, "finished_at": moment, "host": "db1",
            "tool_versions": {}, "encoding": {"compression": "none", "encryption": "none", "recipients": []},
            "artifacts": [artifact], "content": {}, "repositories": [], "restore_by_hand": [],
        }  # fmt: skip
        canonical = json.dumps(document, sort_keys=True, separators=(",", ":")).encode("ascii")
        document["seal"] = "sha256:" + hashlib.sha256(canonical).hexdigest()
        self.place.put(f"{folder}/data.dump", content)
        self.place.put(f"{folder}/manifest.json", json.dumps(document).encode())
        if verdict:
            proof = {"verified_at": moment, "verdict": verdict, "profile": "full"}
            self.place.put(f"{folder}/verified/proof.json", json.dumps(proof).encode())
        return one

    def arguments(self, **more: t.Any) -> dict[str, t.Any]:
        return {
            "repositories": [self.place.options], "app": "shop", "state_dir": str(self._state_dir),
            "keep": {"last": 2}, **FREE, **more,
        }  # fmt: skip

    def prune(self, *, check_mode: bool = False, **more: t.Any) -> dict[str, t.Any]:
        return run_module("backup_prune", self.arguments(**more), check_mode=check_mode)

    def whole(self, component: str = "codex") -> set[str]:
        """The backups that have a manifest; each has to be whole."""
        stored = self.place.stored()
        found = {path.split("/")[2] for path in stored if path.endswith("/manifest.json")}
        assert all(f"shop/{component}/{one}/data.dump" in stored for one in found)
        return found

    def folders(self) -> set[str]:
        return {path.split("/")[2] for path in self.place.stored()}


@pytest.fixture(params=["directory", "s3"])
def fleet(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Fleet:
    place: Place = DirectoryPlace(tmp_path / "backups")
    if request.param == "s3":
        place = BucketPlace(request.getfixturevalue("object_store"), request.getfixturevalue("bucket"))
    return Fleet(place, tmp_path / "state")


def test_what_no_rule_keeps_is_deleted_whole_and_a_second_run_changes_nothing(fleet: Fleet) -> None:
    ids = [fleet.add(days, verdict="passed") for days in (0.1, 1, 2, 3)]
    planned = fleet.prune(check_mode=True)
    assert (planned["changed"], planned["deleted"], fleet.whole()) == (True, [], set(ids))
    first, second = fleet.prune(), fleet.prune()
    assert fleet.folders() == fleet.whole() == set(ids[:2])
    assert sorted(path.rpartition("/")[2] for path in first["deleted"]) == sorted(ids[2:])
    assert (first["freed_bytes"], first["digest"]) == (200, planned["digest"])
    assert (first["diff"]["after"].splitlines(), second["changed"]) == (second["diff"]["before"].splitlines(), False)
    assert [backup["action"] for backup in first["plan"][0]["backups"]] == ["keep", "keep", "delete", "delete"]
    assert "min_keep 2 of 2, last 2 of 2" in first["plan"][0]["summary"][2]


def test_failed_ones_future_ones_and_unreadable_ones_use_up_no_place(fleet: Fleet) -> None:
    failed, future = fleet.add(0.1, verdict="failed"), fleet.add(-2)
    good = [fleet.add(days) for days in (1, 2, 3)]
    damaged = fleet.add(0.5)
    fleet.place.put(f"shop/codex/{damaged}/manifest.json", b"{}")
    result = fleet.prune()
    assert fleet.folders() == {failed, future, damaged, *good[:2]}
    assert [one["backup_id"] for one in result["plan"][0]["unreadable"]] == [damaged]


def test_a_held_backup_stays_until_it_is_let_go(fleet: Fleet) -> None:
    ids = [fleet.add(days) for days in (0.1, 1, 2)]
    hold = {
        "repositories": [fleet.place.options], "app": "shop", "component": "codex", "backup": ids[2],
        "name": "audit", "reason": "ticket 4711",
    }  # fmt: skip
    assert [run_module("backup_hold", hold)["changed"] for _run in range(2)] == [True, False]
    result = fleet.prune()
    assert fleet.whole() == set(ids)
    assert result["plan"][0]["backups"][2]["reasons"] == ["held: audit (ticket 4711)"]
    assert run_module("backup_hold", {**hold, "state": "absent"})["changed"]
    fleet.prune()
    assert fleet.whole() == set(ids[:2])


def test_each_component_is_planned_by_itself(fleet: Fleet) -> None:
    old = [fleet.add(days, component="events") for days in (5, 6)]
    new = [fleet.add(days) for days in (0.1, 1, 2)]
    fleet.prune()
    assert fleet.folders() == {*old, *new[:2]}


def test_a_plan_that_is_too_large_is_refused_until_exactly_this_plan_is_confirmed(fleet: Fleet) -> None:
    ids = [fleet.add(days) for days in range(1, 7)]
    refused = fleet.prune(max_fraction=0.3)
    assert refused["failed"] and "4 of 6 backups would be deleted" in refused["msg"]
    assert fleet.whole() == set(ids)
    newer = fleet.add(0.1)
    stale = fleet.prune(max_fraction=0.3, confirm=refused["digest"])
    assert stale["failed"] and "since it was approved" in stale["msg"]
    assert len(fleet.whole()) == 7
    assert not fleet.prune(max_fraction=0.3, confirm=stale["digest"]).get("failed")
    assert fleet.whole() == {newer, ids[0]}


def test_nothing_is_deleted_when_backups_have_been_failing(fleet: Fleet) -> None:
    ids = [fleet.add(days) for days in (20, 21, 22)]
    result = fleet.prune()
    assert result["failed"] and "backups are failing" in result["msg"]
    assert fleet.whole() == set(ids)


def test_what_a_lost_host_left_is_named_and_removed_only_when_asked_for(fleet: Fleet) -> None:
    whole = fleet.add(0.1)
    old, young = backup_id(9), backup_id(0.2)
    for one in (old, young):
        fleet.place.put(f"shop/codex/{one}/data.dump", b"half")
    named = fleet.prune()
    assert (named["changed"], len(named["unfinished"]), fleet.folders()) == (False, 2, {whole, old, young})
    removed = fleet.prune(unfinished_after="7d")
    assert (removed["changed"], fleet.folders()) == (True, {whole, young})


def test_a_repository_that_cannot_be_listed_fails_the_task_and_the_others_are_thinned(
    fleet: Fleet, tmp_path: pathlib.Path
) -> None:
    ids = [fleet.add(days) for days in (0.1, 1, 2)]
    blocked = tmp_path / "blocked"
    blocked.write_bytes(b"this is a file")
    result = run_module(
        "backup_prune", {**fleet.arguments(), "repositories": [{"path": str(blocked)}, fleet.place.options]}
    )
    assert result["failed"] and str(blocked) in result["msg"]
    assert fleet.whole() == set(ids[:2])


def test_the_newest_proven_one_stays_in_the_repository_that_has_not_its_proof_too(
    fleet: Fleet, tmp_path: pathlib.Path
) -> None:
    other = Fleet(DirectoryPlace(tmp_path / "other"), tmp_path / "state")
    ids = [fleet.add(days, verdict="passed" if days == 3 else "") for days in (0.1, 1, 2, 3, 4)]
    assert ids == [other.add(days) for days in (0.1, 1, 2, 3, 4)]
    result = fleet.prune(repositories=[fleet.place.options, other.place.options])
    assert fleet.whole() == other.whole() == {*ids[:2], ids[3]}
    assert result["plan"][1]["backups"][3]["reasons"] == ["the newest proven one"]


def test_two_runs_at_once_never_work_on_one_component(tmp_path: pathlib.Path) -> None:
    fleet = Fleet(DirectoryPlace(tmp_path / "backups"), tmp_path / "state")
    for number in range(60):
        fleet.add(number / 24)
    results = [result_of(one) for one in [start_module("backup_prune", fleet.arguments()) for _run in range(2)]]
    assert len(fleet.whole()) == len(fleet.folders()) == 2
    for result in results:
        assert not result.get("failed") or "Another run for shop/codex" in result["msg"]


@pytest.mark.parametrize("delay", [0.0, 0.05, 0.1, 0.2])
def test_a_killed_run_leaves_nothing_that_looks_whole_and_the_next_one_finishes(
    tmp_path: pathlib.Path, delay: float
) -> None:
    fleet = Fleet(DirectoryPlace(tmp_path / "backups"), tmp_path / "state")
    for number in range(300):
        fleet.add(number / 24)
    process = start_module("backup_prune", fleet.arguments())
    limit = time.monotonic() + 60
    while len(list((tmp_path / "backups/shop/codex").iterdir())) == 300 and time.monotonic() < limit:
        time.sleep(0.002)
    time.sleep(delay)
    process.kill()
    process.communicate()
    assert fleet.whole() >= {backup_id(0), backup_id(1 / 24)}
    assert not fleet.prune().get("failed")
    assert fleet.folders() == fleet.whole() == {backup_id(0), backup_id(1 / 24)}
    assert not list((tmp_path / "state").glob("*.journal*"))


class _Killed(BaseException):
    """What a kill is to the process: nothing of it goes on."""


class _Mortal:
    """A real repository that dies before its call of this number."""

    def __init__(self, repository: t.Any, dies_at: int) -> None:
        self._repository, self._left = repository, dies_at

    def __getattr__(self, name: str) -> t.Any:
        value = getattr(self._repository, name)
        if callable(value):
            self._left -= 1
            if self._left == 0:
                raise _Killed
        return value


def test_a_sweep_that_dies_at_any_of_its_steps_leaves_nothing_that_looks_whole_and_the_next_one_finishes(
    fleet: Fleet, tmp_path: pathlib.Path
) -> None:
    found, newest, steps, killed = Component("shop", "codex"), fleet.add(0.1), 0, True
    while killed:
        steps += 1
        old = [Entry(fleet.add(days, verdict="passed"), NOW - datetime.timedelta(days=days)) for days in (1, 2)]
        whole, stem = len(fleet.place.stored()), str(tmp_path / "shop@codex@")
        try:
            sweep(stem, t.cast(t.Any, _Mortal(fleet.place.open(), steps)), found, old, Deadline())
            killed = False
        except _Killed:
            assert fleet.whole() >= {newest} and len(fleet.place.stored()) <= whole
        repository = fleet.place.open()
        _run.remove_leftovers(stem, [repository])
        assert fleet.folders() == fleet.whole(), "what a killed sweep has begun is finished"
        sweep(stem, repository, found, [one for one in old if one.backup_id in fleet.whole()], Deadline())
        assert fleet.folders() == fleet.whole() == {newest} and not list(tmp_path.glob("*.journal*"))
    assert steps > 8


class TestVersions:
    """Buckets that keep versions, and locks."""

    @pytest.fixture
    def locked(self, object_store: t.Any, tmp_path: pathlib.Path) -> t.Iterator[Fleet]:
        bucket = f"locked-{time.time_ns()}"
        object_store.client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
        yield Fleet(BucketPlace(object_store, bucket), tmp_path / "state")

    def test_no_version_and_no_delete_marker_stays(self, locked: Fleet) -> None:
        ids = [locked.add(days) for days in (0.1, 1, 2)]
        locked.prune()
        place = t.cast(BucketPlace, locked.place)
        page = place.store.client.list_object_versions(Bucket=place.bucket)
        kept = {entry["Key"].split("/")[3] for entry in page.get("Versions", [])}
        assert (kept, page.get("DeleteMarkers", [])) == (set(ids[:2]), [])

    def test_a_locked_backup_is_deferred_and_stays_whole(self, locked: Fleet) -> None:
        ids = [locked.add(days) for days in (0.1, 1, 2)]
        place = t.cast(BucketPlace, locked.place)
        place.store.client.put_object_retention(
            Bucket=place.bucket,
            Key=f"lifeboat/shop/codex/{ids[2]}/data.dump",
            Retention={"Mode": "COMPLIANCE", "RetainUntilDate": NOW + datetime.timedelta(days=1)},
        )
        result = locked.prune()
        assert (result["changed"], locked.whole()) == (False, set(ids))
        assert [path.rpartition("/")[2] for path in result["deferred"]] == [ids[2]]
        assert "locked until" in result["plan"][0]["backups"][2]["reasons"][0]


def test_options_that_cannot_be_meant_are_refused_before_anything_is_read(tmp_path: pathlib.Path) -> None:
    base = {"repositories": [{"path": str(tmp_path / "none")}], "app": "shop", "keep": {"last": 1}}
    for wrong, said in (
        ({"keep": {}}, "keep keeps nothing"),
        ({"unfinished_after": "5m"}, "unfinished_after is 5m"),
        ({"app": "a/b"}, "app"),
        ({"time_limit": "soon"}, "time_limit"),
    ):
        result = run_module("backup_prune", {**base, **wrong})
        assert result["failed"] and said in result["msg"], result
    assert not (tmp_path / "none").exists()
