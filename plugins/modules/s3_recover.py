#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: s3_recover
short_description: Bring back what is deleted, missing or on the wrong side of a pair of buckets
version_added: 1.0.0
description:
  - Acts on the objects of two buckets, one of which is the replica of the other. M(lifeboat.dr.s3_replication) sets the
    pair up.
  - No version of an object is ever deleted, and nothing newer is overwritten. What is going to be done is in a journal
    before it is done, and O(state=reverted) takes it back.
  - Check mode lists and counts the same, with the requests and what they cost, and writes nothing.
  - It works on every S3 server, also on those that cannot replicate.
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.s3_replication
  - lifeboat.dr._progress
attributes:
  check_mode:
    support: full
    details:
      - Everything is listed and counted, and nothing is written.
  diff_mode:
    support: full
    details:
      - How many objects there are to bring back, before and after.
  idempotent:
    support: full
    details:
      - A second run finds nothing left to do.
options:
  state:
    description:
      - With V(undeleted), objects that were deleted in a window of time are there again, on both sides. Only delete
        markers are removed.
      - With V(resynced), objects that the destination lacks are brought there, as O(resync) says.
      - With V(failed_back), what was written to the destination is brought back to the source, and nothing newer there
        is overwritten.
      - With V(reverted), what one of these did is taken back, as its journal tells, except for what was changed since.
      - An option that belongs to another state is refused.
    type: str
    choices: [undeleted, resynced, failed_back, reverted]
    required: true
  backend:
    description:
      - The kind of server. With V(auto), it is found by its answer to a request that only reads.
    type: str
    choices: [auto, aws, ceph, ministack, generic]
    default: auto
  state_dir:
    description:
      - Where the journals are, and the lock that keeps two runs for one source bucket apart on this host.
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
      - They stay paused. Run M(lifeboat.dr.s3_replication) with V(present) when the application writes to the source
        again.
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
    description: The role of the batch job, which O(method=batch) needs.
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
      - Without it, a new file in O(state_dir), which RV(journal_path) names. A run that goes on with what another one
        did not finish goes on in its journal, so that one journal has all.
    type: path
  time_limit:
    description: How long it may take, such as V(2h). When it is over, what was done stays, and another run
      goes on.
    type: str
notes:
  - A run that was interrupted is run again with the same options. It looks at the buckets, and does what is left.
seealso:
  - module: lifeboat.dr.s3_replication
  - module: lifeboat.dr.s3_replication_info
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Bring back what was written to the other region during the outage
  lifeboat.dr.s3_recover:
    state: failed_back
    source: {bucket: shop-chunks, region: us-east-1}
    destination: {bucket: shop-chunks-dr, region: us-west-2}
    confirm_bucket: shop-chunks

- name: Bring what was there before the rule to the destination
  lifeboat.dr.s3_recover:
    state: resynced
    source: {bucket: shop-chunks, region: us-east-1, account_id: "123456789012"}
    destination: {bucket: shop-chunks-dr, region: us-west-2}
    batch_role_arn: arn:aws:iam::123456789012:role/batch-replication

- name: See what a mass deletion took, and bring it back without --check
  lifeboat.dr.s3_recover:
    state: undeleted
    source: {bucket: shop-chunks, region: us-east-1}
    destination: {bucket: shop-chunks-dr, region: us-west-2}
    prefix: chunks/
    deleted_after: "2026-01-15T02:00:00Z"
    deleted_before: "2026-01-15T02:30:00Z"

- name: Take that back
  lifeboat.dr.s3_recover:
    state: reverted
    source: {bucket: shop-chunks, region: us-east-1}
    destination: {bucket: shop-chunks-dr, region: us-west-2}
    revert_journal: /var/lib/lifeboat/s3@shop-chunks@undelete-20260115T031500Z-3f9a2c.jsonl
"""

RETURN = r"""
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
  returned: always
listed:
  description: For each bucket that was listed, how many keys there were.
  type: dict
  returned: always
not_done:
  description: How many objects were passed over since they could not be done or named, see RV(samples). The task fails
    after it has done the rest.
  type: int
  returned: when there are any
samples:
  description: The first keys of each kind, at most 20.
  type: dict
  returned: always
requests:
  description: How many requests of each kind were made; in check mode, including those that would be made.
  type: dict
  returned: always
estimated_cost_usd:
  description: What these requests cost at the list price of Amazon S3 in us-east-1.
  type: float
  returned: always
seconds:
  description: How long it took.
  type: float
  returned: always
journal_path:
  description: The journal of what was done.
  type: str
  returned: not in check mode
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._s3_recover import ARGUMENT_SPEC, work


def main() -> None:
    """Bring objects back."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
