# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""What stands between a server that sends a snapshot and whoever stores it: a queue, and the acknowledgements that
bound it.

A chunk is acknowledged as soon as it is here, before it is stored, as long as little waits to be stored. When more
waits, the acknowledgement waits, too: then the server sends no more than its window. But a server that gets none for
two seconds (five since 2.12.5) gives the snapshot up, so that one is sent in time, however slow the repositories are:
each lets the server send one chunk more. Only what comes this way makes the queue grow, at a chunk every second or two,
up to a limit.
"""

from __future__ import annotations

import collections
import threading
import time
import typing as t

_WAIT_SECONDS = 0.2


class Intake:
    """Filled by one thread, emptied by another. ``acknowledge`` sends acknowledgements, from either; it may be slow.

    Up to ``soft_bytes`` waiting, chunks are acknowledged at once; beyond, at the latest ``ack_seconds`` after the one
    before; beyond
    ``hard_bytes``, not at all. ``together`` acknowledgements go into one call. ``late_bytes`` is how much has to be
    acknowledged late: servers before 2.12.5 count the bytes on their way, of chunks of any size, and go on when those
    are fewer than their window.
    """

    def __init__(
        self,
        acknowledge: t.Callable[[t.Sequence[bytes]], None],
        *,
        soft_bytes: int,
        hard_bytes: int,
        ack_seconds: float,
        together: int = 1,
        late_bytes: int = 1,
        clock: t.Callable[[], float] = time.monotonic,
    ) -> None:
        self.waiting_bytes = 0
        self.most_bytes = 0
        self._acknowledge = acknowledge
        self._soft_bytes, self._hard_bytes = soft_bytes, hard_bytes
        self._ack_seconds, self._together, self._late_bytes = ack_seconds, together, late_bytes
        self._clock = clock
        self._changed = threading.Condition()
        self._pieces: collections.deque[bytes] = collections.deque()
        self._held: collections.deque[tuple[bytes, int]] = collections.deque()
        self._last_ack = self._last_taken = clock()
        self._error: BaseException | None = None
        self._ended = False

    @property
    def holding(self) -> bool:
        """Whether the server waits for acknowledgements that are held back."""
        with self._changed:
            return bool(self._held) and self.waiting_bytes > self._soft_bytes

    @property
    def untaken_seconds(self) -> float:
        """How long nothing has been taken, while there was something to take."""
        with self._changed:
            return self._clock() - self._last_taken if self._pieces else 0.0

    # --- the thread that fills ---

    def put(self, piece: bytes, ack: bytes) -> None:
        """A chunk, and where to acknowledge it (b"" for the last, which is not)."""
        with self._changed:
            self._pieces.append(piece)
            self.waiting_bytes += len(piece)
            self.most_bytes = max(self.most_bytes, self.waiting_bytes)
            if ack:
                self._held.append((ack, len(piece)))
            self._changed.notify()
            due = self._due(self._together)
        self._send(due)

    def tick(self) -> None:
        """To be called several times a second while nothing comes."""
        with self._changed:
            due = self._due(1)
        self._send(due)

    def end(self, error: BaseException | None = None) -> None:
        """Nothing more will come.

        An ``error`` is raised where the pieces are taken, after those that came before it.
        """
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify()

    # --- the thread that empties ---

    def take(self) -> bytes | None:
        """The next piece; b"" when there will be none any more; None when none came within a tick.

        Raises the error of ``end``.
        """
        with self._changed:
            if not self._pieces and not self._ended:
                self._changed.wait(_WAIT_SECONDS)
            if not self._pieces:
                if self._ended and self._error is not None:
                    raise self._error
                return b"" if self._ended else None
            piece = self._pieces.popleft()
            self.waiting_bytes -= len(piece)
            self._last_taken = self._clock()
            due = self._due(self._together)
        self._send(due)
        return piece

    # --- acknowledgements ---

    def _due(self, at_least: int) -> list[bytes]:
        """Those to send now. ``at_least`` so many go together, unless time presses."""
        late = bool(self._held) and self._clock() - self._last_ack >= self._ack_seconds
        due: list[bytes] = []
        if self.waiting_bytes <= self._soft_bytes:
            if late or len(self._held) >= at_least:
                due = [ack for ack, _size in self._held]
                self._held.clear()
        elif late and self.waiting_bytes <= self._hard_bytes:
            released = 0
            while self._held and released < self._late_bytes:
                ack, size = self._held.popleft()
                due.append(ack)
                released += size
        if due:
            self._last_ack = self._clock()
        return due

    def _send(self, due: t.Sequence[bytes]) -> None:
        if due:
            self._acknowledge(due)
