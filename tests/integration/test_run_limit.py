# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A limit of concurrent runs holds among many processes that have nothing in common but the repository."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pathlib
import signal
import threading
import time
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._places import places
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DeadlineError, RepositoryError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import open_repositories
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._run_limit import FOLDER, RunLimit

from tests.integration.modules import run_module
from tests.integration.repository_places import BucketPlace, DirectoryPlace, Place
from tests.lab.postgres import Database
from tests.unit.mock_repository import MockRepository

_FORK = multiprocessing.get_context("fork")


@pytest.fixture(params=["directory", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Place:
    """A directory, and a bucket on a real server."""
    if request.param == "s3":
        return BucketPlace(request.getfixturevalue("object_store"), request.getfixturevalue("bucket"))
    return DirectoryPlace(tmp_path / "backups")


def opened(place: Place) -> Repository:
    (repository,) = open_repositories([place.options])
    return repository


def limit_of(place: Place, most: int, **more: float) -> RunLimit:
    return RunLimit(opened(place), most, **{"lease_seconds": 120.0, "poll_seconds": 0.05, **more})


def run_once(place: Place, most: int, log: pathlib.Path) -> None:
    """One run, as a process of its own: it writes down when it begins and when it ends."""
    with limit_of(place, most).place(Deadline(100)):
        _append(log, f"{time.monotonic()} begin\n")
        time.sleep(0.02)
        _append(log, f"{time.monotonic()} end\n")


def _append(log: pathlib.Path, line: str) -> None:
    with log.open("a", encoding="ascii") as file:
        file.write(line)


def most_at_once(log: pathlib.Path) -> int:
    at_once = highest = 0
    for line in sorted(log.read_text(encoding="ascii").splitlines(), key=lambda line: float(line.split()[0])):
        at_once += 1 if line.endswith("begin") else -1
        highest = max(highest, at_once)
    return highest


def test_never_more_are_at_work_than_may_be_and_each_gets_its_turn(place: Place, tmp_path: pathlib.Path) -> None:
    log, most = tmp_path / "log", 3
    runs = 16 if isinstance(place, DirectoryPlace) else 8
    processes = [_FORK.Process(target=run_once, args=(place, most, log)) for _number in range(runs)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * runs
    assert log.read_text().count("begin") == runs
    assert most_at_once(log) <= most
    left = [path for path in place.stored() if path.startswith(FOLDER)]
    assert all(path.split("/")[1] in ("000", "001", "002") for path in left)
    assert len(left) <= 2 * most, "what has ended is cleared away by who comes next"


def _hold_for_ever(place: Place, begun: t.Any) -> None:
    with limit_of(place, 1, lease_seconds=1).place(Deadline(60)):
        begun.set()
        time.sleep(600)


def test_a_holder_that_was_killed_is_passed_over_after_its_lease_and_not_before(place: Place) -> None:
    begun = _FORK.Event()
    holder = _FORK.Process(target=_hold_for_ever, args=(place, begun))
    holder.start()
    assert begun.wait(60)
    os.kill(holder.pid or 0, signal.SIGKILL)
    holder.join()
    waited, before = threading.Event(), time.monotonic()
    with limit_of(place, 1, lease_seconds=1).place(Deadline(60), waited.set):
        assert waited.is_set() and time.monotonic() - before >= 1


def test_a_holder_that_is_alive_says_so_and_is_waited_for(tmp_path: pathlib.Path) -> None:
    place = DirectoryPlace(tmp_path / "backups")
    with limit_of(place, 1, lease_seconds=0.5).place(Deadline(60)):
        until = time.monotonic() + 60
        while not any(path.endswith("beat-3") for path in place.stored()) and time.monotonic() < until:
            time.sleep(0.05)
        beats = [path for path in place.stored() if "beat-" in path]
        assert len(beats) <= 2 and not any(path.endswith("beat-1") for path in beats)
        with pytest.raises(DeadlineError) as caught, limit_of(place, 1).place(Deadline(0.5)):
            raise AssertionError("two at once")
    assert "waiting for one of the 1 places of" in str(caught.value) and "max_runs" in str(caught.value)
    with limit_of(place, 1).place(Deadline(60)):
        pass


def test_who_looked_long_ago_steps_back_from_a_slot_that_has_moved_on(tmp_path: pathlib.Path) -> None:
    place = DirectoryPlace(tmp_path / "backups")
    for _number in range(3):
        with limit_of(place, 1).place(Deadline(60)):
            pass
    late = limit_of(place, 1)
    assert late._take(0, 1) is False, "the number 1 was given out and cleared away long ago"
    with limit_of(place, 1).place(Deadline(60)):
        assert late._take(0, 2) is False
    assert late._take_one() == (0, 5)


def test_more_places_or_fewer_hold_from_the_next_run_on(tmp_path: pathlib.Path) -> None:
    place = DirectoryPlace(tmp_path / "backups")
    with contextlib.ExitStack() as held:
        for _number in range(3):
            held.enter_context(limit_of(place, 3).place(Deadline(60)))
        with limit_of(place, 4).place(Deadline(60)), pytest.raises(DeadlineError):
            held.enter_context(limit_of(place, 2).place(Deadline(0.3)))


def test_a_repository_that_has_no_place_is_left_out_and_the_others_are_written() -> None:
    free, full = MockRepository("a"), MockRepository("b")
    full.max_runs = 1
    full.fails = {"list"}
    with places([free, full], 5, Progress(None, "shop/codex")) as admitted:
        assert admitted.repositories == [free] and "b" in admitted.refused
    free.max_runs = 1
    free.fails = {"list"}
    with (
        pytest.raises(RepositoryError, match="No repository has a place for this run"),
        places([free, full], 5, Progress(None, "shop/codex")),
    ):
        raise AssertionError("nobody was asked")


def test_a_backup_waits_for_its_place_and_what_keeps_the_places_is_no_backup(
    database: Database, tmp_path: pathlib.Path
) -> None:
    place = DirectoryPlace(tmp_path / "backups")
    arguments = {
        "app": "shop", "component": "codex", "dsn": database.dsn(), "state_dir": str(tmp_path / "state"),
        "repositories": [{**place.options, "max_runs": 1}],
    }  # fmt: skip
    with limit_of(place, 1).place(Deadline(60)):
        refused = run_module("pg_backup", {**arguments, "time_limit": "1s"})
    assert refused["failed"] and "No repository has a place for this run" in refused["msg"]
    assert run_module("pg_backup", arguments)["changed"]
    catalog = run_module("backup_info", {"repositories": arguments["repositories"]})
    assert [backup["component"] for backup in catalog["backups"]] == ["codex"] and catalog["unreadable"] == []
    wrong = run_module("pg_backup", {**arguments, "repositories": [{**place.options, "max_runs": 0}]})
    assert wrong["failed"] and "max_runs is 0" in wrong["msg"]
