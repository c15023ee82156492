#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_verify
short_description: Prove a backup of Redis or Valkey by restoring it
version_added: 1.0.0
description:
  - Loads every RDB of a backup into a scratch server, compares type, value and expiry of every key with the RDB that
    was taken, and asks the user's own questions.
  - The scratch server has no TCP port, only a Unix socket in a private folder, and keeps keys whose time is over since
    the backup. It takes no writes, and is removed afterwards.
  - It also reads damaged views of the backup, and fails when one of them passes as good. A verifier that cannot fail
    proves nothing.
  - The task fails when the backup is not proven. The report is written in any case.
  - M(lifeboat.dr.restore_verify) starts this module for backups that are of this kind; use either.
requirements:
  - The program C(redis-server) or C(valkey-server) from version 6.2 on, of the same product and the same version as
    the backup's server or a newer one, for the profiles V(quick) and V(full); and as much memory as the data take.
  - Python library C(zstandard), C(pyrage) (for age), C(boto3) (for S3 repositories).
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
  - lifeboat.dr.scratch_account
  - lifeboat.dr.redis.scratch
  - lifeboat.dr._progress
options:
  profile:
    description:
      - V(artifact) reads every RDB to its end and compares the numbers of its keys with the manifest. It needs no
        server.
      - V(quick) loads them, counts the keys in the server, and asks O(checks).
      - V(full) also compares every key, and reads the copies in all other repositories.
    type: str
    choices: [artifact, quick, full]
    default: full
  checks:
    description: Questions to what was restored. Each is a command of Redis that reads, and gives one value.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What the report calls it. Word it as a statement.
        type: str
      command:
        description:
          - A command as in C(redis-cli), such as V(DBSIZE), V(GET user:1) or V(HGET config "next id"). The nodes of a
            cluster are all asked; numbers are added up, and of other answers the first counts.
          - With O(checks[].newer_than), the answer is a number of seconds since 1970.
        type: str
      database:
        description: The number of the database to ask. V(0) if not given.
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
  - module: lifeboat.dr.redis_backup
  - module: lifeboat.dr.redis_restore
  - module: lifeboat.dr.restore_verify
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Prove that the sessions restore
  lifeboat.dr.redis_verify:
    app: shop
    component: sessions
    repositories:
      - path: /var/backups/lifeboat
    encryption:
      identity_file: /etc/lifeboat/operations.key
    checks:
      - name: there are users
        command: DBSIZE
        operator: ">="
        value: 1000
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
from ansible_collections.lifeboat.dr.plugins.module_utils._work._redis_verify import ARGUMENT_SPEC, work


def main() -> None:
    """Prove a backup, or tell of the proof that is young enough."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
