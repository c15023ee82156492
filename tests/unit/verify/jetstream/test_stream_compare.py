# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How restored streams are compared with their archives, and what of a difference is explained."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import hashlib
import json
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._archive import (
    ArchivedConsumer,
    ArchiveFacts,
    Message,
    message_digest,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._content import Stream
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._digests import Difference, Digests
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._time_to_live import outlived
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Check
from ansible_collections.lifeboat.dr.plugins.module_utils._verify.jetstream import _stream_compare as compare


def stream(**changes: t.Any) -> Stream:
    given: dict[str, t.Any] = {
        **{
            "name": "S",
            "kind": "stream",
            "bucket": "",
            "folder": "streams/S",
            "method": "snapshot",
            "format": "v1",
            "created": "",
        },
        **{
            "config": {},
            "state_before": {},
            "state": {},
            "state_after": {},
            "messages": 5,
            "bytes": 50,
            "first_sequence": 1,
        },
        **{"last_sequence": 5, "fingerprint": "f", "hash_engine": "numpy", "unpacked_bytes": 100},
    }
    return Stream(**{**given, **changes})


def facts(messages: int = 5, first: int = 1, last: int = 5) -> ArchiveFacts:
    return ArchiveFacts("v1", messages, 50, first, last, "f", (), {}, (), "numpy", 100)


def digests(*sequences: int, data: bytes = b"x") -> Digests:
    found = Digests()
    for sequence in sequences:
        found.add(sequence, message_digest(Message(sequence, 7, b"s", b"", data)), 2)
    return found


@pytest.mark.parametrize(
    ("state", "status", "words"),
    [
        ({"messages": 5, "first_seq": 1, "last_seq": 5}, "passed", ""),
        ({"messages": 5, "first_seq": 1, "last_seq": 9}, "passed", ""),  # the last ones were deleted
        ({"messages": 3, "first_seq": 1, "last_seq": 5}, "failed", "2 messages missing"),
        ({"messages": 6, "first_seq": 1, "last_seq": 6}, "failed", "1 message too many"),
        ({"messages": 5, "first_seq": 2, "last_seq": 6}, "failed", "the sequences are 2 to 6, and were 1 to 5"),
        ({}, "failed", "5 messages missing"),
    ],
)
def test_counts_and_bounds_are_compared(state: dict[str, int], status: str, words: str) -> None:
    item, part = compare.counted(stream(), facts(), state)
    assert (item.status, item.message, part.status, part.fingerprint_restored) == (status, words, status, None)


def test_equal_messages_are_proven_by_their_fingerprint() -> None:
    item, part = compare.compared(stream(), digests(1, 2, 3), digests(1, 2, 3), True)
    assert (
        item.status == "passed" and part.fingerprint_expected == part.fingerprint_restored and part.count_restored == 3
    )


@pytest.mark.parametrize(
    ("restored", "words"),
    [
        (digests(1, 3), "1 message missing (sequence 2)"),
        (digests(1, 2, 3, 4, 5), "2 messages too many (sequences 4, 5)"),
        (digests(1, 2, 3, data=b"y"), "3 messages changed (sequences 1, 2, 3)"),
        (digests(), "3 messages missing (sequences 1, 2, 3)"),
    ],
)
def test_each_missing_changed_and_extra_message_is_a_failure_that_names_it(restored: Digests, words: str) -> None:
    for config in ({}, {"max_msgs": 3}):
        item, part = compare.compared(stream(config=config, format="v2"), digests(1, 2, 3), restored, True)
        assert (item.status, item.message, part.status) == ("failed", words, "failed")


def test_only_what_a_limit_was_dropping_from_the_front_may_come_back_as_well() -> None:
    limited = stream(config={"max_msgs": 3})
    item, part = compare.compared(limited, digests(4, 5, 6), digests(2, 3, 4, 5, 6), True)
    assert item.status == "passed" and item.message.startswith("2 more came back: its max_msgs was dropping them")
    assert part.fingerprint_expected == part.fingerprint_restored and part.count_restored == 3
    for without in (stream(), stream(config={"max_msgs": 3}, format="v2")):
        assert compare.compared(without, digests(4, 5, 6), digests(2, 3, 4, 5, 6), True)[0].status == "failed"
    assert compare.compared(limited, digests(4, 5, 6), digests(2, 4, 5), True)[0].status == "failed", "one is missing"
    assert compare.compared(limited, digests(4, 6), digests(3, 4, 5, 6), True)[0].status == "failed", (
        "one is in the middle"
    )
    assert compare.compared(limited, digests(4, 6), digests(3, 4, 5, 6), False)[0].status == "skipped", (
        "and nobody knows the deletions"
    )


@pytest.mark.parametrize(
    ("life", "seconds"),
    [
        ("5s", 5),
        ("90", 90),
        ("1h30m", 5400),
        ("1.5s", 1.5),
        ("250ms", 0.25),
        ("never", 0),
        ("", 0),
        ("5x", 0),
        ("s", 0),
    ],
)
def test_a_message_outlives_its_own_time_to_live(life: str, seconds: float) -> None:
    headers = f"NATS/1.0\r\nA: b\r\nNats-TTL: {life}\r\n\r\n".encode()
    message = Message(7, 1_000, b"s", headers, b"")
    end = 1_000 + round(seconds * 1e9)
    assert list(outlived([message], end)) == ([7] if seconds else [])
    assert list(outlived([message, Message(8, 0, b"s", b"", b"Nats-TTL: 1s")], end - 1)) == []


def test_only_messages_that_had_outlived_themselves_may_be_missing() -> None:
    living = stream(config={"allow_msg_ttl": True}, format="v2")
    item, part = compare.compared(living, digests(1, 2, 3), digests(1), True, lambda: [2, 3])
    assert (item.status, item.message) == ("passed", "2 messages had outlived their own time to live")
    assert part.fingerprint_expected == part.fingerprint_restored and part.count_restored == 1
    assert (
        compare.compared(living, digests(1, 2, 3), digests(1), True, lambda: [3])[0].message
        == "2 messages missing (sequences 2, 3)"
    )
    assert compare.compared(stream(), digests(1, 2, 3), digests(1), True, lambda: [2, 3])[0].status == "failed", (
        "no time to live"
    )
    state = {"messages": 3, "first_seq": 1, "last_seq": 5}
    missing = facts().messages - 3
    for outlived_now, status in ((missing, "skipped"), (missing - 1, "failed"), (0, "failed")):
        numbers = range(outlived_now)
        assert compare.counted(living, facts(), state, lambda numbers=numbers: numbers)[0].status == status


def test_many_sequences_are_not_all_listed() -> None:
    words = compare.difference_words(Difference(missing=500, missing_sequences=list(range(1, 21))))
    assert words == "500 messages missing (sequences 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and more)"


def test_a_limit_that_would_act_now_is_told() -> None:
    now = datetime.datetime(2026, 1, 15, tzinfo=datetime.UTC)
    aged = stream(config={"max_age": 3_600_000_000_000})
    item = compare.limits_item(aged, ["max_age"], now - datetime.timedelta(hours=2), now)
    assert (
        item is not None
        and item.status == "skipped"
        and "its max_age is 1 h" in item.message
        and "lift" in item.message
    )
    young = compare.limits_item(aged, ["max_age"], now, now)
    assert young is not None and young.message == "compared without max_age"
    assert compare.limits_item(stream(), [], now, now) is None


def consumer(**config: t.Any) -> ArchivedConsumer:
    given = {"durable_name": "c", "ack_policy": "explicit", "Created": "2026", "num_replicas": 3, **config}
    return ArchivedConsumer("c", given, {"consumer_seq": 9, "stream_seq": 9}, {"consumer_seq": 4, "stream_seq": 4}, 5)


def restored(floor: int = 4, **config: t.Any) -> dict[str, t.Any]:
    return {
        "config": {"durable_name": "c", "ack_policy": "explicit", "num_replicas": 1, **config},
        "ack_floor": {"stream_seq": floor},
    }


@pytest.mark.parametrize(
    ("archived", "found", "status", "words"),
    [
        (consumer(), restored(), "passed", ""),
        (consumer(), restored(floor=3), "failed", "it stands elsewhere"),
        (consumer(max_deliver=3), restored(), "failed", "its max_deliver came back different"),
        (consumer(), restored(ack_policy="none"), "failed", "its ack_policy came back different"),
        (consumer(), None, "failed", "the consumer is not there"),
        (consumer(durable_name=""), None, "skipped", "not durable: it goes when its client is gone"),
        (consumer(inactive_threshold=5), None, "skipped", "not durable: it goes when its client is gone"),
    ],
)
def test_a_consumer_is_back_when_it_is_configured_and_stands_as_it_was(
    archived: ArchivedConsumer, found: dict[str, t.Any] | None, status: str, words: str
) -> None:
    item = compare.consumer_item("S", archived, found, 1)
    assert (item.status, item.message) == (status, words)


def test_a_floor_below_the_first_message_is_as_good_as_one_right_below_it() -> None:
    assert compare.consumer_item("S", consumer(), restored(floor=9), 10).status == "passed"
    assert compare.consumer_item("S", consumer(), restored(floor=9), 9).status == "failed"


def _keys(*subjects: str) -> compare.Keys:
    keys = compare.Keys("b")
    for sequence, subject in enumerate(subjects, start=1):
        keys.look(Message(sequence, 0, subject.encode(), b"", b"v"))
    return keys


def test_keys_are_compared_by_their_newest_revision() -> None:
    keys = _keys("$KV.b.a", "$KV.b.c.d", "$KV.b.a")
    assert keys.item({b"$KV.b.a": 3, b"$KV.b.c.d": 2}, 5).message == "3 revisions of 2 keys"
    assert (
        keys.item({b"$KV.b.a": 1, b"$KV.b.c.d": 2}, 5).message
        == "the newest value of 1 keys is not the one of the backup: a"
    )
    assert keys.item({b"$KV.b.a": 3}, 5).message.endswith("the backup: c.d")
    assert keys.item({b"$KV.b.a": 3, b"$KV.b.c.d": 2, b"$KV.b.e": 4}, 5).status == "failed"
    deep = keys.item({b"$KV.b.a": 3, b"$KV.b.c.d": 2}, 1)
    assert deep.status == "skipped" and deep.message.endswith("one key has 2, and its history keeps 1")


def _objects(about: dict[str, t.Any], *chunks: bytes) -> compare.Objects:
    objects = compare.Objects("b")
    for sequence, chunk in enumerate(chunks, start=1):
        objects.look(Message(sequence, 0, b"$O.b.C.N1", b"", chunk))
    objects.look(Message(9, 0, b"$O.b.M." + base64.urlsafe_b64encode(b"logo"), b"", json.dumps(about).encode()))
    return objects


def test_an_object_is_back_when_its_bytes_have_its_digest() -> None:
    digest = "SHA-256=" + base64.urlsafe_b64encode(hashlib.sha256(b"abcd").digest()).decode()
    about = {"name": "logo", "nuid": "N1", "size": 4, "chunks": 2, "digest": digest}
    assert [item.status for item in _objects(about, b"ab", b"cd").items()] == ["passed"]
    assert _objects(about, b"ab", b"cx").items()[0].message == "other content"
    assert "2 bytes in 1 chunks, 4 in 2 expected" in _objects(about, b"ab").items()[0].message
    assert _objects({**about, "digest": digest.rstrip("=")}, b"ab", b"cd").items()[0].status == "passed"
    assert [item.status for item in _objects({**about, "deleted": True}).items()] == []
    assert [item.status for item in _objects({**about, "nuid": "N2"}, b"ab").items()] == ["failed", "skipped"], (
        "chunks of no object"
    )


def test_an_object_whose_description_is_damaged_is_a_failure() -> None:
    objects = compare.Objects("b")
    objects.look(Message(1, 0, b"$O.b.M.x", b"", b"{"))
    objects.look(Message(2, 0, b"$O.b", b"", b"no object's"))
    assert [item.status for item in objects.items()] == ["failed"]


def test_nothing_compared_is_not_passed() -> None:
    check = Check("content.messages", "Every message", "content", "passed")
    assert compare.unless_nothing(check, [stream(messages=0), stream(messages=3)]) is check
    empty = compare.unless_nothing(check, [stream(messages=0)])
    assert (empty.status, empty.message) == ("skipped", "nothing was compared: the streams hold no message")
    failed = dataclasses.replace(check, status="failed")
    assert compare.unless_nothing(failed, []) is failed
