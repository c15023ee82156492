# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""``pg_standby`` with ``state: primary``: promotes a standby, and proves it."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import left_when_stopped
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import (
    Connection,
    connection_from_options,
    parse_dsn,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby import _promote
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._lag import format_lsn, parse_lsn
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._state import (
    ServerState,
    read_state,
    try_state,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline


def promotion(module: AnsibleModule, deadline: Deadline) -> dict[str, t.Any]:
    """The module's result. Raises LifeboatError, before anything has changed wherever the message does not say else."""
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
