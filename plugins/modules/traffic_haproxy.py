#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: traffic_haproxy
short_description: Move the traffic of an HAProxy to other servers
version_added: 1.0.0
description:
  - Puts servers in and takes others out, through the runtime socket of an HAProxy that runs, and reads back that it is
    so.
  - The new ones come first. When HAProxy's health check does not find them up in time, no server is taken out.
  - What is switched lasts until HAProxy is restarted. With C(load-server-state-from-file) it lasts longer; else
    write it into its configuration afterwards.
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  socket:
    description: The runtime socket (C(stats socket) with C(level admin)), a path, or C(host:port).
    type: str
    required: true
  enable:
    description: The servers that shall serve, each as C(backend/server).
    type: list
    elements: str
    default: []
  disable:
    description: The servers that shall not, each as C(backend/server).
    type: list
    elements: str
    default: []
  end_sessions:
    description: Also end the sessions of the servers that are taken out, so that no client stays there with a
      connection of long ago.
    type: bool
    default: true
  wait:
    description: How long the new servers may take until HAProxy's health check finds them up.
    type: str
    default: 30s
  timeout:
    description: How long HAProxy may take for one command.
    type: str
    default: 5s
seealso:
  - module: lifeboat.dr.traffic_dns
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Lead the users to the other region
  lifeboat.dr.traffic_haproxy:
    socket: /run/haproxy/admin.sock
    enable: [web/west1, web/west2]
    disable: [web/central1, web/central2]
"""

RETURN = r"""
servers:
  description: For each server its name (C(server)), its status C(before) and C(after), and how many C(sessions) it has
    now.
  type: list
  elements: dict
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._traffic_haproxy import ARGUMENT_SPEC, work


def main() -> None:
    """Switch servers."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
