# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The framing of S2 streams: chunks, their checksums, an encoder for streams that we write.

Facts: github.com/klauspost/compress, s2/s2.go and s2/reader.go. The framing has no end mark: a stream cut between two
chunks looks whole, so whoever reads one has to know by its content that it is.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats._crc32c import masked_crc32c
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats._s2_block import (
    MAX_BLOCK_BYTES,
    damaged,
    decode_block,
)

COMPRESSED, RAW, STREAM_START = 0x00, 0x01, 0xFF
_SKIPPABLE = range(0x80, 0xFF)  # padding, an index, and what later versions may add: readers have to pass them over
_MAGIC = (b"S2sTwO", b"sNaPpY")
HEADER_BYTES = 4  # of a chunk: its kind, and the length of its body
_MAX_CHUNK_BYTES = (1 << 24) - 1
_WRITTEN_BYTES = 1 << 20  # of a chunk that we write: the server's own size


class Chunk(t.NamedTuple):
    """One chunk of the framing that holds data."""

    kind: int
    body: bytes
    offset: int  # where it begins in the stream


def body_size(head: bytes | bytearray) -> int:
    """How many bytes follow the header of a chunk."""
    return int.from_bytes(head[1:HEADER_BYTES], "little")


def plain_size(head: bytes | bytearray) -> int:
    """How many bytes a chunk decodes to, as far as its first 13 bytes say; 0 when that cannot be read, or when it holds
    no data.
    """
    if head[0] == RAW:
        return max(0, body_size(head) - 4)
    size = 0
    for index, byte in enumerate(head[8:13] if head[0] == COMPRESSED else b""):
        size |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return min(size, MAX_BLOCK_BYTES)
    return 0


def check_kind(kind: int, offset: int, *, first: bool) -> None:
    """Raises DamagedError when a stream cannot have such a chunk there. ``first``: nothing came before it."""
    if first and kind != STREAM_START:
        raise damaged(f"it begins with {kind:#04x}, which no S2 stream begins with")
    if kind not in (COMPRESSED, RAW, STREAM_START) and kind not in _SKIPPABLE:
        raise damaged(f"the chunk at byte {offset} has the unexpected type {kind:#04x}")


def check_start(body: bytes | bytearray) -> None:
    """Raises DamagedError when a first chunk is not that of an S2 stream."""
    if body not in _MAGIC:
        raise damaged("its first chunk names neither S2 nor Snappy")


class Chunks:
    """Cuts a stream that comes in pieces into its chunks."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._offset = 0  # of the buffer in the stream
        self._started = False

    def feed(self, piece: bytes) -> list[Chunk]:
        """The chunks that are whole by now. Raises DamagedError."""
        buffer = self._buffer
        buffer += piece
        found: list[Chunk] = []
        at = 0
        while len(buffer) - at >= HEADER_BYTES:
            kind = buffer[at]
            end = at + HEADER_BYTES + body_size(buffer[at : at + HEADER_BYTES])
            check_kind(kind, self._offset + at, first=not self._started)
            self._started = True
            if end > len(buffer):
                break
            if kind == STREAM_START:
                check_start(buffer[at + HEADER_BYTES : end])
            elif kind in (COMPRESSED, RAW):
                found.append(Chunk(kind, bytes(buffer[at + HEADER_BYTES : end]), self._offset + at))
            else:
                _check_passed_over(memoryview(bytes(buffer[at + HEADER_BYTES : end])), self._offset + at)
            at = end
        if at:
            del buffer[:at]
            self._offset += at
        return found

    def finish(self) -> None:
        """The stream has ended. Raises DamagedError when it ended inside a chunk."""
        if self._buffer:
            raise damaged(f"it ends inside the chunk that begins at byte {self._offset}, so it was cut")


def decode_chunk(chunk: Chunk) -> bytes:
    """The data of a chunk, checked against its checksum. Raises DamagedError."""
    return _decode_body(chunk.kind, memoryview(chunk.body), chunk.offset)


def decode_whole(stored: memoryview, offset: int) -> t.Iterator[bytes]:
    """The data of chunks that have been checked to be whole, one after the other. The first begins at ``offset`` of its
    stream.

    Raises DamagedError.
    """
    at = 0
    while at < len(stored):
        end = at + HEADER_BYTES + body_size(bytes(stored[at : at + HEADER_BYTES]))
        if stored[at] in (COMPRESSED, RAW):
            yield _decode_body(stored[at], stored[at + HEADER_BYTES : end], offset + at)
        elif stored[at] != STREAM_START:
            _check_passed_over(stored[at + HEADER_BYTES : end], offset + at)
        at = end


def _decode_body(kind: int, body: memoryview, offset: int) -> bytes:
    if len(body) < 4:
        raise damaged(f"the chunk at byte {offset} is too short")
    block = bytes(body[4:])
    plain = bytes(decode_block(block)) if kind == COMPRESSED else block
    if masked_crc32c(plain) != int.from_bytes(body[:4], "little"):
        raise damaged(f"the chunk at byte {offset} does not match its checksum")
    return plain


def _check_passed_over(body: memoryview, offset: int) -> None:
    """Raises DamagedError for a chunk that is to be passed over by its type, and by its checksum holds data."""
    for kind in (COMPRESSED, RAW):
        try:
            _decode_body(kind, body, offset)
        except DamagedError:
            continue
        raise damaged(f"the chunk at byte {offset} holds data, and its type says that it holds none")


def decode(pieces: t.Iterable[bytes]) -> t.Iterator[bytes]:
    """The decoded stream. Raises DamagedError."""
    chunks = Chunks()
    for piece in pieces:
        for chunk in chunks.feed(piece):
            yield decode_chunk(chunk)
    chunks.finish()


def encode(pieces: t.Iterable[bytes]) -> t.Iterator[bytes]:
    """The stream as S2 framing with chunks that are not compressed, which every reader takes: made for uploads, where
    time counts more.
    """
    yield bytes((STREAM_START, 6, 0, 0)) + _MAGIC[0]
    waiting = bytearray()
    for piece in pieces:
        waiting += piece
        while len(waiting) >= _WRITTEN_BYTES:
            yield frame(RAW, bytes(waiting[:_WRITTEN_BYTES]), None)
            del waiting[:_WRITTEN_BYTES]
    if waiting:
        yield frame(RAW, bytes(waiting), None)


def frame(kind: int, plain: bytes, block: bytes | None) -> bytes:
    """One chunk: ``plain`` itself, or ``block``, which decodes to it."""
    body = masked_crc32c(plain).to_bytes(4, "little") + (plain if block is None else block)
    if len(body) > _MAX_CHUNK_BYTES:
        raise ValueError("A chunk holds at most 16 MiB.")
    return bytes((kind,)) + len(body).to_bytes(3, "little") + body
