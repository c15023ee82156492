# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter rehearsal_outcomes."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.plugin_utils._plain import plain

DOCUMENTATION = r"""
name: rehearsal_outcomes
short_description: How the components came out of a rehearsal
version_added: 1.0.0
author:
  - The lifeboat.dr authors (@lifeboat-dr)
description:
  - The role P(lifeboat.dr.rehearsal#role) uses it.
positional: proofs
options:
  _input:
    description: The steps, each with C(name), C(title), C(status) and C(message).
    type: list
    elements: dict
    required: true
  proofs:
    description: What P(lifeboat.dr.rehearsal_proofs#filter) gave.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: See that there is nobody to notify
  ansible.builtin.set_fact:
    came_out: "{{ [] | lifeboat.dr.rehearsal_outcomes([]) }}"
"""

RETURN = r"""
_value:
  description: A dictionary for each component, with C(name), C(state) and C(message), and one for the rehearsal itself.
  type: list
  elements: dict
"""


def _filtered(steps: t.Any, shown: t.Any) -> t.Any:
    # Ansible reads every filter of a collection in each worker that uses one, so this is imported late.
    from ansible_collections.lifeboat.dr.plugins.plugin_utils._rehearsal import outcomes

    return outcomes(plain(steps), plain(shown))


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """The filters by name."""
        return {"rehearsal_outcomes": _filtered}
