# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""One S3 bucket and prefix, request by request: what a repository needs of S3, in its words."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import RepositoryError
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_client import Limit, S3Connection
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_errors import S3Error

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._parts import Part
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import (
        CompletedPartTypeDef,
        GetObjectOutputTypeDef,
        ListMultipartUploadsOutputTypeDef,
        ListObjectsV2OutputTypeDef,
        ObjectIdentifierTypeDef,
    )

_NO_UPLOADS = "NoSuchUpload"
_NOTHING_STORED = "Nothing is stored under this name."
_UNKNOWN = "The server may have stored it all the same; it is removed again if the server can be reached."
_WRITER_METADATA = "lifeboat-writer"
_MOST_KEYS = 1000  # of one DeleteObjects request
_MOST_IDLE_PAGES = 10_000  # in a row, of a listing that does not come to another key
ARTIFACT_TAG = ("lifeboat", "artifact")
"""The tag of an artifact, by which a lifecycle rule moves it to another storage class, and nothing beside it."""


@dataclasses.dataclass(frozen=True)
class StoredObject:
    """What HEAD says of an object."""

    size: int
    version_id: str | None
    writer: str  # the token of who wrote it, "" when the object has none


class S3Store:
    """The objects below one prefix of one bucket.

    Every method raises S3Error, which names the object, the endpoint and the next step.
    """

    def __init__(self, connection: S3Connection, name: str = "") -> None:
        self.connection = connection
        self.settings = connection.settings
        self.name = name or connection.settings.name
        self._conditional_writes = True  # until the server says that it has none

    def key(self, path: str) -> str:
        """The object's key in the bucket."""
        return f"{self.settings.prefix}/{path}" if self.settings.prefix else path

    def path(self, key: str) -> str:
        """The path inside the repository of an object's key."""
        return key[len(self.settings.prefix) + 1 :] if self.settings.prefix else key

    def head(self, path: str, limit: Limit | None = None, attempts: int | None = None) -> StoredObject | None:
        """What is stored under this name; None when nothing is."""
        try:
            answer = self.connection.call(
                f"Looking for {self.name}/{path}",
                lambda client: client.head_object(Bucket=self.settings.bucket, Key=self.key(path)),
                limit=limit,
                attempts=attempts,
            )
        except S3Error as error:
            if error.not_found:
                return None
            raise
        return StoredObject(
            answer["ContentLength"], answer.get("VersionId"), answer["Metadata"].get(_WRITER_METADATA, "")
        )

    def refuse_existing(self, path: str, limit: Limit | None = None) -> None:
        """Raise RepositoryError when there is an object of this name."""
        if self.head(path, limit) is not None:
            raise self._exists(path)

    def put(
        self, path: str, part: Part, writer: str, limit: Limit, attempts: int | None = None, *, artifact: bool = False
    ) -> None:
        """Store an object in one request, unless there is one of that name."""
        fixed = {**self._new_object(path, writer, artifact), **self._checksum(part)}
        self._conditionally(
            f"Storing {self.name}/{path}",
            lambda client, condition: client.put_object(Body=part.body(limit.check), **fixed, **condition),
            path,
            writer,
            limit,
            attempts,
        )

    def begin_upload(self, path: str, writer: str, limit: Limit, *, artifact: bool = False) -> str:
        """Begin a multipart upload; its id."""
        fixed = self._new_object(path, writer, artifact)
        if self.settings.checksum_mode == "when_supported":
            fixed["ChecksumAlgorithm"] = "CRC32"
        answer = self.connection.call(
            f"Beginning the upload of {self.name}/{path}",
            lambda client: client.create_multipart_upload(**fixed),
            state=_NOTHING_STORED,
            limit=limit,
        )
        return answer["UploadId"]

    def upload_part(self, path: str, upload_id: str, number: int, part: Part, limit: Limit) -> CompletedPartTypeDef:
        """Send one part; what ``complete_upload`` needs to know of it."""
        checksum = self._checksum(part)
        answer = self.connection.call(
            f"Uploading part {number} of {self.name}/{path}",
            lambda client: client.upload_part(
                Bucket=self.settings.bucket,
                Key=self.key(path),
                UploadId=upload_id,
                PartNumber=number,
                Body=part.body(limit.check),
                **checksum,
            ),
            state=_NOTHING_STORED,
            limit=limit,
        )
        return t.cast("CompletedPartTypeDef", {"PartNumber": number, "ETag": answer["ETag"], **checksum})

    def complete_upload(
        self, path: str, upload_id: str, parts: t.Sequence[CompletedPartTypeDef], writer: str, limit: Limit
    ) -> None:
        """Make the object of its parts, unless there is one of that name by now."""
        self._conditionally(
            f"Completing {self.name}/{path}",
            lambda client, condition: client.complete_multipart_upload(
                Bucket=self.settings.bucket,
                Key=self.key(path),
                UploadId=upload_id,
                MultipartUpload={"Parts": parts},
                **condition,
            ),
            path,
            writer,
            limit,
        )

    def abort_upload(self, path: str, upload_id: str, limit: Limit) -> None:
        """Abort a multipart upload until no part of it is left: a part that was on its way may arrive after the first
        abort.
        """
        for _attempt in range(3):
            try:
                self.connection.call(
                    f"Aborting the upload of {self.name}/{path}",
                    lambda client: client.abort_multipart_upload(
                        Bucket=self.settings.bucket, Key=self.key(path), UploadId=upload_id
                    ),
                    limit=limit,
                )
                self.connection.call(
                    f"Listing the parts of {self.name}/{path}",
                    lambda client: client.list_parts(
                        Bucket=self.settings.bucket, Key=self.key(path), UploadId=upload_id, MaxParts=1
                    ),
                    limit=limit,
                )
            except S3Error as error:
                if error.not_found:
                    return
                raise

    def uploads(self, prefix: str, limit: Limit | None = None) -> t.Iterator[tuple[str, str]]:
        """Path and upload id of every multipart upload that has not been completed, below a key prefix inside the
        repository.
        """
        marker: dict[str, t.Any] = {}
        while True:
            try:
                page = self._uploads_page(prefix, marker, limit)
            except S3Error as error:
                if error.code == _NO_UPLOADS:  # of gofakes3 and rclone serve s3, where there are none
                    return
                raise
            for upload in page.get("Uploads", []):
                yield self._listed(prefix, upload["Key"]), upload["UploadId"]
            if not page.get("IsTruncated"):
                return
            before, key, upload_id = marker, page.get("NextKeyMarker"), page.get("NextUploadIdMarker")
            marker = {"KeyMarker": key, "UploadIdMarker": upload_id}
            if not key or not upload_id or marker == before or (before and key < before["KeyMarker"]):
                raise self._does_not_end(prefix)

    def objects(self, prefix: str, attempts: int | None = None) -> t.Iterator[tuple[str, int, float, str]]:
        """Path, size, time of last change (Unix) and ETag of every object below a key prefix inside the repository,
        sorted by key.
        """
        token: dict[str, t.Any] = {}
        last, idle = b"", 0
        while True:
            page = self._objects_page(prefix, token, attempts)
            before = last
            for item in page.get("Contents", []):
                changed, tag = item["LastModified"].timestamp(), item.get("ETag", "").strip('"')
                last = item["Key"].encode("utf-8", "surrogatepass")
                yield self._listed(prefix, item["Key"]), max(0, item["Size"]), changed, tag
            if not page.get("IsTruncated"):
                return
            following = {"ContinuationToken": page.get("NextContinuationToken")}
            idle = 0 if last > before else idle + 1  # a page may be empty, as where delete markers are passed over
            if not following["ContinuationToken"] or following == token or last < before or idle > _MOST_IDLE_PAGES:
                raise self._does_not_end(prefix)
            token = following

    def _listed(self, prefix: str, key: str) -> str:
        """The path of a key in a listing. Raises RepositoryError for one that was not asked for: cut to a path, it
        would name another object.
        """
        if not key.startswith(self.key(prefix)):
            raise RepositoryError(
                f"{self.name} was asked for what begins with {self.key(prefix)!r}, and listed {key!r}.",
                hint="This server does not list as S3 does. Nothing was changed.",
            )
        return self.path(key)

    def _does_not_end(self, prefix: str) -> RepositoryError:
        return RepositoryError(
            f"The listing of {self.name}/{prefix} does not go forward.",
            hint="The server does not list page by page as S3 does. Nothing was changed.",
        )

    def get(self, path: str, offset: int = 0, etag: str = "") -> GetObjectOutputTypeDef:
        """The answer to a request for an object's bytes from ``offset``, if it is still the one that had this ETag."""
        condition: dict[str, t.Any] = {
            **({"Range": f"bytes={offset}-"} if offset else {}),
            **({"IfMatch": etag} if etag else {}),
        }
        try:
            return self.connection.call(
                f"Reading {self.name}/{path}",
                lambda client: client.get_object(Bucket=self.settings.bucket, Key=self.key(path), **condition),
            )
        except S3Error as error:
            if error.exists:
                raise RepositoryError(
                    f"{self.name}/{path} was replaced while it was read.",
                    hint="Find out who writes there. Use another repository.",
                ) from None
            raise

    def delete(
        self, path: str, version_id: str | None, limit: Limit | None = None, attempts: int | None = None
    ) -> None:
        """Remove one object; the version alone where the bucket has versions, so that no delete marker stays."""
        exact = {"VersionId": version_id} if version_id and version_id != "null" else {}
        try:
            self._delete(path, exact, limit, attempts)
        except S3Error as error:
            if not exact or error.status != 403:
                raise
            self._delete(path, {}, limit, attempts)  # a locked version stays, and a delete marker hides it

    def delete_many(self, paths: t.Sequence[str]) -> None:
        """Remove objects, 1,000 with each request. One that is not there is no error."""
        failed: list[str] = []
        for start in range(0, len(paths), _MOST_KEYS):
            failed += self._delete_batch(paths[start : start + _MOST_KEYS])
        if failed:
            raise RepositoryError(
                f"{len(failed)} of {len(paths)} objects could not be removed from {self.name} at "
                f"{self.settings.endpoint}: " + "; ".join(failed[:5]),
                hint="An object lock or a missing permission (s3:DeleteObject) keeps them. The others are removed.",
                details={"failed": failed},
            )

    def _uploads_page(
        self, prefix: str, marker: dict[str, t.Any], limit: Limit | None
    ) -> ListMultipartUploadsOutputTypeDef:
        return self.connection.call(
            f"Listing unfinished uploads of {self.name}",
            lambda client: client.list_multipart_uploads(
                Bucket=self.settings.bucket, Prefix=self.key(prefix), **marker
            ),
            limit=limit,
        )

    def _objects_page(self, prefix: str, token: dict[str, t.Any], attempts: int | None) -> ListObjectsV2OutputTypeDef:
        return self.connection.call(
            f"Listing {self.name}/{prefix}",
            lambda client: client.list_objects_v2(Bucket=self.settings.bucket, Prefix=self.key(prefix), **token),
            attempts=attempts,
        )

    def _delete_batch(self, paths: t.Sequence[str]) -> list[str]:
        keys: list[ObjectIdentifierTypeDef] = [{"Key": self.key(path)} for path in paths]
        try:
            answer = self.connection.call(
                f"Removing {len(paths)} objects from {self.name}",
                lambda client: client.delete_objects(
                    Bucket=self.settings.bucket, Delete={"Objects": keys, "Quiet": True}
                ),
            )
        except S3Error as error:
            if not error.not_implemented:
                raise
            for path in paths:
                self._delete(path, {})
            return []
        return [
            f"{self.path(fault['Key'])}: {fault.get('Code')} {fault.get('Message', '')}".rstrip()
            for fault in answer.get("Errors", [])
        ]

    def _delete(
        self, path: str, exact: dict[str, t.Any], limit: Limit | None = None, attempts: int | None = None
    ) -> None:
        try:
            self.connection.call(
                f"Removing {self.name}/{path}",
                lambda client: client.delete_object(Bucket=self.settings.bucket, Key=self.key(path), **exact),
                limit=limit,
                attempts=attempts,
            )
        except S3Error as error:
            if not error.not_found:
                raise

    def _conditionally(
        self,
        what: str,
        request: t.Callable[[S3Client, dict[str, t.Any]], object],
        path: str,
        writer: str,
        limit: Limit,
        attempts: int | None = None,
    ) -> None:
        """Make a request that writes an object, on the condition that there is none of that name.

        When an earlier try got through and only its answer was lost, the object bears this writer's token, and all is
        well.
        """
        condition = {"IfNoneMatch": "*"} if self._conditional_writes else {}
        try:
            self.connection.call(
                what,
                lambda client: request(client, condition),
                state=_NOTHING_STORED,
                unanswered=_UNKNOWN,
                limit=limit,
                attempts=attempts,
            )
        except S3Error as error:
            if condition and (
                error.not_implemented or (error.status == 400 and "if-none-match" in error.message.lower())
            ):
                self._conditional_writes = False
                self.refuse_existing(path, limit)
                self._conditionally(what, request, path, writer, limit, attempts)
                return
            if not (error.exists or error.not_found):
                raise
            stored = self.head(path, limit) if error.attempts > 1 or error.exists else None
            if stored is None:
                raise
            if stored.writer != writer:
                raise self._exists(path) from None

    def _new_object(self, path: str, writer: str, artifact: bool) -> dict[str, t.Any]:
        wanted = {
            "Tagging": "=".join(ARTIFACT_TAG) if artifact and self.settings.transitions else None,
            "StorageClass": self.settings.storage_class,
            "ServerSideEncryption": self.settings.server_side_encryption,
            "SSEKMSKeyId": self.settings.kms_key_id,
        }
        return {
            "Bucket": self.settings.bucket,
            "Key": self.key(path),
            "Metadata": {_WRITER_METADATA: writer},
            **{name: value for name, value in wanted.items() if value},
        }

    def _checksum(self, part: Part) -> dict[str, t.Any]:
        return {"ChecksumCRC32": part.crc32()} if self.settings.checksum_mode == "when_supported" else {}

    def _exists(self, path: str) -> RepositoryError:
        return RepositoryError(
            f"{self.name}/{path} at {self.settings.endpoint} exists already, and nothing is ever overwritten.",
            hint="Take a new backup id.",
        )
