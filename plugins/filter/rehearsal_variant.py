# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter rehearsal_variant."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.lifeboat.dr.plugins.plugin_utils._plain import plain

DOCUMENTATION = r"""
name: rehearsal_variant
short_description: What is otherwise in the rehearsal of a month or a quarter
version_added: 1.0.0
author:
  - The lifeboat.dr authors (@lifeboat-dr)
description:
  - The role P(lifeboat.dr.rehearsal#role) uses it.
positional: asked, today
options:
  _input:
    description: The variants by their names.
    type: dict
    required: true
  asked:
    description: The name of one, or V(auto).
    type: str
    required: true
  today:
    description: The day, such as V(2026-01-04).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: See what is otherwise
  ansible.builtin.set_fact:
    otherwise: "{{ {'monthly': {'backups': ['oldest']}} | lifeboat.dr.rehearsal_variant('auto', '2026-01-04') }}"
"""

RETURN = r"""
_value:
  description: The variant with its C(name); empty where there is none.
  type: dict
"""


def _filtered(variants: t.Any, asked: t.Any, today: t.Any) -> t.Any:
    # Ansible reads every filter of a collection in each worker that uses one, so this is imported late.
    from ansible_collections.lifeboat.dr.plugins.plugin_utils._rehearsal import variant

    return variant(plain(variants), str(asked), datetime.date.fromisoformat(str(today)))


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """The filters by name."""
        return {"rehearsal_variant": _filtered}
