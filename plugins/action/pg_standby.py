# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the module pg_standby, with live progress where it copies."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.plugin_utils._long_module import LongModuleAction


class ActionModule(LongModuleAction):
    """The module does the work; see the base class for what happens here."""

    def _shows_progress(self, task_vars: dict[str, t.Any]) -> bool:
        """A promotion copies nothing and takes seconds: it runs without a job, in the plainest way that there is."""
        return self._task.args.get("state") != "primary" and super()._shows_progress(task_vars)
