# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter rehearsal_proofs."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.plugin_utils._plain import plain

DOCUMENTATION = r"""
name: rehearsal_proofs
short_description: What the proofs of a rehearsal have shown
version_added: 1.0.0
author:
  - The lifeboat.dr authors (@lifeboat-dr)
description:
  - The role P(lifeboat.dr.rehearsal#role) uses it.
positional: plan
options:
  _input:
    description: What a loop of M(lifeboat.dr.component_verify) over C(rehearsal_one) has registered.
    type: dict
    required: true
  plan:
    description: The plan.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: See that nothing was proven
  ansible.builtin.set_fact:
    shown: "{{ {} | lifeboat.dr.rehearsal_proofs({'components': []}) }}"
"""

RETURN = r"""
_value:
  description: A dictionary for each backup, with C(name), C(component), C(backup_id), C(status), C(message) and what
    was measured.
  type: list
  elements: dict
"""


def _filtered(verified: t.Any, plan: t.Any) -> t.Any:
    # Ansible reads every filter of a collection in each worker that uses one, so this is imported late.
    from ansible_collections.lifeboat.dr.plugins.plugin_utils._rehearsal import proofs

    return proofs(plain(verified), plain(plan))


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """The filters by name."""
        return {"rehearsal_proofs": _filtered}
