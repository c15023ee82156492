# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter rehearsal_choices."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.plugin_utils._plain import plain

DOCUMENTATION = r"""
name: rehearsal_choices
short_description: Which backups a rehearsal restores
version_added: 1.0.0
author:
  - The lifeboat.dr authors (@lifeboat-dr)
description:
  - The role P(lifeboat.dr.rehearsal#role) uses it. A backup that is the newest and the oldest one at once is restored
    once.
positional: components
options:
  _input:
    description: What a loop of M(lifeboat.dr.backup_info) over pairs in C(rehearsal_pair) has registered.
    type: dict
    required: true
  components:
    description: The names of the components.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Choose the newest backup of each component
  ansible.builtin.set_fact:
    chosen: "{{ {} | lifeboat.dr.rehearsal_choices(['codex', 'events']) }}"
"""

RETURN = r"""
_value:
  description: A dictionary for each backup, with C(component), C(backup), C(backup_id) and C(name).
  type: list
  elements: dict
"""


def _filtered(looked: t.Any, components: t.Any) -> t.Any:
    # Ansible reads every filter of a collection in each worker that uses one, so this is imported late.
    from ansible_collections.lifeboat.dr.plugins.plugin_utils._rehearsal import choices

    return choices(plain(looked), plain(components))


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """The filters by name."""
        return {"rehearsal_choices": _filtered}
