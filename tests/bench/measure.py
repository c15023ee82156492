# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Times processes as a whole, and looks at how much memory they take."""

from __future__ import annotations

import collections.abc
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
import typing as t

_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)
_SHARE = re.compile(r"^Pss:\s+(\d+) kB$", re.MULTILINE)
_LOOK_SECONDS, _LOOK_FAMILY_SECONDS = 0.02, 0.05
_MODULES = "ansible_collections.lifeboat.dr.plugins.modules"

_OURS = ("pg_backup", "pg_restore of lifeboat.dr", "jetstream_snapshot", "s3_replication")

collections_of_modules: pathlib.Path | None = None
"""Where modules are taken from instead of from the environment that they are run with; see against.py."""


class MeasureError(Exception):
    """Something that was to be measured did not work."""


@dataclasses.dataclass(frozen=True)
class Run:
    """One process from start to end: seconds of the wall clock, peak of the resident memory of the process itself, and
    what it printed.

    ``cpu_seconds`` are those of the processor, with all processes that it started: they change less with what else the
    machine does. 0 where they are not measured.
    ``work`` is how much it did, in a unit that its rows name. ``parts`` are other moments on the way, in seconds from
    the start, by name.
    """

    seconds: float
    peak_bytes: int
    output: str
    cpu_seconds: float = 0.0
    work: float = 1.0
    parts: t.Mapping[str, float] = dataclasses.field(default_factory=dict)


def run(command: t.Sequence[str], environment: t.Mapping[str, str], *, stdin: str = "", family: bool = False) -> Run:
    """Run it to its end.

    Raises MeasureError with the end of its output when it fails. ``family``: its children's memory counts, too.
    """
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        given.write(stdin.encode())
        given.seek(0)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.perf_counter()
        process = subprocess.Popen(command, stdin=given, stdout=output, stderr=errors, env=environment)
        watch = _Watch(process, family)
        try:
            process.wait()
            seconds = time.perf_counter() - began
        finally:
            if process.poll() is None:
                process.terminate()  # a module cleans up; a shell's children end with its pipes
                process.wait()
            watch.stop()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        said, complaint = _text(output), _text(errors)
    if process.returncode:
        raise MeasureError(
            f"{os.path.basename(command[0])} ended with {process.returncode}: {complaint[-600:] or said[-600:]}"
        )
    return Run(seconds, watch.peak_bytes, said, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def run_module(
    name: str, arguments: t.Mapping[str, t.Any], environment: t.Mapping[str, str], *, family: bool = False
) -> Run:
    """A module as Ansible starts it: a Python of its own, from its first import to its result."""
    given = json.dumps({"ANSIBLE_MODULE_ARGS": arguments})
    if collections_of_modules is not None:
        environment = {**environment, "PYTHONPATH": str(collections_of_modules)}
    return run([sys.executable, "-m", f"{_MODULES}.{name}"], environment, stdin=given, family=family)


class _Watch:
    """Reads the kernel's high-water mark of one process (proc(5): VmHWM) while it runs; a child's memory is not in it.

    With ``family``, it is the highest sum of what the process and all below it held at one time (proc(5): Pss of
    smaps_rollup), where what they share counts once.
    """

    def __init__(self, process: subprocess.Popen[bytes], family: bool) -> None:
        self.peak_bytes = 0
        self._pid = process.pid
        self._family = family
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(_LOOK_FAMILY_SECONDS if self._family else _LOOK_SECONDS):
            if self._family:
                now = sum(_bytes_of(pid, "smaps_rollup", _SHARE) for pid in _family(self._pid))
            else:
                now = _bytes_of(self._pid, "status", _PEAK)
            self.peak_bytes = max(self.peak_bytes, now)


def _bytes_of(pid: int, file: str, line: re.Pattern[str]) -> int:
    try:
        found = line.search(pathlib.Path(f"/proc/{pid}/{file}").read_text(encoding="ascii", errors="replace"))
    except OSError:  # it has ended
        return 0
    return int(found.group(1)) * 1024 if found else 0


def _family(pid: int) -> list[int]:
    children: list[int] = []
    for tasks in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            children += map(int, tasks.read_text(encoding="ascii").split())
    return [pid, *(one for child in children for one in _family(child))]


def _text(file: t.IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace").strip()


@dataclasses.dataclass(frozen=True)
class Contestant:
    """One way of doing a piece of work.

    ``work`` does it once and gives what was measured; it prepares and tidies up outside of that.
    """

    name: str
    work: collections.abc.Callable[[], Run]

    @property
    def is_ours(self) -> bool:
        """Whether it runs a module of this collection, which its name begins with."""
        return self.name.startswith(_OURS)


class Other(t.Protocol):
    """Other modules to run the contestants that are ours with."""

    def name(self, contestant: str) -> str:
        """What such a contestant is called."""

    def taken(self) -> contextlib.AbstractContextManager[None]:
        """They are used meanwhile."""


def with_twins(contestants: t.Sequence[Contestant], other: Other | None) -> list[Contestant]:
    """Behind each that is ours, the same with the other modules."""
    return [one for contestant in contestants for one in (contestant, _twin(contestant, other)) if one is not None]


def _twin(contestant: Contestant, other: Other | None) -> Contestant | None:
    if other is None or not contestant.is_ours:
        return None

    def work() -> Run:
        with other.taken():
            return contestant.work()

    return Contestant(other.name(contestant.name), work)


def take_turns(
    contestants: t.Sequence[Contestant],
    rounds: int,
    say: collections.abc.Callable[[str], None],
    *,
    warm_up: bool = True,
) -> dict[str, list[Run]]:
    """Each once to warm up, then A B C, A B C, A B C: whatever the machine does meanwhile happens to all of them."""
    runs: dict[str, list[Run]] = {contestant.name: [] for contestant in contestants}
    for number in range(0 if warm_up else 1, rounds + 1):
        for contestant in contestants:
            done = contestant.work()
            turn = "warm-up" if number == 0 else f"round {number}"
            processor = f"   processor {done.cpu_seconds:7.2f} s" if done.cpu_seconds else ""
            say(f"  {turn}   {contestant.name:<46} {done.seconds:8.2f} s{processor}")
            if number:
                runs[contestant.name].append(done)
    return runs
