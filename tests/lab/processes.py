# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes that a test has stand still."""

from __future__ import annotations

import os
import pathlib
import signal
import time

from tests.lab.throwaway import LabError

_SECONDS = 60.0
_STOPPED, _ENDED = "T", "ZX"


def stop(pid: int) -> None:
    """SIGSTOP. When this returns, every thread has stopped (proc_pid_stat(5)), or the process has ended.

    kill(2) returns before that: a thread that has a processor goes on for a moment, and may answer.
    """
    os.kill(pid, signal.SIGSTOP)
    end = time.monotonic() + _SECONDS
    while not all(state in _STOPPED + _ENDED for state in _states(pid)):
        if time.monotonic() > end:
            raise LabError(f"Process {pid} does not stop.")
        time.sleep(0.001)


def _states(pid: int) -> list[str]:
    found = []
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/stat"):
        try:
            found.append(path.read_text(encoding="ascii", errors="replace").rpartition(") ")[2][0])
        except (FileNotFoundError, ProcessLookupError):
            continue  # the thread has ended meanwhile
    return found
