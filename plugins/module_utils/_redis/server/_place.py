# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Puts an RDB in the place that a server reads it from as it starts: whole or not at all, and only where nobody is in
the way.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import os
import stat
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError

_PIECE_BYTES = 1 << 20
_SERVERS = ("redis", "valkey", "keydb")


def check_place(path: str) -> None:
    """Refuse a place that a server uses, or where it would read something else. Raises OptionError."""
    folder = os.path.dirname(path)
    if not os.path.isabs(path) or not os.path.isdir(folder) or os.path.isdir(path):
        raise OptionError(
            f"path: {path} is not a file in a folder that exists.", hint="Use dir and dbfilename of the server."
        )
    running = _server_in(folder)
    if running:
        raise OptionError(
            f"path: a server works in {folder} ({running}). As it ends it would write its own data over the RDB.",
            hint="Stop it first. Nothing has been written.",
        )
    logs = [*glob.glob(f"{glob.escape(folder)}/appendonlydir/*"), *glob.glob(f"{glob.escape(folder)}/*.aof")]
    if logs:
        raise OptionError(
            f"path: {logs[0]} lies in the same folder. A server with appendonly yes reads that, and not the RDB.",
            hint="Move it away, and start the server with appendonly no. CONFIG SET appendonly yes writes it anew.",
        )


def _server_in(folder: str) -> str:
    """A Redis server whose working folder this is, as far as this user may see; empty for none."""
    for link in glob.glob("/proc/[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            if os.path.samefile(link, folder):
                with open(f"{os.path.dirname(link)}/comm", encoding="utf-8", errors="replace") as file:
                    name = file.read().strip()
                if name.startswith(_SERVERS):
                    return f"{name}, process {link.split('/')[2]}"
    return ""


def hash_of(path: str) -> str:
    """The SHA-256 of a file; empty where there is none."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while piece := file.read(_PIECE_BYTES):
                digest.update(piece)
    except FileNotFoundError:
        return ""
    return digest.hexdigest()


def place(pieces: t.Iterable[bytes], path: str, backup_id: str, set_attributes: t.Callable[[str], t.Any]) -> str:
    """Write the RDB under another name, and give it its own when it is whole. What was there before is kept.

    ``set_attributes`` gives the file its owner and mode. Gives the name that the old file has now; empty for none.
    """
    partial, before = f"{path}.lifeboat-partial", f"{path}.before-{backup_id}"
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(partial)  # of a killed run; or a link that the folder's owner has put there for root to follow
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
            _like(file.fileno(), path if os.path.exists(path) else os.path.dirname(path))
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        set_attributes(partial)
        kept = before if os.path.exists(path) else ""
        if kept and not os.path.exists(before):
            os.link(path, before)
        os.replace(partial, path)
        _sync(os.path.dirname(path))
    except OSError as error:
        raise LifeboatError(
            f"The RDB could not be written to {path}: {error.strerror}. What was there is as it was.",
            hint="Look at the room and the rights of the folder.",
        ) from None
    finally:
        with contextlib.suppress(OSError):
            os.unlink(partial)
    return kept


def _like(file: int, other: str) -> None:
    """The owner of another file or folder, as far as we may; and of a file its mode."""
    status = os.stat(other)
    with contextlib.suppress(PermissionError):
        os.fchown(file, status.st_uid, status.st_gid)
    if stat.S_ISREG(status.st_mode):
        os.fchmod(file, status.st_mode & 0o777)


def _sync(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
