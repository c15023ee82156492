# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the filter makes of a source's host that was not asked, and of one that could not be asked."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.lifeboat.dr.plugins.filter import failover_host_problems

_PROBLEMS = failover_host_problems.FilterModule().filters()["failover_host_problems"]


def _host() -> dict[str, t.Any]:
    return {
        "clock": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "memory_bytes": 1 << 34,
        "processors": 8, "disk_bytes": 1 << 40, "disk_free_bytes": 1 << 39, "files": {}, "canary_problem": "",
        "certificates": [],
    }  # fmt: skip


def test_a_host_that_nobody_asked_is_no_problem() -> None:
    assert _PROBLEMS(_host()) == [] and _PROBLEMS(_host(), {"skipped": True, "changed": False}) == []


def test_a_host_that_could_not_be_asked_is_one_and_its_reason_is_said() -> None:
    for failed in ({"failed": False, "msg": "no Python"}, {"unreachable": True, "msg": "no Python"}):
        (problem,) = _PROBLEMS(_host(), failed)
        assert "could not be asked, so nothing was compared with it (no Python)" in problem
