# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""paths_restore with a real restic: what comes back, where to, what is refused, and what a killed restore leaves."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import stat

import pytest

from tests.integration.modules import start_module
from tests.integration.paths_place import PathsPlace, described, in_phase, wait_for
from tests.lab import processes
from tests.lab.smalldisk import SmallDisk


def test_everything_comes_back_as_it_was(paths_stock: PathsPlace, tmp_path: pathlib.Path) -> None:
    target = tmp_path / "out"
    planned = paths_stock.restore(target, check_mode=True)
    assert planned["changed"] and not target.exists()
    result = paths_stock.restore(target)
    assert described(f"{target}{paths_stock.source}") == described(paths_stock.source)
    manifest = json.loads(paths_stock.manifests()[0].read_text())
    assert result["compared_files"] == manifest["content"]["hashed_files"]
    for key in ("files", "folders", "bytes", "names"):
        assert result[key] == planned[key]
    assert result["files"] == manifest["content"]["files"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"], "nothing is left beside it"
    again = paths_stock.restore(target)
    assert not again["changed"] and again["backup_id"] == result["backup_id"]


def test_one_file_and_one_folder_come_back_alone(paths_stock: PathsPlace, tmp_path: pathlib.Path) -> None:
    source = paths_stock.source
    wanted = ["st*r [1] \\ ?", "new\nline", "folder/below"]
    result = paths_stock.restore(tmp_path / "out", include=[f"{source}/{name}" for name in wanted])
    assert (result["files"], result["folders"], result["compared_files"]) == (3, 1, 3)
    there = described(f"{tmp_path}/out{source}")
    names = {b"st*r [1] \\ ?", b"new\nline", b"folder", b"folder/below", b"folder/below/big"}
    assert set(there) == names
    assert all(there[name][4:] == described(source)[name][4:] for name in names if name != b"folder")


def test_a_path_that_the_backup_has_not_is_named(paths_stock: PathsPlace, tmp_path: pathlib.Path) -> None:
    missing = f"{paths_stock.source}/never there"
    for check_mode in (True, False):
        result = paths_stock.restore(tmp_path / "out", include=[missing], check_mode=check_mode)
        assert result["failed"] and f"{missing} is not in the backup" in result["msg"]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_not_touched_unless_told(paths_place: PathsPlace) -> None:
    paths_place.back_up()
    target = paths_place.folder / "out"
    target.mkdir(mode=0o750)
    assert paths_place.restore(target)["changed"], "an empty one is as good as none"
    assert stat.S_IMODE(target.stat().st_mode) == 0o750
    (target / "mine").touch()
    (paths_place.source / "b").touch()
    paths_place.back_up()
    refused = paths_place.restore(target)
    assert refused["failed"] and "is not an empty folder" in refused["msg"]
    result = paths_place.restore(target, overwrite=True)
    assert (pathlib.Path(result["kept_as"][0]) / "mine").exists()
    assert not (target / "mine").exists()
    assert pathlib.Path(f"{target}{paths_place.source}/b").exists()


def test_in_place_takes_the_word_for_it_and_keeps_what_was_there(paths_place: PathsPlace) -> None:
    (paths_place.source / "untouched").mkdir()
    (paths_place.source / "untouched" / "now").touch()
    paths_place.back_up()
    (paths_place.source / "a").write_text("overwritten by mistake")
    refused = paths_place.restore({"in_place": True})
    assert refused["failed"] and "set target.confirm to files" in refused["msg"]
    (paths_place.source / "untouched" / "later").touch()
    one = paths_place.restore({"in_place": True, "confirm": "files"}, include=[f"{paths_place.source}/a"])
    assert (paths_place.source / "a").read_text() == "some text"
    assert pathlib.Path(one["kept_as"][0]).read_text() == "overwritten by mistake"
    assert (paths_place.source / "untouched" / "later").exists()
    whole = paths_place.restore({"in_place": True, "confirm": "files"})
    assert sorted(os.listdir(paths_place.source)) == ["a", "untouched"]
    assert os.listdir(paths_place.source / "untouched") == ["now"]
    assert (pathlib.Path(whole["kept_as"][0]) / "untouched" / "later").exists()
    assert not list(paths_place.folder.rglob("*.restoring-*"))


def test_on_a_new_host_the_folders_above_come_back_with_owner_and_mode(paths_place: PathsPlace) -> None:
    top = paths_place.folder / "srv"
    for name in ("one", "two"):
        (top / "shop" / name).mkdir(parents=True)
        (top / "shop" / name / "file").write_text(name)
    (top / "shop").chmod(0o2750)
    os.chown(top / "shop", 1, 1)
    paths_place.back_up(paths=[str(top / "shop" / "one"), str(top / "shop" / "two")])
    before = described(top)
    os.rename(top, paths_place.folder / "gone")
    result = paths_place.restore({"in_place": True, "confirm": "files"})
    assert described(top) == before
    assert result["kept_as"] == []


def test_hashes_of_the_backups_time_are_compared_where_the_key_is_at_hand(
    paths_stock: PathsPlace, tmp_path: pathlib.Path
) -> None:
    result = paths_stock.restore(tmp_path / "out", encryption={})
    assert not result.get("failed") and result["compared_files"] == 0
    assert "our own hashes could not be read" in json.dumps(result["warnings"])
    unverified = paths_stock.restore(tmp_path / "fast", verify=False, encryption={})
    assert unverified["compared_files"] == 0 and "warnings" not in unverified


def test_a_full_disk_leaves_nothing_of_the_restore(paths_place: PathsPlace, small_disk: SmallDisk) -> None:
    (paths_place.source / "large").write_bytes(os.urandom(20 << 20))
    paths_place.back_up(fingerprint="none")
    result = paths_place.restore(small_disk.path / "out")
    assert result["failed"] and "no space left" in result["msg"].lower()
    assert list(small_disk.path.iterdir()) == []


@pytest.mark.parametrize("phase", ["restore", "compare"])
def test_a_killed_restore_is_recognised_and_removed_by_the_next(paths_place: PathsPlace, phase: str) -> None:
    for number in range(8):
        (paths_place.source / f"{number}").write_bytes(os.urandom(16 << 20))
    paths_place.back_up(fingerprint="full")
    target, progress = paths_place.folder / "out", paths_place.folder / "progress"
    process = start_module("paths_restore", paths_place.restore_arguments(target, progress_file=str(progress)))
    wait_for(in_phase(progress, phase), f"the phase {phase}")
    if phase == "restore":
        wait_for(lambda: any(paths_place.folder.glob("out.restoring-*/files/*")), "restic's first file")
    processes.stop(process.pid)
    busy = paths_place.restore(target)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert busy["failed"] and "Another restore is at work" in busy["msg"]
    leftover = next(paths_place.folder.glob("out.restoring-*"))
    assert not target.exists()
    wait_for(lambda: not paths_place.restic("list", "locks", "--no-lock").strip() or phase == "restore", "restic's end")
    result = paths_place.restore(target)
    assert result["removed_leftovers"] == [str(leftover)]
    assert described(f"{target}{paths_place.source}") == described(paths_place.source)


def test_a_stopped_restore_removes_what_it_had_written(paths_place: PathsPlace) -> None:
    for number in range(8):
        (paths_place.source / f"{number}").write_bytes(os.urandom(16 << 20))
    paths_place.back_up(fingerprint="none")
    process = start_module("paths_restore", paths_place.restore_arguments(paths_place.folder / "out"))
    wait_for(lambda: any(paths_place.folder.glob("out.restoring-*/files/*")), "restic's first file")
    process.send_signal(signal.SIGTERM)
    output, _errors = process.communicate(timeout=30)
    assert "nothing that was there is changed" in json.loads(output)["msg"]
    assert not list(paths_place.folder.glob("out*"))


@pytest.mark.parametrize(
    ("target", "options", "words"),
    [
        ({}, {}, "target names nothing"),
        ({"folder": "/tmp/x", "in_place": True}, {}, "target names folder and in_place"),
        ({"folder": "relative"}, {}, "is not an absolute path"),
        ({"folder": "/nowhere/at/all"}, {}, "The folder above the target has to be there"),
        ({"folder": "/"}, {}, "is not an absolute path"),
        ({"folder": "/var/tmp/x"}, {"include": ["a"]}, "'a' is not an absolute path"),
        ({"folder": "/var/tmp/x"}, {"restic_password_file": None}, "restic_password_file is not given"),
    ],
)
def test_what_cannot_be_right_is_refused_by_name(
    paths_stock: PathsPlace, target: dict[str, object], options: dict[str, object], words: str
) -> None:
    result = paths_stock.restore(target, **options)
    assert result["failed"]
    assert words in result["msg"]
