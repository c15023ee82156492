#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: s3_replication
short_description: Replicate a bucket to another one
version_added: 0.1.0
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
        even later.
      - With V(absent), the rules are removed. Versioning, lifecycle and object lock stay as they are.
      - V(paused) and V(absent) are for the rules that O(rules) names, or for all rules to the other bucket when it
        names none.
      - With V(undeleted), objects that were deleted in a window of time are there again, on both sides. Only delete
        markers are removed.
      - With V(resynced), objects that the destination lacks are brought there, as O(resync) says.
      - With V(failed_back), what was written to the destination is brought back to the source, and nothing newer there
        is overwritten.
      - With V(reverted), what one of these did is taken back, as its journal tells, except for what was changed since.
    type: str
    choices: [present, absent, paused, undeleted, resynced, failed_back, reverted]
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
      - Where the lock is that keeps two runs for one source bucket apart on this host.
      - Without it, C(/var/lib/lifeboat) for root, and C(~/.local/state/lifeboat) for others.
    type: path
  prefix:
    description:
      - Act only on keys that begin with this.
      - Without it, or with an empty one, acting on the whole bucket needs O(confirm_bucket).
    type: str
  confirm_bucket:
    description: The name of the source bucket, typed once more, to act on all of it.
    type: str
  sides:
    description: Which bucket O(state=undeleted) works on. Without it, both.
    type: str
    choices: [both, source, destination]
  deleted_after:
    description:
      - Undo deletions since this point in time, as V(2026-01-15T02:00:00Z), or how long ago, as V(3h).
      - The times are those of the server's clock.
    type: str
  deleted_before:
    description: Undo deletions until this point in time. Without it, now.
    type: str
  replica_lag:
    description: By how much a replicated delete marker may be younger than its original, on servers that give it a time
      of its own.
    type: str
    default: 15m
  version_at:
    description:
      - With O(state=undeleted), bring back what keys were at this point in time, also those that were overwritten
        since.
      - The version of then is copied over the newest one. No version is deleted, and what was created later stays.
      - Works on the source unless O(sides) says otherwise, since the rules carry the copies on.
    type: str
  on_conflict:
    description:
      - What O(state=failed_back) does about a key that both sides have, with content that the source never had.
      - With V(keep_newer), the younger one wins. With V(keep_source), that of the source.
      - With V(fail), the task fails before the first copy when there is such a key.
    type: str
    choices: [keep_newer, keep_source, fail]
    default: keep_newer
  pause_forward:
    description:
      - Pause the rules to the destination before O(state=failed_back) copies, so that nothing that comes back is sent
        out again.
      - They stay paused. Run O(state=present) when the application writes to the source again.
    type: bool
    default: true
  revert_journal:
    description: The journal of the run that O(state=reverted) takes back.
    type: path
  resync:
    description:
      - Which objects O(state=resynced) brings to the destination.
      - With V(missing), those that are not there.
      - With V(different), also those whose content differs, by size, by ETag, or by checksum. What was there stays as
        an earlier version.
      - With V(failed), those that the server says it could not replicate. This asks for each object, as listings do not
        tell.
    type: str
    choices: [missing, different, failed]
    default: missing
  method:
    description:
      - How objects are copied.
      - With V(batch), by a job of S3 Batch Operations (Amazon S3 only), which keeps version ids.
      - With V(server), by the server, where both buckets are on one server and can be reached with one access key.
      - With V(stream), through this host, with the MD5 of each object compared with its ETag.
      - With V(auto), the first of these that can be done.
    type: str
    choices: [auto, batch, server, stream]
    default: auto
  grace:
    description:
      - Objects younger than this may still be on their way and are left to the rules, as long as there is one that is
        enabled.
      - Where the server says of each object what became of it (Amazon S3), only those that a rule has taken up are left
        to it. What was
        there before the rule never goes over by itself, however young it is, and is copied.
    type: str
    default: 15m
  batch_role_arn:
    description: The role of the batch job. Without it, O(role_arn).
    type: str
  report_bucket:
    description: The bucket that the batch job writes its report of failures to.
    type: str
  wait:
    description: Wait for the end of the batch job.
    type: bool
    default: true
  parallel:
    description: How many requests at a time, from 1 to 64.
    type: int
    default: 8
  journal_path:
    description:
      - Where what is about to be done is written before it is done, as JSON lines, with mode V(0600). It is never
        overwritten.
      - Without it, a new file in O(state_dir), which RV(journal_path) names.
    type: path
  time_limit:
    description: How long an acting state may take, such as V(2h). When it is over, what was done stays, and another run
      goes on.
    type: str
notes:
  - An acting state that was interrupted is run again with the same options. It looks at the buckets, and does what is
    left.
  - Rules see only what is written after them. RV(requires_resync) tells when there is something that no rule will
    replicate.
  - VersityGW has no replication API, and MinIO and RustFS have one of their own. They are refused with a line that says
    what still works.
seealso:
  - module: amazon.aws.s3_bucket
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Bring back what was written to the other region during the outage
  lifeboat.dr.s3_replication:
    state: failed_back
    source: {bucket: shop-chunks, region: us-east-1}
    destination: {bucket: shop-chunks-dr, region: us-west-2}
    confirm_bucket: shop-chunks

- name: Bring what was there before the rule to the destination
  lifeboat.dr.s3_replication:
    state: resynced
    source: {bucket: shop-chunks, region: us-east-1, account_id: "123456789012"}
    destination: {bucket: shop-chunks-dr, region: us-west-2}
    batch_role_arn: arn:aws:iam::123456789012:role/batch-replication

- name: See what a mass deletion took, and bring it back without --check
  lifeboat.dr.s3_replication:
    state: undeleted
    source: {bucket: shop-chunks, region: us-east-1}
    destination: {bucket: shop-chunks-dr, region: us-west-2}
    prefix: chunks/
    deleted_after: "2026-01-15T02:00:00Z"
    deleted_before: "2026-01-15T02:30:00Z"

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
  returned: with a configuring state
  sample: aws
capabilities:
  description: What this kind of server can do.
  type: dict
  returned: with a configuring state
config:
  description: The setup of both buckets, each with C(versioning), C(replication), C(lifecycle) and C(object_lock).
  type: dict
  returned: with a configuring state
  contains:
    before:
      description: Before the run.
      type: dict
      returned: with a configuring state
    after:
      description: After the run, as the server gave it back; in check mode, as planned.
      type: dict
      returned: with a configuring state
ignored_by_backend:
  description: What was asked for and this server does not keep. It does not make a change.
  type: list
  elements: str
  returned: with a configuring state
  sample: ["rules[ReplicateChunks].replication_time: true"]
requires_resync:
  description: There are objects, or there will be, that no rule replicates, as they were written before the rule, or
    while it is paused.
  type: bool
  returned: with a configuring state
object_lock:
  description: The object lock of the destination with C(enabled), C(mode) and C(days).
  type: dict
  returned: with a configuring state
public_access:
  description: For each side V(blocked) (nothing can make it public), V(closed) (it is not public now), V(public) or
    V(unknown).
  type: dict
  returned: with a configuring state
undeleted:
  description: For each side, how many keys are there again, or would be in check mode.
  type: dict
  returned: with O(state=undeleted)
copied:
  description: How many objects and bytes were copied, or would be in check mode, and what was in the way.
  type: dict
  returned: when objects are copied
  contains:
    objects:
      description: How many objects.
      type: int
      returned: always
    bytes:
      description: Their size.
      type: int
      returned: always
    conflicts:
      description: How many were left alone since something newer is at the target, or since the original changed
        meanwhile.
      type: dict
      returned: always
    method:
      description: V(server) or V(stream).
      type: str
      returned: always
pending:
  description: How many objects were left to the rules, since they are younger than O(grace) and may be on their way.
  type: int
  returned: with O(state=resynced)
unverifiable:
  description: How many objects neither ETag nor checksum can tell the same or different. They were not copied.
  type: int
  returned: with O(state=resynced)
race_free:
  description: Whether the server itself checks, in the moment of writing, that nothing newer is overwritten.
  type: bool
  returned: when objects are copied
by_batch_job:
  description: Whether a batch job does it, or would.
  type: bool
  returned: with O(state=resynced)
job:
  description: The batch job, with C(id), C(status), C(total), C(succeeded), C(failed), C(reasons) and C(report).
  type: dict
  returned: when there is one
paused_rules:
  description: The ids of the rules that were paused, or would be.
  type: list
  elements: str
  returned: with O(state=failed_back)
reverted:
  description: For each side, how many keys are as they were before.
  type: dict
  returned: with O(state=reverted)
retained:
  description: How many delete markers could not be removed. If there are any, the task fails after having done the
    rest.
  type: int
  returned: with O(state=undeleted)
left_alone:
  description: Keys that were left alone, by reason.
  type: dict
  returned: with an acting state
samples:
  description: The first keys of each kind, at most 20.
  type: dict
  returned: with an acting state
requests:
  description: How many requests of each kind were made; in check mode, including those that would be made.
  type: dict
  returned: with an acting state
estimated_cost_usd:
  description: What these requests cost at the list price of Amazon S3 in us-east-1.
  type: float
  returned: with an acting state
seconds:
  description: How long it took.
  type: float
  returned: with an acting state
journal_path:
  description: The journal of what was done.
  type: str
  returned: with an acting state, not in check mode
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._s3_replication import ARGUMENT_SPEC, REQUIRED_IF, work


def main() -> None:
    """Set two buckets up."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, required_if=REQUIRED_IF, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
