#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: s3_references
short_description: Read the names of the objects in a bucket, or look whether it has others
version_added: 1.0.0
description:
  - Lists a bucket. With O(write_to) the keys are written to a file; with O(look_for) each name in such a file has to be
    the key of an object.
  - It needs the right to list, and no other.
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.s3_sides.bucket
  - lifeboat.dr.references
attributes:
  check_mode:
    support: full
    details:
      - Only the options are checked then.
  diff_mode:
    support: N/A
    details:
      - This module does not modify state.
  idempotent:
    support: full
options:
  prefix:
    description: Only objects below this prefix. The names are their whole keys.
    type: str
    default: ''
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Collect the keys that rows have
  lifeboat.dr.pg_references:
    dsn: postgresql:///codex
    query: select object_key from receipts
    write_to: /run/lifeboat/receipts.names

- name: Each of them is in the bucket
  lifeboat.dr.s3_references:
    bucket:
      bucket: shop-receipts
    look_for: /run/lifeboat/receipts.names
  register: receipts
  failed_when: receipts.missing > 0
"""

RETURN = r"""
entries:
  description: How many entries were read.
  type: int
  returned: except in check mode
names:
  description: How many different names there are, or are looked for.
  type: int
  returned: except in check mode
unnamed:
  description: How many entries O(take) finds no name in.
  type: int
  returned: except in check mode
missing:
  description: How many of the names that are looked for are not there.
  type: int
  returned: except in check mode
missing_names:
  description: The first of them, at most 20.
  type: list
  elements: str
  returned: except in check mode
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._references._names import LOOK_RULES
from ansible_collections.lifeboat.dr.plugins.module_utils._work._s3_references import ARGUMENT_SPEC, work


def main() -> None:
    """Write the names, or look for them."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True, **LOOK_RULES), work)


if __name__ == "__main__":
    main()
