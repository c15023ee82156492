# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is said to be there is durable, whoever wrote it: a run that was killed may have left a name that is not."""

from __future__ import annotations

import pathlib

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import RepositoryError
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import _local

PATH = "wal/a/00000001/000000010000000000000001/about.json"


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders whose names were made durable."""
    done: list[str] = []
    monkeypatch.setattr(_local, "sync_folder", done.append)
    return done


def every(root: pathlib.Path) -> set[str]:
    folders = list(pathlib.PurePath(PATH).parents)
    return {str(root / folder) for folder in folders}


def test_a_file_that_is_there_already_is_made_durable_before_that_is_said(
    tmp_path: pathlib.Path, synced: list[str]
) -> None:
    assert _local.LocalRepository(str(tmp_path)).write_if_absent(PATH, b"x")
    synced.clear()
    assert not _local.LocalRepository(str(tmp_path)).write_if_absent(PATH, b"x")
    assert set(synced) == every(tmp_path)


def test_folders_that_a_killed_run_has_left_are_made_durable_with_the_file(
    tmp_path: pathlib.Path, synced: list[str]
) -> None:
    (tmp_path / PATH).parent.mkdir(parents=True)
    repository = _local.LocalRepository(str(tmp_path))
    assert repository.write_if_absent(PATH, b"x")
    assert set(synced) == every(tmp_path)


def test_a_disk_that_failed_before_is_not_believed_the_second_time(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(path: str) -> None:
        raise OSError(5, "Input/output error", path)

    monkeypatch.setattr(_local, "sync_folder", fails)
    for _try in range(2):
        with pytest.raises(RepositoryError, match="Input/output error"):
            _local.LocalRepository(str(tmp_path)).write_if_absent(PATH, b"x")
