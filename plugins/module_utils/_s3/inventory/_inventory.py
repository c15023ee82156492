# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The inventory of a pair of buckets: what both of them held at a point in time, as lines of JSON, in the order of
their keys.

One line is one object, or one version or delete marker of it: ``key``, ``size`` (null for a delete marker), ``etag``,
``last_modified``, for versions also ``version_id`` and ``latest``, and ``replica_etag`` where the destination's is
another one. Bytes of a key that are no UTF-8 stand as lone surrogates (Python's ``surrogateescape``). Both directions
need memory for one key in a thousand only.
"""

from __future__ import annotations

import bisect
import json
import os
import tempfile
import threading
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._listing import show
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._parser import (
    ETAG,
    KEY,
    LATEST,
    MODIFIED,
    SIZE,
    VERSION_ID,
    Row,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._compare_rows import NO_ID, UNVERIFIABLE, Compared

_BLOCK_LINES = 1000
_PIECE_BYTES = 1 << 20


class Entry(t.NamedTuple):
    """One line: what the source had, and the ETag of the destination's copy where that was another one."""

    row: Row
    replica_etag: bytes = b""

    @property
    def is_marker(self) -> bool:
        """A delete marker, which holds nothing."""
        return not self.row[SIZE]

    @property
    def is_current(self) -> bool:
        """What a reader of the bucket got: no delete marker, and no version that another one had followed."""
        return not self.is_marker and (len(self.row) <= LATEST or self.row[LATEST] == b"true")

    @property
    def size(self) -> int:
        """Bytes."""
        return int(self.row[SIZE] or b"0")

    def is_held_by(self, row: Row) -> bool:
        """Whether this object or version of the same key has the content of the entry, by version id or by size and
        ETag.
        """
        mine = self.row
        if row[SIZE] != mine[SIZE]:
            return False
        if len(mine) > VERSION_ID and len(row) > VERSION_ID and row[VERSION_ID] == mine[VERSION_ID] != NO_ID:
            return True
        return row[ETAG] != b"" and row[ETAG] in (mine[ETAG], self.replica_etag)


def to_line(entry: Entry) -> bytes:
    """The entry as a line of the inventory. Pure."""
    row = entry.row
    document: dict[str, t.Any] = {
        "key": row[KEY].decode("utf-8", "surrogateescape"),
        "size": int(row[SIZE]) if row[SIZE] else None,
        "etag": row[ETAG].decode("latin-1"),
        "last_modified": row[MODIFIED].decode("latin-1"),
    }
    if len(row) > LATEST:
        document.update(version_id=row[VERSION_ID].decode("utf-8", "surrogateescape"), latest=row[LATEST] == b"true")
    if entry.replica_etag:
        document["replica_etag"] = entry.replica_etag.decode("latin-1")
    return json.dumps(document, separators=(",", ":")).encode("ascii") + b"\n"


def from_line(line: bytes) -> Entry:
    """What ``to_line`` wrote. Raises ValueError, TypeError, KeyError or AttributeError on anything else."""
    document = read_json(line)
    row: Row = (
        document["key"].encode("utf-8", "surrogateescape"),
        document["last_modified"].encode("latin-1"),
        document["etag"].encode("latin-1"),
        b"" if document["size"] is None else _size(document["size"]),
    )
    if "version_id" in document:
        latest = b"true" if document["latest"] else b"false"
        row = (*row, document["version_id"].encode("utf-8", "surrogateescape"), latest)
    return Entry(row, document.get("replica_etag", "").encode("latin-1"))


def _size(value: t.Any) -> bytes:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is not the size of an object")
    return str(value).encode("ascii")


def _temporary(folder: str) -> t.IO[bytes]:
    """A file that has no name, so nothing is left of it, however the process ends."""
    try:
        return tempfile.TemporaryFile(dir=folder)
    except OSError as error:
        raise LifeboatError(
            f"The scratch folder {folder} cannot be used: {error.strerror}.",
            hint="Name a folder that this user may write to in scratch_dir.",
        ) from None


class InventorySpool:
    """Takes what both sides have, piece by piece and in any order, from any thread; gives the inventory in the order of
    the keys.

    ``observe`` is for ``PairComparison``. ``is_young`` tells of a row that may still be on its way.
    What was found to differ is left out, but for what only differs in an ETag that says nothing: the comparison goes on
    about that, and has to settle it.
    """

    def __init__(self, folder: str, is_young: t.Callable[[Row], bool]) -> None:
        self._file = _temporary(folder)
        self._is_young = is_young
        self._lock = threading.Lock()
        self._pieces: list[tuple[bytes, int, int]] = []  # first key, offset, length
        self.objects = self.bytes = self.versions = self.markers = self.left_out = 0

    def observe(self, source: t.Sequence[Row], _destination: t.Sequence[Row], compared: Compared) -> None:
        """Take the rows of one range of keys."""
        other = {difference.source: difference for difference in compared.differences if difference.source is not None}
        entries: list[Entry] = []
        for row in source:
            difference = other.get(row)
            if difference is None:
                entries.append(Entry(row))
            elif difference.kind == UNVERIFIABLE and difference.destination is not None and not self._is_young(row):
                entries.append(Entry(row, difference.destination[ETAG]))
        lines = b"".join(map(to_line, entries))
        current = [entry for entry in entries if entry.is_current]
        markers = sum(entry.is_marker for entry in entries)
        with self._lock:
            self.left_out += len(source) - len(entries)
            self.objects += len(current)
            self.bytes += sum(entry.size for entry in current)
            self.markers += markers
            self.versions += len(entries) - len(current) - markers
            if entries:
                self._pieces.append((entries[0].row[KEY], self._file.tell(), len(lines)))
                self._write(lines)

    def _write(self, lines: bytes) -> None:
        try:
            self._file.write(lines)
        except OSError as error:
            raise LifeboatError(
                f"The inventory cannot be kept while it is made: {error.strerror}.",
                hint="Name a folder with more room in scratch_dir.",
            ) from None

    @property
    def size(self) -> int:
        """Bytes of the inventory."""
        return sum(length for _key, _offset, length in self._pieces)

    def pieces(self) -> t.Iterator[bytes]:
        """The inventory, in order. An empty one is one empty piece."""
        self._file.flush()
        for _key, offset, length in sorted(self._pieces):
            for at in range(offset, offset + length, _PIECE_BYTES):
                yield os.pread(self._file.fileno(), min(_PIECE_BYTES, offset + length - at), at)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


class Inventory:
    """An inventory that was read: give it every piece with ``feed``, then call ``finish``. Both raise DamagedError.

    It lies in a file without a name. After ``finish`` it may be read by any thread, until ``close``.
    """

    def __init__(self, folder: str) -> None:
        self._file = _temporary(folder)
        self._rest = b""
        self._last: bytes | None = None
        self._keys: list[bytes] = []  # of the first line of each block
        self._offsets: list[int] = []
        self._at = 0
        self.count = self.objects = self.bytes = self.versions = self.markers = 0

    def feed(self, piece: bytes) -> None:
        """Take the next bytes."""
        lines = (self._rest + piece).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            entry = from_line(line)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise DamagedError(
                f"Line {self.count + 1} of the inventory cannot be read: it was cut or changed."
            ) from None
        key = entry.row[KEY]
        if self._last is not None and (key < self._last or key == self._last and len(entry.row) <= LATEST):
            raise DamagedError(
                f"Line {self.count + 1} of the inventory is out of order: {show(key)} after {show(self._last)}."
            )
        if self.count % _BLOCK_LINES == 0:
            self._keys.append(key)
            self._offsets.append(self._at)
        self._last = key
        self.count += 1
        if entry.is_marker:
            self.markers += 1
        elif entry.is_current:
            self.objects += 1
            self.bytes += entry.size
        else:
            self.versions += 1
        self._at += len(line) + 1
        try:
            self._file.write(line + b"\n")
        except OSError as error:
            raise LifeboatError(
                f"The inventory cannot be kept while it is compared: {error.strerror}.",
                hint="Name a folder with more room in scratch_dir.",
            ) from None

    def finish(self) -> None:
        """That was all."""
        if self._rest:
            raise DamagedError(f"The inventory ends in the middle of line {self.count + 1}: it was cut.")
        self._file.flush()

    def entries(self) -> t.Iterator[tuple[int, Entry]]:
        """Every entry with its number, from 0."""
        for block in range(len(self._keys)):
            yield from self._block(block)

    def between(self, first: bytes, last: bytes) -> t.Iterator[tuple[int, Entry]]:
        """The entries of the keys from ``first`` to ``last``, both included, with their numbers."""
        for block in range(max(0, bisect.bisect_left(self._keys, first) - 1), len(self._keys)):
            if self._keys[block] > last:
                return
            for number, entry in self._block(block):
                if first <= entry.row[KEY] <= last:
                    yield number, entry

    def _block(self, block: int) -> t.Iterator[tuple[int, Entry]]:
        begin = self._offsets[block]
        end = self._offsets[block + 1] if block + 1 < len(self._offsets) else self._at
        for number, line in enumerate(
            os.pread(self._file.fileno(), end - begin, begin).splitlines(), block * _BLOCK_LINES
        ):
            yield number, from_line(line)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


class Lookup:
    """Which entries of an inventory are still held by which side: 0 is the source, 1 the destination.

    ``observe`` is for ``PairComparison``.
    """

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._held = (bytearray(inventory.count), bytearray(inventory.count))

    def observe(self, source: t.Sequence[Row], destination: t.Sequence[Row], _compared: Compared) -> None:
        """Look up the entries of one range of keys. Every entry belongs to one piece, so no lock is needed."""
        sides = [rows for rows in (source, destination) if rows]
        if not sides:
            return
        by_key: tuple[dict[bytes, list[Row]], dict[bytes, list[Row]]] = ({}, {})
        for rows, keys in zip((source, destination), by_key):
            for row in rows:
                keys.setdefault(row[KEY], []).append(row)
        for number, entry in self._inventory.between(
            min(rows[0][KEY] for rows in sides), max(rows[-1][KEY] for rows in sides)
        ):
            for keys, held in zip(by_key, self._held):
                if any(map(entry.is_held_by, keys.get(entry.row[KEY], ()))):
                    held[number] = 1

    def is_held(self, number: int, side: int) -> bool:
        """Whether a side holds the entry of this number."""
        return bool(self._held[side][number])
