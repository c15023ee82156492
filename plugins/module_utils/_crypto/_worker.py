# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Lets a function that reads from a file and writes to a file work on a stream of pieces, in a thread of its own."""

from __future__ import annotations

import io
import queue
import threading
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError

BUFFER_BYTES = 1 << 20
_QUEUED_PIECES = 4
_WAIT_SECONDS = 0.2  # how soon a piece that waits to be taken sees that the work has ended

Work = t.Callable[[io.BufferedReader, io.BufferedWriter], None]


class AbandonedError(Exception):
    """Nobody wants the rest. The work sees this when it reads."""


class _Finished:
    """The work has ended, well or with this error."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def transform(work: Work, pieces: t.Iterator[bytes], name: str) -> t.Iterator[bytes]:
    """What ``work`` writes while it reads ``pieces``, in pieces of about 1 MiB.

    ``pieces`` is read by whoever reads this generator, ``work`` runs in a thread. So errors of ``pieces`` come out
    unchanged, errors of
    ``work`` come out as they are, and closing this generator ends the thread at its next read.
    """
    worker = _Worker(work, name)
    try:
        for piece in pieces:
            worker.give(piece)
            yield from worker.ready()
        worker.give(None)
        yield from worker.rest()
    finally:
        worker.stop()
        close(pieces)


class _Worker:
    """Only the inbox is bounded: the work writes about as much as it reads, and what it wrote is taken before the next
    piece is given.
    """

    def __init__(self, work: Work, name: str) -> None:
        self._name = name
        self._inbox: queue.Queue[bytes | None | AbandonedError] = queue.Queue(_QUEUED_PIECES)
        self._outbox: queue.SimpleQueue[bytes | _Finished] = queue.SimpleQueue()
        self._source = _Source(self._inbox)
        self._finished = False
        self._thread = threading.Thread(target=self._run, args=(work,), name=name, daemon=True)
        self._thread.start()

    def _run(self, work: Work) -> None:
        try:
            writer = io.BufferedWriter(_Sink(self._outbox), BUFFER_BYTES)
            work(io.BufferedReader(self._source, BUFFER_BYTES), writer)
            writer.flush()
            self._outbox.put(_Finished())
        except BaseException as error:  # whatever it is belongs to the thread that reads
            self._outbox.put(_Finished(error))

    def give(self, piece: bytes | None) -> None:
        """Hand over a piece, or None for the end.

        Gives up when the thread has ended; ``ready`` and ``rest`` say why.
        """
        while self._thread.is_alive():
            try:
                self._inbox.put(piece, timeout=_WAIT_SECONDS)
                return
            except queue.Full:
                continue

    def ready(self) -> t.Iterator[bytes]:
        """What has been written by now."""
        while not self._finished:
            try:
                item = self._outbox.get_nowait()
            except queue.Empty:
                return
            yield from self._unpacked(item)

    def rest(self) -> t.Iterator[bytes]:
        """What is written until the end."""
        while not self._finished:
            yield from self._unpacked(self._outbox.get())

    def _unpacked(self, item: bytes | _Finished) -> t.Iterator[bytes]:
        if isinstance(item, bytes):
            yield item
            return
        self._finished = True
        if item.error is not None:
            raise item.error
        if not self._source.at_end:
            raise LifeboatError(f"{self._name} ended before it had read everything.")

    def stop(self) -> None:
        """End the thread at its next read, and wait for it."""
        while True:
            try:
                self._inbox.get_nowait()
            except queue.Empty:
                break
        self._inbox.put(AbandonedError())  # never waits: only this thread puts, and the inbox is empty
        self._thread.join()


class _Source(io.RawIOBase):
    """What the work reads. A C buffer stands before it, so that it is called once per MiB and not once per 8 KiB."""

    def __init__(self, inbox: queue.Queue[bytes | None | AbandonedError]) -> None:
        self.at_end = False
        self._inbox = inbox
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: t.Any) -> int:
        while not self._rest and not self.at_end:
            piece = self._inbox.get()
            if isinstance(piece, AbandonedError):
                raise piece
            self.at_end = piece is None
            self._rest = memoryview(piece or b"")
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


class _Sink(io.RawIOBase):
    """What the work writes, behind a C buffer of 1 MiB."""

    def __init__(self, outbox: queue.SimpleQueue[bytes | _Finished]) -> None:
        self._outbox = outbox

    def writable(self) -> bool:
        return True

    def write(self, buffer: t.Any) -> int:
        self._outbox.put(bytes(buffer))
        return len(buffer)
