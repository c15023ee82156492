# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The state ``undeleted`` of ``s3_recover``: what was deleted in a window of time is there again, on both sides."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access import _clock
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._batches import for_each, in_batches
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._keys import side_by_side
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.heal import _undelete
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.heal._undelete import BATCH, Marker, Window
from ansible_collections.lifeboat.dr.plugins.module_utils._work._s3_action import Action, check_confirmed, fail, moment

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.heal._journal import Journal

Batch = dict[str, list[Marker]]
"""Markers of the same keys by side. One key may have more than a request takes."""


class Undelete(Action):
    """Removes delete markers of a window of time."""

    name = "undelete"

    def run(self) -> dict[str, t.Any]:
        """The result. Check mode lists and counts the same, and removes nothing."""
        check_confirmed(self.options, self.source.bucket)
        self._roles = ["source", "destination"] if self.options["sides"] in (None, "both") else [self.options["sides"]]
        for role in self._roles:
            self.profile(role)
        window = self._window()
        head = {"deleted_after": window.after.isoformat(), "deleted_before": window.before.isoformat()}
        with self.journal(**head) as journal:
            for_each(self._batches(window), lambda batch: self._remove(batch, journal), self.parallel, self.deadline)
        return self._result(journal)

    def _window(self) -> Window:
        """By the clock of the first side that is worked on, whose listing people look at."""
        now = self.now(self._roles[0])
        after, before = moment(self.options, "deleted_after", now), moment(self.options, "deleted_before", now)
        if after is None:
            raise OptionError(
                "state: undeleted needs deleted_after or version_at.", hint="Say since when deletions are to be undone."
            )
        before = before or now + _clock.RESOLUTION
        if before <= after:
            raise OptionError(
                f"deleted_before: {before.isoformat()} is not after deleted_after: {after.isoformat()}.",
                hint="Exchange the two.",
            )
        return Window(after, before, parse_duration("replica_lag", self.options["replica_lag"]))

    def _batches(self, window: Window) -> t.Iterator[Batch]:
        """About 1,000 markers of each side, in the order of the keys; all of one key are in one batch."""
        listings = [
            self.listing(role, versions=True) if role in self._roles else self.no_listing() for role in self.sides
        ]
        waiting: Batch = {role: [] for role in self.sides}
        apart = self.ahead("destination") - self.ahead("source") if len(self._roles) > 1 else datetime.timedelta()
        for pair in side_by_side(*listings):
            decided = _undelete.decide(pair, window, window.shifted(apart))
            self.counts.add("nothing_below", decided.nothing_below)
            self.counts.add("deleted_before_window", decided.deleted_before)
            self.counts.add("time_not_known", decided.time_not_known)
            found = {
                role: markers if not markers or self.is_named(role, pair[0], markers[0].version_id) else []
                for role, markers in (("source", decided.source), ("destination", decided.destination))
            }
            if any(waiting[role] and len(waiting[role]) + len(markers) > BATCH for role, markers in found.items()):
                yield waiting
                waiting = {role: [] for role in self.sides}
            for role, markers in found.items():
                if markers:
                    self.counts.add(f"found:{role}", sample={"key": markers[0].key, "version_id": markers[0].below})
                    waiting[role] += markers
        if any(waiting.values()):
            yield waiting

    def _remove(self, batch: Batch, journal: Journal | None) -> None:
        """The destination first: what came late there is known by the marker of the source, also to a run that takes
        this one up.
        """
        for role in ("destination", "source"):
            left: set[str] = set()
            for markers in in_batches(batch[role], BATCH):
                self.deadline.check("Removing delete markers")
                left |= self._remove_some(role, markers, journal)
            self.counts.add(f"undeleted:{role}", len({marker.key for marker in batch[role]} - left))

    def _remove_some(self, role: str, markers: t.Sequence[Marker], journal: Journal | None) -> set[str]:
        """One request. Gives the keys of which a marker stayed."""
        self.counts.add("requests:delete")
        if journal is None:
            return set()
        entries = [[marker.key, marker.version_id, marker.below] for marker in markers]
        journal.note({"remove": entries, "side": role})
        failed = _undelete.remove(self.sides[role], markers)
        for number, code in sorted(failed.items()):
            self.counts.add("retained", sample={"key": markers[number].key, "side": role, "reason": code})
        journal.note(
            {
                "removed": len(markers) - len(failed),
                "failed": [[markers[number].key, code] for number, code in failed.items()],
            }
        )
        return {markers[number].key for number in failed}

    def _result(self, journal: Journal | None) -> dict[str, t.Any]:
        undeleted = {role: self.counts[f"undeleted:{role}"] for role in self.sides}
        left_alone = {name: self.counts[name] for name in ("nothing_below", "deleted_before_window", "time_not_known")}
        if left_alone["time_not_known"]:
            self.module.warn(
                f"{left_alone['time_not_known']} delete markers have the time of the object that they hide. Nothing "
                "says when they were made. They were left alone: look at them, and remove them by hand if they are of "
                "the window."
            )
        self.warn_of_nothing()
        result = self.result(
            any(undeleted.values()),
            journal.path if journal else None,
            undeleted=undeleted,
            retained=self.counts["retained"],
            left_alone=left_alone,
        )
        lines = "".join(f"{role} {self.sides[role].settings.name}: {{}} of {undeleted[role]}\n" for role in self._roles)
        result["diff"] = {
            "before": lines.replace("{}", "deleted objects"),
            "after": lines.replace("{}", "objects there again"),
        }
        if self.counts["retained"]:
            fail(
                result,
                f"{self.counts['retained']} delete markers could not be removed: see samples.retained. The others "
                "were removed.",
            )
        return result
