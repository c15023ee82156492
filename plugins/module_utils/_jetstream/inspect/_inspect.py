# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Inspects an archive: as it passes (``Inspector``), or from beginning to end (``inspect``)."""

from __future__ import annotations

import threading
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats._stretches import (
    STRETCH_BYTES,
    ArchiveReader,
    Stretch,
    Stretches,
    decode_stretch,
    digest_units,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.inspect._findings import Findings
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.inspect._spool import Spool
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.inspect._workers import Pool, Workers
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._archive import ArchiveFacts, Batch, Problem
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._digests import Digests

_NICENESS = 10  # of an inspection behind a transfer: the transfer goes first
_ALONE_STRETCHES = 2  # a short archive is not worth a process


def make_ready(pool: Pool, sizes: t.Iterable[int], processes: int) -> None:
    """Have processes wait for archives of these sizes in bytes, inspected at the same time."""
    groups = sum(size > _ALONE_STRETCHES * STRETCH_BYTES for size in sizes)
    if groups:
        pool.prepare(groups, max(processes, 1), _NICENESS)


def inspect(
    pieces: t.Iterable[bytes], stream: str, *, processes: int = 1, temporary_dir: str | None = None
) -> tuple[ArchiveFacts, Digests]:
    """Read an archive to its end, with this process alone or with several others.

    Never raises for damage: it is in ``facts.problems``.
    """
    findings = Findings(stream, temporary_dir)
    work = _Work(stream, findings, processes if processes > 1 else 0)
    try:
        work.run(pieces)
        return findings.conclude(), findings.digests
    finally:
        work.close()
        findings.close()


class Inspector:
    """Inspects an archive behind a transfer, in other processes, without slowing it down.

    ``feed`` takes a piece and returns at once; when the inspection falls behind, pieces wait in a temporary file
    without a name, in
    ``temporary_dir``. Processes come from ``pool``, if there is one, for the next archive to use them, too. Call
    ``close`` in any case.
    """

    def __init__(
        self, stream: str, *, processes: int = 1, temporary_dir: str | None = None, pool: Pool | None = None
    ) -> None:
        self.digests: Digests
        self._stream = stream
        self._spool = Spool(temporary_dir)
        self._findings = Findings(stream, temporary_dir)
        self._inspection = _Work(stream, self._findings, max(processes, 1), _NICENESS, pool)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name=f"inspect {stream}", daemon=True)
        self._thread.start()

    def feed(self, piece: bytes) -> None:
        """Take the next piece of the archive. Raises LifeboatError when it can be put nowhere."""
        try:
            self._spool.put(piece)
        except OSError as error:
            raise LifeboatError(
                f"What waits to be inspected of the snapshot of {self._stream} could not be put into a temporary "
                f"file: {error.strerror}.",
                hint="Make room in the folder for temporary files, or name another one.",
            ) from error

    def finish(self) -> ArchiveFacts:
        """The archive has ended: wait for the inspection.

        Raises LifeboatError when it could not be done; damage is in ``problems``.
        """
        self._spool.end()
        self._thread.join()
        try:
            if isinstance(self._error, LifeboatError):
                raise self._error
            if self._error is not None:
                raise LifeboatError(
                    f"The snapshot of {self._stream} could not be inspected: {self._error!r}"
                ) from self._error
            self.digests = self._findings.digests
            return self._findings.conclude()
        finally:
            self.close()

    def close(self) -> None:
        """End at once, and free everything but ``digests``."""
        self._spool.close()
        self._inspection.close()
        self._thread.join()
        self._findings.close()

    def _work(self) -> None:
        try:
            self._inspection.run(self._spool.pieces())
        except BaseException as error:  # it belongs to the thread that asks for the result
            self._error = error


class _Work:
    """Cuts the archive into stretches, and has them read here or by other processes."""

    def __init__(
        self, stream: str, findings: Findings, processes: int, niceness: int = 0, pool: Pool | None = None
    ) -> None:
        self._niceness = niceness
        self._pool = pool
        self._stream = stream
        self._findings = findings
        self._processes = processes  # 0: none but this one
        self._reader = ArchiveReader(stream)
        self._stretches = Stretches()
        self._held: list[Stretch] = []  # the first stretches, while it is not known whether more will come
        self._workers: Workers | None = None
        self._lock = threading.Lock()
        self._closed = False

    def run(self, pieces: t.Iterable[bytes]) -> None:
        """Read it all. Raises LifeboatError when a process failed."""
        damage: Problem | None = None
        for piece in pieces:
            if damage is None:  # else the source is read to its end all the same
                damage = self._cut(piece)
        self._give(self._stretches.rest())
        if damage is None:
            damage = self._cut_off()
        self._end()
        if damage is not None:
            self._findings.note(damage)

    def close(self) -> None:
        """End the processes, if there are any."""
        with self._lock:
            self._closed = True
            workers, self._workers = self._workers, None
        if workers is not None:
            workers.close()

    def _cut(self, piece: bytes) -> Problem | None:
        try:
            for stretch in self._stretches.feed(piece):
                self._give(stretch)
        except DamagedError as error:
            return Problem("format", None, error.message)
        return None

    def _cut_off(self) -> Problem | None:
        try:
            self._stretches.finish()
        except DamagedError as error:
            return Problem("truncated", None, error.message)
        return None

    def _give(self, stretch: Stretch) -> None:
        if self._workers is not None:
            self._workers.give(stretch)
        elif self._processes == 0:
            self._read_here(stretch)
        else:
            self._held.append(stretch)
            if len(self._held) > _ALONE_STRETCHES:
                self._start()

    def _start(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._workers = workers = Workers(
                self._stream, self._processes, self._findings.take, self._niceness, self._pool
            )
        held, self._held = self._held, []
        for stretch in held:
            workers.give(stretch)

    def _end(self) -> None:
        for stretch in self._held if not self._closed else ():
            self._read_here(stretch)
        if self._workers is not None:
            self._workers.finish()

    def _read_here(self, stretch: Stretch) -> None:
        batch = Batch()
        plain, problem = decode_stretch(memoryview(b"".join(stretch.parts)), stretch.offset)
        digest_units(self._reader.read(plain, problem, batch), self._stream, batch)
        self._findings.take(batch)
