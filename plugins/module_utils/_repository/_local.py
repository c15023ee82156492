# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""A repository in a directory of this host: a disk, or a file system mounted from elsewhere."""

from __future__ import annotations

import contextlib
import os
import stat
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError, RepositoryError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._ownership import give_to_owner_of
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import _paths
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._local_files import (
    Folders,
    explained,
    is_abandoned,
    move_without_overwriting,
    sync_folder,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._local_writer import LocalWriter
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import (
    ArtifactWriter,
    Repository,
    StoredFile,
)

_CREATE_ATTEMPTS = 30  # another run may take away an empty folder just before a file is made in it


class LocalRepository(Repository):
    """A directory. It is made when it is not there; one that exists keeps its owner and mode.

    Files have mode 0600 and folders 0700. Symbolic links inside are not listed, and nothing is written through them.
    """

    def __init__(self, path: str, mount_point: str = "") -> None:
        """``path`` is absolute. ``mount_point`` is where its file system has to be mounted; empty where nobody asks.

        Raises OptionError.
        """
        if not os.path.isabs(path) or "\0" in path:
            raise OptionError(
                f"repositories: the path {path!r} is not absolute.",
                hint="Write the absolute path, for instance /var/backups/lifeboat.",
            )
        self._root = os.path.normpath(path)
        self._mount_point = os.path.normpath(mount_point) if mount_point else ""
        if mount_point and os.path.commonpath([self._root, os.path.abspath(self._mount_point)]) != self._mount_point:
            raise OptionError(
                f"repositories: {self._root} does not lie below its mount_point {mount_point}.",
                hint="Give the folder that the file system is mounted at: the path itself, or one above it.",
            )
        self._folders = Folders(self._root)

    @property
    def name(self) -> str:
        """The directory's path."""
        return self._root

    def probe(self, needed_bytes: int) -> None:
        """Write, list, read and remove a tiny file, and compare the free space with ``needed_bytes``."""
        self._check_mounted()
        self._check_free_space(needed_bytes)
        path = f"{_paths.PROBE_PREFIX}{os.urandom(8).hex()}"
        content = os.urandom(64)
        writer = self._create(path)
        try:
            writer.write(content)
            writer.commit()
        except BaseException:
            writer.abort()
            raise
        try:
            found = b"".join(self._read(path, 1 << 20))
        finally:
            self._remove([path])
            self._folders.remove_made_above(path)
        if found != content:
            raise RepositoryError(
                f"{self._root} gave back other bytes than were written to it.",
                hint="Check the disk and the file system before anything.",
            )
        self._remove_old_probes()

    def create(self, path: str, estimated_bytes: int) -> ArtifactWriter:
        """Begin a new file, as ``<name>.partial`` in its folder."""
        return self._create(_paths.check_path(path))

    def write_if_absent(self, path: str, content: bytes) -> bool:
        """Write the bytes under a name of their own, and link them to ``path``: link(2) fails where there is a file."""
        final = self._absolute(_paths.check_path(path))
        made = self._folders.make(os.path.dirname(path))
        fresh = self._folders.is_made(os.path.dirname(final))
        temporary = f"{final}.{os.urandom(8).hex()}{_paths.PARTIAL_SUFFIX}"
        try:
            with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
                give_to_owner_of(os.path.dirname(final), file.fileno())
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            move_without_overwriting(temporary, final)
            if fresh:
                for folder in [final, *made]:
                    sync_folder(os.path.dirname(folder))
            else:
                self._sync_above(path)
        except FileExistsError:
            try:
                self._sync_above(path)  # whoever linked it may have been killed, or have failed, before that
            except OSError as error:
                raise explained("Making durable", final, error) from None
            return False
        except OSError as error:
            raise explained("Creating", final, error) from None
        finally:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        return True

    def _sync_above(self, path: str) -> None:
        """Make every name on the way to a file durable: other runs than this one may have made them."""
        for folder in _paths.parents(path):
            sync_folder(os.path.join(self._root, folder))
        sync_folder(self._root)

    def read(self, path: str, chunk_bytes: int = 1 << 20) -> t.Iterator[bytes]:
        """The content of one file. Raises RepositoryError also when the file changes its length meanwhile."""
        return self._read(_paths.check_path(path), chunk_bytes)

    def list_files(self, prefix: str) -> t.Iterator[StoredFile]:
        """Every whole file below the folder. A folder that is not there is empty."""
        folder = _paths.check_folder(prefix)
        for path, entry in self._walk(folder):
            if _paths.is_whole_file(path):
                with contextlib.suppress(FileNotFoundError):  # removed since the folder was read
                    yield StoredFile(path, entry.stat(follow_symlinks=False).st_size)

    def remove(self, paths: t.Sequence[str]) -> None:
        """Remove files, and the folders that are empty then."""
        self._remove([_paths.check_path(path) for path in paths])

    def erase(self, folder: str) -> None:
        """Remove every file below the folder."""
        self.remove([file.path for file in self.list_files(folder)])

    def remove_unfinished(self, prefix: str) -> list[str]:
        """Remove partial files that no running writer holds, and empty folders (named with a slash at the end)."""
        folder = _paths.check_folder(prefix)
        removed: list[str] = []
        for path, _entry in list(self._walk(folder)):
            if path.endswith(_paths.PARTIAL_SUFFIX) and self._remove_if_abandoned(path):
                removed.append(path)
        return removed + [f"{path}/" for path in self._folders.remove_empty_below(folder)]

    def _check_free_space(self, needed_bytes: int) -> None:
        existing = self._root
        while not os.path.lexists(existing):
            existing = os.path.dirname(existing)
        try:
            space = os.statvfs(existing)
        except OSError as error:
            raise explained("Asking for the free space of", existing, error) from None
        free_bytes = space.f_bavail * space.f_frsize
        if free_bytes < needed_bytes:
            raise RepositoryError(
                f"{self._root} has {_paths.readable_size(free_bytes)} free, and this backup may need "
                f"{_paths.readable_size(needed_bytes)}.",
                hint=(
                    "Free space (remove old backups, each with its whole folder) or choose another repository. "
                    "Nothing was written."
                ),
                details={"free_bytes": free_bytes, "needed_bytes": needed_bytes},
            )

    def _create(self, path: str) -> LocalWriter:
        final = self._absolute(path)
        if os.path.lexists(final):
            raise RepositoryError(
                f"{final} exists already, and nothing is ever overwritten.", hint="Take a new backup id."
            )
        try:
            writer, made = self._begin(path, final)
        except OSError as error:
            self._folders.remove_made_above(path)
            raise explained("Creating", final, error) from None
        except RepositoryError:
            self._folders.remove_made_above(path)
            raise
        try:
            for folder in made:
                sync_folder(os.path.dirname(folder))
        except OSError as error:
            writer.abort()
            raise explained("Making durable the folders of", final, error) from None
        return writer

    def _begin(self, path: str, final: str) -> tuple[LocalWriter, set[str]]:
        """A writer, and the folders that had to be made for it."""
        made: set[str] = set()
        for attempt in range(_CREATE_ATTEMPTS):
            made.update(self._folders.make(os.path.dirname(path)))
            try:
                return LocalWriter(final, lambda: self._folders.remove_made_above(path)), made
            except FileNotFoundError:
                time.sleep(0.001 * attempt)
        raise RepositoryError(
            f"The folder of {final} vanishes again and again.", hint="Find out which program removes it."
        )

    def _read(self, path: str, chunk_bytes: int) -> t.Iterator[bytes]:
        absolute = self._absolute(path)
        try:
            # Not waiting for the other end of a pipe that somebody has put there.
            descriptor = os.open(absolute, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            raise explained("Reading", absolute, error) from None
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise RepositoryError(
                    f"{absolute} is not a regular file.", hint="Use another repository or another backup."
                )
            expected, offset = os.fstat(descriptor).st_size, 0
            while offset <= expected:
                try:
                    piece = os.read(descriptor, chunk_bytes)
                except OSError as error:
                    raise explained("Reading", absolute, error) from None
                if not piece:
                    break
                offset += len(piece)
                yield piece
            if offset != expected:
                raise RepositoryError(
                    f"{absolute} had {expected} bytes when it was opened, and {offset} were read: it was changed "
                    "while it was read.",
                    hint="Find out which program writes there. Use another repository or another backup.",
                )
        finally:
            os.close(descriptor)

    def _remove(self, paths: t.Sequence[str]) -> None:
        failed: list[RepositoryError] = []
        folders: set[str] = set()
        for path in paths:
            absolute = self._absolute(path)
            try:
                os.unlink(absolute)
                folders.add(os.path.dirname(absolute))
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                failed.append(explained("Removing", absolute, error))
        for folder in folders:
            with contextlib.suppress(
                OSError
            ):  # the files are gone; after a crash they might be back, and are removed again
                sync_folder(folder)
        for path in paths:
            self._folders.remove_empty_above(path)
        if failed:
            failed[
                0
            ].message = (
                f"{len(failed)} of {len(paths)} files could not be removed from {self._root}. {failed[0].message}"
            )
            raise failed[0]

    def _remove_if_abandoned(self, path: str) -> bool:
        """A running writer holds a lock on its partial file; the kernel lets it go when the writer is killed."""
        absolute = self._absolute(path)
        try:
            descriptor = os.open(absolute, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise explained("Removing", absolute, error) from None
        try:
            if not is_abandoned(descriptor, absolute):
                return False
            os.unlink(absolute)
            return True
        except OSError as error:
            raise explained("Removing", absolute, error) from None
        finally:
            os.close(descriptor)

    def _remove_old_probes(self) -> None:
        with contextlib.suppress(OSError), os.scandir(self._root) as entries:
            for entry in entries:
                if (
                    entry.name.startswith(_paths.PROBE_PREFIX)
                    and entry.stat().st_mtime < time.time() - _paths.PROBE_KEPT_SECONDS
                ):
                    os.unlink(entry.path)

    def _walk(self, folder: str) -> t.Iterator[tuple[str, os.DirEntry[str]]]:
        """Regular files below the folder, sorted by path as S3 sorts keys."""
        try:
            with os.scandir(self._absolute(folder)) as found:
                entries = sorted(found, key=_key_order)
        except FileNotFoundError:
            return
        except OSError as error:
            raise explained("Listing", self._absolute(folder), error) from None
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir(follow_symlinks=False):
                if path != "lost+found":  # what mkfs puts at the top of a file system, readable for root only
                    yield from self._walk(path)
            elif entry.is_file(follow_symlinks=False):
                yield path, entry

    def _check_mounted(self) -> None:
        """A folder that nothing is mounted at looks like an empty repository, and takes backups on the wrong disk."""
        if self._mount_point and not os.path.ismount(self._mount_point):
            raise RepositoryError(
                f"Nothing is mounted at {self._mount_point}, so {self._root} is not the repository.",
                hint="Mount it, and run it again.",
            )

    def _absolute(self, path: str) -> str:
        self._check_mounted()
        return os.path.join(self._root, path) if path else self._root


def _key_order(entry: os.DirEntry[str]) -> str:
    return f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name
