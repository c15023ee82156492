# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The port of a repository: a place that holds backups, as a tree of write-once files.

Paths are relative to the repository's root, with ``/`` between parts:
``<app>/<component>/<backup_id>/<artifact>``. A repository knows nothing of what the files mean.
"""

from __future__ import annotations

import abc
import dataclasses
import datetime
import typing as t


@dataclasses.dataclass(frozen=True)
class StoredFile:
    """One whole file of a repository."""

    path: str
    size: int  # bytes
    tag: str = ""  # changes when the content does, as the server says; empty where it does not say


class ArtifactWriter(abc.ABC):
    """Receives one file. Until ``commit`` returns nobody can see the file; after ``abort`` nothing of it is left."""

    @abc.abstractmethod
    def write(self, data: bytes) -> None:
        """Take the next bytes. Raises RepositoryError."""

    @abc.abstractmethod
    def commit(self) -> None:
        """Make the file durable and visible, and check that the store holds as many bytes as were written.

        Raises RepositoryError.
        """

    @abc.abstractmethod
    def abort(self) -> None:
        """Remove every trace of the file. Never raises: what could not be removed is found by ``remove_unfinished``.

        It may be called again, after ``commit`` (then it changes nothing), and from another thread while ``write`` or
        ``commit`` runs: those then end soon with RepositoryError.
        """


class Repository(abc.ABC):
    """A place that holds backups.

    Every method raises RepositoryError naming the repository, the path and the next safe step.
    """

    max_runs: int = 0
    """How many runs may write to it at once; 0 for as many as there are."""

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """How people call it: the directory's path, or ``s3://bucket/prefix``. Never holds a secret."""

    @abc.abstractmethod
    def probe(self, needed_bytes: int) -> None:
        """Prove before work starts that this repository can be written to, and holds ``needed_bytes`` where that can be
        known.

        Leaves nothing behind.
        """

    @abc.abstractmethod
    def create(self, path: str, estimated_bytes: int) -> ArtifactWriter:
        """Begin a new file. Fails if the file exists: nothing is ever overwritten."""

    def create_small(self, path: str, estimated_bytes: int) -> ArtifactWriter:
        """Begin a new file that describes others, and that has to be read at once at any age."""
        return self.create(path, estimated_bytes)

    @abc.abstractmethod
    def write_if_absent(self, path: str, content: bytes) -> bool:
        """Store a small file whole if there is none of that name, in one step that no other writer can come between.

        False, and nothing is changed, where there is one. Raises RepositoryError, also when this repository cannot do
        it: then it cannot hold what several hosts decide by.
        """

    @abc.abstractmethod
    def read(self, path: str, chunk_bytes: int = 1 << 20) -> t.Iterator[bytes]:
        """The content of one file, in pieces of at most ``chunk_bytes``.

        Fails on a file that is not there or ends early.
        """

    @abc.abstractmethod
    def list_files(self, prefix: str) -> t.Iterator[StoredFile]:
        """Every whole file whose path begins with the folder ``prefix`` (`""` for all), sorted by path.

        Unfinished files are not listed.
        """

    @abc.abstractmethod
    def remove(self, paths: t.Sequence[str]) -> None:
        """Remove these files; one that is not there is no error."""

    @abc.abstractmethod
    def erase(self, folder: str) -> None:
        """Remove every file below the folder for good, with every earlier version that the store keeps of it."""

    def locked_until(self, folder: str) -> datetime.datetime | None:
        """Until when the store refuses to erase some file below the folder; None where nothing is locked.

        ``datetime.max`` (in UTC) for a lock without an end.
        """
        return None

    @abc.abstractmethod
    def remove_unfinished(self, prefix: str) -> list[str]:
        """Remove what a killed writer left under the folder ``prefix``: partial files, incomplete uploads, empty
        folders.

        Returns the names of what was removed.
        """

    def write_file(self, path: str, content: bytes) -> None:
        """Store a small file whole or not at all."""
        writer = self.create_small(path, len(content))
        try:
            writer.write(content)
            writer.commit()
        except BaseException:
            writer.abort()
            raise

    def read_file(self, path: str, limit_bytes: int = 256 << 20) -> bytes:
        """The whole content of a small file."""
        content = bytearray()
        for chunk in self.read(path):
            content += chunk
            if len(content) > limit_bytes:
                from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import RepositoryError

                raise RepositoryError(f"{self.name}/{path} is larger than the {limit_bytes} bytes expected of it.")
        return bytes(content)
