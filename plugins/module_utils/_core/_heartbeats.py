# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Heartbeats: a counter that is written into a store every few seconds, and published outside of it. One store: a port.

The counter is the number of the time slot, so the counters of several stores can be compared without anybody who hands
them out. What is published says also when the writer tried last: a writer that is dead, and a store that is dead, look
the same in the counter, and only the second one says how much was lost.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import os
import signal
import stat
import sys
import threading
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json

SCHEMA = "lifeboat.heartbeat/1"
_ISO = "%Y-%m-%dT%H:%M:%SZ"
_USAGE = "usage: lifeboat-heartbeat --config FILE"


class Beater(t.Protocol):
    """A store that takes heartbeats."""

    def beat(self, counter: int) -> dict[str, t.Any]:
        """Write the counter, and give what is published of it: ``at`` (ISO 8601) at least. Raises LifeboatError."""

    def close(self) -> None:
        """End the connection, if there is one; the next beat makes a new one."""


BeaterOf = t.Callable[[t.Mapping[str, t.Any], t.Mapping[str, t.Any]], Beater]


@dataclasses.dataclass(frozen=True)
class Published:
    """What the file says. ``facts`` are those of the last beat that was written; empty where there was none."""

    counter: int = 0
    tried_at: str = ""
    error: str = ""
    facts: dict[str, t.Any] = dataclasses.field(default_factory=dict)


def next_counter(last: int, now: float, every_seconds: float) -> int:
    """The number of this time slot; a clock that goes back does not make the counter go back. Pure."""
    return max(last + 1, int(now // every_seconds))


def read_published(path: str) -> Published:
    """What was published; nothing where the file is not there, or not whole."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, OverflowError):
        with open(path, encoding="utf-8") as file:
            found = read_json(file.read())
        if found["schema"] == SCHEMA:
            return Published(int(found["counter"]), str(found["tried_at"]), str(found["error"]), dict(found["facts"]))
    return Published()


def beat_once(beater: Beater, path: str, every_seconds: float) -> Published:
    """One beat, and its publication. A store that does not take it is published, too, with the beat before."""
    before = read_published(path)
    counter = next_counter(before.counter, time.time(), every_seconds)
    try:
        facts = beater.beat(counter)
    except LifeboatError as error:
        beater.close()
        published = dataclasses.replace(before, tried_at=_now(), error=error.message)
    else:
        published = Published(counter, _now(), "", facts)
    _write(path, published)
    return published


def beat_until(beater: Beater, path: str, every_seconds: float, stopped: threading.Event) -> None:
    """A beat in every time slot, until ``stopped``. One that took longer than its slot is not made up for."""
    while not stopped.is_set():
        beat_once(beater, path, every_seconds)
        stopped.wait(every_seconds - time.time() % every_seconds)


def run_program(arguments: t.Sequence[str], beater_of: BeaterOf) -> int:
    """The program ``lifeboat-heartbeat`` of one kind of store: beats until a signal ends it. Gives the exit status.

    ``beater_of`` makes the writer out of the store's options, as the configuration file has them, and the facts that
    were published last.
    """
    if len(arguments) != 2 or arguments[0] != "--config":
        sys.stderr.write(_USAGE + "\n")
        return 2
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    try:
        options, path, every = _config(arguments[1])
        beater = beater_of(options, read_published(path).facts)
        try:
            beat_until(beater, path, every, stopped)
        finally:
            beater.close()
    except LifeboatError as error:
        sys.stderr.write(f"lifeboat-heartbeat: {error}\n")
        return 1
    return 0


def _config(path: str) -> tuple[dict[str, t.Any], str, float]:
    try:
        with open(path, encoding="utf-8") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise OptionError(f"{path} can be read by others, and may hold a password.", hint="chmod 600 it.")
            given = read_json(file.read())
        return dict(given["options"]), str(given["publish_to"]), float(given["every_seconds"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OptionError(
            f"{path} is not a configuration of lifeboat-heartbeat: {type(error).__name__}: {error}."
        ) from None


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).strftime(_ISO)


def _write(path: str, published: Published) -> None:
    """In one step; others may read it, since there is no secret in it."""
    partial = f"{path}.{os.getpid()}"
    document = {"schema": SCHEMA, **dataclasses.asdict(published)}
    try:
        with open(
            os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644), "w", encoding="utf-8"
        ) as file:
            json.dump(document, file, indent=1, sort_keys=True)
        os.replace(partial, path)
    except OSError as error:
        raise LifeboatError(
            f"The heartbeat cannot be published in {path}: {error.strerror}.",
            hint="Name a file in a folder that this account may write to, outside of the region that it is about.",
        ) from None
