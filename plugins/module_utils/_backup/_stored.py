# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""A backup as it lies in repositories: opens its artifacts, from the next repository when one fails."""

from __future__ import annotations

import hashlib
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._pipeline import check_stored, load
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import (
    DamagedError,
    LifeboatError,
    RepositoryError,
)

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._compression import Compressor
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Artifact, Manifest
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import Cipher
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository

T = t.TypeVar("T")
Damage = t.Callable[[t.Iterator[bytes]], t.Iterator[bytes]]


class StoredBackup:
    """One copy of a backup, with what it takes to open it."""

    def __init__(
        self,
        manifest: Manifest,
        repository: Repository,
        compressor: Compressor,
        cipher: Cipher,
        on_stored: t.Callable[[int], None] = lambda count: None,
    ) -> None:
        self.manifest = manifest
        self.repository = repository
        self._compressor = compressor
        self._cipher = cipher
        self._on_stored = on_stored
        self._proven: set[str] = set()  # artifacts whose stored bytes have been read to their end, against their hash

    def artifacts(self, content: str) -> list[Artifact]:
        """The artifacts that are for this (``schema``, ``data``, …), the largest first."""
        return sorted(
            (item for item in self.manifest.artifacts if item.content == content), key=lambda item: -item.stored_bytes
        )

    def open(self, artifact: Artifact, *, damage: Damage | None = None) -> t.Iterator[bytes]:
        """The artifact's plain bytes, all of them or DamagedError.

        What is handed out has been authenticated: by the cipher piece by piece, or by reading the whole artifact and
        its hash first.
        """
        path = self.manifest.artifact_path(artifact)
        expected: dict[str, t.Any] = {"sha256": artifact.sha256, "size": artifact.stored_bytes}
        if not self._cipher.authenticated_stream and damage is None and artifact.name not in self._proven:
            check_stored(self.repository, path, **expected)
            self._proven.add(artifact.name)
        pieces = load(
            self.repository,
            path,
            compressor=self._compressor,
            cipher=self._cipher,
            on_stored=self._on_stored,
            damage=damage or (lambda pieces: pieces),
            **expected,
        )
        return _named(pieces, f"{self.repository.name}/{path}", path)

    def check(self, artifact: Artifact) -> None:
        """Compare size and hash of what is stored with the manifest. Raises DamagedError or RepositoryError."""
        path = self.manifest.artifact_path(artifact)
        check_stored(
            self.repository, path, sha256=artifact.sha256, size=artifact.stored_bytes, on_stored=self._on_stored
        )


def _named(pieces: t.Iterator[bytes], where: str, path: str) -> t.Iterator[bytes]:
    """The pieces. Damage that a cipher has found is told with the file's name: there may be hundreds of files."""
    try:
        yield from pieces
    except DamagedError as error:
        if path not in error.message:
            error.message = f"{where}: {error.message}"
        raise


def from_any(
    repositories: t.Sequence[Repository], work: t.Callable[[Repository], T], warn: t.Callable[[str], None]
) -> T:
    """Do the work with the first repository whose copy is whole; tell with ``warn`` which were not.

    Raises the last one's error.
    """
    last: LifeboatError | None = None
    for repository in repositories:
        try:
            return work(repository)
        except (DamagedError, RepositoryError) as error:
            warn(f"{repository.name} could not be used: {error}")
            last = error
    raise last or RepositoryError("No repository holds the backup.")


class CheckedPieces:
    """A stored file's plain bytes as an iterator.

    Its end comes only when they are what was put in. ``advance`` is told of each piece.
    """

    def __init__(
        self, stored: StoredBackup, artifact: Artifact, deadline: Deadline, advance: t.Callable[[int], None]
    ) -> None:
        self._stored = stored
        self._artifact = artifact
        self._deadline = deadline
        self._advance = advance

    def __iter__(self) -> t.Iterator[bytes]:
        artifact = self._artifact
        digest = hashlib.sha256() if artifact.plain_sha256 else None
        count = 0
        pieces = self._stored.open(artifact)
        try:
            for piece in pieces:
                self._deadline.check("Reading the artifacts")
                count += len(piece)
                if count > artifact.plain_bytes:  # a small file can decompress to one without end
                    raise DamagedError(
                        f"{artifact.name} holds more than the {artifact.plain_bytes} bytes of its manifest."
                    )
                self._advance(len(piece))
                if digest:
                    digest.update(piece)
                yield piece
        finally:
            close(pieces)
        if count != artifact.plain_bytes or (digest and digest.hexdigest() != artifact.plain_sha256):
            raise DamagedError(
                f"{artifact.name} opens, and what is in it is not what was put into it ({count} bytes, "
                f"{artifact.plain_bytes} expected)."
            )
