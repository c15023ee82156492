# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""A repository below a prefix of a bucket, on Amazon S3 or any server that speaks its protocol."""

from __future__ import annotations

import datetime
import secrets
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError, RepositoryError
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import _paths
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._parts import MemoryBudget, Part
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import (
    ArtifactWriter,
    Repository,
    StoredFile,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._s3_exclusive import (
    put_if_absent,
    require_conditional_writes,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._s3_read import read_object
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._s3_store import S3Store
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._s3_versions import (
    erase_versions,
    has_object_lock,
    latest_lock,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._s3_writer import S3Writer
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_client import S3Connection, S3Settings
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_errors import S3Error

_PROBE_ATTEMPTS = 3  # whoever starts a backup wants to know soon that the endpoint is not there


class S3Repository(Repository):
    """A bucket and a prefix. Objects are written once, on the condition that there is none of that name where the
    server can check it.

    Memory: all writers of one budget keep parts of about 64 MiB together; see ``_parts`` for files above 375 GiB.
    """

    def __init__(self, settings: S3Settings, budget: MemoryBudget | None = None, *, name: str = "") -> None:
        """``budget`` may be shared with other repositories; ``name`` replaces ``s3://bucket/prefix``.

        Raises OptionError.
        """
        try:
            _paths.check_folder(settings.prefix)
        except RepositoryError as error:
            raise OptionError(f"repositories: prefix: {error.message}", hint=error.hint) from None
        self._connection = S3Connection(settings)
        self._store = S3Store(self._connection, name)
        self._budget = budget or MemoryBudget()
        self._locks: bool | None = None  # None: not asked yet
        self._exclusive = False  # conditional writes have been tried, and work

    @property
    def name(self) -> str:
        """``s3://bucket/prefix``."""
        return self._store.name

    def probe(self, needed_bytes: int) -> None:
        """Write, list, read and remove a tiny object.

        A bucket has no size that could be asked for, so ``needed_bytes`` is not used.
        """
        path = f"{_paths.PROBE_PREFIX}{secrets.token_hex(8)}"
        content = secrets.token_bytes(64)
        part = Part(len(content))
        part.append(content)
        self._store.put(path, part, path, self._connection.limit(), _PROBE_ATTEMPTS)
        try:
            found = {
                found: changed
                for found, _size, changed, _tag in self._store.objects(_paths.PROBE_PREFIX, _PROBE_ATTEMPTS)
            }
            returned = b"".join(read_object(self._store, path, len(content)))
            next(self._store.uploads(_paths.PROBE_PREFIX), None)
        finally:
            stored = self._store.head(path, attempts=_PROBE_ATTEMPTS)
            self._store.delete(path, stored.version_id if stored else None, attempts=_PROBE_ATTEMPTS)
        if path not in found or returned != content:
            raise RepositoryError(
                f"{self.name} at {self._store.settings.endpoint} does not show, or gives back changed, what was just "
                "written to it.",
                hint="Use a server that is consistent: a cache or a proxy may stand before it.",
            )
        old = [probe for probe, changed in found.items() if changed < time.time() - _paths.PROBE_KEPT_SECONDS]
        self._store.delete_many(old)

    def create(self, path: str, estimated_bytes: int) -> ArtifactWriter:
        """Begin a new object.

        Nothing of it is visible, and no request but a look at the name is made, until a part is full.
        """
        return self._writer(path, estimated_bytes, artifact=True)

    def create_small(self, path: str, estimated_bytes: int) -> ArtifactWriter:
        """The same for what has to be read at once at any age."""
        return self._writer(path, estimated_bytes, artifact=False)

    def _writer(self, path: str, estimated_bytes: int, *, artifact: bool) -> ArtifactWriter:
        self._store.refuse_existing(_paths.check_path(path))
        return S3Writer(self._store, path, estimated_bytes, self._budget, self.read, artifact=artifact)

    def write_if_absent(self, path: str, content: bytes) -> bool:
        """PUT with ``If-None-Match: *``, on a server that has shown that it keeps to it."""
        if not self._exclusive:
            require_conditional_writes(self._store, f"{_paths.PROBE_PREFIX}{secrets.token_hex(8)}")
            self._exclusive = True
        return put_if_absent(self._store, _paths.check_path(path), content)

    def read(self, path: str, chunk_bytes: int = 1 << 20) -> t.Iterator[bytes]:
        """The content of one object.

        A connection that breaks is made again from where it broke, while the object is still the same.
        """
        return read_object(self._store, _paths.check_path(path), chunk_bytes)

    def list_files(self, prefix: str) -> t.Iterator[StoredFile]:
        """Every object below the folder."""
        for path, size, _changed, tag in self._store.objects(_folder_prefix(prefix)):
            if _paths.is_whole_file(path):
                yield StoredFile(path, size, tag)

    def remove(self, paths: t.Sequence[str]) -> None:
        """Remove objects, 1,000 with each request.

        A bucket with versions keeps them as noncurrent ones until its lifecycle ends them.
        """
        self._store.delete_many([_paths.check_path(path) for path in paths])

    def erase(self, folder: str) -> None:
        """Remove every version of every object below the folder, and every delete marker.

        A key that may not list versions (s3:ListBucketVersions) removes the objects: then their versions stay until the
        bucket's lifecycle ends them.
        """
        try:
            erase_versions(self._store, _folder_prefix(folder))
        except S3Error as error:
            if error.status != 403 and not error.not_implemented:
                raise
            self.remove([file.path for file in self.list_files(folder)])

    def locked_until(self, folder: str) -> datetime.datetime | None:
        """The latest end of an object lock's retention below the folder; ``datetime.max`` for a legal hold."""
        if self._locks is None:
            self._locks = has_object_lock(self._store)
        return latest_lock(self._store, _folder_prefix(folder)) if self._locks else None

    def remove_unfinished(self, prefix: str) -> list[str]:
        """Abort every multipart upload below the folder.

        The caller holds the lock of what is written there: a running upload would end.
        """
        removed = []
        for path, upload_id in list(self._store.uploads(_folder_prefix(prefix))):
            self._store.abort_upload(path, upload_id, self._connection.limit())
            removed.append(path)
        return sorted(removed)


def _folder_prefix(prefix: str) -> str:
    folder = _paths.check_folder(prefix)
    return f"{folder}/" if folder else ""
