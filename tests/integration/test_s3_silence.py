# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nothing that was not compared, not named, not copied or not remembered passes in silence."""

from __future__ import annotations

import json
import pathlib
import signal
import typing as t

import pytest

from tests.integration.bucket_pairs import Pair, versioned_pair
from tests.integration.jetstream_place import wait_for
from tests.integration.modules import run_module, start_module
from tests.integration.proofs import says_that_nothing_was_compared
from tests.lab.faultproxy import FaultProxy
from tests.lab.objectstore import ObjectStore
from tests.lab.throwaway import MissingPrerequisiteError
from tests.lab.versitygw import VersityGW

_PLAIN: dict[str, t.Any] = {"rules": [{"id": "ours", "prefix": "chunks/"}], "lifecycle": None, "object_lock": None}
_CONTROLS = ["a\x01b", "a\x02b"]


@pytest.fixture
def pair(object_store: ObjectStore, tmp_path: pathlib.Path) -> t.Iterator[Pair]:
    with versioned_pair(object_store, tmp_path) as pair:
        yield pair


@pytest.fixture(scope="module")
def gateway() -> t.Iterator[VersityGW]:
    """A server that lists U+FFFD in place of a control character."""
    try:
        with VersityGW() as gateway:
            yield gateway
    except MissingPrerequisiteError as error:
        pytest.skip(str(error))


def _sides(pair: Pair) -> dict[str, t.Any]:
    return {"source": pair.side(pair.source), "destination": pair.side(pair.destination)}


def _inventory(sides: dict[str, t.Any], folder: pathlib.Path, **more: t.Any) -> dict[str, t.Any]:
    fixed = {"app": "shop", "component": "chunks", "encryption": {"engine": "none"}, "state_dir": str(folder / "state")}
    return run_module("s3_inventory", {**sides, **fixed, "repositories": [{"path": str(folder / "store")}], **more})


@pytest.mark.parametrize("level", ["listing", "versions", "checksum", "content"])
def test_what_is_listed_and_cannot_be_asked_for_is_unverifiable(
    gateway: VersityGW, tmp_path: pathlib.Path, level: str
) -> None:
    buckets = [gateway.make_bucket(f"{role}-{level}") for role in ("named", "copied")]
    for bucket in buckets:
        gateway.client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        for key in ("one", "two", "genuine \ufffd"):
            gateway.client.put_object(Bucket=bucket, Key=key, Body=key.encode())
    sides = {role: gateway.side(bucket) for role, bucket in zip(("source", "destination"), buckets, strict=True)}
    sound = run_module("s3_replication_info", {**sides, "level": level, "grace": "0s"})
    assert sound["verdict"] == "in_sync" and sound["compared"]["matched"] == 3, sound["summary"]
    for key in _CONTROLS:
        gateway.client.put_object(Bucket=buckets[0], Key=key, Body=b"only here")
    found = run_module("s3_replication_info", {**sides, "level": level, "grace": "0s"})
    assert found["verdict"] == "unknown", found["summary"]
    assert found["unverifiable"]["count"] == 2
    assert "real name" in found["unverifiable"]["sample"][0]["reason"]
    assert found["compared"]["source_objects"] == 5
    assert _inventory(sides, tmp_path, level=level, grace="0s")["failed"]
    if level == "listing":
        resynced = run_module(
            "s3_recover", {**sides, "state": "resynced", "grace": "0s", "state_dir": str(tmp_path / "state")}
        )
        assert resynced["failed"] and resynced["not_done"] and "real name" in resynced["msg"], resynced


class TestNothing:
    """Two buckets in which there is nothing to compare."""

    @pytest.mark.parametrize("level", ["count", "listing", "versions", "content"])
    def test_nothing_is_unknown_unless_it_is_said_to_be_right(self, pair: Pair, level: str) -> None:
        pair.store.write(pair.source, "chunks/1", b"x")
        pair.store.write(pair.destination, "chunks/1", b"x")
        mistyped = {**_sides(pair), "level": level, "prefix": "chunk5/"}
        found = run_module("s3_replication_info", mistyped)
        assert found["verdict"] == "unknown" and "nothing was compared" in found["summary"]
        assert run_module("s3_replication_info", {**mistyped, "allow_empty": True})["verdict"] == "in_sync"

    def test_an_emptied_source_is_not_the_same_as_its_full_replica(self, pair: Pair) -> None:
        pair.store.write(pair.destination, "chunks/1", b"x")
        found = run_module("s3_replication_info", {**_sides(pair), "ignore_extra": True})
        assert found["verdict"] == "unknown" and "no objects at the source" in found["summary"]

    def test_nothing_is_recorded_and_proven_only_on_request(self, pair: Pair, tmp_path: pathlib.Path) -> None:
        refused = _inventory(_sides(pair), tmp_path)
        assert refused["failed"] and "nothing to record" in refused["msg"], refused
        assert not list((tmp_path / "store").rglob("manifest.json"))
        assert _inventory(_sides(pair), tmp_path, allow_empty=True)["objects"] == 0
        proof = {"app": "shop", "component": "chunks", "repositories": [{"path": str(tmp_path / "store")}]}
        proven = run_module("s3_verify", {**proof, "buckets": _sides(pair), "profile": "quick"})
        checks = {check["id"]: check["status"] for check in proven["checks"]} if "checks" in proven else {}
        assert not proven.get("failed"), (proven.get("msg"), checks)
        says_that_nothing_was_compared("s3", proven)

    def test_an_action_on_nothing_warns(self, pair: Pair) -> None:
        result = pair.run(state="resynced", prefix="chunk5/", grace="0s")
        assert not result["changed"] and "nothing was compared" in str(result.get("warnings"))


class TestMemory:
    """What a person does twice is remembered twice."""

    def test_objects_from_before_the_rule_are_told_of_until_they_are_there(self, pair: Pair) -> None:
        pair.store.write(pair.source, "chunks/before", b"x")
        assert [pair.run(**_PLAIN)["requires_resync"] for _run in range(3)] == [True] * 3
        assert pair.run(**_PLAIN, check_mode=True)["requires_resync"]
        pair.run(state="resynced", grace="0s")
        assert not pair.run(**_PLAIN)["requires_resync"]

    def test_what_was_paused_is_started_again_also_the_rule_of_another_tool(self, pair: Pair) -> None:
        pair.run(**_PLAIN)
        client = pair.store.client
        configuration: t.Any = client.get_bucket_replication(Bucket=pair.source)["ReplicationConfiguration"]
        foreign = {**configuration["Rules"][0], "ID": "theirs", "Priority": 9, "Filter": {"Prefix": "other/"}}
        configuration["Rules"].append(foreign)
        client.put_bucket_replication(Bucket=pair.source, ReplicationConfiguration=configuration)
        assert pair.run(state="paused", **{**_PLAIN, "rules": None})["changed"]
        planned = pair.run(**_PLAIN, check_mode=True)
        assert planned["resumed_rules"] == ["ours", "theirs"]
        started = pair.run(**_PLAIN)
        assert started["config"]["after"] == planned["config"]["after"] and started["disabled_rules"] == []
        assert {rule["ID"]: rule["Status"] for rule in pair.rules()} == {"ours": "Enabled", "theirs": "Enabled"}
        again = pair.run(**_PLAIN)
        assert not again["changed"] and again["resumed_rules"] == []

    def test_a_disabled_rule_that_nobody_here_paused_is_named_and_left(self, pair: Pair) -> None:
        pair.run(**_PLAIN)
        pair.run(state="paused", **{**_PLAIN, "rules": None})
        options = pair.options(**{**_PLAIN, "rules": [{"id": "new", "prefix": "n/", "priority": 5}]})
        result = run_module("s3_replication", {**options, "state_dir": f"{pair.state_dir}-of-another-host"})
        assert result["disabled_rules"] == ["ours"] and "'ours'" in str(result["warnings"])
        assert {rule["ID"]: rule["Status"] for rule in pair.rules()} == {"ours": "Disabled", "new": "Enabled"}

    def test_one_journal_has_what_two_runs_did(self, pair: Pair) -> None:
        """The first one is killed, so it cannot write its end."""
        count = 60
        for number in range(count):
            pair.store.write(pair.source, f"chunks/{number:03}", bytes(100_000))
        options = pair.options(state="resynced", grace="0s", method="stream", parallel=2)
        with FaultProxy(pair.store.port) as proxy:
            proxy.slow_down(1_500_000)
            destination = pair.side(pair.destination, endpoint_url=proxy.endpoint_url)
            process = start_module("s3_recover", {**options, "destination": destination})
            wait_for(lambda: len(pair.store.sizes(pair.destination)) > 5, "some objects are copied")
            process.send_signal(signal.SIGKILL)
            process.communicate()
            proxy.slow_down(None)
            self._goes_on(pair, destination, count)

    def _goes_on(self, pair: Pair, destination: dict[str, t.Any], count: int) -> None:
        resync: dict[str, t.Any] = {"state": "resynced", "grace": "0s", "destination": destination}
        (journal,) = pathlib.Path(pair.state_dir).glob("s3@*.jsonl")
        revert: dict[str, t.Any] = {"state": "reverted", "revert_journal": str(journal), "destination": destination}
        refused = pair.run(**resync, journal_path=f"{pair.state_dir}/other.jsonl")
        assert refused["failed"] and str(journal) in refused["msg"]
        warned = pair.run(**revert, check_mode=True)
        assert "did not come to its end" in str(warned["warnings"])
        resumed = pair.run(**resync)
        assert resumed["journal_path"] == str(journal)
        assert len(pair.store.sizes(pair.destination)) == count
        reverted = pair.run(**revert)
        assert pair.store.sizes(pair.destination) == {}, reverted
        assert "warnings" not in reverted
        assert pair.run(**resync)["journal_path"] != str(journal)


def test_one_object_that_cannot_be_copied_stops_no_other_and_is_named(pair: Pair) -> None:
    client = pair.store.client
    for key in ("a", "b", "c"):
        pair.store.write(pair.source, key, key.encode())

    def raw(request: t.Any, **_more: t.Any) -> None:
        request.headers["x-amz-meta-name"] = "Grüße.pdf".encode()

    client.meta.events.register("before-send.s3.PutObject", raw, unique_id="raw")
    try:
        client.put_object(Bucket=pair.source, Key="b", Body=b"b")
    finally:
        client.meta.events.unregister("before-send.s3.PutObject", unique_id="raw")
    result = pair.run(state="resynced", grace="0s", method="stream")
    metadata = client.head_object(Bucket=pair.source, Key="b")["Metadata"]
    if all(value.isascii() for value in metadata.values()):
        pytest.skip("this server does not keep such a header")
    assert result["failed"] and result["not_done"] == 1 and "'b'" in result["msg"], result
    assert sorted(pair.store.sizes(pair.destination)) == ["a", "c"]


def test_a_key_that_the_destination_refuses_stops_no_other_and_is_named(pair: Pair, fault_proxy: FaultProxy) -> None:
    for key in ("a", "b", "c"):
        pair.store.write(pair.source, key, key.encode())
    fault_proxy.answer_errors(99, status=500, code="InternalError", method="PUT", path=f"/{pair.destination}/b")
    options = pair.options(state="resynced", grace="0s", method="stream")
    through = pair.side(pair.destination, endpoint_url=fault_proxy.endpoint_url)
    result = run_module("s3_recover", {**options, "destination": through})
    assert result["failed"] and result["not_done"] == 1 and "'b'" in result["msg"], result
    assert sorted(pair.store.sizes(pair.destination)) == ["a", "c"]
    kept = [json.loads(line) for line in pathlib.Path(result["journal_path"]).read_text("ascii").splitlines()]
    assert "finished" in kept[-1]
