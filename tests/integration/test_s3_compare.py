# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""s3_replication_info on real servers: what is the same is in_sync, and whatever is damaged is found and called by its
name.
"""

from __future__ import annotations

import collections.abc
import datetime
import itertools
import pathlib
import time
import typing as t

import boto3
import pytest

from tests.integration.modules import result_of, run_module, start_module
from tests.lab.faultproxy import FaultProxy
from tests.lab.listing_server import ListingServer
from tests.lab.objectstore import ObjectStore
from tests.lab.throwaway import MissingPrerequisiteError
from tests.lab.versitygw import VersityGW

_SECRET = "correct-horse-battery-staple-0123456789"
_AWKWARD = [
    "a b", "a+b", "a%2Bb", "a%252Fb", "a&b<c>", 'quote"\'', "tab\tx", "new\nline", "/leading", "//two", "x//y", "end/",
    "e\u0301", "\u00e9", "日本", "\U0001f600", "\x7f", "ü" * 512,
]  # fmt: skip
_numbers = itertools.count(1)


class Pair:
    """Two buckets of one server, and the module run on them."""

    def __init__(
        self, client: t.Any, source: dict[str, str], destination: dict[str, str], client_there: t.Any = None
    ) -> None:
        self.client, self.client_there = client, client_there or client
        self.source, self.destination = source, destination

    def put(self, key: str, content: bytes = b"content", *, side: str = "both", **more: t.Any) -> None:
        if side in ("both", "source"):
            self.client.put_object(Bucket=self.source["bucket"], Key=key, Body=content, **more)
        if side in ("both", "destination"):
            self.client_there.put_object(Bucket=self.destination["bucket"], Key=key, Body=content, **more)

    def info(self, level: str = "listing", **more: t.Any) -> dict[str, t.Any]:
        grace = {} if level in ("config", "canary") else {"grace": "0s"}
        arguments = {"source": self.source, "destination": self.destination, "level": level, **grace, **more}
        result = run_module("s3_replication_info", arguments)
        assert _SECRET not in str(result), "the secret is in the result"
        return result


def _keys(finding: dict[str, t.Any]) -> list[str]:
    return sorted(entry["key"] for entry in finding["sample"])


@pytest.fixture
def pair(object_store: ObjectStore) -> collections.abc.Iterator[Pair]:
    """Two versioned buckets of ministack that nothing replicates."""
    names = [
        object_store.make_bucket(f"pair-{next(_numbers)}-{side}", versioning=True) for side in ("source", "destination")
    ]
    common = {
        "endpoint_url": object_store.endpoint_url,
        "region": "us-east-1",
        "access_key": "AKIAEXAMPLE",
        "secret_key": _SECRET,
    }
    sides = [{"bucket": name, **common} for name in names]
    yield Pair(object_store.client, *sides)
    for name in names:
        object_store.drop_bucket(name)


@pytest.fixture(scope="module")
def versity() -> collections.abc.Iterator[tuple[VersityGW, VersityGW]]:
    """Two servers of another make. Skipped where they cannot be built."""
    try:
        with VersityGW() as one, VersityGW() as other:
            yield one, other
    except MissingPrerequisiteError as error:
        pytest.skip(str(error))


def test_every_awkward_key_is_compared_and_every_damage_is_found(pair: Pair) -> None:
    for key in _AWKWARD:
        pair.put(key, key.encode())
    same = pair.info()
    assert same["verdict"] == "in_sync", same
    assert same["compared"]["matched"] == len(_AWKWARD)
    assert same["requests"] == {"list": 2, "head": 2, "get": 0, "put": 0, "delete": 0}, (
        "no object may be asked for when the listings agree"
    )

    pair.client.delete_object(Bucket=pair.destination["bucket"], Key="a+b")
    pair.put("tab\tx", b"tab\tX", side="destination")  # of the same size
    pair.put("日本", b"cut", side="destination")
    pair.put("only/there", b"extra", side="destination")
    damaged = pair.info()
    assert damaged["verdict"] == "diverged"
    assert _keys(damaged["missing"]) == ["a+b"]
    assert _keys(damaged["mismatched"]) == ["tab\tx", "日本"]
    assert _keys(damaged["extra"]) == ["only/there"]
    assert damaged["pending_objects"] == 1 and "s3_replication_pending_objects{" in damaged["metrics_text"]
    assert damaged["compared"]["matched"] == len(_AWKWARD) - 3
    assert pair.info("count")["verdict"] == "diverged"
    young = pair.info(grace="1h")
    assert young["pending"]["count"] == 3 and young["missing"]["count"] == 0
    narrowed = pair.info(prefix="a&")
    assert narrowed["verdict"] == "in_sync" and narrowed["compared"]["source_objects"] == 1


def test_what_is_young_is_lagging_and_not_lost(pair: Pair) -> None:
    pair.put("old", side="both")
    pair.put("young", side="source")
    result = pair.info(grace="1h")
    assert (result["verdict"], result["missing"]["count"], _keys(result["pending"])) == ("lagging", 0, ["young"])
    assert pair.info(grace="1h", max_pending=1)["verdict"] == "in_sync"
    assert pair.info("count", grace="1h")["verdict"] == "lagging"


def test_empty_buckets_are_in_sync_where_that_is_said_to_be_right(pair: Pair) -> None:
    for level in ("count", "listing", "versions", "content"):
        assert pair.info(level)["verdict"] == "unknown", level
        result = pair.info(level, allow_empty=True)
        assert (result["verdict"], result["pending_objects"]) == ("in_sync", 0), level


def test_versions_and_markers_are_compared_in_order(pair: Pair) -> None:
    for content in (b"one", b"two", b"three"):
        pair.put("kept", content)
        pair.put("deleted", content)
    for side in (pair.source, pair.destination):
        pair.client.delete_object(Bucket=side["bucket"], Key="deleted")
    same = pair.info("versions")
    assert same["verdict"] == "in_sync", same
    assert same["compared"]["source_delete_markers"] == 1 and same["compared"]["matched"] == 7

    pair.client.delete_object(Bucket=pair.source["bucket"], Key="kept")
    marked = pair.info("versions")
    assert (marked["verdict"], _keys(marked["missing"])) == ("diverged", ["kept"])
    assert marked["missing"]["sample"][0]["source"]["delete_marker"] is True
    assert pair.info("versions", delete_markers=False)["verdict"] == "in_sync"


def test_buckets_with_more_than_a_page_of_markers_alone(pair: Pair) -> None:
    for side in (pair.source, pair.destination):
        for begin in range(0, 1100, 500):
            names = [{"Key": f"gone/{number:05}"} for number in range(begin, min(begin + 500, 1100))]
            pair.client.delete_objects(Bucket=side["bucket"], Delete={"Objects": names, "Quiet": True})
    result = pair.info("versions")
    assert result["verdict"] == "in_sync", result
    assert result["compared"]["source_delete_markers"] == result["compared"]["matched"] == 1100
    assert result["compared"]["source_objects"] == 0


def test_a_version_that_is_missing_on_the_second_page_of_its_key_is_missing(pair: Pair) -> None:
    """What differs is asked for once more: of a key with more than a page of versions, for all of them."""
    pair.put("counter", b"only at the source, and the oldest", side="source")
    for side in (pair.source, pair.destination):
        for _batch in range(3):
            again = {"Objects": [{"Key": "counter"}] * 400, "Quiet": True}
            pair.client.delete_objects(Bucket=side["bucket"], Delete=again)
    result = pair.info("versions")
    assert result["compared"]["source_delete_markers"] == 1200, result
    assert (result["verdict"], _keys(result["missing"])) == ("diverged", ["counter"])
    assert pair.info("versions", delete_markers=False)["verdict"] == "diverged"


def _multipart(client: t.Any, bucket: str, key: str, content: bytes, size: int) -> None:
    upload = client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    parts = []
    for number, begin in enumerate(range(0, len(content), size), 1):
        done = client.upload_part(
            Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=content[begin : begin + size]
        )
        parts.append({"ETag": done["ETag"], "PartNumber": number})
    client.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})


def test_other_parts_are_unverifiable_and_settled_by_content(pair: Pair) -> None:
    content = bytes(range(256)) * 1024
    _multipart(pair.client, pair.source["bucket"], "big", content, 100_000)
    pair.put("big", content, side="destination")
    listed = pair.info()
    assert (listed["verdict"], _keys(listed["unverifiable"]), listed["mismatched"]["count"]) == ("unknown", ["big"], 0)
    read = pair.info("content", sample=0)
    assert read["verdict"] == "in_sync", read
    pair.put("big", content[:-1] + b"?", side="destination")
    changed = pair.info("content", sample=0)
    assert (changed["verdict"], _keys(changed["mismatched"])) == ("diverged", ["big"])


def test_the_sample_is_read_and_does_not_change_with_the_seed(pair: Pair) -> None:
    for number in range(20):
        pair.put(f"{number:02}", b"x" * number)
    results = [pair.info("content", sample=5, sample_seed="one")["compared"]["sample"] for _turn in range(2)]
    assert results[0] == results[1] and results[0]["objects"] == results[0]["same"] == 5
    assert pair.info("content", sample=5, sample_seed="two")["compared"]["sample"]["bytes"] != results[0]["bytes"]


def _replicate(pair: Pair, markers: t.Literal["Enabled", "Disabled"]) -> None:
    rule = {
        "ID": "all",
        "Priority": 1,
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "DeleteMarkerReplication": {"Status": markers},
        "Destination": {"Bucket": f"arn:aws:s3:::{pair.destination['bucket']}"},
    }
    pair.client.put_bucket_replication(
        Bucket=pair.source["bucket"],
        ReplicationConfiguration={"Role": "arn:aws:iam::123456789012:role/replication", "Rules": [rule]},
    )


def test_the_canary_measures_replication_and_leaves_nothing(pair: Pair) -> None:
    late = pair.info("canary", canary_timeout="1s")
    assert (late["verdict"], late["lag_seconds"], late["pending_objects"]) == ("lagging", None, None)
    assert "lag_seconds" not in late["metrics_text"]
    _replicate(pair, "Enabled")
    arrived = pair.info("canary", max_lag="1m")
    assert arrived["verdict"] == "in_sync" and arrived["canary"]["leftovers"] == [], arrived
    assert arrived["lag_seconds"] is not None
    for side in (pair.source, pair.destination):
        answer = pair.client.list_object_versions(Bucket=side["bucket"])
        assert not answer.get("Versions") and not answer.get("DeleteMarkers"), answer


def test_the_configuration_is_read_and_no_data_is_never_zero(pair: Pair, object_store: ObjectStore) -> None:
    nothing = pair.info("config", cloudwatch=True)
    assert (nothing["verdict"], nothing["pending_objects"]) == ("unknown", None)
    assert nothing["cloudwatch"]["operations_pending"] is None and "no enabled rule" in nothing["summary"]
    assert "pending_objects" not in nothing["metrics_text"]
    _replicate(pair, "Disabled")
    assert pair.info("config")["verdict"] == "unknown", "a configuration alone proves nothing"
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    watch = boto3.session.Session().client(
        "cloudwatch", endpoint_url=object_store.endpoint_url, region_name="us-west-2", **keys
    )
    names = (
        ("SourceBucket", pair.source["bucket"]),
        ("DestinationBucket", pair.destination["bucket"]),
        ("RuleId", "all"),
    )
    dimensions = [{"Name": name, "Value": value} for name, value in names]
    pair.destination = {**pair.destination, "region": "us-west-2"}
    for value, verdict in ((7.0, "lagging"), (0.0, "in_sync")):
        watch.put_metric_data(
            Namespace="AWS/S3",
            MetricData=[
                {
                    "MetricName": "OperationsPendingReplication",
                    "Dimensions": dimensions,
                    "Value": value,
                    "Timestamp": datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=10 if value else 1),
                }  # fmt: skip
            ],
        )
        seeded = pair.info("config", cloudwatch=True)
        assert (seeded["verdict"], seeded["pending_objects"]) == (verdict, int(value)), seeded
    assert seeded["cloudwatch"]["operations_pending"]["region"] == "us-west-2"


def test_faults_of_the_network_cost_a_page_and_not_the_result(pair: Pair, fault_proxy: FaultProxy) -> None:
    for number in range(30):
        pair.put(f"{number:02}")
    direct, pair.source = pair.source, {**pair.source, "endpoint_url": fault_proxy.endpoint_url}
    fault_proxy.answer_errors(2, status=503, code="SlowDown", path="list-type")
    assert pair.info()["verdict"] == "in_sync"
    assert fault_proxy.count(path="list-type", answered=503) == 2
    fault_proxy.cut_after(1500, direction="down")
    assert pair.info()["verdict"] == "in_sync"
    fault_proxy.answer_errors(100, status=403, code="InvalidAccessKeyId", path="list-type")
    refused = pair.info()
    assert refused["failed"] and f"source s3://{direct['bucket']}" in refused["msg"] and "access key" in refused["msg"]


def test_a_bucket_that_is_not_there_is_named(pair: Pair) -> None:
    pair.destination = {**pair.destination, "bucket": "not-there"}
    result = pair.info()
    assert result["failed"] and "destination s3://not-there" in result["msg"]


def test_objects_that_change_meanwhile_are_no_differences(pair: Pair, fault_proxy: FaultProxy) -> None:
    """The source is listed before the object comes, and the destination after: then it is extra, until it is asked for
    again.
    """
    for number in range(5):
        pair.put(f"{number}")
    pair.destination = {**pair.destination, "endpoint_url": fault_proxy.endpoint_url}
    fault_proxy.slow_down(2000)  # the answer of the destination's listing takes a second
    process = start_module(
        "s3_replication_info", {"source": pair.source, "destination": pair.destination, "grace": "0s"}
    )
    deadline = time.monotonic() + 60
    while not fault_proxy.count(path="list-type") and time.monotonic() < deadline:
        time.sleep(0.01)
    pair.put("3", b"changed meanwhile")
    fault_proxy.slow_down(None)
    assert result_of(process)["verdict"] == "in_sync"


def test_check_mode_counts_requests_and_lists_two_pages(pair: Pair) -> None:
    for number in range(3):
        pair.put(f"{number}")
    arguments = {"source": pair.source, "destination": pair.destination, "level": "checksum", "sample": 2}
    planned = run_module("s3_replication_info", arguments, check_mode=True)["planned"]
    assert planned["exact"] and planned["requests"] == {"list": 2, "head": 4, "get": 0}
    assert planned["estimated_cost_usd"] > 0


def test_one_bucket_on_both_sides_is_refused(pair: Pair) -> None:
    pair.destination = pair.source
    assert "same bucket" in pair.info()["msg"]
    pair.destination = {
        **pair.source,
        "endpoint_url": str(pair.source["endpoint_url"]).replace("127.0.0.1", "localhost"),
    }
    assert pair.destination != pair.source
    assert "same bucket" in pair.info()["msg"], "another spelling of its address is no second server"


def test_many_pages_are_walked_side_by_side_and_three_holes_are_found() -> None:
    with ListingServer({"one": 30_000, "two": "30000-17-15000-29999"}) as server:
        pair = Pair(None, server.side("one"), server.side("two"))
        for level in ("listing", "versions"):
            result = pair.info(level, parallel=8, max_rechecks=0)
            assert (result["verdict"], result["missing"]["count"], result["compared"]["matched"]) == (
                "diverged",
                3,
                29_997,
            ), level
            assert result["requests"]["list"] < 150


def test_a_stopped_comparison_goes_on_from_its_state_file(tmp_path: pathlib.Path) -> None:
    state = tmp_path / "walk.json"
    with ListingServer({"one": 60_000, "two": "60000-17"}) as server, FaultProxy(server.port) as proxy:
        sides = [{**server.side(name), "endpoint_url": proxy.endpoint_url, "retries": 0} for name in ("one", "two")]
        arguments = {
            "source": sides[0], "destination": sides[1], "state_file": str(state), "parallel": 4, "max_rechecks": 0,
            "grace": "0s"
        }  # fmt: skip
        proxy.cut_after(24_000_000, direction="down", then_refuse=True)  # of about 39 MB
        ended = run_module("s3_replication_info", arguments)
        assert ended["failed"] and state.exists(), ended
        assert state.stat().st_mode & 0o777 == 0o600 and server.secret_key not in state.read_text(encoding="ascii")
        proxy.pass_all()
        other = run_module("s3_replication_info", {**arguments, "prefix": "chunks/0"})
        assert other["failed"] and "other options" in other["msg"]
        result = run_module("s3_replication_info", arguments)
        assert result["compared"]["resumed"] is True
        assert result["compared"]["source_objects"] == 60_000 and result["compared"]["matched"] == 59_999
        assert result["requests"]["list"] < 120, "the pages of both buckets, read from the beginning, are 120 and more"
        assert not state.exists()
