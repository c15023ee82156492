#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: jetstream_references
short_description: Read what messages of a stream name, or look whether they name something
version_added: 1.0.0
description:
  - Reads a stream. With O(write_to) the sequences, subjects or values of its messages are written to a file; with
    O(look_for) each name in such a file has to be one of them.
  - A message that has no such header or value is left out.
requirements:
  - Python library C(nats-py).
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.nats
  - lifeboat.dr.references
attributes:
  check_mode:
    support: full
    details:
      - Only the options are checked then.
  diff_mode:
    support: N/A
    details:
      - This module does not modify state.
  idempotent:
    support: full
options:
  stream:
    description: The stream. That of a key-value bucket is called C(KV_) and the bucket's name.
    type: str
    required: true
  subject:
    description: Only messages on this subject, wildcards allowed.
    type: str
    default: ''
  of:
    description: What is taken of each message.
    type: str
    choices: [sequence, subject, data]
    default: sequence
  header:
    description: The value of this header is taken instead of O(of).
    type: str
  json_path:
    description: The value at this place in the message, which is JSON, is taken instead of O(of), such as V(order.id).
    type: str
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Collect the orders that messages name
  lifeboat.dr.jetstream_references:
    url: nats://127.0.0.1:4222
    stream: ORDERS
    json_path: order.id
    write_to: /run/lifeboat/messages.names
"""

RETURN = r"""
entries:
  description: How many entries were read.
  type: int
  returned: except in check mode
names:
  description: How many different names there are, or are looked for.
  type: int
  returned: except in check mode
unnamed:
  description: How many entries O(take) finds no name in.
  type: int
  returned: except in check mode
missing:
  description: How many of the names that are looked for are not there.
  type: int
  returned: except in check mode
missing_names:
  description: The first of them, at most 20.
  type: list
  elements: str
  returned: except in check mode
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._options import CONNECTION_RULES
from ansible_collections.lifeboat.dr.plugins.module_utils._references._names import LOOK_RULES
from ansible_collections.lifeboat.dr.plugins.module_utils._work._jetstream_references import ARGUMENT_SPEC, work

# The names of options are all different, so rules of both kinds hold together.
RULES = {
    **CONNECTION_RULES,
    **{name: [*CONNECTION_RULES[name], *LOOK_RULES[name]] for name in ("mutually_exclusive", "required_one_of")},
}


def main() -> None:
    """Write the names, or look for them."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True, **RULES), work)


if __name__ == "__main__":
    main()
