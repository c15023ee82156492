# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Processes that inspect one archive together.

Stretch n goes to process n modulo their number, and its batch comes back from there, so batches arrive in order without being numbered. The
small state between two stretches goes round among the processes themselves. They are started as programs, not forked: the module that
starts them has threads. They end when their pipes do, so nothing is left behind when the module is killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import signal
import struct
import subprocess
import sys
import threading
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream._archive import Batch
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream._s2 import Chunk
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream._spool import unnamed_file
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream._stretches import ArchiveReader, decode_stretch, digest_units

_LENGTH = struct.Struct("<Q")
_PROGRAM = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from {0} import main; main(sys.argv[2], *map(int, sys.argv[3:]))"
_END_SECONDS = 30.0
_SHOWN_BYTES = 2000


class Workers:
    """Gives stretches to the processes; a thread of its own hands the batches to ``take``.

    ``niceness``: by how much they stand back behind others who want the processor.
    """

    def __init__(self, stream: str, count: int, take: t.Callable[[Batch], None], niceness: int = 0) -> None:
        self._niceness = niceness
        self._take = take
        self._given = self._taken = 0
        self._ended = False
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        self._said = unnamed_file(None)
        self._processes = self._start(stream, count)
        self._collector = threading.Thread(target=self._collect, name=f"inspected {stream}", daemon=True)
        self._collector.start()

    def give(self, chunks: list[Chunk]) -> None:
        """Hand over the next stretch; waits while the process that it belongs to is two stretches behind. Raises LifeboatError."""
        process = self._processes[self._given % len(self._processes)]
        try:
            send(t.cast("t.IO[bytes]", process.stdin), chunks)
        except OSError:
            raise self._failure() from self._error
        with self._changed:
            self._given += 1
            self._changed.notify()

    def finish(self) -> None:
        """All has been given: wait for the last batch. Raises LifeboatError when a process failed."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._collector.join()
        try:
            if self._error is not None:
                raise self._failure() from self._error
        finally:
            self.close()

    def close(self) -> None:
        """End the processes and wait for them."""
        for process in self._processes:
            process.kill()
            process.wait()
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._collector.join()
        for process in self._processes:
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):  # a stretch that was never taken is thrown away
                    t.cast("t.IO[bytes]", pipe).close()
        self._said.close()

    def _start(self, stream: str, count: int) -> list[subprocess.Popen[bytes]]:
        ring = [os.pipe() for _worker in range(count)] if count > 1 else []
        processes: list[subprocess.Popen[bytes]] = []
        try:
            for number in range(count):
                fds = (ring[number][0], ring[(number + 1) % count][1]) if ring else (-1, -1)
                processes.append(self._start_one(stream, number, fds))
        except OSError as error:
            for process in processes:
                process.kill()
                process.wait()
            raise LifeboatError(f"No process could be started to inspect the snapshot of {stream}: {error}") from error
        finally:
            for fd in (fd for pair in ring for fd in pair):
                os.close(fd)
        return processes

    def _start_one(self, stream: str, number: int, fds: tuple[int, int]) -> subprocess.Popen[bytes]:
        arguments = [
            sys.executable,
            "-c",
            _PROGRAM.format(__name__),
            json.dumps(sys.path),
            stream,
            *map(str, (number, self._niceness, *fds)),
        ]
        return subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, pass_fds=[fd for fd in fds if fd >= 0], bufsize=0
        )

    def _collect(self) -> None:
        try:
            while self._another():
                process = self._processes[self._taken % len(self._processes)]
                self._take(receive(t.cast("t.IO[bytes]", process.stdout)))
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
        with contextlib.suppress(OSError):
            self._said.seek(max(0, self._said.seek(0, os.SEEK_END) - _SHOWN_BYTES))
        said = self._said.read().decode("utf-8", "replace").strip()
        lines = said.splitlines()
        return LifeboatError(
            f"A process that inspects the snapshot ended too early{': ' + lines[-1] if lines else '.'}",
            hint="Look for a lack of memory on this host, then start again.",
            details={"stderr": said},
        )


def send(pipe: t.IO[bytes], thing: t.Any) -> None:
    """Write one thing, so that ``receive`` gets it. Only between processes of one module: it is pickled."""
    data = pickle.dumps(thing, protocol=5)
    for part in (_LENGTH.pack(len(data)), data):
        rest = memoryview(part)
        while rest:
            rest = rest[pipe.write(rest) :]


def receive(pipe: t.IO[bytes]) -> t.Any:
    """The next thing. Raises EOFError when the other side has ended."""
    (size,) = _LENGTH.unpack(_exactly(pipe, _LENGTH.size))
    return pickle.loads(_exactly(pipe, size))


def _exactly(pipe: t.IO[bytes], size: int) -> bytearray:
    data = bytearray(size)
    rest = memoryview(data)
    while rest:
        count = t.cast("t.Any", pipe).readinto(rest)
        if not count:
            raise EOFError
        rest = rest[count:]
    return data


def main(stream: str, number: int, niceness: int, state_in: int, state_out: int) -> None:
    """What a worker process does until its pipes end. ``number`` 0 begins; the state comes from and goes to these file descriptors."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with the module that started it
    with contextlib.suppress(OSError):
        os.nice(niceness)
    with contextlib.ExitStack() as pipes:
        opened = [
            pipes.enter_context(open(fd, mode, buffering=0))
            for fd, mode in ((0, "rb"), (1, "wb"), (state_in, "rb"), (state_out, "wb"))
            if fd >= 0
        ]
        with contextlib.suppress(EOFError, BrokenPipeError):
            _serve(stream, ArchiveReader(stream) if number == 0 else None, *opened)


def _serve(
    stream: str,
    reader: ArchiveReader | None,
    requests: t.IO[bytes],
    results: t.IO[bytes],
    source: t.IO[bytes] | None = None,
    target: t.IO[bytes] | None = None,
) -> None:
    """Read stretch after stretch. Ends with EOFError or BrokenPipeError."""
    while True:
        plain, problem = decode_stretch(receive(requests))
        if reader is None:
            reader = t.cast("ArchiveReader", receive(t.cast("t.IO[bytes]", source)))
        batch = Batch()
        units = reader.read(plain, problem, batch)
        if target is not None:
            send(target, reader)
            reader = None
        digest_units(units, stream, batch)
        send(results, batch)
