# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``failover_run``: opens, resumes and closes a run, and opens one again for what is done afterwards."""

from __future__ import annotations

import datetime
import getpass
import platform
import secrets
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._ledger import (
    CLOSED,
    OPENED,
    REOPENED,
    RESUMED,
    Ledger,
    Line,
    append,
    next_epoch,
    read_ledger,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._steps import (
    DRILL,
    MODES,
    has_halted,
    outcome,
    steps_of,
    to_go_on,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._work._failover_common import (
    DRILLS_SPEC,
    check_writer,
    ledger_repository,
    new_line,
    root_of,
    utc_now,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **DRILLS_SPEC,
    "state": {"type": "str", "choices": ["opened", "resumed", "closed", "reopened"], "required": True},
    "mode": {"type": "str", "choices": list(MODES)},
    "run_id": {"type": "str"},
    "writer": {"type": "str"},
    "actor": {"type": "str"},
    "facts": {"type": "dict", "default": {}},
    "takeover": {"type": "bool", "default": False},
    "cooldown": {"type": "str", "default": "1h"},
    "again_because": {"type": "str"},
    "promoted_epoch": {"type": "int", "default": 0},
}
REQUIRED_IF: list[tuple[str, str, list[str]]] = [
    ("state", "opened", ["mode"]),
    ("state", "resumed", ["run_id"]),
    ("state", "closed", ["run_id", "writer"]),
]
_AFTERWARDS = "dr_rejoin or dr_protect has opened it again: run that again, or close it (state: resumed, run_id:"
_QUIET = datetime.timedelta(minutes=1)  # of a controller that may still be at work


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    options = module.params
    cooldown = parse_duration("cooldown", options["cooldown"])
    if options["mode"] and options["drill"] != (options["mode"] == DRILL):
        raise OptionError(
            f"mode is {options['mode']}, and drill is {str(options['drill']).lower()}.",
            hint="A drill has a ledger of its own: mode: drill and drill: true belong together.",
        )
    repository = ledger_repository(options)
    ledger = read_ledger(repository, options["app"], root_of(options))
    actor = options["actor"] or f"{getpass.getuser()}@{platform.node()}"
    if options["state"] == "opened":
        return _open(module, repository, ledger, actor, cooldown)
    if options["state"] == "reopened":
        return _reopen(module, repository, ledger, actor)
    if options["state"] == "resumed":
        return _resume(module, repository, ledger, actor)
    return _close(module, repository, ledger, actor)


def _open(
    module: AnsibleModule, repository: Repository, ledger: Ledger, actor: str, cooldown: datetime.timedelta
) -> dict[str, t.Any]:
    options = module.params
    if options["drill"]:
        _refuse_drill(repository, ledger.app)
    if ledger.is_open and not (options["drill"] and options["takeover"]):
        last = ledger.lines[-1]
        raise LifeboatError(
            f"The run {ledger.run_id} of {ledger.app} (epoch {ledger.epoch}) is not closed: {last.actor} wrote its "
            "last "
            f"line at {last.at}. Nothing was done.",
            hint="When you know that its controller is dead, set takeover: true (-e failover_takeover=true)."
            if options["drill"]
            else f"{_AFTERWARDS} {ledger.run_id})."
            if ledger.is_reopened
            else f"Go on with it (state: resumed, run_id: {ledger.run_id}), or abort it: dr_status shows what to type.",
        )
    _refuse_flapping(options, ledger, cooldown)
    run_id = f"{utc_now():%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    writer = secrets.token_hex(4)
    fresh = Ledger(ledger.app, next_epoch(ledger, options["promoted_epoch"]), root=ledger.root)
    facts = {**options["facts"], "mode": options["mode"], "again_because": options["again_because"] or ""}
    line = Line(0, utc_now().strftime("%Y-%m-%dT%H:%M:%SZ"), run_id, writer, actor, OPENED, "", facts)
    opened = fresh if module.check_mode else append(repository, fresh, line)
    return _described(opened, options["mode"], run_id, writer, changed=True)


def _refuse_drill(repository: Repository, app: str) -> None:
    """Nobody drills while somebody fails over."""
    real = read_ledger(repository, app)
    if real.is_open:
        raise LifeboatError(
            f"The failover {real.run_id} of {app} (epoch {real.epoch}) is not closed. Nothing was drilled.",
            hint="Go on with it, or abort it: dr_status shows what to type.",
        )


def _refuse_flapping(options: t.Mapping[str, t.Any], ledger: Ledger, cooldown: datetime.timedelta) -> None:
    """A failover right after another one makes an outage of its own."""
    if options["mode"] != "unplanned" or not ledger.lines or options["again_because"]:
        return
    ended_at = ledger.closed_at or ledger.lines[-1].at
    ended = datetime.datetime.strptime(ended_at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
    if utc_now() - ended < cooldown:
        raise LifeboatError(
            f"The last run of {ledger.app} ended at {ended_at}, less than {options['cooldown']} ago. Nothing was done.",
            hint="If this is a new outage, give the reason in again_because (-e '{failover_again_because: REASON}').",
        )


def _resume(module: AnsibleModule, repository: Repository, ledger: Ledger, actor: str) -> dict[str, t.Any]:
    options = module.params
    if ledger.run_id != options["run_id"] or not ledger.is_open:
        raise OptionError(
            f"run_id is {options['run_id']}, and "
            + (f"the open run is {ledger.run_id}." if ledger.is_open else "no run is open."),
            hint="Look at failover_info (dr_status). Nothing was done.",
        )
    if not ledger.is_reopened:  # else this only closes it
        _refuse_another_way(options, ledger)
    _refuse_company(ledger, options["takeover"])
    writer = secrets.token_hex(4)
    if not module.check_mode:
        ledger = append(repository, ledger, new_line(ledger, writer, RESUMED, "", options["facts"], actor))
    return _described(ledger, str(ledger.lines[0].facts.get("mode", "")), ledger.run_id, writer, changed=True)


def _refuse_another_way(options: t.Mapping[str, t.Any], ledger: Ledger) -> None:
    """A run that was begun in one direction, or mode, and is gone on with in another, would fence the wrong region."""
    began = ledger.lines[0].facts
    asked = {"mode": options["mode"], **{name: options["facts"].get(name) for name in ("source", "target")}}
    differing = [name for name, value in asked.items() if value and str(value) != str(began.get(name) or value)]
    if differing:
        raise OptionError(
            f"The run {ledger.run_id} is {began.get('mode')}, from {began.get('source')} to {began.get('target')}, and "
            f"{' and '.join(f'{name} is {asked[name]}' for name in differing)} here. Nothing was done.",
            hint=f"Type what it was begun with: {to_go_on(ledger)}",
        )


def _refuse_company(ledger: Ledger, takeover: bool) -> None:
    """Two controllers at once are one too many."""
    if has_halted(ledger):
        return
    last = ledger.lines[-1]
    at = datetime.datetime.strptime(last.at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
    if utc_now() - at < _QUIET and not takeover:
        raise LifeboatError(
            f"{last.actor} wrote a line of this run at {last.at}, and may still be at work. Nothing was done.",
            hint="Wait a minute; or, when you know that this controller is dead, set takeover: true "
            "(-e failover_takeover=true).",
        )


def _reopen(module: AnsibleModule, repository: Repository, ledger: Ledger, actor: str) -> dict[str, t.Any]:
    """The newest run, for what is done afterwards. Without a run there is nothing to write in."""
    options = module.params
    if options["drill"]:
        raise OptionError("state is reopened, and drill is true.", hint="Nothing is done after a drill.")
    if not ledger.lines:
        return _described(ledger, "", "", "", changed=False)
    if ledger.is_open and not ledger.is_reopened:
        raise LifeboatError(
            f"The run {ledger.run_id} of {ledger.app} (epoch {ledger.epoch}) is not closed. Nothing was done.",
            hint="Go on with it, or abort it: dr_status shows what to type.",
        )
    if ledger.is_reopened:
        _refuse_company(ledger, options["takeover"])
    writer = secrets.token_hex(4)
    if not module.check_mode:
        ledger = append(repository, ledger, new_line(ledger, writer, REOPENED, "", options["facts"], actor))
    return _described(ledger, str(ledger.lines[0].facts.get("mode", "")), ledger.run_id, writer, changed=True)


def _close(module: AnsibleModule, repository: Repository, ledger: Ledger, actor: str) -> dict[str, t.Any]:
    options = module.params
    mode = str(ledger.lines[0].facts.get("mode", "")) if ledger.lines else ""
    if ledger.run_id == options["run_id"] and not ledger.is_open:
        return _described(ledger, mode, ledger.run_id, options["writer"], changed=False)
    check_writer(ledger, options["run_id"], options["writer"])
    if not module.check_mode:
        ledger = append(repository, ledger, new_line(ledger, options["writer"], CLOSED, "", options["facts"], actor))
    return _described(ledger, mode, options["run_id"], options["writer"], changed=True)


def _described(ledger: Ledger, mode: str, run_id: str, writer: str, *, changed: bool) -> dict[str, t.Any]:
    return {
        "changed": changed,
        "run_id": run_id,
        "writer": writer,
        "epoch": ledger.epoch,
        "mode": mode,
        "steps": [step.name for step in steps_of(mode)],
        "outcome": outcome(ledger) if ledger.lines else "not executed",
    }
