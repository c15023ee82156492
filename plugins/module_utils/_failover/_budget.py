# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""How much would be lost, store by store, and whether that may be. Pure.

Loss is measured by a heartbeat that the application's region writes into every store every few seconds: an idle primary
and a cut connection both look like no lag to everything else. What is not known is over any budget.
"""

from __future__ import annotations

import dataclasses
import datetime
import math
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError


@dataclasses.dataclass(frozen=True)
class Lag:
    """What one store of the target region lacks."""

    store: str  # the component's name
    seconds: float | None  # by the heartbeat; None: nobody knows
    measured_at: datetime.datetime  # UTC
    source: str = ""  # what was asked
    amount: int | None = None  # bytes of WAL, messages, objects
    unit: str = ""


@dataclasses.dataclass(frozen=True)
class Line:
    """One row of the table that a person is shown."""

    store: str
    lag: str
    budget: str
    refusal: str  # empty where the loss may be
    word: str = ""  # what accepts it, such as codex:120s; empty where nothing refuses, or where nothing can accept it


@dataclasses.dataclass(frozen=True)
class Judgement:
    """All rows, and whether any of them refuses."""

    lines: tuple[Line, ...]

    @property
    def refusals(self) -> tuple[str, ...]:
        """What stands in the way, one sentence for each store."""
        return tuple(line.refusal for line in self.lines if line.refusal)

    def words(self, accepted: t.Mapping[str, float | None]) -> str:
        """What a person types who accepts all of it, beside what was accepted; empty where nothing is to be."""
        more = {line.store: line.word for line in self.lines if line.word}
        kept = [_word(store, limit) for store, limit in accepted.items() if store not in more]
        return ",".join([*kept, *more.values()]) if more else ""


_ACCEPTED = re.compile(r"\s*([^\s:,]+)\s*:\s*([^\s,]+)\s*")
UNKNOWN_LOSS = "unknown"
# A source that takes writes is never without a lag. Fenced, it is drained, and this much is over in a moment.
_FAR_BYTES = 64 << 20


def read_accepted(text: str) -> dict[str, float | None]:
    """The loss that a person has typed, such as ``codex:120s,events:unknown``.

    Seconds for each store, None for unknown. Raises OptionError.
    """
    accepted: dict[str, float | None] = {}
    for part in text.split(",") if text.strip() else ():
        match = _ACCEPTED.fullmatch(part)
        if not match:
            raise OptionError(
                f"accept_data_loss: {part.strip()!r} does not say what may be lost.",
                hint="Write the component and the time, as preflight shows them: codex:120s,events:unknown.",
            )
        store, loss = match.groups()
        known = loss != UNKNOWN_LOSS
        accepted[store] = parse_duration(f"accept_data_loss.{store}", loss).total_seconds() if known else None
    return accepted


def judge_loss(
    mode: str,
    lags: t.Sequence[Lag],
    objectives: t.Mapping[str, float],
    accepted: t.Mapping[str, float | None],
    now: datetime.datetime,
    stale_after: datetime.timedelta = datetime.timedelta(minutes=1),
) -> Judgement:
    """What each store would lose, and whether that is allowed.

    ``objectives`` are the seconds that each component may lose (its RPO); one without an objective may lose nothing. A
    planned run or a failback loses nothing, whatever the objectives say. Raises OptionError for a store that is
    accepted and not there.
    """
    strangers = sorted(set(accepted) - {lag.store for lag in lags})
    if strangers:
        raise OptionError(
            f"accept_data_loss names {', '.join(strangers)}, which this plan does not have.",
            hint=f"Its components are {', '.join(lag.store for lag in lags)}.",
        )
    return Judgement(tuple(_line(mode, lag, objectives, accepted, now, stale_after) for lag in lags))


def _line(
    mode: str,
    lag: Lag,
    objectives: t.Mapping[str, float],
    accepted: t.Mapping[str, float | None],
    now: datetime.datetime,
    stale_after: datetime.timedelta,
) -> Line:
    budget = objectives.get(lag.store, 0.0) if mode == "unplanned" else 0.0
    known = lag.seconds is not None
    # A dead source publishes nothing any more, so an old measurement is what there is; a living one is asked again.
    stale = mode != "unplanned" and abs(now - lag.measured_at) > stale_after
    words = f"{lag.seconds:g} s" if known and not stale else UNKNOWN_LOSS
    if lag.amount is not None:
        words += f" ({lag.amount:,} {lag.unit})".rstrip()
    refusal = _refusal(mode, lag, budget, accepted, stale)
    word = _word(lag.store, lag.seconds) if refusal and mode == "unplanned" else ""
    return Line(lag.store, words, f"{budget:g} s", refusal, word)


def _refusal(mode: str, lag: Lag, budget: float, accepted: t.Mapping[str, float | None], stale: bool) -> str:
    seconds = None if stale else lag.seconds
    if seconds is not None and seconds <= budget:
        return ""
    near = lag.unit == "bytes" and lag.amount is not None and lag.amount < _FAR_BYTES
    if mode != "unplanned" and near and not stale:
        return ""
    if mode != "unplanned":
        why = "was measured too long ago" if stale else "is not known" if seconds is None else f"is {seconds:g} s"
        return f"{lag.store}: a {mode} run loses nothing, and the lag {why}."
    if lag.store in accepted:
        limit = accepted[lag.store]
        if limit is None or (seconds is not None and seconds <= limit):
            return ""
        if seconds is None:
            return f"{lag.store}: a loss of {limit:g} s was accepted, and the loss is not known any longer."
        return f"{lag.store}: a loss of {limit:g} s was accepted, and it is {seconds:g} s now."
    if seconds is None:
        return f"{lag.store}: nobody knows how much would be lost."
    return f"{lag.store}: {seconds:g} s would be lost, and {budget:g} s may be."


def _word(store: str, seconds: float | None) -> str:
    """How a person accepts that so much is lost: whole seconds, rounded up."""
    return f"{store}:{UNKNOWN_LOSS if seconds is None else f'{math.ceil(seconds)}s'}"
