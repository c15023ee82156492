#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_dump_info
short_description: List the dumps that home-made scripts have left in a folder
version_added: 1.0.0
description:
  - Looks into each file of a folder, and says what it is by its content, whatever it is called. Archives of C(pg_dump)
    (custom, tar, directory), scripts of C(pg_dump) and C(pg_dumpall), compressed with gzip or zstd, encrypted with age
    or gpg, and folders that the command line of NATS has written are known.
  - Nothing is changed. M(lifeboat.dr.pg_dump_verify) proves what is listed.
  - M(lifeboat.dr.jetstream_archive_verify) proves what C(nats stream backup) and C(nats account backup) have written.
requirements:
  - Python libraries C(zstandard), C(pyrage) (for age); C(gpg) for gpg.
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.encryption
attributes:
  check_mode:
    support: full
    details:
      - Changes nothing.
  diff_mode:
    support: N/A
    details:
      - Changes nothing.
  idempotent:
    support: full
options:
  path:
    description: The folder, with all that is below it; or one file.
    type: path
    required: true
  pattern:
    description: Which names to look into, such as V(shop-*.dump).
    type: str
    default: "*"
seealso:
  - module: lifeboat.dr.pg_dump_verify
  - module: lifeboat.dr.jetstream_archive_verify
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: What is there
  lifeboat.dr.pg_dump_info:
    path: /srv/dumps
    encryption:
      identity_file: /etc/lifeboat/operations.key
  register: found
"""

RETURN = r"""
dumps:
  description: Each file, the newest first.
  type: list
  elements: dict
  returned: success
  contains:
    path:
      description: The file or folder.
      type: str
    kind:
      description: V(custom), V(tar), V(directory), V(script), V(cluster_script) (of C(pg_dumpall)), V(nats) or
        V(unknown).
      type: str
    wrapped:
      description: What is around it, from the outside, of V(age), V(gpg), V(gz) and V(zst).
      type: list
      elements: str
    bytes:
      description: Its size as it is stored.
      type: int
    modified:
      description: The time of the file.
      type: str
    age_seconds:
      description: Its age.
      type: int
    database:
      description: The database that was dumped, where the file says it.
      type: str
    server_version:
      description: The version of the server that was dumped, where the file says it.
      type: str
    dump_version:
      description: The version of C(pg_dump), where the file says it.
      type: str
    why:
      description: Why nobody knows what it is.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._pg_dump_info import ARGUMENT_SPEC, work


def main() -> None:
    """List what is there."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
