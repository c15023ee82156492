# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``pg_standby``: makes a standby, or promotes one."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import left_when_stopped
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import (
    Connection,
    connection_from_options,
    parse_dsn,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._options import CONNECTION_SPEC, TOOLS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import find_tools
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby import _build, _promote
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._lag import format_lsn, parse_lsn
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._state import read_state, try_state

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

_OF_STATE = {
    "standby": ("data_dir", "slot", "replace"),
    "primary": ("system_identifier", "timeline", "reach", "epoch", "run_id", "resume_paused"),
}
ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **CONNECTION_SPEC,
    **TOOLS_SPEC,
    "state": {"type": "str", "choices": ["standby", "primary"], "required": True},
    "primary": {"type": "str", "no_log": True},
    "primary_timeout": {"type": "str", "default": "5s"},
    "data_dir": {"type": "path"},
    "slot": {"type": "str"},
    "replace": {"type": "bool"},
    "system_identifier": {"type": "str"},
    "timeline": {"type": "int"},
    "reach": {"type": "str"},
    "epoch": {"type": "int"},
    "run_id": {"type": "str"},
    "resume_paused": {"type": "bool"},
    "unfenced_primary": {"type": "str"},
    "time_limit": {"type": "str", "default": "5m"},
}
REQUIRED_IF: list[tuple[str, str, list[str]]] = [("state", "standby", ["data_dir", "slot", "primary"])]


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    options = module.params
    for state, names in _OF_STATE.items():
        given = [name for name in names if options[name] is not None]
        if state != options["state"] and given:
            raise OptionError(
                f"{', '.join(given)} does not belong to state: {options['state']}.",
                hint=f"It belongs to state: {state}. Nothing was done.",
            )
    deadline = Deadline(parse_duration("time_limit", options["time_limit"]).total_seconds())
    if options["state"] == "standby":
        return _standby(module, deadline)
    return _primary(module, deadline)


def _standby(module: AnsibleModule, deadline: Deadline) -> dict[str, t.Any]:
    options = module.params
    primary = Connection(parse_dsn("primary", options["primary"]))
    empty = _build.Request(options["data_dir"], primary, options["slot"], "", bool(options["replace"]))
    _build.check_request(empty)
    state = read_state(primary)
    if state.position.in_recovery:
        raise LifeboatError(
            f"{primary.describe()} is a standby itself. Nothing was done.", hint="Name the primary in primary."
        )
    tools = find_tools(
        state.version_num // 10000,
        bin_dir=options["bin_dir"],
        allow_vulnerable=options["allow_vulnerable_client"],
        program="pg_basebackup",
    )
    request = dataclasses.replace(empty, system_identifier=state.position.system_identifier)
    done = _build.is_standby_of(request, tools)
    missing_slot = not any(slot["slot_name"] == request.slot for slot in state.slots)
    aside = ""
    if not module.check_mode:
        if missing_slot:
            _make_slot(primary, request.slot)
        if not done:
            with left_when_stopped("The unfinished copy was removed. The data folder is as it was."):
                aside = _build.build(request, tools, deadline)
    before = "standby" if done else "not a standby of this primary"
    return {
        "changed": not done or missing_slot,
        "data_dir": request.data_dir,
        "slot": request.slot,
        "set_aside": aside,
        "restart_required": not done,
        "system_identifier": request.system_identifier,
        "diff": {"before": f"{request.data_dir}: {before}\n", "after": f"{request.data_dir}: standby\n"},
    }


def _make_slot(primary: Connection, slot: str) -> None:
    session = primary.connect()
    try:
        with session.cursor() as cursor:
            cursor.execute("select pg_create_physical_replication_slot(%s, true)", (slot,))
    finally:
        session.close()


def _primary(module: AnsibleModule, deadline: Deadline) -> dict[str, t.Any]:
    options = module.params
    wanted = _promote.Wanted(
        system_identifier=options["system_identifier"] or "",
        timeline=options["timeline"] or 0,
        reach=_reach(options["reach"]),
        epoch=options["epoch"] or 0,
        run_id=options["run_id"] or "by hand",
        resume_paused=bool(options["resume_paused"]),
    )
    connection = connection_from_options(options)
    state = read_state(connection)
    if not state.position.in_recovery:
        _check_identity(state.position.system_identifier, wanted)
        return _told(module, state.position.timeline, state.position.timeline, changed=False)
    _promote.check(state, wanted)
    _refuse_living_primary(options)
    if module.check_mode:
        return _told(module, state.position.timeline, state.position.timeline + 1, changed=True)
    with left_when_stopped("The server may have been promoted: look at pg_is_in_recovery()."):
        promoted = _promote.promote(connection, state, wanted, deadline)
    result = _told(module, promoted.timeline_before, promoted.timeline, changed=True)
    return {**result, "epoch": promoted.epoch_row, "seconds": promoted.seconds}


def _check_identity(found: str, wanted: _promote.Wanted) -> None:
    if wanted.system_identifier and found != wanted.system_identifier:
        raise OptionError(
            f"system_identifier is {wanted.system_identifier}, and this server's is {found}: it holds another "
            "database.",
            hint="Connect to the server that is meant.",
        )


def _refuse_living_primary(options: t.Mapping[str, t.Any]) -> None:
    """A promotion beside a primary that takes writes makes two of them."""
    if not options["primary"] or options["unfenced_primary"]:
        return
    seconds = max(1, int(parse_duration("primary_timeout", options["primary_timeout"]).total_seconds()))
    other, _why = try_state(Connection(parse_dsn("primary", options["primary"])), seconds)
    if other is not None and not other.position.in_recovery:
        raise LifeboatError(
            "The primary is alive and takes writes: after a promotion there would be two primaries. Nothing was "
            "changed.",
            hint=(
                "Stop it and disable its unit first. To promote all the same, give the reason in unfenced_primary; it "
                "is "
                "part of the result."
            ),
        )


def _reach(text: str | None) -> int | None:
    try:
        return parse_lsn(text) if text else None
    except ValueError:
        raise OptionError(f"reach: {text!r} is not a position in the log.", hint="Write it as 16/B374D848.") from None


def _told(module: AnsibleModule, before: int, after: int, *, changed: bool) -> dict[str, t.Any]:
    was = "standby" if changed else "primary"
    return {
        "changed": changed,
        "timeline_before": before,
        "timeline": after,
        "reach": format_lsn(_reach(module.params["reach"])),
        "unfenced_primary": module.params["unfenced_primary"] or "",
        "diff": {"before": f"{was} on timeline {before}\n", "after": f"primary on timeline {after}\n"},
    }
