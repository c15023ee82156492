#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pgbackrest_backup
short_description: Record in the catalog what pgBackRest has backed up, or have it take a backup
version_added: 1.0.0
description:
  - Looks for the newest backup of a stanza of pgBackRest, and writes a manifest that refers to it. pgBackRest keeps the
    data.
  - A stanza that others have configured is taken as it is. By default nothing of it is changed, no backup is taken, and
    nothing is written into the live cluster.
  - With O(take), pgBackRest takes a backup first.
  - Retention of what pgBackRest keeps is its own business (C(repo1-retention-full)). M(lifeboat.dr.backup_prune)
    removes manifests alone. A backup that pgBackRest has expired is red when it is proven.
  - What is recorded can be proven with M(lifeboat.dr.restore_verify), and is shown by M(lifeboat.dr.backup_info) and
    M(lifeboat.dr.backup_status) beside all other backups.
requirements:
  - pgBackRest 2.41 or newer, and an account that can read its configuration and its repository.
  - Python library C(boto3) (for S3 in O(repositories)).
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.audit
  - lifeboat.dr.backup
  - lifeboat.dr.metrics
  - lifeboat.dr.pgbackrest
  - lifeboat.dr.repository
  - lifeboat.dr._progress
attributes:
  check_mode:
    support: full
    details:
      - Says which backup would be recorded, or that one would be taken.
  diff_mode:
    support: full
  idempotent:
    support: full
    details:
      - Without O(take), a second run changes nothing while the newest backup of the stanza is in the catalog. With it,
        O(max_age) says when a young one is left alone.
options:
  stanza:
    description: The name of the stanza.
    type: str
    required: true
  pgbackrest_repo:
    description: The number of pgBackRest's repository to look into, such as V(2) for C(repo2).
    type: int
    default: 1
  take:
    description:
      - Which backup pgBackRest is to take. V(none) takes none and records the newest that is there.
      - V(auto) takes a full one when the newest full one is older than O(full_max_age), a differential one when the
        newest of both kinds is older than O(diff_max_age), else an incremental one.
    type: str
    choices: [none, full, diff, incr, auto]
    default: none
  full_max_age:
    description: With O(take=auto), how old the newest full backup may be.
    type: str
    default: 7d
  diff_max_age:
    description:
      - With O(take=auto), how old the newest full or differential backup may be, such as V(1d). A restore reads one
        full, one differential and the incremental ones after it.
      - No differential backup is taken if not given.
    type: str
  system_identifier:
    description:
      - The system identifier of the cluster that the stanza has to be of. By default, it is that of the backups in the
        catalog, and the first one is believed.
      - After C(pg_upgrade) the cluster has another one, which has to be said once.
    type: str
seealso:
  - module: lifeboat.dr.pgbackrest_verify
  - module: lifeboat.dr.restore_verify
  - module: lifeboat.dr.pg_physical_backup
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Record what the nightly job of pgBackRest has backed up
  become: true
  become_user: postgres
  lifeboat.dr.pgbackrest_backup:
    app: shop
    component: cluster
    stanza: main
    repositories:
      - path: /srv/backups/lifeboat

- name: Have pgBackRest take a backup, a full one each week
  become: true
  become_user: postgres
  lifeboat.dr.pgbackrest_backup:
    app: shop
    component: cluster
    stanza: main
    take: auto
    max_age: 20h
    repositories:
      - path: /srv/backups/lifeboat
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
  description: Why the backup was recorded; empty without O(label).
  type: str
  returned: success, except for a planned one in check mode
stanza:
  description: The stanza.
  type: str
  returned: success, except for a planned one in check mode
pgbackrest_label:
  description: What pgBackRest calls the backup.
  type: str
  returned: success, except for a planned one in check mode
pgbackrest_type:
  description: Which kind it is, C(full), C(diff) or C(incr).
  type: str
  returned: success, except for a planned one in check mode
pgbackrest_version:
  description: The version of pgBackRest that was asked.
  type: str
  returned: success, except for a planned one in check mode
references:
  description: The backups of pgBackRest that a restore of this one reads as well.
  type: list
  elements: str
  returned: success, except for a planned one in check mode
bytes:
  description: The size of the cluster.
  type: int
  returned: success, except for a planned one in check mode
repository_bytes:
  description: What the backup and those it refers to take in pgBackRest's repository.
  type: int
  returned: success, except for a planned one in check mode
window_to:
  description: The newest segment of the log that was in the archive.
  type: str
  returned: success, except for a planned one in check mode
earlier_backups:
  description: How many older backups of the same cluster the stanza has.
  type: int
  returned: success, except for a planned one in check mode
earlier:
  description: The newest 20 of them, each with label, kind and time.
  type: list
  elements: str
  returned: success, except for a planned one in check mode
taken_at:
  description: When pgBackRest ended the backup, in UTC.
  type: str
  returned: success, except for a planned one in check mode
server_version:
  description: The version of the server.
  type: str
  returned: success, except for a planned one in check mode
system_identifier:
  description: The system identifier of the cluster.
  type: str
  returned: success, except for a planned one in check mode
start_lsn:
  description: Where in the log a recovery begins.
  type: str
  returned: success, except for a planned one in check mode
stop_lsn:
  description: From where in the log on the cluster is consistent.
  type: str
  returned: success, except for a planned one in check mode
first_segment:
  description: The first segment that a recovery needs.
  type: str
  returned: success, except for a planned one in check mode
last_segment:
  description: The last segment without which the backup is not consistent.
  type: str
  returned: success, except for a planned one in check mode
plain_bytes:
  description: Always 0, as pgBackRest keeps the data.
  type: int
  returned: success, except for a planned one in check mode
stored_bytes:
  description: Always 0, as pgBackRest keeps the data.
  type: int
  returned: success, except for a planned one in check mode
artifacts:
  description: Always empty, as pgBackRest keeps the data.
  type: list
  elements: dict
  returned: success, except for a planned one in check mode
stored_in:
  description: The repositories that hold the manifest.
  type: list
  elements: str
  returned: success, except for a planned one in check mode
failed_repositories:
  description: The repositories that do not, and why.
  type: dict
  returned: when a backup was taken
planned:
  description: What would be backed up, and where to.
  type: dict
  returned: in check mode, when a backup would be taken
removed_leftovers:
  description: What killed runs had left behind, and was removed.
  type: list
  elements: str
  returned: when a backup was taken
seconds:
  description: How long it took.
  type: float
  returned: when a backup was taken
bytes_per_second:
  description: Bytes before compression, per second.
  type: int
  returned: when a backup was taken
phases:
  description: How long each phase took, each with C(name), C(seconds) and C(bytes).
  type: list
  elements: dict
  returned: when a backup was taken
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._pgbackrest_backup import ARGUMENT_SPEC, work


def main() -> None:
    """Record a backup, or leave one that is known alone."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
