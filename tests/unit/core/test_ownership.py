# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What root makes in the folder of another account belongs to that account."""

from __future__ import annotations

import os
import pathlib
import stat

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._ownership import make_folders
from ansible_collections.lifeboat.dr.plugins.module_utils._core._whole_file import write_whole

_SOMEBODY = 65534


def test_folders_and_files_belong_to_the_owner_of_the_folder_above(tmp_path: pathlib.Path) -> None:
    owner = os.geteuid()
    if owner == 0:
        os.chown(tmp_path, _SOMEBODY, _SOMEBODY)
        owner = _SOMEBODY
    folder = tmp_path / "reports" / "rehearsals"
    make_folders(str(folder))
    make_folders(str(folder))
    write_whole(str(folder / "report.html"), b"green")
    for made, mode in ((folder.parent, 0o700), (folder, 0o700), (folder / "report.html", 0o600)):
        assert (made.stat().st_uid, stat.S_IMODE(made.stat().st_mode)) == (owner, mode)


def test_a_file_in_the_way_is_an_error(tmp_path: pathlib.Path) -> None:
    (tmp_path / "reports").write_bytes(b"")
    with pytest.raises(OSError, match="reports"):
        make_folders(str(tmp_path / "reports"))
