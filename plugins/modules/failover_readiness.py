#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: failover_readiness
short_description: Tell Prometheus whether a failover could start
version_added: 1.0.0
description:
  - Writes how a preflight has ended. The role P(lifeboat.dr.failover#role) uses it.
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.metrics
attributes:
  check_mode:
    support: full
    details:
      - No metrics are written.
  diff_mode:
    support: N/A
    details:
      - This module does not modify state.
  idempotent:
    support: full
options:
  app:
    description: The application.
    type: str
    required: true
  source:
    description: The region that would be left.
    type: str
    required: true
  target:
    description: The region that would take over.
    type: str
    required: true
  problems:
    description: What keeps a failover from being started.
    type: list
    elements: str
    default: []
  warnings:
    description: What does not, and should not be so.
    type: list
    elements: str
    default: []
  losses:
    description: C(losses) of M(lifeboat.dr.failover_judge).
    type: list
    elements: dict
    default: []
  drilled_at:
    description: When a drill last passed, in ISO 8601. Empty where none has.
    type: str
    default: ""
seealso:
  - module: lifeboat.dr.failover_judge
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Tell Prometheus that it could start
  lifeboat.dr.failover_readiness:
    app: shop
    source: eu-central-1
    target: eu-west-1
    metrics:
      dir: /var/lib/prometheus/node-exporter
"""

RETURN = r"""
state:
  description: C(ready), C(degraded) or C(not ready).
  type: str
  returned: success
because:
  description: The problems and the warnings.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._failover_readiness import ARGUMENT_SPEC, work


def main() -> None:
    """Tell Prometheus whether a failover could start."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
