# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter failover_published."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.lifeboat.dr.plugins.plugin_utils._plain import plain

DOCUMENTATION = r"""
name: failover_published
short_description: What the writers of heartbeats have published, as far as it can be believed
version_added: 1.0.0
author:
  - The lifeboat.dr authors (@lifeboat-dr)
description:
  - Leaves out what a writer that is silent itself has published, and what one whose clock differs by more than a minute
    has.
options:
  _input:
    description: The contents of the files by store, in base64, as M(ansible.builtin.slurp) gives them.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what is known of the streams
  ansible.builtin.debug:
    msg: "{{ ({'events': slurped.content} | lifeboat.dr.failover_published).known.events }}"
"""

RETURN = r"""
_value:
  description:
    - C(known), the last position of each store, and C(why) nothing is known of the others.
  type: dict
"""


def _published(files: t.Any) -> dict[str, t.Any]:
    # Ansible reads every filter of a collection in each worker that uses one, so this is imported late.
    from ansible_collections.lifeboat.dr.plugins.plugin_utils._published import published_of

    return published_of(plain(files), datetime.datetime.now(datetime.timezone.utc))


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """The filters by name."""
        return {"failover_published": _published}
