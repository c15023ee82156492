# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Has a bucket refuse writes, by one statement of its policy, and asks whether it does.

Whether a write is refused is asked without storing anything: the object that is sent has another MD5 than the request
says. A server that lets the writer in complains of the MD5, and one that does not refuses the writer first.
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_errors import S3Error

SID = "LifeboatFence"
_ACTIONS = ["s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"]
_NO_POLICY = ("NoSuchBucketPolicy", "404")
_REFUSED = ("AccessDenied", "403")
_TAKEN = ("BadDigest", "InvalidDigest", "400")
_PROBE = "lifeboat/fence"
_WRONG_MD5 = "AAAAAAAAAAAAAAAAAAAAAA=="
Policy = dict[str, t.Any]


def read_policy(side: Side) -> Policy:
    """The bucket's policy; one without statements where it has none. Raises LifeboatError."""
    try:
        text: str = side.call("Reading the policy", lambda client: client.get_bucket_policy(Bucket=side.bucket))[
            "Policy"
        ]
    except S3Error as error:
        if error.code not in _NO_POLICY:
            raise
        return {"Version": "2012-10-17", "Statement": []}
    try:
        found = read_json(text)
        return {**found, "Statement": _listed(found.get("Statement") or [])}
    except (AttributeError, TypeError, ValueError):
        raise LifeboatError(
            f"The policy of {side.name} is not one: {text[:80]!r}. Nothing was changed.",
            hint="Look at it (aws s3api get-bucket-policy).",
        ) from None


def is_fenced(policy: Policy) -> bool:
    """Whether it has the statement."""
    return any(statement.get("Sid") == SID for statement in policy["Statement"])


def fenced_policy(policy: Policy, bucket: str, partition: str) -> Policy:
    """The policy with the statement, which comes last. All others stay word by word."""
    statement = {
        "Sid": SID,
        "Effect": "Deny",
        "Principal": "*",
        "Action": _ACTIONS,
        "Resource": f"arn:{partition}:s3:::{bucket}/*",
    }
    return {**policy, "Statement": [*unfenced_policy(policy)["Statement"], statement]}


def unfenced_policy(policy: Policy) -> Policy:
    """The policy without it."""
    return {**policy, "Statement": [one for one in policy["Statement"] if one.get("Sid") != SID]}


def write_policy(side: Side, policy: Policy) -> None:
    """Set the policy, or remove it where it has no statement. Raises LifeboatError."""
    if policy["Statement"]:
        text = json.dumps(policy)
        side.call("Setting the policy", lambda client: client.put_bucket_policy(Bucket=side.bucket, Policy=text))
    else:
        side.call("Removing the policy", lambda client: client.delete_bucket_policy(Bucket=side.bucket))


def partition_of(region: str | None) -> str:
    """The partition of Amazon's that a region belongs to, as ARNs name it."""
    for prefix, partition in (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov")):
        if (region or "").startswith(prefix):
            return partition
    return "aws"


def refuses_writes(writer: Side) -> bool:
    """Whether the bucket refuses a write of this side's credentials now. Raises LifeboatError when nobody can tell."""
    try:
        writer.call(
            "The write that is to be refused",
            lambda client: client.put_object(
                Bucket=writer.bucket, Key=_PROBE, Body=b"is this taken?", ContentMD5=_WRONG_MD5
            ),
            attempts=1,
        )
    except S3Error as error:
        if error.code in _REFUSED:
            return True
        if error.code in _TAKEN:
            return False
        raise
    raise LifeboatError(
        f"{writer.name} has stored {_PROBE} although its MD5 was wrong.",
        hint="Remove the object. This server does not check what it is sent, so nobody can tell whether it is fenced.",
    )


def _listed(statements: t.Any) -> list[dict[str, t.Any]]:
    """A policy with one statement may have it without a list."""
    found = [statements] if isinstance(statements, dict) else list(statements)
    if not all(isinstance(statement, dict) for statement in found):
        raise TypeError("a statement is not an object")
    return found
