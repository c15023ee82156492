# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What a host is: its names, its addresses, and the PostgreSQL servers that run on it, from the kernel's own tables."""

from __future__ import annotations

import os
import re
import socket
import struct
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._rehearsal._guard import Host, Server

_LOCAL = re.compile(r"\|-- ([0-9.]+)\n\s+/32 host LOCAL")  # of the kernel's fib_trie
_PARENT = re.compile(r"^PPid:\t(\d+)$", re.MULTILINE)


def read_host(more_names: t.Sequence[str] = ()) -> Host:
    """The host that this process runs on. ``more_names`` are what else it is called, such as in an inventory."""
    names = dict.fromkeys([*more_names, socket.gethostname(), socket.getfqdn()])
    return Host(tuple(name for name in names if name), tuple(_addresses()), tuple(_servers()))


def _addresses() -> list[str]:
    """Every address of every interface. Without a network there is none."""
    found = _LOCAL.findall(_read("/proc/net/fib_trie"))
    for line in _read("/proc/net/if_inet6").splitlines():
        digits = line.split()[0]
        found.append(socket.inet_ntop(socket.AF_INET6, bytes.fromhex(digits)))
    return list(dict.fromkeys(found))


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:  # a kernel without IPv6 has no such file
        return ""


def _servers() -> list[Server]:
    """The PostgreSQL servers: the processes that are not another one's children."""
    numbers = {int(name) for name in os.listdir("/proc") if name.isdecimal()}
    processes = {number for number in numbers if _read(f"/proc/{number}/comm").strip() == "postgres"}
    parents = {number: _PARENT.search(_read(f"/proc/{number}/status")) for number in processes}
    first = [number for number, parent in parents.items() if parent and int(parent[1]) not in processes]
    return [server for server in map(_server, sorted(first)) if server is not None]


def _server(process: int) -> Server | None:
    """The server that this process belongs to; None where the process has ended meanwhile."""
    folder = f"/proc/{process}/cwd"
    try:
        named = os.readlink(folder)
        with open(f"{folder}/global/pg_control", "rb") as file:
            head = file.read(8)
    except (FileNotFoundError, ProcessLookupError):
        return None
    except OSError as error:
        return Server(process, why=f"{error.strerror}; run the rehearsal as root")
    if len(head) < 8:
        return Server(process, folder=named, why="its pg_control is cut")
    return Server(process, str(struct.unpack("=Q", head)[0]), named)
