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
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DeadlineError, LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import left_when_stopped
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import (
    Connection,
    connection_from_options,
    parse_dsn,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._options import CONNECTION_SPEC, TOOLS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools, find_tools
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby import (
    _build,
    _promote,
    _rejoin,
    _synchronous,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._data_folder import read_control
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._divergence import (
    Divergence,
    Saved,
    newest_saved,
    save,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._lag import format_lsn, parse_lsn
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._state import (
    ServerState,
    read_state,
    try_state,
)

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
    if options["state"] == "standby":
        return _standby(module, deadline)
    if options["state"] == "rejoined":
        return _rejoined(module, deadline)
    return _primary(module, deadline)


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


def _standby(module: AnsibleModule, deadline: Deadline) -> dict[str, t.Any]:
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
                aside = _build.build(request, tools, deadline)
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


def _rejoined(module: AnsibleModule, deadline: Deadline) -> dict[str, t.Any]:
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
    steps = _Rejoin(module, request, tools, planned, deadline)
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


class _Rejoin:
    """One old primary on its way to be a standby: brought to its end, counted, saved, and rewound or built again."""

    def __init__(
        self, module: AnsibleModule, request: _build.Request, tools: Tools, planned: _rejoin.Plan, deadline: Deadline
    ) -> None:
        self._save_dir: str = module.params["save_dir"]
        self._config_file: str = module.params["config_file"] or ""
        self._request = request
        self._tools = tools
        self._planned = planned
        self._deadline = deadline
        self._divergence: Divergence | None = None
        self._saved: Saved | None = None
        self._method = ""
        self._aside = ""
        self._why_not = planned.why_not
        if planned.done:
            self._saved = newest_saved(self._save_dir, request.system_identifier)

    def look(self) -> None:
        """What can be known without changing anything: nothing of one that still has to replay its own log."""
        if self._planned.fork is None:
            return
        control = read_control(self._request.data_dir, self._tools)
        if control.is_clean:
            self._divergence = _rejoin.divergence_of(control, self._planned.fork)
        else:
            self._why_not = "it was not shut down, so it has to replay its own log first"

    def take(self) -> None:
        """Do it. Raises LifeboatError, which says what the folder is now."""
        if self._planned.fork is not None:
            with left_when_stopped("The old primary is as it was; at most, it has replayed its own log."):
                self._count(self._planned.fork)
        if self._request.replace:
            self._method = "rebuilt"
            with left_when_stopped("The unfinished copy was removed. The old primary is as it was."):
                if self._planned.interrupted:
                    self._aside = _rejoin.set_interrupted_aside(self._request.data_dir)
                aside = _build.build(self._request, self._tools, self._deadline)
                self._aside = self._aside or aside
            return
        self._method = "rewound"
        control = read_control(self._request.data_dir, self._tools)
        config_file = _rejoin.config_file_of(self._request.data_dir, self._config_file)
        left = f"Look whether {self._request.data_dir + _rejoin.REWINDING} is there: then it is neither old nor new."
        with left_when_stopped(left):
            _rejoin.rewind(self._request, control, self._tools, config_file, self._deadline)

    def _count(self, fork: int) -> None:
        try:
            config_file = _rejoin.config_file_of(self._request.data_dir, self._config_file)
            _rejoin.recover(self._request, self._tools, config_file, self._deadline)
            control = read_control(self._request.data_dir, self._tools)
            self._divergence = _rejoin.divergence_of(control, fork)
            self._saved = save(
                self._divergence,
                self._request.data_dir,
                self._save_dir,
                self._tools,
                lambda relations: _rejoin.names_of_relations(self._request.primary, relations),
                self._deadline,
            )
        except DeadlineError:
            raise
        except LifeboatError as error:
            if not self._request.replace:
                raise
            self._why_not = error.message  # all of it is in the folder that is set aside

    def result(self) -> dict[str, t.Any]:
        """What is known of what was lost, and how it was done."""
        return {
            **_rejoin.described(self._planned, self._divergence, self._saved),
            "not_counted_because": self._why_not,
            "method": self._method,
            "set_aside": self._aside,
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
        return _already_primary(module, connection, state, wanted)
    _promote.check(state, wanted)
    _refuse_living_primary(options)
    if module.check_mode:
        return _told(module, state.position.timeline, state.position.timeline + 1, changed=True)
    with left_when_stopped("The server may have been promoted: look at pg_is_in_recovery()."):
        promoted = _promote.promote(connection, state, wanted, deadline)
    result = _told(module, promoted.timeline_before, promoted.timeline, changed=True)
    return {**result, "epoch": promoted.epoch_row, "seconds": promoted.seconds}


def _already_primary(
    module: AnsibleModule, connection: Connection, state: ServerState, wanted: _promote.Wanted
) -> dict[str, t.Any]:
    """With an epoch, a run wants to know whether it was itself that has promoted the server, or somebody meanwhile."""
    by_others = False
    if wanted.epoch:
        _refuse_living_primary(module.params)
        if not module.check_mode:
            by_others = _promote.adopt(connection, state, wanted)
    if by_others:
        module.warn(
            f"{connection.describe()} was promoted, and lifeboat.promotion had no row of the run {wanted.run_id}: "
            "somebody else has promoted it, or the run itself, which could not write its row then. It has what it was "
            "to have, takes writes, and got the row of this run."
        )
    timeline = state.position.timeline
    return {**_told(module, timeline, timeline, changed=by_others), "promoted_by_others": by_others}


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
