#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: s3_replication
short_description: Replicate a bucket to another one
version_added: 1.0.0
description:
  - Sets two buckets up in one task, so that the destination is a replica of the source. Versioning on both, the
    replication rules,
    lifecycle rules on both sides, the default object lock of the destination, and a look at public access.
  - Everything is checked before the first write. The same playbook run twice changes nothing the second time, on every
    server.
  - Rules of other tools are kept word by word.
  - The kind of server is found by itself. What it cannot do is listed in RV(ignored_by_backend), or refused with the
    reason.
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.s3_replication
attributes:
  check_mode:
    support: full
    details:
      - Everything is read and checked, and nothing is written.
      - On a server that forgets parts of rules, and that this module does not know, check mode cannot know that, and
        tells of a change.
  diff_mode:
    support: full
    details:
      - The setup of both buckets before and after, in a normal form, so that another spelling of the same is no
        difference.
  idempotent:
    support: full
options:
  state:
    description:
      - With V(present), both buckets are set up as the other options say.
      - With V(paused), the rules are disabled and keep their place. What is written meanwhile is not replicated, not
        even later. V(present) starts them again, also those that O(rules) does not name.
      - With V(absent), the rules are removed. Versioning, lifecycle and object lock stay as they are.
      - V(paused) and V(absent) are for the rules that O(rules) names, or for all rules to the other bucket when it
        names none.
      - What rules do not bring over, and what was deleted or written to the wrong side, is for
        M(lifeboat.dr.s3_recover).
    type: str
    choices: [present, absent, paused]
    default: present
  backend:
    description:
      - The kind of server. With V(auto), it is found by its answer to a request that only reads.
    type: str
    choices: [auto, aws, ceph, ministack, generic]
    default: auto
  role_arn:
    description:
      - The role that replicates. Amazon S3 needs it; others may ignore it.
    type: str
  reverse_role_arn:
    description:
      - The role for the way back with O(bidirectional). Without it, O(role_arn).
    type: str
  rules:
    description:
      - What is replicated. A rule is known by its O(rules[].id). Required for O(state=present).
    type: list
    elements: dict
    suboptions:
      id:
        description: The name of the rule, which is unique in the bucket.
        type: str
        required: true
      priority:
        description:
          - Which rule wins where two cover one object. The higher number wins. Must be unique for one destination.
          - Without it, the place in the list, from 1.
        type: int
      prefix:
        description: Only objects whose keys begin with this. Without it, all.
        type: str
        default: ""
      tags:
        description:
          - Only objects with all of these tags. Does not go with O(rules[].delete_markers).
        type: dict
        default: {}
      enabled:
        description: Whether the rule works.
        type: bool
        default: true
      delete_markers:
        description:
          - Whether deleting an object in the source hides it in the destination too.
          - V(false) keeps a mass deletion from reaching the destination.
        type: bool
        default: false
      replica_modifications:
        description: Whether later changes of metadata on a replica are replicated as well. On by itself with
          O(bidirectional).
        type: bool
        default: false
      replication_time:
        description: Ask for replication within 15 minutes (S3 Replication Time Control). Needs O(rules[].metrics).
        type: bool
        default: false
      metrics:
        description: Publish metrics of this rule. Without them nobody counts what is pending.
        type: bool
        default: false
      replicate_kms:
        description: Also replicate objects that are encrypted with KMS. Needs O(destination.kms_key_arn).
        type: bool
        default: false
      storage_class:
        description: The storage class of the replicas of this rule. Without it, O(destination.storage_class).
        type: str
  purge_rules:
    description: Remove replication rules of the source that O(rules) does not name.
    type: bool
    default: false
  bidirectional:
    description:
      - Also replicate from the destination to the source, with the same rules.
      - A replica is never replicated again, so nothing runs in circles.
    type: bool
    default: false
  manage_versioning:
    description: Enable versioning on both buckets where it is not. With V(false), a bucket without it is refused.
    type: bool
    default: true
  lifecycle:
    description:
      - Lifecycle rules. S3 does not replicate them, nor what they do. So they belong on both sides.
      - How long noncurrent versions stay on the destination is how long a deletion can be undone there.
    type: dict
    suboptions:
      rules:
        description: The rules. A rule is known by its O(lifecycle.rules[].id).
        type: list
        elements: dict
        required: true
        suboptions:
          id:
            description: The name of the rule.
            type: str
            required: true
          enabled:
            description: Whether the rule works.
            type: bool
            default: true
          prefix:
            description: Only objects whose keys begin with this.
            type: str
            default: ""
          tags:
            description: Only objects with all of these tags.
            type: dict
            default: {}
          size_greater_than:
            description: Only objects with more bytes.
            type: int
          size_less_than:
            description: Only objects with fewer bytes.
            type: int
          transitions:
            description: Which storage class objects move to, after how many days. Their order does not matter.
            type: list
            elements: dict
            default: []
            suboptions: &transition
              days:
                description: After how many days.
                type: int
                required: true
              storage_class:
                description: The storage class.
                type: str
                required: true
          noncurrent_transitions:
            description: The same for versions that are no longer the newest, by the days since then.
            type: list
            elements: dict
            default: []
            suboptions: *transition
          expire_days:
            description: Delete objects after so many days. In a bucket with versions, this hides them behind a delete
              marker.
            type: int
          expire_delete_markers:
            description: Remove delete markers that hide nothing any more. Does not go with
              O(lifecycle.rules[].expire_days).
            type: bool
            default: false
          noncurrent_expire_days:
            description: Remove versions for good so many days after they are no longer the newest.
            type: int
          noncurrent_keep_versions:
            description: Keep so many of those versions all the same. Needs O(lifecycle.rules[].noncurrent_expire_days).
            type: int
          abort_uploads_days:
            description: Abort uploads that are unfinished after so many days.
            type: int
      apply_to:
        description: Which bucket gets them.
        type: str
        choices: [both, source, destination]
        default: both
      purge_rules:
        description: Remove lifecycle rules that O(lifecycle.rules) does not name.
        type: bool
        default: false
  object_lock:
    description:
      - The default retention of new objects in the destination. It is raised when that is asked for, and never lowered.
      - Object lock cannot be taken away from a bucket again.
    type: dict
    suboptions:
      mode:
        description: With V(GOVERNANCE), a special permission can delete locked versions. With V(COMPLIANCE), nobody
          can.
        type: str
        choices: [GOVERNANCE, COMPLIANCE]
        required: true
      days:
        description: For how many days.
        type: int
        required: true
  public_access:
    description: What to do when one of the buckets can be read by everybody.
    type: str
    choices: [warn, refuse, ignore]
    default: warn
  state_dir:
    description:
      - Where the lock is that keeps two runs for one source bucket apart on this host, and what is remembered of the
        pair, such as the rules that were paused.
      - Without it, C(/var/lib/lifeboat) for root, and C(~/.local/state/lifeboat) for others.
    type: path
notes:
  - Rules see only what is written after them. RV(requires_resync) tells when there is something that no rule will
    replicate.
  - VersityGW has no replication API, and MinIO and RustFS have one of their own. They are refused with a line that says
    what still works.
seealso:
  - module: lifeboat.dr.s3_recover
  - module: lifeboat.dr.s3_replication_info
  - module: amazon.aws.s3_bucket
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Replicate the chunks to the other region
  lifeboat.dr.s3_replication:
    source:
      bucket: shop-chunks
      region: us-east-1
    destination:
      bucket: shop-chunks-dr
      region: us-west-2
      storage_class: STANDARD_IA
    role_arn: arn:aws:iam::123456789012:role/replication
    rules:
      - id: ReplicateChunks
        priority: 1
        prefix: chunks/
        replication_time: true
        metrics: true
    lifecycle:
      rules:
        - id: Tier
          transitions:
            - {days: 30, storage_class: STANDARD_IA}
            - {days: 90, storage_class: GLACIER_IR}
          noncurrent_expire_days: 30
    object_lock:
      mode: GOVERNANCE
      days: 30
  register: replication

- name: Stop replicating while the source is being repaired
  lifeboat.dr.s3_replication:
    state: paused
    source: {bucket: shop-chunks, region: us-east-1}
    destination: {bucket: shop-chunks-dr, region: us-west-2}
"""

RETURN = r"""
backend:
  description: The kind of server.
  type: str
  returned: always
  sample: aws
capabilities:
  description: What this kind of server can do.
  type: dict
  returned: always
config:
  description: The setup of both buckets, each with C(versioning), C(replication), C(lifecycle) and C(object_lock).
  type: dict
  returned: always
  contains:
    before:
      description: Before the run.
      type: dict
      returned: always
    after:
      description: After the run, as the server gave it back; in check mode, as planned.
      type: dict
      returned: always
ignored_by_backend:
  description: What was asked for and this server does not keep. It does not make a change.
  type: list
  elements: str
  returned: always
  sample: ["rules[ReplicateChunks].replication_time: true"]
requires_resync:
  description:
    - There are objects, or there will be, that no rule replicates, as they were written before the rule, or while it is
      paused. M(lifeboat.dr.s3_recover) brings them over.
    - It stays true until they are there. The first 1,000 objects of both sides are compared for it, and all of them
      where O(state_dir) remembers that there was something to bring over, for a minute at most.
  type: bool
  returned: always
resumed_rules:
  description: The ids of the rules that were paused by this collection and are enabled again, as O(state_dir) remembers
    them, or those that O(rules) turned on.
  type: list
  elements: str
  returned: always
disabled_rules:
  description: The ids of rules of other tools to this destination that are disabled, and stay so.
  type: list
  elements: str
  returned: always
object_lock:
  description: The object lock of the destination with C(enabled), C(mode) and C(days).
  type: dict
  returned: always
public_access:
  description: For each side V(blocked) (nothing can make it public), V(closed) (it is not public now), V(public) or
    V(unknown).
  type: dict
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._s3_replication import ARGUMENT_SPEC, REQUIRED_IF, work


def main() -> None:
    """Set two buckets up."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, required_if=REQUIRED_IF, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
