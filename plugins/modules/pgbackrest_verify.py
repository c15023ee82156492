#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pgbackrest_verify
short_description: Prove a backup that pgBackRest keeps
version_added: 1.0.0
description:
  - Has pgBackRest restore a backup (M(lifeboat.dr.pgbackrest_backup)) into a scratch cluster, recovers it with the
    archived log, checks every page and every index, and asks the user's own questions.
  - Nothing of the stanza is changed, and nothing is written into the live cluster. The scratch cluster archives
    nothing, runs in a sandbox without a network, and is removed afterwards. Its log is put beside it before.
  - Every segment has to have the SHA-1 that stands in its stored name, and the recovery has to stop at exactly the
    point that was asked for.
  - pgBackRest keeps no fingerprint of the rows. So the report says that they were not compared with the live cluster.
  - It also plants damage, and fails when that passes as good. A verifier that cannot fail proves nothing.
  - The task fails when the backup is not proven. The report is written in any case.
  - M(lifeboat.dr.restore_verify) starts this module for backups that are of this kind; use either.
requirements:
  - pgBackRest 2.41 or newer, and an account that can read its configuration and its repository.
  - The server programs of the backup's version, for the profiles V(quick) and V(full), with the extension C(amcheck)
    for V(full); and as much space as the cluster and its log take.
  - Python libraries C(psycopg2), C(zstandard), C(boto3) (for S3 in O(repositories)).
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.audit
  - lifeboat.dr.verification
  - lifeboat.dr.metrics
  - lifeboat.dr.backup.chosen
  - lifeboat.dr.repository
  - lifeboat.dr.encryption
  - lifeboat.dr.postgresql.tools
  - lifeboat.dr.postgresql.scratch
  - lifeboat.dr.scratch_account
  - lifeboat.dr.pgbackrest
  - lifeboat.dr.pgbackrest.proof
  - lifeboat.dr._progress
options:
  profile:
    description:
      - V(artifact) runs C(pgbackrest verify), and reads every segment that makes the backup consistent. It needs no
        server.
      - V(quick) has it restored, recovers to the end of the backup, and asks O(checks).
      - V(full) recovers to a time by chance, between the backup and the end of the archived log. It also checks every
        index with amcheck, and every page with C(pg_checksums).
    type: str
    choices: [artifact, quick, full]
    default: full
  checks:
    description: Questions to what was restored. Each is a query that gives one value.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What the report calls it. Word it as a statement.
        type: str
      query:
        description: A query that gives one row with one column. It runs read-only, with C(search_path) set to
          C(public).
        type: str
      database:
        description: The database to ask. V(postgres) if not given.
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
  - module: lifeboat.dr.pgbackrest_backup
  - module: lifeboat.dr.restore_verify
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Prove what pgBackRest keeps
  become: true
  lifeboat.dr.pgbackrest_verify:
    app: shop
    component: cluster
    repositories:
      - path: /srv/backups/lifeboat
    checks:
      - name: there are orders of today
        query: select max(ordered_at) from orders
        database: shop
        newer_than: 26h
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
from ansible_collections.lifeboat.dr.plugins.module_utils._work._pgbackrest_verify import ARGUMENT_SPEC, work


def main() -> None:
    """Prove a backup, or tell of the proof that is young enough."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
