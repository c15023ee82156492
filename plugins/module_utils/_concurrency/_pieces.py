# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Small things to do with a stream of pieces."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close


def joined(pieces: t.Iterator[bytes], at_least: int) -> t.Iterator[bytes]:
    """The same bytes in pieces of at least ``at_least`` bytes (the last may be smaller, none is empty).

    Closing it closes ``pieces``.
    """
    waiting: list[bytes] = []
    size = 0
    try:
        for piece in pieces:
            if not waiting and len(piece) >= at_least:
                yield piece
                continue
            waiting.append(piece)
            size += len(piece)
            if size >= at_least:
                yield b"".join(waiting)
                waiting, size = [], 0
        if size:
            yield b"".join(waiting)
    finally:
        close(pieces)


def passed_on(pieces: t.Iterator[bytes]) -> t.Iterator[bytes]:
    """The same pieces. Closing it closes ``pieces``."""
    try:
        yield from pieces
    finally:
        close(pieces)
