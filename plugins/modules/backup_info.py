#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_info
short_description: List the backups in repositories
version_added: 1.0.0
description:
  - Reads the manifests of one or more repositories. There is no index that could be lost or be wrong.
  - On request, reads every stored file and compares its size and SHA-256 with the manifest, without restoring anything.
requirements:
  - Python library C(boto3) (for S3).
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
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
  component:
    description: Only the backups of this component of O(app).
    type: str
  newer_than:
    description: Only backups younger than this, such as V(7d).
    type: str
  older_than:
    description: Only backups older than this.
    type: str
  verified:
    description: Only backups whose newest proof passed, or with V(false) those that have none or whose newest one
      failed.
    type: bool
  check_hashes:
    description: Read every stored file, and compare its size and SHA-256 with the manifest.
    type: bool
    default: false
  backup:
    description:
      - 'Only this backup of O(component), as V(newest), V(newest_verified), V(oldest), V(random), an id, or C({before:
        2026-01-15T14:30:00Z}).'
      - It is chosen as M(lifeboat.dr.restore_verify) chooses it, and it is an error if there is none.
    type: raw
  accept_older:
    description: Let O(backup) be an older one when the manifest of a newer one cannot be read.
    type: bool
    default: false
  time_limit:
    description: How long the buckets among O(repositories) may take to answer all that is asked. There is no limit if
      not given.
    type: str
seealso:
  - module: lifeboat.dr.pg_backup
  - module: lifeboat.dr.restore_verify
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: List what has never been proven
  lifeboat.dr.backup_info:
    repositories:
      - path: /var/backups/lifeboat
    app: shop
    verified: false
  register: unproven

- name: Look up what is there
  lifeboat.dr.backup_info:
    repositories:
      - path: /var/backups/lifeboat
  register: there

- name: Name the backups that a release of a library has written
  ansible.builtin.debug:
    msg: "{{ there.backups | selectattr('tool_versions.zstandard', 'defined')
      | selectattr('tool_versions.zstandard', 'eq', '0.23.0') | map(attribute='backup_id') }}"

- name: Look for bit rot
  lifeboat.dr.backup_info:
    repositories:
      - bucket: shop-backups
        prefix: lifeboat
    check_hashes: true
  register: catalog
  failed_when: catalog.unreadable or catalog.backups | map(attribute='damaged') | flatten
"""

RETURN = r"""
backups:
  description: The backups, the newest first.
  type: list
  elements: dict
  returned: success
  contains:
    app:
      description: The application.
      type: str
    component:
      description: The component.
      type: str
    backup_id:
      description: The backup's id.
      type: str
    label:
      description: Why it was taken. Empty for a backup of the schedule.
      type: str
    kept_by:
      description: The other system that keeps the data, such as V(restic). Empty where the repositories do.
      type: str
    engine:
      description: The kind of store.
      type: str
    taken_at:
      description: The point in time that the backup shows, in UTC.
      type: str
    age_seconds:
      description: How long ago that was.
      type: int
    plain_bytes:
      description: Bytes before compression.
      type: int
    stored_bytes:
      description: Bytes in one repository.
      type: int
    compression:
      description: The compression.
      type: str
    encryption:
      description: The encryption.
      type: str
    repositories:
      description: The repositories that hold it.
      type: list
      elements: str
    verified:
      description: Whether its newest proof passed.
      type: bool
    proofs:
      description: Every proof, with C(verified_at), C(verdict) and C(profile).
      type: list
      elements: dict
    artifacts:
      description: Its files, with C(name), C(content), C(stored_bytes) and C(sha256).
      type: list
      elements: dict
    restore_by_hand:
      description: The commands that restore it with stock tools.
      type: list
      elements: str
    tool_versions:
      description: The versions of the programs and libraries that wrote it, such as C(pg_dump), C(zstandard) and
        C(pyrage). After news of a bad release, they say which backups it wrote.
      type: dict
    damaged:
      description: Stored files that are not what was written, with C(repository), C(path) and C(why). Only with
        O(check_hashes).
      type: list
      elements: dict
windows:
  description:
    - For each cluster whose log is archived, to which moments it can be brought back. Only where many backups are asked
      for.
    - Of a cluster that pgBackRest keeps, pgBackRest is asked on this host, and all backups of the stanza count.
  type: list
  elements: dict
  returned: success
  contains:
    app:
      description: The application.
      type: str
    component:
      description: The component.
      type: str
    archive:
      description: The archive of its log; of pgBackRest the stanza, and the folder of its log.
      type: str
    system_identifier:
      description: The system identifier of the cluster.
      type: str
    from:
      description: When the oldest base backup that its log makes consistent ended. Empty where there is none.
      type: str
    to:
      description: When the last segment was written that can be reached without a hole; with pgBackRest, when it was
        archived. What was committed later is not in it.
      type: str
    timeline:
      description: The timeline at the end.
      type: int
    backups:
      description: The base backups that can be recovered, the newest first; of pgBackRest by its labels.
      type: list
      elements: str
    unusable:
      description: Those that cannot, each with the reason.
      type: list
      elements: str
    missing:
      description: The segments that are missing although later ones are there. What was written after such a hole can
        be reached from a later base backup alone. One that only one repository lacks is followed by C(in) and its name.
      type: list
      elements: str
    missing_ahead:
      description: Those of them that lie after the newest of these backups. Until there is another base backup, what
        was written after them cannot be reached.
      type: list
      elements: str
    segments:
      description: How many files the archive holds.
      type: int
unreadable:
  description: Manifests that cannot be read, with C(repository), C(path) and C(why).
  type: list
  elements: dict
  returned: success
unreachable_repositories:
  description: Repositories that cannot be listed, with C(repository) and C(why).
  type: list
  elements: dict
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._backup_info import ARGUMENT_SPEC, work


def main() -> None:
    """List backups."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
