# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes archives in the custom format of pg_dump, from what PostgreSQL's source says of it (``pg_backup_archiver.c``).

It is a writer of its own: it shares no line with the scanner that the tests feed with its archives.
"""

from __future__ import annotations

import dataclasses
import hashlib


def integer(value: int) -> bytes:
    """``WriteInt``: a sign byte and four bytes, the lowest first."""
    return bytes([value < 0]) + abs(value).to_bytes(4, "little")


def string(value: bytes | None) -> bytes:
    """``WriteStr``: a length and the bytes; -1 is a missing string."""
    return integer(-1) if value is None else integer(len(value)) + value


@dataclasses.dataclass(frozen=True)
class TableRows:
    """A table and its rows as lines of COPY, each with its line end.

    ``blocks`` says how many rows share a block; 0 means all of them.
    """

    name: str
    rows: tuple[bytes, ...] = ()
    rows_a_block: int = 1

    @property
    def copy(self) -> bytes:
        """What ``COPY … TO STDOUT`` gives."""
        return b"".join(self.rows)

    @property
    def sha256(self) -> str:
        """Of the COPY stream."""
        return hashlib.sha256(self.copy).hexdigest()

    def blocks(self) -> list[bytes]:
        """Blocks as pg_dump writes them: each row its own (up to PostgreSQL 18), or several rows in one; then the
        terminator.
        """
        size = self.rows_a_block or max(1, len(self.rows))
        lines = [b"".join(self.rows[at : at + size]) for at in range(0, len(self.rows), size)]
        return [*lines, b"\\.\n", b"\n\n"]


@dataclasses.dataclass(frozen=True)
class LargeObject:
    """A large object; pg_dump writes blocks of at most 16 KiB."""

    oid: int
    content: bytes


@dataclasses.dataclass(frozen=True)
class Archive:
    """What an archive is to hold."""

    tables: tuple[TableRows, ...] = ()
    large_objects: tuple[LargeObject, ...] = ()
    version: tuple[int, int] = (1, 14)
    database: str = "codex"
    codec: str = "utf-8"

    @property
    def toc(self) -> bytes:
        """Header and table of contents."""
        count = 2 * len(self.tables) + bool(self.large_objects)
        definitions = [
            self._entry(100 + number, table.name, "TABLE", 2, False) for number, table in enumerate(self.tables)
        ]
        data = [
            self._entry(200 + number, table.name, "TABLE DATA", 3, True, (100 + number,))
            for number, table in enumerate(self.tables)
        ]
        objects = [self._entry(300, "BLOBS", "BLOBS", 3, True)] if self.large_objects else []
        return self._header() + integer(count) + b"".join([*definitions, *data, *objects])

    @property
    def parts(self) -> list[bytes]:
        """The table of contents, and each data entry."""
        tables = [b"\x01" + integer(200 + number) + _blocks(table.blocks()) for number, table in enumerate(self.tables)]
        objects = b"".join(integer(item.oid) + _blocks(_cut(item.content)) for item in self.large_objects)
        return [self.toc, *tables, *([b"\x03" + integer(300) + objects + integer(0)] if self.large_objects else [])]

    @property
    def whole(self) -> bytes:
        """The archive."""
        return b"".join(self.parts)

    def _header(self) -> bytes:
        compression = b"\x00" if self.version >= (1, 15) else integer(0)
        created = b"".join(integer(field) for field in (0, 0, 2, 15, 0, 126, 0))
        names = string(self.database.encode(self.codec)) + string(b"15.20") + string(b"15.20")
        return b"PGDMP" + bytes([*self.version, 0, 4, 8, 1]) + compression + created + names

    def _entry(
        self, dump_id: int, tag: str, kind: str, section: int, has_data: bool, needs: tuple[int, ...] = ()
    ) -> bytes:
        name = tag.encode(self.codec)
        copy = b"COPY public." + name + b" (a) FROM stdin;\n" if has_data else b""
        return b"".join(
            [
                integer(dump_id),
                integer(has_data),
                string(b"1259"),
                string(str(16000 + dump_id).encode("ascii")),
                string(name),
                string(kind.encode("ascii")),
                integer(section),
                string(b"CREATE TABLE" if kind == "TABLE" else b""),
                string(b""),
                string(copy),
                string(b"public"),
                string(b""),
                string(b"heap"),
                integer(ord("r")) if self.version >= (1, 16) else b"",
                string(b"owner"),
                string(b"false"),
                *(string(str(need).encode("ascii")) for need in needs),
                string(None),
                b"\x01" + bytes(8),  # no offset: the archive goes to a pipe
            ]
        )


def _blocks(contents: list[bytes]) -> bytes:
    return b"".join(integer(len(content)) + content for content in contents) + integer(0)


def _cut(content: bytes) -> list[bytes]:
    return [content[at : at + 16384] for at in range(0, len(content), 16384)]
