#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: component_prune
short_description: Delete old backups of a component of a plan
version_added: 1.0.0
description:
  - Starts M(lifeboat.dr.backup_prune) for one component, with the C(retention) that the plan has for it.
  - Where neither the plan nor the component has a C(retention), nothing is deleted.
extends_documentation_fragment:
  - lifeboat.dr.attributes
attributes:
  check_mode:
    support: full
    details:
      - It gives the plan that a run would carry out.
  diff_mode:
    support: full
    details:
      - The backups before and after.
  idempotent:
    support: full
options:
  plan:
    description: A C(lifeboat_plan). The README of the role P(lifeboat.dr.plan#role) describes its keys.
    type: dict
    required: true
  component:
    description: The name of a component in O(plan).
    type: str
    required: true
  state_dir:
    description: Where the locks of runs are kept, for a component that does not say it itself.
    type: path
  confirm:
    description: The RV(digest) of a plan that somebody has looked at; see M(lifeboat.dr.backup_prune).
    type: str
seealso:
  - module: lifeboat.dr.backup_prune
  - module: lifeboat.dr.component_backup
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Delete what no rule of the plan keeps, whatever becomes of the component before
  lifeboat.dr.component_prune:
    plan: "{{ lifeboat_plan }}"
    component: "{{ item }}"
  loop: "{{ lifeboat_plan.components | map(attribute='name') }}"
"""

RETURN = r"""
digest:
  description:
    - Names exactly what is to be deleted.
    - All else is as M(lifeboat.dr.backup_prune) returns it.
  type: str
  returned: where the component has a retention
  sample: 5b1f0c2d9e7a4f31
"""

# Its action plugin does the work: it starts the module backup_prune.
