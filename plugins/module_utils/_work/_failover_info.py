# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``failover_info``: the newest run of an application, and what is safe to do with it."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._failover._ledger import DRILLS, Ledger, read_ledger
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._steps import (
    HALT,
    SKIP,
    compensations,
    decide,
    is_committed,
    is_unprotected,
    outcome,
    passed_point_of_no_return,
    steps_of,
    timeline,
    to_go_on,
    unfinished_afterwards,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._work._failover_common import (
    DRILLS_SPEC,
    ledger_repository,
    root_of,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = dict(DRILLS_SPEC)


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    ledger = read_ledger(ledger_repository(module.params), module.params["app"], root_of(module.params))
    mode = str(ledger.lines[0].facts.get("mode", "")) if ledger.lines else ""
    return {
        "changed": False,
        "app": ledger.app,
        "epoch": ledger.epoch,
        "run_id": ledger.run_id,
        "mode": mode,
        "open": ledger.is_open,
        "committed": is_committed(ledger),
        "outcome": outcome(ledger) if ledger.lines else "not executed",
        "next_step": _next(ledger, mode),
        "undo": compensations(ledger) if ledger.lines else [],
        "advice": _advice(ledger, mode),
        "to_go_on": to_go_on(ledger),
        "to_abort": _to_abort(ledger),
        "timeline": timeline(ledger),
    }


def _next(ledger: Ledger, mode: str) -> str:
    if not ledger.is_open or ledger.is_reopened:
        return ""
    return next(
        (step.name for step in steps_of(mode) if decide(ledger, mode, step.name).action not in (SKIP, HALT)), ""
    )


def _to_abort(ledger: Ledger) -> str:
    return (
        f"dr_abort -e failover_run_id={ledger.run_id}"
        if to_go_on(ledger) and not passed_point_of_no_return(ledger)
        else ""
    )


def _advice(ledger: Ledger, mode: str) -> str:
    """What is safe, in a sentence."""
    if ledger.root == DRILLS:
        return _advice_of_drill(ledger)
    if not ledger.lines:
        return "Nobody has ever failed this application over."
    if not ledger.is_open:
        more = " The new side was not protected then: run dr_protect." if is_unprotected(ledger) else ""
        return f"The run {ledger.run_id} is closed: {outcome(ledger)}.{more}"
    if ledger.is_reopened:
        return _advice_afterwards(ledger)
    upcoming = _next(ledger, mode) or "none"
    if not passed_point_of_no_return(ledger):
        return (
            f"Nothing was promoted. Resume the run (next step: {upcoming}), or abort it: that undoes "
            f"{', '.join(compensations(ledger)) or 'nothing'}, in this order."
        )
    return (
        f"The database may have been promoted: nothing is undone any more. Resume the run (next step: {upcoming}). "
        "Never "
        "start the old primary."
    )


def _advice_afterwards(ledger: Ledger) -> str:
    begun = unfinished_afterwards(ledger)
    what = f"dr_{begun.step} was begun at {begun.at} and has not ended" if begun else "nothing was begun since"
    again = f"dr_{begun.step}" if begun else "dr_rejoin or dr_protect"
    return (
        f"The run {ledger.run_id} is {outcome(ledger)}. It was opened again, and {what}. When its controller is dead, "
        f"run {again} again. Nobody can fail over before: failover_run_id={ledger.run_id} has dr_failover close it."
    )


def _advice_of_drill(ledger: Ledger) -> str:
    if not ledger.lines:
        return "Nobody has ever drilled this application."
    if ledger.is_open:
        return f"The drill {ledger.run_id} has not ended. Nothing was moved; the next drill removes what it left."
    return f"The drill {ledger.run_id} {outcome(ledger)}. Nothing was moved."
