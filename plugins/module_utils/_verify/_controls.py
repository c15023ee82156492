# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Damage on purpose: a verifier that never says no proves nothing, so each run must see it say no."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Control

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Artifact
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import StoredBackup


def flip_byte(offset: int) -> t.Callable[[t.Iterator[bytes]], t.Iterator[bytes]]:
    """The same stream with one bit of the byte at ``offset`` turned over."""

    def damaged(pieces: t.Iterator[bytes]) -> t.Iterator[bytes]:
        position = 0
        for piece in pieces:
            inside = offset - position
            if 0 <= inside < len(piece):
                piece = piece[:inside] + bytes([piece[inside] ^ 1]) + piece[inside + 1 :]
            position += len(piece)
            yield piece

    return damaged


def cut_tail(length: int) -> t.Callable[[t.Iterator[bytes]], t.Iterator[bytes]]:
    """The first ``length`` bytes of the stream."""

    def damaged(pieces: t.Iterator[bytes]) -> t.Iterator[bytes]:
        left = length
        try:
            for piece in pieces:
                if left <= 0:
                    return
                yield piece[:left]
                left -= len(piece)
        finally:
            close(pieces)

    return damaged


def artifact_controls(stored: StoredBackup, artifact: Artifact) -> list[Control]:
    """Read two damaged views of one artifact through the very code that reads the real one.

    Nothing stored is touched.
    """
    size = artifact.stored_bytes
    plans = [
        (
            "control.flip",
            "One bit of a stored file turned over",
            f"byte {size // 2} of {artifact.name}",
            flip_byte(size // 2),
        ),
        (
            "control.cut",
            "The end of a stored file cut off",
            f"{artifact.name} cut to {size - 1} of {size} bytes",
            cut_tail(size - 1),
        ),
    ]
    return [Control(name, title, damage, *_refused(stored, artifact, change)) for name, title, damage, change in plans]


def missing_control(controls: t.Sequence[Control]) -> list[Control]:
    """A failed control where not one of these was refused: the verifier has not shown that it can fail."""
    if any(control.status in ("passed", "failed") for control in controls):
        return []
    words = "No damaged copy was planted, so this verification has not shown that it can fail."
    return [Control("control.none", "A damaged copy is refused", "", "failed", words)]


def _refused(
    stored: StoredBackup, artifact: Artifact, change: t.Callable[[t.Iterator[bytes]], t.Iterator[bytes]]
) -> tuple[t.Literal["passed", "failed"], str]:
    pieces = stored.open(artifact, damage=change)
    try:
        for _piece in pieces:
            pass
    except LifeboatError as error:
        return "passed", f"Refused: {error.message}"
    finally:
        close(pieces)
    return "failed", "The damaged copy was read to its end as if it were good."
