# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Encrypted objects: with the server's keys (SSE-S3), with KMS, and with a key of the customer (SSE-C), compared and
copied.

ministack keeps and enforces the headers and encrypts nothing, so its ETags stay MD5s; what Amazon's ETags of KMS are
like is a stub's part, in tests/unit/s3/test_encryption.py.
"""

from __future__ import annotations

import collections.abc
import pathlib
import typing as t

import boto3
import pytest
from botocore.config import Config

from tests.integration.bucket_pairs import Pair, fresh_pair
from tests.integration.modules import run_module
from tests.lab.objectstore import ObjectStore

_KEY = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
_OTHER_KEY = "arn:aws:kms:us-west-2:123456789012:key/99999999-2222-3333-4444-555555555555"
_CUSTOMER = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}
_MIB = 1 << 20


@pytest.fixture
def pair(object_store: ObjectStore, tmp_path: pathlib.Path) -> collections.abc.Iterator[Pair]:
    with fresh_pair(object_store, tmp_path) as pair:
        for bucket in (pair.source, pair.destination):
            object_store.client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        yield pair


def put(pair: Pair, key: str, body: bytes = b"content", *, bucket: str = "", **more: t.Any) -> None:
    pair.store.client.put_object(Bucket=bucket or pair.source, Key=key, Body=body, **more)


def kms(pair: Pair, key: str, **more: t.Any) -> None:
    put(pair, key, ServerSideEncryption="aws:kms", SSEKMSKeyId=_KEY, **more)


def resync(pair: Pair, **more: t.Any) -> dict[str, t.Any]:
    plain = {"rules": None, "lifecycle": None, "object_lock": None, "role_arn": None, "state": "resynced"}
    return pair.run(**{**plain, **more})


def info(pair: Pair, **more: t.Any) -> dict[str, t.Any]:
    sides = {"source": pair.side(pair.source), "destination": pair.side(pair.destination)}
    return run_module("s3_replication_info", {**sides, "grace": "0s", **more})


def encryption(pair: Pair, key: str) -> tuple[str, str]:
    head = pair.store.client.head_object(Bucket=pair.destination, Key=key)
    return head.get("ServerSideEncryption", ""), head.get("SSEKMSKeyId", "")


def in_parts(pair: Pair, key: str) -> None:
    client = pair.store.client
    upload = client.create_multipart_upload(
        Bucket=pair.source, Key=key, ServerSideEncryption="aws:kms", SSEKMSKeyId=_KEY
    )["UploadId"]
    parts: list[t.Any] = []
    for number, size in enumerate((5 * _MIB, 1000), 1):
        answer = client.upload_part(Bucket=pair.source, Key=key, UploadId=upload, PartNumber=number, Body=b"p" * size)
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
    client.complete_multipart_upload(Bucket=pair.source, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})


@pytest.mark.parametrize("method", ["server", "stream"])
def test_copies_are_encrypted_as_their_originals_are(pair: Pair, method: str) -> None:
    put(pair, "none")
    put(pair, "s3", ServerSideEncryption="AES256")
    kms(pair, "kms")
    in_parts(pair, "kms/in/parts")
    with_key = {"destination": pair.side(pair.destination, kms_key_arn=_OTHER_KEY)} if method == "stream" else {}
    result = resync(pair, method=method, **with_key)
    assert result["copied"]["objects"] == 4, result
    found = _OTHER_KEY if with_key else _KEY
    assert {key: encryption(pair, key) for key in ("none", "s3", "kms", "kms/in/parts")} == {
        "none": ("", ""),
        "s3": ("AES256", ""),
        "kms": ("aws:kms", found),
        "kms/in/parts": ("aws:kms", found),
    }
    assert info(pair, level="checksum")["verdict"] == "in_sync"


def test_a_key_of_the_destination_is_asked_for_where_that_of_the_source_is_none_there(pair: Pair) -> None:
    kms(pair, "kms")
    refused = resync(pair, method="stream")
    assert refused["failed"] and "destination.kms_key_arn" in refused["msg"] and _KEY in refused["msg"], refused
    assert pair.store.sizes(pair.destination) == {}
    rule: t.Any = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": _OTHER_KEY}}
    pair.store.client.put_bucket_encryption(
        Bucket=pair.destination, ServerSideEncryptionConfiguration={"Rules": [rule]}
    )
    assert resync(pair, method="stream")["copied"]["objects"] == 1, "the default of the bucket will do"
    assert encryption(pair, "kms") == ("aws:kms", _OTHER_KEY)


def put_with_other_etags(pair: Pair, *keys: str) -> None:
    """On both sides, with KMS and without a checksum. The contents differ, as ministack's ETags do only then."""
    credentials = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    config = Config(request_checksum_calculation="when_required", s3={"addressing_style": "path"})
    client = boto3.session.Session().client("s3", endpoint_url=pair.store.endpoint_url, config=config, **credentials)
    for key in keys:
        for bucket, body in ((pair.source, b"one way"), (pair.destination, b"another")):
            client.put_object(Bucket=bucket, Key=key, Body=body, ServerSideEncryption="aws:kms", SSEKMSKeyId=_KEY)


def test_other_etags_of_kms_objects_are_unverifiable_unless_checksums_tell(pair: Pair) -> None:
    """As on Amazon, where such ETags are no hashes; here they are, so two contents stand in for one content with two
    ETags.
    """
    put_with_other_etags(pair, "kms")
    for level in ("listing", "versions", "checksum"):
        result = info(pair, level=level)
        assert (result["verdict"], result["mismatched"]["count"], result["unverifiable"]["count"]) == (
            "unknown",
            0,
            1,
        ), result
    for bucket, body in ((pair.source, b"one way"), (pair.destination, b"another")):
        put(
            pair,
            "kms",
            body,
            bucket=bucket,
            ServerSideEncryption="aws:kms",
            SSEKMSKeyId=_KEY,
            ChecksumAlgorithm="SHA256",
        )
    assert info(pair)["mismatched"]["count"] == 1, "now a checksum of both sides says so"


def test_no_kms_object_is_called_different_however_few_are_asked_for_once_more(pair: Pair) -> None:
    put_with_other_etags(pair, *(f"kms/{number}" for number in range(8)))
    for options, mismatched, verdict in (
        ({"max_rechecks": 2}, 0, "unknown"),
        ({"max_rechecks": 2, "max_samples": 1}, 0, "unknown"),
        ({"max_rechecks": 0}, 8, "diverged"),
    ):
        result = info(pair, **options)
        assert (result["verdict"], result["mismatched"]["count"], result["unverifiable"]["count"]) == (
            verdict,
            mismatched,
            8 - mismatched,
        )
        assert sum(result[kind]["bytes"] for kind in ("mismatched", "unverifiable")) == 56, result
    put(pair, "plain", b"one way")
    put(pair, "plain", b"another", bucket=pair.destination)
    both = info(pair, max_rechecks=9)
    assert (both["verdict"], both["mismatched"]["count"], both["unverifiable"]["count"]) == ("diverged", 1, 8), both


@pytest.mark.parametrize("method", ["server", "stream"])
def test_what_only_its_owner_can_read_is_left_alone_and_named(pair: Pair, method: str) -> None:
    put(pair, "plain")
    put(pair, "private", **_CUSTOMER)
    result = resync(pair, method=method)
    assert (result["copied"]["objects"], result["left_alone"]) == (1, {"key_of_the_customer": 1}), result
    assert result["samples"]["left_alone:key_of_the_customer"] == [{"key": "private"}]


def test_what_only_its_owner_can_read_is_unverifiable_and_never_called_the_same_or_different(pair: Pair) -> None:
    put(pair, "private", b"some content", **_CUSTOMER)
    missing = info(pair)
    assert (missing["verdict"], missing["missing"]["count"]) == ("diverged", 1), missing
    put(pair, "private", b"more content", bucket=pair.destination, **_CUSTOMER)
    for level in ("listing", "checksum", "content"):
        result = info(pair, level=level)
        assert (result["verdict"], result["unverifiable"]["count"]) == ("unknown", 1), result
        assert "SSE-C" in result["unverifiable"]["sample"][0]["reason"]
    assert not resync(pair, resync="different")["changed"]
