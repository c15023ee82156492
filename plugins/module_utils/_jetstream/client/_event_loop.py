# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The one event loop of the process, in a thread of its own: where nats-py works for callers that are threads."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import os
import threading
import typing as t

T = t.TypeVar("T")

_starting = threading.Lock()
_running: tuple[int, asyncio.AbstractEventLoop] | None = None


def event_loop() -> asyncio.AbstractEventLoop:
    """The loop, started when it is first asked for (in a forked process: again)."""
    global _running
    with _starting:
        if _running is None or _running[0] != os.getpid():
            for library in ("asyncio", "nats"):  # what they warn of comes out of the work as an error, or is nothing
                logging.getLogger(library).addHandler(logging.NullHandler())
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="nats", daemon=True).start()
            _running = (os.getpid(), loop)
        return _running[1]


def submit(work: t.Coroutine[t.Any, t.Any, T]) -> concurrent.futures.Future[T]:
    """Begin the work there. What is submitted first takes its first step first."""
    return asyncio.run_coroutine_threadsafe(work, event_loop())


def wait_for(work: t.Coroutine[t.Any, t.Any, T], on_wait: t.Callable[[], None], tick_seconds: float) -> T:
    """Do the work there, and wait for it.

    ``on_wait`` is called at each tick, and may raise: then the work is cancelled.
    """
    future = submit(work)
    try:
        while True:
            done, _waiting = concurrent.futures.wait((future,), tick_seconds)
            if done:
                return future.result()
            on_wait()
    finally:
        future.cancel()
