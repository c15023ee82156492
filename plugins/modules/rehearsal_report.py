#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rehearsal_report
short_description: Judge a rehearsal, and report it
version_added: 1.0.0
description:
  - Judges what the steps, the proofs and the checks of a rehearsal have shown, and its restore time against what is
    promised. What was not measured counts as missed.
  - Stores the report in the first of O(repositories) that takes it, with a number and the hash of the report before
    it. Nothing is overwritten. A repository that takes no writes keeps the report from being stored, and a warning says
    so. Then those in O(report_dir) that no repository has are the chain.
  - Writes it as JSON, HTML, Markdown and JUnit into O(report_dir), and a page that lists all rehearsals.
  - The role P(lifeboat.dr.rehearsal#role) calls it. A red rehearsal does not make this module fail.
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.repository
attributes:
  check_mode:
    support: full
    details:
      - Nothing is stored or written then.
  diff_mode:
    support: none
  idempotent:
    support: full
    details:
      - A report is what was seen, and never counts as a change.
options:
  app:
    description: The application.
    type: str
    required: true
  run_id:
    description: What this rehearsal is called.
    type: str
    required: true
  environment:
    description: What the host is for.
    type: str
    default: ''
  variant:
    description: Which variant of the rehearsal it was, such as V(monthly).
    type: str
    default: ''
  began:
    description: When it began, in seconds since 1970.
    type: float
    required: true
  steps:
    description: The steps, in their order, each with C(name), C(title), C(status), C(began), C(seconds), C(limit),
      C(message) and C(evidence).
    type: list
    elements: dict
    required: true
  proofs:
    description: What P(lifeboat.dr.rehearsal_proofs#filter) gave.
    type: list
    elements: dict
    default: []
  checks:
    description: The C(checks) that M(lifeboat.dr.application_check) returned.
    type: list
    elements: dict
    default: []
  findings:
    description: What somebody should look at, and does not make the rehearsal red.
    type: list
    elements: str
    default: []
  rto:
    description: What is promised for the restore of the whole application, such as V(4h).
    type: str
  component_rto:
    description: What is promised for single components, by their names.
    type: dict
    default: {}
  report_dir:
    description: Where the report is written. It is not written if not given.
    type: path
  record:
    description: Store the report in a repository.
    type: bool
    default: true
seealso:
  - module: lifeboat.dr.component_verify
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Report a rehearsal
  lifeboat.dr.rehearsal_report:
    app: shop
    run_id: 20260115T040000Z-3f9a2c
    repositories:
      - path: /var/backups/lifeboat
    began: "{{ rehearsal_began }}"
    steps: "{{ rehearsal_steps }}"
    proofs: "{{ rehearsal_proofs }}"
    rto: 4h
    report_dir: /var/lib/lifeboat/reports/rehearsals
"""

RETURN = r"""
verdict:
  description: V(passed) or V(failed).
  type: str
  returned: always
summary:
  description: One sentence.
  type: str
  returned: always
number:
  description: The number of the rehearsal in the repository, or in O(report_dir) where no repository has taken the
    report; 0 where it is in neither.
  type: int
  returned: except in check mode
problems:
  description: Everything that makes it red, in words.
  type: list
  elements: str
  returned: except in check mode
restore_seconds:
  description: How long the restores took, one after the other. Null where one of them was not measured.
  type: float
  returned: except in check mode
chain_problems:
  description: Earlier reports that are missing, cannot be read, or do not follow the one before.
  type: list
  elements: str
  returned: except in check mode
report_files:
  description: The paths of the report, by C(json), C(html), C(markdown) and C(junit), and that of the C(index).
  type: dict
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._rehearsal_report import ARGUMENT_SPEC, work


def main() -> None:
    """Judge and report."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
