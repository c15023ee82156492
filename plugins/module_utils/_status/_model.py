# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What the status of backups is made of: what was seen of one component, what is expected of it, and what is said of
it.
"""

from __future__ import annotations

import dataclasses
import datetime

GOOD, WARNING, UNKNOWN, BAD = "good", "warning", "unknown", "bad"
STATES = (GOOD, WARNING, UNKNOWN, BAD)
"""From the best to the worst. What could not be looked at is worse than what is known to be imperfect."""


def worst(states: list[str]) -> str:
    """The worst of these states; unknown where there is none, since nothing was looked at."""
    return max(states, key=STATES.index, default=UNKNOWN)


@dataclasses.dataclass(frozen=True)
class Proof:
    """One verification of a backup: when, and with which result."""

    verified_at: datetime.datetime
    passed: bool
    restore_seconds: float | None = None  # None where it was not measured
    backup_id: str = ""


@dataclasses.dataclass(frozen=True)
class SeenBackup:
    """One backup, as far as its status cares. Times are UTC, sizes are bytes."""

    backup_id: str
    taken_at: datetime.datetime  # the point in time that the content shows
    finished_at: datetime.datetime
    seconds: float  # how long it took
    engine: str
    plain_bytes: int | None  # of the data, before compression; None where nobody has counted
    stored_bytes: int
    encryption: str
    recipients: int
    repositories: tuple[str, ...]  # that hold it
    proof: Proof | None = None  # the newest one

    @property
    def failed(self) -> bool:
        """Its newest proof has failed."""
        return self.proof is not None and not self.proof.passed


@dataclasses.dataclass(frozen=True)
class SeenLog:
    """The archived log of a component, as far as it can be read from a backup on."""

    archived_at: datetime.datetime | None  # its last segment; None where no backup can be recovered with it
    missing: tuple[str, ...] = ()  # segments after the newest backup that are not there although later ones are
    why: str = ""  # why no backup can be recovered
    missing_before: tuple[str, ...] = ()  # such segments before the newest backup, from which all is there again


@dataclasses.dataclass(frozen=True)
class Seen:
    """What the repositories show of one component."""

    app: str
    component: str
    backups: tuple[SeenBackup, ...] = ()  # the newest ones, newest first
    proofs: tuple[Proof, ...] = ()  # of these and of older backups, newest first
    count: int = 0  # backups with a manifest, however old
    oldest_at: datetime.datetime | None = None
    unreadable: tuple[str, ...] = ()  # which files, and why
    log: SeenLog | None = None  # of a component whose log is archived


@dataclasses.dataclass(frozen=True)
class Expected:
    """What is expected of one component. None means that nothing is."""

    rpo: datetime.timedelta | None = None  # how old the newest good backup may be
    rto: datetime.timedelta | None = None  # how long its restore may take
    max_proof_age: datetime.timedelta | None = None
    min_backups: int = 2
    size_change: float = 0.5  # the part by which a size may differ from the usual one


@dataclasses.dataclass(frozen=True)
class Problem:
    """One thing that is not as it should be, and what to do about it."""

    state: str
    code: str  # for machines; a stable word
    message: str
    next_step: str


@dataclasses.dataclass(frozen=True)
class Certificate:
    """A certificate, and how long it lasts. ``not_after`` is None where it could not be read."""

    name: str
    place: str  # a file, or host:port
    not_after: datetime.datetime | None
    state: str
    message: str
    host: str = ""


@dataclasses.dataclass(frozen=True)
class Status:
    """The verdict on one component, with the figures behind it."""

    app: str
    component: str
    state: str
    problems: tuple[Problem, ...]
    expected: Expected
    engine: str = ""
    last_good: SeenBackup | None = None
    last_proven: Proof | None = None
    age_seconds: float | None = None
    usual_bytes: int | None = None  # the median of the earlier ones
    size_change: float | None = None  # 0.1 where the newest good one is a tenth larger than usual
    restore_seconds: float | None = None  # of the last restore that was proven
    count: int = 0
    good: int = 0  # of those that were looked at
    failed_proofs: int = 0  # of those that were looked at
    oldest_at: datetime.datetime | None = None
    copies: int = 0
    sizes: tuple[tuple[str, int], ...] = ()  # (time, bytes), oldest first
    restore_times: tuple[tuple[str, float], ...] = ()  # (time, seconds), oldest first
    next_run: datetime.datetime | None = None  # by the schedule; None where nobody has given one
    logged_at: datetime.datetime | None = None  # until when its log is archived; None for what has no log
    host: str = ""
