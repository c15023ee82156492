# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Unpacks a base backup: a tar as PostgreSQL's server writes it, with nothing in it but files and folders."""

from __future__ import annotations

import os
import tarfile
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, LifeboatError

_PIECE_BYTES = 1 << 20


class _Source:
    """Pieces as a file that can be read."""

    def __init__(self, pieces: t.Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        found = [self._rest]
        count = len(self._rest)
        while size < 0 or count < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            found.append(piece)
            count += len(piece)
        whole = b"".join(found)
        size = len(whole) if size < 0 else size
        self._rest = whole[size:]
        return whole[:size]


def unpack(pieces: t.Iterator[bytes], folder: str, owner: tuple[int, int] | None = None) -> int:
    """Write the data folder into ``folder``, which is there and empty; give how many files there are.

    ``owner`` is (uid, gid) where root writes for somebody else. The pieces are read to their end, which is when their
    hash is known to be right. Raises DamagedError, and LifeboatError where the disk does not take it.
    """
    count = 0
    source = _Source(pieces)
    try:
        with tarfile.open(fileobj=t.cast(t.Any, source), mode="r|", bufsize=_PIECE_BYTES) as archive:
            for member in archive:
                count += _extract(archive, member, folder, owner)
    except tarfile.TarError as error:
        raise DamagedError(f"The base backup is not a tar that can be read: {error}.") from None
    except OSError as error:
        raise LifeboatError(
            f"The base backup could not be written to {folder}: {error.strerror or error}.",
            hint="Free space there. What had been written is removed.",
        ) from None
    while source.read(_PIECE_BYTES):
        pass
    return count


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: str, owner: tuple[int, int] | None) -> int:
    parts = member.name.split("/")
    path = os.path.join(folder, *[part for part in parts if part not in ("", ".")])
    if member.name.startswith("/") or ".." in parts or not (member.isfile() or member.isdir()):
        raise DamagedError(f"The base backup holds {member.name!r}, which is not a file of a data folder.")
    if member.isdir():
        os.makedirs(path, mode=0o700, exist_ok=True)
        if owner is not None:
            os.chown(path, *owner)
        return 0
    content = archive.extractfile(member)
    if content is None:
        raise DamagedError(f"The base backup holds {member.name!r} without its content.")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
        if owner is not None:
            os.fchown(file.fileno(), *owner)
        while piece := content.read(_PIECE_BYTES):
            file.write(piece)
    return 1
