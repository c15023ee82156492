# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter run_outcomes."""

from __future__ import annotations

import typing as t

DOCUMENTATION = r"""
name: run_outcomes
short_description: How each component came out of a run
version_added: 1.0.0
author:
  - The lifeboat.dr authors (@lifeboat-dr)
description:
  - Makes what O(lifeboat.dr.notification#module:components) takes out of the result of a loop over the components of a
    plan.
positional: loop_var, young
options:
  _input:
    description: What the task of the loop has registered.
    type: dict
    required: true
  loop_var:
    description: The loop's variable, which holds the component's name.
    type: str
    default: item
  young:
    description: Components that the loop did not go through, as their backups are young enough. They are good.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Notify of how the components came out
  lifeboat.dr.notification:
    notifications: "{{ lifeboat_plan.notifications }}"
    app: "{{ lifeboat_plan.app }}"
    job: backup
    components: "{{ backups | lifeboat.dr.run_outcomes }}"
"""

RETURN = r"""
_value:
  description: A dictionary for each component, with C(name), C(state) and C(reason).
  type: list
  elements: dict
"""


def run_outcomes(
    registered: t.Mapping[str, t.Any], loop_var: str = "item", young: t.Iterable[str] = ()
) -> list[dict[str, str]]:
    """How each component came out of a loop over components, as the module ``notification`` takes it."""
    outcomes = [{"name": str(name), "state": "good", "reason": ""} for name in young]
    for result in registered.get("results", []):
        failed = bool(result.get("failed") or result.get("unreachable"))
        if result.get("skipped") and not failed:
            continue
        reason = str(result.get("msg") or "no message").strip() if failed else ""
        outcomes.append(
            {"name": str(result.get(loop_var, "?")), "state": "failed" if failed else "good", "reason": reason}
        )
    return outcomes


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """The filters by name."""
        return {"run_outcomes": run_outcomes}
