#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_standby
short_description: Make a PostgreSQL standby, promote one and prove it, or bring an old primary back as a standby
version_added: 1.0.0
description:
  - With O(state=standby), a data folder becomes a standby of a primary, by a base backup with a replication slot. Run
    it
    on the standby's host, as the account of its server. Starting the server is left to its unit.
  - With O(state=primary), the standby that the connection leads to is promoted. Before that, its identity, its
    timeline,
    a paused replay, the position that it has to reach and a primary that is still alive are checked. Afterwards it has
    to be out of recovery, on a later timeline, and has to take a write that is read back (a row in
    C(lifeboat.promotion)).
  - With O(state=rejoined), the data folder of an old primary becomes a standby of the new one. What only the old
    primary has is counted and saved first, as write-ahead log and as a list of transactions. Then C(pg_rewind) brings
    the folder to the new primary's history, or, with O(rebuild=true), a new base backup takes its place. Run it on
    the old primary's host, as the account of its server, which has to be stopped.
  - Options that belong to another state are refused.
requirements:
  - Python library C(psycopg2).
  - C(pg_basebackup) and C(pg_controldata) of the server's version (for O(state=standby)).
  - C(pg_rewind), C(pg_waldump), C(pg_controldata) and C(postgres) of the server's version (for O(state=rejoined)).
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
      - rejoined
    required: true
  primary:
    description:
      - The primary, as a connection string of libpq. Required for O(state=standby) and O(state=rejoined), where it may
        hold C(passfile) and no password.
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
    description: Whether a data folder of something else, or of a standby whose slot is lost, may be set aside. It is
      renamed, and never deleted.
    type: bool
  synchronous:
    description:
      - Whether every commit on the primary waits until this standby has it. Sets C(synchronous_standby_names) on the
        primary, which is left alone if not given. The standby's C(application_name) is O(slot), unless O(primary) says
        another one.
      - It is set only while the standby streams; before that, no commit would come to its end. So it takes a second
        run, after the standby's server was started.
      - A value that somebody else has set is not changed.
    type: bool
    version_added: 1.0.0
  rebuild:
    description: Whether the old primary is replaced by a new base backup instead of being rewound. Its data folder is
      renamed, and never deleted.
    type: bool
    version_added: 1.0.0
  save_dir:
    description: The folder in which what only the old primary has is saved, in a folder of its own with mode 0700.
      Required for O(state=rejoined).
    type: path
    version_added: 1.0.0
  config_file:
    description: The old primary's C(postgresql.conf), where it does not lie in the data folder. Debian's place in
      C(/etc/postgresql) is found without it.
    type: path
    version_added: 1.0.0
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

- name: Bring the old primary back as a standby
  become: true
  become_user: postgres
  lifeboat.dr.pg_standby:
    state: rejoined
    data_dir: /var/lib/postgresql/15/main
    primary: host=db1.eu-west.example user=replicator passfile=/var/lib/postgresql/.pgpass dbname=postgres
    slot: eu_central
    save_dir: /var/lib/postgresql/lifeboat-saved
  register: rejoined

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
promoted_by_others:
  description: Whether the server was a primary already, without a row of O(run_id). Somebody else has promoted it, or
    the run itself, which could not write its row then. It has everything up to O(reach), takes writes, and got the row.
  type: bool
  returned: when it was a primary already
data_dir:
  description: The data folder.
  type: str
  returned: O(state=standby), O(state=rejoined)
slot:
  description: The replication slot.
  type: str
  returned: O(state=standby), O(state=rejoined)
set_aside:
  description: Where the old data folder is now.
  type: str
  returned: O(state=standby), O(state=rejoined)
restart_required:
  description: Whether the server has to be started or restarted.
  type: bool
  returned: O(state=standby), O(state=rejoined)
system_identifier:
  description: The primary's system identifier.
  type: str
  returned: O(state=standby), O(state=rejoined)
synchronous:
  description: V(yes), V(no), or V(not yet) where the standby does not stream. Empty if O(synchronous) was not given.
  type: str
  returned: O(state=standby), O(state=rejoined)
method:
  description: V(rewound) or V(rebuilt). Empty where nothing had to be done, and in check mode.
  type: str
  returned: O(state=rejoined)
parted_at:
  description: The position where the new primary left the old one's timeline.
  type: str
  returned: O(state=rejoined)
lost_bytes:
  description: How much log only the old primary had. Null where nobody knows. Where the folder is a standby already, it
    is what was saved last.
  type: int
  returned: O(state=rejoined)
lost_transactions:
  description: How many transactions were committed on the old primary alone. Null where nobody knows.
  type: int
  returned: O(state=rejoined)
lost_relations:
  description: What these transactions did to which relations. A relation that the new primary does not know is called
    by its number (tablespace, database and file node).
  type: dict
  returned: O(state=rejoined)
  sample: {"codex: public.orders": {"inserted": 500, "deleted": 10}}
first_lost_at:
  description: When the first of them was committed, by the old primary's clock.
  type: str
  returned: O(state=rejoined)
last_lost_at:
  description: When the last of them was committed.
  type: str
  returned: O(state=rejoined)
saved:
  description: The folder that holds the log, C(transactions.jsonl), C(summary.json) and the old configuration.
  type: str
  returned: O(state=rejoined)
not_counted_because:
  description: Why nobody knows what was lost. Empty where it is known.
  type: str
  returned: O(state=rejoined)
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._pg_standby import ARGUMENT_SPEC, REQUIRED_IF, work


def main() -> None:
    """Make a standby, promote one, or bring an old primary back."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, required_if=REQUIRED_IF, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
