#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_heartbeat
short_description: Write a heartbeat into a Redis or Valkey server, and publish it outside of it
version_added: 1.0.0
description:
  - A heartbeat is the key C(lifeboat:heartbeat) of database 0, with a counter and the time. What a replica lacks is
    measured by it, in seconds.
  - Run it outside of the primary's region. There it publishes the counter, its time and the offset of the primary's
    stream of replication in a file, which is still there when the primary is not.
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.redis
  - lifeboat.dr.heartbeat
  - lifeboat.dr.heartbeat.files
seealso:
  - module: lifeboat.dr.redis_standby_info
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Write one heartbeat
  lifeboat.dr.redis_heartbeat:
    login_host: cache1.eu-central.example
    login_password_file: /etc/lifeboat/redis.password
    publish_to: /var/lib/lifeboat/heartbeat/sessions.json
"""

RETURN = r"""
published:
  description: What was published of the heartbeat. Empty in check mode.
  type: dict
  returned: O(state=beaten)
  sample: {"counter": 356212345, "at": "2026-11-30T03:00:05.000+00:00", "offset": 81234}
files:
  description: The files that were not as they should be.
  type: list
  elements: str
  returned: O(state=installed)
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._redis_heartbeat import ARGUMENT_SPEC, work


def main() -> None:
    """Write a heartbeat, or install its writer."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
