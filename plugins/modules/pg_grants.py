#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_grants
short_description: Let a role of PostgreSQL back up, and nothing more
version_added: 1.0.0
description:
  - Makes the role where it is missing, and grants what is missing. It takes nothing away that the role has.
  - Everything that is missing is in RV(statements), also in check mode, for who would rather run it by hand.
requirements:
  - Python library C(psycopg2).
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.postgresql
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  role:
    description: The role.
    type: str
    required: true
  role_password:
    description:
      - Its password, where it is made now. It is sent as a hash. The password of a role that is there stays.
      - Without it the role can log in only where the server asks for none, as with C(peer).
    type: str
  purpose:
    description: What it backs up. V(dump) is M(lifeboat.dr.pg_backup), V(base_backup) is
      M(lifeboat.dr.pg_physical_backup), which also needs a line for C(replication) in C(pg_hba.conf).
    type: str
    choices: [dump, base_backup]
    default: dump
  row_security:
    description: Whether it passes by row-level security, without which such tables cannot be dumped whole.
    type: bool
    default: false
seealso:
  - module: lifeboat.dr.pg_backup
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Let the role backup read everything
  lifeboat.dr.pg_grants:
    role: backup
    role_password: "{{ backup_password }}"
  become: true
  become_user: postgres
"""

RETURN = r"""
server:
  description: The server.
  type: str
  returned: success
statements:
  description: What was missing, and is granted now; in check mode, what would be. Passwords are left out.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._pg_grants import ARGUMENT_SPEC, work


def main() -> None:
    """Grant the least rights."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
