# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Amazon S3 says about KMS and no test server can: botocore's Stubber answers in its place."""

from __future__ import annotations

import collections.abc
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._encryption import Encryption
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side, open_side
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._ask_again import judge, read_facts
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._compare_rows import MISMATCHED, UNVERIFIABLE
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_errors import S3Error
from botocore.stub import Stubber

_KEY = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
_KMS = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": _KEY}


def side(role: str, **more: t.Any) -> Side:
    keys = {"access_key": "AKIAEXAMPLE", "secret_key": "stub+secret/0123456789", "region": "us-east-1", "retries": 0}
    return open_side(role, {"bucket": f"{role}-bucket", **keys, **more})


@pytest.fixture
def stubbed() -> collections.abc.Iterator[tuple[Side, Stubber]]:
    destination = side("destination")
    with Stubber(destination.client) as stubber:
        yield destination, stubber


def head(etag: str, *, checksum: str = "", **more: t.Any) -> dict[str, t.Any]:
    return {"ContentLength": 5, "ETag": f'"{etag}"', **({"ChecksumSHA256": checksum} if checksum else {}), **more}


def test_other_etags_of_kms_objects_say_nothing_unless_there_are_checksums() -> None:
    one, other = "1" * 32, "2" * 32
    assert judge(read_facts(b"k", head(one)), read_facts(b"k", head(other)))[0] == MISMATCHED
    assert judge(read_facts(b"k", head(one, **_KMS)), read_facts(b"k", head(other)))[0] == UNVERIFIABLE
    assert (
        judge(read_facts(b"k", head(one)), read_facts(b"k", head(other, ServerSideEncryption="aws:kms:dsse")))[0]
        == UNVERIFIABLE
    )
    assert (
        judge(read_facts(b"k", head(one, checksum="a", **_KMS)), read_facts(b"k", head(other, checksum="a", **_KMS)))[0]
        is None
    )
    assert (
        judge(read_facts(b"k", head(one, checksum="a", **_KMS)), read_facts(b"k", head(other, checksum="b", **_KMS)))[0]
        == MISMATCHED
    )


@pytest.mark.parametrize(
    ("code", "said", "words"),
    [
        (
            "AccessDenied",
            "User: arn:aws:iam::123456789012:user/dr is not authorized to perform: kms:GenerateDataKey on resource: "
            + _KEY,
            ["KMS key may not be used", "kms:GenerateDataKey", _KEY],
        ),
        ("KMS.DisabledException", f"{_KEY} is disabled.", ["KMS key is disabled"]),
        ("KMS.KMSInvalidStateException", f"{_KEY} is pending deletion.", ["cannot be used now"]),
        ("KMS.NotFoundException", "Invalid keyId", ["does not find the KMS key"]),
    ],
)
def test_a_stubbed_key_that_may_not_be_used_is_told_from_other_refusals(
    stubbed: tuple[Side, Stubber], code: str, said: str, words: list[str]
) -> None:
    destination, stubber = stubbed
    stubber.add_client_error("put_object", service_error_code=code, service_message=said, http_status_code=403)
    with pytest.raises(S3Error) as caught:
        destination.call(
            "Writing a copy", lambda client: client.put_object(Bucket=destination.bucket, Key="k", Body=b"")
        )
    for word in ["destination s3://destination-bucket", *words]:
        assert word in caught.value.message
    assert caught.value.hint and "endpoint" not in caught.value.hint


def test_in_a_stubbed_bucket_that_encrypts_by_kms_nothing_is_made_weaker(stubbed: tuple[Side, Stubber]) -> None:
    destination, stubber = stubbed
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": _KEY}}
    stubber.add_response("get_bucket_encryption", {"ServerSideEncryptionConfiguration": {"Rules": [rule]}})
    encryption = Encryption(side("source"), destination, shared_keys=False, kinds=("aws", "aws"))
    assert encryption.headers("k", {"ServerSideEncryption": "AES256"}) == {}, "the default is the stronger one"
    assert encryption.headers("k", _KMS) == {}, "the key of the source is of another region"
    assert encryption.headers("k", {}) == {}


def test_in_a_stubbed_bucket_without_a_key_a_copy_of_kms_is_refused_or_warned_of(stubbed: tuple[Side, Stubber]) -> None:
    destination, stubber = stubbed
    for _turn in range(2):
        stubber.add_client_error("get_bucket_encryption", service_error_code="AccessDenied", http_status_code=403)
    with pytest.raises(LifeboatError, match="no key for its copy"):
        Encryption(side("source"), destination, shared_keys=False, kinds=("aws", "aws")).headers("k", _KMS)
    elsewhere = Encryption(side("source"), destination, shared_keys=False, kinds=("aws", "versitygw"))
    assert elsewhere.headers("k", _KMS) == {} and elsewhere.weaker
    assert elsewhere.headers("k", {"ServerSideEncryption": "AES256"}) == {}, (
        "a server of another kind may not know the header"
    )


def test_where_keys_are_shared_or_given_they_are_named() -> None:
    shared = Encryption(side("source"), side("destination"), shared_keys=True, kinds=("aws", "aws"))
    assert shared.headers("k", {**_KMS, "BucketKeyEnabled": True}) == {**_KMS, "BucketKeyEnabled": True}
    other = _KEY.replace("1111", "2222")
    given = Encryption(side("source"), side("destination", kms_key_arn=other), shared_keys=True, kinds=("aws", "aws"))
    assert given.headers("k", _KMS)["SSEKMSKeyId"] == other
