#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: failover_host_info
short_description: Say what a host could carry, and whether it has what it needs
version_added: 1.0.0
description:
  - Says how large the host is, what its files are by hash, whether a canary can be decrypted on it, and when its
    certificates expire. A preflight compares two of them (P(lifeboat.dr.failover_host_problems#filter)).
requirements:
  - Python libraries C(cryptography) (for O(certificates)) and C(pyrage) (for a canary of C(age)).
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.encryption
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
  data_dir:
    description: A folder whose disk is measured.
    type: path
  files:
    description: Files that have to be the same in both regions, such as those with the secrets of an application.
    type: list
    elements: path
    default: []
  canary:
    description: A small file that was encrypted as backups are, which is opened with O(encryption). Nothing of it is
      returned.
    type: path
  certificates:
    description: Certificates whose end is looked at, as O(lifeboat.dr.backup_status#module:certificates).
    type: list
    elements: dict
    suboptions:
      name:
        description: What it is called.
        type: str
        required: true
      path:
        description: A file with the certificate.
        type: path
      host:
        description: A server that shows it, instead of O(certificates[].path).
        type: str
      port:
        description: Its port.
        type: int
      server_name:
        description: The name that is asked for. O(certificates[].host) if not given.
        type: str
      starttls:
        description: What is spoken before TLS.
        type: str
        choices:
          - none
          - postgresql
          - nats
        default: none
seealso:
  - module: lifeboat.dr.failover_judge
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Look at the host that would take over
  lifeboat.dr.failover_host_info:
    data_dir: /var/lib/postgresql/15/main
    files:
      - /etc/shop/secrets.env
    canary: /etc/lifeboat/canary.age
    encryption:
      identity_file: /etc/lifeboat/restore.key
"""

RETURN = r"""
clock:
  description: What time it is there.
  type: str
  returned: success
memory_bytes:
  description: Its memory.
  type: int
  returned: success
processors:
  description: How many processors it has.
  type: int
  returned: success
disk_bytes:
  description: The size of the disk of O(data_dir); C(null) where it cannot be asked.
  type: int
  returned: success
disk_free_bytes:
  description: What is left of it.
  type: int
  returned: success
files:
  description: SHA-256 of each of O(files); empty where it cannot be read.
  type: dict
  returned: success
canary_problem:
  description: Why O(canary) cannot be decrypted; empty where it can.
  type: str
  returned: success
certificates:
  description: The C(name), C(state) and C(message) of each.
  type: list
  elements: dict
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._failover_host_info import ARGUMENT_SPEC, work


def main() -> None:
    """Say what a host could carry."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
