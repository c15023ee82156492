#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_prune
short_description: Delete old backups by a retention policy, and never the last good one
version_added: 1.0.0
description:
  - Reads the manifests in each repository, decides for every backup of every component whether it stays, gives the
    reason, and deletes what no rule keeps. Each repository and each component is planned by itself.
  - Only good backups count. One whose newest proof failed, one from the future and one that is held never use up a
    place.
  - The newest good backup, the newest proven one and the O(min_keep) newest good ones stay whatever the rules say. So
    do backups that are held, are from the future, or have a manifest that cannot be read.
  - Ages are measured from the newest good backup and not from the clock, so nothing more is deleted because backups
    have been failing, or because a clock is wrong.
  - Nothing at all is deleted when the newest good backup is older than O(max_silence), or when more than
    O(max_fraction) of a component's backups would go. Check mode shows the plan and its RV(digest); O(confirm) with
    that digest carries out exactly this plan.
  - The manifest is deleted first, and a journal on the host names the backup meanwhile. A run that is killed leaves
    nothing that looks whole, and the next run removes the rest.
  - Backups that another system keeps lose their manifest here. That system thins its own data.
requirements:
  - Python library C(boto3) (for S3).
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.audit
  - lifeboat.dr.repository
attributes:
  check_mode:
    support: full
    details:
      - It gives the plan that a run would carry out.
  diff_mode:
    support: full
    details:
      - The backups before and after.
  idempotent:
    support: full
options:
  app:
    description: The application whose backups are thinned.
    type: str
    required: true
  component:
    description: Only this component. All components of O(app) if not given.
    type: str
  keep:
    description:
      - What stays, for backups without a label. A backup stays when any of these keeps it.
      - Periods are those of the calendar in UTC, weeks those of ISO 8601. Each keeps its newest backup; a period
        without a backup does not count.
    type: dict
    required: true
    suboptions:
      last:
        description: The newest so many.
        type: int
      within:
        description: All that are not older than this, measured from the newest good backup, such as V(7d).
        type: str
      hourly:
        description: One for each of so many hours.
        type: int
      daily:
        description: One for each of so many days.
        type: int
      weekly:
        description: One for each of so many weeks.
        type: int
      monthly:
        description: One for each of so many months.
        type: int
      yearly:
        description: One for each of so many years.
        type: int
  labels:
    description:
      - The rules for backups that have a label, as a dictionary of labels, each with the keys of O(keep). A C(*) in a
        label stands for any characters, so V(before-release-*) has the rules of all of these together.
      - Backups with a label that is not named here all stay. Labelled backups do not use up places of O(keep).
    type: dict
  min_keep:
    description: So many of the newest good backups stay whatever the rules say; 1 or more.
    type: int
    default: 2
  failed_after:
    description: A backup whose newest proof failed is deleted when a good one is newer by more than this.
    type: str
    default: 14d
  max_silence:
    description: Delete nothing when the newest good backup is older than this, since backups are failing then.
    type: str
    default: 8d
  max_fraction:
    description: Delete nothing when more than this share of a component's backups in a repository would go. One may
      always go.
    type: float
    default: 0.3
  confirm:
    description:
      - The RV(digest) of a plan that somebody has looked at. It lifts O(max_silence) and O(max_fraction) for this plan.
      - The task fails, and nothing is deleted, when the plan is another one by now.
    type: str
  unfinished_after:
    description:
      - Also remove what is left of backups without a manifest that were begun longer ago than this, such as V(7d). A
        host that was lost while it backed up leaves such folders.
      - They are only named in RV(unfinished) if not given.
    type: str
  time_limit:
    description: How long the run may take. Backups that it has not come to stay for the next run.
    type: str
  state_dir:
    description:
      - Where the locks and the journals are. Use the same as for backups.
      - C(/var/lib/lifeboat) for root, C(~/.local/state/lifeboat) otherwise, if not given.
    type: path
seealso:
  - module: lifeboat.dr.backup_hold
  - module: lifeboat.dr.backup_info
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Keep two weeks of days, two months of weeks, a year of months
  lifeboat.dr.backup_prune:
    repositories:
      - path: /var/backups/lifeboat
    app: shop
    keep:
      within: 2d
      daily: 14
      weekly: 8
      monthly: 12
    labels:
      before-release-*:
        within: 90d
  register: pruned

- name: Show the plan as a table
  ansible.builtin.debug:
    msg: "{{ item.summary }}"
  loop: "{{ pruned.plan }}"
  loop_control:
    label: "{{ item.repository }}/{{ item.component }}"
"""

RETURN = r"""
digest:
  description: Names exactly what is to be deleted. Give it as O(confirm) to approve this plan.
  type: str
  returned: success or failure
  sample: 5b1f0c2d9e7a4f31
plan:
  description: The plan of each component in each repository.
  type: list
  elements: dict
  returned: success or failure
  contains:
    repository:
      description: The repository.
      type: str
    app:
      description: The application.
      type: str
    component:
      description: The component.
      type: str
    refusal:
      description: Why this plan may not be carried out without O(confirm). Empty where it may.
      type: str
    unreadable:
      description: Backups whose manifest cannot be read, with C(backup_id) and C(why). They are left alone.
      type: list
      elements: dict
    backups:
      description: Every backup, newest first, with C(backup_id), C(taken_at), C(stored_bytes), C(action) (V(keep),
        V(delete) or V(defer)) and C(reasons).
      type: list
      elements: dict
    summary:
      description: The plan as the lines of a table.
      type: list
      elements: str
deleted:
  description: The backups that were deleted, as repository, application, component and id.
  type: list
  elements: str
  returned: success or failure
deferred:
  description: Backups that no rule keeps, and that an object lock protects for now.
  type: list
  elements: str
  returned: success or failure
logs:
  description: What was removed of the archived logs of clusters, or would be, by C(archive), the number of C(files),
    and the repositories that C(failed). Only what is older than every base backup that stays is removed; where not
    every manifest can be read, nothing is.
  type: list
  elements: dict
  returned: success
freed_bytes:
  description: How many stored bytes were deleted, or would be in check mode.
  type: int
  returned: success or failure
unfinished:
  description: Folders of backups that have no manifest. A backup may be at work there, or a host was lost.
  type: list
  elements: str
  returned: success or failure
unlisted_repositories:
  description: Repositories that could not be listed, with C(repository) and C(why). The task fails when there is one.
  type: list
  elements: dict
  returned: success or failure
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._backup_prune import ARGUMENT_SPEC, work


def main() -> None:
    """Delete old backups."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
