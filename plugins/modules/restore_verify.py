#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: restore_verify
short_description: Prove a backup by restoring it
version_added: 1.0.0
description:
  - Restores a backup into a scratch place that it makes itself, compares everything that came back with what the backup
    held when it was
    taken, and asks the user's own questions. Which store the backup is of, its manifest tells.
  - 'PostgreSQL: a scratch cluster; every row, keys, sequences, indexes
  and roles. NATS JetStream: a scratch server; every message,
    consumers, the keys and objects of buckets.'
  - 'Redis and Valkey: a scratch server without a TCP port; type, value and expiry of every key, and libraries of
    functions.'
  - 'A PostgreSQL cluster with its log (M(lifeboat.dr.pg_physical_backup)): recovered to a restore point of the live
    cluster; what was committed before it is there, and nothing after it; every index and every page.'
  - 'A pair of buckets (M(lifeboat.dr.s3_inventory)) is not restored: the replica is the copy. Both buckets are compared
  with each other and
    with what they held, and a sample is read on both sides. Nothing is written to them.'
  - 'Clusters that pgBackRest backs up (M(lifeboat.dr.pgbackrest_backup)): pgBackRest restores, and the scratch cluster
    is recovered and asked.'
  - 'Files (M(lifeboat.dr.paths_backup)): C(restic check), and a sample of files that restic restores into a scratch
    folder.'
  - It also reads damaged views of the backup, and fails when one of them passes as good. A verifier that cannot fail
    proves nothing.
  - What is restored is foreign code, so scratch servers run as O(scratch_account), which owns nothing, in a sandbox
    with files and processes of its own. PostgreSQL has a private socket alone and no network, NATS listens on loopback
    alone, with a random password. Both are removed afterwards. The report says which isolation the host allowed.
  - Options that say where or with what one store is restored have no meaning for backups of another, so that one plan
    can name both. A
    question in O(checks) that the backup's store cannot answer is refused.
  - This is one name for all stores. It starts M(lifeboat.dr.pg_verify), M(lifeboat.dr.pg_physical_verify),
    M(lifeboat.dr.pgbackrest_verify), M(lifeboat.dr.jetstream_verify), M(lifeboat.dr.redis_verify),
    M(lifeboat.dr.s3_verify) or M(lifeboat.dr.paths_verify), which can be called by themselves as well.
  - The task fails when the backup is not proven. The report is written in any case.
requirements:
  - For backups of PostgreSQL, its server programs, of the backup's major version, for the profiles V(quick) and
    V(full).
  - For backups of JetStream, the program C(nats-server), or an empty account (O(nats_scratch_account)), for the
    profiles V(quick) and V(full).
  - For backups that pgBackRest keeps, pgBackRest 2.41 or newer and the server programs of the backup's version.
  - For backups of files, restic 0.14 or newer.
  - For backups of Redis or Valkey, the program C(redis-server) or C(valkey-server), for the profiles V(quick) and
    V(full).
  - Python libraries C(psycopg2) (for PostgreSQL), C(nats-py) (for JetStream), C(google-crc32c) and C(numpy) (for
    JetStream, faster), C(zstandard), C(pyrage) (for age), C(boto3) (for S3 repositories and buckets).
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.verification
  - lifeboat.dr.audit
  - lifeboat.dr.metrics
  - lifeboat.dr.backup.chosen
  - lifeboat.dr.repository
  - lifeboat.dr.encryption
  - lifeboat.dr.postgresql.tools
  - lifeboat.dr.postgresql.scratch
  - lifeboat.dr.scratch_account
  - lifeboat.dr.nats_scratch
  - lifeboat.dr.redis.scratch
  - lifeboat.dr.s3_sides.buckets
  - lifeboat.dr.restic
  - lifeboat.dr.restic.proof
  - lifeboat.dr.pgbackrest
  - lifeboat.dr.pgbackrest.proof
  - lifeboat.dr._progress
options:
  engine:
    description:
      - Which kind of store the backup is of, such as V(postgresql), V(jetstream), V(redis) or V(s3), as plans and
        manifests call it.
      - If not given, C(backup_info) reads it from the backup's manifest on the host, which takes a moment more.
    type: str
  profile:
    description:
      - V(artifact) reads every artifact to its end and compares what is in it with the manifest. It needs no server.
      - V(quick) restores, counts rows or messages, and asks O(checks); or lists both buckets, which have to be the
        same, and of which the
        replica has to have everything that is in the inventory.
      - V(full) also compares the content of every table, looks for rows that point to nothing, checks every index,
        roles and
        collations; or reads every message back, and compares consumers, keys and objects; or reads O(buckets.sample)
        objects on both
        sides. And it reads the copies in all other repositories.
    type: str
    choices: [artifact, quick, full]
    default: full
  checks:
    description:
      - Questions to what was restored. Each gives one value.
      - Each has one of O(checks[].query) (PostgreSQL), O(checks[].stream) and O(checks[].bucket) (JetStream), and
        O(checks[].command) (Redis).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What the report calls it. Word it as a statement.
        type: str
      query:
        description: A query that gives one row with one column. It runs read-only, with C(search_path) set to
          C(public).
        type: str
      stream:
        description: A stream. The answer is the number of its messages; with O(checks[].newer_than), the time of the
          newest one.
        type: str
      subject:
        description: Only the messages of O(checks[].stream) on this subject, wildcards allowed.
        type: str
      bucket:
        description:
          - A key-value or object store. The answer is the number of its keys or objects; with O(checks[].newer_than),
            the time of its
            newest change.
        type: str
      key:
        description: A key in O(checks[].bucket). The answer is its newest value, as text, or with
          O(checks[].newer_than) its time.
        type: str
      object:
        description: An object in O(checks[].bucket). The answer is its size in bytes, or with O(checks[].newer_than)
          its time.
        type: str
      command:
        description:
          - A command of Redis that reads and gives one value, as in C(redis-cli), such as V(DBSIZE) or V(GET user:1).
            The nodes of a cluster are all asked; numbers are added up, and of other answers the first counts.
          - With O(checks[].newer_than), the answer is a number of seconds since 1970.
        type: str
      database:
        description: The number of the database for O(checks[].command), V(0) if not given. For O(checks[].query) of a
          whole cluster, the name of the database, V(postgres) if not given.
        type: str
      operator:
        description: How to compare the answer with O(checks[].value). V(==) if not given.
        type: str
        choices: ["==", "!=", ">", ">=", "<", "<="]
      value:
        description: What to compare the answer with.
        type: raw
      newer_than:
        description: The answer is a point in time that is not older than this, such as V(26h). Instead of
          O(checks[].value).
        type: str
seealso:
  - module: lifeboat.dr.pg_verify
  - module: lifeboat.dr.pgbackrest_verify
  - module: lifeboat.dr.jetstream_verify
  - module: lifeboat.dr.s3_verify
  - module: lifeboat.dr.paths_verify
  - module: lifeboat.dr.redis_verify
  - module: lifeboat.dr.pg_backup
  - module: lifeboat.dr.pg_restore
  - module: lifeboat.dr.jetstream_snapshot
  - module: lifeboat.dr.s3_inventory
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Prove that the newest backup restores, and that the data in it is fresh
  lifeboat.dr.restore_verify:
    app: shop
    component: codex
    repositories:
      - path: /var/backups/lifeboat
    encryption:
      identity_file: /etc/lifeboat/operations.key
    checks:
      - name: orders are there
        query: select count(*) from orders
        operator: ">="
        value: 1000
      - name: data is fresh
        query: select max(created_at) from orders
        newer_than: 26h
    report_dir: /var/lib/lifeboat/reports
  register: proof

- name: Prove that the streams of an account restore
  lifeboat.dr.restore_verify:
    app: shop
    component: events
    repositories:
      - path: /var/backups/lifeboat
    encryption:
      identity_file: /etc/lifeboat/operations.key
    nats_server_binary: /usr/local/bin/nats-server
    checks:
      - name: orders are there
        stream: ORDERS
        operator: ">="
        value: 1000
      - name: orders are fresh
        stream: ORDERS
        subject: orders.created
        newer_than: 26h
      - name: the currency is set
        bucket: settings
        key: currency
        value: EUR
      - name: the logo is there
        bucket: pictures
        object: logo.png
        operator: ">"
        value: 0

- name: Prove that the replica of a bucket still has everything
  lifeboat.dr.restore_verify:
    app: shop
    component: chunks
    repositories:
      - path: /var/backups/lifeboat
    encryption:
      identity_file: /etc/lifeboat/operations.key
    buckets:
      source:
        bucket: shop-chunks
        region: us-east-1
      destination:
        bucket: shop-chunks-dr
        region: us-west-2

- name: Read a random old backup to its end, without a database
  lifeboat.dr.restore_verify:
    app: shop
    component: codex
    backup: random
    profile: artifact
    repositories:
      - bucket: shop-backups
        prefix: lifeboat
    encryption:
      identity_file: /etc/lifeboat/operations.key
"""

RETURN = r"""
backup_id:
  description: The backup that was verified.
  type: str
  returned: always, once it was found
app:
  description: The application.
  type: str
  returned: always, once the backup was found
component:
  description: The component.
  type: str
  returned: always, once the backup was found
profile:
  description: The profile.
  type: str
  returned: always, once the backup was found
verdict:
  description: V(passed) or V(failed).
  type: str
  returned: except in check mode
verified_at:
  description: When the verification ended, in UTC.
  type: str
  returned: except in check mode
summary:
  description: One sentence.
  type: str
  returned: when the backup was verified
repository:
  description: The repository whose copy was restored.
  type: str
  returned: when the backup was verified
measured:
  description: What a clock showed, such as C(restore_seconds) and C(data_age_seconds).
  type: dict
  returned: when the backup was verified
checks:
  description:
    - Each check with its C(id), C(title), C(status) and C(message).
    - A task that failed has those alone that did not pass; the report has them all.
  type: list
  elements: dict
  returned: when the backup was verified
controls:
  description:
    - Each damaged copy with its C(id), C(status) and C(message).
    - A task that failed has those alone that passed as good.
  type: list
  elements: dict
  returned: when the backup was verified
report_files:
  description: The paths of the report, by C(json), C(html), C(markdown) and C(junit).
  type: dict
  returned: when the backup was verified
planned:
  description: What would be read.
  type: dict
  returned: in check mode
"""

# Its action plugin does the work: it starts the module of the backup's store, so that a host gets that code alone.
