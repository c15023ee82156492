# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Reads one stretch of an archive after the other: decode, find the messages, hash them.

The three steps are apart so that processes can share the work: decoding and hashing need only the stretch itself.
``ArchiveReader``, the small state between two stretches, is needed for the cheap step in the middle alone.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats import (
    _archive_v1,
    _archive_v2,
    _highwayhash,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats._s2 import (
    HEADER_BYTES,
    STREAM_START,
    body_size,
    check_kind,
    check_start,
    decode_whole,
    plain_size,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats._s2_block import damaged
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._archive import Batch, Message, Problem

_SNIFFED = len(_archive_v2.MAGIC)
_HEAD_BYTES = 13  # of a chunk: header, checksum, and the length of what it decodes to
STRETCH_BYTES = (
    4 << 20
)  # decoded: enough for numpy to hash many records side by side, little enough for the memory; else half of it will do
_MOST_STORED_BYTES = 64 << 20  # of a stretch: padding decodes to nothing, and there could be any amount of it

Unit = t.Union[_archive_v1.Unit, _archive_v2.Unit]


class Stretch(t.NamedTuple):
    """Whole chunks that follow each other, as they are stored, in as many parts as they came."""

    parts: list[memoryview]
    offset: int  # where it begins in the stream


class Stretches:
    """Cuts the stored stream, which comes in pieces, into stretches. Looks at the heads of its chunks alone, and copies
    nothing else.

    ``plain_bytes``: what a stretch, but for the last, decodes to at least; 0 for the usual.
    """

    def __init__(self, plain_bytes: int = 0) -> None:
        self._plain_bytes = plain_bytes or (
            STRETCH_BYTES // 2 if _highwayhash.engine() == "highwayhash" else STRETCH_BYTES
        )
        self._parts: list[memoryview] = []  # the whole chunks of this stretch
        self._begun: list[memoryview] = []  # what is there of the chunk behind them
        self._head = bytearray()  # of that chunk
        self._head_is_whole = False
        self._missing = 0  # bytes of that chunk, once its head is whole
        self._plain = 0
        self._offset = self._chunk_at = 0  # of the stretch and of that chunk in the stream

    def feed(self, piece: bytes) -> t.Iterator[Stretch]:
        """The stretches that are whole by now. Raises DamagedError, after those that come before the damage."""
        view, start, whole, at = memoryview(piece), 0, 0, 0
        try:
            while at < len(piece):
                if not self._head_is_whole:
                    at = self._take_head(piece, at)
                    if not self._head_is_whole:
                        break
                passed = min(self._missing, len(piece) - at)
                self._missing -= passed
                at += passed
                if self._missing:
                    break
                self._end_chunk()
                whole = at
                if self._plain >= self._plain_bytes or self._chunk_at - self._offset > _MOST_STORED_BYTES:
                    yield self._cut(view[start:whole])
                    start = whole
        finally:
            self._parts.append(view[start:whole])
            self._begun.append(view[whole:])

    def rest(self) -> Stretch:
        """The last stretch, of the chunks that are whole, whatever happened to the stream."""
        return self._cut(memoryview(b""))

    def finish(self) -> None:
        """The stream has ended. Raises DamagedError when it ended inside a chunk."""
        if any(self._begun):
            raise damaged(f"it ends inside the chunk that begins at byte {self._chunk_at}, so it was cut")

    def _take_head(self, piece: bytes, at: int) -> int:
        """Take more of a chunk's first bytes, which say what it is and how much it decodes to; where the rest of the
        piece begins.
        """
        head = self._head
        for wanted in (HEADER_BYTES, _HEAD_BYTES):
            if wanted > HEADER_BYTES:
                check_kind(head[0], self._chunk_at, first=not self._chunk_at)
                wanted = min(wanted, HEADER_BYTES + body_size(head))
            more = piece[at : at + max(0, wanted - len(head))]
            head += more
            at += len(more)
            if len(head) < wanted:
                return at
        if head[0] == STREAM_START:
            check_start(head[HEADER_BYTES:])
        self._head_is_whole = True
        self._missing = HEADER_BYTES + body_size(head) - len(head)
        return at

    def _end_chunk(self) -> None:
        self._plain += plain_size(self._head)
        self._chunk_at += HEADER_BYTES + body_size(self._head)
        self._head.clear()
        self._head_is_whole = False
        self._parts += self._begun
        self._begun = []

    def _cut(self, last: memoryview) -> Stretch:
        stretch = Stretch([*self._parts, last], self._offset)
        self._parts, self._plain, self._offset = [], 0, self._chunk_at
        return stretch


class ArchiveReader:
    """What is known of an archive between two stretches. Can be pickled."""

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.stopped = False  # by damage: nothing that follows can be read
        self._head = b""
        self._scanner: _archive_v1.V1Scanner | _archive_v2.V2Scanner | None = None

    def scan(self, plain: bytes, batch: Batch) -> list[Unit]:
        """Find the messages in the next decoded bytes. Raises DamagedError."""
        if self._scanner is None:
            self._head += plain
            if len(self._head) < _SNIFFED:
                return []
            plain, self._head = self._head, b""
            self._scanner = (_archive_v2.V2Scanner if plain.startswith(_archive_v2.MAGIC) else _archive_v1.V1Scanner)(
                self.stream
            )
        batch.format = self._scanner.format
        units: list[Unit] = list(self._scanner.scan(plain, batch))
        batch.complete = self._scanner.complete
        return units

    def read(self, plain: list[bytes], problem: Problem | None, batch: Batch) -> list[Unit]:
        """The same for a decoded stretch, where damage becomes a problem and stops the reading."""
        units: list[Unit] = []
        if self.stopped:
            return units
        try:
            for part in plain:
                batch.plain_bytes += len(part)
                units += self.scan(part, batch)
        except DamagedError as error:
            self.stopped = True
            batch.problems.append(Problem("format", None, error.message))
        if problem is not None and not self.stopped:
            self.stopped = True
            batch.problems.append(problem)
        return units


def decode_stretch(stored: memoryview, offset: int) -> tuple[list[bytes], Problem | None]:
    """The decoded bytes up to the first damage, and that damage."""
    plain: list[bytes] = []
    try:
        for data in decode_whole(stored, offset):
            plain.append(data)  # not extend, which would throw away what came before an error
    except DamagedError as error:
        return plain, Problem("crc", None, error.message)
    return plain, None


def digest_units(units: list[Unit], stream: str, batch: Batch) -> None:
    """Check and hash what was found."""
    _archive_v1.digest_units((unit for unit in units if isinstance(unit, _archive_v1.Unit)), stream, batch)
    for unit in units:
        if isinstance(unit, _archive_v2.Unit):
            _archive_v2.digest_unit(unit, stream, batch)


def messages_of(unit: Unit) -> t.Iterator[Message]:
    """The messages of a unit, as they stand there."""
    return _archive_v1.messages_of(unit) if isinstance(unit, _archive_v1.Unit) else _archive_v2.messages_of(unit)
