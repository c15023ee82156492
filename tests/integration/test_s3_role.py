# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A replication role without rights: every server takes such a rule, and only an object that is sent shows it.

ministack asks the policy of a destination in another account for ``s3:ReplicateObject``, as Amazon S3 does, and marks
what it may not replicate as FAILED. Within one account it asks nobody.
"""

from __future__ import annotations

import collections.abc
import json
import pathlib
import typing as t

import boto3
import pytest
from botocore.config import Config

from tests.integration.bucket_pairs import ROLE, Pair, fresh_pair
from tests.integration.modules import run_module
from tests.lab.objectstore import ObjectStore

_ACCOUNT = "999999999999"
_PLAIN: dict[str, t.Any] = {
    "rules": [{"id": "all", "priority": 1, "delete_markers": True}],
    "lifecycle": None,
    "object_lock": None,
}


class AcrossAccounts:
    """A pair whose destination is another account's: on ministack, an access key of twelve digits is an account."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.bucket = f"{pair.destination}-theirs"
        keys = {"aws_access_key_id": _ACCOUNT, "aws_secret_access_key": "lab"}
        at = {"endpoint_url": pair.store.endpoint_url, "region_name": "us-east-1"}
        self.theirs = boto3.session.Session().client("s3", **at, **keys, config=Config(s3={"addressing_style": "path"}))
        self.theirs.create_bucket(Bucket=self.bucket)

    @property
    def sides(self) -> dict[str, t.Any]:
        destination = self.pair.side(self.bucket, access_key=_ACCOUNT)
        return {"source": self.pair.side(self.pair.source), "destination": destination}

    def configure(self) -> dict[str, t.Any]:
        result = self.pair.run(**_PLAIN, **self.sides)
        assert not result.get("failed"), result
        return result

    def allow(self) -> None:
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": ROLE},
            "Action": ["s3:ReplicateObject", "s3:ReplicateDelete"],
            "Resource": f"arn:aws:s3:::{self.bucket}/*",
        }
        self.theirs.put_bucket_policy(
            Bucket=self.bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        )

    def canary(self) -> dict[str, t.Any]:
        return run_module("s3_replication_info", {**self.sides, "level": "canary", "canary_timeout": "20s"})

    def drop(self) -> None:
        for page in self.theirs.get_paginator("list_object_versions").paginate(Bucket=self.bucket):
            for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                self.theirs.delete_object(Bucket=self.bucket, Key=entry["Key"], VersionId=entry["VersionId"])
        self.theirs.delete_bucket(Bucket=self.bucket)


@pytest.fixture
def across(object_store: ObjectStore, tmp_path: pathlib.Path) -> collections.abc.Iterator[AcrossAccounts]:
    with fresh_pair(object_store, tmp_path) as pair:
        across = AcrossAccounts(pair)
        yield across
        across.drop()


def test_a_role_without_rights_is_found_by_the_canary_and_by_nothing_before(across: AcrossAccounts) -> None:
    across.configure()
    assert run_module("s3_replication_info", {**across.sides, "level": "config"})["configuration"]["problems"] == []
    refused = across.canary()
    assert (refused["verdict"], refused["canary"]["replication_status"]) == ("diverged", "FAILED"), refused
    assert "rights of the role" in refused["summary"] and refused["canary"]["waited_seconds"] < 20, (
        "there is nothing to wait for"
    )
    across.allow()
    arrived = across.canary()
    assert arrived["verdict"] == "in_sync" and arrived["lag_seconds"] is not None, arrived


def test_what_a_role_without_rights_did_not_replicate_is_diverged_and_says_so(across: AcrossAccounts) -> None:
    across.configure()
    across.pair.store.write(across.pair.source, "k", b"k")
    found = run_module("s3_replication_info", {**across.sides, "grace": "0s"})
    assert (found["verdict"], found["missing"]["count"]) == ("diverged", 1)
    assert "FAILED" in found["missing"]["sample"][0]["reason"]
    resync = {
        **across.sides,
        "state": "resynced",
        "resync": "failed",
        "grace": "0s",
        "state_dir": across.pair.state_dir,
    }
    assert run_module("s3_recover", resync)["copied"]["objects"] == 1
    assert run_module("s3_replication_info", {**across.sides, "grace": "0s"})["verdict"] == "in_sync"


def test_a_server_that_never_tells_lags_until_the_canary_is_given_up(
    object_store: ObjectStore, tmp_path: pathlib.Path
) -> None:
    """No rule takes the object up, so nobody says FAILED; what does not arrive is not there all the same."""
    with fresh_pair(object_store, tmp_path) as pair:
        pair.run(**{**_PLAIN, "rules": [{"id": "all", "priority": 1, "prefix": "elsewhere/"}]})
        sides = {"source": pair.side(pair.source), "destination": pair.side(pair.destination)}
        late = run_module("s3_replication_info", {**sides, "level": "canary", "canary_timeout": "1s"})
        assert (late["verdict"], late["canary"]["replication_status"], late["lag_seconds"]) == ("lagging", "", None)
