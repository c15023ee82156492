# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What the evidence of a verification amounts to: the verdict, and the sentences that say it."""

from __future__ import annotations

import dataclasses
import typing as t
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import format_seconds, plural, visible

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._store import Words
    from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import (
        Check,
        Control,
        Part,
        Report,
        Verdict,
    )

BAD = ("failed", "error")
_URGENCY = {"failed": 0, "error": 1, "skipped": 2, "passed": 3}


class _HasStatus(t.Protocol):
    @property
    def status(self) -> str: ...


_Judged = t.TypeVar("_Judged", bound=_HasStatus)


def verdict_of(checks: Sequence[Check], controls: Sequence[Control], parts: Sequence[Part] = ()) -> Verdict:
    """``passed`` only where something was checked, nothing failed, nothing could not be asked, and no damaged copy was
    let through.
    """
    if any(entry.status in BAD for group in (checks, controls, parts) for entry in group):
        return "failed"
    return "passed" if any(check.status == "passed" for check in checks) else "failed"


def conclude(report: Report) -> Report:
    """The report with its verdict and its summary, counted from its own checks, controls and parts."""
    concluded = dataclasses.replace(report, verdict=verdict_of(report.checks, report.controls, report.parts))
    return dataclasses.replace(concluded, summary=summary_of(concluded))


def failed_first(entries: Iterable[_Judged]) -> list[_Judged]:
    """Failed, could not be asked, skipped, passed; inside each as they came."""
    return sorted(entries, key=lambda entry: _URGENCY[entry.status])


def bad(entries: Iterable[_Judged]) -> list[_Judged]:
    """Those that make a report red."""
    return [entry for entry in entries if entry.status in BAD]


@dataclass(frozen=True)
class Proof:
    """How much of what was restored was compared, and how. The counts are of rows, messages or objects."""

    parts: int
    hashed_parts: int
    hashed_count: int
    counted_parts: int
    counted_count: int


def proof_of(parts: Sequence[Part]) -> Proof:
    """Only parts that passed count; one without two equal fingerprints was at best counted."""
    passed = [entry for entry in parts if entry.status == "passed"]
    hashed = [entry for entry in passed if is_hashed(entry)]
    counted = [entry for entry in passed if not is_hashed(entry) and entry.count_restored is not None]
    return Proof(len(parts), len(hashed), _restored(hashed), len(counted), _restored(counted))


def is_hashed(entry: Part) -> bool:
    """True where the content itself was compared and is equal."""
    return entry.fingerprint_expected is not None and entry.fingerprint_expected == entry.fingerprint_restored


def _restored(parts: Sequence[Part]) -> int:
    return sum(entry.count_restored or 0 for entry in parts)


def part_difference(entry: Part, words: Words) -> str:
    """What is wrong with a table, a stream or a bucket, in words; empty where nothing is."""
    expected, restored = entry.count_expected, entry.count_restored
    if entry.status != "failed":
        return ""
    if restored is None and entry.fingerprint_restored is None:
        return f"not in the restored {words.source}"
    if expected is None and entry.fingerprint_expected is None:
        return "restored, but the manifest does not know it"
    if expected is not None and restored is not None and expected != restored:
        difference = restored - expected
        return (
            f"{plural(difference, words.unit)} too many"
            if difference > 0
            else f"{plural(-difference, words.unit)} missing"
        )
    if entry.fingerprint_expected != entry.fingerprint_restored:
        return f"as many {words.units}, but other content" if expected is not None else "other content"
    return "failed"


def summary_of(report: Report, *, titles: bool = True) -> str:
    """One sentence for the head of every rendering. It uses the report's verdict as it stands.

    Without ``titles`` it does not name what failed: for where each reason follows with its title.
    """
    name = visible(f"{report.app}/{report.component}")
    if report.verdict == "passed":
        return f"{name} passed: {_passed_facts(report)}."
    through = bad(report.controls)
    if through:
        return (
            f"{name} failed: the verification accepted "
            f"{_count(through, 'damaged copy', 'damaged copies')}{_titles(through, titles)}."
        )
    wrong = bad(report.checks)
    if wrong:
        return (
            f"{name} failed: {len(wrong):,} of {plural(len(report.checks), 'check')} did not "
            f"hold{_titles(wrong, titles)}."
        )
    parts = bad(report.parts)
    if parts:
        return f"{name} failed: {_count(parts, report.source.words.part)} came back different."
    return f"{name} failed: nothing was checked, so nothing is proven."


def _passed_facts(report: Report) -> str:
    proof, words = proof_of(report.parts), report.source.words
    facts = [plural(sum(check.status == "passed" for check in report.checks), "check")]
    for parts, count, how in (
        (proof.hashed_parts, proof.hashed_count, "hash by hash"),
        (proof.counted_parts, proof.counted_count, "by count"),
    ):
        if parts:
            facts.append(f"{plural(parts, words.part)} with {plural(count, words.unit)} equal {how}")
    rest = proof.parts - proof.hashed_parts - proof.counted_parts
    facts += [f"{plural(rest, words.part)} not compared"] if rest else []
    compared = proof.parts or any(check.group == "content" and check.status == "passed" for check in report.checks)
    if not compared and report.profile != "artifact":
        facts.append("nothing was compared")
    if report.measured.restore_seconds is not None:
        facts.append(f"restored in {format_seconds(report.measured.restore_seconds)}")
    return ", ".join(facts)


def _titles(entries: Sequence[Check] | Sequence[Control], wanted: bool) -> str:
    shown = ", ".join(visible(entry.title) for entry in entries[:3])
    more = f", and {len(entries) - 3} more" if len(entries) > 3 else ""
    return f" ({shown}{more})" if wanted else ""


def _count(entries: Sequence[object], one: str, many: str = "") -> str:
    return plural(len(entries), one, many)


def meaning_of(report: Report) -> str:
    """What the result proves and what it does not, for somebody who has to decide whether to trust this backup."""
    if report.verdict == "passed":
        return f"{_proven(report)} {_control_meaning(report)}"
    if bad(report.controls):
        return "A copy that was damaged on purpose passed as good, so nothing this verification says can be relied on."
    if not bad(report.checks) and not bad(report.parts):
        return "Nothing was checked, so nothing is proven. Treat this backup as if it did not exist."
    return "This backup is not proven to restore. Rely on an older proven one until the cause is found."


def _proven(report: Report) -> str:
    proof, words = proof_of(report.parts), report.source.words
    if not proof.parts:
        return (
            "The stored files are what was written and can be read to their end. Nothing was restored, so the content "
            "is not proven."
        )
    if report.source.kind == "object_store":
        held = f"the replica has every one of {plural(_restored(report.parts), words.unit)} that were there"
        read = ", and was read, hash by hash" if proof.hashed_parts == proof.parts else ""
        return f"{_pair_words(report)}{held}{read}. Nothing was restored: the replica is the copy."
    if proof.hashed_parts == proof.parts:
        every = f"the only {words.part}" if proof.parts == 1 else f"every one of {proof.parts:,} {words.parts}"
        return (
            f"Restored into a place of its own, {every} came back with the content of the backup\u2019s own snapshot, "
            "hash by hash."
        )
    rest = proof.parts - proof.hashed_parts - proof.counted_parts
    return (
        f"Restored into a place of its own: {proof.hashed_parts:,} of {plural(proof.parts, words.part)} came back "
        "equal hash by hash, "
        f"{proof.counted_parts:,} by {words.unit} count only, {rest:,} not compared."
    )


def _pair_words(report: Report) -> str:
    """What was seen of the other bucket, as the beginning of a sentence."""
    pair = next((check for check in report.checks if check.id == "content.pair" and check.status == "passed"), None)
    if pair is None:
        return "The source was not asked; "
    if pair.observed != pair.expected:
        return "Both buckets are the same now but for what is young enough to be on its way, and "
    return "Both buckets are the same now, and "


def _control_meaning(report: Report) -> str:
    refused = sum(control.status == "passed" for control in report.controls)
    if not refused:
        return "No damaged copy was planted, so it is not shown that this verification can fail."
    if refused == 1:
        return "A copy damaged on purpose was refused."
    return f"{refused:,} copies damaged on purpose were refused."
