#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_hold
short_description: Keep a backup from being deleted
version_added: 1.0.0
description:
  - Puts a small file with a reason beside a backup, in every repository that holds it. M(lifeboat.dr.backup_prune)
    never deletes a backup that is held, and does not count it either.
  - It protects from this collection's own deleting. Against somebody with the right to delete, use an object lock.
requirements:
  - Python library C(boto3) (for S3).
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.audit
  - lifeboat.dr.repository
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  app:
    description: The application.
    type: str
    required: true
  component:
    description: The component of it.
    type: str
    required: true
  backup:
    description:
      - 'Which backup: V(newest), V(newest_verified), V(oldest), V(random), an id, or
        C({before: "2026-01-15T14:30:00Z"}).'
    type: raw
    default: newest
  name:
    description: The hold's name. A backup may have several holds, and stays while it has one.
    type: str
    default: hold
  reason:
    description: Why, for the people who read the retention plan.
    type: str
    default: ""
  state:
    description: Whether the backup is held.
    type: str
    choices:
      - present
      - absent
    default: present
seealso:
  - module: lifeboat.dr.backup_prune
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Keep the backup that the auditors look at
  lifeboat.dr.backup_hold:
    repositories:
      - path: /var/backups/lifeboat
    app: shop
    component: codex
    backup: 20261130T020000Z-3f9a2c
    name: audit-2026
    reason: asked for by the auditors, ticket 4711
"""

RETURN = r"""
backup_id:
  description: The backup that is meant.
  type: str
  returned: success
repositories:
  description: The repositories that hold it.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._backup_hold import ARGUMENT_SPEC, work


def main() -> None:
    """Hold a backup, or let it go."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
