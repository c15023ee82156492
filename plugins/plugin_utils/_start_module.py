# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Starts a module of the collection in the place of the task that asks for it."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase
from ansible.utils.vars import merge_hash
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.plugin_utils._components import Call

_PLAIN = "ansible.legacy.normal"


class StartingAction(ActionBase):
    """Base of the action plugins that choose a module and start it as its own task would be.

    The module's own action plugin runs it, so live progress, check mode, ``become``, ``delegate_to`` and ``async`` are
    as they are there.
    """

    _supports_check_mode = True
    _supports_async = True

    def chosen(self, task_vars: dict[str, t.Any]) -> Call | dict[str, t.Any]:
        """The module to start, or the result where that is not known. Raises LifeboatError."""
        raise NotImplementedError

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """The module's result."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        try:
            call = self.chosen(task_vars)
        except LifeboatError as error:
            return merge_hash(result, {"failed": True, "changed": False, **error.to_result()})
        if isinstance(call, dict):
            return merge_hash(result, call)
        return merge_hash(result, self.start(call.module, call.arguments, task_vars))

    def start(
        self, module: str, arguments: dict[str, t.Any], task_vars: dict[str, t.Any], *, wait: bool = False
    ) -> dict[str, t.Any]:
        """Run the module. ``wait`` is for one whose result is needed here, also in a task with ``async``."""
        task = self._task.copy()
        task.action, task.args = module, arguments
        if wait:
            task.async_val = 0
        places = {
            "task": task,
            "connection": self._connection,
            "play_context": self._play_context,
            "loader": self._loader,
            "templar": self._templar,
            "shared_loader_obj": self._shared_loader_obj,
        }
        plugins = self._shared_loader_obj.action_loader
        plugin = plugins.get(module, **places) if plugins.has_plugin(module) else plugins.get(_PLAIN, **places)
        return t.cast("dict[str, t.Any]", plugin.run(task_vars=task_vars))
