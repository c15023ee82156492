#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: failover_info
short_description: Show the newest failover run of an application
version_added: 1.0.0
description:
  - Reads the ledger, checks the chain of its lines, and says what is safe to do.
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.repository
  - lifeboat.dr.ledger
  - lifeboat.dr.ledger.drills
attributes:
  check_mode:
    support: full
    details:
      - This module does not modify state.
  diff_mode:
    support: N/A
    details:
      - This module does not modify state.
  idempotent:
    support: full
seealso:
  - module: lifeboat.dr.failover_info
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Ask what state the failover is in
  lifeboat.dr.failover_info:
    repositories:
      - path: /var/lib/lifeboat/ledger
    app: shop
  register: failover

- name: Show what is safe
  ansible.builtin.debug:
    var: failover.advice
"""

RETURN = r"""
epoch:
  description: The newest epoch; V(0) when nobody has ever failed over.
  type: int
  returned: success
run_id:
  description: The run that the epoch belongs to.
  type: str
  returned: success
mode:
  description: The run's mode.
  type: str
  returned: success
open:
  description: Whether the run is not closed.
  type: bool
  returned: success
committed:
  description: Whether it has committed. Until then the new side is provisional.
  type: bool
  returned: success
outcome:
  description: C(done), C(not executed), or C(executed but incomplete). Of a drill C(passed) or C(failed).
  type: str
  returned: success
next_step:
  description: The step that a resumed run would take next.
  type: str
  returned: success
undo:
  description: The steps that an abort undoes, in this order.
  type: list
  elements: str
  returned: success
advice:
  description: What is safe, in a sentence.
  type: str
  returned: success
to_go_on:
  description:
    - What is typed to go on with the run, as the name of a playbook of lifeboat.dr with its extra variables and
      whatever was accepted so far. Empty where no failover is open.
  type: str
  returned: success
to_abort:
  description: What is typed to abort it. Empty where that is not possible.
  type: str
  returned: success
timeline:
  description: Every line of the ledger, with C(at), C(step), C(phase), C(actor), C(facts) and C(summary), the
    line as people read it, with why it failed.
  type: list
  elements: dict
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._failover_info import ARGUMENT_SPEC, work


def main() -> None:
    """Show the newest failover run of an application."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
