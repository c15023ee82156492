#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: plan_discover_info
short_description: Look at a host, and write a first plan for it
version_added: 1.0.0
description:
  - Finds servers of PostgreSQL with their databases, of NATS with the accounts that have streams, of Redis and Valkey,
    the volumes of Compose projects, folders that services write to, entries of cron that dump today, and stanzas of
    pgBackRest.
  - Writes a first C(lifeboat_plan) with comments, that a person goes on from, and says what it could not see.
  - Changes nothing. It asks PostgreSQL through its socket, as the server's own account where it runs as root, and NATS
    at its monitoring port.
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
attributes:
  check_mode:
    support: full
    details:
      - This module does not modify state.
  diff_mode:
    support: N/A
    details:
      - This module does not modify state.
  idempotent:
    support: full
options:
  app:
    description: The name of what is protected. The host's name if not given.
    type: str
  socket_dirs:
    description: Where sockets of PostgreSQL are.
    type: list
    elements: path
    default: [/var/run/postgresql, /tmp]
  root:
    description: The folder that is read as C(/) for files of cron, systemd and pgBackRest.
    type: path
    default: /
seealso:
  - module: lifeboat.dr.component_backup
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Look at the host
  lifeboat.dr.plan_discover_info:
    app: shop
  become: true
  register: discovered

- name: Write the first plan beside the playbook
  ansible.builtin.copy:
    content: "{{ discovered.plan }}"
    dest: "{{ inventory_hostname }}.plan.yml"
    mode: "0600"
  delegate_to: localhost
"""

RETURN = r"""
plan:
  description: The text of a file with C(lifeboat_plan). Empty where nothing was found that a component could be.
  type: str
  returned: success
databases:
  description: Databases, with C(name), C(bytes), C(socket_dir), C(port), C(account), C(version) and C(is_standby).
  type: list
  elements: dict
  returned: success
streams:
  description: Accounts of NATS that have streams, with C(account), C(url), C(names) and C(bytes).
  type: list
  elements: dict
  returned: success
key_stores:
  description: Servers of Redis and Valkey, with C(program), C(port) and C(is_cluster).
  type: list
  elements: dict
  returned: success
folders:
  description: Folders that something writes to, with C(path) and C(of).
  type: list
  elements: dict
  returned: success
dumps_of_today:
  description: File, line and program of the entries of cron that dump something.
  type: list
  elements: str
  returned: success
stanzas:
  description: Stanzas of pgBackRest.
  type: list
  elements: str
  returned: success
could_not_see:
  description: What could not be looked at, and why.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._plan_discover_info import ARGUMENT_SPEC, work


def main() -> None:
    """Look."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
