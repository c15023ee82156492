#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_storage_class
short_description: Have buckets move old artifacts of backups to cheaper storage classes
version_added: 1.0.0
description:
  - Sets one lifecycle rule for each repository in S3 that has O(repositories[].transitions). Rules of others are kept
    word by word. Where O(repositories[].transitions) is not given, the rule that this module has set is removed.
  - The rule moves artifacts only, known by the tag C(lifeboat=artifact), which they get when they are stored while
    O(repositories[].transitions) is given. Manifests, proofs and holds stay where they can be read at once, so the
    catalog, the retention and the status work as before.
  - A server without lifecycle rules is refused, and so is one that takes the rule and does not keep it.
  - An artifact in V(GLACIER) or V(DEEP_ARCHIVE) has to be brought back, by hand, before it can be restored or proven.
requirements:
  - Python library C(boto3).
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.repository
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
seealso:
  - module: lifeboat.dr.backup_prune
  - module: lifeboat.dr.s3_replication
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Keep months of backups where they cost little
  lifeboat.dr.backup_storage_class:
    repositories:
      - bucket: shop-backups
        prefix: lifeboat
        region: us-west-2
        transitions:
          - {days: 30, storage_class: STANDARD_IA}
          - {days: 90, storage_class: GLACIER_IR}
          - {days: 400, storage_class: DEEP_ARCHIVE}
"""

RETURN = r"""
repositories:
  description: One for each repository in S3, with C(name), C(changed), and the C(rule) that it has now.
  type: list
  elements: dict
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._backup_storage_class import ARGUMENT_SPEC, work


def main() -> None:
    """Set the storage classes by age."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
