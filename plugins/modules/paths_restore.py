#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: paths_restore
short_description: Restore files and folders from a backup that restic keeps
version_added: 1.0.0
description:
  - Restores the files of a backup of M(lifeboat.dr.paths_backup), or those at and below O(include), into a folder of
    their own or to where they came from.
  - restic writes beside the place where the files belong, into C(<place>.restoring-<backup id>). Only when everything
    is there and has been compared, it is renamed. What was there before is kept under another name (RV(kept_as)), and
    is yours to remove.
  - So a restore needs room for the files a second time, and a place cannot be a mount point.
  - A restore that is killed leaves C(<place>.restoring-<backup id>). The next restore to the same place removes it.
  - restic keeps owner, mode, times, symbolic links, hard links and extended attributes. Other owners than oneself can
    be given by root alone.
requirements:
  - restic 0.14 or newer.
  - Python libraries C(zstandard), C(pyrage) (for age), C(boto3) (for S3 in O(repositories)).
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.audit
  - lifeboat.dr.backup.chosen
  - lifeboat.dr.restic
  - lifeboat.dr.repository
  - lifeboat.dr.encryption
  - lifeboat.dr._progress
attributes:
  check_mode:
    support: full
    details:
      - Reads the list of files from the restic repository, and says what would be written where.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - A restored folder holds C(.lifeboat-restored.json), which says what it came from, so a second run for the same
        backup changes nothing.
      - With O(target.in_place), each run restores again.
options:
  backup:
    default: newest_verified
  restic_repository:
    description:
      - Where the restic repository is now. By default, it is where the manifest says.
      - It has to be the repository of the backup or a copy of its files, which has the same id.
  target:
    description: Where to. Exactly one of O(target.folder) and O(target.in_place).
    type: dict
    required: true
    suboptions:
      folder:
        description:
          - A folder, as an absolute path. The files are in it under their whole paths, as restic writes them.
          - The folder above it has to be there. It must not exist yet, or be empty, unless O(overwrite=true).
        type: path
      in_place:
        description:
          - Put everything to where it came from. What is there is renamed, and kept.
          - Each of the backed-up paths, or of O(include), is replaced as a whole.
        type: bool
        default: false
      confirm:
        description: The name of the component, typed once more to say that you mean O(target.in_place).
        type: str
  include:
    description: Only what is at and below these paths, as absolute paths. Each has to be in the backup.
    type: list
    elements: str
    default: []
  overwrite:
    description: With V(true), O(target.folder) may hold something. That is kept under another name (RV(kept_as)).
    type: bool
    default: false
  verify:
    description:
      - Read back what was written before it is put into place. restic compares it with its own hashes, and files in the
        list of hashes of the backup's time are compared with those.
      - The list is encrypted, so this takes the key (O(encryption)). Where that is missing, restic's comparison alone
        is done, with a warning.
    type: bool
    default: true
  time_limit:
    description: How long the restore may take. There is no limit if not given.
    type: str
seealso:
  - module: lifeboat.dr.paths_backup
  - module: lifeboat.dr.restore_verify
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Get one file back, beside the one of today
  lifeboat.dr.paths_restore:
    app: shop
    component: files
    backup:
      before: "2026-01-15T14:30:00Z"
    repositories:
      - path: /var/backups/lifeboat
    encryption:
      identity_file: /etc/lifeboat/operations.key
    restic_password_file: /etc/lifeboat/restic.password
    include:
      - /etc/shop/shop.conf
    target:
      folder: /root/shop-before

- name: Put everything back on a new host
  lifeboat.dr.paths_restore:
    app: shop
    component: files
    repositories:
      - path: /var/backups/lifeboat
    encryption:
      identity_file: /etc/lifeboat/operations.key
    restic_password_file: /etc/lifeboat/restic.password
    target:
      in_place: true
      confirm: files
"""

RETURN = r"""
backup_id:
  description: The backup that was restored.
  type: str
  returned: success
app:
  description: The application.
  type: str
  returned: success
component:
  description: The component.
  type: str
  returned: success
taken_at:
  description: The point in time that the backup shows, in UTC.
  type: str
  returned: success
snapshot_id:
  description: The snapshot of restic.
  type: str
  returned: success
target:
  description: The folder, or C(in place).
  type: str
  returned: success
files:
  description: How many files are written, in check mode how many would be.
  type: int
  returned: changed
folders:
  description: How many folders.
  type: int
  returned: changed
bytes:
  description: The bytes of the files.
  type: int
  returned: changed
names:
  description: The first 100 paths.
  type: list
  elements: str
  returned: changed
compared_files:
  description: How many files were compared with the hashes of the time of the backup.
  type: int
  returned: changed, except in check mode
kept_as:
  description: The names under which what was there before is kept.
  type: list
  elements: str
  returned: changed, except in check mode
removed_leftovers:
  description: Folders of restores that were killed, which were removed.
  type: list
  elements: str
  returned: changed, except in check mode
phases:
  description: What took how long.
  type: list
  elements: dict
  returned: changed, except in check mode
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._paths_restore import ARGUMENT_SPEC, work


def main() -> None:
    """Restore files, or tell that they have been restored already."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
