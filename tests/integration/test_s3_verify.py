# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A pair of buckets as a component: recorded only when both are the same, proven later, and red for each fault of the
replica.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import functools
import gzip
import itertools
import json
import pathlib
import typing as t

import jsonschema
import pytest

from tests.integration.backups import flip_byte, keys_of
from tests.integration.modules import run_module
from tests.integration.proofs import ends_in_a_report
from tests.lab.objectstore import ObjectStore
from tests.lab.throwaway import MissingPrerequisiteError, free_port
from tests.lab.versitygw import VersityGW

_SCHEMA = pathlib.Path(__file__).parents[2] / "docs" / "schemas" / "report.schema.json"
_SECRET = "correct-horse-battery-staple-0123456789"
_KEYS = ["a b", "a+b", "chunks/1", "chunks/2", "new\nline", "e\u0301", "日本"]
_CONTROLS = ["control.changed", "control.deleted", "control.truncated"]
_numbers = itertools.count(1)


@dataclasses.dataclass
class Pair:
    """Two buckets, and a repository for their inventories."""

    clients: tuple[t.Any, t.Any]
    source: dict[str, str]
    destination: dict[str, str]
    folder: pathlib.Path

    def put(self, key: str, content: bytes, *, sides: t.Sequence[int] = (0, 1)) -> None:
        for side in sides:
            self.clients[side].put_object(Bucket=(self.source, self.destination)[side]["bucket"], Key=key, Body=content)

    def delete(self, key: str, *, sides: t.Sequence[int] = (0, 1), **version: str) -> None:
        for side in sides:
            self.clients[side].delete_object(Bucket=(self.source, self.destination)[side]["bucket"], Key=key, **version)

    def versions_of(self, key: str, side: int = 1) -> list[str]:
        """Their ids, the newest first."""
        bucket = (self.source, self.destination)[side]["bucket"]
        listed = self.clients[side].list_object_versions(Bucket=bucket, Prefix=key)
        return [version["VersionId"] for version in listed["Versions"] if version["Key"] == key]

    def record(self, *, check_mode: bool = False, **more: t.Any) -> dict[str, t.Any]:
        named = {"app": "shop", "component": "chunks", "repositories": [{"path": str(self.folder / "copy1")}]}
        sides = {
            "source": self.source,
            "destination": self.destination,
            "grace": "0s",
            "state_dir": str(self.folder / "state"),
        }
        result = run_module("s3_inventory", {**named, **sides, **more}, check_mode=check_mode)
        assert _SECRET not in json.dumps(result), "the secret is in the result"
        return result

    def recorded(self, **more: t.Any) -> dict[str, t.Any]:
        result = self.record(**more)
        assert not result.get("failed"), result
        return result

    def verify(self, *, check_mode: bool = False, **more: t.Any) -> dict[str, t.Any]:
        buckets = {
            "source": self.source,
            "destination": self.destination,
            "grace": "0s",
            "sample": 100,
            **more.pop("buckets", {}),
        }
        named = {
            "app": "shop",
            "component": "chunks",
            "repositories": [{"path": str(self.folder / "copy1")}],
            "buckets": buckets,
        }
        result = run_module("s3_verify", {**named, **more}, check_mode=check_mode)
        assert _SECRET not in json.dumps(result), "the secret is in the result"
        return result

    def stored(self) -> list[pathlib.Path]:
        return sorted(path for path in self.folder.joinpath("copy1").rglob("*") if path.is_file())


def _checks(result: dict[str, t.Any]) -> dict[str, str]:
    return {check["id"]: check["status"] for check in result["checks"]}


def _refused(result: dict[str, t.Any]) -> list[str]:
    return sorted(control["id"] for control in result["controls"] if control["status"] == "passed")


@pytest.fixture
def pair(object_store: ObjectStore, tmp_path: pathlib.Path) -> collections.abc.Iterator[Pair]:
    """Two versioned buckets of ministack that nothing replicates, with the same objects."""
    names = [
        object_store.make_bucket(f"verify-{next(_numbers)}-{side}", versioning=True)
        for side in ("source", "destination")
    ]
    common = {
        "endpoint_url": object_store.endpoint_url,
        "region": "us-east-1",
        "access_key": "AKIAEXAMPLE",
        "secret_key": _SECRET,
    }
    sides = [{"bucket": name, **common} for name in names]
    pair = Pair((object_store.client, object_store.client), sides[0], sides[1], tmp_path)
    for key in _KEYS:
        pair.put(key, key.encode() * 100)
    yield pair
    for name in names:
        object_store.drop_bucket(name)


def test_a_bucket_is_a_component_and_is_proven(pair: Pair, tmp_path: pathlib.Path) -> None:
    pair.put("a b", b"newer")
    pair.put("removed", b"was here")
    pair.delete("removed")
    keys = keys_of("age", tmp_path)
    result = pair.recorded(encryption=keys.write, max_age="1h")
    size = sum(len(key.encode()) * 100 for key in _KEYS if key != "a b") + 5
    assert (result["changed"], result["verdict"], result["objects"], result["bytes"]) == (
        True,
        "in_sync",
        len(_KEYS),
        size,
    ), result
    assert (result["versions"], result["delete_markers"], result["left_out"]) == (2, 1, 0)
    assert _SECRET not in "".join(path.read_bytes().decode("latin-1") for path in pair.stored())
    assert pair.recorded(max_age="1h")["changed"] is False
    listed = run_module("backup_info", {"repositories": [{"path": str(tmp_path / "copy1")}]})["backups"]
    assert [(backup["engine"], backup["verified"]) for backup in listed] == [("s3", False)], (
        "nothing has shown yet that it can fail"
    )

    key = {"encryption": keys.read}
    planned = pair.verify(check_mode=True, **key)
    assert planned["changed"] and "verdict" not in planned
    reports = tmp_path / "reports"
    proof = pair.verify(report_dir=str(reports), **key)
    assert proof["verdict"] == "passed", proof
    unread = _checks(proof).pop("content.unread")
    assert unread == "skipped" and "tags" in proof["checks"][-1]["message"], "what it has not looked at is said"
    assert {one["status"] for one in proof["checks"][:-1]} == {"passed"} and len(proof["checks"]) == 6
    assert _refused(proof) == sorted(
        [*_CONTROLS, "control.content", "control.content_cut", "control.cut", "control.flip"]
    )
    report = json.loads(next(reports.glob("*.json")).read_bytes())
    jsonschema.validate(report, json.loads(_SCHEMA.read_bytes()))
    assert report["source"]["kind"] == "object_store" and report["backup"]["counts"][0] == {
        "what": "objects",
        "count": len(_KEYS),
    }
    listed = run_module("backup_info", {"repositories": [{"path": str(tmp_path / "copy1")}]})["backups"]
    assert listed[0]["verified"] is True
    assert pair.verify(max_age="1h", **key)["changed"] is False


def test_what_is_not_the_same_is_not_recorded_and_leaves_nothing(pair: Pair) -> None:
    pair.put("only/here", b"x", sides=[0])
    planned = pair.record(check_mode=True)
    assert planned["changed"] and planned["planned"]["requests"]["list"] == 2, (
        "check mode does not compare, and says what it would take"
    )
    result = pair.record()
    assert (
        result["failed"]
        and "1 versions are missing at the destination" in result["msg"]
        and "only/here" in result["msg"]
    ), result
    assert pair.stored() == []
    young = pair.recorded(grace="1h", max_pending=1)
    assert (young["objects"], young["left_out"]) == (len(_KEYS), 1), "what is on its way is not in it, and is counted"
    proof = pair.verify(profile="quick", buckets={"grace": "1h"})
    assert (
        proof["verdict"] == "passed"
        and "young" in {check["id"]: check["message"] for check in proof["checks"]}["content.pair"]
    )
    assert pair.verify(profile="quick")["verdict"] == "failed", "and without grace it is missing"


def test_each_damage_of_the_replica_is_found_and_named(pair: Pair) -> None:
    pair.recorded()
    for key, instead in (("a b", None), ("chunks/1", b"CHUNKS/1" * 100), ("日本", "日本".encode() * 50)):
        pair.delete(key, sides=[1], VersionId=pair.versions_of(key)[0])
        if instead is not None:
            pair.put(key, instead, sides=[1])
    reports = pair.folder / "reports"
    result = pair.verify(profile="quick", report_dir=str(reports))
    assert result["failed"] and result["verdict"] == "failed", result
    checks = {check["id"]: check for check in json.loads(next(reports.glob("*.json")).read_bytes())["checks"]}
    assert sorted(item["name"] for item in checks["content.inventory"]["items"]) == ["a b", "chunks/1", "日本"]
    found = {(item["name"], item["message"]) for item in checks["content.pair"]["items"]}
    named = {
        ("a b", "missing"),
        ("chunks/1", "mismatched the checksums (CRC32) differ"),
        ("日本", "missing"),
        ("日本", "extra"),
    }
    assert named <= found, found
    assert "chunks/1" in result["msg"]
    assert set(_CONTROLS) <= set(_refused(result)), "another object is there to be damaged"


def test_what_was_destroyed_on_both_sides_alike_is_lost_all_the_same(pair: Pair) -> None:
    pair.recorded()
    for side in (0, 1):
        pair.delete("chunks/1", sides=[side], VersionId=pair.versions_of("chunks/1", side)[0])
    result = pair.verify(profile="quick")
    assert (_checks(result)["content.pair"], _checks(result)["content.inventory"]) == ("passed", "failed")
    assert result["failed"] and "chunks/1" in result["msg"]


def test_what_was_deleted_or_overwritten_later_can_still_be_had(pair: Pair) -> None:
    pair.recorded()
    pair.delete("chunks/1")
    pair.put("chunks/2", b"newer")
    assert pair.verify()["verdict"] == "passed", "every version of then is still there, by its id or by its content"


def test_when_the_source_is_gone_the_destination_alone_is_proven_against_the_inventory(
    pair: Pair, object_store: ObjectStore
) -> None:
    pair.put("a b", b"newer")
    pair.recorded()
    object_store.drop_bucket(pair.source["bucket"])
    both = pair.verify(profile="quick")
    assert both["failed"] and "verdict" not in both, "it cannot be asked"
    alone: dict[str, t.Any] = {"buckets": {"source": None}}
    for profile in ("quick", "full"):
        proof = pair.verify(profile=profile, **alone)
        assert proof["verdict"] == "passed", proof
        assert _checks(proof)["content.inventory"] == "passed" and _checks(proof)["content.pair"] == "skipped"
        assert set(_CONTROLS) <= set(_refused(proof)), "that it can fail is shown without the source, too"
    assert _checks(proof)["content.sample"] == "passed" and "control.content" in _refused(proof)
    young = {"profile": "quick", "max_age": "1h"}  # both may have ended in one second, so either may be the newest
    assert pair.verify(**young, **alone)["changed"] is False
    assert pair.verify(**young)["failed"], "a proof that did not ask the source does not stand for one that does"
    pair.delete("chunks/1", sides=[1], VersionId=pair.versions_of("chunks/1")[0])
    pair.put("a b", b"cover", sides=[1])
    lost = pair.verify(profile="quick", **alone)
    assert lost["failed"] and _checks(lost)["content.inventory"] == "failed" and "chunks/1" in lost["msg"], lost
    assert "1 of" in lost["msg"], "what was covered can still be had"
    object_store.make_bucket(pair.source["bucket"])


def test_a_damaged_inventory_and_wrong_options_are_told(pair: Pair) -> None:
    pair.recorded()
    missing = run_module(
        "s3_verify",
        {"app": "shop", "component": "chunks", "repositories": [{"path": str(pair.folder / "copy1")}]},
        check_mode=True,
    )
    assert missing["failed"] and "buckets is not given" in missing["msg"]
    other = pair.verify(buckets={"destination": {**pair.destination, "bucket": "another"}})
    assert other["failed"] and "the inventory was made of" in other["msg"]
    asked = pair.verify(checks=[{"query": "select 1", "value": 1}])
    assert asked["failed"] and "checks.query" in asked["msg"], (
        "a question that cannot be asked must not look like one that was right"
    )
    wrong = pair.verify(
        buckets={"destination": {**pair.destination, "endpoint_url": "http://127.0.0.1:9", "retries": 0}}
    )
    assert wrong["failed"] and "verdict" not in wrong, "who cannot be reached is neither proven nor refuted"
    assert pair.verify(profile="artifact")["verdict"] == "passed"
    flip_byte(next(path for path in pair.stored() if path.name.startswith("inventory")))
    damaged = pair.verify(profile="artifact")
    assert damaged["verdict"] == "failed" and _checks(damaged) == {"artifact.stored": "failed"}


def test_a_list_of_objects_without_versions_is_strict(object_store: ObjectStore, tmp_path: pathlib.Path) -> None:
    names = [object_store.make_bucket(f"plain-{next(_numbers)}-{side}") for side in ("source", "destination")]
    common = {
        "endpoint_url": object_store.endpoint_url,
        "region": "us-east-1",
        "access_key": "AKIAEXAMPLE",
        "secret_key": _SECRET,
    }
    pair = Pair(
        (object_store.client, object_store.client),
        {"bucket": names[0], **common},
        {"bucket": names[1], **common},
        tmp_path,
    )
    empty = pair.recorded(level="listing", allow_empty=True)
    assert (empty["objects"], pair.verify()["verdict"]) == (0, "passed"), "an empty bucket has an inventory, too"
    pair.put("k", b"one")
    result = pair.recorded(level="checksum", compression={"engine": "gzip"})
    line = gzip.decompress(
        next(p for p in pair.stored() if result["backup_id"] in str(p) and p.name == "inventory.jsonl.gz").read_bytes()
    )
    assert {"key": "k", "size": 3}.items() <= json.loads(line).items() and "version_id" not in json.loads(line)
    proof = pair.verify()
    assert proof["verdict"] == "passed" and proof["summary"].count("hash by hash") == 1, proof
    pair.put("k", b"two")
    lost = pair.verify(profile="quick")
    assert _checks(lost)["content.pair"] == "passed" and _checks(lost)["content.inventory"] == "failed", (
        "what was there is nowhere"
    )
    for name in names:
        object_store.drop_bucket(name)


def test_servers_with_ids_of_their_own_are_proven_by_content(tmp_path: pathlib.Path) -> None:
    try:
        with VersityGW() as one, VersityGW() as other:
            bucket = f"own-{next(_numbers)}"
            sides = [gateway.side(bucket) for gateway in (one, other)]
            for gateway in (one, other):
                gateway.make_bucket(bucket, versioning=True)
            pair = Pair((one.client, other.client), sides[0], sides[1], tmp_path)
            for key in ("a", "b", "c"):
                pair.put(key, key.encode() * 1000)
            pair.put("a", b"newer")
            assert pair.recorded()["versions"] == 1
            assert pair.verify()["verdict"] == "passed"
            pair.put("b", b"B" * 1000, sides=[1])
            pair.delete("b", sides=[1], VersionId=pair.versions_of("b")[-1])
            lost = pair.verify()
            assert lost["failed"] and _checks(lost)["content.inventory"] == "failed"
            assert set(_CONTROLS) <= set(_refused(lost))
    except MissingPrerequisiteError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("dead", ["source", "destination"])
def test_a_server_that_is_dead_leaves_a_report(pair: Pair, dead: str, tmp_path: pathlib.Path) -> None:
    pair.put("a", b"1")
    pair.recorded()
    side = {**getattr(pair, dead), "endpoint_url": f"http://127.0.0.1:{free_port()}", "retries": 0}
    ends_in_a_report("s3", functools.partial(pair.verify, buckets={dead: side}), tmp_path)
