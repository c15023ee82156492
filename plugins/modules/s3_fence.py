#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: s3_fence
short_description: Have a bucket refuse writes
version_added: 1.0.0
description:
  - Adds one statement to the bucket's policy, C(LifeboatFence), that denies everybody to write and delete objects. All
    other statements stay word by word, and O(state=unfenced) takes this one away.
  - It is proved by a write that is refused. The object that is sent has a wrong MD5, so that a bucket that is not
    fenced does not store it either.
  - Objects can still be read, and replicated to another bucket.
  - Some servers let the owner of all do what a policy denies, and some know no policies. Where the write is not
    refused, the module fails.
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.s3_sides.bucket
attributes:
  check_mode:
    support: full
    details:
      - The policy is read. No write is tried.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  state:
    description: Whether the bucket refuses writes.
    type: str
    choices: [fenced, unfenced]
    required: true
  writer:
    description: As whom the write is tried, the application. Without it, as who sets the policy, whom some servers let
      in all the same.
    type: dict
    suboptions:
      access_key:
        description: Its access key.
        type: str
        required: true
      secret_key:
        description: Its secret key.
        type: str
        required: true
      session_token:
        description: Its session token.
        type: str
  time_limit:
    description: How long it may take until the server acts on it.
    type: str
    default: 1m
notes:
  - It takes C(s3:GetBucketPolicy), C(s3:PutBucketPolicy) and C(s3:DeleteBucketPolicy).
seealso:
  - module: lifeboat.dr.pg_fence
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Refuse writes in the region that is left
  lifeboat.dr.s3_fence:
    state: fenced
    bucket: {bucket: shop-chunks, region: eu-central-1}
    writer:
      access_key: "{{ shop_access_key }}"
      secret_key: "{{ shop_secret_key }}"
"""

RETURN = r"""
server:
  description: The bucket.
  type: str
  returned: success
refuses_writes:
  description: Whether it refuses writes now; in check mode, whether it would.
  type: bool
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._s3_fence import ARGUMENT_SPEC, work


def main() -> None:
    """Have a bucket refuse writes."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
