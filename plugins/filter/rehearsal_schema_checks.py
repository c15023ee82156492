# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter rehearsal_schema_checks."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.plugin_utils._plain import plain

DOCUMENTATION = r"""
name: rehearsal_schema_checks
short_description: Whether restored schemas are the expected ones
version_added: 1.0.0
author:
  - The lifeboat.dr authors (@lifeboat-dr)
description:
  - The role P(lifeboat.dr.rehearsal#role) uses it.
positional: expected
options:
  _input:
    description: What a loop of C(pg_dump --schema-only) over C(rehearsal_schema) has registered.
    type: dict
    required: true
  expected:
    description: By component, the text of the expected schema.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: See that no schema is expected
  ansible.builtin.set_fact:
    checks: "{{ {} | lifeboat.dr.rehearsal_schema_checks({}) }}"
"""

RETURN = r"""
_value:
  description: A check for each schema, with C(name), C(status), C(expected) and C(observed).
  type: list
  elements: dict
"""


def _filtered(dumped: t.Any, expected: t.Any) -> t.Any:
    # Ansible reads every filter of a collection in each worker that uses one, so this is imported late.
    from ansible_collections.lifeboat.dr.plugins.plugin_utils._rehearsal import schema_checks

    return schema_checks(plain(dumped), plain(expected))


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """The filters by name."""
        return {"rehearsal_schema_checks": _filtered}
