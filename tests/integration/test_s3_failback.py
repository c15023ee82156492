# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was written to the destination goes back to the source, earlier versions come back, and every action can be
taken back.
"""

from __future__ import annotations

import datetime
import json
import pathlib
import time
import typing as t

import pytest

from tests.integration.bucket_pairs import Pair, fresh_pair
from tests.lab.faultproxy import FaultProxy
from tests.lab.objectstore import ObjectStore

_PLAIN: dict[str, t.Any] = {"rules": None, "lifecycle": None, "object_lock": None}


@pytest.fixture
def pair(object_store: ObjectStore, tmp_path: pathlib.Path) -> t.Iterator[Pair]:
    """Replicated, with delete markers too."""
    with fresh_pair(object_store, tmp_path) as pair:
        pair.run(lifecycle=None, object_lock=None, rules=[{"id": "all", "delete_markers": True}])
        yield pair


def fail_back(pair: Pair, **more: t.Any) -> dict[str, t.Any]:
    return pair.run(**{**_PLAIN, "state": "failed_back", "confirm_bucket": pair.source, **more})


def contents(pair: Pair, bucket: str) -> dict[str, bytes]:
    return {key: pair.store.read(bucket, key) for key in pair.store.sizes(bucket)}


def later(pair: Pair, bucket: str, key: str, content: bytes) -> None:
    """Write, in a later second of the server's clock than everything before: listings may have whole seconds only."""
    newest = max(
        (entry["LastModified"] for name in (pair.source, pair.destination) for entry in entries(pair, name)),
        default=None,
    )
    while newest is not None and datetime.datetime.now(datetime.UTC) < newest.replace(
        microsecond=0
    ) + datetime.timedelta(seconds=1):
        time.sleep(0.05)
    pair.store.write(bucket, key, content)


def entries(pair: Pair, bucket: str) -> list[t.Any]:
    answer = pair.store.client.list_object_versions(Bucket=bucket)
    return [*answer.get("Versions", []), *answer.get("DeleteMarkers", [])]


def test_what_is_new_goes_back_and_what_is_newer_at_the_source_stays(pair: Pair) -> None:
    for key in ("same", "changed-there", "changed-here"):
        pair.store.write(pair.source, key, b"old")
    pair.run(state="paused", **_PLAIN)
    later(pair, pair.destination, "changed-there", b"new from there")
    pair.store.write(pair.destination, "only-there", b"only there")
    pair.store.write(pair.destination, "changed-here", b"older from there")
    later(pair, pair.source, "changed-here", b"newer from here")
    planned = fail_back(pair, check_mode=True)
    assert planned["copied"]["objects"] == 2
    assert pair.store.read(pair.source, "changed-there") == b"old"
    result = fail_back(pair)
    assert result["copied"]["objects"] == 2 and result["copied"]["conflicts"] == {"newer_at_the_source": 1}
    assert contents(pair, pair.source) == {
        "same": b"old",
        "changed-there": b"new from there",
        "changed-here": b"newer from here",
        "only-there": b"only there",
    }
    assert result["race_free"]
    assert not fail_back(pair)["changed"]


def test_the_forward_rule_is_paused_before_anything_comes_back(pair: Pair) -> None:
    pair.store.write(pair.destination, "only-there", b"1")
    result = fail_back(pair)
    assert result["paused_rules"] == ["all"]
    assert [rule["Status"] for rule in pair.rules()] == ["Disabled"]
    versions = [entry for entry in entries(pair, pair.destination) if entry["Key"] == "only-there"]
    assert len(versions) == 1


def test_an_old_replica_never_covers_the_newer_original_whatever_its_time_says(pair: Pair) -> None:
    pair.store.write(pair.source, "key", b"first")
    pair.run(state="paused", **_PLAIN)
    pair.store.write(pair.source, "key", b"second")
    replica = pair.store.read(pair.destination, "key")
    later(pair, pair.destination, "key", replica)
    result = fail_back(pair)
    assert result["copied"]["conflicts"] == {"set_back_at_the_destination": 1}, "late, or set back: nobody can tell"
    assert result["copied"]["objects"] == 0
    assert pair.store.read(pair.source, "key") == b"second"


def test_what_was_deleted_at_the_source_does_not_rise_again(pair: Pair) -> None:
    pair.store.write(pair.source, "gone", b"1")
    pair.run(state="paused", **_PLAIN)
    pair.store.client.delete_object(Bucket=pair.source, Key="gone")
    assert fail_back(pair)["copied"]["objects"] == 0
    assert contents(pair, pair.source) == {}


def test_conflicts_can_stop_it_before_the_first_copy(pair: Pair) -> None:
    pair.store.write(pair.source, "key", b"first")
    pair.run(state="paused", **_PLAIN)
    later(pair, pair.destination, "key", b"other")
    pair.store.write(pair.destination, "new", b"new")
    result = fail_back(pair, on_conflict="fail")
    assert result["failed"] and "'key'" in result["msg"]
    assert contents(pair, pair.source) == {"key": b"first"}
    assert fail_back(pair, on_conflict="keep_source")["copied"]["objects"] == 1
    assert contents(pair, pair.source) == {"key": b"first", "new": b"new"}


def test_a_source_without_versions_is_not_written_over(pair: Pair) -> None:
    pair.run(state="absent", **_PLAIN)
    pair.store.client.put_bucket_versioning(Bucket=pair.source, VersioningConfiguration={"Status": "Suspended"})
    pair.store.write(pair.destination, "new", b"new")
    result = fail_back(pair)
    assert result["failed"] and "keeps no versions" in result["msg"]
    assert contents(pair, pair.source) == {}
    assert fail_back(pair, on_conflict="keep_source")["copied"]["objects"] == 1


def test_a_journal_is_not_shared_with_another_action(pair: Pair) -> None:
    journal = fail_back(pair)["journal_path"]
    result = pair.run(**_PLAIN, state="undeleted", deleted_after="1h", confirm_bucket=pair.source, journal_path=journal)
    assert result["failed"] and "the journal of another action (failback" in result["msg"]


def test_the_whole_bucket_needs_its_name_typed(pair: Pair) -> None:
    assert "confirm_bucket" in fail_back(pair, confirm_bucket=pair.destination)["msg"]
    assert not fail_back(pair, confirm_bucket=None, prefix="x/").get("failed")


def test_after_a_cut_the_next_run_finishes(pair: Pair, fault_proxy: FaultProxy) -> None:
    pair.run(state="paused", **_PLAIN)
    for number in range(4):
        pair.store.write(pair.destination, f"{number}", b"x")
    pair.endpoint_url = fault_proxy.endpoint_url
    fault_proxy.answer_errors(99, status=503, code="SlowDown", method="PUT", path=f"{pair.source}/2")
    assert fail_back(pair, parallel=1)["failed"]
    fault_proxy.pass_all()
    fail_back(pair)
    assert sorted(pair.store.sizes(pair.source)) == ["0", "1", "2", "3"]


def test_the_version_of_an_earlier_time_is_copied_over_and_none_is_deleted(pair: Pair) -> None:
    for key in ("overwritten", "deleted", "kept"):
        pair.store.write(pair.source, key, b"good")
    newest = max(entry["LastModified"] for entry in entries(pair, pair.source))
    then = newest + datetime.timedelta(seconds=1)
    while datetime.datetime.now(datetime.UTC) <= then:
        time.sleep(0.05)
    pair.store.write(pair.source, "overwritten", b"ransom")
    pair.store.write(pair.source, "created-later", b"new")
    pair.store.client.delete_object(Bucket=pair.source, Key="deleted")
    before = {entry["VersionId"] for entry in entries(pair, pair.source)}
    result = pair.run(**_PLAIN, state="undeleted", version_at=then.isoformat(), confirm_bucket=pair.source)
    assert result["copied"]["objects"] == 2, result
    assert contents(pair, pair.source) == {
        "overwritten": b"good",
        "deleted": b"good",
        "kept": b"good",
        "created-later": b"new",
    }
    assert before < {entry["VersionId"] for entry in entries(pair, pair.source)}
    again = pair.run(**_PLAIN, state="undeleted", version_at=then.isoformat(), confirm_bucket=pair.source)
    assert not again["changed"]


def revert(pair: Pair, journal: str, **more: t.Any) -> dict[str, t.Any]:
    return pair.run(**{**_PLAIN, "state": "reverted", "revert_journal": journal, **more})


def test_an_undelete_is_taken_back_but_not_what_was_written_since(pair: Pair, tmp_path: pathlib.Path) -> None:
    for key in ("a", "b"):
        pair.store.write(pair.source, key, b"1")
        pair.store.client.delete_object(Bucket=pair.source, Key=key)
    journal = pair.run(**_PLAIN, state="undeleted", deleted_after="1h", confirm_bucket=pair.source)["journal_path"]
    pair.run(state="paused", **_PLAIN)
    pair.store.write(pair.source, "b", b"written since")
    assert revert(pair, journal, check_mode=True)["reverted"] == {"source": 1, "destination": 2}
    assert sorted(pair.store.sizes(pair.source)) == ["a", "b"]
    result = revert(pair, journal, progress_file=str(tmp_path / "progress"))
    assert result["reverted"] == {"source": 1, "destination": 2}
    said = json.loads((tmp_path / "progress").read_text())
    assert (said["phase"], said["done"], said["total"]) == ("done", 4, 4)  # one was written since
    assert contents(pair, pair.source) == {"b": b"written since"}
    assert not revert(pair, journal)["changed"]


def test_a_failing_back_is_taken_back_to_the_version_before(pair: Pair) -> None:
    pair.store.write(pair.source, "key", b"first")
    pair.run(state="paused", **_PLAIN)
    later(pair, pair.destination, "key", b"from there")
    pair.store.write(pair.destination, "new", b"from there")
    journal = fail_back(pair)["journal_path"]
    assert contents(pair, pair.source) == {"key": b"from there", "new": b"from there"}
    assert revert(pair, journal)["reverted"] == {"source": 2, "destination": 0}
    assert contents(pair, pair.source) == {"key": b"first"}


def test_one_version_that_is_gone_keeps_no_other_from_being_taken_back(pair: Pair) -> None:
    """As by a lifecycle rule that expires noncurrent versions."""
    keys = [f"key-{number}" for number in range(5)]
    for key in keys:
        pair.store.write(pair.source, key, b"first")
    pair.run(state="paused", **_PLAIN)
    for key in keys:
        later(pair, pair.destination, key, b"from there")
    journal = fail_back(pair)["journal_path"]
    client = pair.store.client
    versions = client.list_object_versions(Bucket=pair.source, Prefix=keys[0])["Versions"]
    (gone,) = [version["VersionId"] for version in versions if not version["IsLatest"]]
    client.delete_object(Bucket=pair.source, Key=keys[0], VersionId=gone)
    result = revert(pair, journal)
    assert result["failed"] and result["not_done"] == 1 and repr(keys[0]) in result["msg"], result
    assert result["reverted"] == {"source": 4, "destination": 0}
    assert contents(pair, pair.source) == {keys[0]: b"from there", **dict.fromkeys(keys[1:], b"first")}


def test_the_journal_of_another_pair_is_refused(pair: Pair) -> None:
    journal = fail_back(pair)["journal_path"]
    result = revert(pair, journal, source=pair.side(pair.destination), destination=pair.side(pair.source))
    assert result["failed"] and "Correct source.bucket" in result["msg"]
