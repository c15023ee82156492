#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: failover_judge
short_description: Judge whether a failover may start, and check the token that a person gave
version_added: 1.0.0
description:
  - Concludes from what several places have seen whether the source is down, and from the lags whether the loss is
    within
    the objectives.
  - Without O(token), it gives the sentence that a person is to read, and the token for it. With O(token), it checks
    that
    the token belongs to exactly this failover and is not older than fifteen minutes.
  - It changes nothing but O(key_file), which is made when it is not there.
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.repository
  - lifeboat.dr.ledger
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
  mode:
    description: The mode.
    type: str
    required: true
    choices:
      - planned
      - unplanned
      - failback
      - drill
  source:
    description: Names and identifiers of the source, such as C(region), C(system_identifier) and C(timeline).
    type: dict
    required: true
  target:
    description: The same of the target.
    type: dict
    required: true
  plan_digest:
    description: A digest of the plan.
    type: str
    default: ""
  plan_parts:
    description: Hashes of what would be done, as P(lifeboat.dr.failover_fingerprint#filter) gives them. They are
      compared with those of the last drill that passed.
    type: dict
    default: {}
  drill_max_age:
    description: How old that drill may be.
    type: str
    default: 90d
  probes:
    description: What was seen of the source.
    type: list
    elements: dict
    default: []
    suboptions:
      vantage:
        description: Who looked. V(source) is what the source's hosts say of themselves; V(replication) is whether data
          flowed.
        type: str
        choices: [target, third_place, source, replication]
        required: true
      at:
        description: When, in ISO 8601.
        type: str
        required: true
      alive:
        description: Whether it answered.
        type: bool
        required: true
  min_outage:
    description: How long the source has to be silent before it counts as down.
    type: str
    default: 5m
  min_probes:
    description: How often it has to be found silent.
    type: int
    default: 5
  lags:
    description: What each store of the target lacks.
    type: list
    elements: dict
    default: []
    suboptions:
      store:
        description: The component.
        type: str
        required: true
      seconds:
        description: The lag by the heartbeat. Nobody knows it if not given.
        type: float
      measured_at:
        description: When, in ISO 8601.
        type: str
        required: true
      source:
        description: What was asked.
        type: str
        default: ""
      amount:
        description: The lag in O(lags[].unit).
        type: int
      unit:
        description: Such as V(bytes), V(messages) or V(objects).
        type: str
        default: ""
      beats:
        description: The lag in heartbeats.
        type: int
        version_added: 1.0.0
  objectives:
    description: How much each component may lose, as a dictionary of components and times. One that is not
      named may lose nothing.
    type: dict
    default: {}
  promoted_epoch:
    description: The RV(lifeboat.dr.pg_standby_info#module:promoted_epoch) of the target. A ledger that does not know of
      it is not the one of this database, and refuses.
    type: int
    default: 0
  accept:
    description: Overrides, each with its reason. C(single_vantage) for a verdict of UNKNOWN, C(broken_replication) for
      a source that is alive and does not replicate any more, C(ledger) for a ledger that is lost.
    type: dict
    default: {}
  accept_data_loss:
    description: The loss that a person accepts, such as V(codex:120s).
    type: str
    default: ""
  key_file:
    description: The key of the tokens, a file of mode 0600.
    type: path
    required: true
  token:
    description: The token that a person gave.
    type: str
seealso:
  - module: lifeboat.dr.failover_info
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Ask whether the region is down, and for the token
  lifeboat.dr.failover_judge:
    repositories:
      - path: /var/lib/lifeboat/ledger
    app: shop
    mode: unplanned
    source: {region: eu-central-1}
    target: {region: eu-west-1}
    probes: "{{ failover_probes }}"
    lags: "{{ failover_lags }}"
    objectives: {codex: 60s}
    key_file: /etc/lifeboat/failover.key
  register: judged
"""

RETURN = r"""
verdict:
  description: C(UP), C(UP, REPLICATION BROKEN), C(UP, SEEN FROM ONE SIDE ONLY), C(PARTITION), C(DOWN) or C(UNKNOWN).
  type: str
  returned: success or failure
because:
  description: Why.
  type: str
  returned: success or failure
losses:
  description: A row for each store, with C(store), C(lag) and C(budget), and the numbers behind them.
  type: list
  elements: dict
  returned: success or failure
refusals:
  description: What stands in the way. The task fails when there is something.
  type: list
  elements: str
  returned: success or failure
drill:
  description:
    - Whether a drill has shown this plan, its C(word) (C(VERIFIED) or C(UNVERIFIED)), C(because), what has C(changed)
      since, and C(drilled_at).
  type: dict
  returned: always
skew_seconds:
  description: How far apart the stores are; C(null) where one of their losses is not known.
  type: float
  returned: always
sentence:
  description: What a person says yes to.
  type: str
  returned: success or failure
token:
  description: The token for it. Empty when one was given, or when something refuses.
  type: str
  returned: success or failure
issued_at:
  description: When the token that was given was issued.
  type: str
  returned: when O(token) was given
words:
  description: What is typed to have accepted the same, as extra variables of the playbooks.
  type: str
  returned: success or failure
accepted:
  description: The overrides, for the report.
  type: dict
  returned: success or failure
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._failover_judge import ARGUMENT_SPEC, work


def main() -> None:
    """Judge whether a failover may start, and check the token that a person gave."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
