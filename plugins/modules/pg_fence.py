#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_fence
short_description: Have a PostgreSQL primary refuse writes
version_added: 1.0.0
description:
  - Sets C(default_transaction_read_only) in the server's own files, ends the sessions of applications, and proves it by
    a write that is refused in a new session.
  - A session can overrule the setting. So this is a fence for where the server can be asked and cannot be stopped. Stop
    and mask its unit where you can.
  - The setting is not replicated. It stays until O(state=unfenced), also over restarts.
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
    support: full
  idempotent:
    support: full
options:
  state:
    description: Whether the server refuses writes. A standby refuses them anyway. With V(unfenced), it forgets the
      fence that it has kept of the time when it was a primary, so that it takes writes when it is promoted.
    type: str
    choices: [fenced, unfenced]
    required: true
  time_limit:
    description: How long it may take until the server acts on it.
    type: str
    default: 1m
seealso:
  - module: lifeboat.dr.pg_standby
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Refuse writes in the region that is left
  lifeboat.dr.pg_fence:
    state: fenced
    dsn: host=db1.eu-central.example user=lifeboat dbname=codex
"""

RETURN = r"""
server:
  description: The server.
  type: str
  returned: success
refuses_writes:
  description: Whether it refuses writes now; in check mode, whether it would.
  type: bool
  returned: success
sessions_ended:
  description: How many sessions were ended.
  type: int
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._pg_fence import ARGUMENT_SPEC, work


def main() -> None:
    """Have a primary refuse writes."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
