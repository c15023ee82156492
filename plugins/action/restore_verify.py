# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds out which kind of store a backup is of, and starts the module that proves such backups."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.plugin_utils._components import Call
from ansible_collections.lifeboat.dr.plugins.plugin_utils._engines import ENGINES, check_questions, known_to
from ansible_collections.lifeboat.dr.plugins.plugin_utils._start_module import StartingAction

_CHOOSING = ("app", "component", "backup", "accept_older", "repositories", "time_limit")


class ActionModule(StartingAction):
    """The option ``engine`` says it, else the backup's manifest, which ``backup_info`` reads on the host."""

    def chosen(self, task_vars: dict[str, t.Any]) -> Call | dict[str, t.Any]:
        """The engine's module, with the options that it has."""
        arguments = dict(self._task.args)
        name = arguments.pop("engine", None)
        if not name:
            found = self._look(arguments, task_vars)
            if "backups" not in found:
                return found
            backup = found["backups"][0]
            name, arguments["backup"] = backup["engine"], backup["backup_id"]
        if name not in ENGINES:
            raise OptionError(f"engine: {name!r} is not known here.", hint=f"Use one of {', '.join(ENGINES)}.")
        module = ENGINES[name].verify
        check_questions(ENGINES[name], arguments)
        return Call(f"lifeboat.dr.{module.name}", known_to(module, arguments))

    def _look(self, arguments: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """The backup that is meant: what ``backup_info`` says, or its failure."""
        given = {name: arguments[name] for name in _CHOOSING if arguments.get(name) is not None}
        return self.start("lifeboat.dr.backup_info", {"backup": "newest", **given}, task_vars, wait=True)
