# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small file system of its own, so that a disk can really be full."""

from __future__ import annotations

import contextlib
import os
import pathlib
import subprocess
import types

from tests.lab import throwaway
from tests.lab.throwaway import MissingPrerequisiteError


class SmallDisk:
    """Use it as a context manager: a tmpfs of ``size_bytes`` at ``path``, mode 0700, owned by ``user`` (default: who
    runs the tests).

    Raises MissingPrerequisiteError where file systems cannot be mounted. There is no stand-in: a limit on a process's
    file size (RLIMIT_FSIZE) gives another error (EFBIG) than a full disk (ENOSPC) and says nothing of free space.
    """

    def __init__(self, size_bytes: int = 16 << 20, *, user: str | None = None, base_dir: str = "/var/tmp") -> None:
        self.size_bytes = size_bytes
        self._user = user
        self._base_dir = base_dir
        self._folder: throwaway.Folder | None = None

    def __enter__(self) -> SmallDisk:
        self._folder = throwaway.Folder("disk", base_dir=self._base_dir, user=self._user)
        self.path.mkdir()
        owner = os.stat(self._folder.path)
        options = f"size={self.size_bytes},mode=0700,uid={owner.st_uid},gid={owner.st_gid}"
        try:
            command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.path)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            self._folder.remove()
            raise MissingPrerequisiteError(
                "The program mount is not on this machine. Install the Debian package mount."
            ) from None
        if done.returncode:
            self._folder.remove()
            raise MissingPrerequisiteError(
                f"A file system cannot be mounted here (that takes root): {done.stderr.strip()}"
            )
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        if self._folder is not None:
            throwaway.unmount(str(self.path))
            self._folder.remove()
            self._folder = None

    @property
    def path(self) -> pathlib.Path:
        """Where it is mounted."""
        if self._folder is None:
            raise throwaway.LabError("The small disk is not there: use it inside its `with` block.")
        return pathlib.Path(self._folder.path) / throwaway.MOUNT_POINT

    @property
    def free_bytes(self) -> int:
        """What can still be written, in whole blocks."""
        facts = os.statvfs(self.path)
        return facts.f_bavail * facts.f_frsize

    def fill(self, *, leave_bytes: int = 0) -> pathlib.Path:
        """Write one file, ``ballast``, until only ``leave_bytes`` (in whole blocks) are free.

        Gives its path: remove it to make room.
        """
        ballast = self.path / "ballast"
        with contextlib.suppress(OSError), open(ballast, "wb", buffering=0) as file:
            while (left := self.free_bytes - leave_bytes) > 0:
                file.write(bytes(min(left, 1 << 20)))
        return ballast
