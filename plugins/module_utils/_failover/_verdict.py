# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Is the source region really down? Judged from what several places have seen, for long enough. Pure.

Two places cannot tell a dead peer from a cut link, so without a place that is in neither region the answer is never
DOWN. GitHub lost a day in 2018 because a link was cut for 43 seconds: an outage has to last, and to be seen often.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError

VANTAGES = ("target", "third_place", "source", "replication")
"""Who looks: the target region, a place in neither region, the source's own hosts, and the replication channels."""

UP = "UP"
REPLICATION_BROKEN = "UP, REPLICATION BROKEN"
EDGE = "UP, SEEN FROM ONE SIDE ONLY"
PARTITION = "PARTITION"
DOWN = "DOWN"
UNKNOWN = "UNKNOWN"


@dataclasses.dataclass(frozen=True)
class Probe:
    """One look at the source. ``alive`` says whether it answered, or for ``replication`` whether data flowed."""

    vantage: str
    at: datetime.datetime  # UTC
    alive: bool


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What the probes say, and why, in a sentence that a tired person understands."""

    kind: str
    because: str


@dataclasses.dataclass(frozen=True)
class Thoroughness:
    """How long, and how often, the source must have been silent before it counts as down."""

    min_outage: datetime.timedelta = datetime.timedelta(minutes=5)
    min_probes: int = 5
    stale_after: datetime.timedelta = datetime.timedelta(minutes=2)  # a vantage that is silent itself knows nothing


def judge(probes: t.Iterable[Probe], now: datetime.datetime, thoroughness: Thoroughness | None = None) -> Verdict:
    """The verdict. The order of the probes does not matter; those from the future count for nothing."""
    demand = thoroughness or Thoroughness()
    seen: dict[str, list[Probe]] = {vantage: [] for vantage in VANTAGES}
    for probe in sorted(probes, key=lambda probe: probe.at):
        if probe.vantage in seen and probe.at <= now:
            seen[probe.vantage].append(probe)
    view = {vantage: _view(series, now, demand) for vantage, series in seen.items()}
    if view["target"] is None:
        return Verdict(UNKNOWN, "The target region has not looked at the source lately.")
    if view["target"]:
        return _seen_by_target(view)
    if view["third_place"]:
        return Verdict(PARTITION, "The third place sees the source and the target region does not: the link is cut.")
    if view["source"]:
        return Verdict(PARTITION, "The source's own hosts report that they are alive.")
    if view["replication"]:
        return Verdict(EDGE, "Nobody reaches the source from outside, and data still flows from it: it is alive.")
    if view["third_place"] is None:
        return Verdict(
            UNKNOWN,
            "The target region does not see the source, and no third place has looked lately: it may be the link.",
        )
    return _silent(seen, now, demand)


def _seen_by_target(view: t.Mapping[str, bool | None]) -> Verdict:
    if view["replication"] is False:
        return Verdict(REPLICATION_BROKEN, "The source answers, and nothing is replicated from it.")
    if view["third_place"] is False:
        return Verdict(EDGE, "The target region sees the source and the third place does not.")
    return Verdict(UP, "The source answers.")


def _silent(seen: t.Mapping[str, list[Probe]], now: datetime.datetime, demand: Thoroughness) -> Verdict:
    """Nobody sees it now. Has that lasted?"""
    for vantage in ("target", "third_place"):
        since, count = _silence(seen[vantage])
        lasted = now - since
        if lasted < demand.min_outage or count < demand.min_probes:
            return Verdict(
                UNKNOWN,
                f"The source has not answered {_place(vantage)} for {_seconds(lasted)} ({count} looks); "
                f"{_seconds(demand.min_outage)} and {demand.min_probes} looks are needed.",
            )
    return Verdict(
        DOWN,
        f"Neither the target region nor the third place has seen the source for {_seconds(demand.min_outage)} or more.",
    )


def _view(series: list[Probe], now: datetime.datetime, demand: Thoroughness) -> bool | None:
    """What a vantage says now; None when it has not looked lately."""
    if not series or now - series[-1].at > demand.stale_after:
        return None
    return series[-1].alive


def _silence(series: list[Probe]) -> tuple[datetime.datetime, int]:
    """Since when the vantage has seen nothing, and how often it has looked since then."""
    silent: list[Probe] = []
    for probe in reversed(series):
        if probe.alive:
            break
        silent.append(probe)
    return silent[-1].at, len(silent)


def refusal(verdict: Verdict, mode: str, accepted: t.Mapping[str, str]) -> str:
    """Why a run in this mode may not start; empty where it may.

    ``accepted`` holds overrides with the reason that a person gave: ``single_vantage`` for a verdict of UNKNOWN,
    ``broken_replication`` to fail over from a source that is alive and no longer replicates.
    """
    if mode == "drill":
        return ""
    if mode in ("planned", "failback"):
        return "" if verdict.kind == UP else f"A {mode} run needs a source that is up. {verdict.because}"
    if mode != "unplanned":
        raise OptionError(f"mode is {mode!r}.", hint="Use planned, unplanned, failback or drill.")
    if verdict.kind == DOWN:
        return ""
    if verdict.kind == UNKNOWN:
        if accepted.get("single_vantage"):
            return ""
        return (
            f"It is not known that the source is down. {verdict.because} To go on all the same, accept single_vantage."
        )
    if verdict.kind == REPLICATION_BROKEN:
        if accepted.get("broken_replication"):
            return ""
        return f"The source is alive. {verdict.because} To leave it all the same, accept broken_replication."
    return f"The source is not down. {verdict.because}"


def _place(vantage: str) -> str:
    return {"target": "the target region", "third_place": "the third place"}[vantage]


def _seconds(span: datetime.timedelta) -> str:
    return f"{span.total_seconds():g} s"
