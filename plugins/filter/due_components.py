# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter due_components."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.plugin_utils._plain import plain

DOCUMENTATION = r"""
name: due_components
short_description: How old the newest backups of the components of a plan may be
version_added: 1.0.0
author:
  - The lifeboat.dr authors (@lifeboat-dr)
description:
  - Makes the option C(components) of M(lifeboat.dr.backup_due) out of a plan.
options:
  _input:
    description:
      - The plan. The README of the role P(lifeboat.dr.plan#role) describes its keys.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Look at what needs a backup
  lifeboat.dr.backup_due:
    app: "{{ lifeboat_plan.app }}"
    repositories: "{{ lifeboat_plan.repositories }}"
    components: "{{ lifeboat_plan | lifeboat.dr.due_components }}"
"""

RETURN = r"""
_value:
  description: A dictionary for each component, with C(name), C(engine), and where the plan says it C(max_age).
  type: list
  elements: dict
"""


def _filtered(plan: t.Any) -> list[dict[str, t.Any]]:
    # Ansible reads every filter of a collection in each worker that uses one, so this is imported late.
    from ansible_collections.lifeboat.dr.plugins.plugin_utils._plan_status import due_components

    return due_components(plain(plan))


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """The filters by name."""
        return {"due_components": _filtered}
