# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore refuses before it touches anything, what it asks the server for, and how it knows that it was here
before.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._session import AccountInfo, StreamInfo
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model import _restore_plan
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._content import (
    Consumer,
    Stream,
    stream_folder,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._restore_plan import Plan, make_plan
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.restore._afterwards import not_current
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.restore._target import Target
from ansible_collections.lifeboat.dr.plugins.module_utils._work._jetstream_restore import overrides_for

NOW = datetime.datetime(2026, 1, 15, 12, 0, tzinfo=datetime.UTC)
HOUR = 3_600_000_000_000
OLD, NEW = (2, 14, 6), (2, 15, 1)
STATE = {"messages": 10, "bytes": 1000, "first_seq": 1, "last_seq": 10, "first_ts": "2026-01-15T10:00:00.123456789Z"}


def stream(archive: str = "v1", **config: t.Any) -> Stream:
    fields: dict[str, t.Any] = dict.fromkeys(("bucket", "created", "fingerprint", "hash_engine"), "")
    fields |= {
        "kind": "stream",
        "method": "snapshot",
        "format": archive,
        "messages": 10,
        "bytes": 900,
        "first_sequence": 1,
    }
    fields |= {"last_sequence": 10, "unpacked_bytes": 2000, "state": STATE, "state_before": STATE, "state_after": STATE}
    return Stream(
        **fields,
        name="GH",
        folder=stream_folder("GH"),
        config={"name": "GH", "storage": "file", "num_replicas": 1, **config},
    )


def plan_of(
    one: Stream, *, name: str = "GH", limits: str = "refuse", scale_up: bool = False, **overrides: t.Any
) -> Plan:
    return make_plan(one, name=name, overrides=overrides, limits=limits, scale_up=scale_up, now=NOW)


def refusals(
    one: Stream, version: tuple[int, int, int] = OLD, *, name: str = "GH", cluster: bool = False, **overrides: t.Any
) -> str:
    plan = plan_of(one, name=name, **overrides)
    return "; ".join(_restore_plan.refusals(plan, overrides, "refuse", version, NOW, cluster=cluster))


def test_a_stream_that_is_as_it_was_is_not_refused() -> None:
    assert refusals(stream()) == "" and refusals(stream(), NEW) == "" and refusals(stream("v2"), NEW) == ""


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (refusals(stream("v2")), "of version 2"),
        (refusals(stream(), name="GH2"), "cannot be renamed to GH2"),
        (refusals(stream(), storage="memory"), "it would come back empty"),
        (refusals(stream(max_age=HOUR)), "its max_age is 1 h, and its oldest message is of 2026-01-15T10:00:00"),
        (refusals(stream(), NEW, max_msgs=9), "max_msgs is 9"),
        (refusals(stream(), NEW, max_bytes=999), "max_bytes is 999"),
        (refusals(stream(num_replicas=3)), "this server is alone; set config: {GH: {num_replicas: 1}}"),
        (refusals(stream(allow_msg_ttl=True), (2, 10, 25)), "allow_msg_ttl, which servers know from 2.11"),
    ],
)
def test_what_would_be_lost_or_cannot_be_is_refused(reason: str, words: str) -> None:
    assert words in reason


@pytest.mark.parametrize(
    "reason",
    [
        refusals(stream(), NEW, name="GH2"),  # written anew
        refusals(stream(), NEW, storage="memory"),
        refusals(stream(max_age=3 * HOUR)),
        refusals(stream(max_msgs=9)),  # under its own limit it has lived before
        refusals(stream(num_replicas=3), cluster=True),
        refusals(stream(allow_msg_ttl=True), (2, 10, 25), allow_msg_ttl=None),
    ],
)
def test_what_can_be_is_not_refused(reason: str) -> None:
    assert reason == ""


def test_an_archive_is_written_anew_only_where_its_version_does_not_allow_what_is_wanted() -> None:
    assert plan_of(stream(), name="GH2").convert and plan_of(stream(), storage="memory").convert
    assert not plan_of(stream()).convert and not plan_of(stream("v2"), name="GH2").convert


def test_limits_are_lifted_and_put_back_later() -> None:
    plan = plan_of(stream(max_age=HOUR, metadata={"team": "billing"}), limits="lift")
    asked = plan.request_config("run", OLD)
    assert asked["max_age"] == 0 and asked["metadata"] == {"team": "billing", _restore_plan.BEGUN: "run"}
    final = plan.final_config(asked, "shop/events/1", OLD)
    assert final["metadata"] == {
        "team": "billing",
        _restore_plan.MARK: "shop/events/1",
        _restore_plan.LIFTED: json.dumps({"max_age": HOUR}),
    }
    back = _restore_plan.put_back(final)
    assert back["max_age"] == HOUR and back["metadata"] == {"team": "billing", _restore_plan.MARK: "shop/events/1"}
    assert (
        _restore_plan.put_back(back) == {}
        and plan_of(stream(max_age=HOUR), limits="apply").request_config("x", OLD)["max_age"] == HOUR
    )


@pytest.mark.parametrize("text", ["x", "[1]", "7", "null", '{"subjects": ["a"]}'])
def test_metadata_that_somebody_else_wrote_puts_no_other_key_back(text: str) -> None:
    config = {"subjects": ["b"], "metadata": {_restore_plan.LIFTED: text}}
    assert _restore_plan.put_back(config).get("subjects", ["b"]) == ["b"]


def test_a_first_sequence_is_set_behind_the_restore_where_the_server_would_restore_nothing() -> None:
    plan = plan_of(stream(first_seq=100))
    asked = plan.request_config("run", (2, 10, 25))
    assert "first_seq" not in asked and plan.final_config(asked, "mark", (2, 10, 25))["first_seq"] == 100
    assert plan.request_config("run", OLD)["first_seq"] == 100
    empty = plan_of(dataclasses.replace(stream(first_seq=100), messages=0))
    assert empty.request_config("run", (2, 10, 25))["first_seq"] == 100


def test_a_sealed_stream_is_sealed_at_the_end_and_replicas_are_added_at_the_end() -> None:
    plan = plan_of(stream(sealed=True, num_replicas=3), scale_up=True)
    asked = plan.request_config("run", OLD)
    assert asked["sealed"] is False and asked["num_replicas"] == 1
    final = plan.final_config(asked, "mark", OLD)
    assert final["sealed"] is True and final["num_replicas"] == 3


def test_a_stream_whose_consumers_are_still_to_be_made_says_so_and_is_not_sealed_before() -> None:
    plan = plan_of(stream(sealed=True, metadata={"team": "billing"}, max_age=HOUR), limits="lift")
    unfinished = plan.final_config(plan.request_config("run", OLD), "mark", OLD, unfinished=True)
    assert unfinished["sealed"] is False and _restore_plan.mark_of(unfinished, _restore_plan.UNFINISHED)
    finished = plan.finished(unfinished)
    assert finished["sealed"] is True and finished == plan.final_config(plan.request_config("run", OLD), "mark", OLD)
    assert plan.final_config({"name": "GH"}, "mark", (2, 9, 25), unfinished=True)["sealed"] is True, (
        "nothing could say so there"
    )


def test_a_mirror_gets_no_duplicate_window_and_a_key_of_null_is_left_out() -> None:
    plan = plan_of(stream(mirror={"name": "A"}, duplicate_window=5), placement=None)
    assert "duplicate_window" not in plan.wanted and "placement" not in plan.wanted


def test_servers_without_metadata_get_no_mark() -> None:
    assert "metadata" not in plan_of(stream()).request_config("run", (2, 9, 25))


@pytest.mark.parametrize(
    ("config", "messages", "limit"),
    [
        ({"max_msgs": 9}, 9, "max_msgs"),
        ({"max_msgs": 9}, 8, ""),
        ({}, 9, ""),
        ({"max_msgs_per_subject": 1}, 4, "max_msgs_per_subject"),
    ],
)
def test_only_a_limit_explains_that_messages_are_missing(config: dict[str, t.Any], messages: int, limit: str) -> None:
    busy = dataclasses.replace(stream(**config), state_after={**STATE, "last_seq": 12})
    assert _restore_plan.explained(plan_of(busy), {"messages": messages}) == limit


def test_a_limit_under_which_the_stream_was_saved_in_quiet_explains_nothing() -> None:
    assert _restore_plan.explained(plan_of(stream(max_msgs_per_subject=5)), {"messages": 9}) == ""
    assert (
        _restore_plan.explained(plan_of(stream(max_msgs_per_subject=5), max_msgs_per_subject=1), {"messages": 9})
        == "max_msgs_per_subject"
    )
    assert _restore_plan.explained(plan_of(stream(max_age=3 * HOUR)), {"messages": 9}) == "max_age"
    ages = 200 * 365 * 24 * HOUR  # no message is as old as that, so this limit has dropped none
    assert _restore_plan.explained(plan_of(stream(max_age=ages)), {"messages": 9}) == ""


@pytest.mark.parametrize("text", ["", "yesterday", "0001-01-01T00:00:00Z"])
def test_no_time_is_no_moment(text: str) -> None:
    assert _restore_plan.moment(text) is None


def info(name: str, config: dict[str, t.Any] | None = None, **more: t.Any) -> StreamInfo:
    return StreamInfo(
        {"config": {"name": name, "num_replicas": 1, **(config or {})}, "state": {"messages": 5, "last_seq": 5}, **more}
    )


ACCOUNT = AccountInfo(0, 500, 2, 0, -1, -1, -1, -1, "", {})
OPTIONS: dict[str, t.Any] = {
    "config": None,
    "limits": "refuse",
    "replace": [],
    "consumers": "rebuild",
    "dependants": "refuse",
}
MARK = "shop/events/20260115T020000Z-3f9a2c"


def target(*infos: StreamInfo, account: AccountInfo = ACCOUNT) -> Target:
    return Target(OLD, "2.14.6", False, {one.name: one for one in infos}, account)


def test_an_empty_account_takes_everything() -> None:
    place = target()
    place.refuse([plan_of(stream())], MARK, OPTIONS)
    assert place.changes(plan_of(stream()), MARK, "refuse") and place.described("GH") == "none"


def test_a_stream_that_exists_is_refused_unless_its_name_was_typed() -> None:
    plan, place = plan_of(stream()), target(info("GH"))
    with pytest.raises(OptionError, match=r"a stream GH exists, and holds 5 messages; say .* replace: \[GH\]"):
        place.refuse([plan], MARK, OPTIONS)
    place.refuse([plan], MARK, {**OPTIONS, "replace": ["GH"]})


def test_a_name_to_replace_that_is_not_restored_is_a_mistake() -> None:
    with pytest.raises(OptionError, match="replace: GB is not among the streams"):
        target().refuse([plan_of(stream())], MARK, {**OPTIONS, "replace": ["GB"]})


def test_a_stream_that_bears_the_mark_of_this_backup_is_left_alone() -> None:
    restored = {"config": info("GH", {"metadata": {_restore_plan.MARK: MARK}}).config, "state": {"last_seq": 10}}
    place = target(StreamInfo(restored))
    place.refuse([plan_of(stream("v2"))], MARK, OPTIONS)
    assert not place.changes(plan_of(stream()), MARK, "apply") and place.described("GH") == MARK
    with pytest.raises(OptionError, match="was restored from shop/events/2026"):
        place.refuse([plan_of(stream())], "another", OPTIONS)


def test_a_stream_that_was_made_from_an_exported_configuration_is_not_taken_for_restored() -> None:
    """It has the mark, and no message."""
    made = StreamInfo({"config": {"name": "GH", "metadata": {_restore_plan.MARK: MARK}}, "state": {"last_seq": 0}})
    assert target(made).changes(plan_of(stream()), MARK, "apply")
    with pytest.raises(OptionError, match=f"says that it was restored from {MARK}, and holds 0 messages"):
        target(made).refuse([plan_of(stream())], MARK, OPTIONS)


def test_what_a_killed_restore_has_left_stands_in_nobodys_way() -> None:
    target(info("GH", {"metadata": {_restore_plan.BEGUN: "x"}})).refuse([plan_of(stream())], MARK, OPTIONS)


def test_streams_that_may_be_ahead_of_their_origin_are_named() -> None:
    source, mirror = info("AGG", {"sources": [{"name": "GH"}]}), info("MIR", {"mirror": {"name": "GH"}})
    plan = plan_of(stream())
    with pytest.raises(OptionError, match="AGG on this server mirrors or sources it"):
        target(source, mirror).refuse([plan], MARK, OPTIONS)  # the mirror is at 5, and the backup at 10
    ahead = StreamInfo({"config": mirror.config, "state": {"last_seq": 11}})
    with pytest.raises(OptionError, match="MIR"):
        target(ahead).refuse([plan], MARK, OPTIONS)
    words = target(ahead).warnings([plan], MARK, {**OPTIONS, "dependants": "warn"})
    assert len(words) == 1 and "MIR" in words[0] and target(ahead).dependants("GH") == ["MIR"]


def test_what_the_account_may_not_keep_is_refused() -> None:
    with pytest.raises(
        OptionError, match="may keep 1000 bytes in file storage, has 500, and the backup needs 900 more"
    ):
        target(account=dataclasses.replace(ACCOUNT, max_storage=1000)).refuse([plan_of(stream())], MARK, OPTIONS)
    with pytest.raises(OptionError, match="may have 2 streams"):
        target(account=dataclasses.replace(ACCOUNT, max_streams=2)).refuse([plan_of(stream())], MARK, OPTIONS)


def test_replicas_that_are_late_or_not_there_are_named() -> None:
    config = {"num_replicas": 3}
    good = [{"name": "n2", "current": True}, {"name": "n3", "current": True}]
    assert not_current(info("GH", config, cluster={"leader": "n1", "replicas": good})) == []
    assert not_current(
        info("GH", config, cluster={"leader": "n1", "replicas": [{"name": "n2", "current": False}]})
    ) == [
        "n2",
        "1 not there yet",
    ]
    offline = [good[0], {**good[1], "offline": True}]
    assert not_current(info("GH", config, cluster={"replicas": offline})) == ["n3", "no leader"]
    assert not_current(info("GH")) == []


def test_the_keys_for_all_streams_stand_under_those_of_one() -> None:
    config = {"*": {"num_replicas": 1, "placement": None}, "GH": {"num_replicas": 3}}
    assert (
        overrides_for("GH", config) == {"num_replicas": 3, "placement": None}
        and overrides_for("B", config)["num_replicas"] == 1
    )
    for bad in ({"GH": 3}, {"*": {"name": "x"}}):
        with pytest.raises(OptionError):
            overrides_for("GH", bad)


def _acknowledging(name: str, floor: int, delivered: int) -> Consumer:
    places = ({"consumer_seq": at, "stream_seq": at} for at in (delivered, floor))
    return Consumer(name, {"durable_name": name}, *places)


def test_messages_that_a_cluster_delivers_again_are_counted_for_each_consumer() -> None:
    """Clusters from 2.15 restore a consumer at its acknowledgement floor."""
    consumers = (_acknowledging("billing", 4, 9), _acknowledging("mail", 7, 7))
    plan = plan_of(dataclasses.replace(stream(num_replicas=3), consumers=consumers))
    options = {**OPTIONS, "dependants": "warn"}
    for version, cluster, words in ((NEW, True, "billing (5)"), (NEW, False, ""), (OLD, True, "")):
        place = Target(version, "", cluster, {}, ACCOUNT)
        warnings = " ".join(place.warnings([plan], MARK, options))
        assert words in warnings and "mail" not in warnings and bool(words) == bool(warnings)
