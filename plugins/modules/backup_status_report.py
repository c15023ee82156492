#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_status_report
short_description: Show the status of backups of many hosts, as a table, a page and a document
version_added: 1.0.0
description:
  - Joins what M(lifeboat.dr.backup_status) returned on each host, and prints one table.
  - Writes one HTML page, without scripts and with nothing loaded from anywhere, and one JSON document, where they are
    asked for. Both appear whole or not at all, readable by their owner alone, and replace what was there.
  - A host that gave no status is V(unknown), and so is one that shows no component.
  - Works on the controller, and makes no connection. Let it run once, with C(run_once).
extends_documentation_fragment:
  - lifeboat.dr.attributes
attributes:
  check_mode:
    support: full
    details:
      - Nothing is written then.
  diff_mode:
    support: none
  idempotent:
    support: full
    details:
      - A page and a document are what was looked at, and never count as a change.
options:
  statuses:
    description:
      - What M(lifeboat.dr.backup_status) returned, by the name of the host. Anything else, such as the result of a task
        that failed, makes its host one that gave no status.
    type: dict
    required: true
  page:
    description: The HTML file to write.
    type: path
  json:
    description: The JSON file to write.
    type: path
  title:
    description: The title of the page.
    type: str
    default: Backup status
  fail_on:
    description: The task fails when the worst state is this one or a worse one.
    type: str
    choices: [never, warning, unknown, bad]
    default: unknown
  show:
    description: Print the table.
    type: bool
    default: true
seealso:
  - module: lifeboat.dr.backup_status
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Look at the backups
  lifeboat.dr.backup_status:
    repositories: "{{ lifeboat_plan.repositories }}"
    app: "{{ lifeboat_plan.app }}"
  register: status
  ignore_errors: true

- name: Show them all, and write a page
  lifeboat.dr.backup_status_report:
    statuses: >-
      {{ dict(ansible_play_hosts_all | zip(ansible_play_hosts_all | map('extract', hostvars, 'status'))) }}
    page: /srv/www/backups.html
  run_once: true
"""

RETURN = r"""
state:
  description: The worst state of all.
  type: str
  returned: always
counts:
  description: How many components are in each state.
  type: dict
  returned: always
silent_hosts:
  description: The hosts that gave no status.
  type: list
  elements: str
  returned: always
"""

# Its action plugin does the work, on the controller.
