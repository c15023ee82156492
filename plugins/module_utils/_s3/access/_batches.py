# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Batches of work in several threads, with a bounded number waiting.

One that fails ends the others after the batch they are at.
"""

from __future__ import annotations

import concurrent.futures
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline

T = t.TypeVar("T")


def in_batches(items: t.Iterable[T], size: int) -> t.Iterator[list[T]]:
    """The items in lists of at most ``size``."""
    batch: list[T] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def for_each(items: t.Iterator[T], work: t.Callable[[T], None], parallel: int, deadline: Deadline) -> None:
    """Call ``work`` with each item, in ``parallel`` threads. Raises the first error, when all threads have ended."""
    with concurrent.futures.ThreadPoolExecutor(parallel, "action") as pool:
        running: set[concurrent.futures.Future[None]] = set()
        try:
            for item in items:
                deadline.check("The work")
                running.add(pool.submit(work, item))
                if len(running) >= 2 * parallel:
                    done, running = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
                    for future in done:
                        future.result()
            for future in concurrent.futures.as_completed(running):
                future.result()
        except BaseException:
            deadline.cancel()
            for future in running:
                future.cancel()
            raise
        finally:
            close(items)
