# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of a writer of heartbeats, written once."""

from __future__ import annotations


class ModuleDocFragment:
    """What antsibull-docs and ansible-doc merge into the modules that name it."""

    DOCUMENTATION = r"""
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: partial
    details: O(state=beaten) writes a beat each time.
options:
  state:
    description:
      - V(beaten) writes one heartbeat now.
      - V(installed) has a program that writes them and its configuration in their places. Its unit is left to the role
        P(lifeboat.dr.failover#role).
    type: str
    choices:
      - beaten
      - installed
    default: beaten
  publish_to:
    description: The file in which it is published. It holds no secret.
    type: path
    required: true
  every:
    description: How far apart two heartbeats are, from V(1s) to V(5m). The counter is the number of the time slot, so
      the counters of several stores can be compared where this is the same.
    type: str
    default: 5s
  python:
    description: The interpreter that runs the program. The module's own if not given.
    type: path
"""

    FILES = r"""
options:
  program:
    description: Where the program is written. Needed with O(state=installed).
    type: path
  config_file:
    description: Where its configuration is written, with mode 0600. It holds what is needed to sign in. Needed with
      O(state=installed).
    type: path
"""
