#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_standby_info
short_description: Say where a Redis or Valkey server stands in replication, and what a promotion would lose
version_added: 1.0.0
description:
  - Measures a replica against what its primary has sent, in bytes of the replication stream and in seconds of the
    heartbeat. What is not known is C(null), and never 0.
  - When the primary does not answer, the replica is measured against the last position that was published somewhere
    else (O(published)).
  - Says whether there are two primaries of one data set.
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.redis
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
  primary_host:
    description: Where the primary is. It is signed in to as to the server itself. It need not answer.
    type: str
  primary_port:
    description: The port of the primary.
    type: int
    default: 6379
  primary_timeout:
    description: How long the primary may take to answer.
    type: str
    default: 5s
  published:
    description: The last position that was published outside of the primary.
    type: dict
    suboptions:
      offset:
        description: The primary's C(master_repl_offset).
        type: int
      at:
        description: When, in ISO 8601.
        type: str
        required: true
  heartbeat_key:
    description: The key of database 0 that the heartbeat writer writes.
    type: str
    default: lifeboat:heartbeat
seealso:
  - module: lifeboat.dr.redis_standby
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Ask how far behind the replica is
  lifeboat.dr.redis_standby_info:
    login_password_file: /etc/lifeboat/redis.password
    primary_host: cache1.eu-central.example
  register: replica

- name: Refuse to go on with an unknown loss
  ansible.builtin.assert:
    that: replica.loss_seconds is not none and replica.loss_seconds <= 10
"""

RETURN = r"""
server:
  description: The server that was asked.
  type: str
  returned: success
role:
  description: C(primary) or C(replica).
  type: str
  returned: success
word:
  description: C(streaming), C(catching up), C(disconnected), C(syncing) (its first copy has not ended), C(never
    synced), C(cascading) (what was named as the primary is a replica itself) or C(primary).
  type: str
  returned: success
because:
  description: How RV(loss_seconds) was found, or why it is not known.
  type: str
  returned: success
loss_bytes:
  description: Bytes that a promotion would lose; C(null) when nobody knows.
  type: int
  returned: success
loss_seconds:
  description: The same in seconds; C(null) when nobody knows.
  type: float
  returned: success
offset:
  description: How many bytes of the replication stream it has sent (a primary) or taken in (a replica).
  type: int
  returned: success
replication_id:
  description: The history that the offset belongs to.
  type: str
  returned: success
follows:
  description: The primary that a replica follows.
  type: str
  returned: success
replicas:
  description: How many replicas follow it.
  type: int
  returned: success
primary:
  description: Whether the primary was C(reached), C(why) not, its C(role), C(offset) and C(replication_id).
  type: dict
  returned: success
split_brain:
  description: Whether this server and O(primary_host) are both primaries that come from one history.
  type: bool
  returned: success
appendonly:
  description: Whether it writes an append-only file.
  type: bool
  returned: success
version:
  description: The server's version.
  type: str
  returned: success
measured_at:
  description: When.
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._redis_standby_info import ARGUMENT_SPEC, work


def main() -> None:
    """Say where a server stands."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
