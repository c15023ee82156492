# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The reader of RDBs: every way of writing a value, and bytes that are none."""

from __future__ import annotations

import contextlib
import struct
import tracemalloc
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._redis.rdb import _rdb
from ansible_collections.lifeboat.dr.plugins.module_utils._redis.rdb._rdb import (
    KINDS,
    Item,
    UnknownFormatError,
    Walk,
    unpack_lzf,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._redis.rdb._values import fingerprint
from hypothesis import given
from hypothesis import strategies as st

HEAD = b"REDIS0011\xfa\x09redis-ver\x067.2.99\xfe\x00"


def length(number: int) -> bytes:
    if number < 0x40:
        return bytes([number])
    if number < 0x4000:
        return bytes([0x40 | number >> 8, number & 0xFF])
    return b"\x80" + number.to_bytes(4, "big")


def string(text: bytes) -> bytes:
    return length(len(text)) + text


def listpack(entries: t.Sequence[bytes]) -> bytes:
    """As a server packs it: text that is a number becomes one where that is shorter, which is up to the server."""
    body = b""
    for entry in entries:
        if entry.isdigit() and str(int(entry)).encode() == entry and int(entry) < 128:
            packed = bytes([int(entry)])
        elif len(entry) < 64:
            packed = bytes([0x80 | len(entry)]) + entry
        elif len(entry) < 4096:
            packed = bytes([0xE0 | len(entry) >> 8, len(entry) & 0xFF]) + entry
        else:
            packed = b"\xf0" + len(entry).to_bytes(4, "little") + entry
        back = len(packed)
        body += packed + bytes(1 if back < 128 else 2 if back < 16384 else 3)
    return struct.pack("<IH", len(body) + 7, len(entries)) + body + b"\xff"


def ziplist(entries: t.Sequence[bytes]) -> bytes:
    body, before = b"", 0
    for entry in entries:
        head = bytes([before]) if before < 254 else b"\xfe" + before.to_bytes(4, "little")
        if entry.isdigit() and str(int(entry)).encode() == entry and int(entry) < 13:
            packed = bytes([0xF1 + int(entry)])
        elif len(entry) < 64:
            packed = bytes([len(entry)]) + entry
        elif len(entry) < 16384:
            packed = bytes([0x40 | len(entry) >> 8, len(entry) & 0xFF]) + entry
        else:
            packed = b"\x80" + len(entry).to_bytes(4, "big") + entry
        body += head + packed
        before = len(head + packed)
    return bytes(10) + body + b"\xff"


def value(kind: int, data: bytes, name: bytes = b"k", expires_ms: int = 0) -> bytes:
    return fingerprint(Item(0, kind, name, data, expires_ms))


texts = st.lists(st.binary(max_size=200) | st.integers(0, 20).map(lambda n: b"%d" % n), min_size=1, max_size=30)
sets = st.lists(st.binary(max_size=80), min_size=1, max_size=30, unique=True)
pairs = st.dictionaries(st.binary(max_size=30), st.binary(max_size=80), min_size=1, max_size=20)


@given(texts)
def test_a_list_has_one_fingerprint_in_every_way_of_writing_it(entries: list[bytes]) -> None:
    plain = length(len(entries)) + b"".join(map(string, entries))
    nodes = b"".join(b"\x01" + string(entry) for entry in entries)
    found = {
        value(1, plain),
        value(10, string(ziplist(entries))),
        value(14, b"\x01" + string(ziplist(entries))),
        value(18, b"\x01\x02" + string(listpack(entries))),
        value(18, length(len(entries)) + nodes),
    }
    assert len(found) == 1


@given(sets, st.randoms())
def test_a_set_has_one_fingerprint_in_every_order(members: list[bytes], random: t.Any) -> None:
    mixed = random.sample(members, len(members))
    plain = length(len(mixed)) + b"".join(map(string, mixed))
    assert value(2, plain) == value(20, string(listpack(members)))


@given(pairs)
def test_a_hash_has_one_fingerprint_in_every_way_of_writing_it(fields: dict[bytes, bytes]) -> None:
    flat = [part for pair in fields.items() for part in pair]
    mixed = [part for pair in reversed(list(fields.items())) for part in pair]
    never = (1 << 64) - 1
    found = {
        value(4, length(len(fields)) + b"".join(map(string, mixed))),
        value(13, string(ziplist(flat))),
        value(16, string(listpack(flat))),
        value(25, bytes(8) + string(listpack([p for f, v in fields.items() for p in (f, v, b"0")]))),
        value(
            22,
            length(len(fields)) + b"".join(string(f) + string(v) + struct.pack("<Q", never) for f, v in fields.items()),
        ),
        value(
            24, bytes(8) + length(len(fields)) + b"".join(b"\x00" + string(f) + string(v) for f, v in fields.items())
        ),
    }
    assert len(found) == 1


def test_the_expiry_of_a_field_is_part_of_its_hash_whoever_wrote_it() -> None:
    at = 1_800_000_000_000
    redis = struct.pack("<Q", at - 5) + b"\x01" + length(6) + string(b"f") + string(b"v")
    packed = struct.pack("<Q", at) + string(listpack([b"f", b"v", b"%d" % at]))
    valkey = b"\x01" + string(b"f") + string(b"v") + struct.pack("<Q", at)
    assert value(24, redis) == value(25, packed) == value(22, valkey)
    assert value(22, valkey) != value(4, b"\x01" + string(b"f") + string(b"v"))


@given(st.dictionaries(st.binary(max_size=30), st.floats(allow_nan=False), min_size=1, max_size=20))
def test_a_sorted_set_has_one_fingerprint_however_its_scores_are_written(scores: dict[bytes, float]) -> None:
    binary = length(len(scores)) + b"".join(string(m) + struct.pack("<d", s) for m, s in scores.items())
    packed = listpack([part for m, s in scores.items() for part in (m, repr(s).encode())])
    assert value(5, binary) == value(17, string(packed))


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20, unique=True))
def test_a_set_of_numbers_is_the_same_as_a_set_of_their_texts(numbers: list[int]) -> None:
    packed = struct.pack("<II", 8, len(numbers)) + b"".join(struct.pack("<q", number) for number in sorted(numbers))
    plain = length(len(numbers)) + b"".join(string(b"%d" % number) for number in numbers)
    assert value(11, string(packed)) == value(2, plain)


def test_everything_that_stands_for_a_key_is_in_its_fingerprint() -> None:
    one = Item(0, 0, b"k", string(b"v"), 0)
    others = [
        one._replace(database=1),
        one._replace(name=b"l"),
        one._replace(value=string(b"w")),
        one._replace(expires_ms=1),
        one._replace(kind=1, value=b"\x01" + string(b"v")),
    ]
    assert len({fingerprint(item) for item in [one, *others]}) == 6


@pytest.mark.parametrize(
    ("packed", "size", "text"), [(b"\x02abc\x80\x02", 9, b"abcabcabc"), (b"\x00a\xe0\x05\x00", 15, b"a" * 15)]
)
def test_compressed_text_is_opened(packed: bytes, size: int, text: bytes) -> None:
    assert unpack_lzf(packed, size) == text


@given(st.binary(max_size=300), st.integers(0, 1000))
def test_nothing_but_an_error_of_ours_comes_from_compressed_garbage(packed: bytes, size: int) -> None:
    with contextlib.suppress(DamagedError):
        assert len(unpack_lzf(packed, size)) == size


@given(st.sampled_from(sorted(KINDS)), st.binary(max_size=300))
def test_nothing_but_an_error_of_ours_comes_from_a_garbled_value(kind: int, data: bytes) -> None:
    with contextlib.suppress(DamagedError):
        value(kind, data)


@given(st.binary(max_size=400), st.booleans(), st.integers(1, 50))
def test_nothing_but_an_error_of_ours_comes_from_a_garbled_file(data: bytes, keep: bool, size: int) -> None:
    whole = HEAD + data
    walk = Walk(whole[at : at + size] for at in range(0, len(whole), size))
    try:
        for item in walk.items(keep=keep):
            fingerprint(item)
    except LifeboatError:
        pass


def small_file() -> bytes:
    keys = (
        b"\x00" + string(b"a") + string(b"1") + b"\xfc" + struct.pack("<Q", 99) + b"\x02" + string(b"s") + b"\x01\x01x"
    )
    other = b"\xfe\x03\xfb\x01\x00\xf8\x05\xf9\x07\x04" + string(b"h") + b"\x01" + string(b"f") + b"\xc0\xfe"
    return HEAD + b"\xf5" + string(b"#!lua name=lib\n") + b"\xfb\x02\x01" + keys + other + b"\xff"


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_a_file_is_counted_and_read_in_pieces_of_any_size(size: int) -> None:
    whole = small_file()
    for keep in (False, True):
        walk = Walk(whole[at : at + size] for at in range(0, len(whole), size))
        items = list(walk.items(keep=keep))
        counted = {number: (found.keys, found.expires, found.announced) for number, found in walk.databases.items()}
        assert counted == {0: (2, 1, 2), 3: (1, 0, 1)}
        assert (walk.functions, walk.version, walk.facts) == (1, 11, {"redis-ver": "7.2.99"})
        assert [item.name for item in items] == ([b"", b"a", b"s", b"h"] if keep else [])
    assert [item.expires_ms for item in items] == [0, 0, 99, 0] and items[3].value == b"\x01\x01f\xc0\xfe"


def test_a_file_that_is_cut_anywhere_is_refused() -> None:
    whole = small_file()
    for end in range(len(whole)):
        with pytest.raises(DamagedError):
            list(Walk([whole[:end]]).items(keep=False))


@pytest.mark.parametrize("unknown", [b"\x63\x01k", b"\xf3\x01", b"\x08\x01k"])
def test_what_a_newer_server_writes_is_called_unknown_and_not_damaged(unknown: bytes) -> None:
    with pytest.raises(UnknownFormatError, match="does not know"):
        list(Walk([HEAD + unknown + bytes(20)]).items(keep=False))


def test_a_length_that_no_server_takes_is_refused_before_memory_is_taken() -> None:
    with pytest.raises(DamagedError, match="no server takes"):
        list(Walk([HEAD + b"\xfa\x81\x7f" + bytes(7), bytes(1000)]).items(keep=False))


def test_a_small_compressed_string_does_not_become_a_large_one() -> None:
    """LZF can say 264 bytes with three."""
    bomb = b"\x00a" + b"\xe0\xff\x00" * 200_000
    for size in (10, 1 << 40):
        tracemalloc.start()
        try:
            with pytest.raises(DamagedError):
                unpack_lzf(bomb, size)
            assert tracemalloc.get_traced_memory()[1] < 1 << 20
        finally:
            tracemalloc.stop()


def test_databases_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_rdb, "_MOST_DATABASES", 10)
    head = b"REDIS0012" + b"".join(b"\xfe" + bytes((number,)) for number in range(20)) + b"\xff"
    with pytest.raises(DamagedError, match="more than 10 databases"):
        list(Walk([head]).items(keep=False))
