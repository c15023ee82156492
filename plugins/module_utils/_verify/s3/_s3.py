# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Proves one inventory of a pair of buckets: that it can be read, that the buckets are still the same, and that the
replica still has everything that is in it.

Nothing is restored: the replica is the copy. ``artifact`` reads the inventory to its end; ``quick`` lists both buckets,
compares them with each other and with the inventory; ``full`` also reads a sample on both sides byte for byte.
"""

from __future__ import annotations

import dataclasses
import hashlib
import heapq
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import CheckedPieces
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._together import together
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import format_bytes, plural
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import from_plain
from ansible_collections.lifeboat.dr.plugins.module_utils._report import _model
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Check, Item
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._listing import Requests, show
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._parser import KEY
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._store import STORE
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare import _verdict
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._compare_pair import Options as KnowingOptions
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._compare_pair import PairComparison
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._tally import describe
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.inventory._content import INVENTORY, S3Content
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.inventory._inventory import Entry, Inventory, Lookup
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.inventory._retrieval import (
    ArchivedError,
    Retrieval,
    holders,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._verify._verification import Verification, outcome, summarised
from ansible_collections.lifeboat.dr.plugins.module_utils._verify.s3 import _s3_controls

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Artifact
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import StoredBackup
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side

_SHOWN = 3
_MOST_ITEMS = 100  # examples of each kind; the message has the number of all
_SPARE_CANDIDATES = 20  # so that a control finds an object that nobody has changed meanwhile
_WAITING = 10_000
_NO_LIMIT_SECONDS = 10 * 365 * 86400.0
_ALGORITHM = "SHA-256 of every object, read on both sides"
_SAMPLE = Check("content.sample", "Objects read on both sides are the same", "content", "passed")


@dataclasses.dataclass(frozen=True)
class Options:
    """How to verify.

    ``sides`` are the source and the destination, None for the profile ``artifact``, which asks neither.
    """

    profile: _model.Profile
    sides: tuple[Side, Side] | None = None
    grace_seconds: float = 900
    sample: int = 100
    seed: str = ""
    parallel: int = 32
    scratch_dir: str = "/var/tmp"


class S3Verification(Verification):
    """Holds both buckets against the inventory."""

    gone = "neither side has it any more"
    expired = "are on neither side any more"

    def __init__(
        self, copies: t.Sequence[StoredBackup], options: Options, deadline: Deadline, progress: Progress
    ) -> None:
        super().__init__(copies, options.profile, deadline, progress)
        self._content = from_plain(S3Content, self._manifest.content, "the manifest's content")
        self._options = options
        self._versions = self._content.level == "versions"

    # what is stored

    def _verify_archives(self) -> None:
        inventory = self._read()
        if inventory is not None:
            inventory.close()

    def _read(self) -> Inventory | None:
        """The inventory, or None where it cannot be read, which a check then tells."""
        self._progress.phase("read", "reading the inventory", self._manifest.plain_bytes)
        inventory = Inventory(self._options.scratch_dir)
        artifact = self._controlled()

        def whole() -> None:
            for piece in CheckedPieces(self._stored, artifact, self._deadline, self._progress.advance):
                inventory.feed(piece)
            inventory.finish()

        item = outcome(artifact.name, whole)
        self._deadline.check("Reading the artifacts")
        check = Check("artifact.stored", "Every stored file is what was written", "artifact", "passed")
        self._checks.append(summarised(check, [item], "files"))
        if item.status != "passed":
            inventory.close()
            return None
        content = self._content
        expected = _amount(content.objects, content.bytes, content.versions, content.delete_markers)
        observed = _amount(inventory.objects, inventory.bytes, inventory.versions, inventory.markers)
        same = expected == observed
        self._checks.append(
            Check(
                "artifact.content",
                "The inventory lists what the manifest says",
                "artifact",
                "passed" if same else "failed",
                "" if same else "the inventory and its manifest are not of one run",
                expected,
                observed,
            )
        )
        return inventory

    # what the buckets hold

    def _verify_restored(self) -> None:
        inventory = self._read()
        if inventory is None:
            return
        try:
            if self._options.sides is None:
                raise LifeboatError("The two buckets are not known.", hint="Name them in buckets.")
            self._compare(inventory, self._options.sides)
        finally:
            inventory.close()

    def _compare(self, inventory: Inventory, sides: tuple[Side, Side]) -> None:
        lookup = Lookup(inventory)
        requests = self._observe(lookup, sides)
        picked = self._look_up(inventory, lookup)
        retrieval = Retrieval(sides, requests, versions=self._versions, deadline=self._deadline)
        markers = self._content.compare_markers
        self._progress.phase("controls", "planting damaged replicas")
        subject = _s3_controls.find_subject(retrieval, picked, markers=markers)
        self._controls += _s3_controls.listing_controls(retrieval, subject, markers=markers)
        if self._profile == "full":
            self._guarded(_SAMPLE, lambda: self._read_back(retrieval, picked[: self._options.sample]))
            planted = Check("content.control", "A changed object is noticed", "content", "passed")
            self._guarded(planted, lambda: self._controls.extend(_s3_controls.content_controls(retrieval, subject)))
        self._add_unread(inventory, min(len(picked), self._options.sample) if self._profile == "full" else 0)

    def _add_unread(self, inventory: Inventory, read: int) -> None:
        """What nobody has looked at is said."""
        words = "Metadata, tags, access lists and locks of objects were not compared, since listings do not have them."
        rest = inventory.objects + inventory.versions - read
        if rest:
            some = plural(rest, "object or version", "objects and versions")
            words += f" {some} were compared by size and ETag, or by version id, and not read."
        self._checks.append(Check("content.unread", "What was not compared", "content", "skipped", words))

    def _observe(self, lookup: Lookup, sides: tuple[Side, Side]) -> Requests:
        """Show the look-up all that is there, and add the check of the pair.

        Gives the counts of requests to go on with.
        """
        knowing = PairComparison(*sides, self._knowing(), self._progress, lookup.observe)
        self._add_pair_check(knowing)
        return knowing.requests

    def _knowing(self) -> KnowingOptions:
        """The level of the inventory; where that was of objects, what the listing leaves open is settled as far as the
        profile goes.
        """
        closer = "content" if self._profile == "full" else "checksum"
        return KnowingOptions(
            level="versions" if self._versions else closer,
            prefix=self._content.prefix,
            grace_seconds=self._options.grace_seconds,
            delete_markers=self._content.compare_markers,
            parallel=self._options.parallel,
            time_limit=self._deadline.remaining(_NO_LIMIT_SECONDS) or 0.001,  # 0 would be none
        )

    def _add_pair_check(self, knowing: PairComparison) -> None:
        """Whether both buckets hold the same now. What is younger than the grace is on its way, and no fault."""
        tally = knowing.run().tally
        if tally is None:
            raise LifeboatError("The buckets were not compared.")
        what = "versions" if self._versions else "objects"
        limits = _verdict.Limits(ignore_extra=self._content.ignore_extra, allow_empty=self._content.allow_empty)
        markers = self._versions and self._content.compare_markers
        conclusion = _verdict.of_tally(tally, limits, what, markers=markers)
        status: _model.CheckStatus = "passed"
        if conclusion.verdict in (_verdict.DIVERGED, _verdict.UNKNOWN):
            status = "failed" if conclusion.verdict == _verdict.DIVERGED else "error"
        items = []
        for kind, finding in tally.findings.items():
            if kind == "extra" and self._content.ignore_extra:
                continue
            wrong: _model.CheckStatus = (
                "skipped" if kind == "pending" else "error" if kind == "unverifiable" else "failed"
            )
            for entry in finding.kept[:_MOST_ITEMS]:
                items.append(Item(str(describe(entry)["key"]), wrong, None, None, f"{kind} {entry.reason}".strip()))
        words = "; ".join(conclusion.reasons) + _examples([item for item in items if item.status != "skipped"])
        title = "Both buckets hold the same now"
        self._checks.append(
            Check("content.pair", title, "content", status, words, "in_sync", conclusion.verdict, items=tuple(items))
        )

    def _look_up(self, inventory: Inventory, lookup: Lookup) -> list[Entry]:
        """Whether the destination still has what was there.

        Gives entries that it has, in an order that only the seed decides.
        """
        lost: list[Item] = []
        lost_count = expired = 0
        picked: list[tuple[bytes, int, Entry]] = []
        waiting: list[tuple[bytes, int, Entry]] = []
        seed = self._options.seed.encode()[:64]
        for number, entry in inventory.entries():
            if entry.is_marker:
                continue
            held = lookup.is_held(number, 1)
            if held and entry.is_current:
                rank = hashlib.blake2b(entry.row[KEY], digest_size=8, key=seed).digest()
                waiting.append((rank, number, entry))
                if len(waiting) > _WAITING:
                    picked, waiting = heapq.nsmallest(self._options.sample + _SPARE_CANDIDATES, picked + waiting), []
            elif not held and not entry.is_current and not lookup.is_held(number, 0):
                expired += 1
            elif not held:
                lost_count += 1
                if len(lost) < _MOST_ITEMS:
                    here = lookup.is_held(number, 0)
                    why = "the source has it" if here else self.gone
                    lost.append(
                        Item(
                            show(entry.row[KEY]), "failed", entry.size, None, f"not as it was at the destination; {why}"
                        )
                    )
        picked = heapq.nsmallest(self._options.sample + _SPARE_CANDIDATES, picked + waiting)
        self._add_inventory_check(inventory, lost_count, lost, expired)
        return [entry for _rank, _number, entry in picked]

    def _add_inventory_check(self, inventory: Inventory, lost_count: int, lost: list[Item], expired: int) -> None:
        total = inventory.objects + inventory.versions
        words = f"{plural(total - expired, 'object')} can be had from the destination as they were"
        if lost_count:
            words = (
                f"{lost_count:,} of {plural(total, 'object')} cannot be had from the destination as they "
                f"were{_examples(lost)}"
            )
        if expired:
            words += f"; {plural(expired, 'older version')} {self.expired}"
        status: _model.CheckStatus = "failed" if lost_count else "passed"
        if total == expired and not self._content.allow_empty:
            status, words = "error", f"nothing was compared: {words}"
        check = Check("content.inventory", "The destination has what was there", "content", status, words)
        self._checks.append(dataclasses.replace(check, items=tuple(lost)))
        self._parts.append(
            _model.Part(
                name=self._content.destination.bucket,
                status="failed" if status != "passed" else "passed",
                count_expected=total - expired,
                count_restored=total - expired - lost_count,
                bytes=inventory.bytes,
            )
        )

    # what is in the objects

    def _read_back(self, retrieval: Retrieval, sample: t.Sequence[Entry]) -> None:
        self._progress.phase("sample", "reading objects on both sides", 2 * sum(entry.size for entry in sample))
        works = [lambda entry=entry: self._read_one(retrieval, entry) for entry in sample]
        read = together(works, min(self._options.parallel, max(1, len(works))), self._deadline)
        items = [item for item, _digests in read]
        check = summarised(_SAMPLE, items, "objects")
        if not items:
            check = dataclasses.replace(check, status="skipped", message="no object was read")
        same = sum(item.status == "passed" for item in items)
        if same != len(items) and check.status == "passed":
            status: _model.CheckStatus = "passed" if same else "skipped"
            check = dataclasses.replace(
                check, status=status, message=f"{same} of {len(items)} objects could be read on both sides"
            )
        self._checks.append(check)
        part = self._parts[-1]
        if same == len(items) == part.count_expected:
            ours, theirs = (
                hashlib.sha256("".join(digests[side] for _item, digests in read).encode("ascii")).hexdigest()
                for side in (0, 1)
            )
            self._parts[-1] = dataclasses.replace(
                part, fingerprint_expected=ours, fingerprint_restored=theirs, algorithm=_ALGORITHM
            )

    def _read_one(self, retrieval: Retrieval, entry: Entry) -> tuple[Item, tuple[str, str]]:
        """One object on both sides. The digests are empty where it was not read."""
        self._deadline.check("Reading the sample")
        name, none = show(entry.row[KEY]), ("", "")
        found = [holders(entry, retrieval.rows(side, entry.row[KEY])) for side in (0, 1)]
        if not found[1]:
            return Item(name, "failed", entry.size, None, "it went away from the destination meanwhile"), none
        try:
            theirs, size = retrieval.digest(1, found[1][0])
            self._progress.advance(size)
            if size != entry.size:
                return Item(name, "failed", entry.size, size, "the destination gives another number of bytes"), none
            if not found[0]:
                return Item(
                    name, "skipped", entry.size, size, "the source does not have it any more; the destination gives it"
                ), none
            ours, size = retrieval.digest(0, found[0][0])
            self._progress.advance(size)
        except ArchivedError:
            return Item(name, "skipped", entry.size, None, "it is in an archive class and cannot be read now"), none
        except DamagedError as error:
            return Item(name, "failed", entry.size, None, str(error)), none
        if ours != theirs:
            return Item(name, "failed", ours, theirs, "the contents differ"), none
        return Item(name, "passed", entry.size, size), (ours, theirs)

    # the report

    def _controlled(self) -> Artifact:
        artifacts = self._stored.artifacts(INVENTORY)
        if not artifacts:
            raise DamagedError(f"The manifest of {self._manifest.backup_id} names no inventory.")
        return artifacts[0]

    def _source(self) -> _model.Source:
        content = self._content
        return _model.Source.of(STORE, content.server or "unknown", content.source.bucket, content.source.endpoint)

    def _counts(self) -> tuple[_model.Count, ...]:
        content = self._content
        counted = {
            "objects": content.objects,
            "older versions": content.versions,
            "delete markers": content.delete_markers,
        }
        return tuple(_model.Count(what, count) for what, count in counted.items())

    def _details(self) -> tuple[_model.Detail, ...]:
        content = self._content
        facts = {
            "Replica": f"{content.destination.bucket} on {content.destination.endpoint}",
            "Prefix": content.prefix,
            "Bytes of the objects": format_bytes(content.bytes),
            "Compared by": content.level,
            "Left out": plural(content.left_out, "object") if content.left_out else "",
        }
        return tuple(_model.Detail(term, value) for term, value in facts.items() if value)


def _examples(items: t.Sequence[Item]) -> str:
    """The names of the first few, to go on with in a sentence."""
    return f" (for example {', '.join(item.name for item in items[:_SHOWN])})" if items else ""


def _amount(objects: int, size: int, versions: int, markers: int) -> str:
    words = f"{plural(objects, 'object')} with {plural(size, 'byte')}"
    return (
        f"{words}, {plural(versions, 'older version')}, {plural(markers, 'delete marker')}"
        if versions or markers
        else words
    )
