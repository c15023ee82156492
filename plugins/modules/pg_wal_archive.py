#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_wal_archive
short_description: Have a PostgreSQL server archive its write-ahead log into the repositories
version_added: 1.0.0
description:
  - Installs C(lifeboat-wal), one file that PostgreSQL runs as C(archive_command), with a configuration that only the
    server's account may read, and sets C(archive_mode), C(archive_command), C(archive_timeout) and C(wal_level) with
    C(ALTER SYSTEM).
  - Each file is compressed, encrypted and durable in the repositories before PostgreSQL is told so. Nothing is ever
    replaced; the same content again is fine, and another content is refused, with the names of both clusters.
  - A segment of another cluster, or one that is not what its name says, is refused. So is a second cluster that
    archives into the same place.
  - Where no restart is needed, a segment is switched and waited for, so success means that archiving works.
  - It warns where the archiver fails or lags, a replication slot holds segments back, or the disk becomes full.
  - Run it on the server's host, as the server's account or as root, with a role that is a superuser.
requirements:
  - Python libraries C(psycopg2), C(zstandard), C(pyrage) (for age), C(boto3) (for S3 repositories).
  - A repository in S3 has to keep to C(If-None-Match).
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.postgresql
  - lifeboat.dr.repository
  - lifeboat.dr.encryption
  - lifeboat.dr.encryption.compression
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  app:
    description: The application that the cluster belongs to.
    type: str
    required: true
  component:
    description: The component that the base backups of the cluster have.
    type: str
    required: true
  archive:
    description:
      - The name of the archive, a folder below C(wal) in each repository. V(APP@COMPONENT) if not given.
      - A copy that was promoted needs another one than its origin.
    type: str
  min_copies:
    description:
      - How many repositories have to hold a file before PostgreSQL may forget it. All of them if not given.
      - With less, a repository that could not be reached has holes that nothing fills.
    type: int
  archive_timeout:
    description: After which time a segment is archived although it is not full. It bounds what can be lost.
    type: str
    default: 60s
  program:
    description: Where the program is put.
    type: path
    default: /var/lib/lifeboat/bin/lifeboat-wal
  config_dir:
    description: The folder for the program's configuration, C(ARCHIVE.json), with mode 0600.
    type: path
    default: /etc/lifeboat/wal
  python:
    description: The Python that runs the program, with the libraries. The one that runs this module if not given.
    type: path
  ahead:
    description:
      - How many segments that wait are archived beside the one that the server asks for, so that a burst does not have
        to wait for one after the other. V(0) archives each when it is asked for.
      - Each of them is answered for only when it is durable in every repository, as well.
    type: int
    default: 4
  spool_dir:
    description: Where notes of segments that were archived ahead are kept, for the account of the server.
    type: path
    default: /var/lib/lifeboat/wal
  push_time_limit:
    description:
      - How long C(lifeboat-wal) may try to store one segment, V(5s) to V(1h). PostgreSQL tries again by itself, and
        counts a failure, which monitoring sees, only when the program has ended.
      - Raise it where a segment takes longer than that to be stored, as over a slow line.
    type: str
    default: 30s
  replace:
    description: >-
      Whether another C(archive_command) or C(archive_library) may be replaced, also one of this collection that
      archives under another name while archiving is on.
    type: bool
    default: false
  time_limit:
    description: How long the segment that is waited for may take.
    type: str
    default: 2m
notes:
  - The keys that open the archive are not written into the configuration. What encrypts is; with a passphrase that is
    the name of its file, which the server's account has to be able to read.
seealso:
  - module: lifeboat.dr.pg_physical_backup
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Archive into a directory and a bucket
  become: true
  become_user: postgres
  lifeboat.dr.pg_wal_archive:
    app: shop
    component: cluster
    repositories:
      - path: /srv/backups/lifeboat
      - bucket: shop-backups
        prefix: lifeboat
    encryption:
      recipients: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]
  register: archiving

- name: Restart the server where archiving was off until now
  become: true
  ansible.builtin.service:
    name: postgresql
    state: restarted
  when: archiving.restart_required
"""

RETURN = r"""
archive:
  description: The name of the archive.
  type: str
  returned: success
archive_command:
  description: What the server runs for each file.
  type: str
  returned: success
restart_required:
  description: Whether the server has to be restarted before it archives.
  type: bool
  returned: success
checked_segment:
  description: The segment that was switched and found in every repository; empty in check mode and before a restart.
  type: str
  returned: success
archiver:
  description: What the server says of its archiver, of C(pg_wal) and of replication slots.
  type: dict
  returned: success
  contains:
    archived_count:
      description: How many files were archived since the statistics were reset.
      type: int
    last_archived:
      description: The last file that was archived.
      type: str
    last_archived_seconds:
      description: How many seconds ago; null where nothing was archived yet.
      type: float
    failed_count:
      description: How many tries failed.
      type: int
    last_failed:
      description: The file of the last try that failed.
      type: str
    failing:
      description: Whether the last try failed.
      type: bool
    waiting:
      description: How many files are still to be archived.
      type: int
    wal_bytes:
      description: The size of C(pg_wal).
      type: int
    free_bytes:
      description: What is free on the disk of the data folder; null where it is not on this host.
      type: int
    slots:
      description: The replication slots, each with C(name), C(active), C(wal_status) and C(held_bytes).
      type: list
      elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._pg_wal_archive import ARGUMENT_SPEC, work


def main() -> None:
    """Configure archiving, and see it work."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
