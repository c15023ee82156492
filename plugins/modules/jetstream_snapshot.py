#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: jetstream_snapshot
short_description: Back up and restore the streams of a NATS account
version_added: 1.0.0
description:
  - With O(state=present), takes a snapshot of every stream of an account, several at a time, in one pass through
    encryption into every
    repository. While an archive passes, it is read to its last message. A message that is damaged, or that the server
    left out, makes the
    backup fail with its sequence.
  - With O(state=restored), restores streams, under the same name or another, into the same account or another, also
    with a changed
    configuration. What a server would lose silently is refused.
  - A backup is whole or it does not exist. Its manifest is written last, and a run that fails or is killed leaves
    nothing behind,
    or what the next run removes.
  - Each stream is saved at a point in time of its own. A stream that mirrors or sources another one is saved before it,
    so that
    after a restore it is never ahead of it.
  - What is stored without encryption is a folder that C(nats stream restore) takes, and each manifest holds the
    commands.
  - Key-value buckets and object stores are streams, named C(KV_...) and C(OBJ_...).
requirements:
  - NATS servers 2.10 or later, with JetStream.
  - Python libraries C(nats-py), C(nkeys) (for credentials files and nkeys), C(pyrage) (for age), C(boto3) (for S3).
    C(numpy) makes the check of the records faster.
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.backup
  - lifeboat.dr.audit
  - lifeboat.dr.metrics
  - lifeboat.dr.nats
  - lifeboat.dr.repository
  - lifeboat.dr.encryption
  - lifeboat.dr._progress
attributes:
  check_mode:
    support: full
    details:
      - Connects, and refuses what would be refused, but writes nothing, and reads no archive.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - With O(state=present) and O(max_age), a second run changes nothing while a young backup is in every repository.
      - With O(state=restored), a stream bears in its metadata which backup it came from, so a second run for the same
        backup changes
        nothing. Servers before 2.10 have no metadata; there a stream that exists is refused.
options:
  state:
    description: V(present) backs up, V(restored) restores.
    type: str
    choices: [present, restored]
    default: present
  streams:
    description:
      - Which streams, as names or patterns with C(*), C(?) and C([...]). All of the account, or of the backup, if not
        given.
    type: list
    elements: str
    default: []
  exclude:
    description: Without these streams, as names or patterns.
    type: list
    elements: str
    default: []
  accept_loss:
    description:
      - A stream whose last sequence is lower than in the backup before has lost messages that nobody deleted, so its
        backup is refused. Name a stream here to back up what is left of it, for instance after you have restored it to
        an earlier state with other tools.
    type: list
    elements: str
    default: []
    version_added: 1.0.0
  allow_empty:
    description:
      - An account without any stream is right, as of an application that is new. Its backup says so. Without it, an
        account without a stream is refused, since the credentials may belong to another one.
    type: bool
    default: false
    version_added: 1.0.0
  consumers:
    description:
      - What happens to durable consumers that an archive lacks. Servers before 2.15 leave out those that are kept in
        memory, and in
        a cluster those without a replica on the leader of the stream.
      - V(rebuild) notes them in the manifest, and a restore makes them again behind the last message before which they
        had acknowledged
        all. V(require) fails. V(ignore) neither lists nor makes any.
    type: str
    choices: [require, rebuild, ignore]
    default: rebuild
  jobs:
    description: How many streams to save or to restore at a time, each over a connection of its own.
    type: int
    default: 4
  max_age:
    description:
      - Do nothing while the newest backup is younger than this, such as V(20h), and every repository holds it.
      - If not given, each run takes a backup. Only for O(state=present).
    type: str
  time_limit:
    description: How long the backup or the restore may take. It is stopped after that, and tidied up. There is no limit
      if not given.
    type: str
  idle_timeout:
    description: How long to wait for a server that sends nothing in the middle of a snapshot, as when its stream was
      deleted.
    type: str
    default: 30s
  backup:
    description:
      - 'Which backup to restore, as V(newest), V(newest_verified), V(oldest), an id, or C({before:
      2026-01-15T14:30:00Z}).'
    type: raw
    default: newest_verified
  accept_older:
    description: With O(state=restored), take an older backup when the manifest of a newer one cannot be read. Without
      it, V(newest) and V(newest_verified) fail then.
    type: bool
    default: false
  from_folder:
    description:
      - With O(state=present), take the streams from this folder, which C(nats stream backup) or C(nats account backup)
        has written, and
        not from a server. They become a backup like every other one, after their archives have been read to the end.
    type: path
  rename:
    description:
      - Names in the backup, and the names to restore them as. An archive of version 1 (from servers before 2.15) can be
        renamed only on
        servers from 2.15.
      - The subjects stay as they are. Where the stream of the old name still exists, give others in O(config).
    type: dict
  config:
    description:
      - For each name in the backup, keys of the stream's configuration that shall be different, as the server names
        them, such as
        C(num_replicas), C(placement), C(subjects) or C(max_age) (in nanoseconds). A key of V(null) is left out.
      - The keys under C(*) are for every stream.
    type: dict
  limits:
    description:
      - What to do when the stream's limits would make the server drop messages of the backup, such as C(max_age) with
        an old backup.
      - V(refuse) touches nothing and says so. V(lift) restores everything without the limit, and leaves it lifted.
        V(apply) lets the server drop what its limits say. A run with V(apply) after one with V(lift) puts the limits
        back.
    type: str
    choices: [refuse, lift, apply]
    default: refuse
  replace:
    description:
      - Streams that exist, by their names on the server, each typed once more to say that you mean it. They are
        deleted, with all that
        is in them, after the backup has been read to its end and proven to be what was saved.
      - A stream that exists and is not named here is refused.
    type: list
    elements: str
    default: []
  republish:
    description:
      - Streams by their names in the backup, each typed to say that you accept what is lost. Where the server cannot
        take their archives, they are made anew, and every message is published again. Servers before 2.15 take no
        archive of a stream in memory. Streams that are not named here and that the server cannot take are left out, the
        others are restored, and the task fails with their names.
      - Messages keep their subjects, headers and order, and get new sequences and times. Headers that make a server
        compare sequences (C(Nats-Expected-*)) are left out. Consumers go on behind the same message.
      - Nobody but the new stream sees the messages, since they come on a subject of its own that it takes off again.
        Servers from 2.10 can do that.
    type: list
    elements: str
    default: []
    version_added: 1.0.0
  dependants:
    description:
      - What to do when a stream that exists on the server mirrors or sources the one to restore, and may be ahead of
        it. It would
        silently miss as many messages as it is ahead, or get them twice.
    type: str
    choices: [refuse, warn]
    default: refuse
  scale_up:
    description:
      - Restore with one replica, and raise the number afterwards. It helps where a restore of a large replicated stream
        fails.
    type: bool
    default: false
  replicas_timeout:
    description: How long to wait until all replicas of a restored stream are current.
    type: str
    default: 10m
seealso:
  - module: lifeboat.dr.restore_verify
  - module: lifeboat.dr.backup_info
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Back up every stream of an account, unless there is a backup of today
  lifeboat.dr.jetstream_snapshot:
    app: shop
    component: events
    url: nats://n1:4222,nats://n2:4222,nats://n3:4222
    credentials_file: /etc/lifeboat/backup.creds
    repositories:
      - path: /var/backups/lifeboat
      - bucket: shop-backups
        prefix: lifeboat
    encryption:
      engine: age
      recipients:
        - age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p
        - age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg
    max_age: 20h

- name: Make a backup of what the command line has saved, to prove it and to restore it
  lifeboat.dr.jetstream_snapshot:
    app: shop
    component: events
    from_folder: /srv/nats-backups/2026-01-15
    repositories:
      - path: /var/backups/lifeboat

- name: Restore all of it to a new server that has one node
  lifeboat.dr.jetstream_snapshot:
    state: restored
    app: shop
    component: events
    backup: newest
    url: nats://new:4222
    credentials_file: /etc/lifeboat/restore.creds
    repositories:
      - path: /var/backups/lifeboat
    encryption:
      identity_file: /etc/lifeboat/operations.key
    config:
      "*": {num_replicas: 1}
    limits: lift

- name: Look at yesterday's orders beside the live ones
  lifeboat.dr.jetstream_snapshot:
    state: restored
    app: shop
    component: events
    backup: {before: "2026-01-15T14:30:00Z"}
    url: nats://n1:4222
    repositories:
      - path: /var/backups/lifeboat
    streams: [ORDERS]
    rename: {ORDERS: ORDERS_before}
    config:
      ORDERS: {subjects: [before.orders.>]}
"""

RETURN = r"""
backup_id:
  description: The id of the backup, a new one, the one that is young enough, or the one that was restored.
  type: str
  returned: success, except for a planned backup in check mode
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
  returned: success, except for a planned backup in check mode
taken_at:
  description: The earliest point in time that one of the streams shows, in UTC.
  type: str
  returned: success, except for a planned backup in check mode
  sample: "2026-01-15T02:00:00Z"
server_version:
  description: The version of the server that the backup was taken from, or that it was restored to.
  type: str
  returned: success, except for a planned backup in check mode
messages:
  description: How many messages all streams of the backup hold.
  type: int
  returned: O(state=present), except for a planned backup in check mode
left_out:
  description: Streams of O(from_folder) that are broken, and why. The task fails with them; the others are saved.
  type: dict
  returned: O(state=present), except for a planned backup in check mode
not_restored:
  description: Streams that the server cannot take, and why. The task fails with them; the others are restored.
  type: dict
  returned: O(state=restored)
streams:
  description: Each stream that was saved or restored.
  type: list
  elements: dict
  returned: success, except for a planned backup in check mode
  contains:
    name:
      description: The stream's name; after a restore, its name on the server.
      type: str
    kind:
      description: V(stream), V(kv) or V(object_store).
      type: str
    bucket:
      description: The bucket's name; empty for a stream that is none.
      type: str
    messages:
      description: How many messages the archive holds, or the restored stream.
      type: int
    bytes:
      description: Their subjects, headers and data.
      type: int
    first_sequence:
      description: The first message's sequence.
      type: int
    last_sequence:
      description: The last message's sequence.
      type: int
    format:
      description: The version of the archive, V(v1) or V(v2).
      type: str
    method:
      description: V(snapshot), or V(export) where the server makes no snapshot.
      type: str
    fingerprint:
      description: The SHA-256 of all messages, their sequences, times and headers.
      type: str
    hash_engine:
      description: What checked the hash of each record.
      type: str
    consumers:
      description: How many durable consumers there were.
      type: int
    missing_consumers:
      description: Those that the archive lacks.
      type: list
      elements: str
    changed:
      description: Whether this stream was restored, or was there before. Only for O(state=restored).
      type: bool
    restored_from:
      description: The stream's name in the backup. Only for O(state=restored).
      type: str
    replaced:
      description: Whether a stream of this name was deleted. Only for O(state=restored).
      type: bool
    rebuilt_consumers:
      description: The consumers that were made again. Only for O(state=restored).
      type: list
      elements: str
    republished:
      description: Whether its messages were published again. Only for O(state=restored).
      type: bool
    lifted_limits:
      description: The limits that were left out, and their values in the backup. Only for O(state=restored).
      type: dict
    dependants:
      description: The streams on the server that mirror or source this one. Only for O(state=restored).
      type: list
      elements: str
plain_bytes:
  description: Bytes of the archives, before encryption.
  type: int
  returned: success, except for a planned backup in check mode
stored_bytes:
  description: Bytes in one repository.
  type: int
  returned: O(state=present), except for a planned backup in check mode
artifacts:
  description: The files of the backup.
  type: list
  elements: dict
  returned: O(state=present), except for a planned backup in check mode
stored_in:
  description: The repositories that hold the backup.
  type: list
  elements: str
  returned: O(state=present), except for a planned backup in check mode
failed_repositories:
  description: The repositories that do not hold it, and why.
  type: dict
  returned: when a backup was taken
removed_leftovers:
  description: What a killed run had left behind, and this one removed.
  type: list
  elements: str
  returned: when a backup was taken, or streams were restored
repository:
  description: The repository that the streams came from; the last one that was used.
  type: str
  returned: when streams were restored
seconds:
  description: How long it took.
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
  returned: when a backup was taken, or streams were restored
planned:
  description: What would be backed up, or restored, with sizes and counts.
  type: dict
  returned: in check mode, when something would change
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._jetstream_snapshot import ARGUMENT_SPEC, work


def main() -> None:
    """Back up or restore streams, or tell why nothing has to be done."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
