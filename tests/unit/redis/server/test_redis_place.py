# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An RDB is put into a folder that belongs to the server's account, often by root."""

from __future__ import annotations

import pathlib

from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._place import place


def test_a_link_that_the_owner_of_the_folder_has_put_there_is_not_followed(tmp_path: pathlib.Path) -> None:
    outside = tmp_path / "shadow"
    outside.write_bytes(b"not to be touched")
    outside.chmod(0o640)
    folder = tmp_path / "redis"
    folder.mkdir()
    (folder / "dump.rdb.lifeboat-partial").symlink_to(outside)
    assert place([b"REDIS"], str(folder / "dump.rdb"), "1", lambda path: None) == ""
    assert outside.read_bytes() == b"not to be touched" and outside.stat().st_mode & 0o777 == 0o640
    assert (folder / "dump.rdb").read_bytes() == b"REDIS" and not (folder / "dump.rdb").is_symlink()
    assert [path.name for path in folder.iterdir()] == ["dump.rdb"]


def test_what_was_there_is_kept_and_gives_its_mode(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "dump.rdb"
    path.write_bytes(b"before")
    path.chmod(0o660)
    kept = place([b"RE", b"DIS"], str(path), "7", lambda _path: None)
    assert pathlib.Path(kept).read_bytes() == b"before" and path.read_bytes() == b"REDIS"
    assert path.stat().st_mode & 0o777 == 0o660
