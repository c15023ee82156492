#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_restore
short_description: Bring a backup of Redis or Valkey back
version_added: 1.0.0
description:
  - With O(method=place), the RDB is put whole where a stopped server reads it from as it starts. This is the way for a
    server that was lost.
  - With O(method=keys), the keys are written into a server that runs, with C(RESTORE). This is the way for a managed
    service, for another layout of a cluster, and for a server whose other keys have to stay.
  - Everything is compared first, and nothing is written where something is in the way. A damaged copy of the backup is
    left for the next one.
  - It is a module of its own, as M(lifeboat.dr.pg_restore) is, since it needs rights that no backup should have.
requirements:
  - Python library C(anycrc) for O(method=keys), C(zstandard), C(pyrage) (for age), C(boto3) (for S3 repositories).
  - Redis 5.0 or newer, or Valkey, for O(method=keys). The target has to know the version of the RDB's format, so it is
    of the same product, and of the same version as the backup's server or a newer one.
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.audit
  - lifeboat.dr.backup.chosen
  - lifeboat.dr.redis
  - lifeboat.dr.repository
  - lifeboat.dr.encryption
  - lifeboat.dr._progress
attributes:
  check_mode:
    support: full
    details:
      - With O(method=keys), reads the backup and compares it with the target, and says how many keys would be written.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  backup:
    description:
      - 'Which backup, as V(newest), V(newest_verified), V(oldest), V(random), an id, or C({before:
        2026-01-15T14:30:00Z}).'
    type: raw
    default: newest_verified
  method:
    description: How the backup comes back.
    type: str
    required: true
    choices: [place, keys]
  node:
    description: Which RDB of the backup of a cluster, counted from 1 in the order of C(nodes). If not given, all of
      them for O(method=keys).
    type: int
  path:
    description:
      - Where to put the RDB, for O(method=place), that is C(dbfilename) in C(dir) of the server.
      - Refused while a server works in that folder, or while files of an append-only log lie there, since the server
        would read those.
      - A file that is there already is kept under a name with C(.before-) and the backup's id.
    type: path
  owner:
    description: Who owns the RDB, for O(method=place). The owner of the present file, or of the folder, if not given.
    type: str
  group:
    description: The group of the RDB, for O(method=place).
    type: str
  mode:
    description: The mode of the RDB, for O(method=place). That of the present file, or V(0600), if not given.
    type: raw
  on_conflict:
    description:
      - What to do, for O(method=keys), when the target has a key or a library of functions of the same name with
        another content.
      - V(refuse) writes nothing at all. V(replace) puts the backup's in its place, V(skip) leaves it. V(refuse)
        if not given.
      - Keys that only the target has are never touched.
    type: str
    choices: [refuse, replace, skip]
  cluster:
    description: The target of O(method=keys) is a cluster. Each key goes to the primary that has its slot.
    type: bool
    default: false
  time_limit:
    description: How long the restore may take. There is no limit if not given.
    type: str
notes:
  - 'With O(method=keys), the user needs C(+select +dump +pexpiretime +restore) and the pattern C(~*), for libraries of
    functions also C(+function|list +function|load), for O(cluster) also C(+cluster|slots).'
  - With C(+info), a replica is refused before anything is read, and the task fails where a full server has thrown keys
    away while it was written to.
  - Times to live come back as points in time. Keys whose time is over are left out.
seealso:
  - module: lifeboat.dr.redis_backup
  - module: lifeboat.dr.redis_verify
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Stop the server
  ansible.builtin.service:
    name: redis-server
    state: stopped

- name: Put the newest proven backup in its place
  lifeboat.dr.redis_restore:
    app: shop
    component: sessions
    repositories:
      - path: /var/backups/lifeboat
    encryption:
      identity_file: /etc/lifeboat/operations.key
    method: place
    path: /var/lib/redis/dump.rdb

- name: Write the keys that a managed service has lost
  lifeboat.dr.redis_restore:
    app: shop
    component: sessions
    repositories:
      - path: /var/backups/lifeboat
    encryption:
      identity_file: /etc/lifeboat/operations.key
    method: keys
    on_conflict: skip
    login_host: shop.cache.example.com
    tls: true
    login_user: restore
    login_password_file: /etc/lifeboat/redis-restore.password
"""

RETURN = r"""
backup_id:
  description: The backup.
  type: str
  returned: success
app:
  description: The application.
  type: str
  returned: success
component:
  description: The component.
  type: str
  returned: success
taken_at:
  description: The point in time that the backup shows, in UTC.
  type: str
  returned: success
path:
  description: Where the RDB is.
  type: str
  returned: for O(method=place)
kept_as:
  description: The name that the file has now that was there before; empty if there was none.
  type: str
  returned: for O(method=place)
plain_bytes:
  description: The size of the RDB.
  type: int
  returned: for O(method=place), when it was written
target:
  description: The server that the keys were written to.
  type: str
  returned: for O(method=keys)
written:
  description: How many keys and libraries of functions were written, or would be.
  type: int
  returned: for O(method=keys)
missing:
  description: How many the target did not have.
  type: int
  returned: for O(method=keys)
same:
  description: How many it had with the same type, value and expiry.
  type: int
  returned: for O(method=keys)
different:
  description: How many it had with another content.
  type: int
  returned: for O(method=keys)
refused:
  description: How many the target did not take, while it took the others. The task fails then, after all others were
    written.
  type: int
  returned: when there are any, or when keys were evicted
evicted:
  description: How many keys the target threw away for want of memory while the keys were written. The task fails then.
  type: int
  returned: when there are any, or when keys were refused
expired:
  description: How many keys of the backup were left out, since their time is over.
  type: int
  returned: for O(method=keys)
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._redis_restore import ARGUMENT_SPEC, work


def main() -> None:
    """Bring a backup back, or say that it is back already."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
