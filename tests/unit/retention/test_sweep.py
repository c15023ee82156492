# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sweep: killed at each of its steps it leaves nothing that looks whole, and the next run finishes."""

from __future__ import annotations

import datetime
import pathlib

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _run
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DeadlineError
from ansible_collections.lifeboat.dr.plugins.module_utils._retention._observe import Component
from ansible_collections.lifeboat.dr.plugins.module_utils._retention._planner import Entry
from ansible_collections.lifeboat.dr.plugins.module_utils._retention._sweep import sweep

from tests.unit.mock_repository import MockRepository

IDS = ["20260114T020000Z-00000a", "20260115T020000Z-00000b"]
FILES = ("manifest.json", "a.dump", "verified/20260116T000000Z.json")
FOUND = Component("shop", "codex")


class _Killed(BaseException):
    """What a kill is to the process: nothing of it goes on."""


class _MortalRepository(MockRepository):
    """Dies at the call of this number."""

    dies_at = 0

    def _asked(self, method: str, detail: str) -> None:
        super()._asked(method, detail)
        if len(self.calls) == self.dies_at:
            raise _Killed


def entries() -> list[Entry]:
    return [
        Entry(one, datetime.datetime.strptime(one[:15], "%Y%m%dT%H%M%S").replace(tzinfo=datetime.UTC)) for one in IDS
    ]


def repository() -> _MortalRepository:
    return _MortalRepository("memory", {f"shop/codex/{one}/{file}": b"x" for one in IDS for file in FILES})


def calls_of_a_whole_sweep() -> int:
    whole = repository()
    sweep("/dev/null/", MockRepository(), FOUND, [], Deadline())
    for one in IDS:
        _run.remove_folder(whole, f"shop/codex/{one}")
    return len(whole.calls) + 2 * len(IDS)


@pytest.mark.parametrize("step", range(1, calls_of_a_whole_sweep() + 1))
def test_a_sweep_that_is_killed_at_any_step_is_finished_by_the_next_run(tmp_path: pathlib.Path, step: int) -> None:
    place = repository()
    place.dies_at = step
    stem = str(tmp_path / "shop@codex@")
    killed = False
    try:
        sweep(stem, place, FOUND, entries(), Deadline())
    except _Killed:
        killed = True
    for one in IDS:
        left = [file for file in FILES if f"shop/codex/{one}/{file}" in place.files]
        assert "manifest.json" not in left or len(left) == len(FILES)
    place.dies_at = 0
    _run.remove_leftovers(stem, [place])
    whole = [entry for entry in entries() if f"shop/codex/{entry.backup_id}/manifest.json" in place.files]
    sweep(stem, place, FOUND, whole, Deadline())
    assert (place.files, list(tmp_path.iterdir())) == ({}, [])
    assert killed or step > len(place.calls) // 2


def test_a_backup_that_was_held_since_the_plan_was_made_is_spared(tmp_path: pathlib.Path) -> None:
    place = repository()
    place.files[f"shop/codex/{IDS[0]}/holds/audit.json"] = b"{}"
    swept = sweep(str(tmp_path / "s"), place, FOUND, entries(), Deadline())
    assert (list(swept.spared), [entry.backup_id for entry in swept.deleted]) == ([IDS[0]], [IDS[1]])


def test_one_that_cannot_be_deleted_is_named_and_the_others_go_on(tmp_path: pathlib.Path) -> None:
    place = repository()
    place.fails = {"erase"}
    swept = sweep(str(tmp_path / "s"), place, FOUND, entries(), Deadline())
    assert sorted(swept.failed) == IDS and not swept.deleted
    place.fails = set()
    _run.remove_leftovers(str(tmp_path / "s"), [place])
    assert place.files == {}


def test_the_time_limit_ends_it_between_two_backups(tmp_path: pathlib.Path) -> None:
    deadline = Deadline(0.000001)
    with pytest.raises(DeadlineError):
        sweep(str(tmp_path / "s"), repository(), FOUND, entries(), deadline)
