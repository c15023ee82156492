# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter rehearsal_reference_checks."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.plugin_utils._plain import plain

DOCUMENTATION = r"""
name: rehearsal_reference_checks
short_description: The checks that comparing stores with each other makes
version_added: 1.0.0
author:
  - The lifeboat.dr authors (@lifeboat-dr)
description:
  - The role P(lifeboat.dr.rehearsal#role) uses it.
positional: plan
options:
  _input:
    description: What a loop of M(lifeboat.dr.component_references) over C(rehearsal_one) has registered.
    type: dict
    required: true
  plan:
    description: A C(lifeboat_plan) without mistakes.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Note them
  ansible.builtin.set_fact:
    checks: "{{ looked | lifeboat.dr.rehearsal_reference_checks(lifeboat_plan) }}"
"""

RETURN = r"""
_value:
  description: A check for each entry of C(references), as M(lifeboat.dr.rehearsal_report) takes it.
  type: list
  elements: dict
"""


def _filtered(looked: t.Any, plan: t.Any) -> t.Any:
    # Ansible reads every filter of a collection in each worker that uses one, so this is imported late.
    from ansible_collections.lifeboat.dr.plugins.plugin_utils._references import checks

    return checks(plain(looked), plain(plan).get("references") or [])


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """The filters by name."""
        return {"rehearsal_reference_checks": _filtered}
