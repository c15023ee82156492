#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_due
short_description: Say which components need a backup now
version_added: 1.0.0
description:
  - One look at the repositories for all components of an application, instead of a module for each. A component is due
    unless every repository holds a backup of it that is younger than its O(components[].max_age).
  - Whatever is odd is due, so that the module that backs up sees and says it - a repository that cannot be read, a
    manifest that cannot be read, a backup from the future, another kind of store.
requirements:
  - Python library C(boto3) (for S3).
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.metrics
  - lifeboat.dr.repository
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
options:
  app:
    description: The application.
    type: str
    required: true
  components:
    description: Its components, as P(lifeboat.dr.due_components#filter) makes them out of a plan.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The component.
        type: str
        required: true
      engine:
        description: Its kind of store, as a plan calls it.
        type: str
        required: true
      max_age:
        description: How old its newest backup may be, such as V(20h). Without it, the component is always due.
        type: str
seealso:
  - module: lifeboat.dr.component_backup
  - module: lifeboat.dr.backup_status
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Look at what needs a backup
  lifeboat.dr.backup_due:
    app: "{{ lifeboat_plan.app }}"
    repositories: "{{ lifeboat_plan.repositories }}"
    components: "{{ lifeboat_plan | lifeboat.dr.due_components }}"
  register: look

- name: Back that up
  lifeboat.dr.component_backup:
    plan: "{{ lifeboat_plan }}"
    component: "{{ item }}"
  loop: "{{ look.due }}"
"""

RETURN = r"""
due:
  description: The components that need a backup, in the order in which they were given.
  type: list
  elements: str
  returned: always
young:
  description: The others, with C(name), and C(backup_id) and C(taken_at) of their newest backup.
  type: list
  elements: dict
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._backup_due import ARGUMENT_SPEC, work


def main() -> None:
    """Say what is due."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
