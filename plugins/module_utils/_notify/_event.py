# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What happened, and how it is said: which event a run amounts to, and its words for people and for machines. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import plural, visible

GOOD, FAILED, OVERDUE = "good", "failed", "overdue"
STATES = (GOOD, FAILED, OVERDUE)
"""How a component came out of a run."""

SCHEMA = "lifeboat.notification/1"
_WORDS = {
    "failure": "FAILED",
    "recovery": "works again",
    "overdue": "OVERDUE",
    "success": "went well",
    "test": "is only tested",
    "start": "begins",
}
_LONGEST_MESSAGE = 2000  # characters of one component's message; what follows is in the logs


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How one component came out of a run."""

    name: str
    state: str  # one of STATES
    message: str = ""


@dataclasses.dataclass(frozen=True)
class Event:
    """One thing to be said. ``outcomes`` are those components that it is about."""

    kind: str  # failure, recovery, overdue, success, test, start
    app: str
    job: str  # backup, rehearsal, prune, status
    host: str
    time: str  # UTC, ISO 8601
    outcomes: tuple[Outcome, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    log: tuple[str, ...] = ()  # the last lines of it

    @property
    def subject(self) -> str:
        """``shop: backup of codex FAILED on db1``, ``shop: codex OVERDUE on db1``."""
        names = [outcome.name for outcome in self.outcomes]
        what = (
            f" of {', '.join(names)}"
            if 0 < len(names) <= 3
            else f" of {plural(len(names), 'component')}"
            if names
            else ""
        )
        job = "" if self.job == "status" and names else self.job  # a component is overdue, and not its status
        what = "the notification" if self.kind == "test" else f"{job}{what}" if job else what.removeprefix(" of ")
        return visible(f"{self.app}: {what} {_WORDS[self.kind]} on {self.host}")

    def text(self, log_lines: int) -> str:
        """What a person reads: who and when, each component, the end of the log."""
        facts = (("time", self.time), ("host", self.host), *self.labels)
        width = max(10, *(len(name) for name, _value in facts))
        lines = [self.subject, "", *(f"{name:<{width}} {value}" for name, value in facts)]
        lines += [""] if self.outcomes else []
        for outcome in self.outcomes:
            lines.append(f"{outcome.name}: {outcome.state}")
            lines += [f"  {line}" for line in _short(outcome.message).splitlines()]
        shown = self.log[-log_lines:] if log_lines else ()
        if shown:
            lines += ["", "The end of the log:", *(f"  {line}" for line in shown)]
        return visible("\n".join(lines), keep="\n") + "\n"

    def document(self, log_lines: int) -> dict[str, t.Any]:
        """What a machine reads."""
        return {
            "schema": SCHEMA,
            "event": self.kind,
            "subject": self.subject,
            "key": f"{self.app}/{self.job}/{self.host}",  # the same for a failure and for its recovery
            "app": self.app,
            "job": self.job,
            "host": self.host,
            "time": self.time,
            "labels": dict(self.labels),
            "components": [
                {"name": outcome.name, "state": outcome.state, "reason": _short(outcome.message)}
                for outcome in self.outcomes
            ],
            "log": list(self.log[-log_lines:]) if log_lines else [],
        }


def _short(message: str) -> str:
    return message if len(message) <= _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]} ..."


@dataclasses.dataclass(frozen=True)
class Known:
    """What was said of a component last: its state, and when it was said (UTC seconds since the epoch)."""

    state: str
    said_at: float


REMIND_SECONDS = 24 * 3600
"""After so long, what is still overdue is said again. A failure is said each time: each run is one of its own."""


def kinds_of(
    outcomes: t.Sequence[Outcome], before: t.Mapping[str, Known], now: float
) -> dict[str, tuple[Outcome, ...]]:
    """The events that these outcomes amount to, given what was said before, each with its components.

    ``success`` is there only where every component is good and none of them recovers.
    """
    failed = tuple(outcome for outcome in outcomes if outcome.state == FAILED)
    overdue = tuple(
        outcome for outcome in outcomes if outcome.state == OVERDUE and _is_news(before.get(outcome.name), OVERDUE, now)
    )
    recovered = tuple(
        outcome
        for outcome in outcomes
        if outcome.state == GOOD and outcome.name in before and before[outcome.name].state != GOOD
    )
    events = {"failure": failed, "overdue": overdue, "recovery": recovered}
    if outcomes and all(outcome.state == GOOD for outcome in outcomes) and not recovered:
        events["success"] = tuple(outcomes)
    return {kind: about for kind, about in events.items() if about}


def _is_news(known: Known | None, state: str, now: float) -> bool:
    return known is None or known.state != state or not 0 <= now - known.said_at < REMIND_SECONDS


def known_after(
    outcomes: t.Sequence[Outcome],
    before: t.Mapping[str, Known],
    said: t.Container[str],
    now: float,
    unheard: t.Container[str] = (),
) -> dict[str, Known]:
    """What is known after these outcomes; ``said`` are the components that an event was about.

    Of ``unheard`` an event was sent, and nobody took it: then it is news for the next run, too.
    """
    known = dict(before)
    for outcome in outcomes:
        if outcome.name in unheard and outcome.state != FAILED:  # a failure is said each time anyway
            continue
        last = before.get(outcome.name)
        keeps = last is not None and last.state == outcome.state and outcome.name not in said
        known[outcome.name] = last if keeps and last else Known(outcome.state, now)
    return known
