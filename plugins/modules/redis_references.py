#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_references
short_description: Read the names that keys of Redis have, or look whether there are others
version_added: 1.0.0
description:
  - Reads the keys of a Redis or Valkey server. With O(write_to) the keys, or the values of a field of them, are written
    to a file; with O(look_for) each name in such a file has to be one of them.
  - The user needs C(+scan), and C(+hget) with O(field), on these keys.
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.redis
  - lifeboat.dr.references
attributes:
  check_mode:
    support: full
    details:
      - Only the options are checked then.
  diff_mode:
    support: N/A
    details:
      - This module does not modify state.
  idempotent:
    support: full
options:
  cluster:
    description: Ask every primary of the server's cluster.
    type: bool
    default: false
  pattern:
    description: Only keys that match this pattern, as C(SCAN) takes it.
    type: str
    default: '*'
  db:
    description: The number of the database.
    type: int
    default: 0
  field:
    description: The value of this field is taken of each key that is a hash, instead of the key.
    type: str
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Collect the customers that sessions name
  lifeboat.dr.redis_references:
    login_password_file: /etc/lifeboat/redis.password
    pattern: session:*
    field: customer
    write_to: /run/lifeboat/customers.names
"""

RETURN = r"""
entries:
  description: How many entries were read.
  type: int
  returned: except in check mode
names:
  description: How many different names there are, or are looked for.
  type: int
  returned: except in check mode
unnamed:
  description: How many entries O(take) finds no name in.
  type: int
  returned: except in check mode
missing:
  description: How many of the names that are looked for are not there.
  type: int
  returned: except in check mode
missing_names:
  description: The first of them, at most 20.
  type: list
  elements: str
  returned: except in check mode
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._references._names import LOOK_RULES
from ansible_collections.lifeboat.dr.plugins.module_utils._work._redis_references import ARGUMENT_SPEC, work


def main() -> None:
    """Write the names, or look for them."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True, **LOOK_RULES), work)


if __name__ == "__main__":
    main()
