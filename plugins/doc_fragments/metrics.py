# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option O(metrics), written once, for every module that tells Prometheus how it ended."""

from __future__ import annotations


class ModuleDocFragment:
    """What antsibull-docs and ansible-doc merge into the modules that name it."""

    DOCUMENTATION = r"""
options:
  metrics:
    description:
      - Tell Prometheus how this ended, through the textfile collector of the node exporter. A failure is reported, too.
      - A folder that is missing, full or read-only never fails the task. A warning names it.
      - Nothing is written in check mode.
    type: dict
    version_added: 1.0.0
    suboptions:
      dir:
        description:
          - The folder that the node exporter reads, such as V(/var/lib/prometheus/node-exporter). The account that runs
            the module must be able to write to it.
          - Each file is written whole, beside its place, and renamed, with the mode 0644.
        type: path
        required: true
      labels:
        description: Labels that every metric gets, such as C(team) and C(environment).
        type: dict
"""
