#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: jetstream_archive_verify
short_description: Prove what the command line of NATS has saved
version_added: 1.0.0
description:
  - Reads what C(nats stream backup) and C(nats account backup) have written to the last message, restores it into a
    scratch server, reads every message back, compares the consumers, and asks the user's own questions. Nothing of the
    archives is changed, and no catalog is needed.
  - An archive carries no fingerprint of its source. So the report says what cannot be shown with it.
  - The scratch server runs as O(scratch_account), which owns nothing, in a sandbox. It listens on loopback alone, with
    a random password, and is in no cluster. It is removed afterwards.
  - It also reads damaged views of each archive, and fails when one of them passes as good. A verifier that cannot fail
    proves nothing.
  - The task fails when an archive is not proven, and when a stream in it is broken. The reports are written in any
    case in which something could be restored.
requirements:
  - The program C(nats-server), of the version that made the archive or a newer one, for the profiles V(quick) and
    V(full).
  - Python libraries C(nats-py), and C(google-crc32c) and C(numpy) (faster).
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.verification.scratch_dir
  - lifeboat.dr.scratch_account
  - lifeboat.dr._progress
attributes:
  check_mode:
    support: full
    details:
      - Says which archives would be restored.
  diff_mode:
    support: none
  idempotent:
    support: none
    details:
      - Each run restores and asks again.
options:
  path:
    description: The folder, with all that is below it; or one archive.
    type: path
    required: true
  pattern:
    description: Which names to look at, such as V(nightly-*).
    type: str
    default: "*"
  which:
    description:
      - V(newest) takes the newest archive of each series. Folders whose names differ in their digits alone, such as
        V(nightly-2026-01-15) and V(nightly-2026-01-16), are a series.
      - V(all) takes all of them.
    type: str
    choices: [newest, all]
    default: newest
  app:
    description: How the reports call what the archives are of.
    type: str
    default: adopted
  profile:
    description:
      - V(artifact) reads each archive to its last message. It needs no server.
      - V(quick) also restores it, counts messages, and asks O(checks).
      - V(full) also reads every message back, and compares consumers, keys and objects.
    type: str
    choices: [artifact, quick, full]
    default: full
  checks:
    description:
      - Questions to what was restored, each asked of the archives that hold its stream. Each has one of
        O(checks[].stream) and O(checks[].bucket), and gives one value.
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
  report_dir:
    description: A folder for the reports. None is written if it is not given.
    type: path
  jobs:
    description: How many streams to read and to restore at a time.
    type: int
    default: 2
  time_limit:
    description: Stop with an error after this time, such as V(4h).
    type: str
  nats_server_binary:
    description:
      - The program C(nats-server) that runs the scratch server. If not given, the one on the search path.
      - Archives that a server from 2.15 has made need a program from 2.15.
    type: path
notes:
  - A copy of one archive at a time lies in O(scratch_dir), beside what the scratch server makes of it.
seealso:
  - module: lifeboat.dr.pg_dump_info
  - module: lifeboat.dr.jetstream_snapshot
  - module: lifeboat.dr.restore_verify
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Prove the newest archive of the command line
  become: true
  lifeboat.dr.jetstream_archive_verify:
    path: /srv/nats
    report_dir: /var/lib/lifeboat/reports
    checks:
      - name: there are orders
        stream: ORDERS
        operator: ">="
        value: 1000
"""

RETURN = r"""
verdict:
  description: V(passed) when every archive is proven, else V(failed).
  type: str
  returned: except in check mode
proofs:
  description: Each archive that was restored.
  type: list
  elements: dict
  returned: success or failure, once archives were found
  contains:
    path:
      description: The folder.
      type: str
    streams:
      description: The streams in it that could be looked into.
      type: list
      elements: str
    bytes:
      description: Its size.
      type: int
    modified:
      description: When its newest stream was written.
      type: str
    age_seconds:
      description: Its age.
      type: int
    why:
      description: What keeps it from being looked into.
      type: str
    verdict:
      description: V(passed) or V(failed).
      type: str
    summary:
      description: One sentence.
      type: str
    msg:
      description: What is wrong, where it is not proven.
      type: str
    measured:
      description: What a clock showed, such as C(restore_seconds).
      type: dict
    messages:
      description: How many messages came back.
      type: int
    checks:
      description: Each check with its C(id), C(title), C(status) and C(message).
      type: list
      elements: dict
    controls:
      description: Each damaged copy with its C(id), C(status) and C(message).
      type: list
      elements: dict
    report_files:
      description: The paths of the report, by C(json), C(html), C(markdown) and C(junit).
      type: dict
planned:
  description: The archives that would be restored, each with C(path), C(streams), C(bytes), C(modified),
    C(age_seconds) and C(why).
  type: list
  elements: dict
  returned: in check mode
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._jetstream_archive_verify import ARGUMENT_SPEC, work


def main() -> None:
    """Restore archives and ask them."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
