#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: s3_heartbeat_info
short_description: Say what a bucket lacks, by the heartbeats of the one that it is replicated from
version_added: 1.0.0
description:
  - Compares the beats that M(lifeboat.dr.s3_heartbeat) has published with those that have arrived in the other bucket.
    The oldest one that is missing counts, as replication keeps no order. What is not known is C(null), and never 0.
  - It is a sample, one object in every few seconds. Where the source can be listed,
    M(lifeboat.dr.s3_replication_info) counts every object.
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.s3_sides.destination
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
  published:
    description: The facts that were published, with C(beats). Empty where nothing was.
    type: dict
    default: {}
seealso:
  - module: lifeboat.dr.s3_heartbeat
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Ask what the other bucket lacks
  lifeboat.dr.s3_heartbeat_info:
    destination: {bucket: shop-chunks-dr, region: eu-west-1}
    published: "{{ (lookup('file', '/var/lib/lifeboat/heartbeat/chunks.json') | from_json).facts }}"
"""

RETURN = r"""
loss_seconds:
  description: From the last beat before the oldest one that is missing to the last one that was published.
  type: float
  returned: success
loss_beats:
  description: How many of the published beats are missing.
  type: int
  returned: success
because:
  description: How it is known, or why not.
  type: str
  returned: success
counter:
  description: The newest beat that has arrived.
  type: int
  returned: success
measured_at:
  description: When.
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._s3_heartbeat_info import ARGUMENT_SPEC, work


def main() -> None:
    """Say what a bucket lacks."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
