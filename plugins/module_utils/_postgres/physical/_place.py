# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The place of a restored data folder: a new one, or one that is taken, whose content is kept under another name."""

from __future__ import annotations

import contextlib
import datetime
import os
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import format_bytes
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical import _server

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools


_COMPRESSING = ("btrfs", "zfs")  # where more may fit than is free


def check_data_dir(data_dir: str, *, replace: bool) -> None:
    """Refuse a place that is taken, or that cannot be. Raises OptionError; nothing has been touched."""
    if not os.path.isabs(data_dir):
        raise OptionError(f"data_dir: {data_dir!r} is not absolute.", hint="Write the whole path.")
    if os.path.lexists(data_dir) and (os.path.islink(data_dir) or not os.path.isdir(data_dir)):
        raise OptionError(f"data_dir: {data_dir} is not a folder.", hint="Name a folder, and not a link to one.")
    if data_dir != os.path.normpath(data_dir):
        raise OptionError(
            f"data_dir: {data_dir!r} is not the plain path of a folder. Nothing was touched.",
            hint=f"Write {os.path.normpath(data_dir)}. What is restored is built beside it, under its name and more.",
        )
    if os.path.ismount(data_dir):
        raise OptionError(
            f"data_dir: {data_dir} is a mount point, which no folder that was built beside it can take the place of. "
            "Nothing was touched.",
            hint=f"Name a folder in it, such as {data_dir}/data, which is then on the same file system.",
        )
    if _is_taken(data_dir):
        _check_old(data_dir, replace=replace)
    if not os.path.isdir(os.path.dirname(data_dir)):
        raise OptionError(f"data_dir: {os.path.dirname(data_dir)} is not a folder.", hint="Make it, for this account.")
    if os.geteuid() == 0:
        raise OptionError(
            "This runs as root, and PostgreSQL does not start with a data folder that root owns. Nothing was touched.",
            hint="Run the task as the account of the server: become_user: postgres.",
        )


def _is_taken(data_dir: str) -> bool:
    return os.path.isdir(data_dir) and bool(os.listdir(data_dir))


def _check_old(data_dir: str, *, replace: bool) -> None:
    if not replace:
        raise OptionError(
            f"data_dir: {data_dir} is there and not empty. Nothing was touched.",
            hint="Name a new folder. To put the restored one in its place, stop its server, and say replace: true; the "
            "old one is kept under another name.",
        )
    if not os.path.isfile(os.path.join(data_dir, "global", "pg_control")):
        raise OptionError(
            f"data_dir: {data_dir} is not a data folder of PostgreSQL, so it is not replaced. Nothing was touched.",
            hint="Name the data folder that is to be replaced, or a new folder.",
        )
    pid = _running(data_dir)
    if pid:
        raise OptionError(
            f"data_dir: a server runs in {data_dir} (process {pid}). Nothing was touched.",
            hint="Stop it first.",
        )


def _running(data_dir: str) -> int:
    """The process that its postmaster.pid names, if it lives; else 0."""
    with contextlib.suppress(OSError, ValueError):
        with open(os.path.join(data_dir, "postmaster.pid"), encoding="ascii", errors="replace") as file:
            pid = int(file.readline())
        if pid > 0 and os.path.exists(f"/proc/{pid}"):
            return pid
    return 0


def check_same_cluster(data_dir: str, system_identifier: str, tools: Tools) -> None:
    """Refuse to replace the data folder of another cluster. Raises OptionError."""
    if not _is_taken(data_dir):
        return
    found = _server.control_data(tools, data_dir).get("Database system identifier", "")
    if found != system_identifier:
        raise OptionError(
            f"data_dir: {data_dir} is of the cluster {found}, and the backup is of the cluster {system_identifier}. "
            "Nothing was touched.",
            hint="Name the data folder of that cluster, or a new folder.",
        )


def check_room(data_dir: str, needed_bytes: int) -> None:
    """Refuse a file system that the folder does not fit on. Raises OptionError; nothing has been touched.

    A server may run on it, and one whose disk is full stops.
    """
    folder = os.path.dirname(data_dir)
    try:
        space = os.statvfs(folder)
    except OSError:
        return  # the restore says what is wrong with it
    free = space.f_bavail * space.f_frsize
    if free < needed_bytes and file_system(folder) not in _COMPRESSING:
        raise OptionError(
            f"{folder} has {format_bytes(free)} free, and the restored cluster needs {format_bytes(needed_bytes)}. "
            "Nothing was touched.",
            hint="Name a folder on a file system that has the room. A server whose disk is full stops.",
        )


def file_system(folder: str) -> str:
    """The kind of the file system that the folder is on, as Linux calls it; empty where that is not known."""
    found = {}
    with contextlib.suppress(OSError), open("/proc/self/mounts", encoding="utf-8", errors="replace") as file:
        for line in file:  # the last one that is mounted in a place is the one that is seen
            _device, place, kind = (*line.split(), "", "", "")[:3]
            found[place] = kind
    path = os.path.realpath(folder)
    while path not in found and path != "/":
        path = os.path.dirname(path)
    return found.get(path, "")


def put(building: str, data_dir: str) -> str:
    """Put what was built into its place. Gives where what was there lies now; empty where there was nothing."""
    kept = ""
    if os.path.isdir(data_dir):
        if _is_taken(data_dir):
            if _running(data_dir):
                raise LifeboatError(
                    f"A server was started in {data_dir} meanwhile. What was restored is thrown away.",
                    hint="Stop it, and restore again.",
                )
            now = datetime.datetime.now(datetime.timezone.utc)
            kept = f"{data_dir}.before-{now:%Y%m%dT%H%M%SZ}"
            os.rename(data_dir, kept)
        else:
            os.rmdir(data_dir)
    os.rename(building, data_dir)
    return kept
