#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: paths_verify
short_description: Prove a backup of files that restic keeps
version_added: 1.0.0
description:
  - Asks restic whether the snapshot of the backup (M(lifeboat.dr.paths_backup)) is there and its repository is sound,
    restores a sample of files into a scratch folder, and compares them with hashes of the time of the backup.
  - It also damages a file that came back, loses one, and damages a pack of a restic repository that it makes for this.
    It fails when one of them passes as good. A verifier that cannot fail proves nothing.
  - Neither the restic repository nor the files of today are written to, but for restic's own locks.
  - The task fails when the backup is not proven. The report is written in any case.
  - M(lifeboat.dr.restore_verify) starts this module for backups that are of this kind; use either.
requirements:
  - restic 0.14 or newer.
  - Python libraries C(zstandard), C(pyrage) (for age), C(boto3) (for S3 in O(repositories)).
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.verification
  - lifeboat.dr.audit
  - lifeboat.dr.metrics
  - lifeboat.dr.backup.chosen
  - lifeboat.dr.repository
  - lifeboat.dr.encryption
  - lifeboat.dr.verification.scratch_dir
  - lifeboat.dr.restic
  - lifeboat.dr.restic.proof
  - lifeboat.dr._progress
options:
  profile:
    description:
      - V(artifact) reads the list of hashes to its end, looks for the snapshot, and runs C(restic check) with
        O(restic_read_data_subset).
      - V(quick) looks for the snapshot, restores a sample of files and compares it.
      - V(full) does both, and reads the copies of the list in all other repositories.
    type: str
    choices: [artifact, quick, full]
    default: full
  restic_repository:
    description:
      - Where the restic repository is now. By default, it is where the manifest says.
      - It has to be the repository of the backup or a copy of its files, which has the same id.
  checks:
    description:
      - There are no questions to files, so anything in here is refused. One that is never asked must not look like one
        that was right.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What the report calls it. Word it as a statement.
        type: str
      operator:
        description: How to compare the answer with O(checks[].value). V(==) if not given.
        type: str
        choices: ["==", "!=", ">", ">=", "<", "<="]
      value:
        description: What to compare the answer with.
        type: raw
      newer_than:
        description: The answer is a point in time that is not older than this, such as V(26h). Instead of
          O(checks[].value).
        type: str
seealso:
  - module: lifeboat.dr.paths_backup
  - module: lifeboat.dr.restore_verify
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Prove the files of the shop
  lifeboat.dr.paths_verify:
    app: shop
    component: files
    repositories:
      - path: /var/backups/lifeboat
    encryption:
      identity_file: /etc/lifeboat/operations.key
    restic_password_file: /etc/lifeboat/restic.password
    restic_sample_files: 200
"""

RETURN = r"""
backup_id:
  description: The backup that was verified.
  type: str
  returned: always, once it was found
app:
  description: The application.
  type: str
  returned: always, once the backup was found
component:
  description: The component.
  type: str
  returned: always, once the backup was found
profile:
  description: The profile.
  type: str
  returned: always, once the backup was found
verdict:
  description: V(passed) or V(failed).
  type: str
  returned: except in check mode
verified_at:
  description: When the verification ended, in UTC.
  type: str
  returned: except in check mode
summary:
  description: One sentence.
  type: str
  returned: when the backup was verified
repository:
  description: The repository whose copy was restored.
  type: str
  returned: when the backup was verified
measured:
  description: What a clock showed, such as C(restore_seconds) and C(data_age_seconds).
  type: dict
  returned: when the backup was verified
checks:
  description:
    - Each check with its C(id), C(title), C(status) and C(message).
    - A task that failed has those alone that did not pass; the report has them all.
  type: list
  elements: dict
  returned: when the backup was verified
controls:
  description:
    - Each damaged copy with its C(id), C(status) and C(message).
    - A task that failed has those alone that passed as good.
  type: list
  elements: dict
  returned: when the backup was verified
report_files:
  description: The paths of the report, by C(json), C(html), C(markdown) and C(junit).
  type: dict
  returned: when the backup was verified
planned:
  description: What would be read.
  type: dict
  returned: in check mode
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._paths_verify import ARGUMENT_SPEC, work


def main() -> None:
    """Prove a backup, or tell of the proof that is young enough."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
