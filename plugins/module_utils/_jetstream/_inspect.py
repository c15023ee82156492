# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Inspects an archive: as it passes (``Inspector``), or from beginning to end (``inspect``)."""

from __future__ import annotations

import threading
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._errors import DamagedError, LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream._archive import ArchiveFacts, Batch, Problem
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream._digests import Digests
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream._findings import Findings
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream._s2 import Chunk
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream._spool import Spool
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream._stretches import (
    ArchiveReader,
    Stretches,
    decode_stretch,
    digest_units,
)


def inspect(pieces: t.Iterable[bytes], stream: str, *, processes: int = 1) -> tuple[ArchiveFacts, Digests]:
    """Read an archive to its end. Never raises for damage: it is in ``facts.problems``."""
    findings = Findings(stream)
    try:
        _in_this_process(pieces, stream, findings)
        return findings.conclude(), findings.digests
    finally:
        findings.close()


def _in_this_process(pieces: t.Iterable[bytes], stream: str, findings: Findings) -> None:
    stretches, reader = Stretches(), ArchiveReader(stream)

    def take(chunks: list[Chunk]) -> None:
        batch = Batch()
        plain, problem = decode_stretch(chunks)
        digest_units(reader.read(plain, problem, batch), stream, batch)
        findings.take(batch)

    damage: Problem | None = None
    for piece in pieces:
        if damage is None:
            try:
                for chunks in stretches.feed(piece):
                    take(chunks)
            except DamagedError as error:
                damage = Problem("format", None, error.message)
    take(stretches.rest())
    if damage is None:
        try:
            stretches.finish()
        except DamagedError as error:
            damage = Problem("truncated", None, error.message)
    if damage is not None and not reader.stopped:
        findings.note(damage)


class Inspector:
    """Inspects an archive behind a transfer, without slowing it down.

    ``feed`` takes a piece and returns at once; when the inspection falls behind, pieces wait in a temporary file without a name.
    """

    def __init__(self, stream: str, *, processes: int = 1, temporary_dir: str | None = None) -> None:
        self.digests: Digests
        self._stream = stream
        self._spool = Spool(temporary_dir)
        self._findings = Findings(stream, temporary_dir)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name=f"inspect {stream}", daemon=True)
        self._thread.start()

    def feed(self, piece: bytes) -> None:
        """Take the next piece of the archive."""
        self._spool.put(piece)

    def finish(self) -> ArchiveFacts:
        """The archive has ended: wait for the inspection. Raises LifeboatError when it could not be done; damage is in ``problems``."""
        self._spool.end()
        self._thread.join()
        try:
            if self._error is not None:
                raise LifeboatError(f"The snapshot of {self._stream} could not be inspected: {self._error}") from self._error
            self.digests = self._findings.digests
            return self._findings.conclude()
        finally:
            self.close()

    def close(self) -> None:
        """End at once, and free everything but ``digests``."""
        self._spool.close()
        self._thread.join()
        self._findings.close()

    def _work(self) -> None:
        try:
            _in_this_process(self._spool.pieces(), self._stream, self._findings)
        except BaseException as error:  # it belongs to the thread that asks for the result
            self._error = error
