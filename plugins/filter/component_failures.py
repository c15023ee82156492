# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter component_failures."""

from __future__ import annotations

import re
import typing as t

DOCUMENTATION = r"""
name: component_failures
short_description: Which components failed, and why
version_added: 1.0.0
author:
  - The lifeboat.dr authors (@lifeboat-dr)
description:
  - Makes a short list for people out of the result of a loop over the components of a plan.
positional: loop_var
options:
  _input:
    description: What the task of the loop has registered.
    type: dict
    required: true
  loop_var:
    description: The loop's variable, which holds the component's name.
    type: str
    default: item
"""

EXAMPLES = r"""
- name: Back up every component, whatever becomes of the one before
  lifeboat.dr.component_backup:
    plan: "{{ lifeboat_plan }}"
    component: "{{ item }}"
  loop: "{{ lifeboat_plan.components | map(attribute='name') }}"
  register: backups
  ignore_errors: true

- name: Report what failed
  ansible.builtin.fail:
    msg: "{{ backups | lifeboat.dr.component_failures }}"
  when: backups is failed
"""

RETURN = r"""
_value:
  description: How many failed, and a line for each of these. Empty if none did.
  type: list
  elements: str
"""


# What Ansible says of a host on which the role backup has not installed its virtual environment.
_NOT_SET_UP = re.compile(r"interpreter '[^']*/venv/bin/python' was not found")


def component_failures(registered: t.Mapping[str, t.Any], loop_var: str = "item") -> list[str]:
    """How many of a loop's results failed, and each one's name and message."""
    results = registered.get("results", [])
    failed = [result for result in results if result.get("failed") or result.get("unreachable")]
    if not failed:
        return []
    lines = [f"{result.get(loop_var, '?')}: {_message(result)}" for result in failed]
    of = "component" if len(results) == 1 else "components"
    return [f"{len(failed)} of {len(results)} {of} failed.", *lines]


def _message(result: t.Mapping[str, t.Any]) -> str:
    message = str(result.get("msg") or "no message").strip()
    return f"{message} Set the host up with lifeboat.dr.backup_install." if _NOT_SET_UP.search(message) else message


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """The filters by name."""
        return {"component_failures": component_failures}
