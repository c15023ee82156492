# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""What stands between a repository that gives a stream's archive and the server that it is sent to.

The server gives a restore up, silently, when nothing comes for five seconds (server/jetstream_api.go,
``processStreamRestore``). So a thread reads ahead, and what has been read is not sent to the last byte before more is
there: while the repository stalls, a few bytes of the rest go out every second.
"""

from __future__ import annotations

import collections
import threading
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import SourceError

_AHEAD_BYTES = 16 << 20
_WAIT_SECONDS = 0.2
_KEEP_BYTES = 64 * 1024
_TRICKLE_BYTES = 64  # how much of what is kept goes out at a time: enough for half an hour


class Supply:
    """The pieces of an archive as chunks to send. Use it as a context manager; it closes ``pieces`` at its end."""

    def __init__(self, pieces: t.Iterator[bytes], chunk_bytes: int, what: str) -> None:
        self._pieces = pieces
        self._chunk_bytes = chunk_bytes
        self._what = what
        self._changed = threading.Condition()
        self._ahead: collections.deque[bytes] = collections.deque()
        self._ahead_bytes = 0
        self._ended = self._stopped = False
        self._error: BaseException | None = None
        self._rest = memoryview(b"")  # of the piece that is being sent
        self._following = b""
        self._at_end = False
        self._last_given = time.monotonic()
        self._thread = threading.Thread(target=self._pull, name="read the archive", daemon=True)
        self._thread.start()

    def __enter__(self) -> Supply:
        return self

    def __exit__(self, *_how: object) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._thread.join()

    def wait_for_first(self, deadline: Deadline, at_most: float) -> None:
        """Until the source gives something: only then is the server asked.

        Raises what the source raises, SourceError, DeadlineError.
        """
        give_up = time.monotonic() + at_most
        with self._changed:
            while not self._ahead and not self._ended:
                deadline.check(f"Reading {self._what}")
                if time.monotonic() > give_up:
                    raise self._stalled(at_most)
                self._changed.wait(_WAIT_SECONDS)
            if self._error is not None and not self._ahead:
                raise self._error
        self._last_given = time.monotonic()

    def chunk(self, wait_seconds: float, stall_seconds: float) -> memoryview | None:
        """What to send next; None at the end. A few bytes only when the source has given nothing for ``wait_seconds``.

        Raises what the source raises, and SourceError when it has given nothing for ``stall_seconds``, or too little is
        left to wait on.
        """
        while True:
            kept = len(self._rest)
            if not self._following and not self._at_end:
                self._look_ahead(0 if kept > _KEEP_BYTES else wait_seconds)
            if self._following or self._at_end:
                if kept:
                    return self._cut(self._chunk_bytes)
                if not self._following:
                    return None
                self._rest, self._following = memoryview(self._following), b""
            elif kept > _KEEP_BYTES:
                return self._cut(min(self._chunk_bytes, kept - _KEEP_BYTES))
            else:
                waited = time.monotonic() - self._last_given
                if waited > stall_seconds or kept <= _TRICKLE_BYTES:
                    raise self._stalled(waited)
                return self._cut(_TRICKLE_BYTES)

    def _look_ahead(self, wait_seconds: float) -> None:
        piece = self._next(wait_seconds)
        if piece is not None:
            self._following, self._at_end = piece, not piece
            self._last_given = time.monotonic()

    def _cut(self, count: int) -> memoryview:
        taken, self._rest = self._rest[:count], self._rest[count:]
        return taken

    def _next(self, wait_seconds: float) -> bytes | None:
        """The next piece; b"" at the end, None when none came in time."""
        give_up = time.monotonic() + wait_seconds
        with self._changed:
            while not self._ahead:
                if self._error is not None:
                    raise self._error
                if self._ended:
                    return b""
                left = give_up - time.monotonic()
                if left <= 0:
                    return None
                self._changed.wait(left)
            piece = self._ahead.popleft()
            self._ahead_bytes -= len(piece)
            self._changed.notify_all()
            return piece

    def _stalled(self, seconds: float) -> SourceError:
        return SourceError(
            f"{self._what} could not be read on: nothing came for {seconds:.0f} s.",
            hint="Look at the repository and the network to it, and use its copy in another "
            "repository if there is one.",
        )

    # --- the thread that reads ahead ---

    def _pull(self) -> None:
        try:
            for piece in self._pieces:
                if piece and not self._put(piece):
                    break
        except BaseException as error:  # it belongs to the thread that sends
            self._error = error
        finally:
            close(self._pieces)
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _put(self, piece: bytes) -> bool:
        with self._changed:
            while self._ahead_bytes > _AHEAD_BYTES and not self._stopped:
                self._changed.wait(_WAIT_SECONDS)
            self._ahead.append(piece)
            self._ahead_bytes += len(piece)
            self._changed.notify_all()
            return not self._stopped
