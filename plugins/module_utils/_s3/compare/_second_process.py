# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Half of a walk, in a process of its own: the threads of one Python share one processor, which reads some 200,000
pairs a second.

The process is given the credentials through a pipe, walks the ranges that it is given as any walk does, and tells twice
a second how far it is. It ends when its pipe does, so nothing is left behind when the module is killed.
"""

from __future__ import annotations

import dataclasses
import multiprocessing.connection
import os
import signal
import threading
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency import _own_process
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._memory import suited_to_a_walk
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Stoppable
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, RepositoryError
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._listing import Lister, Requests
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._comparison import comparison
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._pair import Walk
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._second import WalkHelper
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._tally import Rules, Tally

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._shards import Range
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_client import S3Settings

_TELL_SECONDS = 0.5


@dataclasses.dataclass(frozen=True)
class Share:
    """What the other process has to know. ``sides`` are role, settings and the number of connections that are kept."""

    sides: tuple[tuple[str, S3Settings, int], ...]
    prefix: str
    level: str
    delete_markers: bool
    rules: Rules
    parallel: int
    seconds: float


class SecondProcess(WalkHelper):
    """The other process, as the walk sees it. ``requests`` gets its requests, ``advance`` its rows."""

    def __init__(self, share: Share, requests: Requests, advance: t.Callable[[int], None]) -> None:
        self._share = share
        self._requests = requests
        self._advance = advance
        self._lock = threading.Lock()
        self._process: _own_process.OwnProcess | None = None
        self._started = False
        self._ready = threading.Event()
        self._ended = threading.Event()
        self._left: list[Range] = []
        self._tally = Tally()
        self._rows = 0
        self._done = False  # it has told the end of its work; any other end is none
        self._error: LifeboatError | None = None

    @property
    def ready(self) -> bool:
        """It waits for its ranges."""
        return self._ready.is_set() and not self._ended.is_set()

    @property
    def ended(self) -> bool:
        """It has done what it was given, or failed."""
        return self._ended.is_set()

    def start(self) -> None:
        """Begin to start it. Where it cannot be started, the walk goes on alone."""
        if self._started:
            return
        self._started = True
        try:
            self._process = _own_process.start(__name__)
        except OSError:
            self._ended.set()
            return
        inbox = _connection(self._process.stdout.fileno(), writable=False)
        threading.Thread(target=self._listen, args=(inbox,), name="second process", daemon=True).start()
        self._send(self._share)

    def take(self, ranges: t.Sequence[Range]) -> None:
        """Give it what it has to walk."""
        with self._lock:
            self._left = list(ranges)
        self._send(list(ranges))

    def widen(self) -> None:
        """It may use as many requests at a time as both together."""
        self._send("widen")

    def state(self) -> tuple[list[Range], Tally]:
        """What it has left, and what it has found, of one moment not long ago."""
        with self._lock:
            return self._left, self._tally

    def result(self) -> Tally:
        """What it has found, once it has ended. Raises LifeboatError when it failed."""
        if not self._done:
            raise self._error or self._lost()
        return self._tally

    def close(self) -> None:
        """End it at once, if it still runs."""
        if self._process is not None:
            self._process.kill()
            self._ended.wait()
            self._process.close()

    def _send(self, thing: object) -> None:
        if self._process is None:
            return
        try:
            _connection(self._process.stdin.fileno(), readable=False).send(thing)
        except OSError:
            return  # it has ended, which is told where it is waited for

    def _listen(self, inbox: t.Any) -> None:
        try:
            while not self._ended.is_set():
                self._take_message(inbox.recv())
        except (EOFError, OSError):
            pass  # it has ended, which is no good end unless it said so before
        finally:
            self._ended.set()

    def _take_message(self, message: tuple[str, t.Any]) -> None:
        kind, content = message
        if kind == "ready":
            self._ready.set()
        elif kind == "failed":
            self._error = RepositoryError(content["message"], hint=content["hint"], details=content["details"])
            self._ended.set()
        else:
            with self._lock:
                self._left, self._tally = content["left"], Tally.from_dict(content["tally"])
            self._advance(content["rows"] - self._rows)
            self._rows = content["rows"]
            if kind == "done":
                for name, count in content["requests"].items():
                    self._requests.add(name, count)
                self._done = True
                self._ended.set()

    def _lost(self) -> LifeboatError:
        lines = self._process.words().splitlines() if self._process else []
        return LifeboatError(
            f"The second process of the comparison ended too early{': ' + lines[-1] if lines else '.'}",
            hint="Look for a lack of memory on this host, then start again, with state_file to go on from there.",
        )


def _connection(descriptor: int, *, readable: bool = True, writable: bool = True) -> t.Any:
    """Python's own framing of pickled things. The descriptor is a duplicate, which is closed with the connection."""
    return multiprocessing.connection.Connection(os.dup(descriptor), readable=readable, writable=writable)


def main() -> None:
    """What the other process does until its pipe ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with the module that started it
    inbox, outbox = _connection(0, writable=False), _connection(1, readable=False)
    try:
        share: Share = inbox.recv()
        half = _Half(share, outbox)
        with suited_to_a_walk():
            outbox.send(("ready", None))
            ranges: list[Range] = inbox.recv()
            threading.Thread(target=_obey, args=(inbox, half.walk), daemon=True).start()
            half.work(ranges)
    except (EOFError, BrokenPipeError):
        return


def _obey(inbox: t.Any, walk: Walk) -> None:
    try:
        while True:
            inbox.recv()  # the one thing that is ever said
            walk.widen()
    except (EOFError, OSError):
        os._exit(1)  # nobody waits for the result


class _Half:
    """The walk in the other process, and what is told of it."""

    def __init__(self, share: Share, outbox: t.Any) -> None:
        self._outbox = outbox
        self._requests = Requests()
        self._rows = 0
        self._counting = threading.Lock()
        stopped = threading.Event()
        sides = [Side(role, settings, {}, connections) for role, settings, connections in share.sides]
        self._clients = [side.client for side in sides]  # made before anybody waits for them
        source, destination = (
            Lister(side, share.prefix, self._requests, versions=share.level == "versions", stopped=stopped)
            for side in sides
        )
        self.walk = Walk(
            source,
            destination,
            comparison(share.level, share.delete_markers, share.rules),
            share.rules,
            parallel=share.parallel,
            at_a_time=share.parallel // 2,
            deadline=Stoppable(share.seconds, stopped),
            stopped=stopped,
            advance=self._count,
        )

    def work(self, ranges: t.Sequence[Range]) -> None:
        """Walk, and tell the end."""
        done = threading.Event()
        teller = threading.Thread(target=self._tell, args=(done,), daemon=True)
        teller.start()
        message: tuple[str, dict[str, t.Any]]
        try:
            self.walk.run(ranges)
            message = ("done", {**self._told(), "requests": self._requests.to_dict()})
        except LifeboatError as error:
            message = ("failed", {"message": error.message, "hint": error.hint, "details": error.details})
        done.set()
        teller.join()
        self._outbox.send(message)

    def _count(self, rows: int) -> None:
        with self._counting:
            self._rows += rows

    def _told(self) -> dict[str, t.Any]:
        left, tally = self.walk.parts()
        return {"left": left, "tally": tally.to_dict(), "rows": self._rows}

    def _tell(self, done: threading.Event) -> None:
        while not done.wait(_TELL_SECONDS):
            self._outbox.send(("state", self._told()))
