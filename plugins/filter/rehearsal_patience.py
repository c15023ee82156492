# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter rehearsal_patience."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.plugin_utils._plain import plain

DOCUMENTATION = r"""
name: rehearsal_patience
short_description: Repositories that are not waited for longer than there is time
version_added: 1.0.0
author:
  - The lifeboat.dr authors (@lifeboat-dr)
description:
  - A server that is silent is asked again for ten minutes. Where less time is left, a request is given no more than
    that. The role P(lifeboat.dr.rehearsal#role) uses it.
options:
  _input:
    description: The repositories of a plan.
    type: list
    elements: dict
    required: true
  seconds:
    description: How many seconds are left. No limit if V(0).
    type: int
    required: true
"""

EXAMPLES = r"""
- name: See that no request takes longer than twenty seconds
  ansible.builtin.set_fact:
    patient: "{{ [{'bucket': 'backups'}] | lifeboat.dr.rehearsal_patience(20) }}"
"""

RETURN = r"""
_value:
  description: The same, with C(request_time_limit) in those that are a bucket.
  type: list
  elements: dict
"""


def _filtered(repositories: t.Any, seconds: t.Any) -> t.Any:
    # Ansible reads every filter of a collection in each worker that uses one, so this is imported late.
    from ansible_collections.lifeboat.dr.plugins.plugin_utils._rehearsal import patience

    return patience(plain(repositories), int(seconds))


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """The filters by name."""
        return {"rehearsal_patience": _filtered}
