# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that say what is backed up, and which backup is used, written once.

Use C(lifeboat.dr.backup) in a module that backs up, C(lifeboat.dr.backup.chosen) in one that takes a backup from the
catalog. What a module says of an option itself comes before what is here.
"""

from __future__ import annotations


class ModuleDocFragment:
    """What antsibull-docs and ansible-doc merge into the modules that name it."""

    DOCUMENTATION = r"""
options:
  app:
    description: The application that this store belongs to. It names a folder in the repositories.
    type: str
    required: true
  component:
    description: The name of this store (a database, a NATS account, a bucket) in the application. It names a folder in
      the repositories.
    type: str
    required: true
  label:
    description:
      - Why this backup is taken, such as V(before-release-42). It is in the manifest, and M(lifeboat.dr.backup_prune)
        has rules for labels.
      - A backup with a label is always taken, whatever O(max_age).
    type: str
  max_age:
    description:
      - Do nothing while the newest backup is younger than this, such as V(20h), and every repository holds it.
      - If not given, each run takes a backup.
    type: str
  min_copies:
    description: The task fails when fewer repositories than this hold the backup in the end. The backup is kept in
      those that do.
    type: int
    default: 1
  time_limit:
    description: How long the backup may take. It is stopped after that, and nothing of it is kept. There is no limit if
      not given.
    type: str
  state_dir:
    description:
      - Where the lock and the journal of running backups are.
      - C(/var/lib/lifeboat) for root, C(~/.local/state/lifeboat) otherwise, if not given.
    type: path
"""

    CHOSEN = r"""
options:
  app:
    description: The application, as it was named when the backup was taken.
    type: str
    required: true
  component:
    description: The component of it (a database, a NATS account, a bucket).
    type: str
    required: true
  backup:
    description:
      - 'Which backup, as V(newest), V(newest_verified), V(oldest), V(random), an id, or C({before:
      2026-01-15T14:30:00Z}).'
    type: raw
  accept_older:
    description:
      - Take an older backup although a newer one is there whose manifest cannot be read. Otherwise that is an error, as
        an older backup that is fine would hide it.
      - It is not needed with O(backup) as an id.
    type: bool
    default: false
"""
