# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Moves the pulling of an iterator into a thread, so that the stages of a pipeline run side by side."""

from __future__ import annotations

import contextlib
import queue
import threading
import typing as t

T = t.TypeVar("T")
_WAIT_SECONDS = 0.2  # how soon a thread that waits sees that it has been stopped


class _End:
    """The iterator is exhausted, or ended with this error."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def prefetch(pieces: t.Iterator[T], depth: int = 8, name: str = "prefetch") -> t.Iterator[T]:
    """The same pieces, made by a thread that runs ``depth`` pieces ahead.

    An error of ``pieces`` is raised here, unchanged. Closing this generator stops the thread, waits for it, and closes
    ``pieces``.
    """
    handed: queue.Queue[T | _End] = queue.Queue(depth)
    stopped = threading.Event()

    def put(item: T | _End) -> bool:
        while not stopped.is_set():
            try:
                handed.put(item, timeout=_WAIT_SECONDS)
                return True
            except queue.Full:
                continue
        return False

    def pull() -> None:
        try:
            for piece in pieces:
                if not put(piece):
                    break
            else:
                put(_End())
        except BaseException as error:  # whatever it is belongs to the thread that reads
            put(_End(error))
        finally:
            close(pieces)

    thread = threading.Thread(target=pull, name=name, daemon=True)
    thread.start()
    try:
        while True:
            item = handed.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        stopped.set()
        thread.join()


def close(pieces: t.Iterator[t.Any]) -> None:
    """Close a generator now, not when it is collected; other iterators have nothing to close."""
    closer = getattr(pieces, "close", None)
    if closer is not None:
        with contextlib.suppress(ValueError):  # it is running in another thread, which will end it
            closer()
