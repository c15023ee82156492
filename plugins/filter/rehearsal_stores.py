# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter rehearsal_stores."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.plugin_utils._plain import plain

DOCUMENTATION = r"""
name: rehearsal_stores
short_description: Where a rehearsal has restored the stores of an application
version_added: 1.0.0
author:
  - The lifeboat.dr authors (@lifeboat-dr)
description:
  - The role P(lifeboat.dr.rehearsal#role) uses it.
options:
  _input:
    description: What a loop of M(lifeboat.dr.component_restore) over C(rehearsal_store) has registered.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: See that nothing was restored
  ansible.builtin.set_fact:
    stores: "{{ {} | lifeboat.dr.rehearsal_stores }}"
"""

RETURN = r"""
_value:
  description: By component, how its store is reached.
  type: dict
"""


def _filtered(restored: t.Any) -> t.Any:
    # Ansible reads every filter of a collection in each worker that uses one, so this is imported late.
    from ansible_collections.lifeboat.dr.plugins.plugin_utils._rehearsal import stores

    return stores(plain(restored))


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """The filters by name."""
        return {"rehearsal_stores": _filtered}
