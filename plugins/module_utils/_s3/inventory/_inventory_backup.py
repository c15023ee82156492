# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""One inventory of a pair of buckets: both are compared, and only when they are the same, what they hold is written
down.
"""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._engine import Engine, Look, Part, Saved
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration, seconds_or_zero
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import from_plain
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._cost import cost_usd
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._profiles import find_profile
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import open_pair
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._store import STORE
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare import _verdict
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._compare_pair import Options, PairComparison
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._tally import Rules, Tally, describe
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.inventory._content import (
    INVENTORY,
    Bucket,
    S3Content,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.inventory._inventory import InventorySpool

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Manifest
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._session import BackupSession
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side

_SHOWN = 3


class S3Engine(Engine[Look]):
    """The inventory of one pair of buckets."""

    name = STORE.engine

    def __init__(self, options: t.Mapping[str, t.Any], warn: t.Callable[[str], None]) -> None:
        super().__init__(options, warn)
        self._comparison = Options(
            level=options["level"],
            prefix=options["prefix"],
            grace_seconds=parse_duration("grace", options["grace"]).total_seconds(),
            delete_markers=options["delete_markers"],
            parallel=options["parallel"],
            time_limit=seconds_or_zero("time_limit", options["time_limit"]),
        )

    def look(self, last: Manifest | None) -> Look:
        """An inventory is as large as the last one. Whether the buckets are the same, nobody knows before."""
        return Look(last.stored_bytes if last else 0)

    def planned(self, look: Look) -> dict[str, t.Any]:
        """How many requests the comparison would take."""
        planned = PairComparison(*self._sides(), self._comparison, Progress(None, "")).estimate()
        return {**planned, "estimated_cost_usd": cost_usd(planned["requests"])}

    def save(self, look: Look, session: BackupSession) -> Saved:
        """Compare, and write the inventory. Raises LifeboatError, also when the buckets are not the same."""
        sides = self._sides()
        server = find_profile(sides[1]).profile.name
        young = session.started - datetime.timedelta(seconds=self._comparison.grace_seconds)
        spool = InventorySpool(self._options["scratch_dir"], Rules(young.strftime("%Y-%m-%dT%H:%M:%S")).is_young)
        try:
            tally = self._compared(sides, spool, session.progress)
            session.progress.phase("store", "storing the inventory", spool.size)
            artifact = session.store(Part("inventory.jsonl", INVENTORY, spool.pieces(), spool.size))
            content = self._content(sides, server, spool, tally)
        finally:
            spool.close()
        shown = f"{session.opened(artifact)} | less  # the objects are in the bucket {content.destination.bucket}"
        return Saved(content, taken_at=session.started, by_hand=[shown])

    def describe(self, manifest: Manifest) -> dict[str, t.Any]:
        """What both buckets held."""
        content = from_plain(S3Content, manifest.content, "the manifest's content")
        return {
            "source": content.source.bucket,
            "destination": content.destination.bucket,
            "prefix": content.prefix,
            "level": content.level,
            "verdict": content.verdict,
            "summary": content.summary,
            "objects": content.objects,
            "bytes": content.bytes,
            "versions": content.versions,
            "delete_markers": content.delete_markers,
            "left_out": content.left_out,
        }

    def _sides(self) -> tuple[Side, Side]:
        options = self._options
        return open_pair(options["source"], options["destination"], connections=self._comparison.parallel)

    @property
    def _limits(self) -> _verdict.Limits:
        options = self._options
        return _verdict.Limits(options["max_pending"], options["ignore_extra"], options["allow_empty"])

    def _compared(self, sides: tuple[Side, Side], spool: InventorySpool, progress: Progress) -> Tally:
        """What the comparison found. Raises LifeboatError unless the buckets are the same."""
        found = PairComparison(*sides, self._comparison, progress, spool.observe).run()
        tally = t.cast(Tally, found.tally)
        conclusion = self._conclusion(tally)
        if conclusion.verdict == _verdict.UNKNOWN and not tally.matched:
            raise LifeboatError(
                f"There is nothing to record: {'; '.join(conclusion.reasons)}. Nothing was recorded.",
                hint="Correct prefix or source.bucket; with allow_empty: true, an empty pair is recorded as one.",
                details={"verdict": conclusion.verdict, "reasons": conclusion.reasons},
            )
        if conclusion.verdict != _verdict.IN_SYNC:
            differences = [entry for finding in tally.findings.values() for entry in finding.kept]
            named = ", ".join(str(describe(entry)["key"]) for entry in differences[:_SHOWN])
            why = "; ".join(conclusion.reasons)
            raise LifeboatError(
                f"The buckets are not the same ({conclusion.verdict}): {why}. Nothing was recorded. For example: "
                f"{named}.",
                hint=(
                    "s3_replication_info says what differs, and s3_recover with state: resynced copies what is missing."
                ),
                details={"verdict": conclusion.verdict, "reasons": conclusion.reasons},
            )
        return tally

    def _conclusion(self, tally: Tally) -> _verdict.Conclusion:
        what = "versions" if self._comparison.level == "versions" else "objects"
        markers = self._comparison.level == "versions" and self._comparison.delete_markers
        return _verdict.of_tally(tally, self._limits, what, markers=markers)

    def _content(self, sides: tuple[Side, Side], server: str, spool: InventorySpool, tally: Tally) -> S3Content:
        conclusion = self._conclusion(tally)
        source, destination = (Bucket(side.bucket, side.settings.endpoint, side.region or "") for side in sides)
        return S3Content(
            source=source,
            destination=destination,
            prefix=self._comparison.prefix,
            level=self._comparison.level,
            verdict=conclusion.verdict,
            summary="; ".join(conclusion.reasons),
            objects=spool.objects,
            bytes=spool.bytes,
            versions=spool.versions,
            delete_markers=spool.markers,
            left_out=spool.left_out,
            matched_by_version_id=tally.by_version_id,
            matched_by_content=tally.by_content,
            compare_markers=self._comparison.delete_markers,
            ignore_extra=self._limits.ignore_extra,
            allow_empty=self._limits.allow_empty,
            server=server,
        )
