# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of the modules that read and write the ledger of a failover, written once."""

from __future__ import annotations


class ModuleDocFragment:
    """What antsibull-docs and ansible-doc merge into the modules that name it."""

    DOCUMENTATION = r"""
options:
  repositories:
    description: The one repository that holds the ledger, in the target region or in a third place. It has to be a
      directory, or an S3 server that keeps to conditional writes.
  app:
    description: The application.
    type: str
    required: true
requirements:
  - Python library C(boto3) (for S3).
"""

    DRILLS = r"""
options:
  drill:
    description: Whether the ledger of the drills is meant, which move nothing.
    type: bool
    default: false
"""
