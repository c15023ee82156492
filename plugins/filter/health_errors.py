# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter health_errors."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.plugin_utils._health import health_errors
from ansible_collections.lifeboat.dr.plugins.plugin_utils._plain import plain

DOCUMENTATION = r"""
name: health_errors
short_description: Why an answer of an application is not healthy
version_added: 1.0.0
author:
  - The lifeboat.dr authors (@lifeboat-dr)
description:
  - Looks at the status and at what the answer says. A page that says 200 with an error in it is not healthy.
positional: wanted
options:
  _input:
    description: The result of M(ansible.builtin.uri) with C(return_content).
    type: dict
    required: true
  wanted:
    description:
      - What is healthy, C(status) (a list of numbers, 200 if not given), C(contains) and C(absent) (texts), and C(json)
        (paths such as C(checks.database), and their values).
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Ask until the application is healthy
  ansible.builtin.uri:
    url: https://www.example.org/health
    return_content: true
  register: answer
  until: answer | lifeboat.dr.health_errors(wanted) == []
  vars:
    wanted:
      json:
        status: ok
"""

RETURN = r"""
_value:
  description: The reasons. Empty if it is healthy.
  type: list
  elements: str
"""


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """The filters by name."""
        return {"health_errors": lambda answer, wanted=None: health_errors(plain(answer), plain(wanted or {}))}
