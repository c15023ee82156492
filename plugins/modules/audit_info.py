#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: audit_info
short_description: Check that an audit log is whole, and read its newest lines
version_added: 1.0.0
description:
  - Follows the chain of hashes through every line that the option C(audit) of the other modules has written. The task
    fails where a line was changed, removed or put between.
  - Lines that were cut off at the end leave a whole chain. Keep RV(head) somewhere else, and give it as O(expect_head)
    the next time.
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
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
  log:
    description: The file.
    type: path
    required: true
  newest:
    description: How many of the newest lines to return.
    type: int
    default: 20
  expect_head:
    description: The SHA-256 of a line that has to be in it, as an earlier run returned RV(head).
    type: str
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Is the audit log what was written
  lifeboat.dr.audit_info:
    log: /var/log/lifeboat/audit.jsonl
    expect_head: "{{ lookup('ansible.builtin.file', 'heads/' ~ inventory_hostname) }}"
  register: audit
"""

RETURN = r"""
lines:
  description: How many lines there are.
  type: int
  returned: when it can be read
head:
  description: The SHA-256 of the last line.
  type: str
  returned: when it can be read
broken:
  description: The first lines that do not follow from the line before, with C(line) and C(why).
  type: list
  elements: dict
  returned: when it can be read
entries:
  description:
    - The newest lines, the oldest of them first. Each has C(time), C(host), C(account) that ran the module, C(by) and
      C(from) whom and where, C(module), C(app), C(component), C(backups), C(deleted), C(result) (V(changed),
      V(unchanged) or V(failed)), C(verdict) of a proof, C(message) and C(previous).
  type: list
  elements: dict
  returned: when it can be read
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._audit_info import ARGUMENT_SPEC, work


def main() -> None:
    """Check an audit log."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
