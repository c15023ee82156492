# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Settles by single requests what two listings leave open: was it a race, is it really different, is it the same after
all.

A HEAD shows what a listing does not: checksums of the whole object, which do not depend on how it was uploaded, and
whether a KMS key or a customer's key makes the ETag meaningless (Amazon S3 API reference, HeadObject).
"""

from __future__ import annotations

import hashlib
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._together import together
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._encryption import KMS, needs_customer_key
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._keys import is_doubtful, is_text, rows_of
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._listing import Lister, Requests, show
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._parser import (
    ETAG,
    KEY,
    SIZE,
    VERSION_ID,
    Row,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._compare_rows import (
    DOUBTFUL,
    ETAGS_DIFFER,
    EXTRA,
    MISMATCHED,
    MISSING,
    NO_TEXT,
    OTHER_ORDER,
    PENDING,
    UNVERIFIABLE,
    Difference,
    compare_versions,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._tally import Rules, Tally
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_errors import S3Error

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side

_PIECE_BYTES = 1 << 20
_CHECKSUM = "Checksum"
_ARCHIVED = "InvalidObjectState"
_OF_ONE_OBJECT = (400, 403, 405, 409)  # refusals that say nothing about the other objects
UNNAMED = "it is listed, and the server does not find it under that name"
_WITHOUT_NAME = (DOUBTFUL, NO_TEXT, UNNAMED)


class Facts(t.NamedTuple):
    """What a HEAD says.

    ``checksums`` are of the whole object, by algorithm; ``opaque`` when the ETag is no hash of the content.
    """

    row: Row
    checksums: dict[str, str]
    opaque: bool
    replication_status: str
    hidden: bool = False  # it is there, and a key of the customer's is needed to look at it


class Settler:
    """Asks both sides about single objects. Every method may be called from any thread."""

    def __init__(
        self, source: Side, destination: Side, requests: Requests, rules: Rules, *, parallel: int, deadline: Deadline
    ) -> None:
        self._sides = (source, destination)
        self._requests = requests
        self._rules = rules
        self._parallel = parallel
        self._deadline = deadline
        self._opaque = False  # an ETag was seen that is no hash of the content

    def recheck(self, tally: Tally, kinds: t.Sequence[str], limit: int) -> int:
        """Ask once more for differences of these kinds, at most ``limit`` of each; correct the tally.

        Gives how many were asked for.
        """
        waiting = [entry for kind in kinds for entry in tally.findings[kind].kept[:limit]]
        unasked = [
            entry for kind in kinds for entry in tally.findings[kind].kept[limit:] if entry.reason == ETAGS_DIFFER
        ]
        for entry, (now, difference) in zip(waiting, self._each(waiting, self._object_again)):
            tally.settle(entry, now, difference)
        if self._opaque:
            tally.doubt_etags(
                unasked, "the ETags differ, and objects in these buckets have ETags that say nothing about the content"
            )
        return len(waiting)

    def recheck_doubtful(self, tally: Tally, limit: int) -> int:
        """Ask for the objects whose listed name may not be the real one. Gives how many were asked for."""
        waiting = [entry for entry in tally.findings[UNVERIFIABLE].kept if entry.reason == DOUBTFUL][:limit]
        for entry, (now, difference) in zip(waiting, self._each(waiting, self._object_again)):
            tally.settle(entry, now, difference)
        return len(waiting)

    def recheck_versions(
        self, tally: Tally, listers: tuple[Lister, Lister], limit: int, *, markers: bool = True
    ) -> int:
        """The same for versions: all versions of each of these keys are listed again on both sides, and with
        ``markers`` their delete markers.
        """
        waiting = [entry for kind in (MISSING, EXTRA, MISMATCHED) for entry in tally.findings[kind].kept[:limit]]
        keys = sorted({entry.row[KEY] for entry in waiting})
        again = dict(zip(keys, self._each(keys, lambda key: self._versions_again(listers, key, markers))))
        for entry in waiting:
            tally.settle(entry, None, None)
        kept_elsewhere = {entry.row[KEY] for finding in tally.findings.values() for entry in finding.kept}
        for key, (differences, matched) in again.items():
            before = sum(1 for entry in waiting if entry.row[KEY] == key)
            same = min(before, matched) if not differences and key not in kept_elsewhere else 0
            self._put_back(tally, same, differences[:before])
        return len(waiting)

    def _put_back(self, tally: Tally, same: int, differences: t.Sequence[Difference]) -> None:
        """Count what is there in place of what was settled as gone."""
        tally.by_content += same
        tally.gone = [number - same for number in tally.gone]
        for difference in differences:
            kind = difference.kind
            young = kind not in (EXTRA, UNVERIFIABLE) and difference.source and self._rules.is_young(difference.source)
            tally.findings[PENDING if young else kind].add(difference, self._rules.keep)
            tally.gone[0] -= difference.source is not None
            tally.gone[1] -= difference.destination is not None

    def recheck_doubtful_versions(self, tally: Tally, listers: tuple[Lister, Lister], limit: int) -> int:
        """The versions whose key may have another name: asked for by that name, and compared if they are found."""
        waiting = [entry for entry in tally.findings[UNVERIFIABLE].kept if entry.reason == DOUBTFUL][:limit]
        by_key: dict[bytes, list[Difference]] = {}
        for entry in waiting:
            by_key.setdefault(entry.row[KEY], []).append(entry)
        real = self._each(list(by_key.values()), lambda entries: all(map(self._is_found, entries)))
        for entries, is_real in zip(by_key.values(), real):
            if not is_real:
                continue
            source = [entry.source for entry in entries if entry.source is not None]
            destination = [entry.destination for entry in entries if entry.destination is not None]
            compared = compare_versions(source, destination, trusted=True)
            for entry in entries:
                tally.settle(entry, None, None)
            self._put_back(tally, compared.by_content + compared.by_version_id, compared.differences)
        return len(waiting)

    def _is_found(self, entry: Difference) -> bool:
        """Whether each side knows its version by the name that was listed. A HEAD of a delete marker is a 405."""
        for side, row in enumerate((entry.source, entry.destination)):
            try:
                if row is not None and (not is_text(row[KEY]) or self.head(side, row[KEY], row[VERSION_ID]) is None):
                    return False
            except S3Error as error:
                if error.status != 405:
                    raise
        return True

    def verify(self, tally: Tally, *, content: bool) -> dict[str, int]:
        """Look closer at the sample.

        Gives how many were looked at, how many bytes were read, and how many are the same.
        """
        done = self._each(tally.sampled, lambda entry: self._closer(entry[1], content))
        result = {"objects": len(done), "bytes": 0, "same": 0}
        known = {entry.row[KEY] for finding in tally.findings.values() for entry in finding.kept}
        for (_rank, key, _size), (kind, difference, count) in zip(tally.sampled, done):
            result["bytes"] += count
            result["same"] += kind is None and difference is not None
            if (kind is None and difference is not None) or key in known:
                continue
            tally.by_content -= 1  # it was the same by the listings
            there = (difference.source, difference.destination) if difference is not None else (None, None)
            tally.gone = [tally.gone[side] + (there[side] is None) for side in (0, 1)]
            if kind is not None and difference is not None:
                tally.findings[kind].add(difference, self._rules.keep)
        return result

    def read_unverifiable(self, tally: Tally) -> int:
        """Compare the content of what is still not verifiable. Gives the bytes that were read."""
        waiting = [entry for entry in tally.findings[UNVERIFIABLE].kept if entry.reason not in _WITHOUT_NAME]
        read = 0
        for entry, (kind, difference, count) in zip(
            waiting, self._each(waiting, lambda entry: self._closer(entry.row[KEY], True))
        ):
            read += count
            tally.settle(entry, kind, difference)
        return read

    # --- one object ---

    def _each(self, entries: t.Sequence[t.Any], work: t.Callable[[t.Any], t.Any]) -> list[t.Any]:
        if not entries:
            return []

        def one(entry: t.Any) -> t.Callable[[], t.Any]:
            def run() -> t.Any:
                self._deadline.check("The comparison")
                return work(entry)

            return run

        return together([one(entry) for entry in entries], min(self._parallel, len(entries)), self._deadline)

    def _object_again(self, entry: Difference) -> tuple[str | None, Difference | None]:
        """The kind that it is now, None for none; the difference is None when the object is on neither side any
        more.
        """
        key = entry.row[KEY]
        listed = entry.source, entry.destination
        if not is_text(key):
            return UNVERIFIABLE, entry._replace(kind=UNVERIFIABLE, reason=NO_TEXT)
        try:
            there = self.head(0, key), self.head(1, key)
        except S3Error as error:
            if error.status not in _OF_ONE_OBJECT:
                raise
            return UNVERIFIABLE, entry._replace(kind=UNVERIFIABLE, reason=f"it cannot be looked at: {error.code}")
        lacking = [side for side in (0, 1) if listed[side] is not None and there[side] is None]
        if lacking and (is_doubtful(key) or any(self._is_listed(side, key) for side in lacking)):
            return UNVERIFIABLE, entry._replace(kind=UNVERIFIABLE, reason=DOUBTFUL if is_doubtful(key) else UNNAMED)
        self._opaque |= any(facts is not None and facts.opaque for facts in there)
        kind, reason = self._judge(*there)
        if there[0] is None and there[1] is None:
            return None, None
        rows = [
            (row or facts.row if facts.hidden else facts.row) if facts else None for facts, row in zip(there, listed)
        ]
        return kind, Difference(kind or entry.kind, rows[0], rows[1], reason)

    def _is_listed(self, side: int, key: bytes) -> bool:
        """Whether a listing has it now: what is gone since is in none."""
        lister = Lister(self._sides[side], key.decode("utf-8"), self._requests, short_way=False)
        return any(row[KEY] == key for row in lister.page_after(None, count=1).rows)

    def _versions_again(
        self, listers: tuple[Lister, Lister], key: bytes, markers: bool
    ) -> tuple[list[Difference], int]:
        rows = [self._all_versions(lister.side, key) for lister in listers]
        compared = compare_versions(*([row for row in side if markers or row[SIZE]] for side in rows))
        settled = [self._version_again(difference) for difference in compared.differences]
        differences = [difference for difference in settled if difference is not None]
        return differences, compared.by_content + compared.by_version_id + len(settled) - len(differences)

    def _all_versions(self, side: Side, key: bytes) -> list[Row]:
        lister = Lister(side, key.decode("utf-8", "replace"), self._requests, versions=True, short_way=False)
        return rows_of(lister, key, self._deadline)

    def _version_again(self, difference: Difference) -> Difference | None:
        """Two versions of one size with other ETags: where these are no MD5 (KMS), only checksums tell.

        None when they are the same.
        """
        source, destination = difference.source, difference.destination
        if difference.kind != MISMATCHED or source is None or destination is None or difference.reason == OTHER_ORDER:
            return difference
        if source[SIZE] != destination[SIZE] or source[ETAG] == destination[ETAG]:
            return difference
        there = self.head(0, source[KEY], source[VERSION_ID]), self.head(1, source[KEY], destination[VERSION_ID])
        if None in there:
            return difference
        kind, reason = judge(*there)
        return Difference(kind, source, destination, reason) if kind else None

    def _closer(self, key: bytes, content: bool) -> tuple[str | None, Difference | None, int]:
        there = self.head(0, key), self.head(1, key)
        kind, reason = self._judge(*there)
        read = 0
        if (
            content
            and kind in (None, UNVERIFIABLE)
            and there[0]
            and there[1]
            and not (there[0].hidden or there[1].hidden)
        ):
            hashes = [self._hash(side, key) for side in (0, 1)]
            read = sum(count for _digest, count in hashes)
            if None in (hashes[0][0], hashes[1][0]):
                kind, reason = UNVERIFIABLE, "it is in an archive class and cannot be read now"
            elif hashes[0] == hashes[1]:
                whole = str(hashes[0][1]).encode() == there[0].row[SIZE]
                kind, reason = (None, "") if whole else (UNVERIFIABLE, "it was given with another number of bytes")
            else:
                kind, reason = MISMATCHED, "the contents differ"
        rows = [facts.row if facts else None for facts in there]
        return kind, Difference(kind or MISMATCHED, rows[0], rows[1], reason) if any(rows) else None, read

    def _judge(self, source: Facts | None, destination: Facts | None) -> tuple[str | None, str]:
        """The kind of difference that two HEADs show, None for none, and why."""
        kind, reason = judge(source, destination)
        if kind not in (None, EXTRA) and source is not None and self._rules.is_young(source.row):
            return PENDING, reason
        if kind == MISSING and source is not None and source.replication_status == "FAILED":
            return kind, "the source says that its replication FAILED"
        return kind, reason

    def head(self, side: int, key: bytes, version: bytes = b"") -> Facts | None:
        """What one side has under a key now, or as one version of it; None for nothing. Raises S3Error."""
        self._requests.add("head")
        name = key.decode("utf-8", "replace")
        bucket = self._sides[side].bucket
        of_version: t.Any = {"VersionId": version.decode("utf-8", "surrogateescape")} if version else {}
        try:
            answer = self._sides[side].call(
                f"HEAD of {show(key)!r}",
                lambda client: client.head_object(Bucket=bucket, Key=name, ChecksumMode="ENABLED", **of_version),
            )
        except S3Error as error:
            if error.not_found:
                return None
            if needs_customer_key(error):
                return Facts((key, b"", b"", b"0"), {}, True, "", hidden=True)
            raise
        return read_facts(key, t.cast("dict[str, t.Any]", answer))

    def _hash(self, side: int, key: bytes) -> tuple[str | None, int]:
        """SHA-256 and size of the content; no hash for what is in an archive."""
        self._requests.add("get")
        name, bucket = key.decode("utf-8", "replace"), self._sides[side].bucket

        def read(client: t.Any) -> tuple[str, int]:
            digest, count = hashlib.sha256(), 0
            body = client.get_object(Bucket=bucket, Key=name)["Body"]
            try:
                while piece := body.read(_PIECE_BYTES):
                    self._deadline.check("The comparison")
                    digest.update(piece)
                    count += len(piece)
            finally:
                body.close()
            return digest.hexdigest(), count

        try:
            return self._sides[side].call("Reading an object", read)
        except S3Error as error:
            if error.code == _ARCHIVED:
                return None, 0
            raise


def read_facts(key: bytes, answer: t.Mapping[str, t.Any]) -> Facts:
    """The facts of a HeadObject answer. Pure."""
    whole = str(answer.get("ChecksumType") or "FULL_OBJECT") == "FULL_OBJECT"
    checksums = {
        name[len(_CHECKSUM) :]: str(value)
        for name, value in answer.items()
        if name.startswith(_CHECKSUM) and name != "ChecksumType" and whole and "-" not in str(value)
    }
    modified = answer.get("LastModified")
    row = (
        key,
        modified.strftime("%Y-%m-%dT%H:%M:%S.000Z").encode() if modified else b"",
        str(answer.get("ETag", "")).strip('"').encode(),
        str(answer.get("ContentLength", 0)).encode(),
    )
    opaque = str(answer.get("ServerSideEncryption", "")) in KMS or bool(answer.get("SSECustomerAlgorithm"))
    return Facts(row, checksums, opaque, str(answer.get("ReplicationStatus", "")))


def judge(source: Facts | None, destination: Facts | None) -> tuple[str | None, str]:
    """What kind of difference there is between what two HEADs say, None for none, and why. Pure."""
    if source is None or destination is None:
        return (None if source is destination else MISSING if destination is None else EXTRA), ""
    if source.hidden or destination.hidden:
        return UNVERIFIABLE, "it is encrypted with a key of the customer (SSE-C), which is needed even to look at it"
    if source.row[SIZE] != destination.row[SIZE]:
        return MISMATCHED, "the sizes differ"
    common = sorted(set(source.checksums) & set(destination.checksums))
    if common:
        differing = [name for name in common if source.checksums[name] != destination.checksums[name]]
        return (MISMATCHED, f"the checksums ({differing[0]}) differ") if differing else (None, "")
    tags = source.row[ETAG], destination.row[ETAG]
    if tags[0] == tags[1] and tags[0]:
        return None, ""
    if source.opaque or destination.opaque or not all(len(tag) == 32 for tag in tags):
        return UNVERIFIABLE, "the ETags differ, and there is no checksum of the whole object on both sides"
    return MISMATCHED, ETAGS_DIFFER
