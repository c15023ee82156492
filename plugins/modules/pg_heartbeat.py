#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_heartbeat
short_description: Write a heartbeat into a PostgreSQL database, and publish it outside of it
version_added: 1.0.0
description:
  - A heartbeat is a row of C(lifeboat.heartbeat) with a counter, the time and the epoch. What a standby lacks is
    measured by it, in seconds, also when the primary is gone.
  - Run it outside of the primary's region, in the third place or in the region that would take over. There it publishes
    the counter, its time and the position of the log in a file, which is still there when the primary is not.
  - The file says as well when the writer tried last. So a primary that is gone is not taken for a writer that is.
requirements:
  - Python library C(psycopg2).
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.postgresql
  - lifeboat.dr.heartbeat
options:
  program:
    description: Where the program is written.
    type: path
    default: /usr/local/lib/lifeboat/lifeboat-heartbeat
  config_file:
    description: Where its configuration is written, with mode 0600. It holds the connection.
    type: path
    default: /etc/lifeboat/heartbeat.json
seealso:
  - module: lifeboat.dr.pg_standby_info
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Write one heartbeat
  lifeboat.dr.pg_heartbeat:
    dsn: host=db1.eu-central.example,db2.eu-west.example target_session_attrs=read-write user=lifeboat dbname=codex
    publish_to: /var/lib/lifeboat/heartbeat/codex.json
"""

RETURN = r"""
published:
  description: What was published of the heartbeat. Empty in check mode.
  type: dict
  returned: O(state=beaten)
  sample: {"counter": 356212345, "at": "2026-11-30T03:00:05+00:00", "lsn": "16/B374D848", "epoch": 0, "timeline": 1}
files:
  description: The files that were not as they should be.
  type: list
  elements: str
  returned: O(state=installed)
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._pg_heartbeat import ARGUMENT_SPEC, work


def main() -> None:
    """Write a heartbeat, or install its writer."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
