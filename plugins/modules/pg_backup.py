#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_backup
short_description: Back up a PostgreSQL database, so that the backup can be proven
version_added: 1.0.0
description:
  - Takes a consistent backup of a live database, in one pass from C(pg_dump) through compression and encryption into
    every repository.
  - While the data passes, the module notes for each table how many rows it has and the SHA-256 of its content at the
    backup's own snapshot.
    M(lifeboat.dr.restore_verify) compares these with what a restore brings back.
  - A backup is whole or it does not exist. Its manifest is written last, and a run that fails or is killed leaves
    nothing behind,
    or what the next run removes.
requirements:
  - PostgreSQL's own C(pg_dump) and C(pg_dumpall), of the server's major version (12 or later).
  - Python libraries C(psycopg2), C(zstandard), C(pyrage) (for age), C(boto3) (for S3).
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.backup
  - lifeboat.dr.audit
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
      - Connects, and refuses what would be refused, but does not write to the repositories to see whether they take it.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - With O(max_age), a second run changes nothing while a young backup is in every repository.
options:
  databases:
    description:
      - Back up these databases of the server, or all of them with V(*), instead of the one that the connection names.
      - Each becomes a component of its own, named O(component), a dash, and the database.
    type: list
    elements: str
  schemas:
    description: Only these schemas. Patterns as C(pg_dump --schema) takes them.
    type: list
    elements: str
    default: []
  exclude_schemas:
    description: Without these schemas.
    type: list
    elements: str
    default: []
  tables:
    description: Only these tables. Patterns as C(pg_dump --table) takes them.
    type: list
    elements: str
    default: []
  exclude_tables:
    description: Without these tables.
    type: list
    elements: str
    default: []
  exclude_table_data:
    description: These tables without their rows.
    type: list
    elements: str
    default: []
  fingerprint:
    description:
      - How the content of each table is noted.
      - V(stream) is the SHA-256 of the COPY stream, taken as it passes. It costs next to nothing, and it is equal after
        a restore.
      - V(rows) is the sum of the SHA-256 of each row, in a scan of its own in the same snapshot. It is equal also after
        rows were
        reordered, and from one major version to the next.
      - V(count) notes the number of rows only. V(none) notes nothing, so nothing can be proven.
    type: str
    choices: [stream, rows, count, none]
    default: stream
  globals:
    description:
      - Whether roles, memberships and tablespaces are backed up too, and with their password hashes, which only a
        superuser or a
        member of C(pg_read_all_data) can read.
    type: str
    choices: [with_passwords, without_passwords, none]
    default: without_passwords
  jobs:
    description: How many streams to dump at a time, each into an artifact of its own. All show the same snapshot.
    type: int
    default: 1
  lock_timeout:
    description: How long to wait for a table that somebody holds locked.
    type: str
    default: 60s
seealso:
  - module: lifeboat.dr.restore_verify
  - module: lifeboat.dr.pg_restore
  - module: lifeboat.dr.backup_info
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Back up a database into a directory and a bucket, unless there is a backup of today
  lifeboat.dr.pg_backup:
    app: shop
    component: codex
    dsn: postgresql://backup@db1:5432/codex?sslmode=require
    repositories:
      - path: /var/backups/lifeboat
      - bucket: shop-backups
        prefix: lifeboat
        region: us-west-2
    encryption:
      engine: age
      recipients:
        - age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p
        - age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg
    jobs: 2
    max_age: 20h
  register: backup

- name: Back up every database of a cluster, as the local superuser
  become: true
  become_user: postgres
  lifeboat.dr.pg_backup:
    app: shop
    component: main
    login_db: postgres
    databases: ["*"]
    globals: with_passwords
    repositories:
      - path: /var/backups/lifeboat
    encryption:
      recipients_file: /etc/lifeboat/recipients.txt
"""

RETURN = r"""
backup_id:
  description: The id of the backup, a new one or the one that is young enough.
  type: str
  returned: success, without O(databases), except for a planned backup in check mode
  sample: 20260115T020000Z-3f9a2c
app:
  description: The application.
  type: str
  returned: success, without O(databases)
component:
  description: The component.
  type: str
  returned: success, without O(databases)
label:
  description: Why the backup was taken; empty without O(label).
  type: str
  returned: success, without O(databases), except for a planned backup in check mode
taken_at:
  description: The point in time that the backup shows, in UTC.
  type: str
  returned: success, without O(databases), except for a planned backup in check mode
  sample: "2026-01-15T02:00:00Z"
database:
  description: The database's name.
  type: str
  returned: success, without O(databases), except for a planned backup in check mode
server_version:
  description: The server's version.
  type: str
  returned: success, without O(databases), except for a planned backup in check mode
  sample: "15.20"
lsn:
  description: The position in the write-ahead log at the snapshot.
  type: str
  returned: success, without O(databases), except for a planned backup in check mode
  sample: 2A/6F0001C8
tables:
  description: How many tables the backup describes.
  type: int
  returned: success, without O(databases), except for a planned backup in check mode
rows:
  description: How many rows it holds.
  type: int
  returned: success, without O(databases), except for a planned backup in check mode
fingerprint:
  description: How the content was noted.
  type: str
  returned: success, without O(databases), except for a planned backup in check mode
plain_bytes:
  description: Bytes before compression.
  type: int
  returned: success, without O(databases), except for a planned backup in check mode
stored_bytes:
  description: Bytes in one repository.
  type: int
  returned: success, without O(databases), except for a planned backup in check mode
ratio:
  description: RV(plain_bytes) divided by RV(stored_bytes).
  type: float
  returned: success, without O(databases), except for a planned backup in check mode
artifacts:
  description: The files of the backup.
  type: list
  elements: dict
  returned: success, without O(databases), except for a planned backup in check mode
  contains:
    name:
      description: The file's name.
      type: str
    content:
      description: What it is for, one of V(whole), V(schema), V(data), V(globals).
      type: str
    stored_bytes:
      description: Its size as stored.
      type: int
    sha256:
      description: The SHA-256 of what is stored.
      type: str
stored_in:
  description: The repositories that hold the backup.
  type: list
  elements: str
  returned: success, without O(databases), except for a planned backup in check mode
failed_repositories:
  description: The repositories that do not hold it, and why.
  type: dict
  returned: when a backup was taken
removed_leftovers:
  description: What a killed run had left behind, and this one removed.
  type: list
  elements: str
  returned: when a backup was taken
seconds:
  description: How long the backup took.
  type: float
  returned: when a backup was taken
bytes_per_second:
  description: RV(plain_bytes) divided by RV(seconds).
  type: int
  returned: when a backup was taken
phases:
  description: What took how long.
  type: list
  elements: dict
  returned: when a backup was taken
planned:
  description: What would be backed up, with sizes and counts.
  type: dict
  returned: in check mode, when a backup would be taken
backups:
  description: One result for each database, with the same keys as above.
  type: list
  elements: dict
  returned: with O(databases)
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._pg_backup import ARGUMENT_SPEC, work


def main() -> None:
    """Take a backup, or tell of the one that is young enough."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
