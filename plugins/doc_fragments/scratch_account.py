# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that say who runs scratch servers, written once."""

from __future__ import annotations


class ModuleDocFragment:
    """What antsibull-docs and ansible-doc merge into the modules that name it."""

    DOCUMENTATION = r"""
options:
  scratch_account:
    description:
      - The account of this host that runs scratch servers. What is restored is foreign code, so it should own nothing.
        The role P(lifeboat.dr.backup#role) makes C(lifeboat-scratch).
      - Only root can change to it, so run the task as root (C(become=true)). The module reads the keys itself, and
        starts PostgreSQL's programs and the server as this account.
      - A task that does not run as root runs the server as its own account, in a sandbox, if that account owns no
        running server.
      - An account that owns a running PostgreSQL, NATS or Redis server is refused unless O(scratch_shares_account) is
        V(true).
    type: str
    default: lifeboat-scratch
    aliases: [scratch_user]
  scratch_shares_account:
    description:
      - What is restored may run as an account that owns a running server, and where no sandbox can be made, as one that
        can read the keys. Whoever may create functions in the source can then act as that account on this host.
    type: bool
    default: false
"""
