#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_backup
short_description: Back up a Redis or Valkey server, or all primaries of a cluster
version_added: 1.0.0
description:
  - Takes the server's RDB through replication, as C(redis-cli --rdb) does, and streams it compressed and encrypted into
    every repository. Nothing is written on the server's disk by this, and no copy lies in between. A replica may be the
    source.
  - The checksum and the end of the RDB are checked as it passes, and its keys are counted and compared with what the
    server announced. A connection that breaks leaves no backup.
  - An RDB holds everything, in all databases, with times to live and libraries of functions. It can be read by the same
    product (Redis or Valkey) of the same version or a newer one.
  - The server forks to make the RDB, as for any new replica, so it needs room for the pages that change meanwhile.
  - Managed services mostly forbid replication to strangers. They have snapshots of their own.
requirements:
  - Python library C(anycrc), and C(zstandard), C(pyrage) (for age).
  - Redis 2.8 or newer, or Valkey.
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.backup
  - lifeboat.dr.audit
  - lifeboat.dr.metrics
  - lifeboat.dr.redis
  - lifeboat.dr.repository
  - lifeboat.dr.encryption
  - lifeboat.dr.encryption.compression
  - lifeboat.dr._progress
attributes:
  check_mode:
    support: full
    details:
      - Signs in and announces itself, and says how many keys there are where the user may ask (C(+info)).
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - With O(max_age), a second run changes nothing while a young backup is in every repository.
options:
  cluster:
    description:
      - Back up every primary of the cluster that the server belongs to, one after another, each as a file of the same
        backup.
      - The RDBs are of different moments, as a cluster has no common one. When slots move meanwhile, the backup fails.
    type: bool
    default: false
notes:
  - 'The user needs no more than C(+psync +replconf), and no key pattern. C(+info) adds sizes to check mode, and
    O(cluster) needs C(+cluster|slots).'
seealso:
  - module: lifeboat.dr.redis_restore
  - module: lifeboat.dr.restore_verify
  - module: lifeboat.dr.backup_info
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Back up the sessions every night
  lifeboat.dr.redis_backup:
    app: shop
    component: sessions
    login_user: lifeboat
    login_password_file: /etc/lifeboat/redis.password
    repositories:
      - path: /var/backups/lifeboat
    encryption:
      recipients: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]
    max_age: 20h

- name: Back up a cluster with TLS
  lifeboat.dr.redis_backup:
    app: shop
    component: carts
    cluster: true
    login_host: redis-1.example.com
    tls: true
    ca_cert: /etc/ssl/redis-ca.pem
    login_user: lifeboat
    login_password_file: /etc/lifeboat/redis.password
    repositories:
      - path: /var/backups/lifeboat
    encryption:
      recipients: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]
"""

RETURN = r"""
backup_id:
  description: The id of the backup, a new one or the one that is young enough.
  type: str
  returned: success, except for a planned one in check mode
  sample: 20260115T020000Z-3f9a2c
app:
  description: The application.
  type: str
  returned: success
component:
  description: The component.
  type: str
  returned: success
label:
  description: Why the backup was taken; empty without O(label).
  type: str
  returned: success, except for a planned one in check mode
taken_at:
  description: The point in time that the backup shows, in UTC. The servers made their RDBs then or a little later.
  type: str
  returned: success, except for a planned one in check mode
product:
  description: V(redis) or V(valkey).
  type: str
  returned: success, except for a planned one in check mode
server_version:
  description: The version of the server, the first of a cluster.
  type: str
  returned: success, except for a planned one in check mode
cluster:
  description: Whether it is a backup of a cluster.
  type: bool
  returned: success, except for a planned one in check mode
key_count:
  description: How many keys the backup holds; V(-1) where an RDB holds what this release does not know.
  type: int
  returned: success, except for a planned one in check mode
expires:
  description: How many of them expire.
  type: int
  returned: success, except for a planned one in check mode
functions:
  description: How many libraries of functions it holds.
  type: int
  returned: success, except for a planned one in check mode
nodes:
  description: Each server with its RDB.
  type: list
  elements: dict
  returned: success, except for a planned one in check mode
  contains:
    artifact:
      description: The file of the backup that holds the RDB.
      type: str
    address:
      description: Where the server is.
      type: str
    slots:
      description: The slots of a node of a cluster.
      type: str
    version:
      description: The version of the server.
      type: str
    rdb_version:
      description: The version of the RDB's format.
      type: int
    checksum:
      description: The CRC64 of the RDB; empty where the server makes none (C(rdbchecksum no)).
      type: str
    counted:
      description: Whether the keys could be counted.
      type: bool
    databases:
      description: The C(number), the C(keys) and the number of keys that C(expires) of each database.
      type: list
      elements: dict
    functions:
      description: How many libraries of functions it holds.
      type: int
    role:
      description: V(master) or V(slave), where the user may ask.
      type: str
plain_bytes:
  description: The size of the RDBs.
  type: int
  returned: success, except for a planned one in check mode
stored_bytes:
  description: Bytes in one repository.
  type: int
  returned: success, except for a planned one in check mode
artifacts:
  description: The stored files, with C(name), C(content), C(stored_bytes) and C(sha256).
  type: list
  elements: dict
  returned: success, except for a planned one in check mode
stored_in:
  description: The repositories that hold the backup.
  type: list
  elements: str
  returned: success, except for a planned one in check mode
failed_repositories:
  description: The repositories that do not hold it, each with the reason.
  type: dict
  returned: when a backup was taken
seconds:
  description: How long it took.
  type: float
  returned: when a backup was taken
bytes_per_second:
  description: RV(plain_bytes) by that time.
  type: int
  returned: when a backup was taken
phases:
  description: The parts of the work with their times.
  type: list
  elements: dict
  returned: when a backup was taken
removed_leftovers:
  description: What a run that was killed had left, and this one removed.
  type: list
  elements: str
  returned: when a backup was taken
planned:
  description: The C(nodes), each with its C(address), C(version), C(role), C(keys) of each database and
    C(used_memory_bytes), and the C(needed_bytes).
  type: dict
  returned: in check mode, when a backup would be taken
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._redis_backup import ARGUMENT_SPEC, work


def main() -> None:
    """Back up a server or a cluster, or tell of the backup that is young enough."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
