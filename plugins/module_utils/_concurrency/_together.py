# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Pieces of work side by side, of which one that fails ends the others."""

from __future__ import annotations

import concurrent.futures
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import CancelledError, Deadline

T = t.TypeVar("T")


def together(works: t.Sequence[t.Callable[[], T]], jobs: int, deadline: Deadline) -> list[T]:
    """The results, in order, of works done by at most ``jobs`` threads.

    When one fails the others are ended through the deadline that all of them check, and an error is raised that is no
    echo.
    """
    with concurrent.futures.ThreadPoolExecutor(jobs, "work") as pool:
        futures = [pool.submit(work) for work in works]
        try:
            concurrent.futures.wait(futures, return_when=concurrent.futures.FIRST_EXCEPTION)
            failed = [future for future in futures if future.done() and future.exception()]
        except BaseException:  # the module is asked to end while it waits
            deadline.cancel()
            raise
        if failed:
            deadline.cancel()
        concurrent.futures.wait(futures)
        errors = [error for future in futures if (error := future.exception())]
        if errors:
            raise next((error for error in errors if not isinstance(error, CancelledError)), errors[0])
        return [future.result() for future in futures]
