# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A directory whose file system is not mounted: it is neither an empty repository, nor a place to write to."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError, RepositoryError
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import open_repository

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository

_USES: dict[str, t.Callable[[Repository], t.Any]] = {
    "probe": lambda repository: repository.probe(1),
    "create": lambda repository: repository.create("app/a", 1),
    "write_file": lambda repository: repository.write_file("app/a", b"x"),
    "write_if_absent": lambda repository: repository.write_if_absent("app/a", b"x"),
    "read": lambda repository: list(repository.read("app/a")),
    "read_file": lambda repository: repository.read_file("app/a", 1),
    "list_files": lambda repository: list(repository.list_files("")),
    "remove": lambda repository: repository.remove(["app/a"]),
    "remove_unfinished": lambda repository: repository.remove_unfinished("app"),
}


@pytest.mark.parametrize("use", _USES.values(), ids=_USES)
def test_where_nothing_is_mounted_nothing_is_read_or_written(
    use: t.Callable[[Repository], t.Any], tmp_path: pathlib.Path
) -> None:
    repository = open_repository({"path": str(tmp_path / "lifeboat"), "mount_point": str(tmp_path)})
    with pytest.raises(RepositoryError, match="Nothing is mounted at"):
        use(repository)
    assert not list(tmp_path.iterdir())


def test_on_a_file_system_that_is_mounted_it_is_a_repository_like_any_other(tmp_path: pathlib.Path) -> None:
    repository = open_repository({"path": str(tmp_path), "mount_point": "/"})
    repository.write_file("app/a", b"x")
    assert [file.path for file in repository.list_files("")] == ["app/a"]


@pytest.mark.parametrize("mount_point", ["/mnt/other", "/mnt/na", "mnt/nas", "/mnt/nas/lifeboat/deeper"])
def test_a_mount_point_that_does_not_hold_the_path_is_refused(mount_point: str) -> None:
    with pytest.raises(OptionError, match="does not lie below its mount_point"):
        open_repository({"path": "/mnt/nas/lifeboat", "mount_point": mount_point})
    with pytest.raises(OptionError, match="mount_point belongs to a directory"):
        open_repository({"bucket": "backups", "mount_point": mount_point})
