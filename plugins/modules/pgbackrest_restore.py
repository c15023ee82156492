#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pgbackrest_restore
short_description: Restore a PostgreSQL cluster that pgBackRest keeps, as it was at one moment
version_added: 1.0.0
description:
  - Chooses the backup of the stanza from which the target is reached with the least of the log, and checks that the
    target lies within the log that is archived. Then pgBackRest restores, and a server recovers to the target.
  - A target before the end of the oldest backup, after the last archived commit, or behind a hole in the archive is
    refused before anything is touched, and so is a time without a time zone. pgBackRest by itself would take another
    backup, and PostgreSQL promote without a word.
  - The point that was reached is compared with the one that was asked for. A difference is an error, and then nothing
    is put into the place of the data folder.
  - The copy archives nothing. Where it is to live on, give it a stanza of its own.
  - Run it as the account of the server. It starts a server of its own meanwhile, which nobody can reach over a network.
requirements:
  - The program C(pgbackrest) 2.41 or newer, which reaches its repository from this host.
  - Python library C(zstandard), or what the log is compressed with; C(boto3) (for S3 in O(repositories)).
  - The server programs of the backup's version, with C(pg_waldump).
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
  - lifeboat.dr.audit
  - lifeboat.dr.pgbackrest
  - lifeboat.dr.pgbackrest.proof
  - lifeboat.dr.postgresql.tools
  - lifeboat.dr.recovery_target
  - lifeboat.dr.recovery_target.place
  - lifeboat.dr.repository
  - lifeboat.dr._progress
attributes:
  check_mode:
    support: full
    details:
      - Chooses the backup and checks the target, and reads of the log what it takes to do so.
  diff_mode:
    support: full
  idempotent:
    support: none
    details:
      - A data folder that is there and not empty is refused.
options:
  backup:
    description: The id of a recorded backup, or what pgBackRest calls it. The one that needs the least of the log if
      not given.
    type: str
  data_dir:
    description: The new data folder. It is not there, or empty, or O(replace) or O(delta) is true.
    type: path
    required: true
  delta:
    description:
      - Change the data folder that is there into the one that is asked for. pgBackRest compares checksums and brings
        only the files that differ. Its server has to be stopped, and it has to be of the same cluster.
      - B(What the folder held is lost.) Meanwhile it lies under another name, C(DATA_DIR.lifeboat-delta), so that no
        server starts with it. After a failure it stays there, and the next run with O(delta) goes on with it.
    type: bool
    default: false
  tablespace_dir:
    description:
      - A new folder for all tablespaces, each below it by its name.
      - If not given, each comes to lie where it was, which is refused where that folder holds something. With O(delta),
        those of the data folder that is there are brought up to date where its links lead to.
    type: path
notes:
  - With O(action=pause), pgBackRest brings the log to the server that is started.
seealso:
  - module: lifeboat.dr.pgbackrest_backup
  - module: lifeboat.dr.pgbackrest_stanza
  - module: lifeboat.dr.pg_physical_restore
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Bring the cluster back as it was at half past two
  become: true
  become_user: postgres
  lifeboat.dr.pgbackrest_restore:
    app: shop
    component: cluster
    repositories:
      - path: /srv/backups/lifeboat
    target_time: "2026-01-15T14:30:00+01:00"
    data_dir: /var/lib/postgresql/15/restored
    action: promote

- name: The same in the place of the old cluster, with only the files that differ
  become: true
  become_user: postgres
  lifeboat.dr.pgbackrest_restore:
    app: shop
    component: cluster
    repositories:
      - path: /srv/backups/lifeboat
    target_time: "2026-01-15T14:30:00+01:00"
    data_dir: /var/lib/postgresql/15/main
    delta: true
    action: promote
"""

RETURN = r"""
app:
  description: The application.
  type: str
  returned: success
component:
  description: The component.
  type: str
  returned: success
stanza:
  description: The stanza.
  type: str
  returned: success
pgbackrest_label:
  description: What pgBackRest calls the backup that was chosen.
  type: str
  returned: success
data_dir:
  description: The data folder.
  type: str
  returned: success
target:
  description: The target, in words.
  type: str
  returned: success
window:
  description: What the backup and its log cover, C(from) and C(to), and the first segment that is C(missing) although
    later ones are there. C(to) is known for O(target_time) alone.
  type: dict
  returned: success
bin_dir:
  description: Where the programs of its version are.
  type: str
  returned: success
segments:
  description: How many segments of the log there are from the backup on.
  type: int
  returned: success
reached:
  description: Where the recovery stopped, C(words) of the server, the C(time) of the last transaction and the C(lsn)
    where it says them.
  type: dict
  returned: success, except in check mode
timeline:
  description: The timeline of the data folder.
  type: int
  returned: success, except in check mode
state:
  description: What C(pg_controldata) says of it.
  type: str
  returned: success, except in check mode
action:
  description: As the option says.
  type: str
  returned: success, except in check mode
kept:
  description: Where the data folder that was replaced lies now; empty where there was none.
  type: str
  returned: success, except in check mode
restore_seconds:
  description: How long pgBackRest took.
  type: float
  returned: success, except in check mode
seconds:
  description: How long all of it took.
  type: float
  returned: success, except in check mode
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._pgbackrest_restore import ARGUMENT_SPEC, work


def main() -> None:
    """Restore the cluster."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
