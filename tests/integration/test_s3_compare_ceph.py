# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""s3_replication_info on two Ceph zones, which replicate by themselves, later, and keep version ids."""

from __future__ import annotations

import collections.abc
import concurrent.futures
import itertools
import time
import typing as t

import pytest

from tests.integration.modules import run_module
from tests.lab.cephrgw import CephRGW, Zone

_PREFIX = "chunks/"
_numbers = itertools.count(1)


def _info(
    ceph: CephRGW, bucket: str, level: str = "listing", *, there: Zone | None = None, **more: t.Any
) -> dict[str, t.Any]:
    source, destination = ceph.zones[0].side(bucket), (there or ceph.zones[1]).side(bucket)
    grace = {} if level in ("config", "canary") else {"grace": "0s"}
    return run_module(
        "s3_replication_info", {"source": source, "destination": destination, "level": level, **grace, **more}
    )


@pytest.fixture
def bucket(ceph: CephRGW) -> str:
    """A bucket that is replicated from the first zone to the other."""
    name = ceph.make_bucket(f"compared-{next(_numbers)}")
    rule: t.Any = {
        "ID": "all",
        "Priority": 1,
        "Status": "Enabled",
        "Filter": {"Prefix": _PREFIX},
        "DeleteMarkerReplication": {"Status": "Enabled"},
        "Destination": {"Bucket": f"arn:aws:s3:::{name}"},
    }
    ceph.zones[0].client.put_bucket_replication(Bucket=name, ReplicationConfiguration={"Role": "", "Rules": [rule]})
    ceph.settle()
    return name


@pytest.fixture
def copier(ceph: CephRGW) -> collections.abc.Iterator[Zone]:
    """The gateway that copies to the second zone. A test may stop it; ``ceph.reader`` still serves that zone then."""
    ceph.reader.start()
    yield ceph.zones[1]
    ceph.zones[1].start()
    ceph.reader.stop()


def test_versions_are_proven_by_their_ids(ceph: CephRGW, bucket: str) -> None:
    first = ceph.zones[0]
    keys = [
        _PREFIX + key for key in ("a b", "a+b", "a%2Bb", "a&b<c>", "new\nline", "x//y", "e\u0301", "\u00e9", "日本")
    ]
    for content in (b"one", b"two"):
        for key in keys:
            first.client.put_object(Bucket=bucket, Key=key, Body=content)
    first.client.delete_object(Bucket=bucket, Key=_PREFIX + "a b")
    ceph.wait_for(lambda: _info(ceph, bucket, "versions")["verdict"] == "in_sync", "all versions in the other zone")
    same = _info(ceph, bucket, "versions")
    assert same["compared"]["matched_by_version_id"] == same["compared"]["matched"] == 2 * len(keys) + 1
    assert (same["requests"]["head"], same["requests"]["get"]) == (2, 0)
    for level in ("count", "listing", "checksum", "content"):
        assert _info(ceph, bucket, level)["verdict"] == "in_sync", level
    _versions_on_many_pages(ceph, bucket, len(keys))
    first.client.put_object(Bucket=bucket, Key="outside of the rule", Body=b"here")
    ceph.zones[1].client.put_object(Bucket=bucket, Key="outside of the rule, too", Body=b"there")
    for level in ("listing", "versions"):
        damaged = _info(ceph, bucket, level)
        assert damaged["verdict"] == "diverged"
        assert [[entry["key"] for entry in damaged[kind]["sample"]] for kind in ("missing", "extra", "mismatched")] == [
            ["outside of the rule"], ["outside of the rule, too"], []
        ], level  # fmt: skip


def _versions_on_many_pages(ceph: CephRGW, bucket: str, keys: int) -> None:
    """Pages of three entries: markers that are inclusive, and encoded or not, in real answers."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._listing import Lister, Requests
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import open_side

    class Small(Lister):
        def page_after(
            self, key: bytes | None, token: str | None = None, version_marker: str | None = None, count: int = 3
        ) -> t.Any:
            return super().page_after(key, token, version_marker, 3)

    for zone in ceph.zones:
        for versions, expected in ((True, 2 * keys + 1), (False, keys - 1)):
            stream = Small(open_side("source", zone.side(bucket)), "", Requests(), versions=versions).stream()
            rows = []
            while not stream.ended:
                rows += stream.next_rows()
            assert len(rows) == len(set(rows)) == expected, (zone.name, versions, rows)


def _canary(ceph: CephRGW, bucket: str, timeout: str = "60s", **more: t.Any) -> dict[str, t.Any]:
    return _info(ceph, bucket, "canary", prefix=_PREFIX, canary_timeout=timeout, **more)


def _versions(ceph: CephRGW, bucket: str, **more: t.Any) -> dict[str, t.Any]:
    return _info(ceph, bucket, "versions", prefix=_PREFIX, **more)


def _put(ceph: CephRGW, bucket: str, *names: str) -> None:
    for name in names:
        ceph.zones[0].client.put_object(Bucket=bucket, Key=_PREFIX + name, Body=name.encode())


def test_the_canary_measures_the_lag_of_a_server_that_replicates_later(ceph: CephRGW, bucket: str) -> None:
    began = time.monotonic()
    result = _canary(ceph, bucket)
    assert result["verdict"] == "in_sync" and result["canary"]["leftovers"] == [], result
    assert 0 < result["lag_seconds"] <= time.monotonic() - began
    slow = _canary(ceph, bucket, max_lag="0.001s")
    assert slow["verdict"] == "lagging" and slow["canary"]["arrived"], slow
    outside = _info(ceph, bucket, "canary", canary_timeout="3s")
    assert outside["verdict"] == "lagging" and not outside["canary"]["arrived"], "the rule is for another prefix"


def test_later_objects_go_over_too(ceph: CephRGW, bucket: str) -> None:
    for number, pause in enumerate((0, 1, 4)):
        time.sleep(pause)
        _put(ceph, bucket, f"object {number}")
        ceph.wait_for(lambda: _versions(ceph, bucket)["verdict"] == "in_sync", f"object {number}")


def test_a_stopped_gateway_is_lag_and_what_was_missed_comes_after_its_start(
    ceph: CephRGW, bucket: str, copier: Zone
) -> None:
    _put(ceph, bucket, "before")
    ceph.wait_for(lambda: _versions(ceph, bucket)["verdict"] == "in_sync", "the first object")
    copier.stop()
    late = _canary(ceph, bucket, "3s", there=ceph.reader)
    assert late["verdict"] == "lagging" and late["lag_seconds"] is None and not late["canary"]["arrived"], late
    _put(ceph, bucket, *(f"missed {number}" for number in range(20)))
    ceph.zones[0].client.delete_object(Bucket=bucket, Key=_PREFIX + "before")
    young = _versions(ceph, bucket, there=ceph.reader, grace="1h")
    assert young["verdict"] == "lagging" and young["pending_objects"] >= 21, young
    assert _versions(ceph, bucket, there=ceph.reader)["verdict"] == "diverged", "with no grace it is just not there"
    with concurrent.futures.ThreadPoolExecutor(1) as asker:
        asked = asker.submit(_versions, ceph, bucket, grace="1h")  # the gateway is not there yet, and is waited for
        time.sleep(2)
        copier.start()
    assert asked.result().get("verdict") in ("lagging", "in_sync"), asked.result()
    ceph.wait_for(lambda: _versions(ceph, bucket)["verdict"] == "in_sync", "what was missed")
    after = _versions(ceph, bucket)
    assert after["compared"]["matched_by_version_id"] == after["compared"]["matched"] == 22
    healed = _canary(ceph, bucket)
    assert healed["verdict"] == "in_sync" and healed["lag_seconds"] > 0 and healed["canary"]["leftovers"] == [], healed


def test_writes_go_on_while_the_gateway_is_stopped_and_started(ceph: CephRGW, bucket: str, copier: Zone) -> None:
    for step in (copier.stop, copier.start):
        with concurrent.futures.ThreadPoolExecutor(1) as writer:
            writing = writer.submit(_put, ceph, bucket, *(f"{step.__name__} {number}" for number in range(100)))
            time.sleep(0.2)
            step()
            writing.result()
    ceph.wait_for(lambda: _versions(ceph, bucket)["verdict"] == "in_sync", "all that was written")
    assert _versions(ceph, bucket)["compared"]["matched_by_version_id"] == 200
