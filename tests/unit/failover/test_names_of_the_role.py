# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A name that a task of the role failover has remembered wins over a variable of a later task that is called the same,
so no name is both.
"""

from __future__ import annotations

import collections.abc
import pathlib
import typing as t

import yaml

_TASKS = pathlib.Path(__file__).parents[3] / "roles/failover/tasks"
_INCLUDES = ("ansible.builtin.include_tasks", "ansible.builtin.include_role")  # their variables win over what is kept


def _tasks(found: list[dict[str, t.Any]] | None) -> collections.abc.Iterator[dict[str, t.Any]]:
    for task in found or []:
        yield task
        for part in ("block", "rescue", "always"):
            yield from _tasks(task.get(part))


def test_what_a_task_remembers_is_called_like_no_variable_of_another_task() -> None:
    remembered: dict[str, str] = {}
    variables: dict[str, str] = {}
    for path in sorted(_TASKS.rglob("*.yml")):
        name = str(path.relative_to(_TASKS))
        for task in _tasks(yaml.safe_load(path.read_text(encoding="utf-8"))):
            names = [task["register"]] if "register" in task else []
            remembered.update(dict.fromkeys([*names, *task.get("ansible.builtin.set_fact", {})], name))
            if not any(include in task for include in _INCLUDES):
                variables.update(dict.fromkeys(task.get("vars") or {}, name))
    assert len(remembered) > 50 and len(variables) > 50
    both = {name: (remembered[name], variables[name]) for name in remembered.keys() & variables.keys()}
    assert both == {}
