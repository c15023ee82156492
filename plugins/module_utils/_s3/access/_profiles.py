# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What each S3 server can do, and how to find out by itself which one answers. Only read requests are made.

Facts were observed on ministack 1.5.33, radosgw 16.2.15 and VersityGW 1.8.0; those on MinIO and RustFS come from their
source code.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access import _clock
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_errors import SKEWED, S3Error

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side

WITHOUT_REPLICATION = (
    "s3_replication_info works with it, and s3_recover too (resynced by copying, undeleted, failed_back)."
)


@dataclasses.dataclass(frozen=True)
class Profile:
    """What one kind of server can do.

    ``drops`` are fields of a normalised rule that the server takes and forgets. ``between`` says where the destination
    can be: in buckets of the same server, in another zone, or unknown. ``refusal`` is why replication cannot be
    configured, empty when it can be.
    """

    name: str
    drops: frozenset[str] = frozenset()
    effective: t.Mapping[str, t.Any] = dataclasses.field(
        default_factory=dict
    )  # what a dropped field amounts to, where that is not off
    between: str = "unknown"  # one_server | zones | unknown
    refusal: str = ""
    needs_role: bool = False
    copy_conditions: bool = True  # CopyObject obeys If-None-Match and If-Match
    put_conditions: bool = True  # PutObject and CompleteMultipartUpload obey them
    keeps_version_ids: bool = False
    same_bucket_name: bool = False  # a replica lands in the bucket of the source's name, whatever the rule says
    batch: bool = False
    stamps_status: bool = False  # what a rule takes up has x-amz-replication-status, and nothing else has

    def capabilities(self) -> dict[str, t.Any]:
        """What the result tells."""
        return {
            "replication": not self.refusal,
            "ignored_rule_fields": sorted(self.drops),
            "keeps_version_ids": self.keeps_version_ids,
            "conditional_copy": self.copy_conditions,
            "conditional_put": self.put_conditions,
            "batch_jobs": self.batch,
        }


AWS = Profile("aws", between="one_server", needs_role=True, keeps_version_ids=True, batch=True, stamps_status=True)
CEPH = Profile(
    "ceph",
    drops=frozenset(
        {
            "delete_markers",
            "replication_time",
            "metrics",
            "replica_modifications",
            "kms_key_arn",
            "account_id",
            "owner_override",
            "role",
        }
    ),
    effective={"delete_markers": True},
    between="zones",
    copy_conditions=False,  # radosgw 16 answers 200 and overwrites
    put_conditions=False,
    keeps_version_ids=True,
    same_bucket_name=True,
)
MINISTACK = Profile(  # its PutObject obeys conditions, its CopyObject does not
    "ministack", between="one_server", copy_conditions=False, stamps_status=True
)
GENERIC = Profile("generic", copy_conditions=False)
_BY_NAME = {profile.name: profile for profile in (AWS, CEPH, MINISTACK, GENERIC)}
BACKENDS = ("auto", *_BY_NAME)

_OWN_ADMIN = "configures replication with its own admin protocol, not with S3's PutBucketReplication"
_CEPH_REQUEST_ID = re.compile(r"^tx[0-9a-f]{17,}-[0-9a-f]+-[0-9a-f]+-")


def identify(headers: t.Mapping[str, str]) -> str:
    """The server's kind by the headers (lower-case names) of any answer: a profile, ``versitygw``, ``minio``,
    ``rustfs`` or ``generic``.
    """
    server = headers.get("server", "").lower()
    for word, kind in (
        ("amazons3", "aws"),
        ("ceph", "ceph"),
        ("versitygw", "versitygw"),
        ("minio", "minio"),
        ("rustfs", "rustfs"),
    ):
        if word in server:
            return kind
    if _CEPH_REQUEST_ID.match(headers.get("x-amz-request-id", "")):
        return "ceph"
    if not server and "x-amzn-requestid" in headers and "x-amz-bucket-arn" in headers:
        return "ministack"
    return "generic"


def profile_of(kind: str) -> Profile:
    """The profile of what ``identify`` gave, or of the option ``backend``."""
    if kind in ("minio", "rustfs"):
        return dataclasses.replace(GENERIC, name=kind, refusal=_OWN_ADMIN)
    if kind == "versitygw":
        return dataclasses.replace(GENERIC, name=kind, refusal="has no replication API (it answers 501)")
    return _BY_NAME[kind]


@dataclasses.dataclass(frozen=True)
class ServerProfile:
    """What the first look at a bucket tells.

    ``region`` is empty where the server does not say; ``ahead`` is its clock, by ours.
    """

    profile: Profile
    region: str
    ahead: datetime.timedelta = datetime.timedelta()


def find_profile(side: Side, backend: str = "auto") -> ServerProfile:
    """The profile of the server behind one side: by its answer to HeadBucket, or as the option says.

    Raises LifeboatError.
    """
    try:
        answer: t.Any = side.call("The look at the bucket", lambda client: client.head_bucket(Bucket=side.bucket))
    except S3Error as error:
        raise _explained(side, error) from None
    headers = {str(name).lower(): str(value) for name, value in answer["ResponseMetadata"]["HTTPHeaders"].items()}
    kind = identify(headers) if backend == "auto" else backend
    return ServerProfile(profile_of(kind), headers.get("x-amz-bucket-region", ""), _clock.ahead(headers))


def _explained(side: Side, error: S3Error) -> LifeboatError:
    """HeadBucket answers have no body, so the status is all there is."""
    option = f"{side.role}.bucket: {side.bucket!r}"
    if error.status == 404:
        return LifeboatError(
            f"{option} does not exist at {side.settings.endpoint}. Nothing was changed.",
            hint=f"Create it, or correct {side.role}.bucket, region or endpoint_url.",
            details=error.details,
        )
    if error.status == 403 and error.code != SKEWED:
        return LifeboatError(
            f"{option}: {side.settings.endpoint} refuses these credentials. Nothing was changed.",
            hint=f"Check access_key, secret_key and profile of {side.role}; this key needs "
            "s3:ListBucket on the bucket.",
            details=error.details,
        )
    if error.status == 301 or error.region:
        there = f"is in the region {error.region!r}" if error.region else "is in another region"
        return LifeboatError(
            f"{option} {there}, and {side.role}.region is {side.region!r}. Nothing was changed.",
            hint=f"Set {side.role}.region to {error.region or 'the region of the bucket'}.",
            details=error.details,
        )
    return error
