#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pgbackrest_stanza
short_description: Have pgBackRest keep a PostgreSQL cluster
version_added: 1.0.0
description:
  - Writes a configuration of pgBackRest that holds all of a stanza, makes the stanza in each repository, has the server
    archive its log with pgBackRest, and has pgBackRest check that a segment arrives.
  - The log is archived asynchronously and compressed with zstd. Repositories are folders and buckets, each encrypted
    with a cipher pass of its own where one is given, which stands in the configuration (mode 0600) alone.
  - What cannot be is found before anything is touched, such as a stanza of another cluster, a cipher pass that does not
    open what is there, a bucket that cannot be reached, and a server that archives with something else.
  - A configuration of others in C(/etc/pgbackrest) is neither read nor changed.
  - It warns where the archiver fails or lags, a replication slot holds segments back, or the disk becomes full.
  - Run it on the server's host, as the account of the server, with a role that is a superuser.
requirements:
  - The program C(pgbackrest) 2.41 or newer, on the server's host.
  - Python library C(psycopg2).
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.pgbackrest
  - lifeboat.dr.postgresql
attributes:
  check_mode:
    support: full
    details:
      - Reads the repositories with the configuration that would be written.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  stanza:
    description: The name of the stanza.
    type: str
    required: true
  pgbackrest_config:
    description: Where the configuration is written, with mode 0600. Every call of C(pgbackrest) by hand needs it in
      C(--config).
    type: path
    required: true
  pgbackrest_repositories:
    description: Where pgBackRest keeps backups and log, one to four. The first is its C(repo1).
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: A folder that belongs to pgBackRest alone.
        type: path
      bucket:
        description: A bucket, which pgBackRest reaches over HTTPS alone.
        type: str
      prefix:
        description: The part of the bucket that belongs to pgBackRest alone.
        type: str
        default: pgbackrest
      region:
        description: The region of the bucket. V(us-east-1) if only O(pgbackrest_repositories[].endpoint_url) is given.
        type: str
      endpoint_url:
        description: The server, such as V(https://s3.example.com:9000). Amazon S3 if not given.
        type: str
      access_key:
        description: The access key. The role of the instance if not given.
        type: str
      secret_key:
        description: The secret key.
        type: str
      addressing_style:
        description: Whether the bucket stands in the path or in the name of the host. V(auto) is V(path) with
          O(pgbackrest_repositories[].endpoint_url), else V(virtual).
        type: str
        choices: [auto, path, virtual]
        default: auto
      validate_certs:
        description: Whether the server's certificate is checked.
        type: bool
        default: true
      ca_bundle:
        description: A file with the certificates of authorities that are trusted.
        type: path
      cipher_pass_file:
        description:
          - A file with the cipher pass, of mode 0600, for the account of the server. Without it, the repository is not
            encrypted.
          - Keep a copy elsewhere. The pass of a repository cannot be changed later.
        type: path
  keep_days:
    description:
      - For how many days each moment can be brought back. pgBackRest removes a full backup, and what builds on it, only
        when another full one is older than that as well.
      - Without it, or with V(0), pgBackRest removes nothing.
    type: int
  compress_level:
    description: The level of zstd.
    type: int
    default: 3
  archive_timeout:
    description: After which time a segment is archived although it is not full. It bounds what can be lost.
    type: str
    default: 60s
  state_dir:
    description: The folder for logs, locks and the queue of pgBackRest.
    type: path
    default: /var/lib/lifeboat/pgbackrest
  replace:
    description: Whether another C(archive_command) or C(archive_library) may be replaced, and whether repositories of
      the present configuration may be left out.
    type: bool
    default: false
  time_limit:
    description: How long all of it may take.
    type: str
    default: 10m
seealso:
  - module: lifeboat.dr.pgbackrest_backup
  - module: lifeboat.dr.pgbackrest_verify
  - module: lifeboat.dr.pg_wal_archive
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Keep the cluster in a folder and in a bucket
  become: true
  become_user: postgres
  lifeboat.dr.pgbackrest_stanza:
    stanza: main
    pgbackrest_config: /etc/lifeboat/pgbackrest/main.conf
    pgbackrest_repositories:
      - path: /srv/pgbackrest
        cipher_pass_file: /etc/lifeboat/pgbackrest.pass
      - bucket: shop-pgbackrest
        region: eu-central-1
        cipher_pass_file: /etc/lifeboat/pgbackrest.pass
    keep_days: 30
  register: stanza

- name: Restart the server where archiving was off until now
  become: true
  ansible.builtin.service:
    name: postgresql
    state: restarted
  when: stanza.restart_required
"""

RETURN = r"""
stanza:
  description: The stanza.
  type: str
  returned: success
pgbackrest_version:
  description: The version of pgBackRest.
  type: str
  returned: success
system_identifier:
  description: The system identifier of the cluster.
  type: str
  returned: success
restart_required:
  description: Whether the server has to be restarted before it archives.
  type: bool
  returned: success
checked:
  description: Whether pgBackRest saw a segment arrive in each repository; false in check mode and before a restart.
  type: bool
  returned: success
archiver:
  description: What the server says of its archiver, as M(lifeboat.dr.pg_wal_archive) returns it.
  type: dict
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._pgbackrest_stanza import ARGUMENT_SPEC, work


def main() -> None:
    """Make the stanza, and see it work."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
