# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter status_outcomes."""

from __future__ import annotations

import typing as t

DOCUMENTATION = r"""
name: status_outcomes
short_description: Which components are overdue
version_added: 1.0.0
author:
  - The lifeboat.dr authors (@lifeboat-dr)
description:
  - Makes what O(lifeboat.dr.notification#module:components) takes out of what M(lifeboat.dr.backup_status) has
    returned. A component is overdue when its newest good backup or its newest proof is too old, or there is none.
options:
  _input:
    description: What M(lifeboat.dr.backup_status) has returned.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Notify of what is overdue
  lifeboat.dr.notification:
    notifications: "{{ lifeboat_plan.notifications }}"
    app: "{{ lifeboat_plan.app }}"
    job: status
    components: "{{ status | lifeboat.dr.status_outcomes }}"
"""

RETURN = r"""
_value:
  description: A dictionary for each component that could be looked at, with C(name), C(state) and C(reason).
  type: list
  elements: dict
"""

_OVERDUE = (
    "too_old",
    "log_too_old",
    "log_hole",
    "log_unusable",
    "never_succeeded",
    "none_good",
    "none_usable",
    "proof_failed",
    "proof_overdue",
)
"""The problems of a status that say that something should have happened by now, or has to happen."""


def status_outcomes(status: t.Mapping[str, t.Any]) -> list[dict[str, str]]:
    """Which components are overdue, out of what ``backup_status`` has returned.

    Nothing is said of one that could not be looked at, and nothing where the module itself failed.
    """
    outcomes = []
    for component in status.get("components", []):
        late = [problem for problem in component.get("problems", []) if problem["code"] in _OVERDUE]
        if component.get("state") == "unknown" and not late:
            continue
        message = " ".join(f"{problem['message']} {problem['next_step']}" for problem in late)
        outcomes.append({"name": component["component"], "state": "overdue" if late else "good", "reason": message})
    return outcomes


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """The filters by name."""
        return {"status_outcomes": status_outcomes}
