# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module s3_replication configures a pair of buckets on a real server: what it writes, keeps, refuses, and does not
write.
"""

from __future__ import annotations

import pathlib
import typing as t

import pytest

from tests.integration.bucket_pairs import ROLE, RULE, Pair, fresh_pair
from tests.integration.modules import result_of, start_module
from tests.lab.faultproxy import FaultProxy
from tests.lab.objectstore import ObjectStore


@pytest.fixture
def pair(object_store: ObjectStore, tmp_path: pathlib.Path) -> t.Iterator[Pair]:
    with fresh_pair(object_store, tmp_path) as pair:
        yield pair


class TestPresent:
    """state: present."""

    def test_one_task_sets_both_buckets_up_and_a_second_run_changes_nothing(self, pair: Pair) -> None:
        first = pair.run()
        assert first["changed"], first
        assert first["backend"] == "ministack"
        assert first["ignored_by_backend"] == []
        (rule,) = pair.rules()
        assert rule["Destination"]["StorageClass"] == "STANDARD_IA"
        assert rule["Destination"]["ReplicationTime"]["Status"] == "Enabled"
        assert {pair.versioning(pair.source), pair.versioning(pair.destination)} == {"Enabled"}
        for bucket in (pair.source, pair.destination):
            (lifecycle,) = pair.store.client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
            assert len(lifecycle["Transitions"]) == 2
        lock = pair.store.client.get_object_lock_configuration(Bucket=pair.destination)["ObjectLockConfiguration"]
        assert lock["Rule"]["DefaultRetention"] == {"Mode": "GOVERNANCE", "Days": 30}
        second = pair.run()
        assert not second["changed"], second["diff"]
        assert second["diff"]["before"] == second["diff"]["after"]

    def test_an_object_written_after_it_arrives(self, pair: Pair) -> None:
        pair.run(object_lock=None)
        pair.store.write(pair.source, "chunks/one", b"content")
        assert pair.store.read(pair.destination, "chunks/one") == b"content"

    def test_check_mode_tells_the_same_and_writes_nothing(self, pair: Pair) -> None:
        planned = pair.run(check_mode=True)
        assert planned["changed"]
        assert pair.rules() == []
        assert pair.versioning(pair.source) == ""
        assert not pathlib.Path(pair.state_dir).exists()
        done = pair.run()
        assert planned["diff"] == done["diff"]

    def test_a_rule_of_another_tool_is_kept_word_by_word(self, pair: Pair) -> None:
        foreign = pair.write_foreign_rule()
        pair.run()
        assert pair.rules()[0] == foreign
        assert [rule["ID"] for rule in pair.rules()] == ["of-another-tool", "ReplicateChunks"]
        assert not pair.run()["changed"]

    def test_a_rule_of_another_tool_goes_when_rules_are_purged(self, pair: Pair) -> None:
        pair.write_foreign_rule()
        pair.run(purge_rules=True)
        assert [rule["ID"] for rule in pair.rules()] == ["ReplicateChunks"]

    def test_a_priority_that_another_tool_uses_is_refused(self, pair: Pair) -> None:
        foreign = pair.write_foreign_rule(Priority=1, Destination={"Bucket": f"arn:aws:s3:::{pair.destination}"})
        result = pair.run()
        assert result["failed"]
        assert "of-another-tool" in result["msg"]
        assert pair.rules() == [foreign]

    def test_another_spelling_of_the_same_rule_is_no_change(self, pair: Pair) -> None:
        pair.run(rules=[{"id": "all", "priority": 3}], lifecycle=None, object_lock=None)
        (rule,) = pair.rules()
        for spelling in ({}, {"Prefix": ""}):
            configuration: t.Any = {"Role": ROLE, "Rules": [{**rule, "Filter": spelling}]}
            pair.store.client.put_bucket_replication(Bucket=pair.source, ReplicationConfiguration=configuration)
            assert not pair.run(rules=[{"id": "all", "priority": 3}], lifecycle=None, object_lock=None)["changed"]

    def test_a_changed_rule_is_changed_back_and_shown(self, pair: Pair) -> None:
        pair.run()
        (rule,) = pair.rules()
        configuration: t.Any = {"Role": ROLE, "Rules": [{**rule, "Status": "Disabled"}]}
        pair.store.client.put_bucket_replication(Bucket=pair.source, ReplicationConfiguration=configuration)
        result = pair.run()
        assert result["changed"]
        assert "enabled: false" in result["diff"]["before"]
        assert pair.rules() == [rule]

    def test_both_directions_on_request(self, pair: Pair) -> None:
        assert pair.run(bidirectional=True)["changed"]
        (back,) = pair.rules(pair.destination)
        assert back["Destination"]["Bucket"].endswith(f":{pair.source}")
        assert back["SourceSelectionCriteria"]["ReplicaModifications"]["Status"] == "Enabled"
        assert not pair.run(bidirectional=True)["changed"]

    def test_objects_that_were_there_before_call_for_a_resync(self, pair: Pair) -> None:
        pair.store.write(pair.source, "chunks/old", b"old")
        assert pair.run(object_lock=None)["requires_resync"]
        assert pair.run(object_lock=None)["requires_resync"], "it is so until somebody brings them over"
        pair.run(state="resynced", grace="0s")
        assert not pair.run(object_lock=None)["requires_resync"]

    def test_a_lifecycle_rule_of_another_tool_is_kept(self, pair: Pair) -> None:
        theirs: t.Any = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 3}}
        pair.store.client.put_bucket_lifecycle_configuration(
            Bucket=pair.source, LifecycleConfiguration={"Rules": [theirs]}
        )
        pair.run()
        rules = pair.store.client.get_bucket_lifecycle_configuration(Bucket=pair.source)["Rules"]
        assert [rule.get("ID") for rule in rules] == ["theirs", "tier"]
        assert not pair.run()["changed"]


class TestPausedAndAbsent:
    """The other states."""

    def test_paused_switches_our_rule_off_and_nothing_else(self, pair: Pair) -> None:
        foreign = pair.write_foreign_rule()
        pair.run()
        paused = pair.run(state="paused")
        assert paused["changed"] and paused["requires_resync"]
        assert [rule["Status"] for rule in pair.rules()] == ["Enabled", "Disabled"]
        assert pair.rules()[0] == foreign
        assert not pair.run(state="paused")["changed"]
        assert pair.run()["changed"]
        assert [rule["Status"] for rule in pair.rules()] == ["Enabled", "Enabled"]

    def test_absent_removes_the_last_rule_with_its_configuration(self, pair: Pair) -> None:
        pair.run()
        assert pair.run(state="absent", rules=None)["changed"]
        assert pair.rules() == []
        assert not pair.run(state="absent", rules=None)["changed"]
        assert pair.versioning(pair.source) == "Enabled"

    def test_absent_leaves_the_rules_of_others(self, pair: Pair) -> None:
        foreign = pair.write_foreign_rule()
        pair.run()
        pair.run(state="absent", rules=None)
        assert pair.rules() == [foreign]


class TestRefused:
    """Nothing is written when something cannot be right."""

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"rules": [{**RULE, "metrics": False}]}, ["rules[ReplicateChunks].replication_time", "metrics: true"]),
            ({"rules": [{**RULE, "tags": {"a": "b"}, "delete_markers": True}]}, ["delete_markers: true", "tags"]),
            ({"rules": [RULE, {**RULE, "id": "other"}]}, ["priority: 1", "two rules"]),
            ({"role_arn": "replication"}, ["role_arn: 'replication'", "arn:aws:iam::123456789012:role/replication"]),
            ({"rules": [{**RULE, "replicate_kms": True}]}, ["replicate_kms", "destination.kms_key_arn"]),
            ({"manage_versioning": False}, ["versioning never enabled", "manage_versioning"]),
            ({"object_lock": {"mode": "GOVERNANCE", "days": 0}}, ["object_lock.days is 0"]),
            ({"rules": [{**RULE, "storage_class": "STANDRAD"}]}, ["'STANDRAD'", "STANDARD_IA"]),
            ({"lifecycle": {"rules": [{"id": "tier"}]}}, ["lifecycle.rules[tier] does nothing"]),
        ],
    )
    def test_it_names_option_value_and_what_would_be_right(
        self, pair: Pair, change: dict[str, t.Any], words: list[str]
    ) -> None:
        result = pair.run(**change)
        assert result["failed"]
        assert all(word in result["msg"] for word in words), result["msg"]
        assert pair.rules() == []
        assert pair.versioning(pair.destination) == ""

    def test_a_destination_class_that_cannot_be_read_is_warned_of(self, pair: Pair) -> None:
        result = pair.run(destination=pair.side(pair.destination, storage_class="GLACIER"))
        assert any("GLACIER" in str(warning) for warning in result["warnings"])

    def test_one_bucket_for_both_sides(self, pair: Pair) -> None:
        result = pair.run(destination=pair.side(pair.source))
        assert result["failed"] and "the same bucket" in result["msg"]

    def test_a_destination_that_is_not_there(self, pair: Pair) -> None:
        result = pair.run(destination=pair.side("nowhere-at-all"))
        assert result["failed"]
        assert "destination.bucket: 'nowhere-at-all' does not exist" in result["msg"]
        assert pair.versioning(pair.source) == ""

    def test_a_region_that_is_not_the_bucket_s(self, pair: Pair) -> None:
        result = pair.run(source=pair.side(pair.source, region="eu-west-9"))
        assert result["failed"]
        assert "source.region: 'eu-west-9'" in result["msg"] and "us-east-1" in result["msg"]

    def test_a_lock_is_never_lowered(self, pair: Pair) -> None:
        pair.run()
        result = pair.run(object_lock={"mode": "GOVERNANCE", "days": 7})
        assert result["failed"] and "object_lock.days: 7 is less than the 30" in result["msg"]
        assert pair.run(object_lock={"mode": "GOVERNANCE", "days": 40})["changed"]

    def test_a_locked_source_and_a_destination_without_lock(self, pair: Pair) -> None:
        client = pair.store.client
        client.put_bucket_versioning(Bucket=pair.source, VersioningConfiguration={"Status": "Enabled"})
        client.put_object_lock_configuration(
            Bucket=pair.source, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}
        )
        result = pair.run(object_lock=None)
        assert result["failed"] and "object lock" in result["msg"]
        assert pair.rules() == []

    def test_a_public_bucket_is_refused_when_asked(self, pair: Pair) -> None:
        ownership: t.Any = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
        pair.store.client.put_bucket_ownership_controls(Bucket=pair.destination, OwnershipControls=ownership)
        pair.store.client.put_bucket_acl(Bucket=pair.destination, ACL="public-read")
        assert any("public" in str(warning) for warning in pair.run(check_mode=True)["warnings"])
        result = pair.run(public_access="refuse")
        assert result["failed"] and "destination.bucket" in result["msg"]
        assert pair.rules() == []


class TestFaults:
    """The network, the server, and other people."""

    @pytest.fixture
    def behind(self, pair: Pair, fault_proxy: FaultProxy) -> Pair:
        pair.endpoint_url = fault_proxy.endpoint_url
        return pair

    def test_busy_answers_are_waited_out(self, behind: Pair, fault_proxy: FaultProxy) -> None:
        fault_proxy.answer_errors(2, status=503, code="SlowDown", path="replication")
        assert behind.run()["changed"]
        assert len(behind.rules()) == 1

    def test_a_refused_key_on_one_side_stops_it_before_the_first_write(
        self, behind: Pair, fault_proxy: FaultProxy
    ) -> None:
        fault_proxy.answer_errors(100, status=403, code="AccessDenied", path=behind.destination)
        result = behind.run()
        assert result["failed"]
        assert "destination.bucket" in result["msg"] and "refuses these credentials" in result["msg"]
        assert behind.versioning(behind.source) == ""

    def test_a_denied_rule_is_explained_with_the_role_to_pass(self, behind: Pair, fault_proxy: FaultProxy) -> None:
        fault_proxy.answer_errors(9, status=403, code="AccessDenied", method="PUT", path="?replication")
        result = behind.run()
        assert result["failed"]
        assert "iam:PassRole" in result["msg"] and ROLE in result["msg"]
        assert "Done before: versioning of destination" in result["msg"]

    def test_a_server_without_replication_is_refused_in_one_line(self, behind: Pair, fault_proxy: FaultProxy) -> None:
        fault_proxy.answer_errors(9, status=501, code="NotImplemented", path="?replication")
        result = behind.run(backend="generic")
        assert result["failed"]
        assert "not implemented" in result["msg"] and "undeleted" in result["msg"]
        assert behind.versioning(behind.source) == ""

    def test_a_run_that_was_cut_is_finished_by_the_next_one(self, behind: Pair, fault_proxy: FaultProxy) -> None:
        fault_proxy.answer_errors(9, status=500, code="InternalError", method="PUT", path="?lifecycle")
        assert behind.run()["failed"]
        fault_proxy.pass_all()
        assert behind.run()["changed"]
        assert not behind.run()["changed"]

    def test_two_runs_at_once_end_in_one_right_configuration(self, pair: Pair) -> None:
        running = [start_module("s3_replication", pair.options()) for _number in range(2)]
        results = [result_of(process) for process in running]
        assert any(result.get("changed") for result in results)
        for result in results:
            assert not result.get("failed") or "Another run" in result["msg"], result["msg"]
        assert not pair.run()["changed"]

    def test_secrets_are_nowhere_in_the_result(self, pair: Pair) -> None:
        secret = "S3cret/of+the+source"
        result = pair.run(source=pair.side(pair.source, secret_key=secret))
        assert secret not in str(result)
