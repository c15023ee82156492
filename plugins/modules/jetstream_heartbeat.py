#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: jetstream_heartbeat
short_description: Write a heartbeat into a JetStream account, and publish how far its streams have come
version_added: 1.0.0
description:
  - A heartbeat is a message with a counter and the time in the stream C(LIFEBOAT_HEARTBEAT), which is made when it is
    not there and keeps the last thousand. Nothing is written into other streams.
  - Run it outside of the account's region. There it publishes the last sequence of each stream in a file, which is
    still there when the region is not. What mirrors lack is counted by it.
requirements:
  - Python library C(nats-py).
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.nats
  - lifeboat.dr.heartbeat
  - lifeboat.dr.heartbeat.files
options:
  streams:
    description: The streams whose positions are published. All of the account that are not mirrors if not given.
    type: list
    elements: str
    default: []
seealso:
  - module: lifeboat.dr.jetstream_mirror_info
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Write one heartbeat
  lifeboat.dr.jetstream_heartbeat:
    url: nats://n1.eu-central.example:4222
    streams: [ORDERS, INVOICES]
    publish_to: /var/lib/lifeboat/heartbeat/events.json
"""

RETURN = r"""
published:
  description: What was published of the heartbeat. Empty in check mode.
  type: dict
  returned: O(state=beaten)
  sample: {"counter": 356212345, "at": "2026-11-30T03:00:05.000+00:00", "streams": {"ORDERS": {"last_sequence": 1234}}}
files:
  description: The files that were not as they should be.
  type: list
  elements: str
  returned: O(state=installed)
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._options import CONNECTION_RULES
from ansible_collections.lifeboat.dr.plugins.module_utils._work._jetstream_heartbeat import ARGUMENT_SPEC, work


def main() -> None:
    """Write a heartbeat, or install its writer."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True, **CONNECTION_RULES), work)


if __name__ == "__main__":
    main()
