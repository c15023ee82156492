#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_standby
short_description: Make a replica of Redis or Valkey, promote one, or fence a primary
version_added: 1.0.0
description:
  - With O(state=primary), a replica is promoted (C(REPLICAOF NO ONE)) and proved by its role and by a key that is
    written and read back. It is refused while the primary takes writes, and when more would be lost than may be, or
    nobody knows how much.
  - With O(state=replica), a server becomes a replica, and it is waited for until it has the primary's whole data.
  - With O(state=fenced), a primary refuses all writes (C(min-replicas-to-write)), which is proved by one that is
    refused. Its replicas go on to take in what was written before. With O(state=unfenced), it takes writes again.
  - Each change is written into the server's configuration (C(CONFIG REWRITE)), so that a restart does not undo it.
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.redis
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  state:
    description: What the server shall be.
    type: str
    choices: [replica, primary, fenced, unfenced]
    required: true
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
  replace:
    description: Let O(state=replica) throw away the keys of a server that is a primary.
    type: bool
    default: false
  reach:
    description: The offset that the replica has to have before it is promoted, such as RV(reach) of the fenced primary.
      It is waited for, and then nothing is lost. For O(state=primary).
    type: int
  max_loss:
    description: How much may be lost, such as V(10s). If not given, nothing may. For O(state=primary).
    type: str
  accept_loss:
    description: Why it is right to promote although more would be lost, or nobody knows how much. For
      O(state=primary).
    type: str
  unfenced_primary:
    description: Why it is right to promote although the primary is alive. For O(state=primary).
    type: str
  epoch:
    description: The epoch of the failover, for the key that is written. For O(state=primary).
    type: int
  run_id:
    description: The run, for the same key. For O(state=primary).
    type: str
  min_replicas:
    description: What C(min-replicas-to-write) becomes with O(state=unfenced), and of a new replica. What it was before
      the server was fenced, if not given.
    type: int
  time_limit:
    description: How long all of it may take.
    type: str
    default: 5m
seealso:
  - module: lifeboat.dr.redis_standby_info
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Refuse all writes in the region that is left
  lifeboat.dr.redis_standby:
    state: fenced
    login_host: cache1.eu-central.example
    login_password_file: /etc/lifeboat/redis.password
  register: fenced

- name: Promote the replica when it has everything
  lifeboat.dr.redis_standby:
    state: primary
    login_password_file: /etc/lifeboat/redis.password
    primary_host: cache1.eu-central.example
    reach: "{{ fenced.reach }}"
"""

RETURN = r"""
server:
  description: The server.
  type: str
  returned: success
role_before:
  description: What it was.
  type: str
  returned: success
role:
  description: What it is.
  type: str
  returned: success
lost:
  description: What the promotion has lost, C(loss_bytes), C(loss_seconds), C(because) and C(word), as it was measured
    before.
  type: dict
  returned: when O(state=primary)
reach:
  description: The offset after the last write, for O(reach) of the replica.
  type: int
  returned: when O(state=fenced)
given_up:
  description: What a primary that becomes a replica throws away.
  type: dict
  returned: when O(state=replica); empty where it is a replica already
  contains:
    key_count:
      description: How many keys it has.
      type: int
      returned: when it was a primary
    only_here_bytes:
      description: How many bytes of its replication the new primary never got, keys that expired included. None when
        nobody knows.
      type: int
      returned: when it was a primary
    because:
      description: How that was found.
      type: str
      returned: when it was a primary
    refuses_writes:
      description: Whether it was fenced.
      type: bool
      returned: when it was a primary
min_replicas_before:
  description: What C(min-replicas-to-write) was before the server was fenced, also when it was fenced already.
  type: str
  returned: when O(state=fenced) and the server is a primary
persisted:
  description: Whether the server has written the change into its configuration.
  type: bool
  returned: when it was tried
accept_loss:
  description: O(accept_loss).
  type: str
  returned: success
unfenced_primary:
  description: O(unfenced_primary).
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._redis_standby import ARGUMENT_SPEC, REQUIRED_IF, work


def main() -> None:
    """Change what a server is."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, required_if=REQUIRED_IF, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
