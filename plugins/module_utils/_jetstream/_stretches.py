# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Reads one stretch of an archive after the other: decode, find the messages, hash them.

The three steps are apart so that processes can share the work: decoding and hashing need only the stretch itself. ``ArchiveReader``, the
small state between two stretches, is needed for the cheap step in the middle alone.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._errors import DamagedError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream import _archive_v1, _archive_v2
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream._archive import Batch, Message, Problem
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream._s2 import Chunk, Chunks, decode_chunk

_SNIFFED = len(_archive_v2.MAGIC)
STRETCH_BYTES = 4 << 20  # decoded: enough for the hashes of many records side by side, little enough for the memory

Unit = t.Union[_archive_v1.Unit, _archive_v2.Unit]


class Stretches:
    """Cuts the stored stream, which comes in pieces, into stretches of about 4 MiB of decoded data."""

    def __init__(self) -> None:
        self._chunks = Chunks()
        self._waiting: list[Chunk] = []
        self._plain = 0

    def feed(self, piece: bytes) -> list[list[Chunk]]:
        """The stretches that are whole by now. Raises DamagedError."""
        whole: list[list[Chunk]] = []
        for chunk in self._chunks.feed(piece):
            self._waiting.append(chunk)
            self._plain += chunk.plain_size()
            if self._plain >= STRETCH_BYTES:
                whole.append(self._waiting)
                self._waiting, self._plain = [], 0
        return whole

    def rest(self) -> list[Chunk]:
        """The last stretch, of the chunks that are whole, whatever happened to the stream."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def finish(self) -> None:
        """The stream has ended. Raises DamagedError when it ended inside a chunk."""
        self._chunks.finish()


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
            self._scanner = (_archive_v2.V2Scanner if plain.startswith(_archive_v2.MAGIC) else _archive_v1.V1Scanner)(self.stream)
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


def decode_stretch(chunks: list[Chunk]) -> tuple[list[bytes], Problem | None]:
    """The decoded bytes up to the first damage, and that damage."""
    plain: list[bytes] = []
    try:
        for chunk in chunks:
            plain.append(decode_chunk(chunk))
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
