# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which folders of scratch clusters are taken for abandoned."""

from __future__ import annotations

import fcntl
import os
import pathlib

from ansible_collections.lifeboat.dr.plugins.module_utils._postgres._scratch import remove_abandoned


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
