#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_drill
short_description: Promote a copy of a PostgreSQL standby in isolation, and leave production as it was
version_added: 1.0.0
description:
  - Copies the data of a standby into a scratch folder, starts a server on the copy, promotes it, has it take a write
    that is read back, asks it O(checks), and removes all of that. The standby itself is never promoted.
  - The copy listens on a private socket only. It archives nothing, follows nobody, and uses none of the standby's
    configuration.
  - The standby, and O(primary) where it is named, are looked at before and after. The task fails where their identity,
    timeline, role or slots are different, or where the standby does not stream any more.
  - What a killed drill has left is removed by the next one.
requirements:
  - Python library C(psycopg2).
  - C(pg_basebackup), C(pg_controldata) and C(postgres) of the server's version.
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.postgresql
  - lifeboat.dr.postgresql.tools
  - lifeboat.dr._progress
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  replication:
    description: How to copy from the standby, as a connection string of libpq for a role with C(REPLICATION). The
      connection itself if not given.
    type: str
  primary:
    description: The primary, which is looked at before and after.
    type: str
  primary_timeout:
    description: How long the primary may take to answer.
    type: str
    default: 5s
  scratch_dir:
    description: Where the copy is made. It needs room for all of the data.
    type: path
    default: /var/tmp
  checks:
    description: Questions to the promoted copy, each with what the answer must be.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What the question is called.
        type: str
      query:
        description: SQL that gives one row with one column.
        type: str
      operator:
        description: How the answer is compared with O(checks[].value).
        type: str
        choices: ["==", "!=", ">", ">=", "<", "<="]
      value:
        description: What the answer is compared with.
        type: raw
      newer_than:
        description: The answer is a time, and has to be younger than this.
        type: str
  time_limit:
    description: How long it may take.
    type: str
    default: 1h
seealso:
  - module: lifeboat.dr.pg_standby
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Show that the standby could take over
  become: true
  become_user: postgres
  lifeboat.dr.pg_drill:
    dsn: postgresql:///codex
    primary: host=db1.eu-central.example user=lifeboat dbname=codex
    checks:
      - {name: orders are there, query: "select count(*) from orders", operator: ">=", value: 1000}
"""

RETURN = r"""
timeline_before:
  description: The timeline of the standby.
  type: int
  returned: when a copy was promoted
timeline:
  description: The timeline of the promoted copy.
  type: int
  returned: when a copy was promoted
copy_seconds:
  description: How long the copy took.
  type: float
  returned: when a copy was promoted
promote_seconds:
  description: How long the promotion took, with its proof.
  type: float
  returned: when a copy was promoted
heartbeat_at:
  description: The newest heartbeat in the copy. Empty where there is none.
  type: str
  returned: when a copy was promoted
checks:
  description: The questions, with C(name), C(status) (V(passed), V(failed), V(error)), C(expected) and C(observed).
  type: list
  elements: dict
  returned: success or failure
production:
  description: Identity, timeline, role, slots and position of standby and primary, C(before) and C(after).
  type: dict
  returned: success or failure
left_behind:
  description: What could not be removed. Empty where all of it was.
  type: list
  elements: str
  returned: when a copy was promoted
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._pg_drill import ARGUMENT_SPEC, work


def main() -> None:
    """Promote a copy of a standby."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
