# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter rehearsal_reference_components."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.plugin_utils._plain import plain

DOCUMENTATION = r"""
name: rehearsal_reference_components
short_description: The components that have to be restored to compare stores with each other
version_added: 1.0.0
author:
  - The lifeboat.dr authors (@lifeboat-dr)
description:
  - The role P(lifeboat.dr.rehearsal#role) uses it.
positional: places
options:
  _input:
    description: A C(lifeboat_plan) without mistakes.
    type: dict
    required: true
  places:
    description: Only those that have to be told where they are restored to.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Show what has to be restored
  ansible.builtin.debug:
    msg: "{{ lifeboat_plan | lifeboat.dr.rehearsal_reference_components }}"
"""

RETURN = r"""
_value:
  description: Their names.
  type: list
  elements: str
"""


def _needed(plan: t.Any, places: bool = False) -> list[str]:
    # Ansible reads every filter of a collection in each worker that uses one, so this is imported late.
    from ansible_collections.lifeboat.dr.plugins.plugin_utils._references import needed

    given = plain(plan)
    return needed(given.get("references"), given["components"], places=places)


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """The filters by name."""
        return {"rehearsal_reference_components": _needed}
