# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter rehearsal_failures."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.plugin_utils._plain import plain

DOCUMENTATION = r"""
name: rehearsal_failures
short_description: What failed in a rehearsal, in a few lines
version_added: 1.0.0
author:
  - The lifeboat.dr authors (@lifeboat-dr)
description:
  - The role P(lifeboat.dr.rehearsal#role) uses it.
positional: proofs, report
options:
  _input:
    description: The steps, each with C(title), C(status) and C(message).
    type: list
    elements: dict
    required: true
  proofs:
    description: What P(lifeboat.dr.rehearsal_proofs#filter) gave.
    type: list
    elements: dict
    required: true
  report:
    description: What M(lifeboat.dr.rehearsal_report) returned.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: See that nothing failed
  ansible.builtin.set_fact:
    lines: "{{ [] | lifeboat.dr.rehearsal_failures([]) }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
"""


def _filtered(steps: t.Any, shown: t.Any, report: t.Any = None) -> t.Any:
    # Ansible reads every filter of a collection in each worker that uses one, so this is imported late.
    from ansible_collections.lifeboat.dr.plugins.plugin_utils._rehearsal import failures

    return failures(plain(steps), plain(shown), plain(report or {}))


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """The filters by name."""
        return {"rehearsal_failures": _filtered}
