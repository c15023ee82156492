# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``pg_standby``: makes a standby, promotes one, or makes an old primary a standby of the new one."""

from __future__ import annotations

import dataclasses
import os
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import left_when_stopped
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import ARGUMENT_SPEC as PROGRESS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import (
    Connection,
    parse_dsn,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._options import CONNECTION_SPEC, TOOLS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools, find_tools
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby import (
    _build,
    _rejoin,
    _synchronous,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._state import ServerState, read_state
from ansible_collections.lifeboat.dr.plugins.module_utils._work._pg_old_primary import Rejoin
from ansible_collections.lifeboat.dr.plugins.module_utils._work._pg_promotion import promotion

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

_OF_STATES = {
    ("standby", "rejoined"): ("data_dir", "slot", "synchronous"),
    ("standby",): ("replace",),
    ("rejoined",): ("rebuild", "save_dir", "config_file"),
    ("primary",): ("system_identifier", "timeline", "reach", "epoch", "run_id", "resume_paused"),
}
ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **CONNECTION_SPEC,
    **TOOLS_SPEC,
    **PROGRESS_SPEC,
    "state": {"type": "str", "choices": ["standby", "primary", "rejoined"], "required": True},
    "primary": {"type": "str", "no_log": True},
    "primary_timeout": {"type": "str", "default": "5s"},
    "data_dir": {"type": "path"},
    "slot": {"type": "str"},
    "replace": {"type": "bool"},
    "synchronous": {"type": "bool"},
    "rebuild": {"type": "bool"},
    "save_dir": {"type": "path"},
    "config_file": {"type": "path"},
    "system_identifier": {"type": "str"},
    "timeline": {"type": "int"},
    "reach": {"type": "str"},
    "epoch": {"type": "int"},
    "run_id": {"type": "str"},
    "resume_paused": {"type": "bool"},
    "unfenced_primary": {"type": "str"},
    "time_limit": {"type": "str", "default": "5m"},
}
REQUIRED_IF: list[tuple[str, str, list[str]]] = [
    ("state", "standby", ["data_dir", "slot", "primary"]),
    ("state", "rejoined", ["data_dir", "slot", "primary", "save_dir"]),
]


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    options = module.params
    for states, names in _OF_STATES.items():
        given = [name for name in names if options[name] is not None]
        if options["state"] not in states and given:
            raise OptionError(
                f"{', '.join(given)} does not belong to state: {options['state']}.",
                hint=f"It belongs to state: {' and '.join(states)}. Nothing was done.",
            )
    deadline = Deadline(parse_duration("time_limit", options["time_limit"]).total_seconds())
    if options["state"] == "primary":
        return promotion(module, deadline)
    progress = Progress(options["progress_file"], options["data_dir"])
    result = (_standby if options["state"] == "standby" else _rejoined)(module, deadline, progress)
    progress.done()
    return result


def _asked(module: AnsibleModule, replace: bool) -> tuple[_build.Request, ServerState]:
    """What is wanted, checked, and the primary as it stands."""
    options = module.params
    primary = Connection({"application_name": options["slot"], **parse_dsn("primary", options["primary"])})
    request = _build.Request(options["data_dir"], primary, options["slot"], "", replace)
    _build.check_request(request)
    state = read_state(primary)
    if state.position.in_recovery:
        raise LifeboatError(
            f"{primary.describe()} is a standby itself. Nothing was done.", hint="Name the primary in primary."
        )
    return dataclasses.replace(request, system_identifier=state.position.system_identifier), state


def _tools(module: AnsibleModule, state: ServerState, program: str) -> Tools:
    return find_tools(
        state.version_num // 10000,
        bin_dir=module.params["bin_dir"],
        allow_vulnerable=module.params["allow_vulnerable_client"],
        program=program,
    )


def _lacks_slot(state: ServerState, slot: str) -> bool:
    return not any(known["slot_name"] == slot for known in state.slots)


def _has_lost_slot(state: ServerState, slot: str) -> bool:
    """Whether the primary has removed log that the slot was to keep (``max_slot_wal_keep_size``)."""
    return any(known["slot_name"] == slot and known["wal_status"] == "lost" for known in state.slots)


def _standby(module: AnsibleModule, deadline: Deadline, progress: Progress) -> dict[str, t.Any]:
    request, state = _asked(module, bool(module.params["replace"]))
    primary, tools = request.primary, _tools(module, state, "pg_basebackup")
    lost = _has_lost_slot(state, request.slot)
    done = _build.is_built(request, tools) and not (lost and request.replace)
    missing_slot = _lacks_slot(state, request.slot) or (lost and not done)
    aside = ""
    if lost and done:
        module.warn(
            f"The slot {request.slot} is lost: {primary.describe()} has removed log that this standby had not got. "
            "Unless an archive has it, the standby never streams again. To make it again, stop its server and set "
            "replace: true."
        )
    if not module.check_mode:
        if lost and not done:
            _build.refuse_running(request.data_dir)
            _drop_slot(primary, request.slot)
        if missing_slot:
            _make_slot(primary, request.slot)
        if not done:
            with left_when_stopped("The unfinished copy was removed. The data folder is as it was."):
                aside = _build.build(request, tools, deadline, progress)
    synchronous = _synchronous_result(module, request, deadline)
    before = "standby" if done else "not a standby of this primary"
    return {
        "changed": not done or missing_slot or synchronous["changed"],
        "synchronous": synchronous["word"],
        "data_dir": request.data_dir,
        "slot": request.slot,
        "set_aside": aside,
        "restart_required": not done,
        "system_identifier": request.system_identifier,
        "diff": {"before": f"{request.data_dir}: {before}\n", "after": f"{request.data_dir}: standby\n"},
    }


def _rejoined(module: AnsibleModule, deadline: Deadline, progress: Progress) -> dict[str, t.Any]:
    request, state = _asked(module, bool(module.params["rebuild"]))
    save_dir = module.params["save_dir"]
    if not os.path.isabs(save_dir) or os.path.realpath(save_dir).startswith(os.path.realpath(request.data_dir) + "/"):
        raise OptionError(
            f"save_dir: {save_dir!r} is not an absolute path outside of the data folder.",
            hint="Name a folder that keeps what only the old primary has, and that this account may write to.",
        )
    tools = _tools(module, state, "pg_rewind")
    planned = _rejoin.plan(request, state, tools)
    missing_slot = _lacks_slot(state, request.slot)
    steps = Rejoin(module, request, tools, planned, deadline, progress)
    if not module.check_mode:
        if missing_slot:
            _make_slot(request.primary, request.slot)
        if not planned.done:
            steps.take()
    elif not planned.done:
        steps.look()
    synchronous = _synchronous_result(module, request, deadline)
    before = "standby" if planned.done else "an old primary"
    return {
        "changed": not planned.done or missing_slot or synchronous["changed"],
        "synchronous": synchronous["word"],
        "data_dir": request.data_dir,
        "slot": request.slot,
        "system_identifier": request.system_identifier,
        "restart_required": not planned.done,
        **steps.result(),
        "diff": {"before": f"{request.data_dir}: {before}\n", "after": f"{request.data_dir}: standby\n"},
    }


def _synchronous_result(module: AnsibleModule, request: _build.Request, deadline: Deadline) -> dict[str, t.Any]:
    wanted = module.params["synchronous"]
    if wanted is None:
        return {"changed": False, "word": ""}
    name = request.primary.parameters["application_name"]
    action = _synchronous.apply(request.primary, name, wanted, check_mode=module.check_mode, deadline=deadline)
    if action == _synchronous.WAIT:
        module.warn(_synchronous.NOT_YET)
    elif wanted:
        module.warn(_synchronous.ONE_STANDBY)
    word = "not yet" if action == _synchronous.WAIT else "yes" if wanted else "no"
    return {"changed": action in (_synchronous.SET, _synchronous.RESET), "word": word}


def _make_slot(primary: Connection, slot: str) -> None:
    _run_on(primary, "select pg_create_physical_replication_slot(%s, true)", slot)


def _drop_slot(primary: Connection, slot: str) -> None:
    _run_on(primary, "select pg_drop_replication_slot(%s)", slot)


def _run_on(primary: Connection, statement: str, slot: str) -> None:
    session = primary.connect()
    try:
        with session.cursor() as cursor:
            cursor.execute(statement, (slot,))
    finally:
        session.close()
