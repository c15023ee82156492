# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the target's host could carry what the source's does."""

from __future__ import annotations

import datetime
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._hosts import host_problems

NOW = datetime.datetime(2026, 11, 30, 3, tzinfo=datetime.UTC)
GIB = 1 << 30
HOST: dict[str, t.Any] = {
    "clock": "2026-11-30T03:00:01Z",
    "memory_bytes": 16 * GIB,
    "processors": 8,
    "disk_bytes": 500 * GIB,
    "disk_free_bytes": 200 * GIB,
    "files": {"/etc/shop/secrets.env": "ab"},
    "canary_problem": "",
    "certificates": [{"name": "shop", "state": "good", "message": "It expires in 80 days."}],
}


def test_a_host_of_the_same_kind_can_carry_it() -> None:
    assert host_problems(HOST, HOST, NOW) == []
    assert host_problems({**HOST, "memory_bytes": 15 * GIB}, HOST, NOW) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"memory_bytes": 8 * GIB}, "8.6 GB of memory, and the source 17.2 GB"),
        ({"disk_bytes": 400 * GIB}, "of disk, and the source"),
        ({"processors": 4}, "4 processors, and the source 8"),
        ({"disk_free_bytes": 20 * GIB}, "left"),
        ({"files": {"/etc/shop/secrets.env": "cd"}}, "is not the same in both regions"),
        ({"files": {"/etc/shop/secrets.env": ""}}, "is not there, or cannot be read"),
        ({"canary_problem": "no identity fits"}, "the canary cannot be decrypted in the target region: no identity"),
        ({"certificates": [{"name": "shop", "state": "bad", "message": "It expired."}]}, "certificate shop"),
        ({"certificates": [{"name": "shop", "state": "unknown", "message": "no file"}]}, "no file"),
        ({"clock": "2026-11-30T04:00:00Z"}, "3600 s apart"),
        ({"clock": "2026-11-30T02:00:00Z"}, "3600 s apart"),
        ({"clock": ""}, "is not known"),
    ],
)
def test_each_shortage_is_named(change: dict[str, t.Any], words: str) -> None:
    problems = host_problems({**HOST, **change}, HOST, NOW)
    assert len(problems) == 1 and words in problems[0], problems


def test_a_source_that_is_gone_is_not_compared_with() -> None:
    assert host_problems({**HOST, "memory_bytes": GIB}, None, NOW) == []
    assert "the source's host" in host_problems(HOST, {**HOST, "clock": "2026-11-30T04:00:00Z"}, NOW)[0]
