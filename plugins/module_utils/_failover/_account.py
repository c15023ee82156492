# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The account of one failover, out of its ledger and of nothing else: what happened when, and what it cost. Pure.

``canonical_json`` gives the report that every rendering is made from. A value that is not known is ``None``, never 0,
and a target that nobody can say was met counts as missed.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._ledger import (
    COMPENSATED,
    DONE,
    FAILED,
    INTENT,
    RESUMED,
    SKIPPED,
    Ledger,
    Line,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._steps import (
    STEPS,
    Step,
    is_committed,
    outcome,
    steps_of,
)

SCHEMA = "lifeboat.failover-report/1"
MET, MISSED, NOT_PROMISED = "met", "missed", "not promised"
_DRAINED = "drain"
_READY = ("promote_database", "promote_streams", "switch_buckets", "promote_cache")
_SERVING = ("start_application", "smoke_test")
_VERIFIED = ("traffic", "health", "commit")


@dataclasses.dataclass(frozen=True)
class StepAccount:
    """One step: how often it was begun, how it ended, and how long it took from its first beginning."""

    name: str
    title: str
    status: str  # a phase of the ledger, or "not begun"
    started_at: str
    finished_at: str
    seconds: float | None
    attempts: int
    message: str
    facts: dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class StoreAccount:
    """What one store lost, against what was promised."""

    name: str
    promised_seconds: float | None
    lost_seconds: float | None
    lost_beats: int | None
    lost_amount: int | None
    unit: str
    status: str


@dataclasses.dataclass(frozen=True)
class Override:
    """A rule that a person set aside, and why."""

    name: str
    reason: str
    at: str
    actor: str


@dataclasses.dataclass(frozen=True)
class Times:
    """UTC. t0 disruption, t1 detected, t2 declared, t3 fenced, t4 data ready, t5 serves inside, t6 verified outside."""

    t0: str | None
    t1: str | None
    t2: str | None
    t3: str | None
    t4: str | None
    t5: str | None
    t6: str | None


@dataclasses.dataclass(frozen=True)
class Account:
    """The whole report. ``rto_seconds`` counts from the disruption, ``execution_seconds`` from the yes of a person."""

    schema: str
    app: str
    run_id: str
    epoch: int
    mode: str
    outcome: str
    committed: bool
    source: str
    target: str
    sentence: str
    verdict: str
    because: str
    times: Times
    rto_promised_seconds: float | None
    rto_seconds: float | None
    rto_status: str
    execution_seconds: float | None
    stores: tuple[StoreAccount, ...]
    skew_seconds: float | None  # between the store that lost most and the one that lost least
    overrides: tuple[Override, ...]
    steps: tuple[StepAccount, ...]
    rejoined: dict[str, t.Any]
    actors: tuple[str, ...]
    lines: int
    ledger_sha256: str  # of the last line, which holds that of the line before it, and so on


def account_of(ledger: Ledger) -> Account:
    """The account of the run that this ledger belongs to. It has one line at least."""
    opened = ledger.lines[0]
    mode = str(opened.facts.get("mode", ""))
    verdict, approved = _facts(ledger, "verdict"), _facts(ledger, "approve")
    times = _times(ledger, mode)
    promised = _promised(opened.facts.get("rto"))
    rto = _between(times.t0, times.t6)
    stores = _stores(ledger, mode, verdict)
    return Account(
        schema=SCHEMA,
        app=ledger.app,
        run_id=ledger.run_id,
        epoch=ledger.epoch,
        mode=mode,
        outcome=outcome(ledger),
        committed=is_committed(ledger),
        source=str(opened.facts.get("source", "")),
        target=str(opened.facts.get("target", "")),
        sentence=str(approved.get("sentence", "")),
        verdict=str(verdict.get("verdict", "")),
        because=str(verdict.get("because", "")),
        times=times,
        rto_promised_seconds=promised,
        rto_seconds=rto,
        rto_status=judged(promised, rto),
        execution_seconds=_between(times.t2, times.t6),
        stores=stores,
        skew_seconds=skew_of([store.lost_seconds for store in stores]),
        overrides=tuple(_overrides(ledger)),
        steps=tuple(_step(ledger, step.name, step.title) for step in _taken(ledger, mode)),
        rejoined=_mapping(opened.facts.get("rejoined")),
        actors=tuple(dict.fromkeys(line.actor for line in ledger.lines)),
        lines=len(ledger.lines),
        ledger_sha256=ledger.last_sha256,
    )


def _taken(ledger: Ledger, mode: str) -> tuple[Step, ...]:
    """The steps of the mode, and what was done after the run was closed."""
    names = {line.step for line in ledger.lines}
    return (*steps_of(mode), *(step for step in STEPS if not step.modes and step.name in names))


def canonical_json(account: Account) -> bytes:
    """The report as it is stored: the same bytes for the same account."""
    return json.dumps(dataclasses.asdict(account), indent=2, ensure_ascii=True).encode("ascii") + b"\n"


def judged(promised: float | None, measured: float | None) -> str:
    """Whether a promise was kept. What is not known was not."""
    if promised is None:
        return NOT_PROMISED
    return MET if measured is not None and measured <= promised else MISSED


def skew_of(losses: t.Sequence[float | None]) -> float | None:
    """How far apart the stores are, each of which is at its own last beat; None where one of them is not known."""
    known = [loss for loss in losses if loss is not None]
    return round(max(known) - min(known), 3) if known and len(known) == len(losses) else None


def _times(ledger: Ledger, mode: str) -> Times:
    opened = ledger.lines[0]
    fence = _line(ledger, "fence", (INTENT,), first=True)
    planned = mode in ("planned", "failback")
    disruption = (fence.at if fence else None) if planned else opened.facts.get("last_beat_at") or None
    return Times(
        t0=_text(disruption),
        t1=_text(opened.facts.get("first_look_at")),
        t2=opened.at,
        t3=_end(ledger, ("fence",)),
        t4=_end(ledger, _READY),
        t5=_end(ledger, _SERVING) or _end(ledger, _READY),
        t6=_end(ledger, _VERIFIED) if is_committed(ledger) else None,
    )


def _end(ledger: Ledger, names: tuple[str, ...]) -> str | None:
    """When the last of these steps that were done was done; None where none was."""
    ends = [line.at for name in names if (line := _line(ledger, name, (DONE,)))]
    return max(ends, default=None)


def _stores(ledger: Ledger, mode: str, verdict: t.Mapping[str, t.Any]) -> tuple[StoreAccount, ...]:
    drained = _line(ledger, _DRAINED, (DONE,)) is not None
    stores = []
    losses = verdict.get("losses")
    measured = [_mapping(loss) for loss in losses] if isinstance(losses, list) else []
    if mode in ("planned", "failback"):
        measured += _not_measured(ledger, {str(loss.get("store", "")) for loss in measured})
    for loss in measured:
        promised, lost = _number(loss.get("budget_seconds")), _number(loss.get("seconds"))
        beats, amount = _whole(loss.get("beats")), _whole(loss.get("amount"))
        if mode in ("planned", "failback"):  # what was measured before the source was stopped came after all
            lost = 0.0 if drained else None
            beats, amount = (0, 0) if drained and "unit" in loss else (None, None)  # of what is counted at all
        name, unit = str(loss.get("store", "")), str(loss.get("unit", ""))
        stores.append(StoreAccount(name, promised, lost, beats, amount, unit, judged(promised, lost)))
    return tuple(stores)


def _not_measured(ledger: Ledger, known: t.Container[str]) -> list[dict[str, t.Any]]:
    """The stores beside the database, which a run that loses nothing does not measure: it waits in the step drain until
    nothing is missing.
    """
    opened = ledger.lines[0].facts
    names, objectives = opened.get("stores"), _mapping(opened.get("objectives"))
    return [
        {"store": name, "budget_seconds": _promised(objectives.get(name))}
        for name in (names if isinstance(names, list) else ())
        if isinstance(name, str) and name not in known
    ]


def _overrides(ledger: Ledger) -> t.Iterator[Override]:
    opened = ledger.lines[0]
    if opened.facts.get("again_because"):
        yield Override("cooldown", str(opened.facts["again_because"]), opened.at, opened.actor)
    seen = set()
    for line in ledger.lines:
        accepted = _mapping(line.facts.get("accepted")) if line.step else {}
        if line.step == "fence" and line.facts.get("unfenced_because"):
            accepted["unfenced_source"] = line.facts["unfenced_because"]
        for name, reason in accepted.items():
            if reason and (name, str(reason)) not in seen:
                seen.add((name, str(reason)))
                yield Override(str(name), str(reason), line.at, line.actor)
        if line.phase == RESUMED:
            yield Override("resumed", str(line.facts.get("why", "") or "the run was gone on with"), line.at, line.actor)


def _step(ledger: Ledger, name: str, title: str) -> StepAccount:
    lines = [line for line in ledger.lines if line.step == name]
    begun = [line for line in lines if line.phase == INTENT]
    last = lines[-1] if lines else None
    ended = last if last and last.phase in (DONE, FAILED, SKIPPED, COMPENSATED) else None
    started = begun[0].at if begun else ""
    return StepAccount(
        name=name,
        title=title,
        status=last.phase if last else "not begun",
        started_at=started,
        finished_at=ended.at if ended else "",
        seconds=_between(started or None, ended.at if ended else None),
        attempts=len(begun) + sum(1 for line in lines[1:] if line.phase == FAILED and begun),
        message=str(ended.facts.get("message") or ended.facts.get("why") or "") if ended else "",
        facts=dict(ended.facts) if ended else {},
    )


def _line(ledger: Ledger, name: str, phases: tuple[str, ...], *, first: bool = False) -> Line | None:
    lines = ledger.lines if first else tuple(reversed(ledger.lines))
    return next((line for line in lines if line.step == name and line.phase in phases), None)


def _facts(ledger: Ledger, name: str) -> dict[str, t.Any]:
    line = _line(ledger, name, (DONE,))
    return dict(line.facts) if line else {}


def _between(start: str | None, end: str | None) -> float | None:
    one, other = _moment(start), _moment(end)
    return round((other - one).total_seconds(), 3) if one and other else None


def _moment(text: str | None) -> datetime.datetime | None:
    if not text:
        return None
    try:
        found = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=datetime.timezone.utc)


def _promised(text: t.Any) -> float | None:
    try:
        return parse_duration("rto", text).total_seconds() if text else None
    except OptionError:
        return None


def _mapping(value: t.Any) -> dict[str, t.Any]:
    """What a line holds as a mapping; an empty one where it is of another kind."""
    return dict(value) if isinstance(value, dict) else {}


def _number(value: t.Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _whole(value: t.Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(value: t.Any) -> str | None:
    """A moment in the form of the ledger's own, to the second; None where it is not one."""
    found = _moment(str(value) if value else None)
    return found.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") if found else None
