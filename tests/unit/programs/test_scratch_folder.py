# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which folders of scratch servers are taken for abandoned."""

from __future__ import annotations

import fcntl
import os
import pathlib
import stat

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_folder import (
    ScratchFolder,
    remove_abandoned,
)


def _folder(base: pathlib.Path, name: str, *files: str) -> pathlib.Path:
    folder = base / f"lifeboat-scratch-{name}"
    (folder / "data").mkdir(parents=True)
    for file in files:
        (folder / file).touch()
    return folder


def test_a_folder_that_nobody_holds_is_removed_also_when_somebody_began_to_remove_it(tmp_path: pathlib.Path) -> None:
    for folder in (_folder(tmp_path, "unlocked", ".lock"), _folder(tmp_path, "begun")):
        remove_abandoned(str(tmp_path))
        assert not folder.exists()


def test_a_folder_that_is_in_use_or_was_kept_stays(tmp_path: pathlib.Path) -> None:
    used, kept = _folder(tmp_path, "used", ".lock"), _folder(tmp_path, "its-users", ".lock", "kept")
    descriptor = os.open(used / ".lock", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    remove_abandoned(str(tmp_path))
    os.close(descriptor)
    assert used.is_dir() and kept.is_dir()


def test_a_scratch_folder_is_private_and_locked_as_long_as_its_owner_lives_and_gone_afterwards(
    tmp_path: pathlib.Path,
) -> None:
    with ScratchFolder(str(tmp_path)) as scratch:
        assert stat.S_IMODE(os.stat(scratch.path).st_mode) == 0o700
        remove_abandoned(str(tmp_path))
        assert os.path.isdir(scratch.path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_kept_stays_unless_it_is_taken_back(tmp_path: pathlib.Path) -> None:
    with ScratchFolder(str(tmp_path)) as kept:
        kept.keep()
    with ScratchFolder(str(tmp_path)) as taken_back:
        taken_back.keep()
        taken_back.take_back()
    assert [str(path) for path in tmp_path.iterdir()] == [kept.path]


def test_a_disk_that_is_too_small_is_told_before_anything_is_made(tmp_path: pathlib.Path) -> None:
    with (
        pytest.raises(LifeboatError, match="bytes free; restoring the streams needs about"),
        ScratchFolder(str(tmp_path), needed_bytes=1 << 62, what="restoring the streams"),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_scratch_dir_that_is_not_there_is_told(tmp_path: pathlib.Path) -> None:
    with (
        pytest.raises(LifeboatError, match="cannot be used: No such file or directory"),
        ScratchFolder(str(tmp_path / "missing")),
    ):
        pass
