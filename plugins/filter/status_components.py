# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter status_components."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.plugin_utils._plain import plain

DOCUMENTATION = r"""
name: status_components
short_description: What a plan expects of the backups of its components
version_added: 1.0.0
author:
  - The lifeboat.dr authors (@lifeboat-dr)
description:
  - Makes the option C(components) of M(lifeboat.dr.backup_status) out of a plan. The objectives of a component, and how
    often its backups are proven, stand before those of the plan.
options:
  _input:
    description:
      - The plan. The README of the role P(lifeboat.dr.plan#role) describes its keys.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Look at the backups of every component of the plan
  lifeboat.dr.backup_status:
    repositories: "{{ lifeboat_plan.repositories }}"
    app: "{{ lifeboat_plan.app }}"
    components: "{{ lifeboat_plan | lifeboat.dr.status_components }}"
"""

RETURN = r"""
_value:
  description: A dictionary for each component, with C(name), and where the plan says them C(rpo), C(rto),
    C(max_proof_age) and C(min_backups).
  type: list
  elements: dict
"""


def _filtered(plan: t.Any) -> list[dict[str, t.Any]]:
    # Ansible reads every filter of a collection in each worker that uses one, so this is imported late.
    from ansible_collections.lifeboat.dr.plugins.plugin_utils._plan_status import status_components

    return status_components(plain(plan))


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """The filters by name."""
        return {"status_components": _filtered}
