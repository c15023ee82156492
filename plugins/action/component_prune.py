# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Deletes old backups of a component of a plan by the plan's retention."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.plugin_utils._component_action import ComponentAction
from ansible_collections.lifeboat.dr.plugins.plugin_utils._components import Call, prune_call


class ActionModule(ComponentAction):
    """See the base class for what is the same for all."""

    known = ("plan", "component", "state_dir", "confirm")

    def call(self, plan: t.Any, component: str) -> Call | dict[str, t.Any]:
        """The module and its arguments, or the result where nothing is deleted."""
        arguments = self._task.args
        call = prune_call(plan, component, confirm=arguments.get("confirm"), state_dir=arguments.get("state_dir"))
        unchanged = {"changed": False, "plan": [], "deleted": [], "msg": f"{component} has no retention: all stay."}
        return call or unchanged
