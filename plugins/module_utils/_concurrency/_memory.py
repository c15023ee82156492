# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""How the C library keeps memory: not at all for many threads with large pages for a moment, and at hand for one stream
that passes.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import typing as t

_GC_THRESHOLDS = (
    200_000,
    50,
    100,
)  # rows are no garbage, and to look through them after every 700 costs a third of the time
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -2, -3, -8  # of mallopt(3)
_PAGE_BYTES = 64 * 1024
_LARGEST_BYTES = 32 << 20  # for which mallopt takes a threshold
_KEPT_BYTES = 256 << 20
_STEP_BYTES = 8 << 20


@contextlib.contextmanager
def suited_to_a_walk() -> t.Iterator[None]:
    """Look for garbage seldom, as long as this lasts, and let the C library give back what a page took, instead of
    keeping it by thread.
    """
    threshold = gc.get_threshold()
    gc.set_threshold(*_GC_THRESHOLDS)
    _set({_ARENA_MAX: 1, _MMAP_THRESHOLD: _PAGE_BYTES})
    try:
        yield
    finally:
        gc.set_threshold(*threshold)


def suited_to_a_transfer() -> None:
    """Use memory again that was freed, from now on.

    Else the C library gives each piece of a stream back to the kernel, which has to empty the next one: a tenth of a
    backup's time.
    """
    _set({_ARENA_MAX: 1, _MMAP_THRESHOLD: _LARGEST_BYTES, _TRIM_THRESHOLD: _KEPT_BYTES, _TOP_PAD: _STEP_BYTES})


def _set(values: t.Mapping[int, int]) -> None:
    with contextlib.suppress(OSError, AttributeError):  # another C library has no such settings
        library = ctypes.CDLL(None)
        for parameter, value in values.items():
            library.mallopt(parameter, value)
