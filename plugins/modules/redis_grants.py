#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_grants
short_description: Let a user of Redis or Valkey back up, and nothing more
version_added: 1.0.0
description:
  - Makes the user (ACL) that M(lifeboat.dr.redis_backup) needs, or sets it to exactly these rights. It can take
    replicas' snapshots and ask for sizes, and can name no key.
  - The users are written to the server's C(aclfile) or configuration, so that a restart keeps them. Where it has
    neither, a warning says so.
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.redis
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  user:
    description: The user.
    type: str
    required: true
  user_password:
    description: Its password. It is sent as a hash, and becomes the only one. Without it, the passwords stay.
    type: str
seealso:
  - module: lifeboat.dr.redis_backup
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Let the user lifeboat take backups
  lifeboat.dr.redis_grants:
    login_password_file: /etc/redis/admin.password
    user: lifeboat
    user_password: "{{ lifeboat_redis_password }}"
"""

RETURN = r"""
server:
  description: The server.
  type: str
  returned: success
rule:
  description: The command that does the same by hand.
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._redis_grants import ARGUMENT_SPEC, work


def main() -> None:
    """Grant the least rights."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
