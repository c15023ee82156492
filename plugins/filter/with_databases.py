# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter with_databases."""

from __future__ import annotations

import typing as t

DOCUMENTATION = r"""
name: with_databases
short_description: The statuses of hosts, together with how their databases are
version_added: 1.0.0
author:
  - The lifeboat.dr authors (@lifeboat-dr)
description:
  - Adds C(databases) to the status of each host that has looked at its databases, for
    M(lifeboat.dr.backup_status_report). The role P(lifeboat.dr.monitoring#role) does so.
positional: hosts
options:
  _input:
    description: What M(lifeboat.dr.backup_status) has returned, by host.
    type: dict
    required: true
  hosts:
    description: The variables of the hosts. C(monitoring_health) is what a loop over their databases has registered.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show backups and databases
  lifeboat.dr.backup_status_report:
    statuses: "{{ {inventory_hostname: status} | lifeboat.dr.with_databases(hostvars) }}"
"""

RETURN = r"""
_value:
  description: The same, where each host that has looked also has C(databases), a list of C(component) and C(health).
  type: dict
"""


def with_databases(statuses: t.Mapping[str, t.Any], hosts: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The statuses with what the loop ``monitoring_health`` found."""
    found: dict[str, t.Any] = {}
    for host, status in statuses.items():
        looks = (hosts.get(host) or {}).get("monitoring_health") or {}
        databases = [
            {"component": one.get("monitoring_name", "?"), "health": one}
            for one in looks.get("results") or []
            if not one.get("skipped")
        ]
        found[host] = {**status, "databases": databases} if databases and isinstance(status, t.Mapping) else status
    return found


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """The filters by name."""
        return {"with_databases": with_databases}
