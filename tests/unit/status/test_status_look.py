# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The look at repositories in memory: what is read, what is left alone, and what cannot be read."""

from __future__ import annotations

import dataclasses
import datetime
import json

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _manifest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Artifact, Encoding, Manifest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DeadlineError
from ansible_collections.lifeboat.dr.plugins.module_utils._status._look import Look, look

from tests.unit.mock_repository import MockRepository

NOW = datetime.datetime(2026, 1, 20, tzinfo=datetime.UTC)


def one(day: int) -> str:
    return f"202601{day:02d}T020000Z-0000{day:02d}"


def manifest(backup_id: str, component: str = "codex", **facts: object) -> dict[str, bytes]:
    time = _manifest.iso(_manifest.id_time(backup_id))
    made = Manifest(
        "shop", component, backup_id, "postgresql", time, time, time, "db1", {}, Encoding("zstd", "age", ("a", "b")),
        (Artifact("x", "whole", 1000, 400, "0" * 64),), {},
    )  # fmt: skip
    made = dataclasses.replace(made, **facts)  # type: ignore[arg-type]
    return {f"{made.folder}/manifest.json": _manifest.dump(made)}


def proof(backup_id: str, day: int, verdict: str = "passed", **more: object) -> dict[str, bytes]:
    record = {"verified_at": f"2026-01-{day:02d}T04:00:00Z", "verdict": verdict, "profile": "full", **more}
    return {f"shop/codex/{backup_id}/verified/{day}.json": json.dumps(record).encode()}


def looked(*repositories: MockRepository, history: int = 3, app: str = "") -> Look:
    return look(repositories, app, history, NOW, Deadline(60))


def test_of_many_backups_all_are_counted_and_the_newest_are_read() -> None:
    files: dict[str, bytes] = {}
    for day in range(1, 11):
        files |= manifest(one(day))
    repository = MockRepository("near", files)
    seen = looked(repository).components["shop", "codex"]
    assert [backup.backup_id for backup in seen.backups] == [one(10), one(9), one(8)]
    assert (seen.count, seen.oldest_at) == (10, _manifest.id_time(one(1)))
    assert len([call for call in repository.calls if " read " in call]) == 3
    assert (seen.backups[0].plain_bytes, seen.backups[0].recipients) == (1000, 2)


def test_a_proof_of_an_older_backup_is_found_and_says_how_long_its_restore_took() -> None:
    files = {**manifest(one(1)), **proof(one(1), 2, restore_seconds=12.5)}
    for day in (7, 8, 9):
        files |= manifest(one(day))
    seen = looked(MockRepository("near", files)).components["shop", "codex"]
    assert [(item.backup_id, item.passed, item.restore_seconds) for item in seen.proofs] == [(one(1), True, 12.5)]


@pytest.mark.parametrize("value", ["12", True, None, -1, float("nan"), float("inf"), 10**400])
def test_a_restore_time_that_is_none_is_not_known(value: object) -> None:
    files = {**manifest(one(1)), **proof(one(1), 2, restore_seconds=value)}
    assert looked(MockRepository("near", files)).components["shop", "codex"].proofs[0].restore_seconds is None


def test_the_newest_proof_decides_about_a_backup() -> None:
    files = {**manifest(one(1)), **proof(one(1), 2), **proof(one(1), 3, "failed")}
    seen = looked(MockRepository("near", files)).components["shop", "codex"]
    assert seen.backups[0].failed and [item.passed for item in seen.proofs] == [False, True]


def test_copies_are_counted_by_manifests_that_can_be_read() -> None:
    near, far = MockRepository("near", manifest(one(1))), MockRepository("far", manifest(one(1)))
    assert looked(near, far).components["shop", "codex"].backups[0].repositories == ("near", "far")
    far.files[f"shop/codex/{one(1)}/manifest.json"] = b"{}"
    seen = looked(near, far).components["shop", "codex"]
    assert seen.backups[0].repositories == ("near",)
    assert len(seen.unreadable) == 1 and "far/shop/codex" in seen.unreadable[0]


def test_a_repository_out_of_reach_does_not_hide_what_the_others_hold() -> None:
    near, far = MockRepository("near", manifest(one(1))), MockRepository("far")
    far.fails.add("list")
    found = looked(near, far)
    assert found.unreachable == {"far": "far cannot list."} and len(found.components) == 1
    near.fails.add("list")
    assert looked(near, far) == Look({}, {"near": "near cannot list.", "far": "far cannot list."})


def test_backups_from_the_future_do_not_hide_the_others() -> None:
    files: dict[str, bytes] = {}
    for day in (1, 2, 3, 25, 26, 27, 28):
        files |= manifest(one(day))
    ids = [backup.backup_id for backup in looked(MockRepository("near", files)).components["shop", "codex"].backups]
    assert ids[-3:] == [one(3), one(2), one(1)] and len(ids) == 6


def test_what_has_no_manifest_is_no_backup() -> None:
    files = {f"shop/codex/{one(1)}/data": b"x", "shop/notes.txt": b"", **proof(one(2), 3)}
    assert looked(MockRepository("near", files)).components == {}


def test_another_system_that_says_how_much_it_holds_is_believed() -> None:
    files = manifest(one(1), artifacts=(), content={"bytes": 77})
    assert looked(MockRepository("near", files)).components["shop", "codex"].backups[0].plain_bytes == 77
    silent = manifest(one(1), artifacts=(), content={})
    assert looked(MockRepository("near", silent)).components["shop", "codex"].backups[0].plain_bytes is None


def test_when_the_time_is_over_nothing_is_said() -> None:
    with pytest.raises(DeadlineError):
        look([MockRepository("near", manifest(one(1)))], "", 3, NOW, Deadline(1e-9))
