#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: s3_heartbeat
short_description: Write a heartbeat into a bucket, and publish it outside of it
version_added: 1.0.0
description:
  - A heartbeat is a small object with a counter and the time. There are sixteen of them below C(lifeboat/heartbeat/),
    which are written in turn, as replication keeps no order.
  - Run it outside of the bucket's region. There it publishes the last beats in a file, which is still there when the
    region is not. M(lifeboat.dr.s3_heartbeat_info) says what another bucket lacks of them.
  - A bucket that replicates keeps versions, and each beat is one. Have a lifecycle rule of both buckets expire
    noncurrent versions below C(lifeboat/heartbeat/) after a day, and choose O(every) accordingly.
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.s3_sides.source
  - lifeboat.dr.heartbeat
  - lifeboat.dr.heartbeat.files
seealso:
  - module: lifeboat.dr.s3_heartbeat_info
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Write one heartbeat
  lifeboat.dr.s3_heartbeat:
    source: {bucket: shop-chunks, region: eu-central-1}
    every: 30s
    publish_to: /var/lib/lifeboat/heartbeat/chunks.json
"""

RETURN = r"""
published:
  description: What was published of the heartbeat. Empty in check mode.
  type: dict
  returned: O(state=beaten)
  sample: {"counter": 7, "at": "2026-11-30T03:00:05+00:00", "beats": [{"counter": 7}]}
files:
  description: The files that were not as they should be.
  type: list
  elements: str
  returned: O(state=installed)
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._s3_heartbeat import ARGUMENT_SPEC, work


def main() -> None:
    """Write a heartbeat, or install its writer."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
