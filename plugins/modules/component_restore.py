#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: component_restore
short_description: Restore the backup of a component of a plan
version_added: 1.0.0
description:
  - Starts the module that restores the component's kind of store (such as M(lifeboat.dr.pg_restore), or
    M(lifeboat.dr.jetstream_snapshot) with C(state=restored)).
  - It finds the repositories in the plan, the keys in C(verification), and how a server is reached in the component.
    Where the component goes back to is in its key C(restore), or in O(options).
  - A database that the component names by its C(dsn) goes back to that name, which must not be there. Keys of a Redis
    go back into the server of the component, which must not have others of the same names.
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
      - Options of the module that restores, such as C(target) for PostgreSQL. They come before what the component says.
    type: dict
  target_time:
    description:
      - The point in time to bring back, in ISO 8601, such as C(2026-01-15T14:30:00Z). Without a zone it is UTC.
      - The newest backup is taken that is not younger. If not given, the newest proven one.
    type: str
  isolated:
    description:
      - Take nothing from the plan that says where the component is or goes back to, neither its connection nor its key
        C(restore). O(options) say where it goes to.
      - A database goes into a scratch cluster that keeps running, where O(options) have no C(target).
      - This is for rehearsals on other hosts.
    type: bool
    default: false
    version_added: 1.0.0
seealso:
  - module: lifeboat.dr.component_backup
  - module: lifeboat.dr.component_verify
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Restore a database beside the one that is there
  lifeboat.dr.component_restore:
    plan: "{{ lifeboat_plan }}"
    component: codex
    options:
      target:
        dsn: postgresql:///codex_yesterday
"""

RETURN = r"""
backup_id:
  description:
    - The backup that was restored.
    - All else is as the module of the component's store returns it.
  type: str
  returned: always, once it was found
"""

# Its action plugin does the work: it starts the module of the component's store.
