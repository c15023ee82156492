# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Versions and locks of the objects of a repository in S3: what it takes to delete them for good.

A plain DELETE in a bucket with versions only hides an object behind a delete marker, also when the object is locked:
the bytes stay, and are paid for (Amazon S3 user guide, "Deleting object versions from a versioning-enabled bucket").
"""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import RepositoryError
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_errors import S3Error

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._s3_store import S3Store
    from mypy_boto3_s3.type_defs import ListObjectVersionsOutputTypeDef, ObjectIdentifierTypeDef

_MOST_KEYS = 1000  # of one DeleteObjects request
_NO_CONFIGURATION = ("ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration")
_FOR_EVER = datetime.datetime.max.replace(tzinfo=datetime.timezone.utc)


def erase_versions(store: S3Store, prefix: str) -> None:
    """Delete every version and every delete marker below the key prefix. Raises RepositoryError with what stays."""
    identifiers: list[ObjectIdentifierTypeDef] = []
    for page in _version_pages(store, prefix):
        for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            identifiers.append({"Key": entry["Key"], "VersionId": entry["VersionId"]})
    failed: list[str] = []
    for start in range(0, len(identifiers), _MOST_KEYS):
        failed += _delete(store, identifiers[start : start + _MOST_KEYS])
    if failed:
        raise RepositoryError(
            f"{len(failed)} of {len(identifiers)} versions below {store.name}/{prefix} could not be deleted: "
            + "; ".join(failed[:5]),
            hint="An object lock or a missing permission (s3:DeleteObjectVersion) keeps them. The others are deleted.",
            details={"failed": failed},
        )


def has_object_lock(store: S3Store) -> bool:
    """Whether objects of this bucket can be locked. Raises S3Error when the server does not say."""
    try:
        answer = store.connection.call(
            f"Asking for the object lock of {store.settings.bucket}",
            lambda client: client.get_object_lock_configuration(Bucket=store.settings.bucket),
        )
    except S3Error as error:
        if error.code in _NO_CONFIGURATION or error.not_found or error.not_implemented:
            return False
        raise
    return answer.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled"


def latest_lock(store: S3Store, prefix: str) -> datetime.datetime | None:
    """The latest time at which a lock of a version below the prefix ends; None when nothing is locked now."""
    now = datetime.datetime.now(datetime.timezone.utc)
    ends: list[datetime.datetime] = []
    for page in _version_pages(store, prefix):
        for entry in page.get("Versions", []):
            ends += _locks_of(store, entry["Key"], entry["VersionId"])
    return max((end for end in ends if end > now), default=None)


def _locks_of(store: S3Store, key: str, version_id: str) -> list[datetime.datetime]:
    answer = store.connection.call(
        f"Asking for the lock of {store.name}/{store.path(key)}",
        lambda client: client.head_object(Bucket=store.settings.bucket, Key=key, VersionId=version_id),
    )
    held = [_FOR_EVER] if answer.get("ObjectLockLegalHoldStatus") == "ON" else []
    until = answer.get("ObjectLockRetainUntilDate")
    return [*held, until] if until else held


def _version_pages(store: S3Store, prefix: str) -> t.Iterator[ListObjectVersionsOutputTypeDef]:
    marker: dict[str, t.Any] = {}
    while True:
        page = store.connection.call(
            f"Listing the versions below {store.name}/{prefix}",
            lambda client, marker=marker: client.list_object_versions(  # type: ignore[misc]
                Bucket=store.settings.bucket, Prefix=store.key(prefix), **marker
            ),
        )
        yield page
        if not page.get("IsTruncated"):
            return
        marker = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page.get("NextVersionIdMarker", "")}


def _delete(store: S3Store, identifiers: list[ObjectIdentifierTypeDef]) -> list[str]:
    answer = store.connection.call(
        f"Deleting {len(identifiers)} versions from {store.name}",
        lambda client: client.delete_objects(
            Bucket=store.settings.bucket, Delete={"Objects": identifiers, "Quiet": True}
        ),
    )
    return [
        f"{store.path(fault['Key'])}: {fault.get('Code')} {fault.get('Message', '')}".rstrip()
        for fault in answer.get("Errors", [])
    ]
