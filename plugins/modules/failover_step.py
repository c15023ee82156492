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
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.repository
  - lifeboat.dr.ledger
  - lifeboat.dr.ledger.drills
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: none
options:
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
      - rejoin
      - drill_preflight
      - drill_database
      - drill_stores
      - drill_copies
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
  go_on:
    description:
      - With O(state=begun), pass over steps that have ended, and begin the first one from O(step) on that has not.
      - Otherwise, begin the next step after O(step) in the same way. So one task ends a step and begins the next.
    type: bool
    default: false
  empty:
    description: Steps for which there is nothing to do. With O(go_on), they are journalled as skipped on the way.
    type: list
    elements: str
    default: []
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
step:
  description: The step that was begun; empty where none is left.
  type: str
  returned: success
action:
  description: C(run) it, C(observe) what came of an earlier try before it is repeated, C(skip) it, or C(halt). Empty
    where no step was begun.
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
