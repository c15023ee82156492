# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter plan_errors."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.plugin_utils._plain import plain

DOCUMENTATION = r"""
name: plan_errors
short_description: What is wrong with a lifeboat_plan
version_added: 1.0.0
author:
  - The lifeboat.dr authors (@lifeboat-dr)
description:
  - Checks a plan, without touching anything, and returns every mistake that it finds.
  - The role P(lifeboat.dr.plan#role) uses it; use that role in playbooks.
options:
  _input:
    description:
      - The plan. The README of the role P(lifeboat.dr.plan#role) describes its keys.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Check a plan
  ansible.builtin.debug:
    msg: "{{ lifeboat_plan | lifeboat.dr.plan_errors }}"
"""

RETURN = r"""
_value:
  description:
    - The mistakes. Each names the key, the value and what would be right.
    - Empty if the plan can be used.
  type: list
  elements: str
"""


def _filtered(plan: t.Any) -> t.Any:
    # Ansible reads every filter of a collection in each worker that uses one, so this is imported late.
    from ansible_collections.lifeboat.dr.plugins.plugin_utils._lifeboat_plan import plan_errors

    return plan_errors(plain(plan))


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """The filters by name."""
        return {"plan_errors": _filtered}
