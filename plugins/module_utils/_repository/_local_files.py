# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What a repository in a directory needs of the file system: durable folders, moves that never overwrite, and errors in
words.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import threading

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import RepositoryError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._ownership import give_to_owner_of
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import _paths

_HINTS = {
    errno.ENOSPC: "Free space (remove old backups, each with its whole folder) or choose another "
    "repository, then run again.",
    errno.EDQUOT: "Raise the quota of this user or remove old backups, then run again.",
    errno.EROFS: "Mount the file system for writing; a disk with errors is often remounted read-only: look at dmesg.",
    errno.EACCES: "Run as the owner of the repository, or give this user rights on it.",
    errno.EPERM: "Run as the owner of the repository; look for an immutable attribute (lsattr).",
    errno.EIO: "The disk or the network file system has errors: look at dmesg, and do not trust what is stored there.",
    errno.ESTALE: "The network file system has lost this file: mount it again.",
    errno.ENOTDIR: "A file stands where a folder is needed: move it away.",
    errno.ELOOP: "Symbolic links inside a repository are not followed: put the real file or folder there.",
    errno.ENOENT: "Check the path and whether its file system is mounted.",
    errno.EMFILE: "Raise the limit of open files of this process (ulimit -n).",
}
_NOT_SUPPORTED = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
_NO_HARD_LINKS = _NOT_SUPPORTED | {errno.EPERM, errno.EMLINK}
_RENAME_NOREPLACE = 1  # linux/fs.h
_AT_FDCWD = -100  # linux/fcntl.h


def explained(action: str, path: str, error: OSError) -> RepositoryError:
    """The error of a system call as one that says what to do."""
    code = error.errno or 0
    return RepositoryError(
        f"{action} {path} failed: {os.strerror(code) if code else error}.",
        hint=_HINTS.get(code, ""),
        details={"errno": errno.errorcode.get(code, str(code))},
    )


def sync_folder(path: str) -> None:
    """Make the names in a folder durable.

    File systems that cannot do this for folders (some network ones) keep names their own way.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NOT_SUPPORTED:
            raise
    finally:
        os.close(descriptor)


def hold(descriptor: int, path: str) -> bool:
    """Lock a file that is going to be written, until it is closed; False when it was removed as abandoned just before.

    The kernel lets a killed process's lock go. On a file system without locks the component's own lock has to be
    enough.
    """
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # waits only for somebody who is about to remove it
    return _still_named(descriptor, path)


def is_abandoned(descriptor: int, path: str) -> bool:
    """Whether no running process holds this file.

    Locks it: nobody can begin to hold or remove it before it is closed.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NOT_SUPPORTED | {errno.ENOLCK}:
            raise
    return _still_named(descriptor, path)


def _still_named(descriptor: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False


def move_without_overwriting(source: str, target: str) -> None:
    """Give the file its final name.

    Raises FileExistsError when that name is taken, OSError when the file system cannot do it.
    """
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        _rename_noreplace(source, target)
    else:
        os.unlink(source)


def _rename_noreplace(source: str, target: str) -> None:
    """renameat2(2), for file systems without hard links (exFAT, some network ones); Python has no call for it."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), _RENAME_NOREPLACE) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), source, None, target)


class Folders:
    """The folders of one repository, and which of them this process has made, so that it can take its own away
    again.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._made: set[str] = set()
        self._lock = threading.Lock()

    def make(self, folder: str) -> list[str]:
        """Make the folder and those above it, each with mode 0700; returns those that were not there. Raises
        RepositoryError.

        They are not durable yet: that takes time in which another run could remove them again, so it comes after a file
        is in them.
        """
        made = []
        for path in self._levels(folder):
            try:
                os.mkdir(path, 0o700)
                if path != self._root:
                    give_to_owner_of(os.path.dirname(path), path)
            except FileExistsError:
                self._check_folder(path)
            except FileNotFoundError:
                break  # another run has just removed the empty folder above; whoever makes a file here tries again
            except OSError as error:
                raise explained("Making the folder", path, error) from None
            else:
                made.append(path)
                with self._lock:
                    self._made.add(path)
        return made

    def is_made(self, folder: str) -> bool:
        """Whether this process has made the folder."""
        with self._lock:
            return folder in self._made

    def remove_made_above(self, path: str) -> None:
        """Remove the folders above a file, up to the first that this process has not made or that is not empty."""
        folder = os.path.dirname(os.path.join(self._root, path))
        while not os.path.lexists(folder) or (folder in self._made and self._removed(folder)):
            folder = os.path.dirname(folder)

    def remove_empty_above(self, path: str) -> None:
        """Remove the folders above a file, the root not, as far as they are empty."""
        for folder in _paths.parents(path):
            if not self._removed(os.path.join(self._root, folder)):
                return

    def remove_empty_below(self, folder: str) -> list[str]:
        """Remove all empty folders below this one, and itself; returns their paths inside the repository."""
        start = os.path.join(self._root, folder) if folder else self._root
        removed = []
        for path, _folders, _files in os.walk(start, topdown=False):
            if path != self._root and self._removed(path):
                removed.append(os.path.relpath(path, self._root))
        return sorted(removed)

    def _removed(self, path: str) -> bool:
        with contextlib.suppress(OSError), self._lock:
            os.rmdir(path)
            self._made.discard(path)
            return True
        return False

    def _levels(self, folder: str) -> list[str]:
        """The folders that have to be there for ``folder``, from the first missing one above the root downwards."""
        levels = [self._root]
        while not os.path.lexists(os.path.dirname(levels[0])):
            levels.insert(0, os.path.dirname(levels[0]))
        for part in folder.split("/") if folder else []:
            levels.append(os.path.join(levels[-1], part))
        return levels

    def _check_folder(self, path: str) -> None:
        """The root may be a link to a folder; inside, a link could lead out of the repository."""
        try:
            mode = (os.stat if path == self._root else os.lstat)(path).st_mode
        except FileNotFoundError:
            return  # removed since; whoever makes a file here tries again
        if not stat.S_ISDIR(mode):
            raise explained(
                "Making the folder", path, OSError(errno.ELOOP if stat.S_ISLNK(mode) else errno.ENOTDIR, "")
            )
