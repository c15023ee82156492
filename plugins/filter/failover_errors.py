# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter failover_errors."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.plugin_utils._plain import plain

DOCUMENTATION = r"""
name: failover_errors
short_description: What is wrong with what a failover shall do around the database
version_added: 1.0.0
author:
  - The lifeboat.dr authors (@lifeboat-dr)
description:
  - Checks the sections, without touching anything, and returns every mistake that it finds.
  - The role P(lifeboat.dr.failover#role) uses it before it does anything.
options:
  _input:
    description:
      - The sections by name, such as C(traffic), and C(regions), the names of the two regions.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Check what shall be done with traffic
  ansible.builtin.debug:
    msg: "{{ {'regions': ['eu-central', 'eu-west'], 'traffic': failover_traffic} | lifeboat.dr.failover_errors }}"
"""

RETURN = r"""
_value:
  description:
    - The mistakes. Each names the key, the value and what would be right.
    - Empty if everything can be used.
  type: list
  elements: str
"""


def _filtered(given: t.Any) -> t.Any:
    # Ansible reads every filter of a collection in each worker that uses one, so this is imported late.
    from ansible_collections.lifeboat.dr.plugins.plugin_utils._failover_plan import failover_errors

    return failover_errors(plain(given))


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """The filters by name."""
        return {"failover_errors": _filtered}
