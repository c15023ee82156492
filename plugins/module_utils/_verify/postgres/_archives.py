# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Reads the artifacts of a PostgreSQL backup to their end: hash, decryption, decompression, and what the archives
hold.
"""

from __future__ import annotations

import dataclasses
import hashlib
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._archive import ArchiveScanner
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._codec import python_codec
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Item

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Artifact
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import StoredBackup
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._content import PostgresContent


@dataclasses.dataclass(frozen=True)
class Archives:
    """The outcome of reading: an item of the report for each artifact, and what the good archives held."""

    items: list[Item]
    scanners: list[ArchiveScanner]


def read_archives(
    stored: StoredBackup, artifacts: t.Sequence[Artifact], content: PostgresContent, deadline: Deadline
) -> Archives:
    """Read these artifacts. A damaged one becomes a failed item."""
    items: list[Item] = []
    scanners: list[ArchiveScanner] = []
    for artifact in artifacts:
        try:
            scanner = _read(stored, artifact, content, deadline)
        except LifeboatError as error:
            deadline.check("Reading the artifacts")
            items.append(Item(artifact.name, "failed", artifact.sha256, None, str(error)))
            continue
        items.append(Item(artifact.name, "passed"))
        if scanner is not None:
            scanners.append(scanner)
    return Archives(items, scanners)


def _read(
    stored: StoredBackup, artifact: Artifact, content: PostgresContent, deadline: Deadline
) -> ArchiveScanner | None:
    scanner = None
    if artifact.content in ("whole", "schema", "data"):
        mode = "hash" if content.fingerprint == "stream" else "count"
        scanner = ArchiveScanner(content=mode, codec=python_codec(content.database.encoding))
    digest = hashlib.sha256() if artifact.plain_sha256 else None
    count = 0
    pieces = stored.open(artifact)
    try:
        for piece in pieces:
            deadline.check("Reading the artifacts")
            count += len(piece)
            if digest:
                digest.update(piece)
            if scanner:
                scanner.feed(piece)
    finally:
        close(pieces)
    if scanner:
        scanner.finish()
    if count != artifact.plain_bytes or (digest and digest.hexdigest() != artifact.plain_sha256):
        raise DamagedError(
            f"{artifact.name} opens, and what is in it is not what was put into it ({count} bytes, "
            f"{artifact.plain_bytes} expected)."
        )
    return scanner
