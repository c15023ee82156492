#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: failover_run
short_description: Open, resume or close a failover run
version_added: 1.0.0
description:
  - Opening a run creates the first line of a new epoch in the ledger, which only one controller can. A run that is open
    keeps every other one from being opened.
  - Opening a run again, after it was closed, is for what is done afterwards, C(protect) and C(rejoin). Its lines are
    part of the same chain, and nobody fails over meanwhile.
  - Resuming a run makes this controller its writer. The one before learns that with its next line, and stops.
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
  state:
    description: What becomes of the run.
    type: str
    choices:
      - opened
      - resumed
      - closed
      - reopened
    required: true
  mode:
    description: The mode of a new run. Required for O(state=opened). For O(state=resumed), the mode that the run has to
      have.
    type: str
    choices:
      - planned
      - unplanned
      - failback
      - drill
  run_id:
    description: The run that is meant. Required for O(state=resumed) and O(state=closed).
    type: str
  writer:
    description: RV(writer) of the run that this controller opened or resumed. Required for O(state=closed).
    type: str
  actor:
    description: Who does this, for the ledger. The account and the host if not given.
    type: str
  facts:
    description: What else the ledger keeps of it. For O(state=resumed), its C(source) and C(target) have to be those of
      the run.
    type: dict
    default: {}
  takeover:
    description: Resume although the last line is younger than a minute. Only when you know that its controller is dead.
    type: bool
    default: false
  cooldown:
    description: An unplanned run is refused for so long after the run before.
    type: str
    default: 1h
  again_because:
    description: Why an unplanned run is right within O(cooldown). It is kept in the ledger.
    type: str
  promoted_epoch:
    description: The RV(lifeboat.dr.pg_standby_info#module:promoted_epoch) of the target. The epoch of a run that is
      opened is later than it, also in a ledger that has lost the runs before.
    type: int
    default: 0
seealso:
  - module: lifeboat.dr.failover_info
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Open a run
  lifeboat.dr.failover_run:
    repositories:
      - path: /var/lib/lifeboat/ledger
    app: shop
    state: opened
    mode: unplanned
  register: failover
"""

RETURN = r"""
run_id:
  description: The run. Empty where O(state=reopened) has found none.
  type: str
  returned: success
writer:
  description: Names this controller in the lines that it writes.
  type: str
  returned: success
epoch:
  description: The epoch of the run.
  type: int
  returned: success
mode:
  description: Its mode.
  type: str
  returned: success
steps:
  description: The steps of that mode, in order.
  type: list
  elements: str
  returned: success
outcome:
  description: C(done), C(not executed), or C(executed but incomplete). Of a drill C(passed) or C(failed).
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._failover_run import ARGUMENT_SPEC, REQUIRED_IF, work


def main() -> None:
    """Open, resume or close a failover run."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, required_if=REQUIRED_IF, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
