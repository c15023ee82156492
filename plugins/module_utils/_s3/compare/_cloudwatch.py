# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What Amazon CloudWatch says of a replication. No data is None, never 0.

Amazon S3 publishes bytes, operations and latency in the destination's region and failures in the source's, per rule,
and only where the rule has metrics enabled (Amazon S3 user guide, "Monitoring replication with metrics"; the regions:
yet-another-cloudwatch-exporter #1188).
"""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_client import client_errors
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_errors import reason_and_hint

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side

_NAMESPACE = "AWS/S3"
_WINDOW = datetime.timedelta(hours=3)
_PERIOD_SECONDS = 60
# name in the result → metric, statistic, and whose region it is in: 0 is the source's
_METRICS = {
    "operations_pending": ("OperationsPendingReplication", "Maximum", 1),
    "bytes_pending": ("BytesPendingReplication", "Maximum", 1),
    "latency_seconds": ("ReplicationLatency", "Maximum", 1),
    "operations_failed": ("OperationsFailedReplication", "Sum", 0),
}


def read_metrics(source: Side, destination: Side) -> dict[str, t.Any]:
    """``available``, ``reason`` when it is not, and each number with ``value``, ``region``, ``at`` and ``rules``.

    Raises nothing.
    """
    result: dict[str, t.Any] = {"available": False, "reason": ""}
    reasons: list[str] = []
    for name, (metric, statistic, where) in _METRICS.items():
        side = (source, destination)[where]
        try:
            region = side.region
            read = _read(side.service("cloudwatch", region), metric, statistic, source.bucket, destination.bucket)
        except LifeboatError as error:
            result[name], reasons = None, [*reasons, error.message]
            continue
        except client_errors() as error:
            reason, _hint = reason_and_hint(error, side.scrub)
            result[name], reasons = None, [*reasons, f"CloudWatch of the {side.role}: {reason}"]
            continue
        result[name] = {**read, "region": region} if read else None
        result["available"] = result["available"] or bool(read)
    if not result["available"]:
        result["reason"] = (
            reasons[0] if reasons else "CloudWatch has no data of this pair. Enable metrics in the replication rule."
        )
    return result


def _read(client: t.Any, metric: str, statistic: str, source: str, destination: str) -> dict[str, t.Any] | None:
    """The newest value over all rules: the worst of them, and the sum of failures."""
    pair = [{"Name": "SourceBucket", "Value": source}, {"Name": "DestinationBucket", "Value": destination}]
    found = client.list_metrics(Namespace=_NAMESPACE, MetricName=metric, Dimensions=pair).get("Metrics", [])
    now = datetime.datetime.now(datetime.timezone.utc)
    rules: dict[str, float] = {}
    newest: datetime.datetime | None = None
    for entry in found:
        named = {dimension["Name"]: dimension["Value"] for dimension in entry.get("Dimensions", [])}
        if (named.get("SourceBucket"), named.get("DestinationBucket")) != (source, destination):
            continue  # a server that does not filter
        points = client.get_metric_statistics(
            Namespace=_NAMESPACE,
            MetricName=metric,
            Dimensions=entry["Dimensions"],
            StartTime=now - _WINDOW,
            EndTime=now + datetime.timedelta(minutes=5),
            Period=_PERIOD_SECONDS,
            Statistics=[statistic],
        ).get("Datapoints", [])
        if not points:
            continue
        last = max(points, key=lambda point: t.cast(datetime.datetime, point["Timestamp"]))
        every = [float(point[statistic]) for point in points]
        rules[named.get("RuleId", "")] = sum(every) if statistic == "Sum" else float(last[statistic])
        newest = last["Timestamp"] if newest is None else max(newest, last["Timestamp"])
    if not rules or newest is None:
        return None
    value = sum(rules.values()) if statistic == "Sum" else max(rules.values())
    return {
        "value": value,
        "at": newest.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "rules": rules,
    }


def stored_objects(side: Side) -> int | None:
    """How many objects CloudWatch says a bucket has, once a day and with all versions; None where nobody knows.

    Only on Amazon S3.
    """
    if side.settings.endpoint_url:
        return None
    now = datetime.datetime.now(datetime.timezone.utc)
    try:
        points = side.service("cloudwatch", side.region).get_metric_statistics(
            Namespace="AWS/S3",
            MetricName="NumberOfObjects",
            Dimensions=[
                {"Name": "BucketName", "Value": side.bucket},
                {"Name": "StorageType", "Value": "AllStorageTypes"},
            ],
            StartTime=now - datetime.timedelta(days=3),
            EndTime=now,
            Period=86400,
            Statistics=["Average"],
        )["Datapoints"]
    except client_errors():
        return None
    return int(max(points, key=lambda point: point["Timestamp"])["Average"]) if points else None


def metrics_of(source: Side, destination: Side, wanted: bool | None) -> dict[str, t.Any] | None:
    """CloudWatch's numbers; None where nobody asked, which is the default for anything but Amazon S3."""
    asked = wanted if wanted is not None else not source.settings.endpoint_url
    return read_metrics(source, destination) if asked else None
