# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter failover_host_problems."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.lifeboat.dr.plugins.plugin_utils._plain import plain

DOCUMENTATION = r"""
name: failover_host_problems
short_description: Why the target's host could not carry what the source's does
version_added: 1.0.0
author:
  - The lifeboat.dr authors (@lifeboat-dr)
description:
  - Compares two results of M(lifeboat.dr.failover_host_info).
positional: source
options:
  _input:
    description: The result of the target's host.
    type: dict
    required: true
  source:
    description: The result of the source's. Empty or skipped where it was not asked; one that failed is a problem.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Refuse a target that is too small
  ansible.builtin.assert:
    that: (target | lifeboat.dr.failover_host_problems(source)) == []
"""

RETURN = r"""
_value:
  description: The problems, in words. Empty if there is none.
  type: list
  elements: str
"""


def _problems(target: t.Any, source: t.Any = None) -> list[str]:
    # Ansible reads every filter of a collection in each worker that uses one, so this is imported late.
    from ansible_collections.lifeboat.dr.plugins.module_utils._failover._hosts import host_problems

    asked = plain(source or {})
    now = datetime.datetime.now(datetime.timezone.utc)
    if asked.get("clock"):
        return host_problems(plain(target), asked, now)
    problems = host_problems(plain(target), None, now)
    # A check that could not be made is not a check that passed. An unplanned failover does not ask, and skips it.
    if asked and not asked.get("skipped"):
        why = str(asked.get("msg") or "it gave no answer")
        problems.append(f"the host of the source could not be asked, so nothing was compared with it ({why})")
    return problems


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """The filters by name."""
        return {"failover_host_problems": _problems}
