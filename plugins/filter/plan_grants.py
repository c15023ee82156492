# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter plan_grants."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.plugin_utils._plain import plain

DOCUMENTATION = r"""
name: plan_grants
short_description: The least rights that the components of a plan need
version_added: 1.0.0
author:
  - The lifeboat.dr authors (@lifeboat-dr)
description:
  - Says for each component in PostgreSQL, NATS and Redis what the user that backs up has to be granted. The playbook
    C(lifeboat.dr.grants) prints it, and grants it where that is asked for.
options:
  _input:
    description:
      - The plan. The README of the role P(lifeboat.dr.plan#role) describes its keys.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what has to be granted
  ansible.builtin.debug:
    msg: "{{ item.lines }}"
  loop: "{{ lifeboat_plan | lifeboat.dr.plan_grants }}"
"""

RETURN = r"""
_value:
  description: A dictionary for each component, with C(name), C(engine), C(user), C(lines), and the C(module) that
    grants it with its C(arguments). C(module) is empty where only the server's own configuration can.
  type: list
  elements: dict
"""


def _filtered(plan: t.Any) -> t.Any:
    # Ansible reads every filter of a collection in each worker that uses one, so this is imported late.
    from ansible_collections.lifeboat.dr.plugins.plugin_utils._plan_grants import plan_grants

    return plan_grants(plain(plan))


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """The filters by name."""
        return {"plan_grants": _filtered}
