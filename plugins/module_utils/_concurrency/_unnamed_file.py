# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Temporary files without a name, which are gone with the process however it ends."""

from __future__ import annotations

import tempfile
import typing as t


def unnamed_file(folder: str | None = None) -> t.IO[bytes]:
    """A temporary file that only this process can reach, and that is gone with it.

    Not buffered. ``folder``: None for the system's own.
    """
    return t.cast("t.IO[bytes]", tempfile.TemporaryFile(dir=folder, buffering=0))


def write_all(file: t.IO[bytes], data: bytes | memoryview) -> None:
    """Write to a file without a buffer, which may take less than it is given."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]
