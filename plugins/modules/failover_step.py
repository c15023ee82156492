#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: failover_step
short_description: Journal a step of a failover
version_added: 1.0.0
description:
  - With O(state=begun), says what is to be done with the step, and writes the intent into the ledger before anybody
    acts.
  - With the other states, writes what came of it.
requirements:
  - Python library C(boto3) (for S3).
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.repository
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: none
options:
  repositories:
    description: The one repository that holds the ledger, in the target region or in a third place. It has to be a
      directory, or an S3 server that keeps to conditional writes.
  app:
    description: The application.
    type: str
    required: true
  run_id:
    description: The run.
    type: str
    required: true
  writer:
    description: The writer that M(lifeboat.dr.failover_run) gave. A controller whose run was resumed elsewhere is
      refused.
    type: str
    required: true
  step:
    description: The step.
    type: str
    required: true
    choices:
      - freeze
      - verdict
      - preflight
      - return_point
      - approve
      - fence
      - drain
      - promote_database
      - promote_streams
      - switch_buckets
      - promote_cache
      - start_application
      - smoke_test
      - traffic
      - health
      - commit
      - protect
      - unfreeze
  state:
    description: What has become of it.
    type: str
    required: true
    choices:
      - begun
      - done
      - failed
      - skipped
      - compensated
  facts:
    description: What the ledger keeps of it. Never put a secret here.
    type: dict
    default: {}
  actor:
    description: Who does this, for the ledger. The account and the host if not given.
    type: str
seealso:
  - module: lifeboat.dr.failover_info
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Begin to fence the source
  lifeboat.dr.failover_step:
    repositories:
      - path: /var/lib/lifeboat/ledger
    app: shop
    run_id: "{{ failover.run_id }}"
    writer: "{{ failover.writer }}"
    step: fence
    state: begun
  register: fence
"""

RETURN = r"""
action:
  description: C(run) it, C(observe) what came of an earlier try before it is repeated, C(skip) it, or C(halt). Only for
    O(state=begun).
  type: str
  returned: success
why:
  description: Why.
  type: str
  returned: success
title:
  description: The step in words.
  type: str
  returned: success
timeout_seconds:
  description: How long it may take.
  type: int
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._failover_step import ARGUMENT_SPEC, work


def main() -> None:
    """Journal a step of a failover."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
