# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A region that is gone cannot be reached, and a failover has to go on. The playbooks say ``any_errors_fatal``, under
which Ansible's linear strategy ends a play at a host that cannot be reached also where the task ignores that.
"""

from __future__ import annotations

import collections.abc
import pathlib
import typing as t

import pytest
import yaml

_ROOT = pathlib.Path(__file__).parents[2]


def _settings(value: t.Any) -> collections.abc.Iterator[dict[str, t.Any]]:
    """Every mapping in a file: tasks, blocks, and what an include applies."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _settings(inner)


def _ignoring() -> list[t.Any]:
    return [
        pytest.param(one, id=f"{path.relative_to(_ROOT)}: {one.get('name', 'apply')}")
        for folder in ("roles", "playbooks")
        for path in sorted((_ROOT / folder).rglob("*.yml"))
        for one in _settings(yaml.safe_load(path.read_text(encoding="utf-8")))
        if "ignore_unreachable" in one
    ]


@pytest.mark.parametrize("task", _ignoring())
def test_a_host_that_cannot_be_reached_is_ignored_where_a_task_says_so(task: dict[str, t.Any]) -> None:
    assert task.get("any_errors_fatal") is False
