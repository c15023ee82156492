# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Joins the status of many hosts: a table in the terminal, a page, a document for machines, one exit status."""

from __future__ import annotations

import datetime
import json
import os
import typing as t

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import utc_timestamp, visible
from ansible_collections.lifeboat.dr.plugins.module_utils._core._whole_file import write_whole
from ansible_collections.lifeboat.dr.plugins.module_utils._status._databases import database_lines
from ansible_collections.lifeboat.dr.plugins.module_utils._status._fleet import SILENT_NEXT, Fleet, join, to_document
from ansible_collections.lifeboat.dr.plugins.module_utils._status._model import BAD, STATES, UNKNOWN, WARNING
from ansible_collections.lifeboat.dr.plugins.module_utils._status._page import render_page
from ansible_collections.lifeboat.dr.plugins.module_utils._status._table import table
from ansible_collections.lifeboat.dr.plugins.plugin_utils._plain import plain

display = Display()

_FAIL_ON = ("never", WARNING, UNKNOWN, BAD)
_COLORS = {"BAD": "red", "UNKNOWN": "yellow", "WARNING": "yellow", "GOOD": "green"}


class ActionModule(ActionBase):
    """Works on the controller alone; no connection is made."""

    _requires_connection = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset(("statuses", "page", "json", "title", "fail_on", "show"))

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """The result."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        _validation, arguments = self.validate_argument_spec(
            argument_spec={
                "statuses": {"type": "dict", "required": True},
                "page": {"type": "path"},
                "json": {"type": "path"},
                "title": {"type": "str", "default": "Backup status"},
                "fail_on": {"type": "str", "choices": list(_FAIL_ON), "default": UNKNOWN},
                "show": {"type": "bool", "default": True},
            }
        )
        try:
            return {**result, **self._reported(plain(arguments))}
        except LifeboatError as error:
            return {**result, "failed": True, "changed": False, **error.to_result()}

    def _reported(self, arguments: dict[str, t.Any]) -> dict[str, t.Any]:
        now = datetime.datetime.now(datetime.timezone.utc)
        fleet = join(arguments["statuses"], utc_timestamp(now))
        if arguments["show"]:
            _show(fleet, now)
        if not self._task.check_mode:
            if arguments["page"]:
                _write("page", arguments["page"], render_page(fleet, arguments["title"]).encode("utf-8"))
            if arguments["json"]:
                document = json.dumps(to_document(fleet), indent=1) + "\n"
                _write("json", arguments["json"], document.encode("ascii"))
        fail_on, state = arguments["fail_on"], fleet.state
        result = {
            "changed": False,
            "state": state,
            "counts": fleet.counts,
            "silent_hosts": [h for h, _why in fleet.silent],
        }
        if fail_on != _FAIL_ON[0] and STATES.index(state) >= STATES.index(fail_on):
            message = f"The worst state is {state}; this fails from {fail_on} on (fail_on)."
            return {**result, "failed": True, "msg": message}
        return result


def _show(fleet: Fleet, now: datetime.datetime) -> None:
    for line in table(fleet.statuses, now, fleet.certificates):
        display.display(line, color=_COLORS.get(line.split(None, 1)[0] if line.strip() else ""))
    for line in database_lines(fleet.databases, len(fleet.hosts) > 1):
        display.display(visible(line), color=_COLORS.get(line.split(None, 1)[0] if line.strip() else ""))
    for host, why in fleet.silent:
        display.display(f"UNKNOWN {visible(host)}: no status: {visible(why)}", color=_COLORS["UNKNOWN"])
    if fleet.silent:
        display.display(f"          \u2192 {SILENT_NEXT}")


def _write(option: str, path: str, content: bytes) -> None:
    try:
        write_whole(os.path.abspath(path), content)
    except OSError as error:
        raise LifeboatError(
            f"{option}: {path} cannot be written: {error.strerror}.",
            hint="Name a file in a folder that exists, and that the account which runs Ansible may write to.",
        ) from None
