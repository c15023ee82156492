# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The state ``resynced`` of ``s3_recover``: what no rule will ever replicate, or failed to, is brought to the
destination.

A rule sees only what is written after it. An object that is young may therefore be on its way or never go; where the
server marks what a rule takes up (``x-amz-replication-status``, S3 user guide, "Getting replication status
information"), that tells them apart.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access import _clock
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._encryption import needs_customer_key
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._keys import as_text, side_by_side
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._parser import (
    ETAG,
    KEY,
    MODIFIED,
    SIZE,
    parse_time,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.configure import _jobs
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.heal._wanted import ABSENT, Wanted
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_errors import S3Error
from ansible_collections.lifeboat.dr.plugins.module_utils._work._s3_copying import CopyAction, is_of_one_object, listed

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._parser import Row
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.heal._journal import Journal

_BATCH_METHODS = ("auto", "batch")
_ON_THEIR_WAY = (
    "PENDING",
    "COMPLETED",
)  # also COMPLETED: of a rule with several destinations, or for a replica that is not listed yet


class Resync(CopyAction):
    """Copies from the source to the destination, or lets a batch job do it."""

    name = "resync"

    def run(self) -> dict[str, t.Any]:
        """The result. Check mode lists and counts the same, and copies nothing."""
        profile = self.profile("source")
        batch = profile.batch and self.options["method"] in _BATCH_METHODS
        if self.options["method"] == "batch" and not profile.batch:
            raise OptionError(
                f"method: batch, but source.bucket is on {profile.name}, which has no batch jobs.",
                hint="Set method to auto.",
            )
        if batch:
            self._check_batch()
        self.open_copier()
        if self.options["resync"] != "missing" and not batch:
            self.check_versioned("set resync to missing")
        self._limit = self._young_after()
        self._told = profile.stamps_status
        if batch and not self.check_mode:
            return self._by_job()
        with self.journal(resync=self.options["resync"]) as journal:
            self.copy_all(self._wanted(), journal)
        result = self.copied_result(
            journal, pending=self.counts["pending"], unverifiable=self.counts["unverifiable"], by_batch_job=bool(batch)
        )
        if journal is not None:
            self._remember()
        return result

    def _remember(self) -> None:
        """That nothing is left behind any more, if this run has looked at everything and left nothing."""
        left = ("not_done", "pending", "damaged")
        whole = not self.prefix and self.options["resync"] != "failed" and not any(map(self.counts.__getitem__, left))
        gone = ("only_at_the_destination",)
        if whole and not any(count for name, count in self.counts.of("left_alone").items() if name not in gone):
            self.memory.left_behind = False
            self.memory.save()

    def _young_after(self) -> datetime.datetime | None:
        """What is younger may still be on its way, where a rule replicates."""
        grace = parse_duration("grace", self.options["grace"])
        if not grace:
            return None
        try:
            answer: t.Any = self.source.call(
                "Reading the replication rules", lambda client: client.get_bucket_replication(Bucket=self.source.bucket)
            )
            rules = answer["ReplicationConfiguration"].get("Rules") or []
        except S3Error as error:
            if error.status in (403, 404) or error.not_implemented:
                rules = []
            else:
                raise
        active = any(rule.get("Status") == "Enabled" for rule in rules)
        return self.now("source") - grace if active else None

    # --- what to copy ---

    def _wanted(self) -> t.Iterator[Wanted]:
        kind = self.options["resync"]
        listings = self.listing("source", versions=False), self.listing("destination", versions=False)
        for key, source, destination in side_by_side(*listings):
            if not source:
                self.counts.add("left_alone:only_at_the_destination")
                continue
            if not self.is_named("source", key):
                continue
            try:
                wanted = self._wanted_one(key, source[0], destination[0] if destination else None, kind)
            except S3Error as error:
                if not is_of_one_object(error):
                    raise
                self.pass_over(as_text(key), str(error))
                continue
            if wanted is None:
                continue
            young = self._is_young(source[0])
            if young and not self._told:
                self.counts.add("pending")
                continue
            yield dataclasses.replace(wanted, young=young)

    def _is_young(self, row: Row) -> bool:
        modified = parse_time(row[MODIFIED])
        if self._limit is None or modified is None:
            return False
        return self._limit < modified <= self.now("source") + _clock.TOLERATED  # from the future, it would be for ever

    def copy_batch(self, batch: t.Sequence[Wanted], journal: Journal | None) -> None:
        """Without what a rule has taken up and still may bring.

        To ask for that is the work of the threads that copy.
        """
        super().copy_batch([wanted for wanted in batch if not (wanted.young and self._on_its_way(wanted))], journal)

    def _on_its_way(self, wanted: Wanted) -> bool:
        if self._status(wanted.key) not in _ON_THEIR_WAY:
            return False
        self.counts.add("pending")
        return True

    def _wanted_one(self, key: bytes, source: Row, destination: Row | None, kind: str) -> Wanted | None:
        name = as_text(key)
        if kind == "failed":
            return listed(source, name) if self._status(name) == "FAILED" else None
        if destination is None:
            return listed(source, name, condition=ABSENT if self.copier.race_free else "")
        if kind == "different" and self._differs(name, source, destination):
            return listed(source, name)
        return None

    def _status(self, key: str) -> str:
        """What the server says of the replication of an object; only a look at each tells, a listing does not."""
        self.counts.add("requests:head")
        try:
            answer: t.Any = self.source.call(
                "A look at an object", lambda client: client.head_object(Bucket=self.source.bucket, Key=key)
            )
        except S3Error as error:
            if error.not_found or needs_customer_key(error):
                return ""
            raise
        return str(answer.get("ReplicationStatus", ""))

    def _differs(self, key: str, source: Row, destination: Row) -> bool:
        """By size, by ETags that are both an MD5, or else by what both heads say.

        What cannot be settled is counted, not copied.
        """
        from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._ask_again import judge, read_facts
        from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._compare_rows import (
            MISMATCHED,
            UNVERIFIABLE,
        )

        if source[SIZE] != destination[SIZE]:
            return True
        if source[ETAG] == destination[ETAG]:
            return False
        facts = []
        try:
            for side in (self.source, self.destination):
                self.counts.add("requests:head")
                facts.append(read_facts(source[KEY], _head(side, key)))
        except S3Error as error:
            if not needs_customer_key(error):
                raise
            self.counts.add("unverifiable", sample={"key": key})
            return False
        verdict, _reason = judge(*facts)
        if verdict == UNVERIFIABLE:
            self.counts.add("unverifiable", sample={"key": key})
        return verdict == MISMATCHED

    # --- by a batch job ---

    def _check_batch(self) -> None:
        if not self.options["source"].get("account_id"):
            raise OptionError(
                "method: batch needs source.account_id.",
                hint="Write the 12 digits of the account that owns the source.",
            )
        if not self.options["batch_role_arn"]:
            raise OptionError(
                "method: batch needs batch_role_arn.",
                hint="Name the role that runs batch jobs, or set method to stream.",
            )

    def _by_job(self) -> dict[str, t.Any]:
        options = self.options
        account = options["source"]["account_id"]
        role = options["batch_role_arn"]
        with self.journal(resync=options["resync"], method="batch") as journal:
            if journal is None:
                raise AssertionError("a batch job has a journal")
            token = hashlib.sha256(journal.path.encode()).hexdigest()[:64]
            request = _jobs.job_request(
                account, role, self.source.bucket, options["resync"], self.prefix, options["report_bucket"] or "", token
            )
            journal.note({"create_job": request})
            client = self.source.service("s3control", self.source.region)
            job = _jobs.start_job(client, request)
            journal.note({"job": job})
            found: dict[str, t.Any] = {"id": job, "status": "New"}
            if options["wait"]:
                found = _jobs.watch_job(client, account, job, self.deadline)
            journal.note({"ended": found})
        result = self.result(True, journal.path, job=found, by_batch_job=True)
        if found["status"] in ("Failed", "Cancelled", "Suspended") or found.get("failed"):
            result["failed"] = True
            result["msg"] = (
                f"The batch job {job} ended as {found['status']}: {found.get('failed', 0)} of {found.get('total', 0)} "
                "objects failed. "
                f"{' '.join(found.get('reasons', []))} The reasons are in its report: "
                f"{found.get('report') or 'set report_bucket'}."
            )
        return result


def _head(side: Side, key: str) -> t.Any:
    return side.call(
        "A look at an object", lambda client: client.head_object(Bucket=side.bucket, Key=key, ChecksumMode="ENABLED")
    )
