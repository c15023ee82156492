# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Stores one file of a backup, and describes it for the manifest: the same for every engine."""

from __future__ import annotations

import hashlib
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Artifact
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._pipeline import store

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._compression import Compressor
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._run import Storing
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import Cipher


def store_artifact(
    storing: Storing,
    name: str,
    content: str,
    pieces: t.Iterator[bytes],
    *,
    compressor: Compressor,
    cipher: Cipher,
    estimated_bytes: int,
    deadline: Deadline,
    hash_plain: bool,
    on_bytes: t.Callable[[int], None],
) -> Artifact:
    """Store the pieces in every repository that has not failed so far.

    ``hash_plain`` is for content that has no fingerprints of its own: a second hash would cost a tenth of a backup's
    time. ``on_bytes`` gets the number of plain bytes as they pass. Raises what ``pieces`` raises, DeadlineError, or
    RepositoryError when nobody took it.
    """
    digest = hashlib.sha256() if hash_plain else None
    plain_bytes = 0

    def observe(piece: bytes) -> None:
        nonlocal plain_bytes
        plain_bytes += len(piece)
        if digest:
            digest.update(piece)
        on_bytes(len(piece))

    stored = store(
        pieces,
        path=f"{storing.folder}/{name}",
        repositories=storing.repositories,
        compressor=compressor,
        cipher=cipher,
        estimated_bytes=estimated_bytes,
        deadline=deadline,
        on_source=observe,
    )
    storing.note_failures(stored.failed)
    return Artifact(name, content, plain_bytes, stored.bytes, stored.sha256, digest.hexdigest() if digest else "")
