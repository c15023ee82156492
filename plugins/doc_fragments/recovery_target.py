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
    description: A restore point, made with C(pg_create_restore_point).
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
