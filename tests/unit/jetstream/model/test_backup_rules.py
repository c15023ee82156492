# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which streams are meant, in which order they are saved, what an archive lacks, and how a consumer is made again."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _manifest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._by_hand import opened
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._compression import open_compressor
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import from_plain, to_plain
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import open_cipher
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model import _by_hand, _completeness
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._consumers import (
    inventory,
    rebuilt,
    with_archived,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._content import (
    JetStreamContent,
    Stream,
    stream_folder,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._selection import (
    downstream_first,
    is_meant,
    origins,
    select,
)
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("patterns", "exclude", "chosen"),
    [
        ([], [], ["GH", "KV_a", "KV_b", "a*"]),
        (["KV_*"], [], ["KV_a", "KV_b"]),
        (["GH", "KV_*"], ["KV_a"], ["GH", "KV_b"]),
        (["a*"], [], ["a*"]),
        ([], ["KV_?", "a[*]"], ["GH"]),
    ],
)
def test_patterns_mean_streams(patterns: list[str], exclude: list[str], chosen: list[str]) -> None:
    names = ["GH", "KV_a", "KV_b", "a*"]
    assert select(reversed(names), patterns, exclude, where="the account") == chosen
    assert [name for name in names if is_meant(name, patterns, exclude)] == chosen


def test_a_stream_that_is_not_there_is_named_together_with_those_that_are() -> None:
    with pytest.raises(OptionError, match="no stream GB in the account.*There are: GH"):
        select(["GH"], ["GB"], [], where="the account")


def test_an_account_without_streams_is_no_backup() -> None:
    with pytest.raises(OptionError, match="account matches.*There are no streams at all. Check which account"):
        select([], [], [], where="the account")


def test_mirrors_are_saved_before_what_they_mirror() -> None:
    configs: dict[str, dict[str, t.Any]] = {
        "A": {},
        "M": {"mirror": {"name": "A"}},
        "S": {"sources": [{"name": "M"}, {"name": "B"}]},
        "B": {},
        "X": {"sources": [{"name": "A", "external": {"api": "$JS.hub.API"}}]},
    }
    assert downstream_first(configs) == [["S", "X"], ["B", "M"], ["A"]]
    assert origins(configs["X"]) == []


def test_streams_that_source_each_other_are_saved_all_the_same() -> None:
    waves = downstream_first(
        {"A": {"sources": [{"name": "B"}]}, "B": {"sources": [{"name": "A"}]}, "C": {"mirror": {"name": "C"}}}
    )
    assert sorted(name for wave in waves for name in wave) == ["A", "B", "C"]


@given(st.dictionaries(st.sampled_from("ABCDEF"), st.lists(st.sampled_from("ABCDEF"), max_size=3)))
def test_every_stream_is_in_one_wave_and_none_follows_its_origin(upstream: dict[str, list[str]]) -> None:
    configs = {
        name: {"sources": [{"name": origin} for origin in names if origin > name]} for name, names in upstream.items()
    }
    waves = downstream_first(configs)
    position = {name: number for number, wave in enumerate(waves) for name in wave}
    assert sorted(position) == sorted(configs)
    for name, config in configs.items():
        assert all(position[name] < position[origin] for origin in origins(config) if origin in position)


STATE = {"messages": 10, "first_seq": 1, "last_seq": 10}


@pytest.mark.parametrize(
    ("archive", "after", "skipped"),
    [
        (range(1, 11), {"first_seq": 1, "last_seq": 10}, []),
        ([1, 2, 3, 5, 6, 7, 8, 9, 10], {"first_seq": 1, "last_seq": 10}, [4]),  # the server has it still
        (
            [1, 2, 3, 5, 6, 7, 8, 9, 10],
            {"first_seq": 1, "last_seq": 12, "deleted": [4]},
            [],
        ),  # it was deleted meanwhile
        (range(5, 15), {"first_seq": 6, "last_seq": 15}, []),  # limits evicted the first ones
        (range(1, 8), {"first_seq": 1, "last_seq": 20}, [8, 9, 10]),  # the end is missing
        ([], {"first_seq": 11, "last_seq": 10}, []),  # purged
    ],
)
def test_what_the_server_still_has_has_to_be_in_the_archive(
    archive: t.Iterable[int], after: dict[str, t.Any], skipped: list[int]
) -> None:
    assert _completeness.skipped(archive, STATE, after) == skipped


@given(st.sets(st.integers(1, 40)), st.sets(st.integers(1, 40)), st.integers(1, 40))
def test_exactly_the_messages_that_are_alive_and_not_in_the_archive_are_found(
    live: set[int], lost: set[int], last: int
) -> None:
    """``live`` is what the server has; ``lost`` is what the archive lacks of it."""
    before = {sequence for sequence in live if sequence <= last}
    state = {"messages": len(before), "first_seq": min(before, default=last + 1), "last_seq": last}
    bounds = range(min(live, default=41), max(live, default=40) + 1)
    after = {
        "first_seq": bounds.start,
        "last_seq": bounds.stop - 1,
        "deleted": [sequence for sequence in bounds if sequence not in live],
    }
    archive = sorted(live - lost)
    expected = sorted(before & lost)[: _completeness.MOST_NAMED]
    assert _completeness.skipped(archive, state, after) == expected
    if expected:
        assert _completeness.may_lack(state, len(archive), archive[0] if archive else 0, archive[-1] if archive else 0)


def consumer(**changes: t.Any) -> dict[str, t.Any]:
    config = {
        "durable_name": "billing",
        "name": "billing",
        "ack_policy": "explicit",
        "deliver_policy": "all",
        "opt_start_time": "2026",
    }
    position = {"consumer_seq": 9, "stream_seq": 7}
    return {
        "name": "billing",
        "config": config,
        "delivered": {**position, "stream_seq": 9},
        "ack_floor": position,
        **changes,
    }


def test_a_consumer_goes_on_behind_its_ack_floor() -> None:
    (billing,) = inventory([consumer()])
    config = rebuilt(billing, "limits")
    assert (
        config["deliver_policy"] == "by_start_sequence"
        and config["opt_start_seq"] == 8
        and "opt_start_time" not in config
    )
    assert billing.config["deliver_policy"] == "all"


def test_a_consumer_of_a_work_queue_begins_with_what_is_left() -> None:
    config = rebuilt(inventory([consumer()])[0], "workqueue")
    assert config["deliver_policy"] == "all" and "opt_start_seq" not in config


def test_a_consumer_that_has_acknowledged_nothing_begins_as_it_was_told() -> None:
    (fresh,) = inventory([consumer(ack_floor={"consumer_seq": 0, "stream_seq": 0})])
    assert rebuilt(fresh, "limits") == fresh.config


def stream(name: str = "GH", **changes: t.Any) -> Stream:
    fields: dict[str, t.Any] = dict.fromkeys(
        ("kind", "bucket", "method", "format", "created", "fingerprint", "hash_engine"), "x"
    )
    fields |= dict.fromkeys(("messages", "bytes", "first_sequence", "last_sequence", "unpacked_bytes"), 1)
    fields |= {state: dict(STATE) for state in ("state_before", "state", "state_after")}
    return Stream(
        **{
            **fields,
            "name": name,
            "folder": stream_folder(name),
            "config": {"name": name, "retention": "limits"},
            **changes,
        }
    )


def content(*streams: Stream) -> JetStreamContent:
    return JetStreamContent("2.14.6", False, "nats://n1:4222", "", {}, "rebuild", streams)


def test_the_content_is_the_same_after_a_trip_through_a_manifest() -> None:
    found = content(stream(consumers=with_archived(inventory([consumer()]), [])), stream("KV_b"))
    assert from_plain(JetStreamContent, to_plain(found)) == found
    assert found.streams[0].missing_consumers == ("billing",) and found.messages == 2


def test_the_folder_of_a_stream_with_the_longest_name_fits_a_repository() -> None:
    names = ["x" * 255, "x" * 254 + "y", "ü" * 127, "GH"]
    folders = [stream_folder(name) for name in names]
    assert len(set(folders)) == len(names) and folders[-1] == "streams/GH"
    assert all(len(folder.encode()) <= len("streams/") + 240 for folder in folders)


def artifacts(folder: str, suffix: str) -> list[_manifest.Artifact]:
    return [
        _manifest.Artifact(f"{folder}/{name}{suffix}", "archive", 1, 1, "ab" * 32)
        for name in ("stream.tar.s2", "backup.json")
    ]


def test_what_is_not_encrypted_is_restored_from_where_it_lies() -> None:
    lines = _by_hand.commands(artifacts("streams/GH", ""), str, open_cipher(None), content(stream()))
    assert lines == ("nats stream restore streams/GH",)


def test_what_is_encrypted_is_opened_first_and_missing_consumers_are_made() -> None:
    lost = stream("a'b", consumers=with_archived(inventory([consumer()]), []))
    recipient = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
    cipher = open_cipher({"engine": "age", "recipients": [recipient]})
    none = open_compressor({"engine": "none"})
    lines = _by_hand.commands(
        artifacts(lost.folder, ".age"), lambda artifact: opened(artifact, none, cipher), cipher, content(lost)
    )
    assert lines[0] == """mkdir -p -m 700 'opened/a'"'"'b'"""
    assert lines[1].startswith("age --decrypt --identity KEY_FILE 'streams/a'") and lines[1].endswith("/stream.tar.s2'")
    assert lines[3].startswith("nats stream restore 'opened/a")
    assert "CONSUMER.DURABLE.CREATE" in lines[4] and '"opt_start_seq": 8' in lines[4]
