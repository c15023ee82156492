# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Settings of the process for a walk: many threads that each have pages of a quarter of a megabyte for a moment."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import typing as t

_GC_THRESHOLDS = (200_000, 50, 100)  # rows are no garbage, and to look through them after every 700 costs a third of the time
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # of mallopt(3)
_PAGE_BYTES = 64 * 1024


@contextlib.contextmanager
def suited_to_a_walk() -> t.Iterator[None]:
    """Look for garbage seldom, as long as this lasts, and let the C library give back what a page took, instead of keeping it by thread."""
    threshold = gc.get_threshold()
    gc.set_threshold(*_GC_THRESHOLDS)
    with contextlib.suppress(OSError, AttributeError):  # another C library has no such settings
        library = ctypes.CDLL(None)
        library.mallopt(_M_ARENA_MAX, 1)
        library.mallopt(_M_MMAP_THRESHOLD, _PAGE_BYTES)
    try:
        yield
    finally:
        gc.set_threshold(*threshold)
