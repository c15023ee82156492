#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_physical_backup
short_description: Take a base backup of a PostgreSQL cluster whose log is archived
version_added: 1.0.0
description:
  - Streams what C(pg_basebackup) sends, compressed and encrypted, into every repository. Nothing is written on the
    host in between.
  - Together with the log that M(lifeboat.dr.pg_wal_archive) has the server archive, the cluster can be restored as it
    was at any moment after the end of the backup, with M(lifeboat.dr.pg_physical_restore).
  - A segment of the log is switched and has to arrive in every repository before the backup begins. It is done only
    when every segment that it needs was found there.
  - Around a restore point of the backup's name, two rows are written into C(lifeboat.pitr_marker). A proof recovers to
    that point, and then the first row has to be there and the second must not.
requirements:
  - Python libraries C(psycopg2), C(zstandard), C(pyrage) (for age), C(boto3) (for S3 repositories).
  - C(pg_basebackup) of the server's version.
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.audit
  - lifeboat.dr.backup
  - lifeboat.dr.metrics
  - lifeboat.dr.postgresql
  - lifeboat.dr.postgresql.tools
  - lifeboat.dr.repository
  - lifeboat.dr.encryption
  - lifeboat.dr.encryption.compression
  - lifeboat.dr._progress
attributes:
  check_mode:
    support: full
    details:
      - Says what would be backed up, after all checks that need no writing.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - With O(max_age), a second run changes nothing while a young backup is in every repository.
options:
  archive:
    description: The name of the archive, as M(lifeboat.dr.pg_wal_archive) has it. V(APP@COMPONENT) if not given.
    type: str
  archive_wait:
    description: How long a segment may take until it is in every repository.
    type: str
    default: 5m
  checkpoint:
    description: Whether the server is to make its checkpoint at once, or to spread the writing over some minutes.
    type: str
    choices: [fast, spread]
    default: fast
  kind:
    description:
      - V(full) copies every file. V(incremental) copies the blocks that have changed since the last backup, which needs
        PostgreSQL 17 with C(summarize_wal), and fails where that cannot be.
      - V(auto) takes an incremental one where it can, and a full one when the last full one is older than
        O(full_max_age), when a repository that can be listed lacks the last backup, when that could not be proven, or
        when the server has no summaries of its log since then any more (C(wal_summary_keep_time)).
      - A restore puts them together with C(pg_combinebackup), and needs the room twice. M(lifeboat.dr.backup_prune)
        keeps what a backup that stays builds on.
    type: str
    choices: [full, incremental, auto]
    default: full
  full_max_age:
    description: With O(kind=auto), how old the full backup may be that incremental ones build on.
    type: str
    default: 7d
  markers:
    description: Whether to write two rows into C(lifeboat.pitr_marker) of the connection's database, for the proof.
    type: bool
    default: true
notes:
  - The role is a superuser, or has what the how-to on roles and rights lists.
  - Clusters with tablespaces of their own are refused. pgBackRest carries them, see
    M(lifeboat.dr.pgbackrest_stanza).
  - 'As with every base backup of PostgreSQL, unlogged tables come back empty, and configuration files that lie outside
    of the data folder, as Debian has them, are not in it: the manifest and M(lifeboat.dr.pg_physical_restore) name
    them.'
seealso:
  - module: lifeboat.dr.pg_wal_archive
  - module: lifeboat.dr.pg_physical_restore
  - module: lifeboat.dr.restore_verify
  - module: lifeboat.dr.pg_backup
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Take a base backup every night
  become: true
  become_user: postgres
  lifeboat.dr.pg_physical_backup:
    app: shop
    component: cluster
    repositories:
      - path: /srv/backups/lifeboat
    encryption:
      recipients: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]
    max_age: 20h
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
taken_at:
  description: When the backup ended, in UTC.
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
timeline:
  description: The timeline of the cluster.
  type: int
  returned: success, except for a planned one in check mode
start_lsn:
  description: Where in the log a recovery begins.
  type: str
  returned: success, except for a planned one in check mode
stop_lsn:
  description: From where in the log on the cluster is consistent.
  type: str
  returned: success, except for a planned one in check mode
stopped_at:
  description: When the cluster was consistent, by the server's clock. A target has to be later.
  type: str
  returned: success, except for a planned one in check mode
archive:
  description: The name of the archive of its log.
  type: str
  returned: success, except for a planned one in check mode
first_segment:
  description: The first segment that a recovery needs.
  type: str
  returned: success, except for a planned one in check mode
last_segment:
  description: The last segment that was found in the archive.
  type: str
  returned: success, except for a planned one in check mode
builds_on:
  description: The id of the backup that an incremental one builds on; empty for a full one.
  type: str
  returned: success, except for a planned one in check mode
restore_point:
  description: The restore point between the two rows; empty without O(markers).
  type: str
  returned: success, except for a planned one in check mode
databases:
  description: The names of the databases.
  type: list
  elements: str
  returned: success, except for a planned one in check mode
plain_bytes:
  description: The size of the copy before compression.
  type: int
  returned: success, except for a planned one in check mode
stored_bytes:
  description: What it takes in each repository, without its log.
  type: int
  returned: success, except for a planned one in check mode
artifacts:
  description: The files of the backup, each with C(name), C(content), C(stored_bytes) and C(sha256).
  type: list
  elements: dict
  returned: success, except for a planned one in check mode
stored_in:
  description: The repositories that hold the backup.
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
from ansible_collections.lifeboat.dr.plugins.module_utils._work._pg_physical_backup import ARGUMENT_SPEC, work


def main() -> None:
    """Take a base backup, or leave a young one alone."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
