# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Servers of an HAProxy that runs: asked for and switched through its runtime socket (management guide, section 9.3).

What is switched here lasts until HAProxy is restarted, unless it keeps a state file (load-server-state-from-file).
"""

from __future__ import annotations

import csv
import dataclasses
import socket
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError

_ONLY_SERVERS = "show stat -1 4 -1"
_MOST_BYTES = 64 << 20


@dataclasses.dataclass(frozen=True)
class Server:
    """One line of ``show stat``: its status in HAProxy's words, and how many sessions it has now."""

    name: str  # backend/server
    status: str
    sessions: int
    checked: bool  # whether HAProxy checks its health; not known of a server that is out

    @property
    def serves(self) -> bool:
        """Whether new requests reach it: it is up, or nobody checks whether it is."""
        return self.status.startswith("UP") or self.status == "no check"

    @property
    def is_out(self) -> bool:
        """Whether an administrator has taken it out."""
        return self.status.startswith("MAINT")


class Haproxy:
    """The runtime socket: a path, or ``host:port``. ``seconds`` is how long one command may take."""

    def __init__(self, where: str, seconds: float) -> None:
        self._where = where
        self._seconds = seconds
        host, colon, port = where.rpartition(":")
        if where.startswith("/"):
            self._address: t.Any = where
        elif colon and host and port.isdigit() and 0 < int(port) < 65536:
            self._address = (host, int(port))
        else:
            raise OptionError(
                f"socket: {where!r} is neither a path nor host:port.", hint="Write it as `stats socket` has it."
            )

    def servers(self) -> dict[str, Server]:
        """All servers of all backends, by ``backend/server``. Raises LifeboatError."""
        lines = self._say(_ONLY_SERVERS).lstrip("# ").splitlines()
        found = {}
        try:
            for row in csv.DictReader(lines):
                if None in (row["pxname"], row["svname"], row["status"]):  # it is cut
                    raise ValueError
                name = f"{row['pxname']}/{row['svname']}"
                found[name] = Server(name, row["status"], int(row["scur"] or 0), bool(row["check_status"]))
        except (KeyError, TypeError, ValueError, csv.Error):
            raise LifeboatError(
                f"What answers at {self._where} does not speak as HAProxy does.", hint="Check socket."
            ) from None
        return found

    def put_in(self, name: str) -> None:
        """Let a server serve as soon as its health check has found it up. Raises LifeboatError.

        HAProxy takes a server that comes out of maintenance for up until the first check fails. It is set down, so
        that a check has to find it up first; a server that nobody checks would stay down, and is set up again.
        """
        self._order(f"set server {name} state ready; set server {name} health down")
        if not self.servers()[name].checked:
            self._order(f"set server {name} health up")

    def take_out(self, name: str) -> None:
        """No new requests for a server. Raises LifeboatError."""
        self._order(f"set server {name} state maint")

    def end_sessions(self, name: str) -> None:
        """End what it serves now, so that no client stays there. Raises LifeboatError."""
        self._order(f"shutdown sessions server {name}")

    def wait_for(self, names: t.Sequence[str], right: t.Callable[[Server], bool], seconds: float) -> dict[str, Server]:
        """Ask until all of them are right, or the time is over. All servers, as they were seen last."""
        end = time.monotonic() + seconds
        while True:
            servers = self.servers()
            if all(name in servers and right(servers[name]) for name in names) or time.monotonic() > end:
                return servers
            time.sleep(0.2)

    def _order(self, command: str) -> None:
        answer = self._say(command).strip()
        if answer:
            hint = "The socket needs `level admin`." if "ermission denied" in answer else ""
            raise LifeboatError(f"HAProxy at {self._where} answered {answer!r} to {command!r}.", hint=hint)

    def _say(self, command: str) -> str:
        family = socket.AF_UNIX if isinstance(self._address, str) else socket.AF_INET
        answer = bytearray()
        end = time.monotonic() + self._seconds
        try:
            with self._connected(family) as connection:
                connection.sendall(command.encode() + b"\n")
                while data := connection.recv(1 << 16):
                    answer += data
                    if len(answer) > _MOST_BYTES or time.monotonic() > end:
                        raise OSError("it does not come to an end")
        except OSError as error:
            raise LifeboatError(
                f"HAProxy at {self._where} cannot be asked: {error}.",
                hint="Check that it runs, and that this account may use its `stats socket`.",
            ) from None
        return answer.decode("utf-8", "replace")

    def _connected(self, family: int) -> socket.socket:
        if family != socket.AF_UNIX:
            return socket.create_connection(self._address, timeout=self._seconds)
        connection = socket.socket(family)
        connection.settimeout(self._seconds)
        try:
            connection.connect(self._address)
        except OSError:
            connection.close()
            raise
        return connection
