# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that say where streams are restored to for a proof, written once."""

from __future__ import annotations

from ansible_collections.lifeboat.dr.plugins.doc_fragments.nats import connection_options


class ModuleDocFragment:
    """What antsibull-docs and ansible-doc merge into the modules that name it."""

    DOCUMENTATION: str = f"""
options:
  nats_server_binary:
    description:
      - The program C(nats-server) that runs the scratch server, for backups of streams. If not given, the one on the
        search path.
      - Archives that a server from 2.15 has made need a program from 2.15.
    type: path
  exclude:
    description:
      - Streams that are left out of the proof, as names or patterns. The report and the record of the proof name them.
      - Without it, a stream that the scratch server cannot take makes the proof fail, and the others are proven all the
        same. Servers before 2.15 take none that was read out of memory message by message.
    type: list
    elements: str
    default: []
  nats_scratch_account:
    description:
      - An account of a NATS server to restore streams into, instead of a scratch server of its own. It has to be empty.
      - Every stream that is made in it is marked, and deleted afterwards. What a killed run has left is deleted by the
        next run on this
        host.
    type: dict
    suboptions:
{connection_options("nats_scratch_account.")}
"""
