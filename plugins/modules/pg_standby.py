#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_standby
short_description: Make a PostgreSQL standby, or promote one and prove it
version_added: 0.1.0
description:
  - With O(state=standby), a data folder becomes a standby of a primary, by a base backup with a replication slot. Run
    it
    on the standby's host, as the account of its server. Starting the server is left to its unit.
  - With O(state=primary), the standby that the connection leads to is promoted. Before that, its identity, its
    timeline,
    a paused replay, the position that it has to reach and a primary that is still alive are checked. Afterwards it has
    to be out of recovery, on a later timeline, and has to take a write that is read back (a row in
    C(lifeboat.promotion)).
  - Options that belong to the other state are refused.
requirements:
  - Python library C(psycopg2).
  - C(pg_basebackup) and C(pg_controldata) of the server's version (for O(state=standby)).
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.postgresql
  - lifeboat.dr.postgresql.tools
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  state:
    description: What the server is to be.
    type: str
    choices:
      - standby
      - primary
    required: true
  primary:
    description:
      - The primary, as a connection string of libpq. Required for O(state=standby), where it may hold C(passfile) and
        no password.
      - With O(state=primary), the old primary. The promotion is refused while it takes writes.
    type: str
  primary_timeout:
    description: How long the old primary may take to answer.
    type: str
    default: 5s
  data_dir:
    description: The standby's data folder.
    type: path
  slot:
    description: The replication slot on the primary. It is made when it is not there.
    type: str
  replace:
    description: Whether a data folder of something else may be set aside. It is renamed, and never deleted.
    type: bool
  system_identifier:
    description: The system identifier that the server must have.
    type: str
  timeline:
    description: The timeline that the standby must be on before.
    type: int
  reach:
    description: Promote only after everything up to this position was replayed, such as the last checkpoint of a
      primary
      that was shut down.
    type: str
  epoch:
    description: The epoch of this promotion. The next one in C(lifeboat.promotion) if not given.
    type: int
  run_id:
    description: The failover run that promotes, for C(lifeboat.promotion).
    type: str
  resume_paused:
    description: Whether a standby with a paused replay may be promoted.
    type: bool
  unfenced_primary:
    description: Why it is right to promote while the old primary takes writes. It is part of the result.
    type: str
  time_limit:
    description: How long it may take.
    type: str
    default: 5m
seealso:
  - module: lifeboat.dr.pg_standby_info
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Make a standby
  become: true
  become_user: postgres
  lifeboat.dr.pg_standby:
    state: standby
    data_dir: /var/lib/postgresql/15/main
    primary: host=db1.eu-central.example user=replicator passfile=/var/lib/postgresql/.pgpass dbname=postgres
    slot: eu_west

- name: Promote it
  lifeboat.dr.pg_standby:
    state: primary
    dsn: postgresql:///codex
    primary: host=db1.eu-central.example user=lifeboat dbname=codex
    system_identifier: "7300000000000000000"
    run_id: "{{ dr_run_id }}"
"""

RETURN = r"""
timeline_before:
  description: The timeline before.
  type: int
  returned: O(state=primary)
timeline:
  description: The timeline afterwards.
  type: int
  returned: O(state=primary)
reach:
  description: The position that was waited for.
  type: str
  returned: O(state=primary)
epoch:
  description: The epoch in C(lifeboat.promotion).
  type: int
  returned: when the server was promoted
seconds:
  description: How long the promotion took, with its proof.
  type: float
  returned: when the server was promoted
unfenced_primary:
  description: The reason that was given.
  type: str
  returned: O(state=primary)
data_dir:
  description: The data folder.
  type: str
  returned: O(state=standby)
slot:
  description: The replication slot.
  type: str
  returned: O(state=standby)
set_aside:
  description: Where the old data folder is now.
  type: str
  returned: O(state=standby)
restart_required:
  description: Whether the server has to be started or restarted.
  type: bool
  returned: O(state=standby)
system_identifier:
  description: The primary's system identifier.
  type: str
  returned: O(state=standby)
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._pg_standby import ARGUMENT_SPEC, REQUIRED_IF, work


def main() -> None:
    """Make a standby, or promote one."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, required_if=REQUIRED_IF, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
