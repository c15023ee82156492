# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option O(audit), written once."""

from __future__ import annotations


class ModuleDocFragment:
    """What antsibull-docs and ansible-doc merge into the modules that name it."""

    DOCUMENTATION = r"""
options:
  audit:
    description:
      - Add a line to an audit log in the end - who ran this, on which backup, from where, and with which result.
      - Each line is one JSON object that holds the SHA-256 of the line before it. M(lifeboat.dr.audit_info) follows
        that chain.
      - A log that takes no line never fails the task. A warning names it. Nothing is written in check mode.
    type: dict
    version_added: 1.0.0
    suboptions:
      log:
        description: The file, which is made with the mode 0600 where it is missing. Its folder has to be there.
        type: path
        required: true
      by:
        description: Who started it. If not given, the user that became another one by C(sudo), else the account.
        type: str
      syslog:
        description:
          - Send each line to a syslog, too, as C(authpriv.info) - a socket such as V(/dev/log), or V(host:port) by UDP.
          - What cannot be sent stays in the log, and a warning says so.
        type: str
"""
