# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server on loopback that gives the same bytes to everybody: a console's page, a sign-on page, another protocol."""

from __future__ import annotations

import contextlib
import socketserver
import threading
import types

_HEAD_BYTES = 65536


class SameAnswer:
    """Use it as a context manager. ``requests`` counts what was asked."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.requests = 0

    @classmethod
    def http(cls, body: bytes, *, status: str = "200 OK", headers: str = "Content-Type: text/html") -> SameAnswer:
        """An answer of HTTP. A HEAD request gets no body."""
        head = f"HTTP/1.1 {status}\r\n{headers}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        return cls(head.encode("latin-1") + body)

    def __enter__(self) -> SameAnswer:
        place = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                asked = self.request.recv(_HEAD_BYTES)
                place.requests += 1
                answer = place.answer
                if asked.startswith(b"HEAD") and answer.startswith(b"HTTP"):
                    answer = answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
                with contextlib.suppress(OSError):
                    self.request.sendall(answer)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def endpoint_url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"
