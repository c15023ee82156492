#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rehearsal_sweep
short_description: Remove what rehearsals have left on a host
version_added: 1.0.0
description:
  - Ends the scratch servers that a rehearsal kept running in O(folder), and removes what they had. The role
    P(lifeboat.dr.rehearsal#role) calls it when it begins, for what a killed rehearsal has left, and when it ends.
  - Fails where something could not be removed.
  - Reports are not in O(folder), and are never removed.
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  folder:
    description: The folder of the rehearsals on this host. The account that rehearses owns it, and nobody else can
      write to it.
    type: path
    required: true
  make:
    description: Make the folder where it is missing.
    type: bool
    default: false
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Remove what a killed rehearsal has left
  lifeboat.dr.rehearsal_sweep:
    folder: /var/lib/lifeboat-rehearsal
  become: true
"""

RETURN = r"""
removed:
  description: The scratch folders that were removed.
  type: list
  elements: str
  returned: success
unfinished:
  description: The journal of a rehearsal that did not come to its end, with its C(run_id), its C(step), and whether the
    C(application) may run. Empty if there is none.
  type: dict
  returned: success
details:
  description: With C(left), the scratch folders that could not be removed, and C(unfinished).
  type: dict
  returned: when something could not be removed
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._rehearsal_sweep import ARGUMENT_SPEC, work


def main() -> None:
    """Remove what rehearsals have left."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
