#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: component_verify
short_description: Prove the backup of a component of a plan
version_added: 1.0.0
description:
  - Starts the module that proves backups of the component's kind of store (such as M(lifeboat.dr.pg_verify),
    M(lifeboat.dr.jetstream_verify) or M(lifeboat.dr.s3_verify)) with what C(verification) of the plan and of the
    component say.
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
  options:
    description:
      - Options of the module that proves, such as C(backup) or C(time_limit). They come before what the plan says.
    type: dict
    version_added: 1.0.0
seealso:
  - module: lifeboat.dr.component_backup
  - module: lifeboat.dr.component_restore
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Prove a backup
  lifeboat.dr.component_verify:
    plan: "{{ lifeboat_plan }}"
    component: codex
"""

RETURN = r"""
backup_id:
  description:
    - The backup that was proven.
    - All else is as the module of the component's store returns it.
  type: str
  returned: always, once it was found
"""

# Its action plugin does the work: it starts the module of the component's store.
