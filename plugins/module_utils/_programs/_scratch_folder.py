# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The private folder of a scratch server, whatever the store: locked as long as its owner lives, removed afterwards.

A folder left over by a killed process is removed by the next one, of any store: nobody holds its lock.
"""

from __future__ import annotations

import fcntl
import glob
import os
import shutil
import tempfile
import time
import types

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError

PREFIX = "lifeboat-scratch-"
NAME_BYTES = len(PREFIX) + 8
KEPT = "kept"  # a folder with this file belongs to its user, and is never taken for abandoned
_REMOVE_SECONDS = 10.0


class ScratchFolder:
    """A folder (0700) of our own in ``base_dir``. Use it as a context manager: leaving it removes the folder.

    ``needed_bytes`` have to be free there; ``what`` is what will fill it, for the error that says that they are not.
    """

    def __init__(self, base_dir: str, *, needed_bytes: int = 0, what: str = "what is restored") -> None:
        self.path = ""
        self._base_dir = base_dir
        self._needed_bytes = needed_bytes
        self._what = what
        self._lock = -1
        self._kept = False

    def __enter__(self) -> ScratchFolder:
        remove_abandoned(self._base_dir)
        try:
            self._make()
        except OSError as error:
            self.__exit__(None, None, None)
            raise LifeboatError(
                f"The scratch folder {self._base_dir} cannot be used: {error.strerror}.",
                hint="Name a folder that this user may write to in scratch_dir.",
            ) from None
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        if self.path and not self._kept:
            _remove(self.path)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def keep(self) -> None:
        """From now on it is its user's: neither we nor a later run remove it. Raises OSError."""
        with open(f"{self.path}/{KEPT}", "w", encoding="ascii"):
            pass
        self._kept = True

    def take_back(self) -> None:
        """It is ours again, and goes as we leave."""
        self._kept = False

    def _make(self) -> None:
        free = shutil.disk_usage(self._base_dir).free
        if free < self._needed_bytes:
            raise LifeboatError(
                f"The scratch folder {self._base_dir} has {free} bytes free; {self._what} needs about "
                f"{self._needed_bytes}.",
                hint="Name a larger file system in scratch_dir. Nothing has been restored.",
            )
        unlocked = tempfile.mkdtemp(prefix=f".{PREFIX}", dir=self._base_dir)
        self.path = unlocked
        self._lock = os.open(f"{unlocked}/.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        locked = os.path.join(self._base_dir, PREFIX + unlocked[-8:])
        os.rename(unlocked, locked)  # only under this name can another run see it, and by now it is locked
        self.path = locked


def remove_abandoned(base_dir: str) -> None:
    """Remove scratch folders whose owner is gone: nobody holds their lock."""
    for folder in glob.glob(os.path.join(glob.escape(base_dir), f"{PREFIX}*")):
        if os.path.exists(f"{folder}/{KEPT}"):
            continue
        try:
            descriptor = os.open(f"{folder}/.lock", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:  # it had a lock before it had this name, so somebody began to remove it
            _remove(folder)
            continue
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(folder)
        except OSError:
            continue
        finally:
            os.close(descriptor)


def _remove(folder: str) -> None:
    """Remove the folder, whatever the last processes of a killed server still write into it."""
    end = time.monotonic() + _REMOVE_SECONDS
    shutil.rmtree(folder, ignore_errors=True)
    while os.path.lexists(folder) and time.monotonic() < end:  # after that the next run finds it
        time.sleep(0.02)
        shutil.rmtree(folder, ignore_errors=True)
