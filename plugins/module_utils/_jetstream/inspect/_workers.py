# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Processes that inspect one archive together, and the next one after it.

Stretch n goes to process n modulo their number, and its batch comes back from there, so batches arrive in order without
being numbered. The small state between two stretches goes round among the processes themselves. They end when their
pipes do, so nothing is left behind when the module is killed.

A stretch goes through the pipe as it came from the server: nothing is pickled, joined or copied on its way.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pickle
import signal
import struct
import threading
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency import _own_process
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._memory import suited_to_a_transfer
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats._stretches import (
    ArchiveReader,
    Stretch,
    decode_stretch,
    digest_units,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._archive import Batch

_LENGTH = struct.Struct("<Q")
_FRAME = struct.Struct(
    "<QQHBB"
)  # of a stretch: its size, where it begins, size of the stream's name, whether it is the first, the last
_PARTS_AT_ONCE = 512  # half of IOV_MAX
_PIPE_BYTES = 1 << 20  # the most that a user may ask for (pipe(7))
_SET_PIPE_SIZE = 1031  # fcntl(2); Python names it since 3.10


class Group:
    """The processes. One archive has them at a time."""

    def __init__(self, count: int, niceness: int = 0) -> None:
        """Start them.

        ``niceness``: by how much they stand back behind others who want the processor. Raises LifeboatError.
        """
        self.processes: list[_own_process.OwnProcess] = []
        ring = [os.pipe() for _worker in range(count)] if count > 1 else []
        ends = [fd for pair in ring for fd in pair]
        try:
            for number in range(count):
                fds = (ring[number][0], ring[(number + 1) % count][1]) if ring else (-1, -1)
                process = _own_process.start(__name__, number, niceness, *fds, pass_fds=[fd for fd in fds if fd >= 0])
                self.processes.append(process)
                with contextlib.suppress(OSError):  # fewer bytes at a time do, too
                    fcntl.fcntl(process.stdin, _SET_PIPE_SIZE, _PIPE_BYTES)
        except OSError as error:
            self.close()
            raise LifeboatError(f"No process could be started to inspect a snapshot: {error}") from error
        finally:
            for fd in ends:
                os.close(fd)

    def runs(self) -> bool:
        """Whether all are there."""
        return all(process.poll() is None for process in self.processes)

    def kill(self) -> None:
        """End them; what reads from them sees the end."""
        for process in self.processes:
            process.kill()
            process.wait()

    def words(self) -> str:
        """What those that failed said."""
        return "\n".join(filter(None, (process.words() for process in self.processes)))

    def close(self) -> None:
        """End them, and close everything."""
        self.kill()
        for process in self.processes:
            with contextlib.suppress(OSError):  # a stretch that was never taken is thrown away
                process.close()


class Pool:
    """Groups that wait for their next archive: a new Python takes a quarter of a second to start.

    Use it as a context manager.
    """

    def __init__(self) -> None:
        self._idle: list[Group] = []
        self._lock = threading.Lock()
        self._closed = False

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_how: object) -> None:
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for group in idle:
            group.close()

    def prepare(self, groups: int, count: int, niceness: int) -> None:
        """Let so many groups of ``count`` wait: they start while the first archive is asked for.

        Raises LifeboatError.
        """
        while sum(len(group.processes) == count for group in self._idle) < groups:
            self._idle.append(Group(count, niceness))

    def take(self, count: int, niceness: int) -> Group:
        """A group that waits, or a new one.

        All who ask for ``count`` want the same ``niceness``. Raises LifeboatError.
        """
        group = self._waiting(count)
        while group is not None and not group.runs():
            group.close()
            group = self._waiting(count)
        return group or Group(count, niceness)

    def give_back(self, group: Group) -> None:
        """One that has done all that it was given."""
        with self._lock:
            if not self._closed:
                self._idle.append(group)
                return
        group.close()

    def _waiting(self, count: int) -> Group | None:
        with self._lock:
            group = next((group for group in self._idle if len(group.processes) == count), None)
            if group is not None:
                self._idle.remove(group)
            return group


class Workers:
    """Gives the stretches of one archive to a group; a thread of its own hands the batches to ``take``.

    ``pool``: where the group comes from, and goes back to when the archive has been read to its end.
    """

    def __init__(
        self, stream: str, count: int, take: t.Callable[[Batch], None], niceness: int = 0, pool: Pool | None = None
    ) -> None:
        self._name = stream.encode()
        self._take = take
        self._pool = pool
        self._held: Stretch | None = (
            None  # the newest: it may be the last, and the process that reads the last has to know
        )
        self._given = self._taken = 0
        self._ended = self._closed = False
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        self._sending = threading.Lock()
        self._group = pool.take(count, niceness) if pool else Group(count, niceness)
        self._processes = self._group.processes
        self._collector = threading.Thread(target=self._collect, name=f"inspected {stream}", daemon=True)
        self._collector.start()

    def give(self, stretch: Stretch) -> None:
        """Hand over the next stretch; waits while the process that it belongs to is two stretches behind.

        Raises LifeboatError.
        """
        held, self._held = self._held, stretch
        if held is not None:
            self._send(held, last=False)

    def finish(self) -> None:
        """All has been given: wait for the last batch. Raises LifeboatError when a process failed."""
        held, self._held = self._held, None
        if held is not None:
            self._send(held, last=True)
        self._end()
        try:
            if self._error is not None:
                raise self._failure() from self._error
        except BaseException:
            self.close()
            raise
        if self._pool is not None and self._let_go():
            self._pool.give_back(self._group)
        else:
            self.close()

    def close(self) -> None:
        """End the processes and wait for them, unless they have finished and belong to others now."""
        if not self._let_go():
            return
        self._group.kill()  # also ends a call that waits for them
        self._end()
        with self._sending:
            self._group.close()

    def _let_go(self) -> bool:
        """Whether it is for the caller to say what becomes of the group: the first who asks."""
        with self._changed:
            mine, self._closed = not self._closed, True
            return mine

    def _end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._collector.join()

    def _send(self, stretch: Stretch, *, last: bool) -> None:
        pipe = self._processes[self._given % len(self._processes)].stdin
        parts = [part for part in stretch.parts if part]
        frame = _FRAME.pack(sum(map(len, parts)), stretch.offset, len(self._name), self._given == 0, last)
        try:
            with self._sending:  # so that nobody closes the pipe meanwhile, whose number another file would have then
                _write_parts(pipe, [memoryview(frame), memoryview(self._name), *parts])
        except (OSError, ValueError):  # ValueError: closed meanwhile
            raise self._failure() from self._error
        with self._changed:
            self._given += 1
            self._changed.notify()

    def _collect(self) -> None:
        try:
            while self._another():
                process = self._processes[self._taken % len(self._processes)]
                self._take(receive(process.stdout))
                self._taken += 1
        except BaseException as error:  # it belongs to the thread that gives
            self._error = error
            for process in self._processes:
                process.kill()

    def _another(self) -> bool:
        """Wait until a batch is due; False when no more will come."""
        with self._changed:
            self._changed.wait_for(lambda: self._taken < self._given or self._ended)
            return self._taken < self._given

    def _failure(self) -> LifeboatError:
        said = self._group.words()
        lines = said.splitlines()
        return LifeboatError(
            f"A process that inspects the snapshot ended too early{': ' + lines[-1] if lines else '.'}",
            hint="Look for a lack of memory on this host, then start again.",
            details={"stderr": said},
        )


def send(pipe: t.IO[bytes], thing: t.Any) -> None:
    """Write one thing, so that ``receive`` gets it. Only between processes of one module: it is pickled."""
    data = pickle.dumps(thing, protocol=5)
    _write_parts(pipe, [memoryview(_LENGTH.pack(len(data))), memoryview(data)])


def _write_parts(pipe: t.IO[bytes], parts: list[memoryview]) -> None:
    for first in range(0, len(parts), _PARTS_AT_ONCE):
        some = parts[first : first + _PARTS_AT_ONCE]
        while some:
            count = os.writev(pipe.fileno(), some)
            while some and count >= len(some[0]):
                count -= len(some.pop(0))
            if count:
                some[0] = some[0][count:]


def receive(pipe: t.IO[bytes]) -> t.Any:
    """The next thing. Raises EOFError when the other side has ended."""
    (size,) = _LENGTH.unpack(_exactly(pipe, _LENGTH.size))
    return pickle.loads(_exactly(pipe, size))


def _exactly(pipe: t.IO[bytes], size: int) -> bytearray:
    data = bytearray(size)
    _fill(pipe, memoryview(data))
    return data


def _fill(pipe: t.IO[bytes], rest: memoryview) -> None:
    while rest:
        count = t.cast("t.Any", pipe).readinto(rest)
        if not count:
            raise EOFError
        rest = rest[count:]


def main(number: int, niceness: int, state_in: int, state_out: int) -> None:
    """What a worker process does until its pipes end.

    ``number`` 0 begins; the state comes from and goes to these file descriptors.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with the module that started it
    suited_to_a_transfer()
    with contextlib.suppress(OSError):
        os.nice(niceness)
    with contextlib.ExitStack() as pipes:
        opened = [
            pipes.enter_context(open(fd, mode, buffering=0))
            for fd, mode in ((0, "rb"), (1, "wb"), (state_in, "rb"), (state_out, "wb"))
            if fd >= 0
        ]
        with contextlib.suppress(EOFError, BrokenPipeError):
            _serve(*opened)


def _serve(
    requests: t.IO[bytes], results: t.IO[bytes], source: t.IO[bytes] | None = None, target: t.IO[bytes] | None = None
) -> None:
    """Read stretch after stretch. Ends with EOFError or BrokenPipeError."""
    reader: ArchiveReader | None = None
    buffer = memoryview(bytearray(0))  # used again and again: fresh memory costs more than what is done with it
    while True:
        size, offset, name_size, first, last = _FRAME.unpack(_exactly(requests, _FRAME.size))
        stream = _exactly(requests, name_size).decode()
        if size > len(buffer):
            buffer = memoryview(bytearray(size))
        _fill(requests, buffer[:size])
        plain, problem = decode_stretch(buffer[:size], offset)
        if first:
            reader = ArchiveReader(stream)
        elif source is not None:
            reader = t.cast("ArchiveReader", receive(source))
        if reader is None:
            raise AssertionError("the first stretch of an archive comes before the others")
        batch = Batch()
        units = reader.read(plain, problem, batch)
        if target is not None and not last:  # nobody would take it
            send(target, reader)
        digest_units(units, stream, batch)
        send(results, batch)
