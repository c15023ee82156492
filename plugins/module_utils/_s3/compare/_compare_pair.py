# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What each level of knowing does: from the two sides to what was found."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import threading
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._memory import suited_to_a_walk
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._together import together
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Stoppable
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access import _clock
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._listing import Lister, Requests
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._setup import read_configuration
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._ask_again import Settler
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._canary import send_canary
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._cloudwatch import stored_objects
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._compare_piece import Observe, comparison
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._compare_rows import (
    EXTRA,
    MISMATCHED,
    MISSING,
    UNVERIFIABLE,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._key_ranges import Range
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._tally import Rules, Tally
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._walk import Walk
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._walk_state_file import StateFile
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_errors import server_time

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side


@dataclasses.dataclass(frozen=True)
class Options:
    """How to compare. ``grace_seconds`` is how old an object has to be before its absence is an error."""

    level: str
    prefix: str = ""
    grace_seconds: float = 900
    delete_markers: bool = True
    sample: int = 0
    seed: str = ""
    max_samples: int = 20
    max_rechecks: int = 1000
    max_heads: int = 10_000
    parallel: int = 32
    state_file: str = ""
    canary_seconds: float = 120
    time_limit: float = 0


@dataclasses.dataclass
class ComparisonResult:
    """What a level has found. What it does not look at is None."""

    tally: Tally | None = None
    canary: dict[str, t.Any] | None = None
    configuration: dict[str, t.Any] | None = None
    rechecked: int = 0
    verified: dict[str, int] = dataclasses.field(default_factory=dict)
    clock_skew_seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    resumed: bool = False


class PairComparison:
    """One look at a pair of buckets. Raises LifeboatError; nothing is written but the canary and the state file.

    ``observe`` is shown every piece that was compared, by several threads, in any order: all rows of some range of the
    keys on both sides, each side in order, and what comparing them gave.
    """

    def __init__(
        self, source: Side, destination: Side, options: Options, progress: Progress, observe: Observe | None = None
    ) -> None:
        self._sides = (source, destination)
        self._options = options
        self._progress = progress
        self._observe = observe
        self._stopped = threading.Event()
        self._deadline = Stoppable(options.time_limit, self._stopped)
        self.requests = Requests()

    def run(self) -> ComparisonResult:
        """Do what the level says."""
        found = ComparisonResult(clock_skew_seconds=self._look())
        if self._options.level == "config":
            found.configuration = read_configuration(*self._sides)
        elif self._options.level == "canary":
            self._progress.phase("canary", "waiting for the canary")
            source, destination = self._sides
            options = self._options
            sent = send_canary(
                source, destination, options.prefix, options.canary_seconds, self.requests, self._deadline
            )
            found.canary = sent.to_dict()
        else:
            self._compare(found)
        return found

    def estimate(self) -> dict[str, t.Any]:
        """What a comparison would ask for, from one page of each side: exact when that is all there is, else
        ``at_least``.
        """
        self._look()
        if self._options.level in ("config", "canary"):
            canary = self._options.level == "canary"
            return {
                "exact": not canary,
                "requests": {"list": 2, "put": 1, "get": 1, "delete": 2} if canary else {"get": 8},
            }
        pages = [lister.page_after(None) for lister in self._listers()]
        exact = not any(page.truncated for page in pages)
        stored = self._stored_objects() if not exact and not self._options.prefix else [None, None]
        counts = [max(len(page.rows), number or 0) for page, number in zip(pages, stored)]
        lists = sum(-(-count // 1000) or 1 for count in counts)
        heads = 2 * self._options.sample
        gets = 2 * self._options.sample if self._options.level == "content" else 0
        return {
            "exact": exact,
            "known_by": "listing" if exact else "cloudwatch" if all(stored) else "at_least",
            "objects": dict(zip(("source", "destination"), counts)),
            "requests": {"list": lists, "head": heads, "get": gets},
        }

    # --- the comparison ---

    def _look(self) -> dict[str, float]:
        """That both buckets are there and let us in, and how far the servers' clocks are from ours."""
        self.requests.add("head", len(self._sides))
        found = together(
            [functools.partial(_clock_skew_seconds, side) for side in self._sides], len(self._sides), self._deadline
        )
        return {side.role: skew for side, skew in zip(self._sides, found) if skew is not None}

    def _listers(self) -> tuple[Lister, Lister]:
        versions = self._options.level == "versions"
        source, destination = (
            Lister(side, self._options.prefix, self.requests, versions=versions, stopped=self._stopped)
            for side in self._sides
        )
        return source, destination

    def _rules(self, skew: float) -> Rules:
        """Young is what the source's own clock calls so.

        Without grace nothing is, however exactly the clock is known.
        """
        options = self._options
        apart = datetime.timedelta(seconds=skew)
        apart = apart if abs(apart) > _clock.UNCERTAIN else datetime.timedelta()
        young = datetime.datetime.now(datetime.timezone.utc) + apart - datetime.timedelta(seconds=options.grace_seconds)
        keep = max(options.max_samples, options.max_rechecks)
        if options.level in ("checksum", "content"):
            keep = max(keep, options.max_heads)
        return Rules(
            young.strftime("%Y-%m-%dT%H:%M:%S") if options.grace_seconds > 0 else "",
            keep,
            options.sample,
            options.seed,
            apart.total_seconds(),
        )

    def _compare(self, found: ComparisonResult) -> None:
        options = self._options
        rules = self._rules(found.clock_skew_seconds.get("source", 0.0))
        listers = self._listers()
        self._progress.phase("compare", "comparing the listings", unit="entries")
        walk = Walk(
            *listers,
            comparison(options.level, options.delete_markers, rules, self._observe),
            rules,
            parallel=options.parallel,
            deadline=self._deadline,
            stopped=self._stopped,
            advance=self._progress.advance,
        )
        with suited_to_a_walk():
            found.tally = self._walked(walk, found)
        if options.level != "count":
            self._settle(found, found.tally, rules, listers)

    def _walked(self, walk: Walk, found: ComparisonResult) -> Tally:
        if not self._options.state_file:
            return walk.run()
        identity = {
            "sides": [[side.role, side.bucket, side.settings.endpoint_url] for side in self._sides],
            **{name: getattr(self._options, name) for name in ("level", "prefix", "delete_markers", "sample", "seed")},
        }
        file = StateFile(self._options.state_file, identity)
        kept = file.read()
        ranges: list[Range] = [Range()]
        if kept is not None:
            try:
                ranges = walk.resume(kept)
            except (KeyError, TypeError, ValueError) as error:
                raise file.unusable(error) from None
            found.resumed = True
        tally = walk.run(ranges, save=lambda: file.write(walk.state()))
        file.remove()
        return tally

    def _settle(self, found: ComparisonResult, tally: Tally, rules: Rules, listers: tuple[Lister, Lister]) -> None:
        options = self._options
        settler = Settler(*self._sides, self.requests, rules, parallel=options.parallel, deadline=self._deadline)
        self._progress.phase("settle", "asking again for what differs", unit="objects")
        if options.level == "versions":
            found.rechecked = settler.recheck_versions(
                tally, listers, options.max_rechecks, markers=options.delete_markers
            )
            found.rechecked += settler.recheck_doubtful_versions(tally, listers, options.max_rechecks)
            return
        found.rechecked = settler.recheck(tally, (MISSING, EXTRA, MISMATCHED), options.max_rechecks)
        found.rechecked += settler.recheck_doubtful(tally, options.max_rechecks)
        if options.level == "listing":
            return
        settler.recheck(tally, (UNVERIFIABLE,), options.max_heads)
        content = options.level == "content"
        self._progress.phase("verify", "reading the sample" if content else "asking for checksums", unit="objects")
        found.verified = settler.verify(tally, content=content)
        if content:
            found.verified["bytes"] += settler.read_unverifiable(tally)

    def _stored_objects(self) -> list[int | None]:
        return [stored_objects(side) for side in self._sides]


def _clock_skew_seconds(side: Side) -> float | None:
    answer = t.cast(
        "dict[str, t.Any]", side.call("Looking at the bucket", lambda client: client.head_bucket(Bucket=side.bucket))
    )
    told = server_time(answer["ResponseMetadata"].get("HTTPHeaders", {}))
    now = datetime.datetime.now(datetime.timezone.utc)
    return round((told - now).total_seconds(), 1) if told else None
