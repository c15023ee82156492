# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that every module that proves backups has, written once."""

from __future__ import annotations


class ModuleDocFragment:
    """What antsibull-docs and ansible-doc merge into the modules that name it."""

    DOCUMENTATION = r"""
attributes:
  check_mode:
    support: full
    details:
      - Finds the backup and opens the keys, but reads no artifact.
  diff_mode:
    support: none
  idempotent:
    support: partial
    details:
      - With O(max_age), a second run changes nothing while there is a young proof of the same backup.
options:
  backup:
    description:
      - 'Which backup, as V(newest), V(newest_verified), V(oldest), V(random), an id, or C({before:
      2026-01-15T14:30:00Z}).'
    type: raw
    default: newest
  report_dir:
    description: Write the report there, as JSON, HTML, Markdown and JUnit.
    type: path
  max_age:
    description:
      - Do nothing while the newest proof of this backup passed, is younger than this, had the same or a stronger
        profile, and was asked the same O(checks), or more.
      - If not given, each run proves the backup again.
    type: str
  record:
    description: Write a record of the proof beside the backup, so that V(newest_verified) finds it.
    type: bool
    default: true
  jobs:
    description: How many streams to restore and compare at a time.
    type: int
    default: 2
  time_limit:
    description:
      - How long the verification may take. There is no limit if not given.
      - A bucket that is silent is waited for no longer than that; so that the proof can be recorded, 15 seconds more.
    type: str
"""

    SCRATCH_DIR = r"""
options:
  scratch_dir:
    description:
      - Where temporary files and the scratch place's folder are made. It needs as much room as what is restored, and is
        cleaned up afterwards.
    type: path
    default: /var/tmp
"""
