# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CloudWatch's numbers of a replication.

botocore's Stubber answers in place of CloudWatch, and checks every request against its API.
"""

from __future__ import annotations

import collections.abc
import contextlib
import datetime
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side, open_side
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._cloudwatch import read_metrics
from botocore.stub import ANY, Stubber

_NOW = datetime.datetime.now(datetime.UTC)
_REGIONS = {"source": "us-east-1", "destination": "us-west-2"}
_NAMES = ("operations_pending", "bytes_pending", "latency_seconds", "operations_failed")
_SECRET = "stub+secret/0123456789"


def dimensions(rule: str) -> list[dict[str, str]]:
    named = {"SourceBucket": "source-bucket", "DestinationBucket": "destination-bucket", "RuleId": rule}
    return [{"Name": name, "Value": value} for name, value in named.items()]


class StubbedPair:
    """Both sides, and the Stubber of the CloudWatch of each one's region."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        keys = {"access_key": "AKIAEXAMPLE", "secret_key": _SECRET}
        self.sides: dict[str, Side] = {
            role: open_side(role, {"bucket": f"{role}-bucket", "region": region, **keys})
            for role, region in _REGIONS.items()
        }
        self.watch = {
            role: stack.enter_context(Stubber(side.service("cloudwatch", _REGIONS[role])))
            for role, side in self.sides.items()
        }

    def tells(
        self, role: str, metric: str, rules: dict[str, list[tuple[int, float]]], statistic: str = "Maximum"
    ) -> None:
        """The next answers of one region: of each rule, values by how many minutes ago."""
        known = [{"Namespace": "AWS/S3", "MetricName": metric, "Dimensions": dimensions(rule)} for rule in rules]
        self.watch[role].add_response(
            "list_metrics",
            {"Metrics": known},
            {"Namespace": "AWS/S3", "MetricName": metric, "Dimensions": dimensions("")[:2]},
        )
        for rule, values in rules.items():
            points = [{"Timestamp": _NOW - datetime.timedelta(minutes=ago), statistic: value} for ago, value in values]
            asked = {
                "Namespace": "AWS/S3",
                "MetricName": metric,
                "Dimensions": dimensions(rule),
                "Statistics": [statistic],
            }
            self.watch[role].add_response(
                "get_metric_statistics",
                {"Datapoints": points},
                {**asked, "StartTime": ANY, "EndTime": ANY, "Period": 60},
            )

    def refuses(self, role: str, code: str) -> None:
        self.watch[role].add_client_error("list_metrics", service_error_code=code, http_status_code=403)

    def read(self) -> dict[str, t.Any]:
        result = read_metrics(self.sides["source"], self.sides["destination"])
        for stubber in self.watch.values():
            stubber.assert_no_pending_responses()
        assert _SECRET not in str(result)
        return result


@pytest.fixture
def pair() -> collections.abc.Iterator[StubbedPair]:
    with contextlib.ExitStack() as stack:
        yield StubbedPair(stack)


def test_stubbed_numbers_come_from_the_region_that_has_them_and_the_worst_rule_counts(pair: StubbedPair) -> None:
    pair.tells("destination", "OperationsPendingReplication", {"one": [(9, 100.0), (2, 3.0)], "two": [(1, 7.0)]})
    pair.tells("destination", "BytesPendingReplication", {"one": [(2, 5e9)]})
    pair.tells("destination", "ReplicationLatency", {"one": [(2, 42.0)]})
    pair.tells("source", "OperationsFailedReplication", {"one": [(60, 2.0), (1, 1.0)], "two": [(5, 4.0)]}, "Sum")
    result = pair.read()
    assert result["available"]
    assert [result[name]["value"] for name in _NAMES] == [7.0, 5e9, 42.0, 7.0], (
        "the newest of each rule, and the sum of all failures"
    )
    assert [result[name]["region"] for name in _NAMES] == ["us-west-2", "us-west-2", "us-west-2", "us-east-1"]
    assert result["operations_pending"]["rules"] == {"one": 3.0, "two": 7.0}


def test_stubbed_silence_is_never_zero(pair: StubbedPair) -> None:
    for metric in ("OperationsPendingReplication", "BytesPendingReplication", "ReplicationLatency"):
        pair.tells("destination", metric, {"one": []})
    pair.tells("source", "OperationsFailedReplication", {}, "Sum")
    result = pair.read()
    assert not result["available"] and [result[name] for name in _NAMES] == [None] * 4
    assert "Enable metrics" in result["reason"]


def test_a_stubbed_refusal_in_one_region_leaves_the_other_and_is_named(pair: StubbedPair) -> None:
    for _metric in range(3):
        pair.refuses("destination", "AccessDenied")
    pair.tells("source", "OperationsFailedReplication", {"one": [(1, 0.0)]}, "Sum")
    half = pair.read()
    assert half["available"] and half["operations_failed"]["value"] == 0.0 and half["operations_pending"] is None
    for _metric in range(3):
        pair.refuses("destination", "AccessDenied")
    pair.refuses("source", "ExpiredToken")
    nothing = pair.read()
    assert (
        not nothing["available"]
        and "CloudWatch of the destination" in nothing["reason"]
        and "AccessDenied" in nothing["reason"]
    )
