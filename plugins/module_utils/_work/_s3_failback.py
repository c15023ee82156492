# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The state ``failed_back`` of ``s3_recover``, and ``undeleted`` with ``version_at``: copies that never overwrite
what is newer.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access import _clock
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._keys import as_text, side_by_side
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._setup import read_setup
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.configure import _apply, _plan
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.heal import _failback, _undelete
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.heal._wanted import Wanted
from ansible_collections.lifeboat.dr.plugins.module_utils._work._s3_action import SAMPLES, check_confirmed, moment
from ansible_collections.lifeboat.dr.plugins.module_utils._work._s3_copying import CopyAction

if t.TYPE_CHECKING:
    import datetime

_RACE = (
    "This server does not check conditions of writes ({name}). Each key is looked at right before it is written, but "
    "what the application "
    "writes in between would be covered by the copy, and stay as an earlier version. Keep the application from "
    "writing meanwhile."
)


class FailBack(CopyAction):
    """Brings what was written to the destination back to the source."""

    name = "failback"
    origin, target = "destination", "source"

    def run(self) -> dict[str, t.Any]:
        """The result. The forward rules are paused first, so that nothing that comes back is sent out again."""
        check_confirmed(self.options, self.source.bucket)
        self.open_copier()
        if self.options["on_conflict"] != "keep_source":
            self.check_versioned("set on_conflict to keep_source")
        if not self.copier.race_free:
            self.module.warn(_RACE.format(name=self.profile("source").name))
        if self.options["on_conflict"] == "fail":
            self._refuse_conflicts()
        paused = self._pause()
        with self.journal(on_conflict=self.options["on_conflict"], paused_rules=paused) as journal:
            self.copy_all(self._wanted(), journal)
        return self.copied_result(journal, changed=bool(paused), paused_rules=paused)

    def _pause(self) -> list[str]:
        """The ids of the rules to the destination that were enabled, and are not any more."""
        if not self.options["pause_forward"]:
            return []
        setup = read_setup(self.source, public_access=False)
        options = {**self.options, "state": "paused", "rules": None, "bidirectional": False}
        plan = _plan.make_plan(options, self.profile("source"), setup, setup)
        paused = [
            old["ID"]
            for old, new in zip(setup.rules, plan.after["source"].rules)
            if old.get("Status") != new.get("Status")
        ]
        if plan.steps and not self.check_mode:
            _apply.apply(plan, self.sides)
            self.memory.paused = [*self.memory.paused, *paused]
            self.memory.left_behind = True
            self.memory.save()
        return paused

    def _decided(self) -> t.Iterator[tuple[bytes, str, Wanted | None, bool]]:
        listings = self.listing("source", versions=True), self.listing("destination", versions=True)
        apart = self.ahead("destination") - self.ahead("source")
        if apart:  # what cannot be told for certain is a conflict, and no reason to overwrite
            apart += _clock.UNCERTAIN
        for key, source, destination in side_by_side(*listings):
            yield (key, *_failback.decide(key, source, destination, apart))

    def _refuse_conflicts(self) -> None:
        """on_conflict: fail looks at everything before the first copy."""
        found = [as_text(key) for key, _what, _wanted, differs in self._decided() if differs]
        if found:
            raise LifeboatError(
                f"on_conflict: fail, and {len(found)} keys have content of their own on both sides, the first are "
                f"{', '.join(repr(key) for key in found[:3])}. Nothing was changed.",
                hint="Look at them; keep_newer lets the younger one win, keep_source leaves what is in the source.",
                details={"conflicts": found[:SAMPLES]},
            )

    def _wanted(self) -> t.Iterator[Wanted]:
        keep_source = self.options["on_conflict"] == "keep_source"
        for key, what, wanted, differs in self._decided():
            if wanted is None:
                kind = "conflicts" if differs else "left_alone"
                self.counts.add(f"{kind}:{what}", sample={"key": as_text(key)} if differs else None)
            elif differs and keep_source:
                self.counts.add("conflicts:kept_source", sample={"key": wanted.key})
            elif self.is_named("destination", key, wanted.version_id):
                yield wanted


class VersionAt(CopyAction):
    """Brings back what keys were at a point in time: the version of then is copied over the newest one, and no version
    is deleted.
    """

    name = "version-at"

    def run(self) -> dict[str, t.Any]:
        """The result. One side is worked on, the source unless told otherwise: rules carry the copies on."""
        check_confirmed(self.options, self.source.bucket)
        roles = ["source", "destination"] if self.options["sides"] == "both" else [self.options["sides"] or "source"]
        then = moment(self.options, "version_at", self.now(roles[0]))
        if then is None:
            raise AssertionError("the options were checked")
        with self.journal(version_at=then.isoformat()) as journal:
            for role in roles:
                self.origin = self.target = role
                self.open_copier()
                self.check_versioned("there is nothing to bring back")
                self.copy_all(self._wanted(role, then + self.ahead(role) - self.ahead(roles[0])), journal)
        return self.copied_result(journal)

    @property
    def one_server(self) -> bool:
        """It is one bucket."""
        return True

    def _wanted(self, role: str, then: datetime.datetime) -> t.Iterator[Wanted]:
        for key, rows in self.listing(role, versions=True):
            what, wanted = _undelete.at_time(key, rows, then)
            if wanted is None:
                self.counts.add(f"left_alone:{what}")
            elif self.is_named(role, key, wanted.version_id):
                yield wanted
