# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the two sides of M(lifeboat.dr.s3_replication) and M(lifeboat.dr.s3_recover).

They have more options than those of the other modules.
"""

from __future__ import annotations

from ansible_collections.lifeboat.dr.plugins.doc_fragments.s3_sides import both_sides

_MORE = """\
      account_id:
        description:
          - The 12 digits of the AWS account that owns the bucket. For the destination, only needed where it is another
            account.
        type: str
      storage_class:
        description:
          - The storage class of replicas that are written to this bucket. Without it, they keep the class of the
            original.
          - V(GLACIER) and V(DEEP_ARCHIVE) cannot be read for hours, so they are warned of. V(GLACIER_IR) can be read at
            once.
        type: str
      kms_key_arn:
        description:
          - The full ARN of the KMS key that encrypts replicas in this bucket, for rules with C(replicate_kms).
          - Also of the copies that M(lifeboat.dr.s3_recover) writes to it, of objects that are encrypted by KMS.
        type: str
"""
_OWNER = """\
      owner_override:
        description:
          - Give replicas to the account that owns the destination bucket. Needs O(destination.account_id).
        type: bool
        default: false
"""


class ModuleDocFragment:
    """What antsibull-docs and ansible-doc merge into the modules that name it."""

    DOCUMENTATION: str = both_sides(_MORE, _OWNER)
