# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""At most so many runs at once, kept by the repository itself, so that hosts need nothing else in common.

There are as many slots as runs may be at once. Of each slot the repository holds small files whose names say all, so
that one listing is enough to know who holds what::

    _runs/007/000000042.held        run 42 of slot 7 has it
    _runs/007/000000042.beat-3      and was alive when it wrote this
    _runs/007/000000042.free        it has ended

Whoever creates the next number of a slot that is free has it: only one can, and only if no higher number is there. The
file with the highest number of a slot is never removed before there is a higher one, so a run that looked long ago
finds it and steps back.

A holder that died writes no beat any more. It is passed over when its newest file has not changed for the length of a
lease, measured by the clock of the one who waits: no two clocks have to agree. A holder that was only asleep for so
long is one too many until it ends.
"""

from __future__ import annotations

import contextlib
import os
import platform
import random
import re
import threading
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, RepositoryError

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository

FOLDER = "_runs"  # no application can be called so
LEASE_SECONDS = 300.0
POLL_SECONDS = 3.0
_FILE = re.compile(rf"{FOLDER}/(?P<slot>\d{{3}})/(?P<number>\d{{9}})\.(?P<what>held|free|beat-\d+)")
MOST_RUNS = 999


class _Slot(t.NamedTuple):
    """The highest number of a slot, and the names of its files."""

    number: int = 0
    files: frozenset[str] = frozenset()

    @property
    def is_free(self) -> bool:
        return not self.number or any(name.endswith(".free") for name in self.files)


class RunLimit:
    """The places of one repository."""

    def __init__(
        self,
        repository: Repository,
        most: int,
        *,
        lease_seconds: float = LEASE_SECONDS,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._repository = repository
        self._most = most
        self._lease_seconds = lease_seconds
        self._poll_seconds = poll_seconds
        self._seen: dict[int, tuple[_Slot, float]] = {}  # how each slot is, and since when by our own clock

    @contextlib.contextmanager
    def place(self, deadline: Deadline, waiting: t.Callable[[], None] = lambda: None) -> t.Iterator[None]:
        """Hold one of the places. ``waiting`` is called once if none is free at first.

        Raises RepositoryError, and DeadlineError when none becomes free in time.
        """
        slot, number = self._wait(deadline, waiting)
        ended = threading.Event()
        beating = threading.Thread(target=self._beat, args=(slot, number, ended), daemon=True)
        beating.start()
        try:
            yield
        finally:
            ended.set()
            beating.join(self._lease_seconds)
            with contextlib.suppress(LifeboatError):  # the others pass over it after its lease
                self._repository.write_if_absent(_path(slot, number, "free"), b"")

    def _wait(self, deadline: Deadline, waiting: t.Callable[[], None]) -> tuple[int, int]:
        began = time.monotonic()
        said = False
        while True:
            found = self._take_one()
            if found:
                return found
            if not said:
                waiting()
                said = True
            deadline.check(f"waiting for one of the {self._most} places of {self._repository.name} (max_runs)")
            # Who has waited longer asks more often: nobody waits for ever beside others.
            patience = self._poll_seconds / (1 + (time.monotonic() - began) / (20 * self._poll_seconds))
            time.sleep(deadline.remaining(patience * random.uniform(0.5, 1.5)))

    def _take_one(self) -> tuple[int, int] | None:
        slots = self._look()
        numbers = list(range(self._most))
        random.shuffle(numbers)
        for slot in numbers:
            state = slots.get(slot, _Slot())
            if (state.is_free or self._is_dead(slot, state)) and self._take(slot, state.number + 1):
                return slot, state.number + 1
        return None

    def _take(self, slot: int, number: int) -> bool:
        holder = f"{platform.node()} process {os.getpid()}\n".encode()
        if not self._repository.write_if_absent(_path(slot, number, "held"), holder):
            return False
        older: list[str] = []
        for _again in range(2):  # a folder that is read while files come and go may show neither the old nor the new
            for path, one in self._numbers(slot):
                if one > number:  # the look was an old one
                    self._repository.remove([_path(slot, number, "held")])
                    return False
                older += [path] if one < number else []
        with contextlib.suppress(RepositoryError):  # a host that may not delete leaves them
            self._repository.remove(sorted(set(older)))
        return True

    def _numbers(self, slot: int) -> list[tuple[str, int]]:
        matches = [_FILE.fullmatch(file.path) for file in self._repository.list_files(f"{FOLDER}/{slot:03d}")]
        return [(match[0], int(match["number"])) for match in matches if match]

    def _look(self) -> dict[int, _Slot]:
        """The slots as they are, remembered with the time at which each was first seen so."""
        files: dict[int, dict[int, set[str]]] = {}
        for file in self._repository.list_files(FOLDER):
            match = _FILE.fullmatch(file.path)
            if match:
                files.setdefault(int(match["slot"]), {}).setdefault(int(match["number"]), set()).add(file.path)
        slots = {slot: _Slot(max(numbers), frozenset(numbers[max(numbers)])) for slot, numbers in files.items()}
        now = time.monotonic()
        for slot, state in slots.items():
            if self._seen.get(slot, (None, now))[0] != state:
                self._seen[slot] = (state, now)
        return slots

    def _is_dead(self, slot: int, state: _Slot) -> bool:
        return time.monotonic() - self._seen[slot][1] > self._lease_seconds and self._seen[slot][0] == state

    def _beat(self, slot: int, number: int, ended: threading.Event) -> None:
        last = ""
        count = 0
        while not ended.wait(self._lease_seconds / 5):
            count += 1
            path = _path(slot, number, f"beat-{count}")
            with contextlib.suppress(LifeboatError):  # the next one may work
                self._repository.write_if_absent(path, b"")
                if last:
                    self._repository.remove([last])
                last = path


def _path(slot: int, number: int, what: str) -> str:
    return f"{FOLDER}/{slot:03d}/{number:09d}.{what}"
