# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that lead to the account whose streams are mirrored, written once."""

from __future__ import annotations

from ansible_collections.lifeboat.dr.plugins.doc_fragments.nats import connection_options


class ModuleDocFragment:
    """What antsibull-docs and ansible-doc merge into the modules that name it."""

    DOCUMENTATION: str = f"""
options:
  source:
    description:
      - The account that has the origins of the mirrors. It need not answer.
    type: dict
    suboptions:
{connection_options("source.")}
  source_timeout:
    description: How long the source may take to answer.
    type: str
    default: 5s
  published:
    description: The last positions that were published outside of the source, as a dictionary of streams and
      C({{last_sequence, at}}).
    type: dict
    default: {{}}
"""
