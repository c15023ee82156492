# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The steps of a failover, in their order, and what is to be done next with what the ledger says. Pure.

Traffic moves last. Nothing behind the point of no return is undone by itself, and no step ever cleans up data of the
source. A step whose intent is in the ledger and whose end is not is looked at again before it is repeated.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._failover._ledger import (
    COMPENSATED,
    DONE,
    FAILED,
    INTENT,
    SKIPPED,
    Ledger,
    Line,
)

DRILL = "drill"
MOVING = ("planned", "unplanned", "failback")
MODES = (*MOVING, DRILL)


@dataclasses.dataclass(frozen=True)
class Step:
    """One step. ``modes`` are those in which it is taken; a failed optional step does not halt the run."""

    name: str
    title: str
    modes: tuple[str, ...] = MOVING
    timeout_seconds: int = 300
    compensable: bool = False  # undone, in reverse order, by an abort before the point of no return
    optional: bool = False


_ZERO_LOSS = ("planned", "failback")

STEPS: tuple[Step, ...] = (
    Step("freeze", "stop timers, retention and deployments", timeout_seconds=120, compensable=True),
    Step("verdict", "judge whether the source is down", timeout_seconds=360),
    Step("preflight", "check the target region", timeout_seconds=600),
    Step("return_point", "keep a point to return to", timeout_seconds=900, optional=True),
    Step("approve", "check the token", timeout_seconds=60),
    Step("fence", "fence the source", timeout_seconds=300, compensable=True),
    Step("drain", "wait until the target has everything", _ZERO_LOSS, timeout_seconds=900),
    Step("promote_database", "promote PostgreSQL", timeout_seconds=300),
    Step("promote_streams", "promote JetStream", timeout_seconds=300),
    Step("switch_buckets", "turn the buckets round", timeout_seconds=300),
    Step("promote_cache", "promote Redis", timeout_seconds=120),
    Step("start_application", "start the application", timeout_seconds=900),
    Step("smoke_test", "test the application from inside", timeout_seconds=300),
    Step("traffic", "move traffic", timeout_seconds=420),
    Step("health", "ask for its health from outside", timeout_seconds=600),
    Step("commit", "commit", timeout_seconds=60),
    Step("protect", "protect the new side", timeout_seconds=3600, optional=True),
    Step("unfreeze", "start timers in the target region", timeout_seconds=300, optional=True),
    Step("rejoin", "bring the region that was left back", (), timeout_seconds=7200),  # see AFTERWARDS
    Step("drill_preflight", "check the target region", (DRILL,), timeout_seconds=600),
    Step("drill_database", "promote a copy of the database", (DRILL,), timeout_seconds=7200),
    Step("drill_stores", "see whether the other stores could be promoted", (DRILL,), timeout_seconds=600),
    Step("drill_copies", "restore the other stores in isolation", (DRILL,), timeout_seconds=7200),
)
POINT_OF_NO_RETURN = "promote_database"
AFTERWARDS = ("protect", "rejoin")
"""What is done in a run that was closed, as often as somebody likes: the run is opened again for it."""
_PLAIN = re.compile(r"[A-Za-z][\w./()-]*( [\w./()-]+)+")  # two words or more: YAML reads them as a text, and never else
_COMMIT, _PROTECT = "commit", "protect"

PASSED, NOT_PASSED = "passed", "failed"
RUN, OBSERVE, SKIP, HALT = "run", "observe", "skip", "halt"


def steps_of(mode: str) -> tuple[Step, ...]:
    """The steps of this mode, in order."""
    return tuple(step for step in STEPS if mode in step.modes)


@dataclasses.dataclass(frozen=True)
class Next:
    """What to do with a step: ``run`` it, ``observe`` what came of it, ``skip`` it, or ``halt``."""

    action: str
    why: str


def decide(ledger: Ledger, mode: str, name: str) -> Next:
    """What is to be done with the step ``name`` of a run that the ledger describes."""
    if ledger.is_reopened:
        return _decide_afterwards(ledger, name)
    order = [step.name for step in steps_of(mode)]
    if name not in order:
        return Next(SKIP, f"a {mode} run does not take this step")
    for before in order[: order.index(name)]:
        ended = _last(ledger, before)
        if ended is None or ended.phase in (INTENT, COMPENSATED):
            return Next(HALT, f"the step {before} comes first, and has not ended")
        if ended.phase == FAILED and not _step(before).optional:
            return Next(HALT, f"the step {before} failed")
    ended = _last(ledger, name)
    if ended is None or ended.phase == COMPENSATED:
        return Next(RUN, "it has not been begun")
    if ended.phase in (DONE, SKIPPED):
        return Next(SKIP, f"it was {ended.phase} at {ended.at}")
    if ended.phase == INTENT:
        return Next(OBSERVE, f"it was begun at {ended.at}, and how it ended is not known")
    return Next(OBSERVE, f"it failed at {ended.at}")


def _decide_afterwards(ledger: Ledger, name: str) -> Next:
    if name not in AFTERWARDS:
        return Next(SKIP, f"the run was closed at {ledger.closed_at}")
    last = _last(ledger, name)
    if last is not None and last.phase == INTENT:
        return Next(OBSERVE, f"it was begun at {last.at}, and how it ended is not known")
    return Next(RUN, "it is done as often as somebody likes")


def unfinished_afterwards(ledger: Ledger) -> Line | None:
    """What was begun after the run was closed, and has not ended; None where there is nothing."""
    begun = [last for name in AFTERWARDS if (last := _last(ledger, name)) is not None and last.phase == INTENT]
    return begun[-1] if ledger.is_reopened and begun else None


def passed_point_of_no_return(ledger: Ledger) -> bool:
    """Whether the database may have been promoted: an intent is enough."""
    return any(line.step == POINT_OF_NO_RETURN and line.phase in (INTENT, DONE, FAILED) for line in ledger.lines)


def is_committed(ledger: Ledger) -> bool:
    """Whether the run has committed; until then the new side is provisional."""
    return any(line.step == _COMMIT and line.phase == DONE for line in ledger.lines)


def compensations(ledger: Ledger) -> list[str]:
    """What an abort has to undo, the last step first. Empty behind the point of no return: nothing is undone there.

    A step that was only begun is undone as well: how much of it was done is not known.
    """
    if passed_point_of_no_return(ledger):
        return []
    undone: list[str] = []
    for step in reversed(STEPS):
        last = _last(ledger, step.name)
        if step.compensable and last is not None and last.phase in (INTENT, DONE, FAILED):
            undone.append(step.name)
    return undone


def outcome(ledger: Ledger) -> str:
    """``done``, ``not executed`` (nothing was promoted), or ``executed but incomplete``; of a drill ``passed`` or
    ``failed``.
    """
    if ledger.lines and ledger.lines[0].facts.get("mode") == DRILL:
        return _of_drill(ledger)
    if not passed_point_of_no_return(ledger):
        return "not executed"
    own = {step.name for step in STEPS if step.modes}
    last = {line.step: line.phase for line in ledger.lines if line.step in own}
    if is_committed(ledger) and not {FAILED, INTENT} & set(last.values()) and ledger.closed_at:
        return "done"
    return "executed but incomplete"


def has_halted(ledger: Ledger) -> bool:
    """Whether the controller has said that it stops here: its last line is that a step failed, which ends a run's play.

    One that goes on all the same (the step is optional), or closes the run behind it, has not said so.
    """
    last = ledger.lines[-1] if ledger.lines else None
    return last is not None and last.phase == FAILED and not ledger.is_reopened and not _step(last.step).optional


def to_go_on(ledger: Ledger) -> str:
    """What is typed to go on with a run that is open, such as ``dr_failover -e failover_run_id=...``, with what a
    person accepted before; empty where there is nothing to go on with.
    """
    mode = str(ledger.lines[0].facts.get("mode", "")) if ledger.lines else ""
    if not ledger.is_open or ledger.is_reopened or mode not in MOVING:
        return ""
    accepted: dict[str, t.Any] = {}
    for line in ledger.lines:
        facts = line.facts.get("accepted")
        accepted.update(facts if line.step and isinstance(facts, dict) else {})
        if line.step == "fence" and line.facts.get("unfenced_because"):
            accepted["unfenced_source"] = line.facts["unfenced_because"]
    words = ["dr_failback" if mode == "failback" else f"dr_failover -e failover_mode={mode}"]
    target = str(ledger.lines[0].facts.get("target") or "")
    words += [f"-e failover_to={shlex.quote(target)}"] if target else []
    words += [f"-e failover_run_id={ledger.run_id}", *accepted_words(accepted)]
    return " ".join(words)


def accepted_words(accepted: t.Mapping[str, t.Any]) -> list[str]:
    """What is typed for what a person accepted: reasons by their names, and ``data_loss``.

    Ansible shows a double quote with a backslash before it, which nobody can copy, so plain words go without quotes.
    """
    loss = str(accepted.get("data_loss") or "")
    reasons = {str(name): str(reason) for name, reason in accepted.items() if reason and name != "data_loss"}
    words = [f"-e {shlex.quote(f'failover_accept_data_loss={loss}')}"] if loss else []
    if reasons and all(map(_PLAIN.fullmatch, reasons.values())):
        inner = ", ".join(f"{name}: {reason}" for name, reason in reasons.items())
        words.append(f"-e '{{failover_accept: {{{inner}}}}}'")
    elif reasons:
        words.append(f"-e {shlex.quote(json.dumps({'failover_accept': reasons}))}")
    return words


def is_unprotected(ledger: Ledger) -> bool:
    """Whether the run has committed, and the new side was not protected."""
    last = _last(ledger, _PROTECT)
    return is_committed(ledger) and last is not None and last.phase in (FAILED, INTENT)


def _of_drill(ledger: Ledger) -> str:
    """A drill has passed when each of its steps ended well, and it was closed."""
    last = {line.step: line.phase for line in ledger.lines if line.step}
    well = all(last.get(step.name) in (DONE, SKIPPED) for step in steps_of(DRILL))
    return PASSED if well and not ledger.is_open else NOT_PASSED


def _last(ledger: Ledger, name: str) -> Line | None:
    return next((line for line in reversed(ledger.lines) if line.step == name), None)


def _step(name: str) -> Step:
    return next(step for step in STEPS if step.name == name)


def _why(line: Line) -> str:
    """Why a step failed, in one line; nothing for any other line."""
    message = " ".join(str(line.facts.get("message") or "").split()) if line.phase == FAILED else ""
    return f"  {message}" if message else ""


def timeline(ledger: Ledger) -> list[dict[str, t.Any]]:
    """Each line in the words of a report."""
    return [
        {
            "at": line.at,
            "step": line.step,
            "phase": line.phase,
            "actor": line.actor,
            "facts": line.facts,
            "summary": f"{line.at}  {line.step or 'run':<18} {line.phase:<12} {line.actor}{_why(line)}",
        }
        for line in ledger.lines
    ]
