# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Storage classes by age, and what buckets say of themselves, on a real S3 server; refused where they cannot be."""

from __future__ import annotations

import pathlib
import typing as t

from tests.integration.modules import run_module
from tests.integration.repository_places import BucketPlace
from tests.lab.listing_server import ListingServer
from tests.lab.objectstore import ObjectStore

BY_AGE = [{"days": 30, "storage_class": "STANDARD_IA"}, {"days": 400, "storage_class": "DEEP_ARCHIVE"}]
THEIRS = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 9}}


def applied(options: dict[str, t.Any], **more: t.Any) -> dict[str, t.Any]:
    return run_module("backup_storage_class", {"repositories": [options]}, **more)


def rules(store: ObjectStore, bucket: str) -> dict[str, t.Any]:
    answer = store.client.get_bucket_lifecycle_configuration(Bucket=bucket)
    return {rule["ID"]: rule for rule in answer["Rules"]}


def test_a_rule_of_its_own_moves_artifacts_alone_and_goes_again(object_store: ObjectStore, bucket: str) -> None:
    place = BucketPlace(object_store, bucket)
    object_store.client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [THEIRS]})
    options = {**place.options, "transitions": BY_AGE}
    planned = applied(options, check_mode=True)
    assert planned["changed"] and list(rules(object_store, bucket)) == ["theirs"]
    assert "STANDARD_IA" in planned["diff"]["after"] and "STANDARD_IA" not in planned["diff"]["before"]
    assert applied(options)["changed"] and not applied(options)["changed"]
    there = rules(object_store, bucket)
    ours = there.pop("lifeboat artifacts below lifeboat")
    assert list(there) == ["theirs"] and len(ours["Transitions"]) == 2
    assert (ours["Filter"]["And"]["Prefix"], ours["Filter"]["And"]["Tags"]) == (
        "lifeboat/",
        [{"Key": "lifeboat", "Value": "artifact"}],
    )

    repository = place.open(transitions=BY_AGE)
    writer = repository.create("shop/codex/one/data.dump", 4)
    writer.write(b"data")
    writer.commit()
    repository.write_file("shop/codex/one/manifest.json", b"{}")
    tags = {
        name: object_store.client.get_object_tagging(Bucket=bucket, Key=f"lifeboat/shop/codex/one/{name}")["TagSet"]
        for name in ("data.dump", "manifest.json")
    }
    assert tags == {"data.dump": [{"Key": "lifeboat", "Value": "artifact"}], "manifest.json": []}

    assert applied(place.options)["changed"] and not applied(place.options)["changed"]
    assert list(rules(object_store, bucket)) == ["theirs"]


def test_what_cannot_be_is_refused_before_anything_is_changed(
    object_store: ObjectStore, bucket: str, tmp_path: pathlib.Path
) -> None:
    options = BucketPlace(object_store, bucket).options
    refused = applied({**options, "transitions": [{"days": 3, "storage_class": "STANDARD_IA"}]})
    assert refused["failed"] and "STANDARD_IA after 3 days is too early" in refused["msg"]
    refused = applied({"path": str(tmp_path), "transitions": BY_AGE})
    assert refused["failed"] and "transitions belongs to a bucket" in refused["msg"]
    assert applied({"path": str(tmp_path)})["failed"]


def test_what_a_bucket_says_of_itself(object_store: ObjectStore, bucket: str, tmp_path: pathlib.Path) -> None:
    place = BucketPlace(object_store, bucket)
    object_store.client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [THEIRS]})
    keys = tmp_path / "recipients.txt"
    keys.write_text("# two, one of them twice\nage1one\nage1two\nage1one\n")
    repositories = [place.options, {"path": str(tmp_path)}, {**place.options, "bucket": "not-there"}]
    asked = run_module("repository_info", {"repositories": repositories, "recipients_file": str(keys)})
    bucket_said, directory, missing = asked["repositories"]
    assert bucket_said["asked"] and bucket_said["lifecycle"][0]["expire_days"] == 9
    assert (directory["asked"], missing["asked"]) == (False, False) and "not-there" in missing["why"]
    assert asked["recipients"] == {"count": 2, "why": ""} and not asked["changed"]


def test_a_server_that_knows_no_lifecycle_is_refused() -> None:
    with ListingServer({"one": 1}) as server:
        refused = applied({**server.side("one"), "transitions": BY_AGE, "retries": 1})
    assert refused["failed"], refused
