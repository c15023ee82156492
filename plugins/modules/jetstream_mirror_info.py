#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: jetstream_mirror_info
short_description: Say how far JetStream mirrors are behind, and what a promotion would lose
version_added: 1.0.0
description:
  - Compares mirrors with their origins, in messages, and in seconds by the times of the messages. What is not known is
    C(null), and never 0.
  - A mirror says of itself that its lag is 0 when its origin cannot be reached, so it is not asked. When the source
    does not answer, the mirrors are measured against what was published of it somewhere else (O(published)).
requirements:
  - Python library C(nats-py).
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.nats
  - lifeboat.dr.nats_source
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
  streams:
    description: The streams that are meant. If not given, all mirrors of the account.
    type: list
    elements: str
    default: []
seealso:
  - module: lifeboat.dr.jetstream_mirror
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Ask how far behind the mirrors are
  lifeboat.dr.jetstream_mirror_info:
    url: nats://n1.eu-west.example:4222
    source:
      url: nats://n1.eu-central.example:4222
  register: mirrors

- name: Refuse to go on with an unknown loss
  ansible.builtin.assert:
    that: mirrors.loss_seconds is not none and mirrors.loss_seconds <= 10
"""

RETURN = r"""
streams:
  description:
    - For each stream C(name), C(word), C(because), C(loss_messages), C(loss_seconds), C(last_sequence), C(subjects) and
      whether it is C(fenced).
    - The word is C(current), C(catching up), C(unknown) (the source does not answer), C(primary) (it is not a
      mirror) or C(missing).
  type: list
  elements: dict
  returned: success
loss_messages:
  description: Messages that a promotion of all of them would lose; C(null) when nobody knows.
  type: int
  returned: success
loss_seconds:
  description: The longest time of one of them; C(null) when nobody knows.
  type: float
  returned: success
source:
  description: Whether the source was C(reached), and C(why) not.
  type: dict
  returned: success
server_version:
  description: The version of the server with the mirrors.
  type: str
  returned: success
measured_at:
  description: When.
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._options import CONNECTION_RULES
from ansible_collections.lifeboat.dr.plugins.module_utils._work._jetstream_mirror_info import ARGUMENT_SPEC, work


def main() -> None:
    """Say how far mirrors are behind."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True, **CONNECTION_RULES), work)


if __name__ == "__main__":
    main()
