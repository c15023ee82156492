# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""How far long work is: in a small file that others read while it runs, and in seconds and bytes per phase for its
result.

A module cannot print while it works, so it rewrites a file; the action plugin on the controller reads that file and
shows a line.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import math
import os
import threading
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import (
    format_bytes,
    format_rate,
    format_seconds,
    visible,
)

ARGUMENT_SPEC: dict[str, t.Any] = {"progress_file": {"type": "path"}}

WRITE_SECONDS = 0.5
DONE = "done"
BYTES = "bytes"

_RATE_MEMORY_SECONDS = 5.0
_BAR_CELLS = 14


@dataclasses.dataclass
class _Phase:
    """The phase that runs now. ``name`` is empty before the first one."""

    name: str
    title: str
    total: int | None
    started: float
    bytes: int = 0
    unit: str = BYTES


@dataclasses.dataclass(frozen=True)
class _Spent:
    """What a phase has cost, over all times that it ran."""

    name: str
    title: str
    seconds: float = 0.0
    bytes: int = 0


class Progress:
    """What one piece of work has done so far. Every method may be called from any thread, and none of them ever fails.

    ``path`` is the file to rewrite, None for none; ``title`` says whose work it is, such as ``shop/codex``; ``clock``
    gives seconds that never go back. The file is written when a phase begins and when the work is done, and between
    these at most every half second.
    """

    def __init__(self, path: str | None, title: str, clock: t.Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._title = title
        self._clock = clock
        self._lock = threading.Lock()  # the numbers
        self._file_lock = threading.Lock()  # the file; always taken before the numbers' lock
        self._began = clock()
        self._began_at = datetime.datetime.now(datetime.timezone.utc)
        self._current = _Phase("", "", None, self._began)
        self._spent: dict[str, _Spent] = {}
        self._rate = _Rate(self._began)
        self._next_write = self._began + WRITE_SECONDS
        self._ended = False

    def phase(self, name: str, title: str, total_bytes: int | None = None, *, unit: str = BYTES) -> None:
        """Begin a phase, and so end the one before it. ``total_bytes`` is an estimate, None where there is none.

        ``unit`` is the plural of what is counted, where that is not bytes. A phase that begins a second time adds to
        the seconds and bytes that it has cost before.
        """
        with self._lock:
            now = self._clock()
            self._spent = self._spent_until(now)
            self._current = _Phase(name, title, total_bytes, now, unit=unit)
            self._rate = _Rate(now)
            self._next_write = now + WRITE_SECONDS
            self._ended = False
        self._write(wait=True)

    def advance(self, count: int) -> None:
        """Count bytes of the phase. Costs less than a microsecond, so it may be called for every piece of a stream."""
        with self._lock:
            self._current.bytes += count
            now = self._clock()
            due = now >= self._next_write
            if due:
                self._next_write = now + WRITE_SECONDS
                self._rate.sample(now, self._current.bytes)
        if due:
            self._write(wait=False)

    def done(self) -> None:
        """The work came to a good end."""
        with self._lock:
            self._spent = self._spent_until(self._clock())
            self._ended = True
        self._write(wait=True)

    def phases(self) -> list[dict[str, t.Any]]:
        """``name``, ``title``, ``seconds`` (to the millisecond) and ``bytes`` of every phase so far, in the order of
        their begin.
        """
        with self._lock:
            spent = self._spent_until(self._clock())
        return [
            dataclasses.asdict(dataclasses.replace(phase, seconds=round(phase.seconds, 3))) for phase in spent.values()
        ]

    def snapshot(self) -> dict[str, t.Any]:
        """What the file holds, as JSON.

        ``done`` and ``total`` (None where it is not known) are of the phase, in ``unit``; ``rate`` is per second, over
        the last seconds;
        ``eta_seconds`` is None where the end of the phase cannot be told. Times are ISO 8601 in UTC.
        """
        with self._lock:
            now = self._clock()
            phase = self._current
            rate = 0.0 if self._ended else self._rate.per_second
            return {
                "title": self._title,
                "phase": DONE if self._ended else phase.name,
                "phase_title": DONE if self._ended else phase.title,
                "done": phase.bytes,
                "total": phase.total,
                "unit": phase.unit,
                "started_at": self._iso(self._began),
                "updated_at": self._iso(now),
                "rate": round(rate, 1),
                "eta_seconds": 0.0 if self._ended else _eta_seconds(phase.bytes, phase.total, rate),
            }

    def _spent_until(self, now: float) -> dict[str, _Spent]:
        """The finished phases, and the one that runs as if it ended now."""
        phase = self._current
        if self._ended or not phase.name:
            return self._spent
        before = self._spent.get(phase.name, _Spent(phase.name, phase.title))
        seconds, count = before.seconds + now - phase.started, before.bytes + phase.bytes
        return {**self._spent, phase.name: dataclasses.replace(before, seconds=seconds, bytes=count)}

    def _iso(self, moment: float) -> str:
        """Counted from the begin, so that a wall clock that is set back meanwhile does no harm."""
        wall = self._began_at + datetime.timedelta(seconds=moment - self._began)
        return wall.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def _write(self, wait: bool) -> None:
        """Rewrite the file. A thread that only reports bytes does not wait for another one that writes."""
        if self._path is None or not self._file_lock.acquire(blocking=wait):
            return
        try:
            # A backup is worth more than the news of it: what goes wrong here stays here.
            with contextlib.suppress(OSError, ValueError):
                _replace(self._path, json.dumps(self.snapshot()).encode("ascii"))
        finally:
            self._file_lock.release()


class _Rate:
    """Bytes per second, where what happened ``_RATE_MEMORY_SECONDS`` ago weighs 1/e of what happens now."""

    def __init__(self, now: float) -> None:
        self._last = now
        self._last_bytes = 0
        self._bytes = 0.0
        self._seconds = 0.0

    @property
    def per_second(self) -> float:
        return self._bytes / self._seconds if self._seconds > 0 else 0.0

    def sample(self, now: float, count: int) -> None:
        """``count`` is the sum of bytes at ``now``."""
        seconds = now - self._last
        if seconds <= 0:
            return
        keep = math.exp(-seconds / _RATE_MEMORY_SECONDS)
        self._bytes = self._bytes * keep + (count - self._last_bytes)
        self._seconds = self._seconds * keep + seconds
        self._last, self._last_bytes = now, count


def _eta_seconds(done: int, total: int | None, rate: float) -> float | None:
    """The estimated total is wrong once it is reached: then nobody knows."""
    if total is None or rate <= 0 or done >= total:
        return None
    return round((total - done) / rate, 1)


def _replace(path: str, content: bytes) -> None:
    """A reader sees the old content or the new one, never a part. Raises OSError; then no temporary file is left."""
    temporary = f"{path}.new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)  # of a process that was killed
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise


def format_line(snapshot: t.Mapping[str, t.Any], idle_seconds: float = 0.0) -> str:
    """``shop/codex  dump  [#####---------]  412 MB / ~1.1 GB  37 %   118 MB/s  ETA 6 s``, padded so that lines of one
    phase align.

    ``idle_seconds`` says for how long the numbers have been the same; then rate and ETA would be a lie, and are left
    out. A phase without an estimate shows its title instead of the bar.
    """
    done, total = int(snapshot["done"]), snapshot["total"]
    unit = str(snapshot.get("unit", BYTES))
    parts = [visible(str(snapshot["title"]))]
    if snapshot["phase"] == DONE:
        return "  ".join([*parts, DONE])
    if total:
        amount = f"{_bar(done, total)} {_amount(done, unit):>7} / ~{_amount(total, unit)}"
        parts += [visible(str(snapshot["phase"])), amount, f"{percent(done, total):>2} %"]
    else:
        parts.append(visible(str(snapshot["phase_title"])))
        if done:
            parts.append(_amount(done, unit))
    if idle_seconds:
        since = _whole_seconds(idle_seconds)
        parts.append(f"nothing moved for {since}" if done else f"{since} so far")
    else:
        if snapshot["rate"]:
            rate = snapshot["rate"]
            parts.append(f"{format_rate(rate) if unit == BYTES else f'{_amount(rate, unit)}/s':>9}")
        if snapshot["eta_seconds"]:
            parts.append(f"ETA {_whole_seconds(snapshot['eta_seconds'])}")
    return "  ".join(parts)


def _amount(count: float, unit: str) -> str:
    return format_bytes(int(count)) if unit == BYTES else f"{int(count):,} {visible(unit)}"


def percent(done: int, total: int | None) -> int:
    """Never 100, because the total is an estimate; 0 where there is none."""
    return min(99, done * 100 // total) if total else 0


def _bar(done: int, total: int) -> str:
    cells = min(_BAR_CELLS, done * _BAR_CELLS // total)
    return f"[{'#' * cells}{'-' * (_BAR_CELLS - cells)}]"


def _whole_seconds(seconds: float) -> str:
    whole = max(1, round(seconds))
    return f"{whole} s" if whole < 60 else format_seconds(whole)
