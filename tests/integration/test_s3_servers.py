# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module s3_replication on servers of other makes: two Ceph zones, which replicate later, and VersityGW, which does
not replicate.
"""

from __future__ import annotations

import collections.abc
import itertools
import pathlib
import typing as t

import pytest

from tests.integration.bucket_pairs import RECOVERING
from tests.integration.modules import run_module
from tests.lab.cephrgw import CephRGW
from tests.lab.throwaway import MissingPrerequisiteError
from tests.lab.versitygw import VersityGW

ROLE = "arn:aws:iam::123456789012:role/replication"
_PLAYBOOK = {
    "role_arn": ROLE,
    "rules": [{"id": "ReplicateChunks", "priority": 1, "prefix": "chunks/", "replication_time": True, "metrics": True}],
}
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def gateways() -> collections.abc.Iterator[tuple[VersityGW, VersityGW]]:
    """Two servers that know nothing of each other. Skipped where there is no Go to build them."""
    try:
        with VersityGW() as one, VersityGW() as other:
            yield one, other
    except MissingPrerequisiteError as error:
        pytest.skip(str(error))


def replicate(
    state_dir: pathlib.Path, sides: t.Sequence[dict[str, str]], *, check_mode: bool = False, **more: t.Any
) -> dict[str, t.Any]:
    options = {"source": sides[0], "destination": sides[1], "state_dir": str(state_dir), **more}
    return run_module(
        "s3_recover" if more.get("state") in RECOVERING else "s3_replication", options, check_mode=check_mode
    )


class TestCeph:
    """Two zones of one Ceph."""

    @pytest.fixture
    def sides(self, ceph: CephRGW) -> list[dict[str, str]]:
        name = ceph.make_bucket(f"zoned-{next(_numbers)}")
        return [zone.side(name) for zone in ceph.zones]

    def test_the_same_playbook_configures_it_and_changes_nothing_the_second_time(
        self, ceph: CephRGW, sides: list[dict[str, str]], tmp_path: pathlib.Path
    ) -> None:
        first, other = ceph.zones
        bucket = sides[0]["bucket"]
        lifecycle = {"rules": [{"id": "old", "noncurrent_expire_days": 30, "abort_uploads_days": 7}]}
        planned = replicate(tmp_path, sides, check_mode=True, **_PLAYBOOK, lifecycle=lifecycle)
        assert not planned.get("failed"), planned["msg"]
        done = replicate(tmp_path, sides, **_PLAYBOOK, lifecycle=lifecycle)
        assert not done.get("failed"), done["msg"]
        assert done["backend"] == "ceph" and done["changed"]
        assert planned["config"]["before"] == done["config"]["before"]
        assert planned["config"]["after"]["source"] == done["config"]["after"]["source"]

        def known() -> bool:  # a bucket's setup, too, comes over later
            try:
                return len(other.client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]) == 1
            except other.client.exceptions.ClientError:
                return False

        ceph.wait_for(known, "the lifecycle in the other zone")
        assert "rules[ReplicateChunks].replication_time: true" in done["ignored_by_backend"]
        second = replicate(tmp_path, sides, **_PLAYBOOK, lifecycle=lifecycle)
        assert not second["changed"], second["diff"]
        ceph.settle()
        first.client.put_object(Bucket=bucket, Key="chunks/a", Body=b"1")
        ceph.wait_for(
            lambda: other.client.list_objects_v2(Bucket=bucket)["KeyCount"] == 1, "the object in the other zone"
        )
        assert replicate(tmp_path, sides, state="paused")["changed"]
        assert not replicate(tmp_path, sides, state="paused")["changed"]
        assert replicate(tmp_path, sides, state="absent")["changed"]
        assert not replicate(tmp_path, sides, state="absent")["changed"]

    def test_deletions_are_undone_with_the_same_version_ids(
        self, ceph: CephRGW, sides: list[dict[str, str]], tmp_path: pathlib.Path
    ) -> None:
        replicate(tmp_path, sides, rules=[{"id": "all"}])
        ceph.settle()
        (first, other), bucket = ceph.zones, sides[0]["bucket"]
        for key in ("a", "b"):
            first.client.put_object(Bucket=bucket, Key=key, Body=b"1")
            first.client.delete_object(Bucket=bucket, Key=key)

        def over() -> bool:
            answer = other.client.list_object_versions(Bucket=bucket)
            return len(answer.get("DeleteMarkers", [])) == 2 and len(answer.get("Versions", [])) == 2

        ceph.wait_for(over, "the markers in the other zone")
        result = replicate(tmp_path, sides, state="undeleted", deleted_after="1h", confirm_bucket=bucket)
        assert not result.get("failed"), result
        ceph.wait_for(
            lambda: other.client.list_objects_v2(Bucket=bucket)["KeyCount"] == 2, "the objects in the other zone"
        )
        assert first.client.list_objects_v2(Bucket=bucket)["KeyCount"] == 2

    def test_failing_back_says_that_this_server_cannot_make_it_free_of_races(
        self, ceph: CephRGW, sides: list[dict[str, str]], tmp_path: pathlib.Path
    ) -> None:
        bucket = sides[0]["bucket"]
        replicate(tmp_path, sides, rules=[{"id": "all"}])
        result = replicate(tmp_path, sides, check_mode=True, state="failed_back", confirm_bucket=bucket)
        assert not result["race_free"]
        assert any("does not check conditions" in str(warning) for warning in result["warnings"])
        assert result["paused_rules"] == ["all"]


class TestVersityGW:
    """Two servers without replication."""

    @pytest.fixture
    def sides(self, gateways: tuple[VersityGW, VersityGW]) -> list[dict[str, str]]:
        number = next(_numbers)
        return [server.side(server.make_bucket(f"plain-{number}", versioning=True)) for server in gateways]

    def test_configuring_is_refused_with_what_still_works(
        self, sides: list[dict[str, str]], tmp_path: pathlib.Path
    ) -> None:
        result = replicate(tmp_path, sides, **_PLAYBOOK)
        assert result["failed"]
        for words in (
            "versitygw",
            "no replication API",
            "501",
            "s3_recover",
            "resynced by copying",
            "undeleted",
            "failed_back",
        ):
            assert words in result["msg"]
        assert "\n" not in result["msg"]

    def test_objects_are_copied_deleted_brought_back_and_failed_back(
        self, gateways: tuple[VersityGW, VersityGW], sides: list[dict[str, str]], tmp_path: pathlib.Path
    ) -> None:
        one, other = gateways
        bucket = sides[0]["bucket"]
        for key in ("a", "b/c", "é +"):
            one.client.put_object(Bucket=bucket, Key=key, Body=key.encode(), Metadata={"m": "1"})
        assert replicate(tmp_path, sides, state="resynced")["copied"]["objects"] == 3
        assert other.client.head_object(Bucket=bucket, Key="é +")["Metadata"] == {"m": "1"}
        assert not replicate(tmp_path, sides, state="resynced")["changed"]
        for server in gateways:
            server.client.delete_object(Bucket=bucket, Key="b/c")
        undone = replicate(tmp_path, sides, state="undeleted", deleted_after="1h", confirm_bucket=bucket)
        assert undone["undeleted"] == {"source": 1, "destination": 1}
        other.client.put_object(Bucket=bucket, Key="new", Body=b"there")
        back = replicate(tmp_path, sides, state="failed_back", confirm_bucket=bucket)
        assert back["copied"]["objects"] == 1, back
        assert one.client.get_object(Bucket=bucket, Key="new")["Body"].read() == b"there"
        assert not replicate(tmp_path, sides, state="failed_back", confirm_bucket=bucket)["changed"]
