# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Places in which a restore of hours would end with an error, or stop a server that runs beside it."""

from __future__ import annotations

import os
import pathlib
import types
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical import _place
from ansible_collections.lifeboat.dr.plugins.module_utils._work import _pg_physical_restore


@pytest.mark.parametrize("spelling", ["{}/", "{}//", "{}/.", "{}/../data"])
def test_a_folder_that_is_not_spelled_plainly_is_refused_before_it_is_restored(
    tmp_path: pathlib.Path, spelling: str
) -> None:
    """With a slash at its end, the new folder was built within the old one, which could not be moved then."""
    place = tmp_path / "data"
    place.mkdir()
    with pytest.raises(OptionError, match="is not the plain path") as refused:
        _place.check_data_dir(spelling.format(place), replace=True)
    assert refused.value.hint and f"Write {place}." in refused.value.hint


def test_a_mount_point_is_refused_as_nothing_can_take_its_place() -> None:
    with pytest.raises(OptionError, match="/proc is a mount point"):
        _place.check_data_dir("/proc", replace=True)


def test_a_cluster_that_does_not_fit_is_refused_before_it_fills_the_disk_of_a_server(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir = str(tmp_path / "data")
    space = os.statvfs(tmp_path)
    _place.check_room(data_dir, space.f_bavail * space.f_frsize // 2)
    monkeypatch.setattr(_place, "file_system", lambda folder: "ext4")
    with pytest.raises(OptionError, match="free, and the restored cluster needs"):
        _place.check_room(data_dir, 1 << 63)
    monkeypatch.setattr(_place, "file_system", lambda folder: "zfs")
    _place.check_room(data_dir, 1 << 63)
    monkeypatch.undo()
    assert _place.file_system("/proc/self") == "proc"


def test_an_incremental_backup_needs_the_room_of_its_parts_and_of_what_they_make() -> None:
    def candidate(*sizes: int) -> t.Any:
        chain = [
            types.SimpleNamespace(manifest=types.SimpleNamespace(artifacts=[types.SimpleNamespace(plain_bytes=size)]))
            for size in sizes
        ]
        return types.SimpleNamespace(chain=chain, content=types.SimpleNamespace(segment_bytes=1))

    assert _pg_physical_restore._needed_bytes(candidate(1000)) == 1012
    assert _pg_physical_restore._needed_bytes(candidate(1000, 100)) == 2112
