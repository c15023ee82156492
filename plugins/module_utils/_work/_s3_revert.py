# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The state ``reverted`` of ``s3_recover``: what a journal tells of is taken back, as far as nobody has changed it
since.

Nothing is destroyed by it either: what was undeleted is hidden by a new delete marker, and what was copied is covered
by the version that was there before.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._batches import for_each
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._encryption import CustomerKeyError
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._profiles import Profile
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.heal._copy import (
    ChangedError,
    ConflictError,
    Copier,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.heal._journal import read_journal
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.heal._wanted import Wanted
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_errors import S3Error
from ansible_collections.lifeboat.dr.plugins.module_utils._work._s3_action import Action
from ansible_collections.lifeboat.dr.plugins.module_utils._work._s3_copying import is_of_one_object

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.heal._journal import Entry


@dataclasses.dataclass(frozen=True)
class ChangedKey:
    """One key that an action changed: ``now`` is the version that it left on top, ``before`` the one before, empty for
    none or a marker.

    ``etag``: a run that was killed may have written the key, or not. It has if the key has this ETag.
    """

    side: str
    key: str
    now: str
    before: str
    etag: str = ""


def taken_by(entries: t.Iterable[Entry]) -> list[ChangedKey]:
    """What a journal tells of, each key of a side once. Pure."""
    found: dict[tuple[str, str], ChangedKey] = {}
    entries = list(entries)
    ended = {entry["batch"] for entry in entries if "copied" in entry and "batch" in entry}
    for entry in entries:
        if "copy" in entry and entry.get("batch") not in (None, *ended):
            for key, etag, before in entry["copy"]:
                found[entry["to"], key] = ChangedKey(entry["to"], key, "", before, etag)
    for entry in entries:
        for key, _marker, below in entry.get("remove", []):
            found[entry["side"], key] = ChangedKey(entry["side"], key, below, "")
        for key, version, before in entry.get("copied", []):
            found[entry["to"], key] = ChangedKey(entry["to"], key, version, before)
    return list(found.values())


class Revert(Action):
    """Takes an action back."""

    name = "revert"

    def run(self) -> dict[str, t.Any]:
        """The result."""
        if not self.options["revert_journal"]:
            raise OptionError(
                "state: reverted needs revert_journal.", hint="Name the journal_path that the action gave."
            )
        head, entries = read_journal(self.options["revert_journal"])
        for role, side in self.sides.items():
            if head.get(role) != side.settings.name:
                raise LifeboatError(
                    f"{self.options['revert_journal']} is of {role} {head.get(role)}, not of {side.settings.name}. "
                    "Nothing was changed.",
                    hint=f"Correct {role}.bucket or revert_journal.",
                )
        if not any("finished" in entry for entry in entries[-1:]):
            self.module.warn(
                f"The run of {self.options['revert_journal']} did not come to its end. What is in the journal is taken "
                "back; what a later run did in another journal is not."
            )
        profiles = {role: self.profile(role) for role in self.sides}
        with self.journal(reverts=self.options["revert_journal"]) as journal:
            taken = taken_by(entries)
            self.progress.phase("reverted", "taking back", len(taken), unit="keys")
            if journal is not None:
                journal.note({"revert": len(taken)})
            for_each(iter(taken), lambda one: self._take_back_or_name(one, profiles), self.parallel, self.deadline)
        reverted = {role: self.counts[f"reverted:{role}"] for role in self.sides}
        result = self.result(
            any(reverted.values()),
            journal.path if journal else None,
            reverted=reverted,
            left_alone=self.counts.of("left_alone"),
        )
        lines = f"source: {reverted['source']} objects, destination: {reverted['destination']} objects"
        result["diff"] = {
            "before": f"as the action left them: {lines}\n",
            "after": f"as they were before it: {lines}\n",
        }
        return result

    def _take_back_or_name(self, one: ChangedKey, profiles: t.Mapping[str, Profile]) -> None:
        """One that cannot be taken back is named, and does not keep the others from it."""
        self.progress.advance(1)
        try:
            self._take_back(one, profiles)
        except CustomerKeyError:
            self.counts.add("left_alone:key_of_the_customer", sample={"key": one.key, "side": one.side})
        except LifeboatError as error:
            if not is_of_one_object(error):
                raise
            self.pass_over(one.key, str(error))

    def _take_back(self, one: ChangedKey, profiles: t.Mapping[str, Profile]) -> None:
        self.deadline.check("Taking back")
        side = self.sides[one.side]
        self.counts.add("requests:head")
        try:
            found: t.Any = side.call(
                "A look at an object", lambda client: client.head_object(Bucket=side.bucket, Key=one.key)
            )
        except S3Error as error:
            if error.not_found:
                self.counts.add("left_alone:not_there_any_more")
                return
            raise
        # What was written before versioning has the version "null" in listings, and on some servers (ministack) no id
        # in its head.
        etag = str(found["ETag"]).strip('"')
        same = etag == one.etag if one.etag else str(found.get("VersionId") or "null") == (one.now or "null")
        if not same:
            self.counts.add("left_alone:changed_since", sample={"key": one.key, "side": one.side})
            return
        if self.check_mode or self._write(one, etag, profiles[one.side]):
            self.counts.add(f"reverted:{one.side}", sample={"key": one.key})

    def _write(self, one: ChangedKey, etag: str, profile: Profile) -> bool:
        side = self.sides[one.side]
        if not one.before:
            self.counts.add("requests:delete")
            side.call("Hiding an object again", lambda client: client.delete_object(Bucket=side.bucket, Key=one.key))
            return True
        before: t.Any = side.call(
            "A look at the version before",
            lambda client: client.head_object(Bucket=side.bucket, Key=one.key, VersionId=one.before),
        )
        copier = Copier(side, side, profile, "server", self.deadline, lambda kind: self.counts.add(f"requests:{kind}"))
        old = str(before["ETag"]).strip('"')
        try:
            copier.copy(Wanted(one.key, old, int(before["ContentLength"]), one.before, etag, one.now))
        except (ConflictError, ChangedError):
            self.counts.add("left_alone:changed_since", sample={"key": one.key, "side": one.side})
            return False
        return True
