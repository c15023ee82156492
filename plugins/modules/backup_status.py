#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_status
short_description: Say how the backups of each component are
version_added: 1.0.0
description:
  - Reads the catalog in the repositories and gives one verdict for each component, with what is wrong in words and the
    next step, and the figures behind it. As a table for people, as data for machines.
  - The states are, from the best to the worst, V(good), V(warning), V(unknown) and V(bad). What could not be looked at
    is never called good.
  - A component is V(bad) when it has no good backup, the newest good one is older than O(rpo), the newest backup failed
    its proof, or the last proven restore took longer than O(rto).
  - It is a V(warning) when no backup was ever proven or the newest proof is older than O(max_proof_age), the size
    differs by more than O(size_change) from the usual one, a repository has no copy of the newest good backup or cannot
    be read, there are fewer good backups than O(min_backups), a manifest cannot be read, a backup is from the future,
    or a backup is encrypted for one key only.
  - It is V(unknown) when no repository could be read, and when O(rto) is given and the restore was never timed.
  - Everything is listed, and the O(history) newest manifests of each component are read, with what their proofs
    recorded. It needs none of the stores and no key.
requirements:
  - Python library C(boto3) (for S3).
  - Python library C(cryptography) (for O(certificates)).
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.metrics
  - lifeboat.dr.repository
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
  app:
    description: Only the backups of this application.
    type: str
  components:
    description:
      - The components of O(app) that there have to be. One without any backup is V(bad).
      - If not given, every component that is found is judged; one that never had a backup cannot be missed then.
    type: list
    elements: dict
    suboptions:
      name:
        description: The component.
        type: str
        required: true
      rpo:
        description: As O(rpo), for this component.
        type: str
      rto:
        description: As O(rto), for this component.
        type: str
      max_proof_age:
        description: As O(max_proof_age), for this component.
        type: str
      min_backups:
        description: As O(min_backups), for this component.
        type: int
      size_change:
        description: As O(size_change), for this component.
        type: float
  rpo:
    description:
      - How old the content of the newest good backup may be, such as V(26h). A good backup is one whose newest proof
        did not fail.
    type: str
    default: 26h
  rto:
    description: How long a restore may take, such as V(1h).
    type: str
  max_proof_age:
    description: How old the newest proof that passed may be.
    type: str
    default: 8d
  min_backups:
    description: How many good backups there should be at least.
    type: int
    default: 2
  size_change:
    description:
      - By which part the size of the newest good backup may differ from the median of the eight before it. V(0.5) is a
        half.
    type: float
    default: 0.5
  history:
    description: How many of the newest backups of each component are read.
    type: int
    default: 14
  schedule:
    description:
      - When backups are taken, as C(schedule.backup) of a plan says it, such as V(*-*-* 01:00) or V(0 1 * * *). Then
        the result says when the next one begins, in the local time of the host. A host's own random delay comes on top.
    type: str
  cache:
    description:
      - A file in which the module remembers what it has read of manifests and proofs in S3, so that the next look reads
        only those that are new. Repositories are listed each time, and directories are always read.
      - It gets mode V(0600), can be removed at any time, and is not written in check mode. One that others could have
        written is not read.
    type: path
  fail_on:
    description: The module fails when the worst state is this one or a worse one.
    type: str
    choices: [never, warning, unknown, bad]
    default: never
  certificates:
    description:
      - Certificates that backups, or what is backed up, depend on. One is a V(warning) twenty days before its end,
        V(bad) three days before, and V(unknown) where it cannot be read.
      - It is not checked whether anybody would trust it.
    type: list
    elements: dict
    suboptions:
      name:
        description: What to call it.
        type: str
        required: true
      path:
        description: A file, in PEM or DER. Of several in one file, the one that expires first counts.
        type: path
      host:
        description: A server that shows one.
        type: str
      port:
        description: Its port.
        type: int
      server_name:
        description: The name to ask the server for. O(certificates[].host) if not given.
        type: str
      starttls:
        description: How the server comes to speak TLS. V(none) where it does from the first byte on.
        type: str
        choices: [none, postgresql, nats]
        default: none
  time_limit:
    description: After how long the module gives up. It fails then, since nothing is known.
    type: str
    default: 10m
seealso:
  - module: lifeboat.dr.backup_info
  - module: lifeboat.dr.backup_status_report
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Are the backups as they should be
  lifeboat.dr.backup_status:
    repositories:
      - path: /var/backups/lifeboat
      - bucket: shop-backups
        prefix: lifeboat
    app: shop
    components:
      - name: codex
        rpo: 2h
        rto: 30m
      - name: events
    fail_on: bad
  register: status

- name: Show the table
  lifeboat.dr.backup_status_report:
    statuses: "{{ {inventory_hostname: status} }}"
"""

RETURN = r"""
state:
  description: The worst state. V(unknown) where there is no component.
  type: str
  returned: always
checked_at:
  description: When it was looked, in UTC.
  type: str
  returned: always
counts:
  description: How many components are in each state.
  type: dict
  returned: always
components:
  description: The verdict on each component.
  type: list
  elements: dict
  returned: always
  contains:
    app:
      description: The application.
      type: str
    component:
      description: The component.
      type: str
    host:
      description: Empty; a report on several hosts fills it.
      type: str
    state:
      description: V(good), V(warning), V(unknown) or V(bad).
      type: str
    problems:
      description: What is wrong, with C(state), C(code) (a stable word), C(message) and C(next_step).
      type: list
      elements: dict
    engine:
      description: The kind of store.
      type: str
    last_good:
      description: The newest backup whose newest proof has not failed, with C(backup_id), C(taken_at), C(finished_at),
        C(seconds), C(plain_bytes), C(stored_bytes), C(encryption), C(recipients) and C(repositories).
      type: dict
    last_proven:
      description: The newest proof that passed, with C(backup_id), C(verified_at) and C(restore_seconds).
      type: dict
    age_seconds:
      description: The age of what the newest good backup holds; for a cluster whose log is archived, of the last
        segment that can be read.
      type: int
    logged_at:
      description: When that segment was archived; V(none) for what has no log.
      type: str
    rpo_seconds:
      description: How old that may be.
      type: float
    rto_seconds:
      description: How long a restore may take.
      type: float
    max_proof_age_seconds:
      description: How old the newest proof may be.
      type: float
    min_backups:
      description: How many good backups there should be.
      type: int
    usual_bytes:
      description: The median size of the good backups before the newest one.
      type: int
    size_change:
      description: By which part the newest good one differs from that.
      type: float
    restore_seconds:
      description: How long the last proven restore took.
      type: float
    backups:
      description: How many backups there are.
      type: int
    good_backups:
      description: How many of those that were read have no failed proof, and are not from the future.
      type: int
    failed_proofs:
      description: How many of those that were read were found not to be right.
      type: int
    oldest_at:
      description: When the oldest backup was begun.
      type: str
    copies:
      description: How many repositories hold the newest good one.
      type: int
    sizes:
      description: The sizes of the good ones, the oldest first, with C(at) and C(bytes).
      type: list
      elements: dict
    restore_times:
      description: The times of proven restores, the oldest first, with C(at) and C(seconds).
      type: list
      elements: dict
    next_run:
      description: When the next backup begins, in UTC, where O(schedule) is given.
      type: str
repositories:
  description: The repositories, with C(name), C(reached) and C(why) not.
  type: list
  elements: dict
  returned: always
certificates:
  description: The certificates, with C(name), C(place), C(not_after), C(state) and C(message).
  type: list
  elements: dict
  returned: always
not_named:
  description: Components that were found, and are not among O(components).
  type: list
  elements: str
  returned: always
table:
  description: All of it as lines of text.
  type: list
  elements: str
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._backup_status import ARGUMENT_SPEC, work


def main() -> None:
    """Say how the backups are."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
