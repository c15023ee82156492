#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_restore
short_description: Restore a PostgreSQL backup without risk to a database that exists
version_added: 1.0.0
description:
  - Restores into a database that it makes itself, under a working name. Only when all of it is there does the database
    get its name.
    When anything fails, the database is dropped, so nothing of a damaged backup ever reaches a database that existed
    before.
  - Rows are streamed from the repository through C(pg_restore), several streams at a time, without a temporary copy.
  - When a copy is damaged or out of reach, the next repository that holds the backup is used.
  - A restore that is killed leaves a database such as C(codex_new_restoring_3f9a2c). The next restore to the same name
    drops it, unless
    another restore is at work in it, or somebody has a session in it.
  - What is restored is foreign code. Whoever restores into a real server runs there what owners of tables in the source
    wrote (functions of CHECK constraints, generated columns, domains), as the program C(pg_restore) does. Where you do
    not trust all of them, prove the backup first, and restore as a role that is not a superuser with O(owners=false).
    A scratch cluster runs in a sandbox, as O(scratch_account).
  - What stands around the database comes back, too, where the role may give it, namely settings, settings of roles in
    it, owner, grants, connection limit, comment and tablespace. What does not come back is in RV(left_out).
  - Nothing that was decrypted is written to a disk.
requirements:
  - PostgreSQL's own C(pg_restore), of the target server's major version.
  - Python libraries C(psycopg2), C(zstandard), C(pyrage) (for age), C(boto3) (for S3).
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.audit
  - lifeboat.dr.backup.chosen
  - lifeboat.dr.repository
  - lifeboat.dr.encryption
  - lifeboat.dr.postgresql
  - lifeboat.dr.postgresql.tools
  - lifeboat.dr.postgresql.scratch
  - lifeboat.dr.scratch_account
  - lifeboat.dr._progress
attributes:
  check_mode:
    support: full
    details:
      - Finds the backup, opens the keys (which have to be those of recipients that the manifest names), looks whether
        each artifact is there and has its size, and checks the target server, but reads no artifact.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - A restored database bears in its comment which backup it came from, so a second run for the same backup changes
        nothing.
      - With O(target.scratch), each run makes a new cluster.
options:
  backup:
    default: newest_verified
  dsn:
    description:
      - The server to restore to, as a connection string of libpq, with the database to connect to for making the new
        one. Beside it, O(target.database) or O(target.replace) is the name alone.
      - Instead of this, O(target.dsn) and O(target.swap) take a whole connection string.
  login_db:
    description: The database to connect to for making the new one. It is C(postgres) if not given.
  target:
    description:
      - Where to. Exactly one of O(target.database), O(target.dsn), O(target.replace), O(target.swap) and
        O(target.scratch).
    type: dict
    required: true
    suboptions:
      database:
        description:
          - The name of a database that does not exist yet, at the server that O(dsn) or the C(login_*) options lead to.
            The role needs C(CREATEDB).
        type: str
      dsn:
        description: The same as a connection string that names the database.
        type: str
      replace:
        description:
          - The name of a database that exists, at the server that O(dsn) or the C(login_*) options lead to. The backup
            is restored beside it and compared with the manifest. Then both change names in one transaction.
          - The restored database gets the owner, the grants, the connection limit and the roles' own settings of the
            one it replaces.
          - Sessions in the old database are ended. It is kept as RV(kept_as), and is yours to drop.
        type: str
      swap:
        description: The same as O(target.replace), as a connection string that names the database.
        type: str
      confirm:
        description:
          - The name of the database in O(target.replace) or O(target.swap), typed once more to say that you mean it.
        type: str
      scratch:
        description:
          - A new cluster on the host, with a private socket, no network and no archiving, in a sandbox, run by
            O(scratch_account). It keeps running.
            RV(scratch) says how to reach it, and how to remove it.
        type: bool
        default: false
  tables:
    description:
      - Only these tables, as C(schema.name) without quotes, with whatever they depend on. A partitioned table brings
        its partitions.
      - A foreign key is restored only when the table that it points to is among them.
    type: list
    elements: str
    default: []
  schema_only:
    description: Definitions without rows.
    type: bool
    default: false
  owners:
    description:
      - Give things back to their owners, and grant what was granted. The roles have to exist.
      - With V(false), everything belongs to the role that restores. A role that a policy names has to exist all the
        same.
    type: bool
    default: true
  superuser_objects:
    description:
      - With V(leave_out), a role that is not a superuser leaves out what only a superuser can make (event triggers,
        publications of all tables, subscriptions, functions in C, extensions that are not trusted, and so on), with
        whatever depends on it. Each thing is named in RV(left_out).
      - With V(restore), the restore stops there.
    type: str
    choices: [restore, leave_out]
    default: restore
  tablespaces:
    description:
      - With V(keep), the database, tables and indexes lie in the tablespaces that they had, where the server has them
        and the role may use them. Those that it has not are named in RV(left_out).
      - With V(default), everything lies in the server's default one.
    type: str
    choices: [keep, default]
    default: keep
  require_whole:
    description:
      - Read every artifact of a copy against its hash before anything is made, and refuse the copy when one of them is
        damaged, even one that is not restored. The backup is read twice then.
      - Otherwise sizes are looked at before, an artifact is read against its hash when it is restored, and damage of
        the globals is a warning.
    type: bool
    default: false
  jobs:
    description: How many streams to load, and indexes to make, at a time.
    type: int
    default: 2
  time_limit:
    description: How long the restore may take. There is no limit if not given.
    type: str
seealso:
  - module: lifeboat.dr.restore_verify
  - module: lifeboat.dr.backup_info
  - module: lifeboat.dr.pg_physical_restore
    description: Brings a whole cluster back to a time, a name, a position or a transaction.
  - module: lifeboat.dr.pgbackrest_restore
    description: The same for a cluster that pgBackRest keeps.
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Restore the newest proven backup into a new database
  lifeboat.dr.pg_restore:
    app: shop
    component: codex
    repositories:
      - path: /var/backups/lifeboat
    encryption:
      identity_file: /etc/lifeboat/operations.key
    target:
      dsn: postgresql://restore@db2/codex_new

- name: Restore to a server that is named by its parts, as a role that is not a superuser
  lifeboat.dr.pg_restore:
    app: shop
    component: codex
    repositories:
      - path: /var/backups/lifeboat
    encryption:
      identity_file: /etc/lifeboat/operations.key
    login_host: db2
    login_user: restore
    login_password: "{{ vault_restore_password }}"
    target:
      database: codex_new
    owners: false
    superuser_objects: leave_out

- name: Get one table back as it was before somebody emptied it
  lifeboat.dr.pg_restore:
    app: shop
    component: codex
    backup:
      before: "2026-01-15T14:30:00Z"
    repositories:
      - path: /var/backups/lifeboat
    encryption:
      identity_file: /etc/lifeboat/operations.key
    target:
      dsn: postgresql://restore@db1/codex_orders
    tables:
      - public.orders

- name: Put yesterday's database in the place of the broken one
  lifeboat.dr.pg_restore:
    app: shop
    component: codex
    repositories:
      - path: /var/backups/lifeboat
    encryption:
      identity_file: /etc/lifeboat/operations.key
    target:
      swap: postgresql://restore@db1/codex
      confirm: codex
"""

RETURN = r"""
backup_id:
  description: The backup that was restored.
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
database:
  description: The database's name.
  type: str
  returned: success
plain_bytes:
  description: Bytes of the backup before compression.
  type: int
  returned: success
repository:
  description: The repository whose copy was restored.
  type: str
  returned: changed, except in check mode
phases:
  description: What took how long.
  type: list
  elements: dict
  returned: changed, except in check mode
left_out:
  description: What of the backup the database does not have, and why.
  type: list
  elements: str
  returned: changed, except in check mode
removed_leftovers:
  description: Unfinished databases of restores that were killed, which were dropped.
  type: list
  elements: str
  returned: changed, except with O(target.scratch) and in check mode
kept_as:
  description: The name under which the old database is kept.
  type: str
  returned: changed, with O(target.replace) or O(target.swap)
scratch:
  description:
    - How to reach the scratch cluster (C(host), C(port), C(user)) and the C(remove_command), what keeps it from the
      host (C(isolation)), and who loaded the rows (C(rows_loaded_by)).
  type: dict
  returned: changed, with O(target.scratch), except in check mode
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._pg_restore import ARGUMENT_SPEC, work


def main() -> None:
    """Restore a backup, or tell that it has been restored already."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
