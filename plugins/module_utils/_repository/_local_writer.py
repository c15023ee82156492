# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Writes one file of a repository in a directory: into a partial file beside it, which gets its name when it is whole and durable."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._errors import RepositoryError
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._local_files import (
    explained,
    hold,
    move_without_overwriting,
    sync_folder,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._paths import PARTIAL_SUFFIX
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import ArtifactWriter

_GATHER_BYTES = 1 << 20  # small pieces go to the kernel together
_GATHER_PIECES = 512  # half of IOV_MAX
_WRITE_BACK_BYTES = 16 << 20


class LocalWriter(ArtifactWriter):
    """One file being written. ``abort`` may come from another thread."""

    def __init__(self, final: str, on_abort: t.Callable[[], None]) -> None:
        """Begin ``<final>.partial`` in an existing folder. ``on_abort`` tidies up after the partial file has gone.

        Raises RepositoryError when another writer holds it, OSError when it cannot be made; FileNotFoundError when the folder or the file
        was removed just now by a run that tidies up, and another try will do.
        """
        self._final = final
        self._partial = final + PARTIAL_SUFFIX
        self._on_abort = on_abort
        self._pieces: list[bytes] = []
        self._gathered = 0
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

    def write(self, data: bytes) -> None:
        """Take the next bytes; they reach the kernel in pieces of about 1 MiB."""
        with self._lock:
            self._open_descriptor()
            self._pieces.append(data)
            self._accepted += len(data)
            self._gathered += len(data)
            if self._gathered >= _GATHER_BYTES or len(self._pieces) >= _GATHER_PIECES:
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
            self._pieces.clear()
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
                f"Writing {self._final} has ended already.", hint="Another part of the same work failed: look at its error."
            )
        return self._descriptor

    def _flush(self) -> None:
        descriptor = self._open_descriptor()
        waiting, self._pieces, self._gathered = self._pieces, [], 0
        try:
            while waiting:
                count = os.writev(descriptor, waiting)
                self._written += count
                waiting = _without(waiting, count)
            self._write_back(descriptor)
        except OSError as error:
            raise explained("Writing", self._partial, error) from None

    def _write_back(self, descriptor: int) -> None:
        """Let the kernel begin to write to the disk now, so that fsync at the end finds little left.

        POSIX_FADV_DONTNEED starts write-back without waiting; pages that are still dirty stay in the cache (Linux, mm/fadvise.c).
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


def _without(pieces: list[bytes], count: int) -> list[bytes]:
    """What is left of ``pieces`` after their first ``count`` bytes. A disk that is nearly full takes less than it was given."""
    for index, piece in enumerate(pieces):
        if count < len(piece):
            return [piece[count:], *pieces[index + 1 :]]
        count -= len(piece)
    return []
