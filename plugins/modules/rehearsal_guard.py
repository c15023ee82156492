#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rehearsal_guard
short_description: Refuse to rehearse a restore on a production host
version_added: 1.0.0
description:
  - Fails where the host is called like one of production, has an address of production, or runs a PostgreSQL server
    whose system identifier is production's. Says everything that matched.
  - It reads the kernel's tables and C(pg_control) of the servers that run, and asks the host's resolver where the names
    in O(urls) lead to. It makes no connection to them.
  - Run it as root. A PostgreSQL server whose C(pg_control) cannot be read may be production's, and is refused where
    O(production.system_identifiers) are given.
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
  environment:
    description:
      - What this host is for, such as V(staging). It must be given where O(production) is, and must not say that it is
        production.
    type: str
    default: ''
  production:
    description: What production is.
    type: dict
    suboptions:
      hosts:
        description: Names of hosts, such as V(db1.example.com), or patterns, such as V(*.prod.example.com). They are
          compared with the host's own names and with O(names).
        type: list
        elements: str
        default: []
      addresses:
        description: Addresses and networks, such as V(10.1.0.0/16).
        type: list
        elements: str
        default: []
      system_identifiers:
        description: What C(select system_identifier from pg_control_system()) shows in production. They are the same
          on all standbys of a server.
        type: list
        elements: str
        default: []
  names:
    description: What else this host is called, such as in the inventory.
    type: list
    elements: str
    default: []
  urls:
    description:
      - URLs and connection strings that the rehearsal is going to use. One that names a host or an address of
        production is refused, wherever in it that stands, and so is one whose name resolves to one of
        O(production.addresses), or is an alias (CNAME) of one of O(production.hosts). So is one that leaves to a
        service file of PostgreSQL where it leads to.
      - Where O(production.addresses) are given, a name whose lookup fails for the moment, or takes longer than 15
        seconds, is refused as well. A name that does not exist leads nowhere.
    type: list
    elements: str
    default: []
seealso:
  - module: lifeboat.dr.component_verify
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Make sure that this is a staging host
  lifeboat.dr.rehearsal_guard:
    environment: staging
    production:
      hosts: [db1.example.com, "*.prod.example.com"]
      addresses: [10.1.0.0/16]
      system_identifiers: ["7301234567890123456"]
    names: ["{{ inventory_hostname }}"]
  become: true
"""

RETURN = r"""
environment:
  description: What this host is for.
  type: str
  returned: success
names:
  description: What it is called.
  type: list
  elements: str
  returned: success
addresses:
  description: Its addresses.
  type: list
  elements: str
  returned: success
servers:
  description: The PostgreSQL servers that run there, each with its C(folder) and its C(system_identifier).
  type: list
  elements: dict
  returned: success
details:
  description: With C(matches), everything that says that this is production, in words.
  type: dict
  returned: when it is refused
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._rehearsal_guard import ARGUMENT_SPEC, work


def main() -> None:
    """Refuse a host that is production's."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
