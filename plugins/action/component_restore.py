# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restores the backup of a component of a plan with the module of its store."""

from __future__ import annotations

import typing as t

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.lifeboat.dr.plugins.plugin_utils._component_action import ComponentAction
from ansible_collections.lifeboat.dr.plugins.plugin_utils._components import Call, restore_call
from ansible_collections.lifeboat.dr.plugins.plugin_utils._plain import plain


class ActionModule(ComponentAction):
    """See the base class for what is the same for all."""

    known = ("plan", "component", "options", "target_time", "isolated")

    def call(self, plan: t.Any, component: str) -> Call:
        """The module and its arguments."""
        given = self._task.args
        return restore_call(
            plan,
            component,
            plain(given.get("options") or {}),
            target_time=given.get("target_time"),
            isolated=boolean(given.get("isolated", False)),
        )
