# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Proves the backup of a component of a plan with the module of its store."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.plugin_utils._component_action import ComponentAction
from ansible_collections.lifeboat.dr.plugins.plugin_utils._components import Call, verify_call
from ansible_collections.lifeboat.dr.plugins.plugin_utils._plain import plain


class ActionModule(ComponentAction):
    """See the base class for what is the same for all."""

    known = ("plan", "component", "options")

    def call(self, plan: t.Any, component: str) -> Call:
        """The module and its arguments."""
        return verify_call(plan, component, plain(self._task.args.get("options") or {}))
