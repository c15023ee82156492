# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Reads pg_dump's custom archive as it passes, and fingerprints what is in it.

Format: ``src/bin/pg_dump/pg_backup_archiver.c`` (``WriteHead``, ``WriteToc``, ``WriteInt``, ``WriteStr``) and
``pg_backup_custom.c`` of PostgreSQL 12 to 18, archive versions 1.14 to 1.16. Written to a pipe, an archive is: header,
table of contents, then one data entry after another. A data entry is a type byte, the dump id, and blocks (a length and
as many bytes) up to a block of length 0. An integer is a sign byte and four bytes, little-endian.

Up to PostgreSQL 18, ``-Z0`` writes each row as a block of its own, so the blocks are taken apart with one regular
expression for each piece, not one by one: COPY's text format never holds a NUL byte, so in the data of a table every
NUL begins a block's length. Large objects are binary; their blocks (16 KiB) are walked.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError

MAGIC = b"PGDMP"
OLDEST_VERSION = (1, 14)  # PostgreSQL 12
NEWEST_VERSION = (1, 16)  # PostgreSQL 17 and 18
FORMAT_CUSTOM = 1
BLOCK_DATA = 1
BLOCK_LARGE_OBJECTS = 3
END_OF_DATA = b"\0\0\0\0\0"  # a block of length 0
COPY_TERMINATOR = b"\\.\n\n\n"  # what pg_dump writes behind the rows, for psql
_BLOCK_HEADER = re.compile(rb"\0.{4}", re.DOTALL)
SECTIONS = {1: "none", 2: "pre-data", 3: "data", 4: "post-data"}


class _NeedMore(Exception):
    """The piece ends within what is being read."""


@dataclasses.dataclass(frozen=True)
class TocEntry:
    """One entry of the table of contents."""

    dump_id: int
    has_data: bool
    table_oid: int  # 0 where the entry is not in a catalog
    oid: int
    tag: str  # the object's name
    description: str  # its kind: TABLE, TABLE DATA, INDEX, FK CONSTRAINT, …
    section: str  # none, pre-data, data, post-data
    definition: str
    copy_statement: str
    schema: str
    owner: str
    dependencies: tuple[int, ...]
    tablespace: str = ""  # empty for the database's own

    @property
    def qualified_name(self) -> str:
        """``schema.name`` as the catalogs spell it, without quotes."""
        return f"{self.schema}.{self.tag}" if self.schema else self.tag


@dataclasses.dataclass(frozen=True)
class ContentFingerprint:
    """What one data entry holds.

    ``sha256`` is of the COPY stream alone, as ``COPY … TO STDOUT`` gives it, or of a large object; empty where it was
    not asked for.
    """

    rows: int
    bytes: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class ArchiveHeader:
    """The head of an archive."""

    version: tuple[int, int]
    database: str
    server_version: str
    dump_version: str


class ArchiveScanner:
    """Takes an archive piece by piece with ``feed``, and knows after ``finish`` what it held.

    ``content`` says what to do with the rows: ``hash`` them, ``count`` them, or ``skip`` whatever follows the table of
    contents. Large objects are hashed either way. ``codec`` is Python's name of the database's encoding, for names and
    definitions. Holds no more than the table of contents and one piece in memory. Raises DamagedError for what is no
    archive or ends early.
    """

    def __init__(self, *, content: str = "hash", codec: str = "utf-8", keep_toc: bool = False) -> None:
        self.header: ArchiveHeader | None = None
        self.entries: list[TocEntry] = []
        self.tables: dict[int, ContentFingerprint] = {}
        self.large_objects: dict[int, ContentFingerprint] = {}
        self.toc_bytes = bytearray()  # header and table of contents, where asked for: an archive without data
        self.tablespace_spans: list[tuple[int, int]] = []  # of each entry, where its tablespace stands in toc_bytes
        self.content = content
        self._codec = codec
        self._keep_toc = keep_toc
        self._pending = b""
        self._entries_left = -1
        self._state: t.Callable[[bytes], bytes | None] = self._read_header
        self._table: _TableContent | None = None
        self._table_id = 0
        self._large_object: _LargeObject | None = None

    @property
    def toc_complete(self) -> bool:
        """The whole table of contents has been read."""
        return self._entries_left == 0

    def feed(self, piece: bytes) -> None:
        """Take the next bytes of the archive."""
        data: bytes | None = self._pending + piece if self._pending else piece
        self._pending = b""
        while data and not (self.content == "skip" and self.toc_complete):
            before = data
            try:
                data = self._state(data)
            except _NeedMore:
                self._pending = before
                return
            except ValueError as error:  # a number that is none, or bytes that are not of this encoding
                raise DamagedError(
                    f"The archive cannot be read ({error}): it is damaged.", hint="Take another repository."
                ) from None

    def finish(self) -> None:
        """Say that the archive ended. Raises DamagedError if it ended in the middle of something."""
        at_boundary = self.content == "skip" or self._state == self._read_entry_start and not self._pending
        if not self.toc_complete or not at_boundary:
            raise DamagedError(
                "The archive ends in the middle: it was cut off.", hint="Take another backup or another repository."
            )

    # header and table of contents

    def _read_header(self, data: bytes) -> bytes:
        cursor = _Cursor(data, self._codec)
        if cursor.take(5) != MAGIC:
            raise DamagedError("This is not an archive of pg_dump in the custom format: it does not begin with PGDMP.")
        version = (cursor.byte(), cursor.byte())
        cursor.byte()  # revision
        if not OLDEST_VERSION <= version <= NEWEST_VERSION:
            raise DamagedError(
                f"The archive has version {version[0]}.{version[1]}; versions 1.14 (PostgreSQL 12) to 1.16 "
                "(PostgreSQL 18) are known.",
                hint="Use a release of this collection that knows the PostgreSQL version of the backup.",
            )
        sizes = (cursor.byte(), cursor.byte(), cursor.byte())
        if sizes[0] != 4 or sizes[2] != FORMAT_CUSTOM:
            raise DamagedError(
                f"The archive says integers of {sizes[0]} bytes and format {sizes[2]}; 4 and 1 were expected."
            )
        if version >= (1, 15):
            cursor.byte()  # compression algorithm
        else:
            cursor.integer()  # compression level
        for _field in range(7):
            cursor.integer()  # creation time
        self.header = ArchiveHeader(version, cursor.string(), cursor.string(), cursor.string())
        self._offset_size = sizes[1]
        self._entries_left = cursor.integer()
        self._state = self._read_toc_entry if self._entries_left else self._read_entry_start
        return self._consumed(cursor)

    def _read_toc_entry(self, data: bytes) -> bytes:
        if self.header is None:
            raise AssertionError("the header comes first")
        cursor = _Cursor(data, self._codec)
        dump_id, has_data = cursor.integer(), cursor.integer()
        table_oid, oid = int(cursor.string() or 0), int(cursor.string() or 0)
        tag, description, section = cursor.string(), cursor.string(), cursor.integer()
        definition, _drop, copy_statement, schema = cursor.string(), cursor.string(), cursor.string(), cursor.string()
        at = cursor.position
        tablespace = cursor.string()
        span = (len(self.toc_bytes) + at, len(self.toc_bytes) + cursor.position)
        cursor.string()  # table access method
        if self.header.version >= (1, 16):
            cursor.integer()  # relation kind
        owner = cursor.string()
        cursor.string()  # "with oids", always false
        dependencies = []
        while (dependency := cursor.optional_string()) is not None:
            dependencies.append(int(dependency))
        cursor.take(1 + self._offset_size)  # the data's offset, not set in a stream
        self.entries.append(
            TocEntry(
                dump_id,
                bool(has_data),
                table_oid,
                oid,
                tag,
                description,
                SECTIONS.get(section, "none"),
                definition,
                copy_statement,
                schema,
                owner,
                tuple(dependencies),
                tablespace,
            )
        )
        self.tablespace_spans.append(span)
        self._entries_left -= 1
        if not self._entries_left:
            self._state = self._read_entry_start
        return self._consumed(cursor)

    def _consumed(self, cursor: _Cursor) -> bytes:
        if self._keep_toc:
            self.toc_bytes += cursor.data[: cursor.position]
        return cursor.data[cursor.position :]

    # data

    def _read_entry_start(self, data: bytes) -> bytes:
        cursor = _Cursor(data, self._codec)
        kind, dump_id = cursor.byte(), cursor.integer()
        if kind == BLOCK_DATA:
            self._table, self._table_id = _TableContent(self.content == "hash"), dump_id
            self._state = self._read_table_data
        elif kind == BLOCK_LARGE_OBJECTS:
            self._state = self._read_large_object_start
        else:
            raise DamagedError(f"The archive has a data entry of the unknown kind {kind}: it is damaged.")
        return cursor.data[cursor.position :]

    def _read_table_data(self, data: bytes) -> bytes | None:
        if self._table is None:
            raise AssertionError("a table's data begins with its entry")
        end = data.find(END_OF_DATA)
        rows = _BLOCK_HEADER.split(data if end < 0 else data[:end])
        # The last block's length may go on in the next piece; rows themselves hold no NUL.
        cut = rows[-1].find(b"\0")
        if cut >= 0 and end < 0:
            self._pending = rows[-1][cut:]
            rows[-1] = rows[-1][:cut]
        self._table.update(b"".join(rows))
        if end < 0:
            return None
        self.tables[self._table_id] = self._table.fingerprint()
        self._table = None
        self._state = self._read_entry_start
        return data[end + len(END_OF_DATA) :]

    def _read_large_object_start(self, data: bytes) -> bytes:
        cursor = _Cursor(data, self._codec)
        oid = cursor.integer()
        if oid:
            self._large_object = _LargeObject(oid)
            self._state = self._read_large_object_block
        else:
            self._state = self._read_entry_start
        return cursor.data[cursor.position :]

    def _read_large_object_block(self, data: bytes) -> bytes:
        if self._large_object is None:
            raise AssertionError("a large object's data begins with its oid")
        cursor = _Cursor(data, self._codec)
        content = cursor.take(cursor.integer())
        if content:
            self._large_object.update(content)
        else:
            self.large_objects[self._large_object.oid] = self._large_object.fingerprint()
            self._large_object = None
            self._state = self._read_large_object_start
        return cursor.data[cursor.position :]


class _Cursor:
    """Reads the archive's basic types; raises _NeedMore at the end of the piece."""

    def __init__(self, data: bytes, codec: str) -> None:
        self.data = data
        self.position = 0
        self._codec = codec

    def take(self, count: int) -> bytes:
        end = self.position + count
        if end > len(self.data):
            raise _NeedMore
        taken = self.data[self.position : end]
        self.position = end
        return taken

    def byte(self) -> int:
        return self.take(1)[0]

    def integer(self) -> int:
        raw = self.take(5)
        value = int.from_bytes(raw[1:], "little")
        return -value if raw[0] else value

    def optional_string(self) -> str | None:
        length = self.integer()
        return None if length < 0 else self.take(length).decode(self._codec, "surrogateescape")

    def string(self) -> str:
        return self.optional_string() or ""


class _TableContent:
    """Counts and hashes one table's COPY stream, without the terminator that pg_dump puts behind it."""

    def __init__(self, hash_content: bool) -> None:
        self._hash = hashlib.sha256() if hash_content else None
        self._held = b""  # the last bytes: the terminator, once the stream has ended
        self._rows = 0
        self._bytes = 0

    def update(self, data: bytes) -> None:
        # A line end within a value is escaped in COPY's text format, so each line end is a row. Counted before what was
        # held comes again.
        self._rows += data.count(b"\n")
        if len(data) < len(COPY_TERMINATOR):
            data, self._held = self._held + data, b""
        else:
            self._take(memoryview(self._held))
        keep = min(len(data), len(COPY_TERMINATOR))
        self._take(memoryview(data)[: len(data) - keep])
        self._held = data[len(data) - keep :]

    def _take(self, data: memoryview) -> None:
        self._bytes += len(data)
        if self._hash:
            self._hash.update(data)

    def fingerprint(self) -> ContentFingerprint:
        if self._held == COPY_TERMINATOR:
            self._rows -= COPY_TERMINATOR.count(b"\n")
        else:
            self._take(memoryview(self._held))
        return ContentFingerprint(self._rows, self._bytes, self._hash.hexdigest() if self._hash else "")


class _LargeObject:
    """Hashes one large object."""

    def __init__(self, oid: int) -> None:
        self.oid = oid
        self._hash = hashlib.sha256()
        self._bytes = 0

    def update(self, data: bytes) -> None:
        self._bytes += len(data)
        self._hash.update(data)

    def fingerprint(self) -> ContentFingerprint:
        return ContentFingerprint(1, self._bytes, self._hash.hexdigest())
