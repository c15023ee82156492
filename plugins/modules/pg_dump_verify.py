#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_dump_verify
short_description: Prove the dumps that home-made scripts have left
version_added: 1.0.0
description:
  - Reads dumps of another's making to their end, restores them into a scratch cluster, counts the rows of every table,
    checks every index, and asks the user's own questions. Nothing of the dumps is changed, and no catalog is needed.
  - It takes archives of C(pg_dump) (custom, tar, directory), and scripts of C(pg_dump) and C(pg_dumpall), compressed
    with gzip or zstd, encrypted with age or gpg. What a file is, its content says.
  - A dump carries no fingerprint of its source. So the report says what cannot be shown with it.
  - What is restored is foreign code, so the scratch cluster runs as O(scratch_account), which owns nothing, in a
    sandbox without a network. Scripts are not run by C(psql), as they may hold commands that run programs; one that
    does is refused.
  - It also reads each dump with its end cut off, and fails when that passes as good. A verifier that cannot fail proves
    nothing.
  - A dump without a single row, such as one of C(pg_dump --schema-only), is not proven unless O(checks) say what is
    right.
  - The task fails when a dump is not proven. The reports are written in any case.
requirements:
  - The server programs of the dump's version, or of a newer one (O(major)).
  - Python libraries C(psycopg2), C(zstandard), C(pyrage) (for age); C(gpg) for gpg.
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.encryption
  - lifeboat.dr.postgresql.tools
  - lifeboat.dr.postgresql.scratch
  - lifeboat.dr.scratch_account
  - lifeboat.dr._progress
attributes:
  check_mode:
    support: full
    details:
      - Says which dumps would be restored.
  diff_mode:
    support: none
  idempotent:
    support: none
    details:
      - Each run restores and asks again.
options:
  path:
    description: The folder, with all that is below it; or one dump.
    type: path
    required: true
  pattern:
    description: Which names to look at, such as V(shop-*.dump).
    type: str
    default: "*"
  which:
    description:
      - V(newest) takes the newest dump of each series. Dumps whose names differ in their digits alone, such as
        V(shop-2026-01-15.dump) and V(shop-2026-01-16.dump), are a series.
      - V(all) takes all of them.
    type: str
    choices: [newest, all]
    default: newest
  app:
    description: How the reports call what the dumps are of.
    type: str
    default: adopted
  profile:
    description:
      - V(artifact) reads each dump to its end. It needs C(pg_restore) and no server.
      - V(quick) also restores it, counts the rows of each table, and asks O(checks).
      - V(full) also looks for rows that point to nothing, and checks every B-tree index with C(amcheck).
    type: str
    choices: [artifact, quick, full]
    default: full
  major:
    description: The version of PostgreSQL to restore with. The version that the dump names if it is not given.
    type: int
  checks:
    description:
      - Questions to what was restored. Each gives one value.
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
        description: The database to ask, for a script of C(pg_dumpall). The first by name if not given.
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
  report_dir:
    description: A folder for the reports. None is written if it is not given.
    type: path
  time_limit:
    description: Stop with an error after this time, such as V(4h).
    type: str
seealso:
  - module: lifeboat.dr.pg_dump_info
  - module: lifeboat.dr.restore_verify
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Prove the newest dump of each database
  become: true
  lifeboat.dr.pg_dump_verify:
    path: /srv/dumps
    encryption:
      identity_file: /etc/lifeboat/operations.key
    report_dir: /var/lib/lifeboat/reports
    checks:
      - name: there are orders
        query: select count(*) from orders
        operator: ">="
        value: 1000
"""

RETURN = r"""
verdict:
  description: V(passed) when every dump is proven, else V(failed).
  type: str
  returned: except in check mode
proofs:
  description: Each dump that was restored.
  type: list
  elements: dict
  returned: success or failure, once dumps were found
  contains:
    path:
      description: The file or folder.
      type: str
    kind:
      description: V(custom), V(tar), V(directory), V(script), V(cluster_script) (of C(pg_dumpall)), V(nats) or
        V(unknown).
      type: str
    wrapped:
      description: What is around it, from the outside, of V(age), V(gpg), V(gz) and V(zst).
      type: list
      elements: str
    bytes:
      description: Its size as it is stored.
      type: int
    modified:
      description: The time of the file.
      type: str
    age_seconds:
      description: Its age.
      type: int
    database:
      description: The database that was dumped, where the file says it.
      type: str
    server_version:
      description: The version of the server that was dumped, where the file says it.
      type: str
    dump_version:
      description: The version of C(pg_dump), where the file says it.
      type: str
    why:
      description: Why nobody knows what it is.
      type: str
    verdict:
      description: V(passed) or V(failed).
      type: str
    summary:
      description: One sentence.
      type: str
    msg:
      description: What is wrong, where it is not proven.
      type: str
    measured:
      description: What a clock showed, such as C(restore_seconds).
      type: dict
    tables:
      description: How many tables were restored.
      type: int
    rows:
      description: How many rows they have.
      type: int
    checks:
      description: Each check with its C(id), C(title), C(status) and C(message).
      type: list
      elements: dict
    controls:
      description: Each damaged copy with its C(id), C(status) and C(message).
      type: list
      elements: dict
    report_files:
      description: The paths of the report, by C(json), C(html), C(markdown) and C(junit).
      type: dict
others:
  description: What lies there besides, as M(lifeboat.dr.pg_dump_info) describes it.
  type: list
  elements: dict
  returned: success or failure, once dumps were found
planned:
  description: The dumps that would be restored, as M(lifeboat.dr.pg_dump_info) describes them.
  type: list
  elements: dict
  returned: in check mode
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._pg_dump_verify import ARGUMENT_SPEC, work


def main() -> None:
    """Restore dumps and ask them."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
