#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_standby_info
short_description: Say where a PostgreSQL server stands, and what a promotion would lose
version_added: 1.0.0
description:
  - Measures a standby against what its primary has written, in bytes of write-ahead log and in seconds of the heartbeat
    (table C(lifeboat.heartbeat)). What is not known is C(null), and never 0.
  - When the primary does not answer, the standby is measured against the last position that the primary published
    somewhere else (O(published)).
  - Says whether there are two primaries of one system, on which timelines, and where they parted.
requirements:
  - Python library C(psycopg2).
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.metrics
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
  primary:
    description: Where the primary is, as a connection string of libpq. It need not answer.
    type: str
  primary_timeout:
    description: How long the primary may take to answer.
    type: str
    default: 5s
  published:
    description: The last position that the primary has published outside of itself.
    type: dict
    suboptions:
      lsn:
        description: The position in the log, such as V(16/B374D848).
        type: str
        required: true
      at:
        description: When, in ISO 8601.
        type: str
        required: true
      counter:
        description: The heartbeat's counter.
        type: int
        default: 0
      tried_at:
        description: When the writer of the heartbeat tried last, in ISO 8601. Where that is more than a minute ago, the
          writer is silent itself, and the loss is not known.
        type: str
        version_added: 1.0.0
seealso:
  - module: lifeboat.dr.pg_standby
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Ask how far behind the standby is
  lifeboat.dr.pg_standby_info:
    dsn: postgresql:///codex
    primary: host=db1.eu-central.example port=5432 user=lifeboat dbname=codex
  register: standby

- name: Refuse to go on with an unknown lag
  ansible.builtin.assert:
    that: standby.loss_seconds is not none and standby.loss_seconds <= 10
"""

RETURN = r"""
server:
  description: The server that was asked.
  type: str
  returned: success
role:
  description: C(primary) or C(standby).
  type: str
  returned: success
word:
  description:
    - C(streaming), C(catching up), C(paused), C(disconnected), C(never streamed), C(cascading) (the server that was
      named
      as the primary is a standby itself) or C(primary).
  type: str
  returned: success
because:
  description: How RV(loss_seconds) was found, or why it is not known.
  type: str
  returned: success
loss_bytes:
  description: Bytes of log that a promotion would lose; C(null) when nobody knows.
  type: int
  returned: success
loss_seconds:
  description: The same in seconds, by the heartbeat; C(null) when nobody knows.
  type: float
  returned: success
loss_beats:
  description: The same in heartbeats; C(null) when nobody knows.
  type: int
  returned: success
replay_bytes:
  description: Bytes that the standby has, and has not replayed yet. They are not lost.
  type: int
  returned: success
position:
  description: C(in_recovery), C(system_identifier), C(timeline), the positions and the heartbeat.
  type: dict
  returned: success
primary:
  description: Whether the primary was reached, why not, its slots, and its position.
  type: dict
  returned: success
split_brain:
  description: Whether this server and O(primary) both take writes for one system.
  type: bool
  returned: success
parted_at:
  description: Where the two timelines parted, if the history file says so.
  type: str
  returned: success
too_small:
  description: Settings that are smaller here than on the primary, which keep a standby from starting.
  type: list
  elements: str
  returned: success
durability:
  description: Settings on which it depends whether what was committed survives.
  type: dict
  returned: success
senders:
  description: Who streams from this server.
  type: list
  elements: dict
  returned: success
slots:
  description: Its replication slots.
  type: list
  elements: dict
  returned: success
sender_host:
  description: Where it streams from.
  type: str
  returned: success
version:
  description: PostgreSQL's version.
  type: str
  returned: success
promoted_epoch:
  description: The newest epoch in C(lifeboat.promotion), in which this database was promoted; V(0) where it never was,
    or where the role may not read that table.
  type: int
  returned: success
measured_at:
  description: When.
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._pg_standby_info import ARGUMENT_SPEC, work


def main() -> None:
    """Say where a server stands."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
