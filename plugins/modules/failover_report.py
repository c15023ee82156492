#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: failover_report
short_description: Write the report of the newest failover run of an application
version_added: 1.0.0
description:
  - Makes the report out of the ledger and of nothing else, as JSON, HTML, Markdown and JUnit. It can be made again at
    any time, also of a run that stands still.
  - It says when what happened, how long the application was out of service and what each store lost, each against what
    was promised, and every rule that a person set aside, with the reason. What is not known counts as missed.
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
    support: full
options:
  report_dir:
    description: Where the four files are written, with mode 0600. None is written if not given.
    type: path
seealso:
  - module: lifeboat.dr.failover_info
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Write the report of the failover
  lifeboat.dr.failover_report:
    repositories:
      - path: /var/lib/lifeboat/ledger
    app: shop
    report_dir: /var/lib/lifeboat/reports
"""

RETURN = r"""
outcome:
  description: V(done), V(not executed) or V(executed but incomplete), and of a drill V(passed) or V(failed).
  type: str
  returned: success
rto_seconds:
  description: How long the application was out of service. Null where nobody knows.
  type: float
  returned: success
rto_status:
  description: V(met), V(missed) or V(not promised).
  type: str
  returned: success
stores:
  description: What each store lost, with C(name), C(promised_seconds), C(lost_seconds), C(lost_beats), C(lost_amount),
    C(unit) and C(status).
  type: list
  elements: dict
  returned: success
ledger_sha256:
  description: The hash of the ledger's last line, which holds the hash of the line before it, and so on.
  type: str
  returned: success
reports:
  description: The paths of C(json), C(html), C(markdown) and C(junit). Empty without O(report_dir).
  type: dict
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._failover_report import ARGUMENT_SPEC, work


def main() -> None:
    """Write the report of a failover."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
