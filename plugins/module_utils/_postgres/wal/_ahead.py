# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Segments that are archived before PostgreSQL asks for them, and the notes that say so.

PostgreSQL asks for one segment after the other, and a Python takes a tenth of a second to start. So whoever archives
one archives the next ones that wait as well, side by side, and leaves a note for each when it is durable. The next call
finds its note, and has nothing to do. It imports nothing of ours: that is what takes the time.

A note holds for exactly the file that was archived: its inode, size and time of change. PostgreSQL renames a segment
when it writes it anew, so another content never has them all.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import typing as t

_SEGMENT = re.compile(r"[0-9A-F]{24}")
_READY = re.compile(r"([0-9A-F]{24})\.ready")
MOST_BYTES = 256 << 20  # of segments in memory at once


def is_done(arguments: t.Sequence[str]) -> bool:
    """Whether ``--config FILE push PATH NAME`` is about a segment that was archived ahead. Then its note is removed."""
    if len(arguments) != 5 or arguments[2] != "push" or not _SEGMENT.fullmatch(arguments[4]):
        return False
    try:
        with open(arguments[1], encoding="utf-8") as file:
            spool = json.load(file).get("spool_dir")
        note = f"{spool}/{arguments[4]}"
        with open(note, encoding="ascii") as file:
            done = bool(spool) and file.read() == _mark(arguments[3])
        os.unlink(note)
    except (OSError, ValueError, AttributeError):
        return False
    return done


def _mark(path: str) -> str:
    found = os.stat(path)
    return f"{found.st_ino} {found.st_size} {found.st_mtime_ns}"


def waiting_after(path: str, name: str, most: int) -> list[str]:
    """The next segments of the timeline that wait behind this one, as paths beside it: ``most`` of them, and no more
    than fit into memory.
    """
    folder = os.path.dirname(path)
    try:
        names = os.listdir(f"{folder}/archive_status")
        size = os.stat(path).st_size
    except OSError:
        return []
    found = [match[1] for match in map(_READY.fullmatch, names) if match]
    later = sorted(one for one in found if one > name and one[:8] == name[:8])
    return [f"{folder}/{one}" for one in later[: min(most, max(0, MOST_BYTES // max(size, 1) - 1))]]


class Note:
    """Of one segment: taken before it is read, and left when it is durable."""

    def __init__(self, spool: str, path: str) -> None:
        self._path = f"{spool}/{os.path.basename(path)}"
        self._mark = _mark(path)

    def leave(self) -> None:
        """It is durable. A note that cannot be written costs time, and nothing else."""
        partial = f"{self._path}.partial"
        with contextlib.suppress(OSError):
            os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
            with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w") as file:
                file.write(self._mark)
            os.replace(partial, self._path)
