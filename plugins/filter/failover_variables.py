# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter failover_variables."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.plugin_utils._plain import plain

DOCUMENTATION = r"""
name: failover_variables
short_description: What a failover takes of a lifeboat_plan
version_added: 1.0.0
author:
  - The lifeboat.dr authors (@lifeboat-dr)
description:
  - Gives the variables of the role P(lifeboat.dr.failover#role) that a plan with C(regions) and C(failover) holds, for
    one direction.
  - The role uses it for its defaults. A plan with mistakes may give nothing, see P(lifeboat.dr.plan_errors#filter).
positional: mode, target
options:
  _input:
    description: The plan.
    type: dict
    required: true
  mode:
    description: The mode of the failover.
    type: str
    default: unplanned
  target:
    description: The region that takes over. The second of the plan if not given, and the first for a failback.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Show which region would be left
  ansible.builtin.debug:
    msg: "{{ (lifeboat_plan | lifeboat.dr.failover_variables('planned')).source.region }}"
"""

RETURN = r"""
_value:
  description: The variables, without the prefix of the role. Empty if the plan says nothing of regions.
  type: dict
"""


def _variables(plan: t.Any, mode: str = "unplanned", target: str = "") -> dict[str, t.Any]:
    # Ansible reads every filter of a collection in each worker that uses one, so this is imported late.
    from ansible_collections.lifeboat.dr.plugins.plugin_utils._regions import failover_variables

    try:
        return failover_variables(plain(plan), mode, target)
    except OptionError as error:
        raise AnsibleFilterError(str(error)) from None
    except (KeyError, TypeError, AttributeError, ValueError):
        return {}  # the role checks the plan first, and says what is wrong with it


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """The filters by name."""
        return {"failover_variables": _variables}
