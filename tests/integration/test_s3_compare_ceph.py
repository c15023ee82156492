# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""s3_replication_info on two Ceph zones, which replicate by themselves and keep version ids."""

from __future__ import annotations

import collections.abc
import itertools
import typing as t

import pytest

from tests.integration.modules import run_module
from tests.lab.cephrgw import CephRGW
from tests.lab.throwaway import MissingPrerequisiteError

_PREFIX = "chunks/"
_numbers = itertools.count(1)


def _info(ceph: CephRGW, bucket: str, level: str = "listing", **more: t.Any) -> dict[str, t.Any]:
    source, destination = (zone.side(bucket) for zone in ceph.zones)
    return run_module("s3_replication_info", {"source": source, "destination": destination, "level": level, "grace": "0s", **more})


@pytest.fixture(scope="module")
def ceph() -> collections.abc.Iterator[CephRGW]:
    """Two zones of our own: Ceph 16 brings the objects of the first bucket over, and not always those of the next one."""
    try:
        with CephRGW() as cluster:
            yield cluster
    except MissingPrerequisiteError as error:
        pytest.skip(str(error))


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
    return name


def test_versions_are_proven_by_their_ids(ceph: CephRGW, bucket: str) -> None:
    first = ceph.zones[0]
    keys = [_PREFIX + key for key in ("a b", "a+b", "a%2Bb", "a&b<c>", "new\nline", "x//y", "e\u0301", "\u00e9", "日本")]
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
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3._listing import Lister, Requests
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3._side import open_side

    class Small(Lister):
        def page_after(self, key: bytes | None, token: str | None = None, version_marker: str | None = None, count: int = 3) -> t.Any:
            return super().page_after(key, token, version_marker, 3)

    for zone in ceph.zones:
        for versions, expected in ((True, 2 * keys + 1), (False, keys - 1)):
            stream = Small(open_side("source", zone.side(bucket)), "", Requests(), versions=versions).stream()
            rows = []
            while not stream.ended:
                rows += stream.next_rows()
            assert len(rows) == len(set(rows)) == expected, (zone.name, versions, rows)
