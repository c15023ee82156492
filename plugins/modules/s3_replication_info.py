#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: s3_replication_info
short_description: Prove that one bucket holds what another one holds
version_added: 1.0.0
description:
  - Compares two buckets, whatever copies the objects between them, and says in one word whether they are the same.
  - Both buckets are listed at the same time, many parts of them side by side, and joined in the order of their keys.
    That costs one
    request
    for a thousand objects, and memory does not depend on the size of the buckets.
  - Objects are asked for one by one only where the listings leave something open.
  - A difference of ETags alone is not proof of anything, since parts and KMS keys change it. It is V(unverifiable),
    until a checksum or the
    content settles it.
  - Nothing is written but the canary of O(level=canary), which is removed again, and O(state_file). The task does not
    fail when the
    buckets
    differ. Use C(failed_when).
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.s3_sides
  - lifeboat.dr._progress
attributes:
  check_mode:
    support: full
    details:
      - Does not compare. Says how many requests that would take, and what they cost at Amazon S3's list prices.
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  level:
    description:
      - How closely to look. Each level proves what is written here, and nothing more.
      - V(config) reads versioning and replication rules, and CloudWatch where there is one. It proves nothing about
        objects.
      - V(canary) puts a small object into the source, waits for it at the destination, measures how long that took, and
        removes it. It
        proves
        that replication works now, for keys with O(prefix).
      - V(count) lists both buckets and compares how many objects and bytes there are.
      - V(listing) compares key, size and ETag of every object.
      - V(versions) compares every version and delete marker, by its version id where both servers keep it, otherwise by
        size and ETag
        in order.
        Equal version ids prove that the destination has the very version, whatever its ETag.
      - V(checksum) is V(listing), and settles what that leaves open by checksums of whole objects, where both servers
        keep them. With
        O(sample), the checksums of so many other objects are compared too.
      - V(content) is V(checksum), and also reads O(sample) objects, and those that are still not verifiable, on both
        sides and compares
        them byte for byte (by SHA-256).
    type: str
    choices: [config, canary, count, listing, versions, checksum, content]
    default: listing
  prefix:
    description: Look only at keys that begin with this. For O(level=canary), put the canary there.
    type: str
    default: ""
  grace:
    description:
      - How old an object of the source has to be before it is an error that the destination does not have it. Younger
        ones are
        RV(pending).
      - Ages are measured by the clock of the source's server.
    type: str
    default: 15m
  max_pending:
    description: With so many pending objects or fewer the verdict is still V(in_sync).
    type: int
    default: 0
  max_lag:
    description: With a canary that took longer than this, such as V(5m), the verdict is V(lagging). There is no limit
      if not given.
    type: str
  ignore_extra:
    description:
      - What only the destination has is counted, and does not change the verdict. Use this where deletes are not
        replicated on purpose.
    type: bool
    default: false
  allow_empty:
    description:
      - Two empty buckets, or two without any object below O(prefix), are V(in_sync). Without it they are V(unknown), as
        nothing was compared.
    type: bool
    default: false
  delete_markers:
    description: Whether O(level=versions) compares delete markers. Set this to V(false) where they are not replicated
      on purpose.
    type: bool
    default: true
  sample:
    description:
      - How many objects to look at more closely, for O(level=checksum) and O(level=content).
      - If not given, V(100) for O(level=content), none for O(level=checksum).
    type: int
  sample_seed:
    description:
      - Decides which objects are in the sample. One seed picks the same objects each time. If not given, the date, so
        that each day
        has others.
    type: str
  max_samples:
    description: How many examples of each kind of difference to return.
    type: int
    default: 20
  max_rechecks:
    description:
      - How many missing, extra and different objects, of each kind, to ask for once more before they are reported. What
        was copied,
        changed or removed while the listings went on is found out by that.
      - If one of these is encrypted so that its ETag says nothing about its content, all others that differ in nothing
        but the ETag are
        V(unverifiable).
    type: int
    default: 1000
  max_heads:
    description: How many objects O(level=checksum) and O(level=content) ask for one by one at most. The rest stays
      V(unverifiable).
    type: int
    default: 10000
  parallel:
    description: How many parts of the keys to list at a time. Each is one request at a time to either side.
    type: int
    default: 32
  canary_timeout:
    description: How long O(level=canary) waits for its object.
    type: str
    default: 2m
  cloudwatch:
    description:
      - Whether to ask Amazon CloudWatch too, in the regions of both buckets. If not given, only for Amazon S3 (no
        O(source.endpoint_url)).
    type: bool
  state_file:
    description:
      - File on the host where a long comparison keeps, every few seconds, how far it is. A comparison with the same
        options that finds
        the file
        goes on from there. It is removed at the end.
      - It holds keys of objects that differ, and no credentials. Its mode is V(0600).
    type: path
  time_limit:
    description: How long the comparison may take. There is no limit if not given.
    type: str
notes:
  - The keys need the permissions C(s3:ListBucket), for O(level=versions) C(s3:ListBucketVersions), and C(s3:GetObject)
    on both sides.
    O(level=canary) needs C(s3:PutObject) at the source and C(s3:DeleteObjectVersion) on both sides.
seealso:
  - module: lifeboat.dr.restore_verify
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Every night, compare all objects of a pair
  lifeboat.dr.s3_replication_info:
    source:
      bucket: shop-chunks
      region: us-east-1
    destination:
      bucket: shop-chunks-dr
      region: us-west-2
    max_pending: 1000
  register: replica
  failed_when: replica.verdict != "in_sync"

- name: Every week, also read a hundred objects byte for byte, on two servers of our own
  lifeboat.dr.s3_replication_info:
    level: content
    sample: 100
    source:
      bucket: chunks
      endpoint_url: https://s3.east.example.com
      access_key: AKIAEXAMPLE
      secret_key: "{{ vault_east_secret_key }}"
    destination:
      bucket: chunks
      endpoint_url: https://s3.west.example.com
      access_key: AKIAEXAMPLE
      secret_key: "{{ vault_west_secret_key }}"

- name: Every five minutes, measure how long replication takes
  lifeboat.dr.s3_replication_info:
    level: canary
    prefix: chunks/
    max_lag: 5m
    source:
      bucket: shop-chunks
      region: us-east-1
    destination:
      bucket: shop-chunks-dr
      region: us-west-2
"""

RETURN = r"""
verdict:
  description: V(in_sync), V(lagging), V(diverged), or V(unknown) where the level cannot tell.
  type: str
  returned: except in check mode
summary:
  description: The verdict and why, as a sentence.
  type: str
  returned: except in check mode
reasons:
  description: Why, the worst first.
  type: list
  elements: str
  returned: except in check mode
level:
  description: The level.
  type: str
  returned: always
prefix:
  description: The prefix.
  type: str
  returned: always
source:
  description: The bucket that was compared with.
  type: str
  returned: always
destination:
  description: The bucket that was compared.
  type: str
  returned: always
verified_at:
  description: When the comparison ended, in UTC.
  type: str
  returned: except in check mode
pending_objects:
  description:
    - How many objects of the source the destination lacks, young ones included, by our own count. For O(level=config)
      it is what
      CloudWatch
      counts. V(null) where it is not known, never V(0).
  type: int
  returned: except in check mode
lag_seconds:
  description: How long the canary took. V(null) where none arrived or none was sent.
  type: float
  returned: except in check mode
compared:
  description:
    - How many objects and bytes each side has, how many are the same (C(matched), and by what), and how many were asked
      for again.
    - For a sample, C(sample) has C(objects), C(same) and C(bytes) that were read.
  type: dict
  returned: for levels that list
missing:
  description: What the destination lacks, as C(count), C(bytes), C(oldest) and C(sample).
  type: dict
  returned: for levels that compare objects
extra:
  description: What only the destination has.
  type: dict
  returned: for levels that compare objects
mismatched:
  description: What is different on the two sides.
  type: dict
  returned: for levels that compare objects
unverifiable:
  description: What this level cannot tell to be the same or different.
  type: dict
  returned: for levels that compare objects
pending:
  description: What is younger than O(grace) and not the same yet.
  type: dict
  returned: for levels that compare objects
canary:
  description: The canary, with C(key), C(arrived), C(lag_seconds), C(waited_seconds), C(reason), C(leftovers) and
    C(replication_status), which is what the source said of it while it was not there. V(FAILED) ends the waiting.
  type: dict
  returned: for O(level=canary)
configuration:
  description: Versioning and rules as they are, and C(problems), which say why objects are not replicated.
  type: dict
  returned: for O(level=config)
cloudwatch:
  description:
    - Whether CloudWatch had data (C(available), C(reason)), and C(operations_pending), C(bytes_pending),
      C(latency_seconds) and
      C(operations_failed), each with C(value), C(region), C(at) and C(rules), or V(null) where there is no data.
  type: dict
  returned: except in check mode; null where CloudWatch was not asked
requests:
  description: How many requests were made, by kind.
  type: dict
  returned: except in check mode
estimated_cost_usd:
  description: What these requests cost at Amazon S3's list prices, in US dollars. Traffic is not in it.
  type: float
  returned: except in check mode
duration_seconds:
  description: How long it took.
  type: float
  returned: except in check mode
clock_skew_seconds:
  description: How far the clocks of the servers are ahead of the host's, by side.
  type: dict
  returned: except in check mode
metrics_text:
  description: The numbers for Prometheus, for the textfile collector of node_exporter. What is not known has no line.
  type: str
  returned: except in check mode
planned:
  description:
    - What a comparison would ask for, as C(requests), C(objects), C(estimated_cost_usd), and whether that is C(exact).
      If not,
      C(known_by) says where the numbers are from, and V(at_least) means that there may be any number more.
  type: dict
  returned: in check mode
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._s3_replication_info import ARGUMENT_SPEC, work


def main() -> None:
    """Compare two buckets."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
