#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: repository_info
short_description: Ask what a plan alone does not tell of its repositories and keys
version_added: 1.0.0
description:
  - Asks each bucket for its lifecycle rules, its object lock and its versioning, and counts the keys in a file of
    recipients. Nothing is read of the backups, and nothing is changed.
  - A bucket that does not answer, or a key that may not ask, makes nothing fail. The result says so and why.
  - The playbook C(lifeboat.dr.plan_check) asks it, and says what follows for the plan.
requirements:
  - Python library C(boto3) (for S3).
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
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
  recipients_file:
    description: A file with recipients of age, as O(lifeboat.dr.pg_backup#module:encryption.recipients_file).
    type: path
seealso:
  - module: lifeboat.dr.backup_storage_class
  - plugin: lifeboat.dr.plan_check
    plugin_type: filter
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Does anything delete backups beside us
  lifeboat.dr.repository_info:
    repositories: "{{ lifeboat_plan.repositories }}"
  register: asked

- name: Say what follows
  ansible.builtin.debug:
    msg: "{{ (lifeboat_plan | lifeboat.dr.plan_check(asked)).table }}"
"""

RETURN = r"""
repositories:
  description:
    - One for each repository, with C(name), C(bucket), C(asked), C(why) not, and where it was asked C(prefix),
      C(versioning), C(object_lock) (C(enabled), C(mode), C(days)), C(lifecycle) (rules as
      M(lifeboat.dr.s3_replication) takes them) and C(unknown), what the server does not know at all.
  type: list
  elements: dict
  returned: always
recipients:
  description: How many different keys O(recipients_file) names, as C(count), or C(why) that is not known.
  type: dict
  returned: when O(recipients_file) is given
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._repository_info import ARGUMENT_SPEC, work


def main() -> None:
    """Ask repositories."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
