# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this document fragment is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The options of modules that show live progress."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  progress_file:
    description:
      - File on the host where the module runs, rewritten at most twice a second while the module works.
        It holds one JSON object with C(title), C(phase), C(done) and C(total) in C(unit), C(rate) and
        C(eta_seconds).
      - There is no need to set it. Lines of progress appear by themselves while the task runs,
        since the task gives the module a file of its own and removes it afterwards.
        A file that is named here is left in place.
      - The lines appear where somebody can see them, on a terminal and in AWX, and with the versions of ansible-core
        that they were tested on. The variable C(lifeboat_progress) says otherwise, V(true) or V(false).
      - They do not appear in check mode, with C(no_log) and with C(async).
      - A file that cannot be written does no harm to the work.
    type: path
notes:
  - With live progress, the module is an asynchronous job of Ansible on the host.
    When ansible-playbook is interrupted, or the C(timeout) of the task is over, the job is stopped.
    When the connection is lost, the job goes on, and the task finds it again.
    Starting and asking takes one or two seconds more than running the module directly.
"""
