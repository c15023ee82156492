# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which TCP sockets of this machine listen, read field by field from ``/proc/net/tcp`` (proc(5))."""

from __future__ import annotations

import contextlib
import os
import pathlib
import typing as t

LOOPBACK = "0100007F"  # 127.0.0.1 as the table writes it
_LISTENING = "0A"


class Listening(t.NamedTuple):
    """One listening socket: its address as the kernel writes it, its port, and the inode of its descriptors."""

    address: str
    port: int
    inode: str


def listening() -> list[Listening]:
    """Every listening TCP socket of this network namespace."""
    lines = [
        line.split()
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in pathlib.Path(table).read_text(encoding="ascii").splitlines()[1:]
    ]
    return [
        Listening(address, int(port, 16), fields[9])
        for fields in lines
        if fields[3] == _LISTENING
        for address, _colon, port in [fields[1].partition(":")]
    ]


def addresses(port: int) -> set[str]:
    """The addresses where somebody listens on this port."""
    return {socket.address for socket in listening() if socket.port == port}


def ports(process: int) -> set[int]:
    """The ports where this process listens. Raises FileNotFoundError when there is no such process."""
    held = set()
    for descriptor in pathlib.Path(f"/proc/{process}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            held.add(os.readlink(descriptor))
    return {socket.port for socket in listening() if f"socket:[{socket.inode}]" in held}
