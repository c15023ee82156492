# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Measures how long replication takes with an object of its own: put it into the source, wait for it at the
destination, remove it.

It works on every server, needs no metrics, and proves that replication works now, which no configuration can.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import datetime
import hashlib
import secrets
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_errors import S3Error

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._listing import Requests
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side

FOLDER = ".lifeboat-canary/"
FAILED = "FAILED"
_BYTES = 64
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.05, 2.0
_ABANDONED = datetime.timedelta(hours=1)


@dataclasses.dataclass
class Canary:
    """What became of the probe. ``lag_seconds`` is None when it did not arrive within ``waited_seconds``.

    ``replication_status`` is what the source said of it while it was not there, such as PENDING or FAILED; empty where
    it says nothing.
    """

    key: str
    arrived: bool = False
    lag_seconds: float | None = None
    waited_seconds: float = 0.0
    reason: str = ""
    replication_status: str = ""
    leftovers: list[str] = dataclasses.field(default_factory=list)

    def to_dict(self) -> dict[str, t.Any]:
        """For a result."""
        return dataclasses.asdict(self)


def send_canary(
    source: Side, destination: Side, prefix: str, seconds: float, requests: Requests, deadline: Deadline
) -> Canary:
    """Put a probe below ``prefix`` into the source and wait at most ``seconds`` for the same bytes at the destination.

    The probe is removed from both sides, with its version; ``leftovers`` names what could not be. Raises S3Error when
    the source takes none.
    """
    _sweep(source, destination, prefix, requests)
    canary = Canary(f"{prefix}{FOLDER}{secrets.token_hex(12)}")
    content = secrets.token_bytes(_BYTES)
    digest = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
    requests.add("put")
    put = source.call(
        "Putting the canary",
        lambda client: client.put_object(
            Bucket=source.bucket, Key=canary.key, Body=content, ContentMD5=digest
        ),  # a lock demands the MD5
    )
    began = time.monotonic()
    found: str | None = None
    try:
        found = _wait_for(source, destination, canary, content, began, seconds, requests, deadline)
    finally:
        canary.waited_seconds = round(time.monotonic() - began, 3)
        _remove(source, canary, str(put.get("VersionId") or ""), requests)
        if found is not None:
            _remove(destination, canary, found, requests)
    if not canary.arrived:
        told = (
            f", and the source says that its replication is {canary.replication_status}"
            if canary.replication_status
            else ""
        )
        canary.reason = canary.reason or f"it was not at the destination after {canary.waited_seconds:g} s{told}"
        canary.leftovers.append(
            f"{destination.settings.name}/{canary.key} (should it still arrive; the next canary removes it)"
        )
    return canary


def _wait_for(
    source: Side,
    destination: Side,
    canary: Canary,
    content: bytes,
    began: float,
    seconds: float,
    requests: Requests,
    deadline: Deadline,
) -> str | None:
    """The version id at the destination ("" where there is none); None when nothing came. ``canary`` learns of it."""
    wait = _FIRST_WAIT_SECONDS
    while True:
        deadline.check("The canary")
        requests.add("get")
        try:
            version, read = destination.call(
                "Reading the canary", lambda client: _read(client, destination.bucket, canary.key)
            )
        except S3Error as error:
            if not error.not_found:
                raise
        else:
            canary.arrived = read == content
            canary.lag_seconds = round(time.monotonic() - began, 3) if canary.arrived else None
            canary.reason = "" if canary.arrived else "what arrived at the destination has other bytes"
            return version
        canary.replication_status = _status(source, canary.key, requests)
        if canary.replication_status == FAILED:
            canary.reason = (
                "the source says that its replication FAILED: look at the rights of the role, at the policy and the "
                "versioning of the "
                "destination, and at its KMS key"
            )
            return None
        left = seconds - (time.monotonic() - began)
        if left <= 0:
            return None
        time.sleep(min(wait, left, deadline.remaining(wait)))
        wait = min(2 * wait, _LONGEST_WAIT_SECONDS)


def _status(source: Side, key: str, requests: Requests) -> str:
    """What the source says of the replication of the probe; a server without such a status says nothing."""
    requests.add("head")
    try:
        answer: t.Any = source.call(
            "A look at the canary", lambda client: client.head_object(Bucket=source.bucket, Key=key), attempts=1
        )
    except LifeboatError:
        return ""
    return str(answer.get("ReplicationStatus") or "")


def _read(client: t.Any, bucket: str, key: str) -> tuple[str, bytes]:
    answer = client.get_object(Bucket=bucket, Key=key)
    with contextlib.closing(answer["Body"]) as body:
        return str(answer.get("VersionId") or ""), body.read()


def _remove(side: Side, canary: Canary, version: str, requests: Requests) -> None:
    """With its version id, so that neither a version nor a delete marker stays.

    A lock may forbid it; that is no failure.
    """
    requests.add("delete")
    named: dict[str, t.Any] = {"VersionId": version} if version else {}
    try:
        side.call(
            "Removing the canary",
            lambda client: client.delete_object(Bucket=side.bucket, Key=canary.key, **named),
            attempts=3,
        )
    except LifeboatError as error:
        canary.leftovers.append(f"{side.settings.name}/{canary.key} ({error.message})")


def _sweep(source: Side, destination: Side, prefix: str, requests: Requests) -> None:
    """Remove canaries that killed runs left. Whatever goes wrong here is no reason not to measure."""
    for side in (source, destination):
        with contextlib.suppress(LifeboatError):
            requests.add("list")
            page = _listed(side, prefix + FOLDER)
            limit = datetime.datetime.now(datetime.timezone.utc) - _ABANDONED
            entries = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            for entry in entries:
                if entry["LastModified"] < limit:
                    _remove(side, Canary(entry["Key"]), entry["VersionId"], requests)


def _listed(side: Side, prefix: str) -> t.Any:
    return side.call(
        "Listing old canaries",
        lambda client: client.list_object_versions(Bucket=side.bucket, Prefix=prefix),
        attempts=1,
    )
