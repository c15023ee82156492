# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compression: round trips, damage, cuts, and what stands one after the other."""

from __future__ import annotations

import gzip
import io
import random
import struct
import typing as t

import hypothesis
import hypothesis.strategies as st
import pytest
import zstandard
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._compression import Compressor, open_compressor
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._zstd_frames import FrameWalker
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._pieces import joined
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, OptionError

from tests.repetitions import examples

ENGINES = ["zstd", "gzip", "none"]
REAL_ENGINES = ["zstd", "gzip"]
SIZES = st.one_of(
    st.sampled_from([0, 1, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, 1 << 20]),
    st.integers(min_value=0, max_value=300_000),
)


def in_pieces(content: bytes, size: int) -> t.Iterator[bytes]:
    return (content[at : at + size] for at in range(0, len(content), size))


def rows(size: int) -> bytes:
    """Text like a table's: compressible, but not to nothing."""
    numbers = random.Random(size)
    text = b"".join(b"%d\topen\t%d\n" % (number, numbers.randrange(10**9)) for number in range(size // 16 + 1))
    return text[:size]


def whole(compressor: Compressor, content: bytes) -> bytes:
    return b"".join(compressor.compress(iter([content])))


def back(compressor: Compressor, compressed: bytes, piece: int = 1 << 20) -> bytes:
    return b"".join(compressor.decompress(in_pieces(compressed, piece)))


@pytest.mark.parametrize("engine", ENGINES)
@hypothesis.given(size=SIZES, piece=st.integers(min_value=1, max_value=400_000), level=st.sampled_from([None, 1, 3, 9]))
@hypothesis.settings(max_examples=examples(30), deadline=None)
def test_every_size_in_every_kind_of_pieces_comes_back(engine: str, size: int, piece: int, level: int | None) -> None:
    content = rows(size)
    piece = max(piece, size // 500)
    compressor = open_compressor({"engine": engine, "level": None if engine == "none" else level})
    compressor.check()
    compressed = b"".join(compressor.compress(in_pieces(content, piece)))
    assert back(compressor, compressed, piece) == content


@pytest.mark.parametrize("engine", REAL_ENGINES)
def test_a_cut_at_every_place_is_refused(engine: str) -> None:
    compressor = open_compressor({"engine": engine})
    compressed = whole(compressor, rows(300))
    for length in range(len(compressed)):
        with pytest.raises(DamagedError, match="cut|no content"):
            back(compressor, compressed[:length])


@pytest.mark.parametrize("engine", REAL_ENGINES)
def test_a_cut_deep_in_a_large_stream_is_refused(engine: str) -> None:
    compressor = open_compressor({"engine": engine})
    compressed = whole(compressor, rows(3 << 20))
    for length in (len(compressed) // 2, len(compressed) - 5, len(compressed) - 4, len(compressed) - 1):
        with pytest.raises(DamagedError):
            back(compressor, compressed[:length])


@pytest.mark.parametrize("engine", REAL_ENGINES)
def test_one_flipped_bit_in_any_byte_never_gives_other_content(engine: str) -> None:
    compressor = open_compressor({"engine": engine})
    content = rows(2000)
    compressed = whole(compressor, content)
    refused = 0
    for at in range(len(compressed)):
        for bit in range(8):
            changed = bytearray(compressed)
            changed[at] ^= 1 << bit
            try:
                assert back(compressor, bytes(changed)) == content
            except DamagedError:
                refused += 1
    header_bits = (
        80  # a few of them mean nothing: an unused bit, gzip's time and system, a window that is larger than need be
    )
    assert refused >= len(compressed) * 8 - header_bits


@pytest.mark.parametrize("engine", REAL_ENGINES)
def test_streams_one_after_the_other_are_read_as_one(engine: str) -> None:
    compressor = open_compressor({"engine": engine})
    parts = [rows(size) for size in (100, 0, 200_000, 1)]
    compressed = b"".join(whole(compressor, part) for part in parts)
    for piece in (7, 1 << 20):
        assert back(compressor, compressed, piece) == b"".join(parts)


@pytest.mark.parametrize("engine", REAL_ENGINES)
def test_a_cut_in_the_last_of_several_streams_is_refused(engine: str) -> None:
    compressor = open_compressor({"engine": engine})
    compressed = whole(compressor, rows(500)) + whole(compressor, rows(600))
    for length in range(len(whole(compressor, rows(500))) + 1, len(compressed)):
        with pytest.raises(DamagedError):
            back(compressor, compressed[:length])


@pytest.mark.parametrize("engine", REAL_ENGINES)
@pytest.mark.parametrize("tail", [b"x", b"\0", b"garbage, and much of it", bytes(1000)])
def test_bytes_after_the_end_are_refused(engine: str, tail: bytes) -> None:
    compressor = open_compressor({"engine": engine})
    with pytest.raises(DamagedError):
        back(compressor, whole(compressor, rows(500)) + tail)


@pytest.mark.parametrize("engine", REAL_ENGINES)
@pytest.mark.parametrize("content", [b"", b"PGDMP not compressed at all"])
def test_what_is_not_compressed_is_refused(engine: str, content: bytes) -> None:
    with pytest.raises(DamagedError):
        back(open_compressor({"engine": engine}), content)


@pytest.mark.parametrize("engine", REAL_ENGINES)
def test_an_error_of_the_source_comes_out_unchanged_both_ways(engine: str) -> None:
    compressor = open_compressor({"engine": engine})
    failure = ConnectionResetError("the server went away")

    def source(content: bytes) -> t.Iterator[bytes]:
        yield content
        raise failure

    for stream in (compressor.compress(source(rows(500))), compressor.decompress(source(whole(compressor, rows(500))))):
        with pytest.raises(ConnectionResetError) as caught:
            list(stream)
        assert caught.value is failure


@pytest.mark.parametrize("engine", ENGINES)
def test_closing_early_closes_the_source(engine: str) -> None:
    compressor = open_compressor({"engine": engine})
    compressed = whole(compressor, random.Random(1).randbytes(4 << 20))
    closed: list[str] = []

    def source(content: bytes) -> t.Iterator[bytes]:
        try:
            while True:
                yield content
        finally:
            closed.append(engine)

    plain_pieces, compressed_pieces = (
        source(random.Random(2).randbytes(1 << 20)),
        source(compressed),
    )  # kept: only closing closes them
    for stream in (compressor.compress(plain_pieces), compressor.decompress(compressed_pieces)):
        next(stream)
        close(stream)
    assert closed == [engine, engine]


@pytest.mark.parametrize("engine", REAL_ENGINES)
def test_what_goes_downstream_is_neither_small_nor_huge(engine: str) -> None:
    compressor = open_compressor({"engine": engine})
    compressed = list(compressor.compress(in_pieces(random.Random(3).randbytes(3 << 20), 5000)))
    assert all(len(piece) >= 64 * 1024 for piece in compressed[:-1])
    expanded = list(compressor.decompress(iter([whole(compressor, bytes(64 << 20))])))
    assert all(64 * 1024 <= len(piece) <= 2 << 20 for piece in expanded[:-1])
    assert sum(map(len, expanded)) == 64 << 20


def test_a_zstd_frame_has_a_checksum_of_its_content() -> None:
    compressed = whole(open_compressor(None), b"content")
    assert zstandard.get_frame_parameters(compressed).has_checksum


def test_zstd_frames_without_checksum_with_a_known_size_and_skippable_ones_are_read() -> None:
    content = rows(400_000)
    plain = zstandard.ZstdCompressor(level=3, write_checksum=False, write_content_size=True).compress(content)
    skippable = struct.pack("<II", 0x184D2A53, 5) + b"notes"
    for piece in (1, 3, 1 << 20):
        assert back(open_compressor(None), skippable + plain + skippable + plain, piece) == content * 2
    with pytest.raises(DamagedError):
        back(open_compressor(None), plain + skippable[:-1])


@hypothesis.given(
    size=st.integers(min_value=0, max_value=400_000), piece=st.integers(min_value=1, max_value=1000), data=st.data()
)
@hypothesis.settings(max_examples=examples(60), deadline=None)
def test_the_frame_walker_knows_exactly_where_frames_end(size: int, piece: int, data: st.DataObject) -> None:
    content = data.draw(st.sampled_from([rows(size), bytes(size), random.Random(size).randbytes(size)]))
    compressed = whole(open_compressor(None), content)
    length = data.draw(st.integers(min_value=0, max_value=len(compressed)))
    walker = FrameWalker()
    for part in in_pieces(compressed[:length], piece):
        walker.walk(part)
    if length == len(compressed):
        walker.finish()
        assert walker.frames == 1
    else:
        with pytest.raises(DamagedError):
            walker.finish()


def test_a_gzip_file_with_a_name_in_its_header_is_read() -> None:
    out = io.BytesIO()
    with gzip.GzipFile("table.dump", "wb", fileobj=out) as file:
        file.write(rows(1000))
    assert back(open_compressor({"engine": "gzip"}), out.getvalue()) == rows(1000)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"engine": "lzma"}, "compression.engine is 'lzma'"),
        ({"engine": "zstd", "level": 0}, "compression.level is 0, which zstd does not have"),
        ({"engine": "zstd", "level": 20}, "from 1 .fastest. to 19 .smallest."),
        ({"engine": "gzip", "level": 10}, "from 1 .fastest. to 9 .smallest."),
        ({"engine": "none", "level": 3}, "compression.level is 3, and compression.engine is none"),
    ],
)
def test_options_that_cannot_be_right_are_refused_by_name(options: dict[str, t.Any], complaint: str) -> None:
    with pytest.raises(OptionError, match=complaint):
        open_compressor(options)


def test_zstd_at_level_1_is_what_comes_without_the_option() -> None:
    compressor = open_compressor(None)
    assert (compressor.engine, compressor.suffix) == ("zstd", ".zst")
    assert whole(compressor, rows(5000)) == whole(open_compressor({"engine": "zstd", "level": 1}), rows(5000))


@pytest.mark.parametrize("piece", [1, 5, 100])
def test_small_pieces_are_joined_and_none_is_lost(piece: int) -> None:
    content = rows(1234)
    pieces = list(joined(in_pieces(content, piece), 64))
    assert b"".join(pieces) == content
    assert all(len(part) >= 64 for part in pieces[:-1])


def test_closing_joined_pieces_closes_their_source() -> None:
    closed = []

    def source() -> t.Iterator[bytes]:
        try:
            while True:
                yield b"piece"
        finally:
            closed.append(True)

    pieces = source()  # kept, so that only closing can close it
    stream = joined(pieces, 64)
    next(stream)
    close(stream)
    assert closed == [True]
