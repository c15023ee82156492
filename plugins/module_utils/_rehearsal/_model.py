# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What a rehearsal has shown, and what it amounts to. Pure.

Its JSON is the report; every rendering is made from it. Times are UTC, durations are seconds, and what is not known is
``None``.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import format_seconds, plural

SCHEMA = "lifeboat.rehearsal/1"
PASSED, FAILED, SKIPPED, ERROR = "passed", "failed", "skipped", "error"
MET, MISSED, UNKNOWN = "met", "missed", "not measured"
_READ = "artifact"  # the profile of a proof that restores nothing
NOT_RESTORED = ("s3",)  # the replica is the copy: nothing is restored, so there is no time


@dataclasses.dataclass(frozen=True)
class Step:
    """One step, in the order in which they were taken."""

    name: str
    title: str
    status: str
    began_at: str
    seconds: float
    limit: str = ""
    message: str = ""
    evidence: str = ""


@dataclasses.dataclass(frozen=True)
class Proof:
    """One backup that was restored and compared, now or by an earlier proof; its own report is the file ``report``."""

    name: str
    component: str
    engine: str
    backup_id: str
    status: str
    message: str = ""
    restore_seconds: float | None = None
    data_age_seconds: float | None = None
    report: str = ""
    profile: str = ""  # of the proof; empty in reports of older releases
    proven_at: str = ""  # by an earlier proof, which was young enough; empty where this rehearsal has restored it

    @property
    def is_no_restore(self) -> bool:
        """Whether there is no restore whose time could be known: of a bucket, the replica is the copy."""
        return self.engine in NOT_RESTORED and self.restore_seconds is None


@dataclasses.dataclass(frozen=True)
class Check:
    """One question to the application, or to its schema."""

    name: str
    status: str
    expected: str = ""
    observed: str = ""
    seconds: float | None = None


@dataclasses.dataclass(frozen=True)
class Objective:
    """A recovery time that was promised, and the one that a clock showed."""

    name: str
    limit_seconds: float
    seconds: float | None
    status: str


@dataclasses.dataclass(frozen=True)
class Rehearsal:
    """One rehearsal of one application on one host. It failed until ``conclude`` has counted."""

    app: str
    run_id: str
    environment: str
    host: str
    began_at: str
    ended_at: str
    seconds: float
    steps: tuple[Step, ...]
    proofs: tuple[Proof, ...] = ()
    checks: tuple[Check, ...] = ()
    objectives: tuple[Objective, ...] = ()
    findings: tuple[str, ...] = ()  # what somebody should look at, and does not make it red
    restore_seconds: float | None = None
    number: int = 0
    previous_sha256: str = ""
    stored_in: str = ""  # the name of the repository; empty where only the folder of reports has it
    verdict: str = FAILED
    summary: str = ""
    variant: str = ""  # such as monthly


@dataclasses.dataclass(frozen=True)
class Promised:
    """The objectives of a plan: of the application as a whole, and of single components. Seconds."""

    whole: float | None = None
    components: t.Mapping[str, float] = dataclasses.field(default_factory=dict)


def conclude(rehearsal: Rehearsal, promised: Promised) -> Rehearsal:
    """With its restore time, its objectives, its verdict and its summary."""
    first: dict[str, Proof] = {}
    for proof in rehearsal.proofs:
        if proof.engine not in NOT_RESTORED:
            first.setdefault(proof.component, proof)
    times = {name: proof.restore_seconds for name, proof in first.items()}
    known = [seconds for seconds in times.values() if seconds is not None]
    whole = sum(known) if known and len(known) == len(times) else None
    objectives = [_objective(rehearsal.app, promised.whole, whole)] if promised.whole and times else []
    objectives += [
        _objective(f"{rehearsal.app}/{name}", promised.components[name], seconds)
        for name, seconds in times.items()
        if name in promised.components
    ]
    judged = dataclasses.replace(rehearsal, restore_seconds=whole, objectives=tuple(objectives))
    reasons = problems(judged)
    return dataclasses.replace(judged, verdict=FAILED if reasons else PASSED, summary=_summary(judged, reasons))


def _objective(name: str, limit: float, seconds: float | None) -> Objective:
    return Objective(name, limit, seconds, UNKNOWN if seconds is None else MET if seconds <= limit else MISSED)


def problems(rehearsal: Rehearsal) -> list[tuple[str, str]]:
    """Everything that makes it red, as title and reason. What is not known does, too."""
    proofs = [(proof.name, proof.message) for proof in rehearsal.proofs if proof.status != PASSED]
    checks = [(check.name, check.observed) for check in rehearsal.checks if check.status != PASSED]
    told = [*(["prove"] if proofs else []), *(["check", "compare"] if checks else [])]  # by what they have found
    found = [*proofs, *checks]
    found += [
        (f"Step {number}: {step.title}", step.message)
        for number, step in enumerate(rehearsal.steps, 1)
        if step.status == FAILED and step.name not in told
    ]
    found += [(f"The recovery time of {one.name}", _missed(one)) for one in rehearsal.objectives if one.status != MET]
    if not found and not any(proof.status == PASSED for proof in rehearsal.proofs):
        found.append(("Nothing was proven", "No backup was restored, so nothing is shown."))
    return found


def _missed(objective: Objective) -> str:
    limit = format_seconds(objective.limit_seconds)
    if objective.seconds is None:
        return f"It was not measured, which counts as missed; it was promised within {limit}."
    return f"The restore took {format_seconds(objective.seconds)}; it was promised within {limit}."


def _told(rehearsal: Rehearsal, title: str) -> str:
    """A check is named by what should be true: that alone would say the opposite of what is meant."""
    if title in {proof.name for proof in rehearsal.proofs if proof.status != PASSED}:
        return f'the backup "{title}" is not proven'
    if title in {check.name for check in rehearsal.checks if check.status != PASSED}:
        return f'the check "{title}" did not pass'
    return title


def _summary(rehearsal: Rehearsal, reasons: t.Sequence[tuple[str, str]]) -> str:
    if reasons:
        more = f", and {len(reasons) - 1} more" if len(reasons) > 1 else ""
        return f"The rehearsal of {rehearsal.app} failed: {_told(rehearsal, reasons[0][0])}{more}."
    earlier = sum(bool(proof.proven_at) for proof in rehearsal.proofs)
    read = sum(proof.profile == _READ and not proof.proven_at for proof in rehearsal.proofs)
    facts = [f"{plural(len(rehearsal.proofs) - earlier - read, 'backup')} restored and proven"]
    facts += [f"{plural(read, 'backup')} read to the end and not restored (profile {_READ})"] if read else []
    facts += [f"{plural(earlier, 'backup')} proven before and not restored again"] if earlier else []
    facts += [f"{plural(len(rehearsal.checks), 'check')} of the application passed"] if rehearsal.checks else []
    facts += [f"restored in {format_seconds(rehearsal.restore_seconds)}"] if rehearsal.restore_seconds else []
    return f"The rehearsal of {rehearsal.app} passed: {', '.join(facts)}."
