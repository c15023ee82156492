# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""One archive of a snapshot: the definitions from pg_dump, and the rows from psql wherever that gives the same bytes at
less cost.

pg_dump runs until its table of contents is there. Then psql joins the snapshot and locks the same tables, while pg_dump
still waits with its own locks; only then pg_dump is ended, in the middle of its first table. Whatever keeps psql from
that, pg_dump goes on and the archive is the same: so nothing can fail here that did not fail before.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import tempfile
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import MissingRequirementError, SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive import _copy_rows, _dump
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._codec import python_codec

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._archive import ArchiveScanner
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import Connection
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools
    from ansible_collections.lifeboat.dr.plugins.module_utils._programs._process import Program

# Below this pg_dump is ready before psql has begun.
LEAST_BYTES = 8 << 20
# Each table is locked once more: a stream takes no more than this part of the server's room for locks.
_SHARE_OF_LOCKS = 8


@dataclasses.dataclass(frozen=True)
class PlainTables:
    """Which tables psql may read, and when that is worth while."""

    bytes_by_oid: t.Mapping[int, int]  # ordinary tables, none of an extension
    lock_capacity: int  # of the server
    server_major: int
    encoding: str  # of the database
    least_bytes: int = LEAST_BYTES

    @property
    def codec(self) -> str:
        """Python's name of the encoding."""
        return python_codec(self.encoding)


def snapshot_archive(
    tools: Tools,
    connection: Connection,
    arguments: t.Sequence[str | bytes],
    deadline: Deadline,
    *,
    snapshot: str,
    lock_timeout_seconds: int,
    plain: PlainTables,
    scanner: ArchiveScanner,
) -> t.Iterator[bytes]:
    """An uncompressed custom archive, as pg_dump with these arguments gives it, though with larger blocks.

    ``scanner`` knows afterwards what is in it. Raises SourceError unless all programs ended well.
    """
    connection = connection.for_programs()
    command = _dump.archive_command(tools, arguments, snapshot, lock_timeout_seconds)
    with contextlib.ExitStack() as stack:
        with _dump.start(command, connection) as dumping:
            pieces = dumping.read(deadline, _dump.PIECE_BYTES)
            try:
                rest = b""
                for piece in pieces:
                    rest = scanner.feed_toc(piece)
                    yield piece[: len(piece) - len(rest)]
                    if scanner.toc_complete:
                        break
                copies = _worth_while(scanner, plain) if rest else []
                reading = _joined(tools, connection, copies, scanner, snapshot, plain, deadline) if copies else None
                if reading is None:
                    for piece in itertools.chain([rest] if rest else [], pieces):
                        scanner.feed(piece)
                        yield piece
                    return
                stack.enter_context(reading)
            finally:
                close(pieces)
        yield from _rows(reading, _copy_rows.Framer(copies, scanner.content, scanner.tables), deadline)


def _worth_while(scanner: ArchiveScanner, plain: PlainTables) -> list[_copy_rows.TableCopy]:
    copies = _copy_rows.plan_copies(scanner.entries, plain.bytes_by_oid)
    enough = sum(plain.bytes_by_oid[copy.entry.oid] for copy in copies) >= plain.least_bytes
    return copies if enough and len(copies) * _SHARE_OF_LOCKS <= plain.lock_capacity else []


def _joined(
    tools: Tools,
    connection: Connection,
    copies: t.Sequence[_copy_rows.TableCopy],
    scanner: ArchiveScanner,
    snapshot: str,
    plain: PlainTables,
    deadline: Deadline,
) -> Program | None:
    """psql in the snapshot, with its locks, about to print the first table. None where that did not work."""
    encoding = _copy_rows.client_encoding(scanner.entries, plain.encoding)
    try:
        psql = tools.path("psql")
    except MissingRequirementError:
        return None
    if not encoding:
        return None
    text = _copy_rows.script(copies, encoding, snapshot, plain.server_major)
    with tempfile.TemporaryFile() as file:  # not a pipe: psql reads on only after somebody has read what it prints
        file.write(text.encode(plain.codec, "surrogateescape"))
        file.seek(0)
        command = [psql, "--no-psqlrc", "--quiet", "--echo-errors", "--no-password"]
        program = _dump.start(command, connection, stdin=file.fileno(), output_buffer_bytes=_dump.PIECE_BYTES)
    try:
        answer = bytearray(len(_copy_rows.PROBE_ANSWER))
        program.read_into(memoryview(answer), deadline)
    except BaseException:
        program.stop()
        raise
    if bytes(answer) == _copy_rows.PROBE_ANSWER:
        return program
    program.stop()
    return None


def _rows(program: Program, framer: _copy_rows.Framer, deadline: Deadline) -> t.Iterator[bytes]:
    buffer = bytearray(_dump.PIECE_BYTES)
    try:
        with memoryview(buffer) as view:
            while count := program.read_into(view, deadline):
                if piece := framer.feed(buffer, count):
                    yield piece
                if count < len(buffer):
                    break
        program.wait(deadline)
        framer.finish()
    except SourceError as error:
        where = f" It was reading {framer.reading}." if framer.reading else ""
        raise SourceError(f"{error.message}{where}", hint=error.hint, details=error.details) from None
