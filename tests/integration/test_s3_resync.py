# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Objects that no rule replicates are brought to the destination: by the server itself, or through this host to another
server.
"""

from __future__ import annotations

import collections.abc
import contextlib
import pathlib
import time
import typing as t

import pytest

from tests.integration.bucket_pairs import AWKWARD, Pair, versioned_pair
from tests.integration.modules import result_of, run_module, start_module
from tests.lab.faultproxy import FaultProxy
from tests.lab.objectstore import ObjectStore

_MIB = 1 << 20


@pytest.fixture(scope="session")
def other_store() -> collections.abc.Iterator[ObjectStore]:
    """A second server, which knows nothing of the first."""
    with ObjectStore() as store:
        yield store


@pytest.fixture
def pair(object_store: ObjectStore, tmp_path: pathlib.Path) -> t.Iterator[Pair]:
    with versioned_pair(object_store, tmp_path) as pair:
        yield pair


def resync(pair: Pair, **more: t.Any) -> dict[str, t.Any]:
    plain = {"rules": None, "lifecycle": None, "object_lock": None, "role_arn": None, "state": "resynced"}
    return pair.run(**{**plain, **more})


def on(pair: Pair, store: ObjectStore, bucket: str, **more: t.Any) -> dict[str, t.Any]:
    return {**pair.side(bucket), "endpoint_url": store.endpoint_url, **more}


def put_in_parts(store: ObjectStore, bucket: str, key: str, sizes: t.Sequence[int]) -> str:
    client = store.client
    upload = client.create_multipart_upload(Bucket=bucket, Key=key, ContentType="text/odd")["UploadId"]
    parts: list[t.Any] = []
    for number, size in enumerate(sizes, 1):
        body = bytes([number]) * size
        answer = client.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=body)
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
    done = client.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})
    return done["ETag"]


@pytest.mark.parametrize("method", ["auto", "stream"])
def test_missing_objects_are_copied_with_all_that_belongs_to_them(pair: Pair, method: str) -> None:
    client = pair.store.client
    client.put_object(
        Bucket=pair.source,
        Key="with/all",
        Body=b"content",
        ContentType="text/odd",
        Metadata={"a": "b"},
        Tagging="c=d&e=f",
        CacheControl="no-store",
    )
    pair.store.write(pair.source, "é +%", b"")
    pair.store.write(pair.destination, "there", b"only here")
    result = resync(pair, method=method)
    assert result["copied"] == {
        "objects": 2,
        "bytes": 7,
        "conflicts": {},
        "method": "server" if method == "auto" else "stream",
    }
    assert result["left_alone"] == {"only_at_the_destination": 1}
    head = client.head_object(Bucket=pair.destination, Key="with/all")
    assert (head["ContentType"], head["Metadata"], head["CacheControl"]) == ("text/odd", {"a": "b"}, "no-store")
    tags = client.get_object_tagging(Bucket=pair.destination, Key="with/all")["TagSet"]
    assert sorted(tag["Key"] for tag in tags) == ["c", "e"]
    assert not resync(pair, method=method)["changed"]


@pytest.mark.parametrize("method", ["auto", "stream"])
def test_a_copy_in_parts_has_all_that_belongs_to_its_original(pair: Pair, method: str) -> None:
    """Not every server says in the answer to a HEAD that there are tags."""
    client = pair.store.client
    put_in_parts(pair.store, pair.source, "large", [5 * _MIB, 1000])
    client.put_object_tagging(
        Bucket=pair.source, Key="large", Tagging={"TagSet": [{"Key": "a b", "Value": "c&d"}, {"Key": "e", "Value": ""}]}
    )
    result = resync(pair, confirm_bucket=pair.destination, method=method)
    assert result["copied"]["objects"] == 1, result
    tags = client.get_object_tagging(Bucket=pair.destination, Key="large")["TagSet"]
    assert sorted((tag["Key"], tag["Value"]) for tag in tags) == [("a b", "c&d"), ("e", "")]


@pytest.mark.parametrize("method", ["auto", "stream"])
def test_a_copy_leads_where_its_original_leads_and_a_lock_that_it_lacks_is_said(pair: Pair, method: str) -> None:
    client = pair.store.client
    with locked_pair(pair.store) as (source, destination):
        client.put_object(Bucket=source, Key="moved", Body=b"1", WebsiteRedirectLocation="/elsewhere")
        client.put_object(Bucket=source, Key="held", Body=b"1", ObjectLockLegalHoldStatus="ON")
        result = resync(
            pair,
            source=pair.side(source),
            destination=pair.side(destination),
            confirm_bucket=destination,
            method=method,
        )
        assert result["copied"]["objects"] == 2, result
        assert "1 originals are under retention or a legal hold of their own" in str(result.get("warnings")), result
        client.put_object_legal_hold(Bucket=source, Key="held", LegalHold={"Status": "OFF"})
        redirects = [
            client.head_object(Bucket=bucket, Key="moved").get("WebsiteRedirectLocation")
            for bucket in (source, destination)
        ]
        assert redirects[0] == redirects[1], redirects


@contextlib.contextmanager
def locked_pair(store: ObjectStore) -> t.Iterator[tuple[str, str]]:
    names = ("locked-source", "locked-destination")
    for name in names:
        store.client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    try:
        yield names
    finally:
        for name in names:
            store.drop_bucket(name)


def test_check_mode_counts_the_same_and_copies_nothing(pair: Pair) -> None:
    for number in range(5):
        pair.store.write(pair.source, f"{number}", b"12345")
    planned = resync(pair, check_mode=True)
    assert planned["changed"] and planned["copied"]["objects"] == 5 and planned["copied"]["bytes"] == 25
    assert planned["requests"]["copy"] == 5 and planned["estimated_cost_usd"] > 0
    assert pair.store.sizes(pair.destination) == {}
    assert resync(pair)["copied"] == planned["copied"]


def test_to_another_server_the_bytes_pass_through_with_their_parts(pair: Pair, other_store: ObjectStore) -> None:
    etag = put_in_parts(pair.store, pair.source, "large", [5 * _MIB, 5 * _MIB, 1000])
    pair.store.write(pair.source, "small", b"x" * 1000)
    bucket = other_store.make_bucket(f"{pair.source}-there", versioning=True)
    result = resync(pair, destination=on(pair, other_store, bucket))
    assert result["copied"]["objects"] == 2 and result["copied"]["method"] == "stream"
    assert other_store.sizes(bucket) == pair.store.sizes(pair.source)
    head = other_store.client.head_object(Bucket=bucket, Key="large")
    assert (head["ETag"], head["ContentType"]) == (etag, "text/odd")
    assert other_store.read(bucket, "large") == pair.store.read(pair.source, "large")
    other_store.drop_bucket(bucket)


def test_a_large_object_is_copied_by_the_server_in_its_own_parts(pair: Pair) -> None:
    etag = put_in_parts(pair.store, pair.source, "large", [6 * _MIB, 1000])
    assert resync(pair)["copied"]["method"] == "server"
    assert pair.store.client.head_object(Bucket=pair.destination, Key="large")["ETag"] == etag


def test_a_changed_replica_is_healed_and_the_damage_stays_as_a_version(pair: Pair) -> None:
    for bucket, content in ((pair.source, b"right"), (pair.destination, b"wrong")):
        pair.store.write(bucket, "same-size", content)
    assert not resync(pair)["changed"]
    assert resync(pair, resync="different")["copied"]["objects"] == 1
    assert pair.store.read(pair.destination, "same-size") == b"right"
    versions = pair.store.client.list_object_versions(Bucket=pair.destination)["Versions"]
    assert len(versions) == 2


def test_what_was_there_before_the_rule_is_copied_and_what_the_rule_took_up_is_left_to_it(pair: Pair) -> None:
    """No rule ever replicates what was there before it, however young that is."""
    for key in ("before/1", "before/2"):
        pair.store.write(pair.source, key, b"old")
    assert pair.run(lifecycle=None, object_lock=None, rules=[{"id": "all"}])["requires_resync"]
    pair.store.write(pair.source, "after", b"replicated")
    versions = pair.store.client.list_object_versions(Bucket=pair.destination, Prefix="after")["Versions"]
    pair.store.client.delete_object(
        Bucket=pair.destination, Key="after", VersionId=versions[0]["VersionId"]
    )  # as if it were on its way
    planned = resync(pair, check_mode=True)
    result = resync(pair)
    assert (
        (result["copied"]["objects"], result["pending"]) == (planned["copied"]["objects"], planned["pending"]) == (2, 1)
    )
    assert sorted(pair.store.sizes(pair.destination)) == ["before/1", "before/2"]
    again = resync(pair)
    assert not again["changed"] and again["pending"] == 1
    assert resync(pair, grace="0s")["copied"]["objects"] == 1


def test_a_server_that_does_not_tell_leaves_what_is_young_to_the_rule(pair: Pair) -> None:
    pair.store.write(pair.source, "young", b"young")
    pair.run(lifecycle=None, object_lock=None)
    result = resync(pair, backend="generic")
    assert not result["changed"] and result["pending"] == 1 and "head" not in result["requests"]
    assert resync(pair, backend="generic", grace="0s")["copied"]["objects"] == 1


def test_failed_ones_are_found_by_their_status(pair: Pair) -> None:
    client = pair.store.client
    pair.run(lifecycle=None, object_lock=None, rules=[{"id": "all"}])
    client.put_bucket_versioning(Bucket=pair.destination, VersioningConfiguration={"Status": "Suspended"})
    pair.store.write(pair.source, "fails", b"1")
    client.put_bucket_versioning(Bucket=pair.destination, VersioningConfiguration={"Status": "Enabled"})
    pair.store.write(pair.source, "works", b"2")
    assert resync(pair, resync="failed", grace="0s")["copied"]["objects"] == 1
    assert sorted(pair.store.sizes(pair.destination)) == ["fails", "works"]


def test_after_a_cut_in_a_copy_the_next_run_finishes(pair: Pair, fault_proxy: FaultProxy) -> None:
    body = bytes(range(256)) * 4 * 1024
    for number in range(6):
        pair.store.write(pair.source, f"{number}", body)
    pair.endpoint_url = fault_proxy.endpoint_url
    fault_proxy.cut_after(3 * _MIB, direction="down", then_refuse=True)
    result = resync(pair, method="stream", parallel=2)
    assert result["failed"], result
    assert all(size == len(body) for size in pair.store.sizes(pair.destination).values())
    fault_proxy.pass_all()
    resync(pair, method="stream")
    assert pair.store.sizes(pair.destination) == pair.store.sizes(pair.source)
    assert pair.store.multipart_uploads(pair.destination) == []


def test_a_cut_connection_in_a_copy_is_made_again(pair: Pair, fault_proxy: FaultProxy) -> None:
    pair.store.write(pair.source, "one", b"z" * _MIB)
    pair.endpoint_url = fault_proxy.endpoint_url
    fault_proxy.cut_after(_MIB // 2, direction="down")
    assert resync(pair, method="stream")["copied"]["objects"] == 1
    assert pair.store.read(pair.destination, "one") == b"z" * _MIB


@pytest.mark.parametrize("method", ["server", "stream"])
def test_keys_with_every_awkward_character_are_copied(pair: Pair, method: str) -> None:
    keys = sorted([*AWKWARD, "ü" * 512])
    for key in keys:
        pair.store.write(pair.source, key, key.encode())
    assert resync(pair, method=method)["copied"]["objects"] == len(keys)
    assert {key: pair.store.read(pair.destination, key) for key in keys} == {key: key.encode() for key in keys}
    assert not resync(pair, method=method)["changed"]


def test_an_object_that_changes_while_it_is_copied_is_left_to_the_next_run(pair: Pair, fault_proxy: FaultProxy) -> None:
    for number in range(3):
        pair.store.write(pair.source, f"{number}", b"as listed")
    pair.endpoint_url = fault_proxy.endpoint_url
    fault_proxy.answer_errors(1, status=503, code="SlowDown", method="GET", path=f"/{pair.source}/0")
    options = pair.options(
        rules=None, lifecycle=None, object_lock=None, role_arn=None, state="resynced", parallel=1, method="stream"
    )
    process = start_module("s3_recover", options)
    deadline = time.monotonic() + 60
    while not fault_proxy.count(method="GET", path=f"/{pair.source}/0", answered=503) and time.monotonic() < deadline:
        time.sleep(0.01)
    for number in (1, 2):  # between the listing and the copy, which waits for the server that asked to be slower
        pair.store.write(pair.source, f"{number}", b"changed meanwhile")
    result = result_of(process)
    copied, changed = result["copied"]["objects"], result["copied"]["conflicts"].get("original_changed", 0)
    assert not result.get("failed") and copied + changed == 3, result
    resync(pair)
    resync(pair, resync="different")
    assert [pair.store.read(pair.destination, f"{number}") for number in (1, 2)] == [b"changed meanwhile"] * 2


def test_two_runs_at_once_from_two_hosts_copy_each_object(pair: Pair) -> None:
    for number in range(60):
        pair.store.write(pair.source, f"{number:02}", b"x" * number)
    options = pair.options(rules=None, lifecycle=None, object_lock=None, role_arn=None, state="resynced")
    running = [
        start_module("s3_recover", {**options, "state_dir": f"{pair.state_dir}-{number}"}) for number in range(2)
    ]
    results = [result_of(process) for process in running]
    assert not any(result.get("failed") for result in results), results
    assert pair.store.sizes(pair.destination) == pair.store.sizes(pair.source)


def test_into_a_locked_destination_objects_are_copied_and_healed(pair: Pair) -> None:
    client = pair.store.client
    pair.run(lifecycle=None, rules=[{"id": "all"}])  # with object_lock, and 30 days for whatever comes
    client.delete_bucket_replication(Bucket=pair.source)
    pair.store.write(pair.source, "k", b"right")
    assert resync(pair)["copied"]["objects"] == 1
    pair.store.write(pair.destination, "k", b"wrong")
    assert resync(pair, resync="different")["copied"]["objects"] == 1
    assert pair.store.read(pair.destination, "k") == b"right"
    versions = client.list_object_versions(Bucket=pair.destination)["Versions"]
    assert len(versions) == 3
    with pytest.raises(client.exceptions.ClientError, match="AccessDenied"):
        for version in versions:
            client.delete_object(Bucket=pair.destination, Key="k", VersionId=version["VersionId"])
    for version in versions:
        client.delete_object(
            Bucket=pair.destination, Key="k", VersionId=version["VersionId"], BypassGovernanceRetention=True
        )


def test_a_canary_that_a_locked_destination_keeps_is_named_and_no_failure(pair: Pair, fault_proxy: FaultProxy) -> None:
    pair.run(lifecycle=None, rules=[{"id": "all"}])
    sides = {"source": pair.side(pair.source), "destination": pair.side(pair.destination)}
    sides["destination"]["endpoint_url"] = fault_proxy.endpoint_url
    fault_proxy.answer_errors(9, status=403, code="AccessDenied", method="DELETE")
    canary = run_module("s3_replication_info", {**sides, "level": "canary"})
    assert canary["verdict"] == "in_sync" and not canary.get("failed"), canary
    assert len(canary["canary"]["leftovers"]) == 1 and pair.destination in canary["canary"]["leftovers"][0]


@pytest.mark.parametrize("role", ["source", "destination"])
@pytest.mark.parametrize("state", ["resynced", "undeleted", "failed_back"])
def test_a_wrong_key_on_one_side_stops_every_action_before_the_first_write(
    pair: Pair, fault_proxy: FaultProxy, role: str, state: str
) -> None:
    pair.store.write(pair.source, "k", b"k")
    wrong = {**pair.side(getattr(pair, role)), "endpoint_url": fault_proxy.endpoint_url}
    fault_proxy.answer_errors(99, status=403, code="InvalidAccessKeyId")
    window = {"deleted_after": "1h"} if state == "undeleted" else {"grace": "0s"} if state == "resynced" else {}
    options = {"state": state, "confirm_bucket": pair.source, **window, role: wrong}
    result = pair.run(**options)
    assert result["failed"] and f"{role}.bucket" in result["msg"] and "refuses these credentials" in result["msg"], (
        result
    )
    assert pair.store.sizes(pair.destination) == {}


def test_an_empty_bucket_is_no_change(pair: Pair) -> None:
    assert not resync(pair)["changed"]


def test_a_method_that_cannot_work_is_refused(pair: Pair, other_store: ObjectStore) -> None:
    assert "no batch jobs" in resync(pair, method="batch")["msg"]
    bucket = other_store.make_bucket(f"{pair.source}-refused")
    assert "not one server" in resync(pair, method="server", destination=on(pair, other_store, bucket))["msg"]
    other_store.drop_bucket(bucket)
