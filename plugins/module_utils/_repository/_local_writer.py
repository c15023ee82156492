# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Writes one file of a repository in a directory: into a partial file beside it, which gets its name when it is whole
and durable.

On a disk of this host, whole blocks go past the page cache (O_DIRECT, open(2)): a backup is written once and not read
soon. To find pages for it takes ten times the processor time of the writing itself, and pushes out what the server that
is backed up has in the cache.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import mmap
import os
import threading
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import RepositoryError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._ownership import give_to_owner_of
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._local_files import (
    explained,
    hold,
    move_without_overwriting,
    sync_folder,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._paths import PARTIAL_SUFFIX
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import ArtifactWriter

_BLOCK_BYTES = 2 << 20  # what goes to the kernel together
_WRITE_BACK_BYTES = 16 << 20


class LocalWriter(ArtifactWriter):
    """One file being written. ``abort`` may come from another thread."""

    def __init__(self, final: str, on_abort: t.Callable[[], None]) -> None:
        """Begin ``<final>.partial`` in an existing folder. ``on_abort`` tidies up after the partial file has gone.

        Raises RepositoryError when another writer holds it, OSError when it cannot be made; FileNotFoundError when the
        folder or the file was removed just now by a run that tidies up, and another try will do.
        """
        self._final = final
        self._partial = final + PARTIAL_SUFFIX
        self._on_abort = on_abort
        self._block: mmap.mmap | None = None  # which lies at the start of a page, as the disk wants it
        self._filled = 0  # bytes in it
        self._accepted = 0
        self._written = 0
        self._written_back = 0
        self._lock = threading.RLock()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            self._descriptor: int | None = os.open(self._partial, flags, 0o600)
        except FileExistsError:
            raise RepositoryError(
                f"{self._partial} exists: another run is writing this file, or was killed while it did.",
                hint="The next run of this component removes what a killed run left.",
            ) from None
        if not hold(self._descriptor, self._partial):
            self._close()
            raise FileNotFoundError(errno.ENOENT, "removed by another run just now", self._partial)
        give_to_owner_of(os.path.dirname(final), self._open_descriptor())
        # A file system from elsewhere has no disk of this host behind it; it may answer such writes much more slowly.
        self._may_pass_cache = os.major(os.fstat(self._descriptor).st_dev) != 0

    def write(self, data: bytes) -> None:
        """Take the next bytes; they reach the kernel in blocks of 2 MiB."""
        with self._lock:
            self._open_descriptor()
            if self._block is None:
                self._block = mmap.mmap(-1, _BLOCK_BYTES)
            self._accepted += len(data)
            rest = memoryview(data)
            while rest:
                part = rest[: _BLOCK_BYTES - self._filled]
                self._block[self._filled : self._filled + len(part)] = part
                self._filled += len(part)
                rest = rest[len(part) :]
                if self._filled == _BLOCK_BYTES:
                    self._flush()

    def commit(self) -> None:
        """Make the bytes durable, compare their number, give the file its name, and make the name durable."""
        with self._lock:
            descriptor = self._open_descriptor()
            self._flush()
            try:
                os.fsync(descriptor)
                stored = os.fstat(descriptor).st_size
                if stored != self._accepted:
                    raise RepositoryError(
                        f"{self._partial} has {stored} bytes after {self._accepted} were written to it.",
                        hint="Find out which other program writes there, and check the disk. The file was not kept.",
                    )
                move_without_overwriting(self._partial, self._final)
                sync_folder(os.path.dirname(self._final))
            except FileExistsError:
                raise RepositoryError(
                    f"{self._final} exists already, and nothing is ever overwritten.",
                    hint="Take a new backup id. The new file was not kept.",
                ) from None
            except OSError as error:
                raise explained("Committing", self._final, error) from None
            self._close()

    def abort(self) -> None:
        """Remove the partial file, the named one if ``commit`` failed after it, and the folders made for it."""
        with self._lock:
            if self._descriptor is None:
                return
            self._filled = 0
            for path in (self._partial, self._final):
                with contextlib.suppress(OSError):
                    if os.path.samestat(os.fstat(self._descriptor), os.lstat(path)):  # never another writer's file
                        os.unlink(path)
            self._close()
            with contextlib.suppress(OSError):
                self._on_abort()

    def _open_descriptor(self) -> int:
        if self._descriptor is None:
            raise RepositoryError(
                f"Writing {self._final} has ended already.",
                hint="Another part of the same work failed: look at its error.",
            )
        return self._descriptor

    def _flush(self) -> None:
        descriptor = self._open_descriptor()
        filled, self._filled = self._filled, 0
        if self._block is None or not filled:
            return
        try:
            with memoryview(self._block) as whole, whole[:filled] as block:
                done = (
                    self._write_past_cache(descriptor, block) if filled == _BLOCK_BYTES and self._may_pass_cache else 0
                )
                while done < filled:
                    done += os.write(descriptor, block[done:])
            self._written += filled
            self._write_back(descriptor)
        except OSError as error:
            raise explained("Writing", self._partial, error) from None

    def _write_past_cache(self, descriptor: int, block: memoryview) -> int:
        """How many bytes could be written so. A disk that is nearly full takes a part; some file systems take none."""
        if not _pass_cache(descriptor, True):
            self._may_pass_cache = False
            return 0
        try:
            return os.write(descriptor, block)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            self._may_pass_cache = False
            return 0
        finally:
            _pass_cache(descriptor, False)

    def _write_back(self, descriptor: int) -> None:
        """Let the kernel begin to write to the disk now, so that fsync at the end finds little left.

        POSIX_FADV_DONTNEED starts write-back without waiting; pages that are still dirty stay in the cache (Linux,
        mm/fadvise.c).
        """
        ready = self._written - self._written_back
        if ready >= _WRITE_BACK_BYTES:
            os.posix_fadvise(descriptor, self._written_back, ready, os.POSIX_FADV_DONTNEED)
            self._written_back = self._written

    def _close(self) -> None:
        if self._descriptor is not None:
            with contextlib.suppress(OSError):  # fsync has told what there was to tell
                os.close(self._descriptor)
            self._descriptor = None


def _pass_cache(descriptor: int, yes: bool) -> bool:
    """Write past the page cache from now on, or not; whether it is so now.

    Raises OSError only when it cannot be ended.
    """
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_DIRECT if yes else flags & ~os.O_DIRECT)
    except OSError:
        if not yes:
            raise
        return False
    return yes
