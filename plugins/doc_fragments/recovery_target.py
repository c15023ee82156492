# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""To which point a cluster is recovered, written once."""

from __future__ import annotations


class ModuleDocFragment:
    """What antsibull-docs and ansible-doc merge into the modules that name it."""

    DOCUMENTATION = r"""
options:
  target:
    description:
      - V(latest) is the end of the archived log, with O(action=promote). V(immediate) is the moment at which the
        backup is consistent.
    type: str
    choices: [immediate, latest]
  target_time:
    description: A moment in ISO 8601 with its time zone, such as V(2026-01-15T14:30:00+01:00). What was committed up to
      it is there.
    type: str
  target_name:
    description: >-
      A restore point, made with C(pg_create_restore_point). Of a name that is used again, the newest is taken, with a
      warning where another one is behind the same backup.
    type: str
  target_lsn:
    description: A position in the log, such as V(0/2000138).
    type: str
  target_xid:
    description: A transaction, which is there; those that committed after it are not.
    type: str
  target_timeline:
    description: The timeline to follow, V(latest) or its number.
    type: str
    default: latest
"""

    PLACE = r"""
options:
  app:
    description: The application, as it was named when the backup was taken.
    type: str
    required: true
  component:
    description: The component of it.
    type: str
    required: true
  replace:
    description:
      - Put the restored data folder into the place of one that is there. Its server has to be stopped, and it has to be
        of the same cluster.
      - It is built beside it first. The old one is kept under the name that is returned as RV(kept), so that nothing is
        lost when the target was the wrong one; remove it when you are done.
    type: bool
    default: false
  action:
    description:
      - With V(pause), a server that is started on the data folder recovers to the target and stays there, read-only,
        until C(pg_wal_replay_resume) makes it a primary.
      - With V(promote), it is a primary on a new timeline, shut down cleanly, and the log is not needed any more.
    type: str
    choices: [pause, promote]
    default: pause
  time_limit:
    description: How long it may take. There is no limit if not given.
    type: str
notes:
  - Configuration that lies outside of the data folder, as Debian's does, is not part of a backup of a cluster.
"""
