# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Times processes as a whole, and looks at how much memory they take."""

from __future__ import annotations

import collections.abc
import dataclasses
import os
import pathlib
import re
import subprocess
import tempfile
import threading
import time
import typing as t

_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)
_LOOK_SECONDS = 0.02


class MeasureError(Exception):
    """Something that was to be measured did not work."""


@dataclasses.dataclass(frozen=True)
class Run:
    """One process from start to end: seconds of the wall clock, peak of the resident memory of the process itself, and what it printed."""

    seconds: float
    peak_bytes: int
    output: str


def run(command: t.Sequence[str], environment: t.Mapping[str, str], *, stdin: str = "") -> Run:
    """Run it to its end. Raises MeasureError with the end of its output when it fails."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        given.write(stdin.encode())
        given.seek(0)
        began = time.perf_counter()
        process = subprocess.Popen(command, stdin=given, stdout=output, stderr=errors, env=environment)
        watch = _Watch(process)
        try:
            process.wait()
            seconds = time.perf_counter() - began
        finally:
            if process.poll() is None:
                process.terminate()  # a module cleans up; a shell's children end with its pipes
                process.wait()
            watch.stop()
        said, complaint = _text(output), _text(errors)
    if process.returncode:
        raise MeasureError(f"{os.path.basename(command[0])} ended with {process.returncode}: {complaint[-600:] or said[-600:]}")
    return Run(seconds, watch.peak_bytes, said)


class _Watch:
    """Reads the kernel's high-water mark of one process (proc(5): VmHWM) while it runs; a child's memory is not in it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.peak_bytes = 0
        self._status = pathlib.Path(f"/proc/{process.pid}/status")
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(_LOOK_SECONDS):
            try:
                found = _PEAK.search(self._status.read_text(encoding="ascii", errors="replace"))
            except OSError:
                return
            if found:
                self.peak_bytes = max(self.peak_bytes, int(found.group(1)) * 1024)


def _text(file: t.IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace").strip()


@dataclasses.dataclass(frozen=True)
class Contestant:
    """One way of doing a piece of work. ``work`` does it once and gives what was measured; it prepares and tidies up outside of that."""

    name: str
    work: collections.abc.Callable[[], Run]


def take_turns(
    contestants: t.Sequence[Contestant], rounds: int, say: collections.abc.Callable[[str], None]
) -> dict[str, list[Run]]:
    """Each once to warm up, then A B C, A B C, A B C: whatever the machine does meanwhile happens to all of them."""
    runs: dict[str, list[Run]] = {contestant.name: [] for contestant in contestants}
    for number in range(rounds + 1):
        for contestant in contestants:
            done = contestant.work()
            say(f"  {'warm-up' if number == 0 else f'round {number}'}   {contestant.name:<46} {done.seconds:8.2f} s")
            if number:
                runs[contestant.name].append(done)
    return runs
