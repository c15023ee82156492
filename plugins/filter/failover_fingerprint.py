# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter failover_fingerprint."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.plugin_utils._plain import plain

DOCUMENTATION = r"""
name: failover_fingerprint
short_description: Hashes of what a failover would do
version_added: 1.0.0
author:
  - The lifeboat.dr authors (@lifeboat-dr)
description:
  - A drill keeps them in its ledger. By them a later preflight says what has changed since.
  - Secrets are left out.
options:
  _input:
    description: What the failover would do, as dictionaries and lists.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the digest
  ansible.builtin.debug:
    msg: "{{ ({'stores': failover_stores} | lifeboat.dr.failover_fingerprint).digest }}"
"""

RETURN = r"""
_value:
  description:
    - C(parts), a hash of each value by its path, and C(digest), one of all of them.
  type: dict
"""


def _fingerprint(plan: t.Any) -> dict[str, t.Any]:
    # Ansible reads every filter of a collection in each worker that uses one, so this is imported late.
    from ansible_collections.lifeboat.dr.plugins.module_utils._failover._verified import digest, fingerprint

    parts = fingerprint(plain(plan))
    return {"parts": parts, "digest": digest(parts)}


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """The filters by name."""
        return {"failover_fingerprint": _fingerprint}
