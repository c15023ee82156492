# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter kept_days."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.plugin_utils._plain import plain

DOCUMENTATION = r"""
name: kept_days
short_description: For how many days a component of a plan can go back
version_added: 1.0.0
author:
  - The lifeboat.dr authors (@lifeboat-dr)
description:
  - Makes the option C(keep_days) of M(lifeboat.dr.pgbackrest_stanza) out of a plan. It is the longest of what
    C(retention) keeps and of C(objectives.detection_window).
  - C(last) counts backups. Each of them is taken for a day, or for C(max_age) of the component where that is longer.
positional: component
options:
  _input:
    description:
      - The plan. The README of the role P(lifeboat.dr.plan#role) describes its keys.
    type: dict
    required: true
  component:
    description:
      - The name of the component.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Say how long pgBackRest keeps what is needed
  ansible.builtin.debug:
    msg: "{{ lifeboat_plan | lifeboat.dr.kept_days('cluster') }}"
"""

RETURN = r"""
_value:
  description: Days; 0 where the plan has no retention for the component, so that nothing is ever removed.
  type: int
"""


def _filtered(plan: t.Any, component: str) -> int:
    # Ansible reads every filter of a collection in each worker that uses one, so this is imported late.
    from ansible_collections.lifeboat.dr.plugins.plugin_utils._kept_days import kept_days

    return kept_days(plain(plan), component)


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """The filters by name."""
        return {"kept_days": _filtered}
