# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""S2 framing and blocks, CRC-32C and HighwayHash, against published vectors and properties."""

from __future__ import annotations

import struct
import sys
import types

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats import (
    _crc32c,
    _highwayhash,
    _highwayhash_numpy,
    _s2,
    _stretches,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats._s2_block import decode_block
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats._stretches import (
    Stretches,
    decode_stretch,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lab import jetstream_archives as archives
from tests.repetitions import examples

# The key and the first expected values of github.com/google/highwayhash, highwayhash_test: inputs are 00, 01, 02, … of
# each length.
_KEY = struct.pack("<4Q", 0x0706050403020100, 0x0F0E0D0C0B0A0908, 0x1716151413121110, 0x1F1E1D1C1B1A1918)
_VECTORS = [0x907A56DE22C26E53, 0x7EAB43AAC7CDDD78, 0xB8D0569AB0B53D62]

_repetitive = st.lists(
    st.one_of(st.binary(max_size=40), st.sampled_from([b"abc" * 30, bytes(300), b"subject.one"])), max_size=40
).map(b"".join)


def test_crc32c_gives_the_check_value_of_its_standard() -> None:
    assert _crc32c.in_python(b"123456789") == 0xE3069283
    assert _crc32c.crc32c(b"123456789") == 0xE3069283


@given(st.binary(max_size=500))
def test_both_ways_to_compute_crc32c_agree(data: bytes) -> None:
    assert _crc32c.crc32c(data) == _crc32c.in_python(data)


def test_highwayhash_gives_the_published_values() -> None:
    inputs = [bytes(range(size)) for size in range(len(_VECTORS))]
    expected = [value.to_bytes(8, "little") for value in _VECTORS]
    assert _highwayhash.in_python(_KEY, inputs) == expected
    assert _highwayhash_numpy.digests(_KEY, inputs, _highwayhash.INIT0, _highwayhash.INIT1) == expected


def test_highwayhash_agrees_with_itself_for_every_length_of_a_last_packet() -> None:
    inputs = [bytes((7 * index + size) & 0xFF for index in range(size)) for size in range(200)]
    expected = _highwayhash.in_python(_KEY, inputs)
    assert _highwayhash_numpy.digests(_KEY, inputs, _highwayhash.INIT0, _highwayhash.INIT1) == expected


def test_the_compiled_library_gives_the_same() -> None:
    in_c = _highwayhash.compiled()
    assert in_c is not None, "highwayhash-cffi is not in .venv: tests/tools/compiled.sh says why"
    inputs = [bytes((7 * index + size) & 0xFF for index in range(size)) for size in range(200)]
    assert in_c(_KEY, inputs) == b"".join(_highwayhash.in_python(_KEY, inputs))


def test_a_compiled_library_that_computes_something_else_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "highwayhash", types.ModuleType("highwayhash"))
    library = types.ModuleType("highwayhash._highwayhash")
    monkeypatch.setattr(
        library, "lib", types.SimpleNamespace(HighwayHash64=lambda _data, _size, _key: 7), raising=False
    )
    monkeypatch.setattr(library, "ffi", types.SimpleNamespace(new=lambda _kind, value: value), raising=False)
    monkeypatch.setitem(sys.modules, library.__name__, library)
    assert _highwayhash.compiled() is None


@settings(max_examples=examples(30), deadline=None)
@given(st.binary(min_size=32, max_size=32), st.lists(st.binary(max_size=300), min_size=1, max_size=30))
def test_highwayhash_does_not_depend_on_what_is_hashed_beside(key: bytes, inputs: list[bytes]) -> None:
    assert _highwayhash_numpy.digests(key, inputs, _highwayhash.INIT0, _highwayhash.INIT1) == _highwayhash.in_python(
        key, inputs
    )


@settings(deadline=None)
@given(_repetitive, st.integers(1, 400), st.booleans(), st.integers(1, 97))
def test_what_was_compressed_comes_back(plain: bytes, chunk_bytes: int, compress: bool, piece_bytes: int) -> None:
    stored = archives.s2(plain, chunk_bytes=chunk_bytes, compress=compress)
    pieces = [stored[at : at + piece_bytes] for at in range(0, len(stored), piece_bytes)]
    assert b"".join(_s2.decode(pieces)) == plain


@given(st.lists(st.binary(max_size=3000), max_size=5))
def test_what_we_encode_is_a_stream_that_we_decode(pieces: list[bytes]) -> None:
    assert b"".join(_s2.decode(_s2.encode(pieces))) == b"".join(pieces)


@pytest.mark.parametrize(
    "length", [4, 8, 9, 11, 12, 63, 64, 65, 67, 68, 259, 260, 263, 264, 65795, 65796, 65800, 200000]
)
@pytest.mark.parametrize("offset", [1, 2, 7, 2047, 2048, 65535, 65536, 70000])
def test_copies_of_every_length_and_offset_are_followed(offset: int, length: int) -> None:
    start = bytes(index * 31 % 251 for index in range(offset))
    expected = bytearray(start)
    for _byte in range(length):
        expected.append(expected[-offset])
    block = archives.varint(len(expected)) + archives.literal(start) + archives.copy(offset, length)
    assert decode_block(block) == expected


def test_a_block_that_says_it_is_huge_is_refused_before_it_fills_the_memory() -> None:
    with pytest.raises(DamagedError, match="holds"):
        decode_block(archives.varint(1 << 31) + archives.literal(b"x"))
    with pytest.raises(DamagedError, match="more than it says"):
        decode_block(archives.varint(10) + archives.literal(b"x") + archives.copy(1, 1 << 20) * 1000)


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"\xff\xff\xff\xff\xff\xff\x01",
        archives.varint(8) + archives.literal(b"abcd") + bytes((0b01, 0)),  # a repeat before any copy
        archives.varint(8) + archives.literal(b"abcd") + archives.copy(5, 4),  # before the start
        archives.varint(9) + archives.literal(b"abcd") + archives.copy(4, 4),  # one byte short
        archives.varint(8) + archives.literal(b"abcd") + archives.copy(4, 4)[:1],
        archives.varint(100) + archives.literal(b"a" * 100)[:50],
        archives.varint(100) + bytes((61 << 2, 1)),
    ],
)
def test_an_impossible_block_is_refused(block: bytes) -> None:
    with pytest.raises(DamagedError):
        decode_block(block)


@settings(max_examples=examples(300), deadline=None)
@given(st.data())
def test_a_changed_byte_never_gives_other_data(data: st.DataObject) -> None:
    plain = data.draw(_repetitive.filter(bool))
    stored = bytearray(archives.s2(plain, chunk_bytes=200))
    at = data.draw(st.integers(0, len(stored) - 1))
    stored[at] ^= data.draw(st.integers(1, 255))
    try:
        decoded = b"".join(_s2.decode([bytes(stored)]))
    except DamagedError:
        return
    assert decoded == plain


@settings(max_examples=examples(300), deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_raise_nothing_but_damage(data: bytes) -> None:
    for source in (data, archives.START + data):
        try:
            decoded = b"".join(_s2.decode([source]))
        except DamagedError:
            continue
        assert not decoded  # at most what a reader has to pass over


def test_chunk_types_that_no_server_writes_are_refused() -> None:
    for kind in (0x02, 0x7F):
        with pytest.raises(DamagedError, match="unexpected type"):
            list(_s2.decode([archives.START + archives.chunk(kind, b"abc", b"abc")]))


@pytest.mark.parametrize("kind", [0x80, 0x99, 0xFD, 0xFE])
def test_chunks_that_the_format_lets_readers_pass_over_are_passed_over(kind: int) -> None:
    padding = bytes((kind,)) + (5).to_bytes(3, "little") + b"\0" * 5
    data = archives.chunk(_s2.RAW, b"abc", b"abc")
    assert b"".join(_s2.decode([archives.START + padding + data + padding])) == b"abc"
    stretches = Stretches()
    found = [*stretches.feed(archives.START + padding + data + padding), stretches.rest()]
    stretches.finish()
    plain = [decode_stretch(memoryview(b"".join(one.parts)), one.offset) for one in found]
    assert b"".join(part for parts, _problem in plain for part in parts) == b"abc"
    assert [problem for _parts, problem in plain] == [None] * len(plain)


@pytest.mark.parametrize("kind", [0x80, 0xFE])
def test_a_chunk_of_data_whose_type_was_changed_is_not_passed_over(kind: int) -> None:
    for data in (archives.chunk(_s2.RAW, b"abc", b"abc"), archives.s2(b"abc" * 500, chunk_bytes=2000)[10:]):
        changed = archives.START + bytes((kind,)) + data[1:]
        with pytest.raises(DamagedError, match="holds data"):
            list(_s2.decode([changed]))


def test_padding_without_end_is_not_kept_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_stretches, "_MOST_STORED_BYTES", 1000)
    padding = b"\xfe" + (500).to_bytes(3, "little") + bytes(500)
    stretches = _stretches.Stretches()
    found = [*stretches.feed(archives.START + padding * 20 + archives.chunk(1, b"abc", b"abc")), stretches.rest()]
    assert max(sum(map(len, stretch.parts)) for stretch in found) <= 2000
    plain = [part for stretch in found for part in _stretches.decode_stretch(_joined(stretch), stretch.offset)[0]]
    assert b"".join(plain) == b"abc"


def _joined(stretch: _stretches.Stretch) -> memoryview:
    return memoryview(b"".join(stretch.parts))
