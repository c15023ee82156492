#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: s3_inventory
short_description: Record what a bucket and its replica both hold
version_added: 1.0.0
description:
  - Makes a replicated bucket a component of the catalog, beside databases and streams. Both buckets are compared, and
    only when they are
    the same, a list of what they hold is stored in every repository, with a manifest. That says that as of a point in
    time, so many
    objects with so many bytes were the same on both sides.
  - The objects themselves are not copied. The replica is the copy, and the inventory is what to hold it against later.
    M(lifeboat.dr.restore_verify) does that.
  - The list has key, size, ETag, time, and version id of every object or version, and is compressed and encrypted like
    any backup. The
    manifest beside it is readable, and has names, counts and no credentials.
  - When the buckets are not the same, the task fails and nothing is stored. M(lifeboat.dr.s3_replication_info) tells
    what differs.
  - A recorded inventory does not count as verified before M(lifeboat.dr.restore_verify) has said so, since that also
    shows that it can
    fail.
requirements:
  - Python library C(boto3), and C(zstandard), C(pyrage) (for age).
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.backup
  - lifeboat.dr.audit
  - lifeboat.dr.metrics
  - lifeboat.dr.s3_sides
  - lifeboat.dr.repository
  - lifeboat.dr.encryption
  - lifeboat.dr.encryption.compression
  - lifeboat.dr._progress
attributes:
  check_mode:
    support: full
    details:
      - Does not compare, and so does not know whether the task would fail. Says how many requests it would take.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - With O(max_age), a second run changes nothing while a young inventory is in every repository.
options:
  level:
    description:
      - How closely the buckets are compared, as in M(lifeboat.dr.s3_replication_info).
      - V(versions) lists every version and delete marker, so that what was there can still be found after it was
        changed or deleted.
      - The other levels list the newest object of each key, for buckets without versioning. V(checksum) and V(content)
        settle what
        V(listing) leaves open, such as copies that were uploaded in other parts.
    type: str
    choices: [listing, versions, checksum, content]
    default: versions
  prefix:
    description: Only keys that begin with this.
    type: str
    default: ""
  grace:
    description: How old an object of the source has to be before it is an error that the destination does not have it.
    type: str
    default: 15m
  max_pending:
    description: With so many younger objects on their way or fewer, the inventory is recorded. They are left out of it,
      and counted.
    type: int
    default: 0
  ignore_extra:
    description: What only the destination has is not a difference. Use it where deletes are not replicated on purpose.
    type: bool
    default: false
  allow_empty:
    description:
      - Also record that there is nothing. Without it, an inventory of no objects is refused, as the prefix or the
        bucket is probably mistyped, or somebody has emptied it.
    type: bool
    default: false
  delete_markers:
    description: Whether O(level=versions) compares delete markers. Set this to V(false) where they are not replicated
      on purpose.
    type: bool
    default: true
  parallel:
    description: How many parts of the keys to list at a time, from 1 to 256.
    type: int
    default: 32
    aliases: [jobs]
  scratch_dir:
    description: A folder with room for the list while it is made, some 200 bytes for each entry. The file has no name
      and leaves nothing.
    type: path
    default: /var/tmp
seealso:
  - module: lifeboat.dr.restore_verify
  - module: lifeboat.dr.s3_replication_info
  - module: lifeboat.dr.s3_replication
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Record that the replica holds everything, once a night
  lifeboat.dr.s3_inventory:
    app: shop
    component: chunks
    source:
      bucket: shop-chunks
      region: us-east-1
    destination:
      bucket: shop-chunks-dr
      region: us-west-2
    repositories:
      - path: /var/backups/lifeboat
    encryption:
      recipients: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]
    max_pending: 1000
    max_age: 20h
"""

RETURN = r"""
backup_id:
  description: The id of the inventory, a new one or the one that is young enough.
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
  description: The point in time as of which both buckets held it, in UTC. The comparison began then.
  type: str
  returned: success, except for a planned one in check mode
source:
  description: The bucket that is replicated.
  type: str
  returned: success, except for a planned one in check mode
destination:
  description: The bucket that it is replicated to.
  type: str
  returned: success, except for a planned one in check mode
prefix:
  description: The prefix.
  type: str
  returned: success, except for a planned one in check mode
level:
  description: How closely the buckets were compared.
  type: str
  returned: success, except for a planned one in check mode
verdict:
  description: Always V(in_sync). Anything else is an error, and nothing is recorded.
  type: str
  returned: success, except for a planned one in check mode
summary:
  description: What the comparison found, as a sentence.
  type: str
  returned: success, except for a planned one in check mode
objects:
  description: How many objects a reader of the bucket saw.
  type: int
  returned: success, except for a planned one in check mode
bytes:
  description: Their bytes.
  type: int
  returned: success, except for a planned one in check mode
versions:
  description: How many older versions there were beside them. V(0) unless O(level=versions).
  type: int
  returned: success, except for a planned one in check mode
delete_markers:
  description: How many delete markers there were. V(0) unless O(level=versions).
  type: int
  returned: success, except for a planned one in check mode
left_out:
  description: How many entries of the source are not listed, since they were on their way, or changed while they were
    compared.
  type: int
  returned: success, except for a planned one in check mode
plain_bytes:
  description: The size of the list before compression.
  type: int
  returned: success, except for a planned one in check mode
stored_bytes:
  description: The size of the list in one repository.
  type: int
  returned: success, except for a planned one in check mode
artifacts:
  description: The stored file, with C(name), C(content), C(stored_bytes) and C(sha256).
  type: list
  elements: dict
  returned: success, except for a planned one in check mode
stored_in:
  description: The repositories that hold it.
  type: list
  elements: str
  returned: success, except for a planned one in check mode
failed_repositories:
  description: The repositories that do not hold it, each with the reason.
  type: dict
  returned: when an inventory was made
seconds:
  description: How long it took.
  type: float
  returned: when an inventory was made
bytes_per_second:
  description: The size of the list before compression, by that time.
  type: int
  returned: when an inventory was made
phases:
  description: The parts of the work with their times.
  type: list
  elements: dict
  returned: when an inventory was made
removed_leftovers:
  description: What a run that was killed had left, and this one removed.
  type: list
  elements: str
  returned: when an inventory was made
planned:
  description: What the comparison would ask for, as in M(lifeboat.dr.s3_replication_info).
  type: dict
  returned: in check mode, when an inventory would be made
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._s3_inventory import ARGUMENT_SPEC, work


def main() -> None:
    """Record what two buckets hold, or tell of the record that is young enough."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
