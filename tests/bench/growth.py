# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Watches from outside how a folder fills, to know when all of a backup lay in it while the backup itself still went
on.
"""

from __future__ import annotations

import os
import pathlib
import threading
import time
import types

_LOOK_SECONDS = 0.02
_STILL_TO_COME = 2 << 20  # in the writer's buffers until its end


class Growth:
    """Use it as a context manager, around what fills the folder, which need not be there yet."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        self._seen: list[tuple[float, int]] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._began = time.perf_counter()

    def __enter__(self) -> Growth:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        self._note()

    def full_after(self) -> float:
        """Seconds until the folder held what it holds in the end, but for less than 2 MiB."""
        final = self._seen[-1][1]
        return next(seconds for seconds, size in self._seen if size >= final - _STILL_TO_COME)

    def _look(self) -> None:
        while not self._done.wait(_LOOK_SECONDS):
            self._note()

    def _note(self) -> None:
        self._seen.append((time.perf_counter() - self._began, _size_of(self._folder)))


def _size_of(folder: pathlib.Path) -> int:
    total = 0
    for path, _folders, files in os.walk(folder):
        for name in files:
            try:
                total += os.stat(os.path.join(path, name)).st_size
            except OSError:  # it was renamed in between
                continue
    return total
