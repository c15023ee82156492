# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A mass deletion is undone on both sides of a replicated pair: exactly what was deleted in the window, and again after
any cut.
"""

from __future__ import annotations

import datetime
import json
import pathlib
import time
import typing as t

import pytest

from tests.integration.bucket_pairs import AWKWARD, Pair, fresh_pair
from tests.integration.modules import result_of, start_module
from tests.lab.faultproxy import FaultProxy
from tests.lab.objectstore import ObjectStore

_RULE = {"id": "all", "priority": 1, "delete_markers": True}
_PLAIN: dict[str, t.Any] = {"rules": [_RULE], "lifecycle": None, "object_lock": None}


@pytest.fixture
def pair(object_store: ObjectStore, tmp_path: pathlib.Path) -> t.Iterator[Pair]:
    """Replicated, with delete markers too."""
    with fresh_pair(object_store, tmp_path) as pair:
        pair.run(**_PLAIN)
        yield pair


def fill(pair: Pair, keys: t.Iterable[str]) -> list[str]:
    keys = sorted(keys)
    for key in keys:
        pair.store.write(pair.source, key, key.encode())
    return keys


def delete(pair: Pair, keys: t.Iterable[str]) -> None:
    for key in keys:
        pair.store.client.delete_object(Bucket=pair.source, Key=key)


def there(pair: Pair) -> list[list[str]]:
    return [sorted(pair.store.sizes(bucket)) for bucket in (pair.source, pair.destination)]


def undelete(pair: Pair, **more: t.Any) -> dict[str, t.Any]:
    return pair.run(
        **{**_PLAIN, "rules": None, "state": "undeleted", "deleted_after": "1h", "confirm_bucket": pair.source, **more}
    )


def wait_for_the_next_second(moment: datetime.datetime) -> None:
    """The server's times have no fraction."""
    while datetime.datetime.now(datetime.UTC) < moment.replace(microsecond=0) + datetime.timedelta(seconds=1):
        time.sleep(0.01)


def test_what_was_deleted_is_there_again_on_both_sides(pair: Pair, tmp_path: pathlib.Path) -> None:
    keys = fill(pair, [f"chunks/{number:03d}" for number in range(30)])
    delete(pair, keys[5:])
    assert there(pair) == [keys[:5], keys[:5]]
    result = undelete(pair, progress_file=str(tmp_path / "progress"))
    assert result["undeleted"] == {"source": 25, "destination": 25}
    assert there(pair) == [keys, keys]
    assert pair.store.read(pair.destination, keys[7]) == keys[7].encode()
    said = json.loads((tmp_path / "progress").read_text())
    assert (said["phase"], said["done"], said["unit"]) == ("done", sum(result["listed"].values()), "keys")
    assert said["title"] == f"{pair.source} -> {pair.destination}"
    assert not undelete(pair)["changed"]


def test_check_mode_counts_the_same_and_removes_nothing(pair: Pair) -> None:
    keys = fill(pair, ["a", "b", "c"])
    delete(pair, keys)
    planned = undelete(pair, check_mode=True)
    assert planned["changed"] and planned["undeleted"] == {"source": 3, "destination": 3}
    assert "journal_path" not in planned
    assert planned["requests"]["delete"] == 2
    assert there(pair) == [[], []]
    done = undelete(pair)
    assert done["undeleted"] == planned["undeleted"] and done["diff"] == planned["diff"]


def test_keys_with_every_awkward_character_come_back(pair: Pair) -> None:
    keys = fill(pair, AWKWARD)
    delete(pair, keys)
    result = undelete(pair)
    assert not result.get("failed"), result
    assert there(pair) == [keys, keys]


def test_deletions_outside_of_the_window_and_other_prefixes_stay(pair: Pair) -> None:
    keys = fill(pair, ["a/1", "b/1"])
    delete(pair, keys)
    undelete(pair, prefix="a/", confirm_bucket=None)
    assert there(pair) == [["a/1"], ["a/1"]]
    assert not undelete(pair, deleted_after="2001-01-01T00:00:00Z", deleted_before="2001-01-02T00:00:00Z")["changed"]


def test_a_key_that_was_deleted_twice_comes_back(pair: Pair) -> None:
    keys = fill(pair, ["twice"])
    delete(pair, [*keys, *keys])
    undelete(pair)
    assert there(pair) == [keys, keys]


def test_a_key_under_thousands_of_markers_comes_back_in_one_run(pair: Pair) -> None:
    keys = fill(pair, ["before", "deleted/again/and/again", "later"])
    delete(pair, keys)
    for count in (1000, 1000, 300):
        same: list[t.Any] = [{"Key": keys[1]}] * count
        pair.store.client.delete_objects(Bucket=pair.source, Delete={"Objects": same, "Quiet": True})
    planned = undelete(pair, check_mode=True)
    result = undelete(pair)
    assert result["undeleted"] == planned["undeleted"] == {"source": 3, "destination": 3}
    assert result["requests"]["delete"] == planned["requests"]["delete"] >= 6, "a request takes 1,000 markers"
    assert there(pair) == [keys, keys]
    for bucket in (pair.source, pair.destination):
        assert not pair.store.client.list_object_versions(Bucket=bucket).get("DeleteMarkers")
    assert not undelete(pair)["changed"]


def test_a_bucket_with_only_markers_and_an_empty_one_are_no_change(pair: Pair) -> None:
    assert not undelete(pair)["changed"]
    delete(pair, ["never-was"])
    result = undelete(pair)
    assert not result["changed"] and result["left_alone"]["nothing_below"]


def test_a_whole_bucket_needs_its_name_typed(pair: Pair) -> None:
    for confirmed in (None, "another", pair.destination):
        result = undelete(pair, confirm_bucket=confirmed)
        assert result["failed"] and f"set confirm_bucket to {pair.source}" in result["msg"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"deleted_after": "yesterday"}, "deleted_after: 'yesterday'"),
        ({"deleted_after": "2026-01-01T00:00:00"}, "has no time zone"),
        ({"deleted_after": None}, "needs deleted_after"),
        ({"deleted_before": "2h"}, "is not after"),
    ],
)
def test_a_window_that_cannot_be_right_is_refused(pair: Pair, change: dict[str, t.Any], words: str) -> None:
    result = undelete(pair, **change)
    assert result["failed"] and words in result["msg"]


def test_after_a_cut_the_next_run_finishes(pair: Pair, fault_proxy: FaultProxy) -> None:
    keys = fill(pair, [f"{number}" for number in range(10)])
    delete(pair, keys)
    pair.endpoint_url = fault_proxy.endpoint_url
    fault_proxy.answer_errors(99, status=503, code="SlowDown", method="POST", path=f"{pair.destination}?delete")
    result = undelete(pair)
    assert result["failed"] and "run again" in result["msg"]
    fault_proxy.pass_all()
    assert undelete(pair)["undeleted"]["destination"] == 10
    assert there(pair) == [keys, keys]


def test_after_a_connection_was_cut_in_an_undelete_the_next_run_finishes(pair: Pair, fault_proxy: FaultProxy) -> None:
    keys = fill(pair, [f"{number:04d}" for number in range(300)])
    named: list[t.Any] = [{"Key": key} for key in keys]
    pair.store.client.delete_objects(Bucket=pair.source, Delete={"Objects": named, "Quiet": True})
    pair.endpoint_url = fault_proxy.endpoint_url
    fault_proxy.cut_after(
        45_000, direction="up", then_refuse=True
    )  # the markers of each side are one request of about 30 kB
    result = undelete(pair, parallel=1)
    assert result["failed"] and "run again" in result["msg"], result
    assert there(pair) == [[], keys], "the connection was cut between the two sides"
    fault_proxy.pass_all()
    assert undelete(pair)["undeleted"] == {"source": 300, "destination": 0}
    assert there(pair) == [keys, keys]


def test_a_marker_that_came_late_goes_also_when_a_run_was_cut_between_the_two_sides(
    pair: Pair, fault_proxy: FaultProxy
) -> None:
    """The marker of the source is what tells of it, so that one goes last."""
    keys = fill(pair, ["k"])
    pair.store.client.delete_bucket_replication(Bucket=pair.source)
    delete(pair, keys)
    before = datetime.datetime.now(datetime.UTC)
    wait_for_the_next_second(before)
    pair.store.client.delete_object(Bucket=pair.destination, Key="k")
    window = {"deleted_before": before.isoformat(), "replica_lag": "1m"}
    pair.endpoint_url = fault_proxy.endpoint_url
    for bucket, left in ((pair.destination, [[], []]), (pair.source, [[], keys])):
        fault_proxy.answer_errors(99, status=503, code="SlowDown", method="POST", path=f"/{bucket}?delete")
        assert undelete(pair, **window)["failed"]
        assert there(pair) == left, "the source must not be first"
        fault_proxy.pass_all()
    assert undelete(pair, **window)["changed"]
    assert there(pair) == [keys, keys]


def test_two_runs_at_once_from_two_hosts_bring_all_back(pair: Pair) -> None:
    keys = fill(pair, [f"{number:04d}" for number in range(300)])
    delete(pair, keys)
    options = pair.options(
        **{**_PLAIN, "rules": None, "state": "undeleted", "deleted_after": "1h", "confirm_bucket": pair.source}
    )
    hosts = [{**options, "state_dir": f"{pair.state_dir}-{number}"} for number in range(2)]
    for process in [start_module("s3_recover", of_host) for of_host in hosts]:
        assert not result_of(process).get("failed")
    assert there(pair) == [keys, keys]


def test_the_journal_holds_each_marker_before_it_goes(pair: Pair) -> None:
    delete(pair, fill(pair, ["one"]))
    result = undelete(pair)
    journal = pathlib.Path(result["journal_path"])
    assert journal.stat().st_mode & 0o777 == 0o600
    head, *entries = [json.loads(line) for line in journal.read_text(encoding="ascii").splitlines()]
    assert head["action"] == "undelete" and head["source"] == f"s3://{pair.source}"
    removed = [entry for entry in entries if "remove" in entry]
    assert sorted(entry["side"] for entry in removed) == ["destination", "source"]
    assert all(entry["remove"][0][0] == "one" for entry in removed)


def test_one_side_alone_on_request(pair: Pair) -> None:
    keys = fill(pair, ["k"])
    delete(pair, keys)
    assert undelete(pair, sides="destination")["undeleted"] == {"source": 0, "destination": 1}
    assert there(pair) == [[], keys]
