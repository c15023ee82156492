# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A disk that fills with log is said before it is full."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical import _archiving
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._archiving import Archiver, worries

MIB, GIB = 1 << 20, 1 << 30
WELL = Archiver(
    archived_count=100, last_archived="000000010000000000000005", last_archived_seconds=3.0, failed_count=0,
    last_failed="", failing=False, waiting=1, wal_bytes=80 * MIB, free_bytes=10 * GIB,
    slots=({"name": "standby", "active": True, "wal_status": "reserved", "held_bytes": 5 * GIB},),
)  # fmt: skip


def test_an_archiver_that_keeps_up_is_no_worry() -> None:
    assert worries(WELL) == []
    assert worries(dataclasses.replace(WELL, free_bytes=None, last_archived_seconds=None)) == []


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({"failing": True, "last_failed": "000000010000000000000006", "failed_count": 7}, "000000010000000000000006"),
        ({"waiting": 10}, "10 files wait to be archived"),
        ({"free_bytes": 79 * MIB}, "a server whose disk is full stops"),
        (
            {"slots": ({"name": "old", "active": False, "wal_status": "extended", "held_bytes": 2 * GIB},)},
            "The replication slot old is not used",
        ),
    ],
)
def test_each_way_to_fill_the_disk_is_named_before_it_is_full(what: dict[str, t.Any], said: str) -> None:
    (words,) = worries(dataclasses.replace(WELL, **what))
    assert said in words


def test_the_free_space_is_that_of_the_disk_to_which_pg_wal_leads(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk of a pg_wal that is a link filled, while that of the data folder was looked at."""
    asked: list[str] = []
    found = os.statvfs(tmp_path)

    def seen(path: str) -> os.statvfs_result:
        asked.append(path)
        return found

    monkeypatch.setattr(os, "statvfs", seen)
    assert _archiving.free_bytes(str(tmp_path)) is not None and asked == [f"{tmp_path}/pg_wal"]
    monkeypatch.undo()
    assert _archiving.free_bytes(str(tmp_path)) is not None, "a folder that may not be looked at"
    assert _archiving.free_bytes("/nowhere/data") is None
