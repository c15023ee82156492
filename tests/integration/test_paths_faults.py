# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes wrong while files are backed up: no half-backup, and words that help."""

from __future__ import annotations

import collections.abc
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

import pytest

from tests.integration.modules import result_of, start_module
from tests.integration.paths_place import RESTIC, PathsPlace, in_phase, new_place, wait_for
from tests.lab import processes, throwaway
from tests.lab.faultproxy import FaultProxy
from tests.lab.objectstore import ObjectStore


def test_a_wrong_password_is_named_and_nothing_is_stored(paths_place: PathsPlace) -> None:
    paths_place.password_file.write_text("wrong\n")
    for check_mode in (True, False):
        result = paths_place.back_up(check_mode=check_mode, init=True)
        assert result["failed"]
        assert f"{paths_place.password_file} does not open {paths_place.restic_repository}" in result["msg"]
    assert not paths_place.manifests()


@contextlib.contextmanager
def _exclusive(place: PathsPlace) -> collections.abc.Iterator[subprocess.Popen[bytes]]:
    """A restic that holds the repository alone, and stands still."""
    environment = throwaway.base_environment(
        {"RESTIC_REPOSITORY": place.restic_repository, "RESTIC_PASSWORD_FILE": str(place.password_file)}
    )
    locks = pathlib.Path(place.restic_repository, "locks")

    def is_locked() -> bool:
        return any(re.fullmatch("[0-9a-f]{64}", path.name) for path in locks.iterdir())  # restic's own, no partial file

    process = subprocess.Popen([RESTIC, "prune"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not is_locked():
        time.sleep(0.001)
    processes.stop(process.pid)
    try:
        assert is_locked(), "restic was too fast"
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_repository_that_another_restic_holds_is_waited_for_and_a_dead_ones_lock_removed(
    paths_place: PathsPlace,
) -> None:
    paths_place.back_up()
    with _exclusive(paths_place) as holder:
        refused = paths_place.back_up(restic_lock_timeout="1s")
        assert refused["failed"] and "Another restic is at work" in refused["msg"]
        assert f"PID {holder.pid}" in refused["msg"]
        assert len(paths_place.manifests()) == 1
        waiting = start_module("paths_backup", paths_place.backup_arguments(restic_lock_timeout="60s"))
        time.sleep(3)
        assert waiting.poll() is None
        holder.kill()
        holder.wait()
        result = result_of(waiting)
    assert result["changed"] and len(paths_place.manifests()) == 2


def test_a_repository_that_goes_away_in_the_middle_leaves_no_backup(
    tmp_path: pathlib.Path, object_store: ObjectStore, bucket: str, fault_proxy: FaultProxy
) -> None:
    place = new_place(tmp_path, None)
    place.environment = object_store.environment
    place.restic_repository = f"s3:{object_store.endpoint_url}/{bucket}/files"
    (place.source / "a").touch()
    place.back_up(init=True)
    (place.source / "large").write_bytes(os.urandom(24 << 20))
    fault_proxy.cut_after(8 << 20, then_refuse=True)
    through = f"s3:{fault_proxy.endpoint_url}/{bucket}/files"
    result = place.back_up(restic_repository=through, time_limit="12s")
    assert result["failed"] and ("time limit of 12 s" in result["msg"] or "connection" in result["msg"])
    assert len(place.manifests()) == len(place.snapshots()) == 1
    assert place.back_up()["files"] == 2


@pytest.mark.parametrize("phase", ["backup", "read back", "hash"])
def test_a_killed_backup_leaves_no_manifest_and_the_next_one_is_whole(paths_place: PathsPlace, phase: str) -> None:
    for number in range(200):
        (paths_place.source / f"{number}").write_bytes(os.urandom(1 << 19))
    progress = paths_place.folder / "progress"
    arguments = paths_place.backup_arguments(progress_file=str(progress), fingerprint="full")
    process = start_module("paths_backup", arguments)
    wait_for(in_phase(progress, phase), f"the phase {phase}")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not paths_place.manifests()
    result = paths_place.back_up(max_age="1h")
    assert result["changed"] and result["files"] == 201
    paths_place.restic("check", "--read-data", "--no-lock")  # the lock of the killed restic is there


def test_files_that_cannot_be_read_are_named_and_the_backup_is_not_good(
    paths_place: PathsPlace, scratch_base: pathlib.Path
) -> None:
    place = PathsPlace(scratch_base, paths_place.keys, str(scratch_base / "restic"))
    os.rename(paths_place.source, place.source)
    os.rename(paths_place.restic_repository, place.restic_repository)
    place.password_file.write_text(paths_place.password_file.read_text())
    subprocess.run(["chown", "-R", "nobody", place.source, place.restic_repository, place.password_file], check=True)
    for name in ("closed", "closed folder/x"):
        (place.source / name).parent.mkdir(exist_ok=True)
        (place.source / name).touch()
        (place.source / name).chmod(0)
    (place.source / "closed folder").chmod(0)
    place.environment = {"HOME": str(scratch_base / "nowhere")}
    result = place.back_up(user="nobody")
    assert result["failed"] and "could not read 2 files" in result["msg"]
    assert result["details"]["unreadable"] == [str(place.source / "closed"), str(place.source / "closed folder")]
    assert not place.manifests()
    allowed = place.back_up(user="nobody", allow_unreadable=True)
    assert allowed["changed"] and allowed["unreadable"] == result["details"]["unreadable"]
    assert allowed["unreadable_files"] == 2


def test_a_pattern_that_matches_nothing_is_no_silent_loss(paths_place: PathsPlace) -> None:
    result = paths_place.back_up(include=["/nowhere/*.conf"])
    assert result["failed"] and "/nowhere/*.conf" in result["msg"]
    assert not paths_place.manifests()


def test_a_file_that_changes_while_it_is_read_is_not_vouched_for(paths_place: PathsPlace) -> None:
    busy, stop = paths_place.source / "busy.log", threading.Event()

    def write() -> None:
        with open(busy, "ab", buffering=0) as file:
            while not stop.is_set():
                file.write(b"one more line\n" * 100)
                time.sleep(0.001)

    busy.touch()
    writer = threading.Thread(target=write)
    writer.start()
    try:
        result = paths_place.back_up(fingerprint="full")
    finally:
        stop.set()
        writer.join()
    assert (result["files"], result["hashed_files"], result["changed_files"]) == (2, 1, 1)


def test_a_stopped_backup_says_what_is_left(paths_place: PathsPlace) -> None:
    for number in range(200):
        (paths_place.source / f"{number}").write_bytes(os.urandom(1 << 19))
    progress = paths_place.folder / "progress"
    process = start_module("paths_backup", paths_place.backup_arguments(progress_file=str(progress)))
    wait_for(in_phase(progress, "backup"), "the phase backup")
    process.send_signal(signal.SIGTERM)
    output, _errors = process.communicate(timeout=30)
    assert "No backup was recorded. restic may have kept a snapshot" in json.loads(output)["msg"]
    assert not list((paths_place.folder / "catalog").rglob("*.json*"))
    assert paths_place.back_up()["removed_leftovers"] == []
