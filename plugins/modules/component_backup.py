#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: component_backup
short_description: Back up a component of a plan
version_added: 1.0.0
description:
  - Starts the module that backs up the component's kind of store (such as M(lifeboat.dr.pg_backup),
    M(lifeboat.dr.jetstream_snapshot) or M(lifeboat.dr.s3_inventory)) with exactly the options that the plan has for it.
  - Check mode, C(become), C(delegate_to), C(async) and live progress are as with that module.
extends_documentation_fragment:
  - lifeboat.dr.attributes
attributes:
  check_mode:
    support: full
    details:
      - As the module that it starts.
  diff_mode:
    support: full
    details:
      - As the module that it starts.
  idempotent:
    support: partial
    details:
      - As the module that it starts.
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
  label:
    description: Why this backup is taken, such as V(before-release-42). It is then taken, whatever C(max_age).
    type: str
seealso:
  - module: lifeboat.dr.component_verify
  - module: lifeboat.dr.component_restore
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Back up every component, whatever becomes of the one before
  lifeboat.dr.component_backup:
    plan: "{{ lifeboat_plan }}"
    component: "{{ item }}"
  loop: "{{ lifeboat_plan.components | map(attribute='name') }}"
"""

RETURN = r"""
backup_id:
  description:
    - The backup that was taken, or the one that is young enough.
    - All else is as the module of the component's store returns it.
  type: str
  returned: always, once it was found
"""

# Its action plugin does the work: it starts the module of the component's store.
