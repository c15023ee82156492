#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: jetstream_verify
short_description: Prove a backup of NATS JetStream by restoring it
version_added: 1.0.0
description:
  - Restores a backup into a scratch server or an empty account, compares every message, consumers, and the keys and
    objects of buckets with what the backup held when it was taken, and asks the user's own questions.
  - The scratch server runs as O(scratch_account), which owns nothing, in a sandbox. It listens on loopback alone, with
    a random password, and is in no cluster. It is removed afterwards.
  - It also reads damaged views of the backup, and fails when one of them passes as good. A verifier that cannot fail
    proves nothing.
  - The task fails when the backup is not proven. The report is written in any case.
  - M(lifeboat.dr.restore_verify) starts this module for backups that are of this kind; use either.
requirements:
  - The program C(nats-server), or an empty account (O(nats_scratch_account)), for the profiles V(quick) and V(full).
  - Python libraries C(google-crc32c) and C(numpy) (faster), C(pyrage) (for age), C(boto3) (for S3 repositories).
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.verification
  - lifeboat.dr.audit
  - lifeboat.dr.metrics
  - lifeboat.dr.backup.chosen
  - lifeboat.dr.repository
  - lifeboat.dr.encryption
  - lifeboat.dr.verification.scratch_dir
  - lifeboat.dr.scratch_account
  - lifeboat.dr.nats_scratch
  - lifeboat.dr._progress
options:
  profile:
    description:
      - V(artifact) reads every artifact to its end and compares what is in it with the manifest. It needs no server.
      - V(quick) restores, counts messages, and asks O(checks).
      - V(full) also reads every message back, compares consumers, keys and objects, and reads the copies in all other
        repositories.
    type: str
    choices: [artifact, quick, full]
    default: full
  checks:
    description:
      - Questions to what was restored. Each has one of O(checks[].stream) and O(checks[].bucket), and gives one value.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What the report calls it. Word it as a statement.
        type: str
      stream:
        description: A stream. The answer is the number of its messages; with O(checks[].newer_than), the time of the
          newest one.
        type: str
      subject:
        description: Only the messages of O(checks[].stream) on this subject, wildcards allowed.
        type: str
      bucket:
        description:
          - A key-value or object store. The answer is the number of its keys or objects; with O(checks[].newer_than),
            the time of its
            newest change.
        type: str
      key:
        description: A key in O(checks[].bucket). The answer is its newest value, as text, or with
          O(checks[].newer_than) its time.
        type: str
      object:
        description: An object in O(checks[].bucket). The answer is its size in bytes, or with O(checks[].newer_than)
          its time.
        type: str
      operator:
        description: How to compare the answer with O(checks[].value). V(==) if not given.
        type: str
        choices: ["==", "!=", ">", ">=", "<", "<="]
      value:
        description: What to compare the answer with.
        type: raw
      newer_than:
        description: The answer is a point in time that is not older than this, such as V(26h). Instead of
          O(checks[].value).
        type: str
seealso:
  - module: lifeboat.dr.jetstream_snapshot
  - module: lifeboat.dr.restore_verify
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Prove that the streams of an account restore
  lifeboat.dr.jetstream_verify:
    app: shop
    component: events
    repositories:
      - path: /var/backups/lifeboat
    encryption:
      identity_file: /etc/lifeboat/operations.key
    nats_server_binary: /usr/local/bin/nats-server
    checks:
      - name: orders are there
        stream: ORDERS
        operator: ">="
        value: 1000
"""

RETURN = r"""
backup_id:
  description: The backup that was verified.
  type: str
  returned: always, once it was found
app:
  description: The application.
  type: str
  returned: always, once the backup was found
component:
  description: The component.
  type: str
  returned: always, once the backup was found
profile:
  description: The profile.
  type: str
  returned: always, once the backup was found
verdict:
  description: V(passed) or V(failed).
  type: str
  returned: except in check mode
verified_at:
  description: When the verification ended, in UTC.
  type: str
  returned: except in check mode
summary:
  description: One sentence.
  type: str
  returned: when the backup was verified
repository:
  description: The repository whose copy was restored.
  type: str
  returned: when the backup was verified
measured:
  description: What a clock showed, such as C(restore_seconds) and C(data_age_seconds).
  type: dict
  returned: when the backup was verified
checks:
  description:
    - Each check with its C(id), C(title), C(status) and C(message).
    - A task that failed has those alone that did not pass; the report has them all.
  type: list
  elements: dict
  returned: when the backup was verified
controls:
  description:
    - Each damaged copy with its C(id), C(status) and C(message).
    - A task that failed has those alone that passed as good.
  type: list
  elements: dict
  returned: when the backup was verified
report_files:
  description: The paths of the report, by C(json), C(html), C(markdown) and C(junit).
  type: dict
  returned: when the backup was verified
planned:
  description: What would be read.
  type: dict
  returned: in check mode
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._jetstream_verify import ARGUMENT_SPEC, work


def main() -> None:
    """Prove a backup, or tell of the proof that is young enough."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
