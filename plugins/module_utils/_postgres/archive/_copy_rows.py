# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What psql is to read in the place of pg_dump, and what it then prints. Pure functions and parsers.

pg_dump up to 18 writes each row as a block of its own, which costs more processor time than hashing and encryption
together. psql prints the same COPY stream without blocks. So the rows of ordinary tables are read with psql, in
pg_dump's snapshot and with the settings that pg_dump makes (``setup_connection`` in ``pg_dump.c``), and framed as
``pg_backup_custom.c`` frames them, in large blocks.

Behind each table psql prints a boundary: a line that begins with a backspace, which COPY's text format always escapes
(``CopyAttributeOutText`` in ``copyto.c``), so no row can hold one. It is printed only when the COPY before it has
succeeded, and it has the number of rows that the server said.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._archive import (
    BLOCK_DATA,
    COPY_TERMINATOR,
    END_OF_DATA,
    ContentFingerprint,
    TocEntry,
)

_BOUNDARY = b"\b"
_BOUNDARY_LINE = re.compile(rb"\x08\\\. (\d{1,19})\n")
_LONGEST_BOUNDARY = 24
# fmtId of PostgreSQL's fe_utils quotes whatever is not of this form. A name with a line end cannot stand in a \copy,
# which is one line.
_NAME = r'(?:[a-z_][a-z0-9_]*|"(?:[^"\n\r\0]|"")+")'
_COPY = re.compile(rf"COPY ({_NAME}\.{_NAME}) (\({_NAME}(?:, {_NAME})*\)) FROM stdin;\n")
_SNAPSHOT = re.compile(r"[0-9A-Fa-f-]+")
# What psql has to print for the first two lines of the script, else its release does not count rows as it should.
_PROBE = "\\copy (SELECT 1 UNION ALL SELECT 2) to pstdout"
PROBE_ANSWER = b"1\n2\n\b\\. 2\n"


@dataclasses.dataclass(frozen=True)
class TableCopy:
    """One table to be read: its entry, and its name and columns as pg_dump spells them."""

    entry: TocEntry
    table: str
    columns: str


def plan_copies(entries: t.Sequence[TocEntry], plain_tables: t.Container[int]) -> list[TableCopy]:
    """What to read with psql, in the archive's order; nothing at all where pg_dump might read anything in another way.

    That is so for large objects, for tables of an extension (of which pg_dump may leave rows out), foreign tables,
    tables without columns, and for names with a line end. ``plain_tables`` has the oids of ordinary tables.
    """
    copies = []
    for entry in entries:
        if not entry.has_data and entry.description != "TABLE DATA":
            continue
        found = _COPY.fullmatch(entry.copy_statement)
        plain = entry.oid in plain_tables
        if not entry.has_data or entry.description != "TABLE DATA" or not plain or not found:
            return []
        copies.append(TableCopy(entry, found.group(1), found.group(2)))
    return copies


def client_encoding(entries: t.Iterable[TocEntry], encoding: str) -> str:
    """The archive's own statement, where pg_dump reads in the database's encoding. Empty where it reads in another.

    In a server's encoding no byte of another character looks like a quote, so no name can end its own quotes in psql's
    script; in some that only clients have, one could.
    """
    statement = f"SET client_encoding = '{encoding}';"
    definitions = [entry.definition for entry in entries if entry.description == "ENCODING"]
    return statement if definitions == [f"{statement}\n"] else ""


def script(copies: t.Sequence[TableCopy], encoding_statement: str, snapshot: str, server_major: int) -> str:
    """What psql is given: pg_dump's settings, its snapshot, its locks, and one copy after the other.

    The locks are taken without waiting: pg_dump still has its own, and goes on alone when something stands in the way.
    With ``\\o`` set, psql keeps the result of a copy that does not go there, and with it the number of rows.
    """
    if not _SNAPSHOT.fullmatch(snapshot):
        raise AssertionError("a snapshot's name has hexadecimal digits only")
    zero = ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"]
    if server_major >= 17:
        zero.append("transaction_timeout")
    lines = [
        "\\set ON_ERROR_STOP 1",
        *(f"SET {name} = 0;" for name in zero),
        encoding_statement,
        "\\o /dev/null",
        "SELECT pg_catalog.set_config('search_path', '', false);",
        "SET DateStyle = ISO;",
        "SET IntervalStyle = postgres;",
        "SET extra_float_digits = 3;",
        "SET synchronize_seqscans = off;",
        "SET row_security = off;",
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;",
        f"SET TRANSACTION SNAPSHOT '{snapshot}';",
        f"LOCK TABLE ONLY {', ONLY '.join(copy.table for copy in copies)} IN ACCESS SHARE MODE NOWAIT;",
    ]
    for copy in [_PROBE, *(f"\\copy {copy.table} {copy.columns} to pstdout" for copy in copies)]:
        lines += [copy, "\\echo '\\b\\\\.' :ROW_COUNT"]
        if copy == _PROBE:
            lines.append("\\copy (SELECT WHERE false) to pstdout")  # lets the boundary before it out of psql's buffer
    return "\n".join([*lines, "COMMIT;", ""])


class Splitter:
    """Cuts what psql prints at the boundaries."""

    def __init__(self) -> None:
        self._held = b""  # a boundary that goes on in the next piece

    def feed(self, piece: bytes | bytearray, size: int) -> t.Iterator[tuple[memoryview, int]]:
        """What the first ``size`` bytes have of the rows, and -1; or the number of the table's rows where it ends
        there.

        Raises SourceError.
        """
        if self._held:
            piece, size, self._held = self._held + piece[:size], len(self._held) + size, b""
        data, position = memoryview(piece), 0
        while position < size:
            at = piece.find(_BOUNDARY, position, size)
            if at < 0:
                yield data[position:size], -1
                return
            line_end = piece.find(b"\n", at, size) + 1
            if not line_end:
                if at > position:
                    yield data[position:at], -1
                self._held = bytes(data[at:size])
                if len(self._held) > _LONGEST_BOUNDARY:
                    raise _not_understood()
                return
            found = _BOUNDARY_LINE.fullmatch(data[at:line_end])
            if not found:
                raise _not_understood()
            yield data[position:at], int(found.group(1))
            position = line_end

    def finish(self) -> None:
        """Say that the output ended. Raises SourceError within a boundary."""
        if self._held:
            raise _not_understood()


class Framer:
    """Makes the archive's data entries of what psql prints, and fingerprints each table as it passes.

    ``content`` is the ArchiveScanner's: ``hash``, ``count`` or ``skip``. ``tables`` is filled with a fingerprint by
    dump id, unless the rows are to be skipped.
    """

    def __init__(self, copies: t.Sequence[TableCopy], content: str, tables: dict[int, ContentFingerprint]) -> None:
        self._waiting = list(reversed(copies))
        self._content = content
        self._tables = tables
        self._splitter = Splitter()
        self._begun = False  # the entry's head has been written
        self._bytes = 0
        self._last = 0  # the last byte of the rows so far
        self._hash: t.Any = None
        self._begin()

    @property
    def reading(self) -> str:
        """The table that is being read, as ``schema.name``; empty behind the last one."""
        return self._waiting[-1].entry.qualified_name if self._waiting else ""

    def feed(self, piece: bytes | bytearray, size: int) -> bytes:
        """The next bytes of the archive, of the first ``size`` bytes.

        Raises SourceError for what psql cannot have meant.
        """
        parts: list[bytes | memoryview] = []
        for rows, count in self._splitter.feed(piece, size):
            if not self._waiting:
                raise _not_understood()
            if not self._begun:
                parts.append(bytes([BLOCK_DATA]) + _integer(self._waiting[-1].entry.dump_id))
                self._begun = True
            if rows:
                self._bytes += len(rows)
                self._last = rows[-1]
                if self._hash:
                    self._hash.update(rows)
                parts += [_integer(len(rows)), rows]
            if count >= 0:
                self._end(count)
                parts += [_integer(len(COPY_TERMINATOR)), COPY_TERMINATOR, END_OF_DATA]
        return b"".join(parts)

    def finish(self) -> None:
        """Say that psql ended well. Raises SourceError when a table is missing all the same."""
        self._splitter.finish()
        if self._waiting or self._begun:
            raise SourceError(f"psql ended before it had read all rows of {self.reading}.")

    def _begin(self) -> None:
        self._begun = False
        self._bytes = 0
        self._last = ord("\n")
        self._hash = hashlib.sha256() if self._content == "hash" else None

    def _end(self, count: int) -> None:
        # A row is a line, and has at least its line end.
        if self._last != ord("\n") or self._bytes < count or bool(count) != bool(self._bytes):
            raise SourceError(f"psql said {count} rows for the {self._bytes} bytes of {self.reading}, which cannot be.")
        entry = self._waiting.pop().entry
        if self._content != "skip":
            self._tables[entry.dump_id] = ContentFingerprint(
                count, self._bytes, self._hash.hexdigest() if self._hash else ""
            )
        self._begin()


def _integer(value: int) -> bytes:
    """As WriteInt of pg_backup_archiver.c: a sign byte and four bytes, the lowest first."""
    return b"\0" + value.to_bytes(4, "little")


def _not_understood() -> SourceError:
    return SourceError(
        "psql printed something between the tables that is no boundary, so its output cannot be trusted."
    )
