# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What every rendering of a report shows, in words and numbers, before it becomes HTML, Markdown, XML or a terminal's
table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import (
    UNKNOWN,
    counted,
    exact_bytes,
    exact_seconds,
    format_bytes,
    format_count,
    format_rate,
    format_ratio,
    format_scalar,
    format_seconds,
    format_timestamp,
    plural,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Check, Group, Outcome, Report
from ansible_collections.lifeboat.dr.plugins.module_utils._report._verdict import (
    bad,
    failed_first,
    proof_of,
    summary_of,
)

GROUP_TITLES: dict[Group, str] = {
    "artifact": "Stored files",
    "restore": "Restore",
    "content": "Content",
    "structure": "Structure",
    "custom": "Your own checks",
}
# About the damaged copy, not about the check of it.
CONTROL_WORDS: dict[Outcome, str] = {"passed": "refused", "failed": "passed as good", "skipped": "not run"}
MISSED = "unknown counts as missed"
BY_HAND = "Nothing of lifeboat is needed: these commands use the stock tools."
CONTROLS = (
    "Copies of this backup were damaged on purpose and verified. A verification that lets one of them through proves "
    "nothing."
)
NO_CONTROL = "Unknown: no damaged copy was planted in this run."
_SHOWN_PART_NAMES = 5
_SHOWN_REASONS = 5


@dataclass(frozen=True)
class Figure:
    """A value as people read it, the exact one, and what to know about it."""

    term: str
    shown: str
    exact: str = ""
    note: str = ""


@dataclass(frozen=True)
class Stretch:
    """A phase and its part of the whole time; the last one may be what no phase accounts for."""

    title: str
    seconds: float | None
    share: float | None
    bytes: int | None
    bytes_per_second: float | None
    is_rest: bool = False


@dataclass(frozen=True)
class Problem:
    """One reason for a red verdict."""

    status: str
    title: str
    message: str
    check: Check | None = None


def _duration(term: str, seconds: float | None, note: str = "") -> Figure:
    return Figure(term, format_seconds(seconds), exact_seconds(seconds), MISSED if seconds is None else note)


def _moment(term: str, timestamp: str | None) -> Figure:
    return Figure(term, format_timestamp(timestamp), timestamp or "")


def key_figures(report: Report) -> tuple[Figure, ...]:
    """The four numbers that people ask for first."""
    measured, backup, proof, words = report.measured, report.backup, proof_of(report.parts), report.source.words
    rate = format_rate(measured.restored_bytes_per_second)
    ratio = format_ratio(backup.plain_bytes, backup.stored_bytes)
    return (
        _duration("Restore time", measured.restore_seconds, "measured" if rate == UNKNOWN else f"measured, at {rate}"),
        _duration("Age of the data", measured.data_age_seconds, "would have been lost in a disaster then"),
        Figure(
            f"{words.units.capitalize()} proven by hash",
            format_count(proof.hashed_count),
            plural(proof.hashed_count, words.unit),
            f"in {proof.hashed_parts:,} of {plural(proof.parts, words.part)}",
        ),
        Figure(
            "Stored",
            format_bytes(backup.stored_bytes),
            exact_bytes(backup.stored_bytes),
            "ratio unknown" if ratio == UNKNOWN else f"{ratio} times smaller than the data",
        ),
    )


def backup_facts(report: Report) -> tuple[Figure, ...]:
    """What the manifest and the source say about the backup."""
    source, backup = report.source, report.backup
    return (
        Figure("Source", f"{source.engine} {source.version}"),
        Figure(source.words.source.capitalize(), f"{source.name} on {source.host}"),
        _moment("Taken at", backup.taken_at),
        _moment("Snapshot at", backup.snapshot_at),
        Figure("Age at the verification", format_seconds(backup.age_seconds), exact_seconds(backup.age_seconds)),
        Figure("Plain size", format_bytes(backup.plain_bytes), exact_bytes(backup.plain_bytes)),
        Figure("Stored size", format_bytes(backup.stored_bytes), exact_bytes(backup.stored_bytes)),
        Figure("Content", ", ".join(counted(entry.count, entry.what) for entry in backup.counts) or UNKNOWN),
        *(Figure(entry.term, entry.value) for entry in backup.details),
        Figure("Compression", backup.compression),
        Figure("Encryption", backup.encryption),
        Figure("Verified from", report.repository),
        Figure("Stored in", "\n".join(backup.repositories) or UNKNOWN),
    )


def environment_facts(report: Report) -> tuple[Figure, ...]:
    """Where, when and with which tools the verification ran."""
    measured = report.measured
    return (
        Figure("Host", report.environment.host),
        _moment("Started", report.started_at),
        _moment("Finished", report.finished_at),
        Figure("Restore", format_seconds(measured.restore_seconds), exact_seconds(measured.restore_seconds)),
        Figure("Comparison", format_seconds(measured.verify_seconds), exact_seconds(measured.verify_seconds)),
        Figure("Whole run", format_seconds(measured.total_seconds), exact_seconds(measured.total_seconds)),
        *((Figure("Isolation", report.environment.isolation),) if report.environment.isolation else ()),
        *(Figure(tool, version) for tool, version in sorted(report.environment.tool_versions.items())),
    )


def stretches(report: Report) -> tuple[Stretch, ...]:
    """The phases in order with their share of the time, and what is left over where that is more than a hundredth."""
    known = sum(max(phase.seconds or 0.0, 0.0) for phase in report.phases)
    whole = max(report.measured.total_seconds or 0.0, known)
    found = [
        Stretch(
            phase.title, phase.seconds, _share(phase.seconds, whole), phase.bytes, _rate(phase.bytes, phase.seconds)
        )
        for phase in report.phases
    ]
    if report.phases and whole - known > 0.01 * whole:
        found.append(Stretch("Other", whole - known, _share(whole - known, whole), None, None, is_rest=True))
    return tuple(found)


def _share(seconds: float | None, whole: float) -> float | None:
    return None if seconds is None or whole <= 0 else max(seconds, 0.0) / whole


def _rate(count: int | None, seconds: float | None) -> float | None:
    return count / seconds if count and seconds and seconds > 0.01 else None


def groups_failed_first(checks: Sequence[Check]) -> list[list[Check]]:
    """The checks by group; groups with a failure first, and failures first in each."""
    groups = [failed_first(check for check in checks if check.group == group) for group in GROUP_TITLES]
    return sorted((group for group in groups if group), key=lambda group: not bad(group))


def tally(entries: Sequence[Check]) -> str:
    """``1 failed, 12 passed``."""
    counts = [
        (word, sum(entry.status == word for entry in entries)) for word in ("failed", "error", "skipped", "passed")
    ]
    return ", ".join(f"{count:,} {word}" for word, count in counts if count)


def problems(report: Report) -> list[Problem]:
    """Every reason for a red verdict, worst first; none where it is green."""
    if report.verdict == "passed":
        return []
    found = [
        Problem("failed", f"{entry.title}: the damaged copy passed as good", entry.message)
        for entry in bad(report.controls)
    ]
    found += [Problem(check.status, check.title, check.message, check) for check in failed_first(bad(report.checks))]
    parts = bad(report.parts)
    if parts and not any(problem.check and problem.check.group == "content" for problem in found):  # which names them
        names = ", ".join(entry.name for entry in parts[:_SHOWN_PART_NAMES])
        more = f" and {len(parts) - _SHOWN_PART_NAMES:,} more" if len(parts) > _SHOWN_PART_NAMES else ""
        found.append(
            Problem("failed", f"{plural(len(parts), report.source.words.part)} came back different", names + more)
        )
    return found or [
        Problem(
            "error", "Nothing was checked", "No check passed and none failed. A verification that checks nothing fails."
        )
    ]


def failure_of(report: Report) -> str:
    """Why a report is red, for a module's message: what it amounts to, and the first reasons, each said once."""
    said = [summary_of(report, titles=False)]
    for problem in problems(report)[:_SHOWN_REASONS]:
        reason = problem.message or (_difference(problem.check) if problem.check else "")
        said.append(f"{problem.title}: {reason}" if reason else problem.title)
    return " ".join(f"{sentence.rstrip('.')}." for sentence in said)


def _difference(check: Check) -> str:
    return f"{format_scalar(check.observed)}, where {format_scalar(check.expected)} is asked for"


def parts_title(report: Report) -> str:
    """The heading of the section that lists them: ``Tables``, ``Streams``, ``Buckets``."""
    return report.source.words.parts.capitalize()


def parts_lead(report: Report) -> str:
    """How many tables, streams or buckets came back equal, and by which fingerprint where all share one."""
    words = report.source.words
    if not report.parts:
        return f"No {words.part} was compared."
    passed = sum(entry.status == "passed" for entry in report.parts)
    lead = f"{passed:,} of {plural(len(report.parts), words.part)} came back equal."
    algorithms = part_algorithms(report)
    return f"{lead} Fingerprints: {algorithms[0]}." if len(algorithms) == 1 else lead


def part_algorithms(report: Report) -> list[str]:
    """The names of the fingerprints in use."""
    return sorted({entry.algorithm for entry in report.parts if entry.algorithm})
