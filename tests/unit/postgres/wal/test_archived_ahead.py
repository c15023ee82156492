# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A note of a segment that was archived ahead holds for that very file, once, and for nothing else."""

from __future__ import annotations

import json
import os
import pathlib

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal import _ahead

NAME = "000000010000000000000007"


@pytest.fixture
def config(tmp_path: pathlib.Path) -> str:
    (tmp_path / "pg_wal" / "archive_status").mkdir(parents=True)
    (tmp_path / "pg_wal" / NAME).write_bytes(b"a segment")
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"spool_dir": str(tmp_path / "spool")}), encoding="utf-8")
    return str(path)


def asked(config: str, name: str = NAME) -> bool:
    path = os.path.join(os.path.dirname(config), "pg_wal", name)
    return _ahead.is_done(["--config", config, "push", path, name])


def leave(config: str) -> None:
    folder = os.path.dirname(config)
    _ahead.Note(f"{folder}/spool", f"{folder}/pg_wal/{NAME}").leave()


def test_a_note_answers_once(config: str) -> None:
    assert not asked(config)
    leave(config)
    assert asked(config) and not asked(config)


def test_a_note_of_another_content_answers_nothing_and_is_removed(config: str, tmp_path: pathlib.Path) -> None:
    leave(config)
    (tmp_path / "pg_wal" / "new").write_bytes(b"a segment")  # the same bytes: another file all the same
    (tmp_path / "pg_wal" / "new").rename(tmp_path / "pg_wal" / NAME)
    assert not asked(config)
    assert not list((tmp_path / "spool").iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        [], ["--config", "C", "fetch", NAME, "path"], ["--config", "/nowhere", "push", "path", NAME],
        ["--config", "C", "push", "path", "00000002.history"], ["--config", "C", "push", "/nowhere", NAME],
    ],
)  # fmt: skip
def test_whatever_else_is_asked_is_not_done(config: str, arguments: list[str]) -> None:
    leave(config)
    assert not _ahead.is_done([config if one == "C" else one for one in arguments])


def test_the_next_segments_of_the_timeline_wait_and_no_more_than_fit_into_memory(tmp_path: pathlib.Path) -> None:
    status = tmp_path / "archive_status"
    status.mkdir()
    (tmp_path / NAME).write_bytes(b"x")
    for name in (
        "000000010000000000000006.ready", f"{NAME}.ready", "000000010000000000000009.ready",
        "000000010000000000000008.ready", "00000001000000000000000A.done", "00000002.history.ready",
        "00000001000000000000000B.partial.ready", "00000001000000000000000C.ready", "00000002000000000000000D.ready",
    ):  # fmt: skip
        (status / name).touch()
    found = [os.path.basename(path) for path in _ahead.waiting_after(str(tmp_path / NAME), NAME, 9)]
    assert found == ["000000010000000000000008", "000000010000000000000009", "00000001000000000000000C"]
    assert len(_ahead.waiting_after(str(tmp_path / NAME), NAME, 2)) == 2
    os.truncate(tmp_path / NAME, _ahead.MOST_BYTES)
    assert _ahead.waiting_after(str(tmp_path / NAME), NAME, 9) == []
    assert _ahead.waiting_after("/nowhere/x", NAME, 9) == []
