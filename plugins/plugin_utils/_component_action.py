# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Base of ``component_backup``, ``component_verify``, ``component_restore`` and ``component_prune``."""

from __future__ import annotations

import getpass
import platform
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.plugin_utils._plain import plain
from ansible_collections.lifeboat.dr.plugins.plugin_utils._start_module import StartingAction

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.plugin_utils._components import Call


class ComponentAction(StartingAction):
    """Starts the module of a component's store with exactly the options that the plan has for it."""

    known: tuple[str, ...] = ()
    """The options of the task."""

    def call(self, plan: t.Any, component: str) -> Call | dict[str, t.Any]:
        """The module and its arguments, or the result where none is started. Raises OptionError."""
        raise NotImplementedError

    def chosen(self, task_vars: dict[str, t.Any]) -> Call | dict[str, t.Any]:
        """The module, once the task's own options are right."""
        arguments = self._task.args
        wrong = sorted(set(arguments) - set(self.known))
        if wrong:
            raise OptionError(f"{wrong[0]} is not an option.", hint=f"The options are {', '.join(self.known)}.")
        for name in ("plan", "component"):
            if not arguments.get(name):
                raise OptionError(
                    f"{name} is missing.", hint="Give plan: a lifeboat_plan, and component: a name in it."
                )
        call = self.call(plain(arguments["plan"]), str(arguments["component"]))
        if (
            not isinstance(call, dict) and "audit" in call.arguments
        ):  # only here is it known who has started the playbook, and where
            call.arguments["audit"].setdefault("by", f"{getpass.getuser()}@{platform.node()}")
        return call
