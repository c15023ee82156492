# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Copies one object from one bucket to another so that nothing newer is overwritten and the ETag stays where it can.

On one server the server copies by itself; between two servers the bytes pass through here, with a hash of each part.
Limits are S3's: CopyObject takes 5 GiB, an upload 10,000 parts. A copy in the parts of the original has the ETag of the
original.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import threading
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._encryption import (
    CustomerKeyError,
    Encryption,
    needs_customer_key,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._profiles import Profile
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.heal._parts_of import part_sizes
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.heal._tags import TagCopier
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.heal._wanted import ABSENT, Wanted
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_errors import S3Error

MIB = 1 << 20
LARGEST_COPY = 5 << 30
STREAMED_PART = 64 * MIB  # what is held in memory of a large object
SMALL = 8 * MIB  # of these every thread may hold one, of larger ones only one thread at a time
SERVER_PART = 512 * MIB

SERVER, STREAM = "server", "stream"
_KEPT = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
    "Metadata",
    "WebsiteRedirectLocation",
)
_MD5 = re.compile(r"[0-9a-f]{32}")


class ConflictError(Exception):
    """The target has another object under this key by now. It was left alone."""


class ChangedError(Exception):
    """The original is not what was listed: changed or gone. Nothing was copied."""


class Copier:
    """Copies from one side to another. Every method may be called from any thread.

    ``profile`` is that of the target's server. ``race_free`` tells whether conditions are checked by the server in the
    same moment.
    """

    def __init__(
        self,
        origin: Side,
        target: Side,
        profile: Profile,
        method: str,
        deadline: Deadline,
        count: t.Callable[[str], None],
        origin_kind: str = "",
    ) -> None:
        self._origin = origin
        self._target = target
        self._method = method
        self._deadline = deadline
        self._count = count
        self.tags = TagCopier(origin, target, count)
        self.unlocked = 0  # originals under a retention or a legal hold of their own
        self._counting = threading.Lock()
        self._large = threading.Semaphore(1)
        self._copy_conditions = profile.copy_conditions and _takes(target, "CopyObject")
        self._put_conditions = (
            profile.put_conditions and _takes(target, "PutObject") and _takes(target, "CompleteMultipartUpload")
        )
        self._storage_class = (
            {"StorageClass": target.options["storage_class"]} if target.options.get("storage_class") else {}
        )
        self.race_free = self._put_conditions and profile.name not in ("generic", "versitygw")
        self._look_first = not self.race_free
        shared = method == SERVER and origin.region == target.region
        self.encryption = Encryption(
            origin, target, shared_keys=shared, kinds=(origin_kind or profile.name, profile.name)
        )

    def copy(self, wanted: Wanted) -> str:
        """Copy one object. Gives the version id of the copy, empty where there are no versions.

        Raises ConflictError, ChangedError, CustomerKeyError, DamagedError or S3Error.
        """
        if wanted.condition and self._look_first:
            self._look(wanted)
        try:
            if self._method == STREAM:
                return self._streamed(wanted)
            return self._by_server(wanted)
        except S3Error as error:
            if error.exists or error.code == "ConditionalRequestConflict":
                return self._conflict(wanted, error)
            if error.code in ("NoSuchKey", "NoSuchVersion") or error.not_found:
                raise ChangedError from None
            if needs_customer_key(error):
                raise CustomerKeyError(self._origin.name, wanted.key) from None
            raise

    # --- conditions ---

    def _look(self, wanted: Wanted) -> None:
        """The check of a server that has none of its own, or of which that is not known."""
        found = self._head_target(wanted.key)
        if (wanted.condition == ABSENT) != (found is None) or (
            found is not None and _bare(found["ETag"]) != wanted.condition
        ):
            raise ConflictError

    def _conflict(self, wanted: Wanted, error: S3Error) -> str:
        """A refused condition is about the target, about the original, or about a copy of ours whose answer was
        lost.
        """
        found = self._head_target(wanted.key)
        if found is not None and wanted.etag and _bare(found["ETag"]) == wanted.etag:
            return str(found.get("VersionId", ""))
        if found is not None and wanted.condition not in (ABSENT, "") and _bare(found["ETag"]) == wanted.condition:
            raise ChangedError from None
        if found is None and wanted.condition == ABSENT:
            raise ChangedError from None
        raise ConflictError from error

    def _head_target(self, key: str) -> dict[str, t.Any] | None:
        self._count("head")
        try:
            return t.cast(
                "dict[str, t.Any]",
                self._target.call(
                    f"A look at {key!r}", lambda client: client.head_object(Bucket=self._target.bucket, Key=key)
                ),
            )
        except S3Error as error:
            if error.not_found:
                return None
            raise

    def _condition(self, wanted: Wanted) -> dict[str, str]:
        """The headers of a write."""
        if not wanted.condition or not self._put_conditions:
            return {}
        return {"IfNoneMatch": "*"} if wanted.condition == ABSENT else {"IfMatch": f'"{wanted.condition}"'}

    # --- by the server itself ---

    def _by_server(self, wanted: Wanted) -> str:
        sizes = self._sizes(wanted)
        in_one = wanted.size <= LARGEST_COPY and not sizes
        if not in_one:
            return self._multipart(wanted, sizes or _even(wanted.size, SERVER_PART), by_server=True)
        if wanted.condition and self._put_conditions and not self._copy_conditions:
            return self._streamed(wanted)  # its CopyObject forgets the condition, its PutObject does not
        facts = self._facts(wanted)
        self._note_lock(facts)
        encryption = self.encryption.headers(wanted.key, facts)
        redirect = {name: facts[name] for name in ("WebsiteRedirectLocation",) if facts.get(name)}  # all else it keeps
        self._count("copy")
        condition = self._condition(wanted) if self._copy_conditions else {}
        answer: t.Any = self._target.call(
            f"Copying {wanted.key!r}",
            lambda client: client.copy_object(
                Bucket=self._target.bucket,
                Key=wanted.key,
                CopySource=self._copy_source(wanted),
                CopySourceIfMatch=f'"{wanted.etag}"',
                **self._storage_class,
                **t.cast(t.Any, {**redirect, **encryption, **condition}),
            ),
        )
        return str(answer.get("VersionId", ""))

    def _facts(self, wanted: Wanted) -> dict[str, t.Any]:
        """What belongs to the original."""
        version: t.Any = {"VersionId": wanted.version_id} if wanted.version_id else {"IfMatch": f'"{wanted.etag}"'}
        self._count("head")
        answer: t.Any = self._origin.call(
            f"A look at {wanted.key!r}",
            lambda client: client.head_object(Bucket=self._origin.bucket, Key=wanted.key, **version),
        )
        return t.cast("dict[str, t.Any]", answer)

    def _copy_source(self, wanted: Wanted) -> t.Any:
        version = {"VersionId": wanted.version_id} if wanted.version_id else {}
        return {"Bucket": self._origin.bucket, "Key": wanted.key, **version}

    def _sizes(self, wanted: Wanted) -> list[int]:
        """The parts of an original that was uploaded in parts; empty when it was not, or when they cannot be known."""
        if "-" not in wanted.etag:
            return []
        self._count("head")
        return part_sizes(self._origin, wanted.key, wanted.version_id, wanted.etag, wanted.size)

    # --- through this process ---

    def _streamed(self, wanted: Wanted) -> str:
        sizes = self._sizes(wanted)
        if sizes and max(sizes) <= STREAMED_PART:
            return self._multipart(wanted, sizes, by_server=False)
        if wanted.size > STREAMED_PART:
            return self._multipart(wanted, _even(wanted.size, STREAMED_PART), by_server=False)
        if wanted.size > SMALL:
            with self._large:
                return self._streamed_in_one(wanted)
        return self._streamed_in_one(wanted)

    def _streamed_in_one(self, wanted: Wanted) -> str:
        self._deadline.check("Copying")
        facts, body = self._read(wanted, wanted.size)
        if not facts.get("TagCount"):
            self.tags.probe(wanted)
        digest = hashlib.md5(body, usedforsecurity=False)
        plain = str(facts.get("ServerSideEncryption", "AES256")) == "AES256" and not facts.get("SSECustomerAlgorithm")
        if _MD5.fullmatch(wanted.etag) and plain and digest.hexdigest() != wanted.etag:
            raise DamagedError(
                f"{self._origin.name}: the content of {wanted.key!r} does not have the MD5 that its ETag says. It was "
                "not copied.",
                hint=(
                    "The original is damaged, or its server's ETags are no MD5: look at it before you trust either "
                    "side."
                ),
            )
        self._count("put")
        md5 = base64.b64encode(digest.digest()).decode()
        answer: t.Any = self._target.call(
            f"Writing {wanted.key!r}",
            lambda client: client.put_object(
                Bucket=self._target.bucket,
                Key=wanted.key,
                Body=body,
                ContentMD5=md5,
                **self._properties(wanted, facts),
                **t.cast(t.Any, self._condition(wanted)),
            ),
        )
        return str(answer.get("VersionId", ""))

    def _read(self, wanted: Wanted, size: int, content_range: str = "") -> tuple[dict[str, t.Any], bytes]:
        """An object, or a range of it, of ``size`` bytes, and what belongs to it. Reading is made again when the
        connection breaks. Raises DamagedError for another number of bytes.
        """
        parameters: dict[str, t.Any] = (
            {"VersionId": wanted.version_id} if wanted.version_id else {"IfMatch": f'"{wanted.etag}"'}
        )
        if content_range:
            parameters["Range"] = content_range
        self._count("get")

        def get(client: t.Any) -> tuple[dict[str, t.Any], bytes]:
            answer = client.get_object(Bucket=self._origin.bucket, Key=wanted.key, **parameters)
            body = answer["Body"]  # not as a context manager: that gives the raw stream, whose errors are urllib3's own
            try:
                return answer, body.read()
            finally:
                body.close()

        facts, body = self._origin.call(f"Reading {wanted.key!r}", get)
        if len(body) != size:
            asked = f"{size} bytes ({content_range})" if content_range else f"the {size} bytes that it lists"
            raise DamagedError(
                f"{self._origin.name} was asked for {asked} of {wanted.key!r}, and gave {len(body)}. "
                "It was not copied.",
                hint="This server does not answer as S3 does, or something between it and here changes its answers.",
            )
        return facts, body

    def _properties(self, wanted: Wanted, facts: t.Mapping[str, t.Any], *, of_head: bool = False) -> dict[str, t.Any]:
        """Metadata, tags, class and encryption of the copy. To a HEAD, many servers say nothing of tags."""
        self._note_lock(facts)
        kept = {name: facts[name] for name in _KEPT if facts.get(name)}
        if facts.get("TagCount") or of_head:
            tagging = self.tags.read(wanted, known=bool(facts.get("TagCount")))
            kept.update({"Tagging": tagging} if tagging else {})
        return {**kept, **self._storage_class, **self.encryption.headers(wanted.key, facts)}

    def _note_lock(self, facts: t.Mapping[str, t.Any]) -> None:
        """A copy is locked as its bucket says, and never as its original was."""
        if facts.get("ObjectLockMode") or facts.get("ObjectLockLegalHoldStatus") == "ON":
            with self._counting:
                self.unlocked += 1

    # --- in parts ---

    def _multipart(self, wanted: Wanted, sizes: t.Sequence[int], *, by_server: bool) -> str:
        """Completed as a whole or aborted: an interrupted copy is nothing that can be seen."""
        properties = self._properties(wanted, self._facts(wanted), of_head=True)
        self._count("put")
        upload = self._target.call(
            f"Beginning a copy in parts of {wanted.key!r}",
            lambda client: client.create_multipart_upload(Bucket=self._target.bucket, Key=wanted.key, **properties),
        )["UploadId"]
        try:
            with self._large:
                parts = self._parts(wanted, sizes, upload, by_server=by_server)
            self._count("put")
            answer: t.Any = self._target.call(
                f"Completing a copy in parts of {wanted.key!r}",
                lambda client: client.complete_multipart_upload(
                    Bucket=self._target.bucket,
                    Key=wanted.key,
                    UploadId=upload,
                    MultipartUpload=t.cast(t.Any, {"Parts": parts}),
                    **t.cast(t.Any, self._condition(wanted)),
                ),
            )
        except BaseException:
            self._abort(wanted.key, upload)
            raise
        version = str(answer.get("VersionId", ""))
        if properties.get("Tagging"):
            self.tags.make_sure(wanted.key, version, properties["Tagging"])
        return version

    def _abort(self, key: str, upload: str) -> None:
        with contextlib.suppress(
            S3Error
        ):  # the error on its way out is the one to show; a lifecycle rule aborts what is left
            self._target.call(
                "Aborting a copy in parts",
                lambda client: client.abort_multipart_upload(Bucket=self._target.bucket, Key=key, UploadId=upload),
                attempts=2,
            )

    def _parts(self, wanted: Wanted, sizes: t.Sequence[int], upload: str, *, by_server: bool) -> list[dict[str, t.Any]]:
        parts, start = [], 0
        for number, size in enumerate(sizes, 1):
            self._deadline.check("Copying")
            make = self._part_by_server if by_server else self._part_through_here
            parts.append({"PartNumber": number, "ETag": make(wanted, upload, number, start, size)})
            start += size
        return parts

    def _part_by_server(self, wanted: Wanted, upload: str, number: int, start: int, size: int) -> str:
        self._count("copy")
        answer: t.Any = self._target.call(
            f"Copying a part of {wanted.key!r}",
            lambda client: client.upload_part_copy(
                Bucket=self._target.bucket,
                Key=wanted.key,
                UploadId=upload,
                PartNumber=number,
                CopySource=self._copy_source(wanted),
                CopySourceRange=_range(start, size),
                CopySourceIfMatch=f'"{wanted.etag}"',
            ),
        )
        return str(answer["CopyPartResult"]["ETag"])

    def _part_through_here(self, wanted: Wanted, upload: str, number: int, start: int, size: int) -> str:
        _facts, body = self._read(wanted, size, _range(start, size))
        md5 = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        self._count("put")
        answer: t.Any = self._target.call(
            f"Writing a part of {wanted.key!r}",
            lambda client: client.upload_part(
                Bucket=self._target.bucket,
                Key=wanted.key,
                UploadId=upload,
                PartNumber=number,
                Body=body,
                ContentMD5=md5,
            ),
        )
        return str(answer["ETag"])


def _range(start: int, size: int) -> str:
    return f"bytes={start}-{start + size - 1}"


def _takes(side: Side, operation: str) -> bool:
    """Whether this botocore knows conditions on the operation; older ones do not."""
    shape = side.client.meta.service_model.operation_model(operation).input_shape
    return shape is not None and {"IfNoneMatch", "IfMatch"} <= set(shape.members)


def _bare(etag: t.Any) -> str:
    return str(etag).strip('"')


def _even(size: int, part: int) -> list[int]:
    """Equal parts, of ``part`` bytes or more, at most 10,000."""
    part = max(part, -(-size // 10_000))
    return [min(part, size - start) for start in range(0, size, part)]
