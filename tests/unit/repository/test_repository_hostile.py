# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Repositories that somebody has prepared, and S3 servers that lie: nothing waits for ever, nothing outside is touched,
and nothing false is taken for a backup.
"""

from __future__ import annotations

import datetime
import itertools
import os
import pathlib
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _catalog, _manifest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, RepositoryError
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import _s3_store
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._local import LocalRepository
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._s3_store import S3Store

from tests.unit.repository.mock_s3 import MockS3Client

StoreOf = t.Callable[..., S3Store]
FOLDER = "shop/codex/20260115T020000Z-3f9a2c"
NOW = datetime.datetime(2026, 1, 15, tzinfo=datetime.UTC)


def manifest(**changes: t.Any) -> _manifest.Manifest:
    facts: dict[str, t.Any] = {
        "app": "shop",
        "component": "codex",
        "engine": "postgresql",
        "backup_id": "20260115T020000Z-3f9a2c",
        "host": "db1",
        "tool": "lifeboat.dr 1.0.0",
        **dict.fromkeys(("started_at", "snapshot_at", "finished_at"), "2026-01-15T02:00:00Z"),
        "tool_versions": {},
        "encoding": _manifest.Encoding("none", "none", ()),
        "artifacts": (),
        "content": {},
        "restore_by_hand": (),
    }
    known = {field: value for field, value in facts.items() if field in _manifest.Manifest.__dataclass_fields__}
    return _manifest.Manifest(**{**known, **changes})


def stored(root: pathlib.Path, folder: str = FOLDER, content: bytes | None = None) -> pathlib.Path:
    place = root / folder
    place.mkdir(parents=True)
    (place / "manifest.json").write_bytes(_manifest.dump(manifest()) if content is None else content)
    return place


# --- a directory ---


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "link"])
def test_what_is_no_file_keeps_nobody_waiting(tmp_path: pathlib.Path, kind: str) -> None:
    outside = tmp_path / "secret"
    outside.write_bytes(b"secret")
    path = tmp_path / "repository" / "shop" / "it"
    path.parent.mkdir(parents=True)
    make: dict[str, t.Callable[[], object]] = {
        "pipe": lambda: os.mkfifo(path),
        "device": lambda: path.symlink_to("/dev/zero"),
        "folder": path.mkdir,
        "link": lambda: path.symlink_to(outside),
    }
    make[kind]()
    repository = LocalRepository(str(tmp_path / "repository"))
    with pytest.raises(RepositoryError):
        list(repository.read("shop/it"))
    assert list(repository.list_files("")) == []


def test_a_manifest_of_a_terabyte_is_not_read_into_memory(tmp_path: pathlib.Path) -> None:
    place = stored(tmp_path)
    with open(place / "manifest.json", "wb") as file:
        file.truncate(1 << 40)
    catalog = _catalog.read_catalog([LocalRepository(str(tmp_path))])
    assert catalog.backups == () and "larger than" in catalog.unreadable[0].why


def test_a_manifest_that_names_another_folder_is_no_backup(tmp_path: pathlib.Path) -> None:
    stored(tmp_path, "shop/codex/20260116T020000Z-3f9a2c")
    stored(tmp_path, "other/codex/20260115T020000Z-3f9a2c")
    catalog = _catalog.read_catalog([LocalRepository(str(tmp_path))])
    assert catalog.backups == () and {"wrong folder" in item.why for item in catalog.unreadable} == {True}


@pytest.mark.parametrize("artifact", ["../../../etc/passwd", "/etc/passwd", "a/../../b", "a\nb", "a\0b", "x" * 300])
def test_an_artifact_outside_of_its_folder_is_not_read(tmp_path: pathlib.Path, artifact: str) -> None:
    repository = LocalRepository(str(tmp_path))
    with pytest.raises(RepositoryError, match="cannot be used in a repository"):
        list(repository.read(f"{FOLDER}/{artifact}"))


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[2Jb", "\u202egnp.exe", "SHOP", "x" * 250, "-rf", "*", "{{ 1 }}"])
def test_odd_names_beside_a_backup_hide_it_from_nobody(tmp_path: pathlib.Path, name: str) -> None:
    stored(tmp_path)
    stored(tmp_path, f"{name}/codex/20260115T020000Z-3f9a2c")
    (tmp_path / FOLDER / name).mkdir()
    (tmp_path / FOLDER / name / "manifest.json").write_bytes(b"{}")
    catalog = _catalog.read_catalog([LocalRepository(str(tmp_path))])
    assert [backup.manifest.folder for backup in catalog.backups] == [FOLDER]
    assert all("\n" not in item.path and "\x1b" not in item.path for item in catalog.unreadable)


def test_a_hard_link_to_a_file_outside_is_removed_and_the_file_stays(tmp_path: pathlib.Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"mine")
    place = stored(tmp_path / "repository")
    os.link(outside, place / "artifact")
    repository = LocalRepository(str(tmp_path / "repository"))
    repository.erase(FOLDER)
    assert outside.read_bytes() == b"mine" and list(repository.list_files("")) == []


# --- a server that lies ---


def listed(key: str, size: int = 1) -> dict[str, t.Any]:
    return {"Key": key, "Size": size, "LastModified": NOW, "ETag": '"e"'}


def endless(*keys: str) -> t.Callable[[dict[str, t.Any]], dict[str, t.Any]]:
    count = itertools.count()

    def page(_arguments: dict[str, t.Any]) -> dict[str, t.Any]:
        token = f"token {next(count)}"
        return {"Contents": [listed(key) for key in keys], "IsTruncated": True, "NextContinuationToken": token}

    return page


@pytest.mark.parametrize("keys", [(), ("lifeboat/app/a",), ("lifeboat/app/a", "lifeboat/app/b")])
def test_a_listing_without_end_ends(store_of: StoreOf, keys: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_s3_store, "_MOST_IDLE_PAGES", 2)
    store = store_of(MockS3Client(list_objects_v2=[endless(*keys)] * 5))
    with pytest.raises(RepositoryError, match="does not go forward"):
        list(store.objects("app/"))


def test_a_listing_that_says_that_there_is_more_and_not_where_is_an_error(store_of: StoreOf) -> None:
    page = {"Contents": [listed("lifeboat/app/a")], "IsTruncated": True}
    with pytest.raises(RepositoryError, match="does not go forward"):
        list(store_of(MockS3Client(list_objects_v2=[page])).objects("app/"))
    uploads = {"Uploads": [], "IsTruncated": True, "NextKeyMarker": "k", "NextUploadIdMarker": "u"}
    with pytest.raises(RepositoryError, match="does not go forward"):
        list(store_of(MockS3Client(list_multipart_uploads=[uploads, uploads, uploads])).uploads("app/"))


@pytest.mark.parametrize("key", ["other/app/a", "lifeboat2/app/a", "lifeboat/other/a", "app/a", ""])
def test_a_key_that_was_not_asked_for_names_no_object_here(store_of: StoreOf, key: str) -> None:
    """Cut to a path in the repository, ``other/xapp/a`` would be another object, which could be deleted."""
    with pytest.raises(RepositoryError, match="was asked for what begins with 'lifeboat/app/'"):
        list(store_of(MockS3Client(list_objects_v2=[{"Contents": [listed(key)]}])).objects("app/"))
    found = {"Uploads": [{"Key": key, "UploadId": "u"}]}
    with pytest.raises(RepositoryError, match="was asked for what begins with 'lifeboat/app/'"):
        list(store_of(MockS3Client(list_multipart_uploads=[found])).uploads("app/"))


def test_an_empty_page_may_come_in_between_and_the_same_token_twice_may_not(store_of: StoreOf) -> None:
    def page(token: str, *keys: str) -> dict[str, t.Any]:
        return {"Contents": [listed(key) for key in keys], "IsTruncated": bool(token), "NextContinuationToken": token}

    pages = [page("1"), page("2", "lifeboat/app/a"), page("3"), page("4"), page("", "lifeboat/app/b")]
    found = store_of(MockS3Client(list_objects_v2=pages)).objects("app/")
    assert [path for path, *_rest in found] == ["app/a", "app/b"]
    with pytest.raises(RepositoryError, match="does not go forward"):
        list(store_of(MockS3Client(list_objects_v2=[page("1", "lifeboat/app/a"), page("1")])).objects("app/"))


def test_a_size_below_zero_is_none(store_of: StoreOf) -> None:
    page = {"Contents": [listed("lifeboat/app/a", -5)]}
    assert [size for _path, size, *_rest in store_of(MockS3Client(list_objects_v2=[page])).objects("app/")] == [0]


def test_a_manifest_that_is_not_one_is_damaged_whatever_it_is() -> None:
    for content in (
        b"[" * 100_000,
        b'{"schema": "lifeboat.manifest", "x": ' + b"[" * 900 + b"]" * 900 + b"}",
        b"1e999",
    ):
        with pytest.raises(DamagedError):
            _manifest.load(content, "it")
