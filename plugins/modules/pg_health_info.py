#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_health_info
short_description: Say how a PostgreSQL database is
version_added: 1.0.0
description:
  - Reads the size of a database, its largest tables, an estimate of dead rows, the oldest transaction, how near the
    wraparound of transaction ids is, the archiver, replication slots, invalid indexes and connections.
  - Says what of that should be put right, and how. It is V(bad) when the archiver fails, or three quarters of the
    transaction ids are used.
requirements:
  - Python library C(psycopg2).
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.postgresql
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
  largest:
    description: How many of the largest tables to return, and to look for dead rows in.
    type: int
    default: 10
seealso:
  - module: lifeboat.dr.pg_standby_info
  - module: lifeboat.dr.backup_status
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Is the database as it should be
  lifeboat.dr.pg_health_info:
    dsn: postgresql:///codex
  become: true
  become_user: postgres
  register: health
  failed_when: health.state == 'bad'
"""

RETURN = r"""
server:
  description: The database that was asked.
  type: str
  returned: success
state:
  description: V(good), V(warning) or V(bad).
  type: str
  returned: success
findings:
  description: What should be put right, with C(state), C(code) (a stable word), C(message) and C(next_step).
  type: list
  elements: dict
  returned: success
database:
  description: The database's name.
  type: str
  returned: success
bytes:
  description: Its size on disk.
  type: int
  returned: success
in_recovery:
  description: Whether the server is a standby.
  type: bool
  returned: success
version:
  description: The server's version.
  type: str
  returned: success
oldest_xid_age:
  description: How many transactions ago the oldest transaction id of all databases was.
  type: int
  returned: success
oldest_transaction_seconds:
  description: For how long the oldest transaction has been open.
  type: float
  returned: success
oldest_prepared_seconds:
  description: For how long the oldest prepared transaction has been waiting.
  type: float
  returned: success
connections:
  description: How many connections are taken.
  type: int
  returned: success
max_connections:
  description: How many there may be.
  type: int
  returned: success
archive_mode:
  description: Whether the server archives its log.
  type: str
  returned: success
archiver:
  description: What C(pg_stat_archiver) says, and C(failing) when its last attempt failed.
  type: dict
  returned: success
tables:
  description: The largest tables, with C(schema), C(name), C(bytes) with indexes, C(table_bytes) without,
    C(live_rows) and C(dead_rows) as estimated, and C(last_vacuum).
  type: list
  elements: dict
  returned: success
invalid_indexes:
  description: Indexes that are not used.
  type: list
  elements: str
  returned: success
slots:
  description: Replication slots, with C(name), C(active) and C(kept_bytes) of the log.
  type: list
  elements: dict
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._pg_health_info import ARGUMENT_SPEC, work


def main() -> None:
    """Say how a database is."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
