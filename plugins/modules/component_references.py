#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: component_references
short_description: Read what a component of a plan names of another, or look whether it is there
version_added: 1.0.0
description:
  - Starts the module that reads names of the component's kind of store (such as M(lifeboat.dr.pg_references)) for one
    side of an entry of C(references) in a plan.
  - The side C(from) writes the names to a file in O(folder); the side C(to) looks for them.
  - The role P(lifeboat.dr.rehearsal#role) calls it, with stores that it has restored.
extends_documentation_fragment:
  - lifeboat.dr.attributes
attributes:
  check_mode:
    support: full
    details:
      - As the module that it starts.
  diff_mode:
    support: N/A
    details:
      - This module does not modify state.
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
  number:
    description: The number of the entry in C(references) of O(plan), from 0.
    type: int
    required: true
  side:
    description: Which side of it.
    type: str
    choices: [from, to]
    required: true
  stores:
    description: Where the stores were restored, by the components' names, as P(lifeboat.dr.rehearsal_stores#filter)
      gives it.
    type: dict
  restore:
    description: The options that they were restored with, by the components' names.
    type: dict
  folder:
    description: The folder of the rehearsal.
    type: path
    required: true
  seconds:
    description: How long it may take. An hour if not given.
    type: int
seealso:
  - module: lifeboat.dr.pg_references
  - module: lifeboat.dr.s3_references
  - module: lifeboat.dr.jetstream_references
  - module: lifeboat.dr.redis_references
  - module: lifeboat.dr.paths_references
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Collect what the first entry of the plan names
  lifeboat.dr.component_references:
    plan: "{{ lifeboat_plan }}"
    component: codex
    number: 0
    side: from
    stores: "{{ rehearsal_stores }}"
    folder: /var/lib/lifeboat-rehearsal
"""

RETURN = r"""
names:
  description:
    - How many different names there are, or are looked for.
    - All else is as the module of the component's store returns it.
  type: int
  returned: except in check mode
"""

# Its action plugin does the work: it starts the module of the component's store.
