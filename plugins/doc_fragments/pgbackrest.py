# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a stanza of pgBackRest is reached, written once."""

from __future__ import annotations


class ModuleDocFragment:
    """What antsibull-docs and ansible-doc merge into the modules that name it."""

    DOCUMENTATION = r"""
options:
  pgbackrest_config:
    description: The configuration of pgBackRest, where it is not the program's default. The task's account has to be
      able to read it.
    type: path
  pgbackrest_binary:
    description: The program C(pgbackrest), where it is not in the search path.
    type: path
    default: pgbackrest
  pgbackrest_process_max:
    description: With how many processes pgBackRest works. As many as there are processors, 16 at most, if not given.
    type: int
  pgbackrest_account:
    description:
      - The account of this host that pgBackRest runs as, where the task runs as root. From 2.59 on, pgBackRest refuses
        root but for a restore.
      - If not given, it is the first that is not root of those who own O(pgbackrest_config), the folder of the
        repository and the data folder that are named in there, and C(/var/lib/pgbackrest).
      - A task that does not run as root runs it as its own account.
    type: str
"""

    PROOF = r"""
options:
  stanza:
    description: The stanza, where it is not the one that the manifest names any more.
    type: str
  pgbackrest_repo:
    description: The number of pgBackRest's repository that holds the backup, such as V(2) for C(repo2). The manifest
      says it if it is not given.
    type: int
  pgbackrest_superuser:
    description: A superuser of the cluster that pgBackRest backs up, by whose name what was restored is asked.
    type: str
    default: postgres
"""
