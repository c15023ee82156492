# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""pg_dump and pg_dumpall as streams of bytes, all on one snapshot."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import quoted
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._launch import start

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._archive import ArchiveScanner
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import Connection
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools

# Small enough to stay in the processor's cache through hashing and compression.
PIECE_BYTES = 256 * 1024


def snapshot_archive(
    tools: Tools,
    connection: Connection,
    arguments: t.Sequence[str | bytes],
    deadline: Deadline,
    *,
    encoding: str,
    scanner: ArchiveScanner,
    snapshot: str | None = None,
    lock_timeout_seconds: int = 60,
) -> t.Iterator[bytes]:
    """pg_dump's custom archive, uncompressed: compression is the pipeline's work.

    ``encoding`` is the database's, whatever the role or the database sets for clients: names in ``arguments`` are
    compared in it. ``scanner`` reads along, and knows afterwards what is in the archive. Raises SourceError unless
    pg_dump ended well.
    """
    command: list[str | bytes] = [
        tools.path("pg_dump"),
        "--format=custom",
        "--compress=0",
        f"--encoding={encoding}",
        f"--lock-wait-timeout={lock_timeout_seconds}s",
    ]
    if snapshot:
        command.append(f"--snapshot={snapshot}")
    for piece in _output([*command, *arguments, "--no-password"], connection, deadline):
        scanner.feed(piece)
        yield piece


def dump_globals(tools: Tools, connection: Connection, deadline: Deadline, *, passwords: bool) -> t.Iterator[bytes]:
    """Roles, memberships, role settings and tablespaces as SQL. Password hashes need a superuser."""
    command: list[str | bytes] = [tools.path("pg_dumpall"), "--globals-only", "--no-password"]
    if connection.database:  # as a connection string, for a name with an equals sign in it would be taken for one
        command.append(f"--database=dbname={quoted(connection.database)}")
    if not passwords:
        command.append("--no-role-passwords")
    return _output(command, connection, deadline)


def _output(command: list[str | bytes], connection: Connection, deadline: Deadline) -> t.Iterator[bytes]:
    with start(command, connection.for_programs(), output_buffer_bytes=PIECE_BYTES) as program:
        pieces = program.read(deadline, PIECE_BYTES)
        try:
            yield from pieces
        finally:
            close(pieces)
