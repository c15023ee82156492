#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: jetstream_mirror
short_description: Mirror JetStream streams, make streams of mirrors, or fence streams
version_added: 1.0.0
description:
  - With O(state=mirror), mirrors of the source's streams are made, of the same names and limits, and waited for. The
    subjects of the origins are kept in the metadata of the mirrors.
  - With O(state=primary), mirrors become streams that take messages themselves, under the subjects of their origins,
    with all messages and their sequence numbers. Consumers are made again behind what they had acknowledged. It takes a
    server from 2.12 on, and is refused while the origin takes messages, and when more would be lost than may be, or
    nobody knows how much.
  - With O(state=fenced), streams of this account lose their subjects, so that publishers are refused. With
    O(state=unfenced), they get them back.
  - Whether a stream takes messages is proved without storing one. A message that expects a wrong last sequence is
    refused by a stream that listens, and answered by nobody where none does. Where O(source) has the stream that serves
    already and shares its subjects by a leaf node, a fence is proved by the subjects alone.
  - Only streams with the retention C(limits) can be mirrored. A mirror does not learn which messages of a work queue
    were acknowledged.
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
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  state:
    description: What the streams shall be. Required for O(state=mirror) is O(source).
    type: str
    choices: [mirror, primary, fenced, unfenced]
    required: true
  streams:
    description: The names of the streams. A mirror has the name of its origin, so it is in another JetStream domain, or
      another account.
    type: list
    elements: str
    required: true
  source_domain:
    description: The JetStream domain of the source, as the server with the mirrors reaches it (a leaf node or its hub).
      For O(state=mirror).
    type: str
  source_api:
    description: The same for streams that are imported from another account, the prefix of its API, such as
      V(CENTRAL.API). For O(state=mirror).
    type: str
  replace:
    description:
      - Whether a stream that is in the way, and was fenced, is deleted and a mirror takes its place. For
        O(state=mirror).
      - It is counted what only this stream has. Where that is anything, or nobody knows, it takes O(accept_loss). Back
        the stream up before.
    type: bool
    default: false
  subjects:
    description: The subjects of the promoted streams, as a dictionary of streams and lists, if not those of the
      origins.
    type: dict
    default: {}
  consumers:
    description: The consumers to make again, as RV(consumers) has them.
    type: dict
    default: {}
  reach:
    description: The sequences that the mirrors have to have before they are promoted, as RV(reach) has them. They are
      waited for, and then nothing is lost.
    type: dict
    default: {}
  max_loss:
    description: How much may be lost, such as V(10s). If not given, nothing may. For O(state=primary).
    type: str
  accept_loss:
    description: Why it is right to promote, or to replace, although more would be lost, or nobody knows how much.
    type: str
  unfenced_source:
    description: Why it is right to promote although the origin is alive and takes messages.
    type: str
  run_id:
    description: Who promotes, for the metadata of the streams.
    type: str
    default: by hand
  time_limit:
    description: How long all of it may take.
    type: str
    default: 5m
seealso:
  - module: lifeboat.dr.jetstream_mirror_info
  - module: lifeboat.dr.jetstream_snapshot
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Mirror the streams of the region that serves
  lifeboat.dr.jetstream_mirror:
    state: mirror
    url: nats://n1.eu-west.example:4222
    source:
      url: nats://n1.eu-central.example:4222
    source_domain: central
    streams: [ORDERS, INVOICES]

- name: Refuse messages in the region that is left
  lifeboat.dr.jetstream_mirror:
    state: fenced
    url: nats://n1.eu-central.example:4222
    streams: [ORDERS, INVOICES]
  register: fenced

- name: Make streams of the mirrors when they have everything
  lifeboat.dr.jetstream_mirror:
    state: primary
    url: nats://n1.eu-west.example:4222
    streams: [ORDERS, INVOICES]
    reach: "{{ fenced.reach }}"
    consumers: "{{ fenced.consumers }}"
"""

RETURN = r"""
streams:
  description: The streams that were changed, or would be.
  type: list
  elements: str
  returned: success
consumers_made:
  description: The consumers that were made, each as C(stream/consumer).
  type: list
  elements: str
  returned: success
lost:
  description: What the promotion has lost, as it was measured before, as
    RV(lifeboat.dr.jetstream_mirror_info#module:streams).
  type: list
  elements: dict
  returned: when O(state=primary)
given_up:
  description: The streams that mirrors take the place of, each with C(name), C(messages), C(only_here_messages) (those
    that the source never got; None when nobody knows) and C(because).
  type: list
  elements: dict
  returned: when O(state=mirror)
reach:
  description: The last sequences of the streams, for O(reach) of the mirrors.
  type: dict
  returned: when O(state=fenced) or O(state=unfenced)
consumers:
  description: The durable consumers of the streams, each with its C(config), C(ack_floor) and C(delivered), for
    O(consumers).
  type: dict
  returned: when O(state=fenced) or O(state=unfenced)
accept_loss:
  description: O(accept_loss).
  type: str
  returned: success
unfenced_source:
  description: O(unfenced_source).
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._options import CONNECTION_RULES
from ansible_collections.lifeboat.dr.plugins.module_utils._work._jetstream_mirror import (
    ARGUMENT_SPEC,
    REQUIRED_IF,
    work,
)


def main() -> None:
    """Change what streams are."""
    run(
        AnsibleModule(
            argument_spec=ARGUMENT_SPEC, required_if=REQUIRED_IF, supports_check_mode=True, **CONNECTION_RULES
        ),
        work,
    )


if __name__ == "__main__":
    main()
