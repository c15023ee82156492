# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""From what was found to one word, a sentence, and numbers for Prometheus. Pure.

``in_sync``: everything that the level looks at is the same. ``lagging``: what is not there yet is young enough to be on
its way.
``diverged``: something is wrong that waiting does not cure. ``unknown``: the level cannot tell. No data is never good
news: where nothing is the same on both sides, or where the numbers do not add up, nothing is known.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._compare_rows import (
    EXTRA,
    MISMATCHED,
    MISSING,
    PENDING,
    UNVERIFIABLE,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._tally import Tally

IN_SYNC, LAGGING, DIVERGED, UNKNOWN = "in_sync", "lagging", "diverged", "unknown"
LEVELS = ("config", "canary", "count", "listing", "versions", "checksum", "content")


@dataclasses.dataclass(frozen=True)
class Limits:
    """What is still good. ``max_lag_seconds`` is of the canary, None for any."""

    max_pending: int = 0
    ignore_extra: bool = False
    allow_empty: bool = False
    max_lag_seconds: float | None = None


class Conclusion(t.NamedTuple):
    """The verdict, and why, the worst first."""

    verdict: str
    reasons: list[str]


def of_tally(tally: Tally, limits: Limits, what: str = "objects", *, markers: bool = False) -> Conclusion:
    """Of a comparison of two listings. ``markers``: delete markers were compared, too."""
    count = {kind: finding.count for kind, finding in tally.findings.items()}
    bad = [
        f"{count[kind]:,} {what} {words}"
        for kind, words in (
            (MISSING, "are missing at the destination"),
            (MISMATCHED, "differ"),
            (EXTRA, "are only at the destination"),
        )
        if count[kind] and not (kind == EXTRA and limits.ignore_extra)
    ]
    if bad:
        return Conclusion(DIVERGED, bad)
    if count[PENDING] > limits.max_pending:
        return Conclusion(LAGGING, [f"{count[PENDING]:,} young {what} are not the same yet"])
    if count[UNVERIFIABLE]:
        return Conclusion(UNKNOWN, [f"{count[UNVERIFIABLE]:,} {what} cannot be told to be the same by this level"])
    unaccounted = tally.unaccounted(markers=markers)
    if any(unaccounted):
        return Conclusion(
            UNKNOWN,
            [
                f"the numbers do not add up: of what was listed, {unaccounted[0]:,} {what} of the source and "
                f"{unaccounted[1]:,} of the destination are neither the same nor different"
            ],
        )
    if not tally.matched and not limits.allow_empty:
        return Conclusion(UNKNOWN, [_nothing(tally, what)])
    return Conclusion(IN_SYNC, [f"all {tally.matched:,} {what} compared are the same"])


def _nothing(tally: Tally, what: str = "objects") -> str:
    (ours, theirs), (gone, _gone_there) = tally.objects, tally.gone
    there = f"{theirs:,} at the destination" if theirs else "none at the destination"
    return (
        f"nothing was compared: there are {f'{ours - gone:,}' if ours - gone else 'no'} {what} at the source, and "
        f"{there}. Check bucket and prefix, or set allow_empty where this is right"
    )


def of_counts(tally: Tally, limits: Limits) -> Conclusion:
    """Of numbers and bytes alone. ``tally.young`` of the source's objects may be on their way."""
    (ours, theirs), (size, size_there) = tally.objects, tally.sizes
    numbers = f"{ours:,} objects with {size:,} bytes at the source, {theirs:,} with {size_there:,} at the destination"
    if not ours and not (limits.allow_empty and not theirs):
        return Conclusion(DIVERGED if theirs and not limits.ignore_extra else UNKNOWN, [_nothing(tally)])
    if (ours, size) == (theirs, size_there):
        return Conclusion(IN_SYNC, [numbers])
    if ours - tally.young <= theirs <= ours and tally.young:
        on_their_way = ours - theirs <= limits.max_pending and size == size_there
        return Conclusion(IN_SYNC if on_their_way else LAGGING, [f"{numbers}; {tally.young:,} of the source are young"])
    if limits.ignore_extra and theirs > ours:
        return Conclusion(UNKNOWN, [f"{numbers}; counting cannot tell what is extra from what is missing"])
    return Conclusion(DIVERGED, [numbers])


def of_canary(canary: t.Mapping[str, t.Any], limits: Limits) -> Conclusion:
    """Of a probe."""
    if not canary["arrived"]:
        wrong_bytes = canary["lag_seconds"] is None and "other bytes" in canary["reason"]
        broken = wrong_bytes or canary.get("replication_status") == "FAILED"
        return Conclusion(DIVERGED if broken else LAGGING, [f"the canary did not arrive: {canary['reason']}"])
    lag = float(canary["lag_seconds"])
    if limits.max_lag_seconds is not None and lag > limits.max_lag_seconds:
        return Conclusion(LAGGING, [f"the canary took {lag:g} s, more than {limits.max_lag_seconds:g} s"])
    return Conclusion(IN_SYNC, [f"the canary arrived after {lag:g} s"])


def of_configuration(problems: t.Sequence[str], metrics: t.Mapping[str, t.Any] | None, limits: Limits) -> Conclusion:
    """Of what is set up, and of CloudWatch where there is one.

    A configuration alone never proves that anything was replicated.
    """
    if problems:
        return Conclusion(UNKNOWN, list(problems))
    numbers = {name: entry["value"] for name, entry in (metrics or {}).items() if isinstance(entry, dict)}
    failed, pending = numbers.get("operations_failed"), numbers.get("operations_pending")
    if failed:
        return Conclusion(DIVERGED, [f"CloudWatch counts {failed:g} failed operations in the last three hours"])
    if pending is None:
        return Conclusion(
            UNKNOWN,
            ["the configuration is complete, and nothing measures whether it works: use level canary or listing"],
        )
    if pending > limits.max_pending:
        return Conclusion(LAGGING, [f"CloudWatch counts {pending:g} pending operations"])
    return Conclusion(IN_SYNC, [f"CloudWatch counts {pending:g} pending operations"])


def pending_objects(level: str, tally: Tally | None, metrics: t.Mapping[str, t.Any] | None) -> int | None:
    """How many objects the destination lacks, by our own count, or by CloudWatch's for the configuration.

    None is not known.
    """
    if tally is not None and level == "count":
        return max(0, tally.objects[0] - tally.objects[1])
    if tally is not None:
        return tally.findings[MISSING].count + tally.findings[PENDING].count
    entry = (metrics or {}).get("operations_pending") if level == "config" else None
    return int(entry["value"]) if isinstance(entry, dict) else None


def prometheus(labels: t.Mapping[str, str], numbers: t.Mapping[str, float | None], verdict: str) -> str:
    """Lines for the textfile collector of node_exporter. A number that is not known has no line."""
    text = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    lines: list[str] = []
    for name, value in numbers.items():
        if value is not None:
            lines += (
                [f"# TYPE s3_replication_{name} gauge", f"s3_replication_{name}{{{text}}} {value:g}"]
                if value < 1e6
                else [
                    f"# TYPE s3_replication_{name} gauge",
                    f"s3_replication_{name}{{{text}}} {value:.0f}",
                ]
            )
    lines.append("# TYPE s3_replication_verdict gauge")
    for word in (IN_SYNC, LAGGING, DIVERGED, UNKNOWN):
        lines.append(f's3_replication_verdict{{{text},verdict="{word}"}} {int(word == verdict)}')
    return "\n".join(lines) + "\n"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
