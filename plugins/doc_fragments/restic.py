# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a restic repository is reached, and how its backups are proven, written once."""

from __future__ import annotations


class ModuleDocFragment:
    """What antsibull-docs and ansible-doc merge into the modules that name it."""

    DOCUMENTATION = r"""
options:
  restic_repository:
    description:
      - The restic repository, as the absolute path of a folder, or as a location of restic such as
        V(s3:https://s3.example.org/bucket/folder).
      - Credentials are taken from the task's C(environment), under the names that restic's manual has for them
        (C(AWS_ACCESS_KEY_ID), C(AWS_SECRET_ACCESS_KEY)). A location that holds a user name is refused.
    type: str
  restic_password_file:
    description:
      - The file with the password of the restic repository, on the host where the module runs.
      - Who loses it has lost the data. Keep a copy where the age keys are.
    type: path
  restic_binary:
    description: The program C(restic), where it is not in the search path.
    type: path
  restic_lock_timeout:
    description: How long to wait while another process of restic holds its repository alone. Locks of processes that
      are gone are removed.
    type: str
    default: 5m
"""

    PROOF = r"""
options:
  restic_read_data_subset:
    description:
      - How much of the data of the restic repository C(restic check) reads and compares, such as V(5%) (chosen by
        chance), V(3/20) (the third of twenty parts) or V(2G). V(100%) reads everything, V(0) nothing.
      - Used by the profiles V(artifact) and V(full), for backups of files.
    type: str
    default: 5%
  restic_sample_files:
    description: How many files to restore and to compare, for backups of files.
    type: int
    default: 100
  restic_sample_bytes:
    description: How many bytes these may have together.
    type: int
    default: 268435456
  restic_sample_seed:
    description: What decides which files these are. By default, it is the date, so that each day has other ones. The
      report names it.
    type: str
"""
