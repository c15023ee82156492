# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""How a bucket is set up now, read without changing anything.

What a server does not have is told apart from what is not set.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access import _object_lock
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_errors import S3Error

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side
    from mypy_boto3_s3 import S3Client

# An answer with one of these says that nothing is set.
_NOT_SET = {
    "NoSuchBucketPolicy",
    "NoSuchLifecycleConfiguration",
    "NoSuchPublicAccessBlockConfiguration",
    "ObjectLockConfigurationNotFoundError",
    "ReplicationConfigurationNotFoundError",
}
_EVERYBODY = ("/groups/global/AllUsers", "/groups/global/AuthenticatedUsers")


@dataclasses.dataclass(frozen=True)
class Setup:
    """One bucket. ``missing`` names the APIs that the server does not have: ``replication``, ``lifecycle``,
    ``object_lock``.

    ``public_access`` is ``blocked`` (nothing can make it public), ``closed`` (it is not public now), ``public`` or
    ``unknown``.
    """

    versioning: str = ""  # Enabled, Suspended, or never set
    role: str = ""
    rules: tuple[dict[str, t.Any], ...] = ()  # S3's shape, as read
    lifecycle: tuple[dict[str, t.Any], ...] = ()
    lifecycle_minimum_size: str = ""
    lock: _object_lock.Lock = dataclasses.field(default_factory=_object_lock.Lock)
    public_access: str = "unknown"
    missing: frozenset[str] = frozenset()


def read_setup(side: Side, *, public_access: bool = True) -> Setup:
    """The bucket's setup. Raises S3Error on anything but "not set" and "the server does not have this"."""
    bucket, missing = side.bucket, set()

    def ask(what: str, request: t.Callable[[S3Client], t.Any]) -> dict[str, t.Any]:
        try:
            return dict(side.call(f"Reading the {what}", request))
        except S3Error as error:
            if error.code in _NOT_SET:
                return {}
            if error.not_implemented:
                missing.add(what)
                return {}
            raise

    versioning = ask("versioning", lambda client: client.get_bucket_versioning(Bucket=bucket))
    # radosgw answers {"Role": ""} without rules after a configuration was removed
    replication = (
        ask("replication", lambda client: client.get_bucket_replication(Bucket=bucket)).get("ReplicationConfiguration")
        or {}
    )
    lifecycle = ask("lifecycle", lambda client: client.get_bucket_lifecycle_configuration(Bucket=bucket))
    lock = ask("object_lock", lambda client: client.get_object_lock_configuration(Bucket=bucket)).get(
        "ObjectLockConfiguration"
    )
    return Setup(
        versioning=versioning.get("Status", ""),
        role=replication.get("Role", ""),
        rules=tuple(replication.get("Rules") or ()),
        lifecycle=tuple(lifecycle.get("Rules") or ()),
        lifecycle_minimum_size=lifecycle.get("TransitionDefaultMinimumObjectSize") or "",
        lock=_object_lock.from_wire(lock),
        public_access=_public_access(side) if public_access else "unknown",
        missing=frozenset(missing),
    )


def _public_access(side: Side) -> str:
    """Best knowledge: an answer that is refused or missing makes it ``unknown``, never ``closed``."""
    try:
        blocked: t.Any = side.call(
            "Reading the public access block",
            lambda client: client.get_public_access_block(Bucket=side.bucket),
            attempts=2,
        )["PublicAccessBlockConfiguration"]
        if all(
            blocked.get(key)
            for key in ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        ):
            return "blocked"
    except S3Error as error:
        if error.code not in _NOT_SET and not error.not_implemented:
            return "unknown"
    return _by_acl_and_policy(side)


def _by_acl_and_policy(side: Side) -> str:
    try:
        acl: t.Any = side.call(
            "Reading the access control list", lambda client: client.get_bucket_acl(Bucket=side.bucket), attempts=2
        )
        if any(grant.get("Grantee", {}).get("URI", "").endswith(_EVERYBODY) for grant in acl.get("Grants", [])):
            return "public"
    except S3Error:
        return "unknown"
    try:
        status: t.Any = side.call(
            "Reading the policy's status",
            lambda client: client.get_bucket_policy_status(Bucket=side.bucket),
            attempts=2,
        )
        if (status.get("PolicyStatus") or {}).get("IsPublic"):
            return "public"
    except S3Error as error:
        if error.code not in _NOT_SET:
            return "unknown"
    return "closed"


def bucket_of_arn(arn: str) -> str:
    """``arn:aws:s3:::name``, of any partition, or the bare name → ``name``."""
    return arn.rpartition(":")[2]


def read_configuration(source: Side, destination: Side) -> dict[str, t.Any]:
    """What is set up for replication on both sides, and the ``problems`` in it: why nothing, or not everything, is
    replicated.
    """
    here, there = read_setup(source, public_access=False), read_setup(destination, public_access=False)
    rules = [
        rule
        for rule in here.rules
        if bucket_of_arn(rule.get("Destination", {}).get("Bucket", "")) == destination.bucket
    ]
    enabled = [rule for rule in rules if rule.get("Status") == "Enabled"]
    problems = [
        f"versioning of the {role} is {setup.versioning or 'not enabled'}"
        for role, setup in (("source", here), ("destination", there))
        if setup.versioning != "Enabled"
    ]
    if "replication" in here.missing:
        problems.append(
            "the server has no replication API, so nobody can tell from the configuration what copies the objects"
        )
    elif not enabled:
        problems.append(
            "the source has no enabled rule for this destination" + (f" ({len(rules)} are disabled)" if rules else "")
        )
    return {
        "problems": problems,
        "source": {"versioning": here.versioning, "rules": len(here.rules)},
        "destination": {"versioning": there.versioning},
        "rules": [
            {
                "id": rule.get("ID", ""),
                "enabled": rule in enabled,
                "metrics": rule.get("Destination", {}).get("Metrics", {}).get("Status") == "Enabled",
            }
            for rule in rules
        ],
    }
