# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Lets a restore put the rows into the heap in the order of the archive, so that their COPY stream is the one of the
backup.

COPY into a table of an earlier transaction fills gaps: a row that does not fit on the page at hand goes back to an
earlier page with room (RelationGetBufferForTuple in hio.c asks the free space map). After updates and deletes at the
source, rows of different lengths then come back in another order. A table whose file is of the same transaction is only
ever appended to (TABLE_INSERT_SKIP_FSM in copyfrom.c). So each COPY statement in the archive's table of contents gets a
TRUNCATE of its own table before it, as ``pg_restore --jobs`` does by itself; pg_restore sends both in one message,
which the server runs as one transaction.

A COPY that fills another table than its entry's (``_copy_statement``) is left as it is: a TRUNCATE before it would
delete what the entries before it have put there, and FREEZE is refused on a partitioned table.

For the same reason the rows can be written as frozen at once (COPY with FREEZE): nobody else sees this database yet.
Nothing then has to look up whether the transaction of each row was committed, neither the indexes that are made next
nor the first readers, and no vacuum has to write all pages once more later.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._archive import ArchiveScanner, TocEntry
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._copy_statement import fills_its_own_table

_FROM_STDIN = b" FROM stdin;\n"


def in_order(pieces: t.Iterable[bytes], codec: str, created: t.Collection[tuple[str, str]]) -> t.Iterator[bytes]:
    """The archive in ``pieces`` with a changed table of contents.

    ``created`` has schema and name of the tables that the restore has made itself. Others, which an extension has made
    and filled, keep what they have. Raises DamagedError for what is no archive.
    """
    stream = iter(pieces)
    scanner = ArchiveScanner(content="skip", codec=codec, keep_toc=True)
    taken = bytearray()
    for piece in stream:
        taken += piece
        scanner.feed(piece)
        if scanner.toc_complete:
            break
    scanner.finish()
    yield _rewritten(bytes(scanner.toc_bytes), scanner.entries, codec, created)
    yield bytes(taken[len(scanner.toc_bytes) :])
    yield from stream


def _rewritten(toc: bytes, entries: t.Iterable[TocEntry], codec: str, created: t.Collection[tuple[str, str]]) -> bytes:
    changed = []
    position = 0
    for entry in entries:
        if not fills_its_own_table(entry) or (entry.schema, entry.tag) not in created:
            continue
        statement = entry.copy_statement.encode(codec, "surrogateescape")
        found = toc.index(_string(statement), position)  # text holds no NUL, so nothing else begins like a length
        truncate = f"TRUNCATE TABLE ONLY {_quoted(entry.schema)}.{_quoted(entry.tag)};\n".encode(
            codec, "surrogateescape"
        )
        changed += [toc[position:found], _string(truncate + _frozen(statement))]
        position = found + len(_string(statement))
    return b"".join([*changed, toc[position:]])


def _frozen(statement: bytes) -> bytes:
    return (
        statement[: -len(_FROM_STDIN)] + b" FROM stdin WITH (FREEZE);\n"
        if statement.endswith(_FROM_STDIN)
        else statement
    )


def _string(text: bytes) -> bytes:
    """As WriteStr of pg_backup_archiver.c: sign, four bytes of length, text."""
    return b"\0" + len(text).to_bytes(4, "little") + text


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
