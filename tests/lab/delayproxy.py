# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A TCP proxy that makes a server far away: every byte arrives later, and no fewer bytes a second.

It is a process of its own, so that it does not share the interpreter with what is measured. Each direction of a
connection has one thread that reads and notes when, and one that writes when the time has come; what is on its way is
bounded by ``line_bytes``.
"""

from __future__ import annotations

import collections
import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
import types

_PIECE_BYTES = 256 * 1024


class DelayProxy:
    """Use it as a context manager. ``round_trip`` in seconds; half of it each way. ``cut`` ends all connections."""

    def __init__(
        self, target_port: int, round_trip: float, *, target_host: str = "127.0.0.1", line_bytes: int = 64 << 20
    ) -> None:
        self.port = 0
        self._arguments = (target_host, str(target_port), str(round_trip / 2), str(line_bytes))
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> DelayProxy:
        command = [sys.executable, __file__, *self._arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self._heard())
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def cut(self) -> None:
        """End all connections, now."""
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write("cut\n")
        self._process.stdin.flush()
        self._heard()

    def _heard(self) -> str:
        assert self._process is not None and self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise OSError("The delay proxy has ended.")
        return line.strip()


def _serve(host: str, port: int, delay: float, line_bytes: int) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    connections: list[socket.socket] = []
    print(listener.getsockname()[1], flush=True)
    threading.Thread(target=_obey, args=(connections,), daemon=True).start()
    while True:
        client, _address = listener.accept()
        try:
            server = socket.create_connection((host, port))
        except OSError:
            client.close()
            continue
        connections += [client, server]
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for source, sink in ((client, server), (server, client)):
            _Line(source, sink, delay, line_bytes).start()


def _obey(connections: list[socket.socket]) -> None:
    for _command in sys.stdin:
        while connections:
            with contextlib.suppress(OSError):
                connections.pop().shutdown(socket.SHUT_RDWR)
        print("done", flush=True)
    os._exit(0)  # whoever started us is gone


class _Line:
    """One direction of one connection."""

    def __init__(self, source: socket.socket, sink: socket.socket, delay: float, line_bytes: int) -> None:
        self._source, self._sink, self._delay, self._line_bytes = source, sink, delay, line_bytes
        self._changed = threading.Condition()
        self._under_way: collections.deque[tuple[float, bytes]] = collections.deque()
        self._bytes = 0

    def start(self) -> None:
        for work in (self._read, self._write):
            threading.Thread(target=work, daemon=True).start()

    def _read(self) -> None:
        piece = b"any"
        while piece:
            try:
                piece = self._source.recv(_PIECE_BYTES)
            except OSError:
                piece = b""
            with self._changed:
                while piece and self._bytes > self._line_bytes:
                    self._changed.wait()
                self._under_way.append((time.monotonic() + self._delay, piece))
                self._bytes += len(piece)
                self._changed.notify_all()

    def _write(self) -> None:
        while True:
            with self._changed:
                while not self._under_way:
                    self._changed.wait()
                due, piece = self._under_way.popleft()
                self._bytes -= len(piece)
                self._changed.notify_all()
            wait = due - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            try:
                if not piece:
                    self._sink.shutdown(socket.SHUT_WR)
                    return
                self._sink.sendall(piece)
            except OSError:
                with contextlib.suppress(OSError):
                    self._source.shutdown(socket.SHUT_RDWR)
                return


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
