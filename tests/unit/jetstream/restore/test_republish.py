# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a server cannot take is sorted out, and what is published again stays the same as far as it can."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model import _time_to_live
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._archive import Message
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._content import Consumer
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.restore import _republish
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.restore._target import Target

from tests.unit.jetstream.restore.test_restore_rules import NEW, OLD, plan_of, stream

HEAD = b"NATS/1.0\r\n"


def target(version: tuple[int, int, int]) -> Target:
    return Target(version, ".".join(map(str, version)), False, {}, None)


def test_a_stream_that_the_server_cannot_take_stops_no_other() -> None:
    plans = [plan_of(stream("v2")), plan_of(dataclasses.replace(stream(), name="OTHER"), name="OTHER")]
    able, unable = target(OLD).sorted_out(plans, "mark", [])
    assert [plan.name for plan in able] == ["OTHER"] and "say republish: [GH]" in unable["GH"]
    able, unable = target(OLD).sorted_out(plans, "mark", ["GH"])
    assert [(plan.name, plan.republish) for plan in able] == [("GH", True), ("OTHER", False)] and not unable
    able, unable = target(NEW).sorted_out(plans, "mark", ["GH"])
    assert not any(plan.republish for plan in able) and not unable, "this one takes the archive"


def test_a_restore_of_nothing_is_refused_and_so_is_a_name_that_is_not_there() -> None:
    with pytest.raises(OptionError, match=r"cannot be restored like this.*of version 2"):
        target(OLD).sorted_out([plan_of(stream("v2"))], "mark", [])
    with pytest.raises(OptionError, match="republish: GHH is not among"):
        target(OLD).sorted_out([plan_of(stream("v2"))], "mark", ["GHH"])


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"mirror": {"name": "A"}}, "takes its messages from other streams"),
        ({"subjects": ["a"], "retention": "interest"}, "set config: {GH: {retention: limits}}"),
        ({"subjects": ["a"], "allow_msg_counter": True}, "allow_msg_counter"),
        ({"subjects": ["a"]}, ""),
    ],
)
def test_what_would_become_something_else_is_not_published_again(config: dict[str, t.Any], words: str) -> None:
    refusal = _republish.refusal(plan_of(stream("v2", **config)))
    assert words in refusal and bool(words) == bool(refusal)


@pytest.mark.parametrize(
    ("raw", "pairs", "same"),
    [
        (b"", [], True),
        (HEAD + b"a: b\r\nA: c\r\na: d\r\n\r\n", [("a", "b"), ("A", "c"), ("a", "d")], True),
        (HEAD + b"Nats-Expected-Last-Sequence: 7\r\nk: v\r\n\r\n", [("k", "v")], False),
        (HEAD + b"k:  v \r\n\r\n", [("k", "v")], False),
        (HEAD + b"k k: v\r\n\r\n", [], False),
        (b"\xff\xfe", [], False),
    ],
)
def test_headers_are_kept_but_for_those_that_compare_sequences(
    raw: bytes, pairs: list[tuple[str, str]], same: bool
) -> None:
    assert _republish.kept_headers(raw) == (pairs, same)


def test_a_consumer_goes_on_behind_the_same_message() -> None:
    done = _republish.Republished(sequences=[(0, 0), (20, 12)])
    consumer = Consumer("c", {}, {}, {"consumer_seq": 5, "stream_seq": 20})
    assert done.placed(consumer).ack_floor["stream_seq"] == 12


def test_nothing_leaves_the_stream_while_its_messages_come() -> None:
    config = {
        "name": "GH",
        "subjects": ["gh.>"],
        "republish": {},
        "sources": [{}],
        "sealed": False,
        "storage": "memory",
    }
    intake = _republish.intake_config(config, "unknown")
    assert intake["subjects"] == ["unknown.>"] and not {"republish", "sources"} & intake.keys()
    assert intake["storage"] == "memory"


HOUR = 3_600_000_000_000


@pytest.mark.parametrize(
    ("lives", "stay"),
    [(["never", "never"], True), (["never", ""], False), (["never", "3h"], False), (["1h"], False), ([], True)],
)
def test_old_messages_stay_where_each_says_so_itself(lives: list[str], stay: bool) -> None:
    messages = [
        Message(number, 0, b"s", HEAD + (f"Nats-TTL: {life}\r\n\r\n".encode() if life else b"\r\n"), b"")
        for number, life in enumerate(lives)
    ]
    young = Message(99, 2 * HOUR, b"s", b"", b"")
    assert _time_to_live.all_stay([*messages, young], HOUR, 2 * HOUR) is stay
