# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a file of a repository in a directory is written: past the page cache where that can be, and the same bytes where
it cannot.
"""

from __future__ import annotations

import errno
import fcntl
import os
import pathlib
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import RepositoryError
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import _local_writer
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._local_writer import LocalWriter

_BLOCK = _local_writer._BLOCK_BYTES
_write = os.write


def _stored(folder: pathlib.Path, content: bytes, piece_bytes: int) -> bytes:
    writer = LocalWriter(str(folder / "file"), lambda: None)
    for at in range(0, len(content), piece_bytes):
        writer.write(content[at : at + piece_bytes])
    writer.commit()
    assert [path.name for path in folder.iterdir()] == ["file"]
    return (folder / "file").read_bytes()


@pytest.mark.parametrize("size", [0, 1, 4096, _BLOCK - 1, _BLOCK, _BLOCK + 1, 3 * _BLOCK, 3 * _BLOCK + 4097])
@pytest.mark.parametrize("piece_bytes", [65_537, 5 << 20])
def test_what_is_written_is_what_lies_there(tmp_path: pathlib.Path, size: int, piece_bytes: int) -> None:
    content = os.urandom(size)
    assert _stored(tmp_path, content, piece_bytes) == content


def test_a_file_system_that_refuses_to_pass_the_cache_gets_the_same_bytes(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[int] = []

    def refuse(descriptor: int, data: bytes | memoryview) -> int:
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_DIRECT:
            refused.append(len(data))
            raise OSError(errno.EINVAL, "Invalid argument")
        return _write(descriptor, data)

    monkeypatch.setattr(os, "major", lambda device: 8)
    monkeypatch.setattr(_local_writer.os, "write", refuse)
    content = os.urandom(2 * _BLOCK + 5)
    assert _stored(tmp_path, content, 1 << 20) == content
    assert len(refused) <= 1  # it is asked once


def test_a_disk_that_takes_a_part_gets_the_rest(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_local_writer.os, "write", lambda descriptor, data: _write(descriptor, bytes(data)[:700_001]))
    monkeypatch.setattr(_local_writer, "_pass_cache", lambda descriptor, yes: False)
    content = os.urandom(2 * _BLOCK + 5)
    assert _stored(tmp_path, content, 1 << 20) == content


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EINVAL])
def test_a_disk_that_fails_is_an_error_and_leaves_nothing(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def fail(_descriptor: int, _data: t.Any) -> int:
        raise OSError(code, os.strerror(code))

    writer = LocalWriter(str(tmp_path / "file"), lambda: None)
    with monkeypatch.context() as patch:
        patch.setattr(_local_writer.os, "write", fail)
        with pytest.raises(RepositoryError, match=os.strerror(code)):
            writer.write(bytes(_BLOCK))
    writer.abort()
    assert list(tmp_path.iterdir()) == []
