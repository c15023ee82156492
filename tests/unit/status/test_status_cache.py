# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a look remembers: a second one reads only what is new, and says the same as one that remembers nothing."""

from __future__ import annotations

import json
import os
import pathlib

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._status._cache import Cache
from ansible_collections.lifeboat.dr.plugins.module_utils._status._look import Look, look

from tests.unit.mock_repository import MockRepository
from tests.unit.status.test_status_look import NOW, manifest, one, proof


@pytest.fixture
def repository() -> MockRepository:
    files: dict[str, bytes] = {}
    for day in range(1, 6):
        files |= manifest(one(day)) | proof(one(day), day + 1, restore_seconds=12.5)
    found = MockRepository("near", files)
    found.tagged = True
    return found


def looked(repository: MockRepository, path: pathlib.Path) -> tuple[Look, int]:
    """What was seen, and how many files were read for it."""
    repository.calls.clear()
    cache = Cache(str(path))
    seen = look([repository], "", 3, NOW, Deadline(60), cache)
    assert cache.save() == ""
    return seen, len([call for call in repository.calls if " read " in call])


def test_a_second_look_reads_only_what_is_new_and_says_the_same(
    repository: MockRepository, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "state" / "cache"
    first, reads = looked(repository, path)
    assert reads == 6
    second, reads = looked(repository, path)
    assert (second, reads) == (first, 0)
    repository.files |= manifest(one(6)) | proof(one(5), 9, "failed")
    third, reads = looked(repository, path)
    assert reads == 2
    assert third == look([repository], "", 3, NOW, Deadline(60))
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_was_deleted_or_replaced_is_not_remembered(repository: MockRepository, tmp_path: pathlib.Path) -> None:
    looked(repository, tmp_path / "cache")
    del repository.files[f"shop/codex/{one(5)}/manifest.json"]
    repository.files[f"shop/codex/{one(4)}/manifest.json"] = b"damaged"
    seen, _reads = looked(repository, tmp_path / "cache")
    found = seen.components["shop", "codex"]
    assert [backup.backup_id for backup in found.backups] == [one(3), one(2)]
    assert any("manifest.json" in line for line in found.unreadable)
    again, reads = looked(repository, tmp_path / "cache")
    assert (again, reads) == (seen, 1), "what cannot be read is tried again each time"


def test_the_cache_holds_what_the_last_look_has_used_and_no_more(
    repository: MockRepository, tmp_path: pathlib.Path
) -> None:
    looked(repository, tmp_path / "cache")
    before = len(json.loads((tmp_path / "cache").read_text())["files"])
    for day in range(6, 12):
        repository.files |= manifest(one(day)) | proof(one(day), day + 1)
    looked(repository, tmp_path / "cache")
    assert len(json.loads((tmp_path / "cache").read_text())["files"]) == before


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"schema": "other", "files": {}}', b'{"files": 3}'])
def test_a_cache_that_is_none_is_thrown_away(
    repository: MockRepository, tmp_path: pathlib.Path, content: bytes
) -> None:
    (tmp_path / "cache").write_bytes(content)
    assert looked(repository, tmp_path / "cache")[1] == 6
    assert looked(repository, tmp_path / "cache")[1] == 0


def test_records_that_are_none_are_read_again(repository: MockRepository, tmp_path: pathlib.Path) -> None:
    expected, _reads = looked(repository, tmp_path / "cache")
    document = json.loads((tmp_path / "cache").read_text())
    for number, record in enumerate(document["files"].values()):
        record.pop(sorted(record)[number % len(record)])
    (tmp_path / "cache").write_text(json.dumps(document))
    assert looked(repository, tmp_path / "cache") == (expected, 6)


def test_a_cache_that_others_could_have_written_is_not_read(repository: MockRepository, tmp_path: pathlib.Path) -> None:
    looked(repository, tmp_path / "cache")
    (tmp_path / "cache").chmod(0o666)
    assert looked(repository, tmp_path / "cache")[1] == 6
    (tmp_path / "link").symlink_to(tmp_path / "cache")
    assert looked(repository, tmp_path / "link")[1] == 6


def test_a_pipe_in_its_place_keeps_nobody_waiting(repository: MockRepository, tmp_path: pathlib.Path) -> None:
    os.mkfifo(tmp_path / "cache", 0o600)
    assert looked(repository, tmp_path / "cache")[1] == 6


def test_a_place_that_cannot_be_written_is_said(repository: MockRepository, tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")
    cache = Cache(str(tmp_path / "file" / "cache"))
    look([repository], "", 3, NOW, Deadline(60), cache)
    assert "cannot be written" in cache.save()


def test_a_repository_that_says_nothing_of_changes_is_read_each_time(
    repository: MockRepository, tmp_path: pathlib.Path
) -> None:
    repository.tagged = False
    assert [looked(repository, tmp_path / "cache")[1] for _turn in range(2)] == [6, 6]
