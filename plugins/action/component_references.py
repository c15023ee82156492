# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads what a component of a plan names of another, or looks whether it is there, with the module of its store."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.plugin_utils._component_action import ComponentAction
from ansible_collections.lifeboat.dr.plugins.plugin_utils._components import Call, references_call
from ansible_collections.lifeboat.dr.plugins.plugin_utils._plain import plain


class ActionModule(ComponentAction):
    """See the base class for what is the same for all."""

    known = ("plan", "component", "number", "side", "stores", "restore", "folder", "seconds")

    def call(self, plan: t.Any, component: str) -> Call:
        """The module and its arguments."""
        given = self._task.args
        return references_call(
            plan,
            {"component": component, "number": int(given["number"]), "side": str(given["side"])},
            stores=plain(given.get("stores") or {}),
            restore=plain(given.get("restore") or {}),
            folder=str(given["folder"]),
            seconds=int(given.get("seconds") or 0),
        )
