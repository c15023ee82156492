# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Archives made by hand: what is live in them, and that no damage to them goes unseen."""

from __future__ import annotations

import hashlib
import struct
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats import _highwayhash, _index
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.inspect._convert import read_messages, to_v2
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.inspect._inspect import inspect
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._archive import (
    ArchiveFacts,
    Message,
    message_digest,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.lab import jetstream_archives as archives
from tests.lab.jetstream_archives import ERASED, IndexBlock, Record, index_db, tombstone, v1_files
from tests.repetitions import examples

_EMPTY_V2 = b"NATSARC1" + bytes(5)  # nothing but the entry that ends it
_HEADERS = b"NATS/1.0\r\nA: b\r\n\r\n"
_TIME = 1_760_000_000_123_456_789


def _message(sequence: int, size: int = 5) -> Message:
    headers = _HEADERS if sequence % 3 == 0 else b""
    return Message(
        sequence, _TIME + sequence, b"orders.%d" % (sequence % 4), headers, bytes((sequence % 251,)) * (sequence % size)
    )


def _records(*sequences: int) -> list[Record]:
    return [Record.of(_message(sequence)) for sequence in sequences]


def _v1(blocks: t.Mapping[int, t.Sequence[Record]], stream: str = "S", **more: t.Any) -> bytes:
    return archives.s2(archives.tar(v1_files(stream, blocks, **more)), chunk_bytes=700)


def _last_hash(blocks: t.Mapping[int, t.Sequence[Record]], stream: str = "S") -> bytes:
    return blocks[max(blocks)][-1].encoded(stream, max(blocks))[-8:]


def _v2(sequences: t.Sequence[int], **state: t.Any) -> bytes:
    plain = archives.v2_plain(
        [_message(sequence) for sequence in sequences], state={"messages": len(sequences), **state}
    )
    return archives.s2(plain, chunk_bytes=300)


def _facts(stored: bytes, stream: str = "S", piece_bytes: int = 1000) -> ArchiveFacts:
    facts, digests = inspect((stored[at : at + piece_bytes] for at in range(0, len(stored), piece_bytes)), stream)
    digests.close()
    return facts


def _live(stored: bytes, stream: str = "S") -> list[int]:
    return [message.sequence for message in read_messages(lambda: iter([stored]), stream)]


def _fingerprint(sequences: t.Iterable[int]) -> str:
    """As the documentation tells to compute it."""
    whole = hashlib.sha256()
    for message in map(_message, sequences):
        head = struct.pack("<QqII", message.sequence, message.time_ns, len(message.subject), len(message.headers))
        whole.update(hashlib.sha256(head + message.subject + message.headers + message.data).digest())
    return whole.hexdigest()


def _kinds(facts: ArchiveFacts) -> set[str]:
    return {problem.kind for problem in facts.problems}


def test_a_v1_archive_gives_its_messages_byte_for_byte() -> None:
    blocks = {1: _records(1, 2, 3), 2: _records(4, 5, 9)}
    stored = _v1(blocks, index=index_db("S", [IndexBlock(1, 1, 3), IndexBlock(2, 4, 9, (6, 7, 8))], _last_hash(blocks)))
    assert list(read_messages(lambda: iter([stored]), "S")) == [_message(sequence) for sequence in (1, 2, 3, 4, 5, 9)]
    facts = _facts(stored)
    assert (facts.format, facts.messages, facts.first_sequence, facts.last_sequence, facts.problems) == (
        "v1",
        6,
        1,
        9,
        (),
    )
    assert facts.fingerprint == _fingerprint((1, 2, 3, 4, 5, 9))
    assert facts.bytes == sum(sum(map(len, _message(sequence)[2:])) for sequence in (1, 2, 3, 4, 5, 9))
    assert facts.deletes_known


def test_both_formats_of_one_stream_have_one_fingerprint() -> None:
    assert (
        _facts(_v1({1: _records(1, 2, 5)})).fingerprint == _facts(_v2((1, 2, 5))).fingerprint == _fingerprint((1, 2, 5))
    )


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_the_index_of_every_server_version_tells_what_is_deleted(version: int) -> None:
    blocks = {3: _records(*range(10, 20)), 4: _records(*range(20, 30))}
    index = index_db(
        "S", [IndexBlock(3, 13, 19, (15,)), IndexBlock(4, 20, 29, (21, 22))], _last_hash(blocks), version=version
    )
    assert _live(_v1(blocks, index=index)) == [13, 14, 16, 17, 18, 19, 20, *range(23, 30)]


def test_a_block_that_the_index_does_not_know_is_gone() -> None:
    blocks = {1: _records(1, 2), 2: _records(3, 4)}
    assert _live(_v1(blocks, index=index_db("S", [IndexBlock(2, 3, 4)], _last_hash(blocks)))) == [3, 4]


def test_an_index_that_does_not_fit_the_blocks_is_not_used() -> None:
    blocks = {1: _records(1, 2, 3), 2: [*_records(4, 5), tombstone(2)]}
    facts = _facts(_v1(blocks, index=index_db("S", [IndexBlock(1, 1, 3), IndexBlock(2, 4, 4)], b"8 bytes.")))
    assert not facts.deletes_known
    assert facts.fingerprint == _fingerprint((1, 3, 4, 5))


def test_without_an_index_the_limit_of_messages_takes_the_oldest() -> None:
    facts = _facts(_v1({1: _records(1, 2, 3, 4, 5)}, config={"max_msgs": 3}))
    assert (facts.messages, facts.first_sequence, facts.fingerprint) == (3, 3, _fingerprint((3, 4, 5)))


def test_erased_records_are_no_messages() -> None:
    erased = [Record(2, flags=ERASED, subject=b"", data=b"random"), Record(0, flags=ERASED), Record(0)]
    assert _live(_v1({1: [*_records(1), *erased, *_records(3)]})) == [1, 3]


@settings(max_examples=examples(60), deadline=None)
@given(st.sets(st.integers(1, 60), min_size=1), st.data())
def test_tombstones_count_wherever_they_stand(sequences: set[int], data: st.DataObject) -> None:
    deleted = data.draw(st.sets(st.integers(1, 60)))
    records: list[Record] = _records(*sorted(sequences))
    for sequence in data.draw(st.permutations(sorted(deleted))):
        records.insert(data.draw(st.integers(0, len(records))), tombstone(sequence))
    cut = data.draw(st.integers(0, len(records)))
    stored = _v1({1: records[:cut], 2: records[cut:]})
    assert _facts(stored).fingerprint == _fingerprint(sorted(sequences - deleted))
    assert _live(stored) == sorted(sequences - deleted)


def _small(kind: str) -> bytes:
    if kind == "v2":
        consumers = {"C": {"config": {"name": "C"}, "state": {"delivered": {"consumer_seq": 1, "stream_seq": 1}}}}
        plain = archives.v2_plain([_message(1), _message(3)], state={"messages": 2}, consumers=consumers)
        return archives.s2(plain, chunk_bytes=60)
    blocks = {1: _records(1, 3)}
    index = index_db("S", [IndexBlock(1, 1, 3, (2,))], _last_hash(blocks))
    return _v1(blocks, index=index, more=archives.consumer_files("S", "C", (0, 0, 1, 1, 0, 0)))


@pytest.mark.parametrize("kind", ["v1", "v2"])
def test_an_archive_that_is_cut_anywhere_is_red(kind: str) -> None:
    stored = _small(kind)
    assert _facts(stored).problems == ()
    for size in range(len(stored)):
        assert _kinds(_facts(stored[:size])) & {"truncated", "format", "crc"}, f"cut to {size} of {len(stored)} bytes"


@pytest.mark.parametrize("kind", ["v1", "v2"])
def test_an_archive_that_is_cut_between_chunks_is_red(kind: str) -> None:
    plain = (
        archives.tar(v1_files("S", {1: _records(1, 3)}))
        if kind == "v1"
        else archives.v2_plain([_message(1)], state={"messages": 1})
    )
    for size in range(0, len(plain), 7):
        assert _kinds(_facts(archives.s2(plain[:size], compress=False))) & {"truncated", "format"}, (
            f"cut to {size} of {len(plain)} bytes"
        )


@pytest.mark.parametrize("kind", ["v1", "v2"])
def test_a_flipped_byte_anywhere_is_red(kind: str) -> None:
    stored = _small(kind)
    green = _facts(stored)
    for at in range(len(stored)):
        damaged = bytearray(stored)
        damaged[at] ^= 0x41
        facts = _facts(bytes(damaged))
        assert facts.problems or facts == green, f"byte {at}"


def test_damage_in_the_servers_own_store_is_named_with_its_sequence() -> None:
    plain = bytearray(archives.tar(v1_files("S", {1: _records(*range(1, 50))})))
    where = plain.index(_message(34).data * 2 if len(_message(34).data) < 3 else _message(34).data)
    plain[where] ^= 1
    facts = _facts(archives.s2(bytes(plain)))
    (problem,) = facts.problems
    assert (problem.kind, problem.sequence) == ("record_hash", 34)
    assert facts.messages == 48
    with pytest.raises(DamagedError, match="message 34"):
        _live(archives.s2(bytes(plain)))


@pytest.mark.parametrize("engine", ["highwayhash", "numpy", "python"])
def test_every_way_to_hash_names_the_damaged_message(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ways = {
        "highwayhash": _highwayhash.compiled(),
        "numpy": _highwayhash.with_numpy,
        "python": lambda key, inputs: b"".join(_highwayhash.in_python(key, inputs)),
    }
    assert ways[engine] is not None, "highwayhash-cffi is not in .venv: tests/tools/compiled.sh says why"
    monkeypatch.setattr(_highwayhash, "_engine", lambda: (engine, ways[engine]))
    files = v1_files("S", {1: _records(*range(1, 201))})
    assert _facts(archives.s2(archives.tar(files))).problems == ()
    damaged = bytearray(files["msgs/1.blk"])
    at = damaged.index(b"orders.2", len(damaged) // 2)
    damaged[at + 7] ^= 1
    facts = _facts(archives.s2(archives.tar({**files, "msgs/1.blk": bytes(damaged)})))
    assert facts.hash_engine == engine
    assert facts.messages == 199
    (problem,) = facts.problems
    assert (problem.kind, problem.sequence) == ("record_hash", struct.unpack_from("<Q", damaged, at - 18)[0])


def test_an_impossible_length_makes_the_rest_of_the_block_unreadable_and_no_more() -> None:
    files = v1_files("S", {1: _records(1, 2, 3), 2: _records(4)})
    block = files["msgs/1.blk"]
    second = struct.unpack_from("<I", block)[0] & 0x7FFFFFFF
    files["msgs/1.blk"] = block[:second] + b"\xff\xff\xff\x7f" + block[second + 4 :]
    facts = _facts(archives.s2(archives.tar(files)))
    assert _kinds(facts) == {"record_hash"}
    assert facts.fingerprint == _fingerprint((1, 4))


def test_a_changed_byte_in_transit_is_named_with_the_message_behind_which_it_is() -> None:
    stored = bytearray(_v2(range(1, 100)))
    stored[-200] ^= 1
    (problem,) = _facts(bytes(stored)).problems
    assert problem.kind == "crc"
    assert problem.sequence is not None and 50 < problem.sequence < 100


def test_the_servers_own_report_of_failure_is_found() -> None:
    facts = _facts(_v1({1: _records(1)}, more={"errors.txt": b"Could not read message block [2]"}))
    assert [(problem.kind, "block [2]" in problem.message) for problem in facts.problems] == [("errors_txt", True)]
    with pytest.raises(DamagedError, match="block \\[2\\]"):
        _live(_v1({1: _records(1)}, more={"errors.txt": b"Could not read message block [2]"}))


def test_an_archive_of_another_stream_is_red() -> None:
    assert _kinds(_facts(_v1({1: _records(1)}, stream="OTHER"))) == {"meta", "record_hash"}


def test_a_description_that_does_not_match_its_checksum_is_red() -> None:
    files = v1_files("S", {1: _records(1)}, more=archives.consumer_files("S", "C", (0, 0, 0, 0, 0, 0)))
    files["meta.inf"] += b" "
    files["obs/C/meta.inf"] += b" "
    facts = _facts(archives.s2(archives.tar(files)))
    assert [problem.kind for problem in facts.problems] == ["meta", "meta"]


def test_an_index_that_does_not_match_its_checksum_is_red() -> None:
    blocks = {1: _records(1, 2)}
    index = bytearray(index_db("S", [IndexBlock(1, 1, 2)], _last_hash(blocks)))
    index[3] ^= 1
    assert _kinds(_facts(_v1(blocks, index=bytes(index)))) == {"meta"}


@pytest.mark.parametrize(("engine", "checked"), [("highwayhash", True), ("numpy", False), ("python", False)])
def test_an_index_that_is_too_large_to_hash_here_is_said_to_be_unchecked(
    engine: str, checked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = {1: _records(1, 2)}
    index = index_db("S", [IndexBlock(1, 1, 2)], _last_hash(blocks))
    monkeypatch.setattr(_index, "_HASHED_IN_PYTHON", len(index) - 1)
    monkeypatch.setattr(_highwayhash, "engine", lambda: engine)
    facts = _facts(_v1(blocks, index=index))
    assert facts.problems == () and facts.messages == 2, "what was not looked at is not damage"
    assert (facts.unchecked == ()) == checked
    assert checked or "msgs/index.db" in facts.unchecked[0]


def test_a_message_that_the_index_counts_and_the_blocks_lack_is_red() -> None:
    blocks = {1: _records(1, 2, 4)}
    facts = _facts(_v1(blocks, index=index_db("S", [IndexBlock(1, 1, 6, (5,))], _last_hash(blocks))))
    assert [(problem.kind, problem.sequence) for problem in facts.problems] == [("missing", 3), ("missing", 6)]


def test_a_message_that_the_server_skipped_silently_is_red() -> None:
    plain = archives.v2_plain([_message(1), _message(3)], state={"messages": 3})
    assert _kinds(_facts(archives.s2(plain))) == {"count"}


def test_a_consumer_that_the_server_counts_and_did_not_send_is_red() -> None:
    plain = archives.v2_plain([], state={"messages": 0, "consumer_count": 1})
    assert _kinds(_facts(archives.s2(plain))) == {"count"}


def test_messages_out_of_order_are_red() -> None:
    assert "format" in _kinds(_facts(_v2((1, 3, 2))))


def test_something_behind_the_end_is_red() -> None:
    for plain in (
        archives.tar(v1_files("S", {1: _records(1)})),
        archives.v2_plain([_message(1)], state={"messages": 1}),
    ):
        assert _kinds(_facts(archives.s2(plain + b"more" * 200))) == {"format"}


def test_what_is_no_archive_is_red() -> None:
    for stored in (
        b"",
        b"hello",
        archives.START,
        archives.s2(b"short"),
        archives.s2(b"long enough, and no archive" * 100),
    ):
        assert _kinds(_facts(stored)) & {"truncated", "format"}


def test_consumers_of_a_v1_archive_are_read() -> None:
    numbers = (4, 7, 12, 30, 2, 2 * 1_760_000_000, 3, 3, 0, 5, 6, 20, 1, 3, 2)
    facts = _facts(_v1({1: _records(1)}, more=archives.consumer_files("S", "worker", numbers)))
    (consumer,) = facts.consumers
    assert (consumer.name, consumer.pending, consumer.config["ack_policy"]) == ("worker", 2, "explicit")
    assert consumer.ack_floor == {"consumer_seq": 4, "stream_seq": 7}
    assert consumer.delivered == {"consumer_seq": 12, "stream_seq": 30}
    assert consumer.state["pending"] == {
        "10": {"Sequence": 7, "Timestamp": 1_760_000_000 * 10**9},
        "12": {"Sequence": 10, "Timestamp": (1_760_000_000 - 10) * 10**9},
    }
    assert consumer.state["redelivered"] == {"10": 2}


def test_a_consumer_whose_state_is_cut_is_red() -> None:
    assert _kinds(_facts(_v1({1: _records(1)}, more=archives.consumer_files("S", "C", (1, 1, 2))))) == {"meta"}


def test_a_v1_archive_becomes_a_v2_archive_with_the_same_messages_and_consumers() -> None:
    blocks = {1: [*_records(*range(1, 40)), tombstone(7)]}
    index = index_db("S", [IndexBlock(1, 3, 41, (7, 40, 41))], _last_hash(blocks))
    stored = _v1(
        blocks, index=index, more=archives.consumer_files("S", "C", (1, 3, 2, 5, 1, 2 * 1_760_000_000, 1, 1, 0, 0))
    )
    converted = b"".join(to_v2(lambda: iter([stored]), "S"))
    before, after = _facts(stored), _facts(converted, "ANOTHER")
    assert after.format == "v2" and after.problems == ()
    assert (
        (after.fingerprint, after.messages)
        == (before.fingerprint, before.messages)
        == (_fingerprint([*range(3, 7), *range(8, 40)]), 36)
    )
    assert [(consumer.name, consumer.delivered, consumer.pending) for consumer in after.consumers] == [
        ("C", {"consumer_seq": 2, "stream_seq": 5}, 1)
    ]
    assert (after.state["first_seq"], after.state["last_seq"]) == (3, 41)
    assert after.state["first_ts"] == "2025-10-09T08:53:20.123456792Z"
    assert "Created" not in after.consumers[0].config


def test_a_conversion_can_keep_some_subjects_only() -> None:
    stored = _v2(range(1, 20), last_seq=25)
    converted = b"".join(to_v2(lambda: iter([stored]), "S", subjects=lambda subject: subject == b"orders.2"))
    facts = _facts(converted)
    assert (facts.fingerprint, facts.problems) == (_fingerprint((2, 6, 10, 14, 18)), ())
    assert (facts.state["messages"], facts.state["first_seq"], facts.state["last_seq"]) == (5, 2, 25)


def test_an_empty_stream_keeps_its_last_sequence_in_a_conversion() -> None:
    converted = b"".join(to_v2(lambda: iter([_v2((), first_seq=101, last_seq=100)]), "S"))
    state = _facts(converted).state
    assert (state["messages"], state["first_seq"], state["last_seq"]) == (0, 101, 100)


def test_a_damaged_archive_is_not_converted() -> None:
    with pytest.raises(DamagedError):
        next(to_v2(lambda: iter([_v2((1, 2, 3))[:-9]]), "S"))


@settings(max_examples=examples(200), deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["v1", "v2"]))
def test_random_content_raises_nothing_and_is_red(data: bytes, kind: str) -> None:
    plain = (
        b"NATSARC1" + data
        if kind == "v2"
        else archives.tar({"meta.inf": b"{}", "msgs/1.blk": data, "msgs/index.db": data})
    )
    assume(plain != _EMPTY_V2)
    assert _facts(archives.s2(plain)).problems


def test_an_archive_that_ends_at_once_is_well_formed_and_holds_nothing() -> None:
    """So a proof compares the number of messages with the manifest's."""
    facts = _facts(archives.s2(_EMPTY_V2))
    assert facts.messages == 0 and not facts.problems


def test_a_message_digest_is_what_the_documentation_says() -> None:
    message = Message(7, -5, b"a.b", _HEADERS, b"data")
    head = (
        (7).to_bytes(8, "little")
        + (-5).to_bytes(8, "little", signed=True)
        + (3).to_bytes(4, "little")
        + (len(_HEADERS)).to_bytes(4, "little")
    )
    assert message_digest(message) == hashlib.sha256(head + b"a.b" + _HEADERS + b"data").digest()


def test_a_border_between_subject_and_data_that_moved_is_all_that_the_hash_of_a_record_does_not_see() -> None:
    """What jetstream-archives.md says of it: the hash covers subject and data as one run of bytes."""
    record = Record(1, _TIME, b"border.1800", b"", b"data")
    encoded = bytearray(record.encoded("S", 1))
    assert encoded[20:22] == struct.pack("<H", len(record.subject))
    encoded[20:22] = struct.pack("<H", len(record.subject) - 2)
    files = v1_files("S", {1: [record]}) | {"msgs/1.blk": bytes(encoded)}
    stored = archives.s2(archives.tar(files))
    assert [problem for problem in _facts(stored).problems if problem.kind != "count"] == []
    (message,) = read_messages(lambda: iter([stored]), "S")
    assert (message.subject, message.data) == (b"border.18", b"00data")
    for position in (*range(4, 20), *range(22, len(encoded))):
        changed = bytearray(record.encoded("S", 1))
        changed[position] ^= 1
        found = _facts(archives.s2(archives.tar(files | {"msgs/1.blk": bytes(changed)})))
        assert any(problem.kind == "record_hash" for problem in found.problems), position


@pytest.mark.parametrize("state", [{"messages": "x"}, {"messages": None}, {"last_seq": []}, {"consumer_count": 1.5}])
def test_numbers_of_a_state_that_are_none_are_damage(state: dict[str, t.Any]) -> None:
    plain = archives.v2_plain([_message(1)], state={"messages": 1, "consumer_count": 0, **state})
    assert any(
        problem.kind == "meta" and "not a number" in problem.message for problem in _facts(archives.s2(plain)).problems
    )


@pytest.mark.parametrize("consumer", [{"state": True}, {"config": []}, {"state": {"delivered": {"stream_seq": "x"}}}])
def test_a_consumer_of_another_shape_is_damage(consumer: dict[str, t.Any]) -> None:
    plain = archives.v2_plain([_message(1)], state={"messages": 1}, consumers={"c": consumer})
    assert any(problem.kind == "meta" for problem in _facts(archives.s2(plain)).problems)
