# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter rehearsal_references."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.plugin_utils._plain import plain

DOCUMENTATION = r"""
name: rehearsal_references
short_description: What a rehearsal reads to compare stores with each other
version_added: 1.0.0
author:
  - The lifeboat.dr authors (@lifeboat-dr)
description:
  - The role P(lifeboat.dr.rehearsal#role) uses it.
options:
  _input:
    description: A C(lifeboat_plan) without mistakes.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what would be read
  ansible.builtin.debug:
    msg: "{{ lifeboat_plan | lifeboat.dr.rehearsal_references }}"
"""

RETURN = r"""
_value:
  description: Both sides of each entry of C(references), in order, with C(number), C(side), C(component) and C(name).
  type: list
  elements: dict
"""


def _filtered(plan: t.Any) -> t.Any:
    # Ansible reads every filter of a collection in each worker that uses one, so this is imported late.
    from ansible_collections.lifeboat.dr.plugins.plugin_utils._references import items

    return items(plain(plan).get("references"))


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """The filters by name."""
        return {"rehearsal_references": _filtered}
