# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HAProxy from Debian's package on loopback, with one backend whose servers are small web servers of the lab."""

from __future__ import annotations

import contextlib
import http.server
import pathlib
import shutil
import signal
import subprocess
import threading
import types
import typing as t
import urllib.request

from tests.lab import throwaway

# Without a time of its own for the answer to a check, it is that between two of them: too short for a busy machine.
_CONFIG = """
global
  stats socket {folder}/admin.sock mode 600 level {level}
defaults
  mode http
  timeout connect 2s
  timeout check 20s
  timeout client 60s
  timeout server 60s
  timeout check 5s
frontend users
  bind 127.0.0.1:{port}
  default_backend web
backend web
  option httpchk GET /health
  default-server check inter 100ms fastinter 100ms downinter 100ms rise 1 fall 1 init-addr none
"""


class WebServer:
    """Answers with ``body`` and ``status``, which a test may change at any time. Use it as a context manager."""

    def __init__(self, body: str, *, status: int = 200) -> None:
        self.body = body
        self.status = status
        self.health = 200
        self._server: http.server.ThreadingHTTPServer | None = None

    def __enter__(self) -> WebServer:
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = b"" if self.path == "/health" else owner.body.encode()
                with contextlib.suppress(OSError):  # HAProxy's check closes as soon as it has seen the status
                    self.send_response(owner.health if self.path == "/health" else owner.status)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_arguments: t.Any) -> None:
                """Nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}/"


class Haproxy:
    """Use it as a context manager. ``servers`` are the servers of the backend ``web`` by name; those in ``out`` are
    taken out from the beginning.
    """

    def __init__(
        self,
        servers: t.Mapping[str, WebServer],
        *,
        out: t.Collection[str] = (),
        level: str = "admin",
        checked: bool = True,
    ) -> None:
        self.port = 0
        self._servers = servers
        self._out = out
        self._level = level
        self._checked = checked
        self._folder: throwaway.Folder | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> str:
        """Its runtime socket."""
        assert self._folder is not None
        return f"{self._folder.path}/admin.sock"

    def __enter__(self) -> Haproxy:
        program = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
        if program is None:
            raise throwaway.MissingPrerequisiteError("HAProxy is not on this machine. Install the package haproxy.")
        self._folder = throwaway.Folder("haproxy")
        folder = pathlib.Path(self._folder.path)
        self.port = throwaway.free_port()
        text = _CONFIG.format(folder=folder, port=self.port, level=self._level)
        text = text if self._checked else text.replace("check inter", "no-check inter")
        for name, server in self._servers.items():
            text += f"  server {name} 127.0.0.1:{server.port}{' disabled' if name in self._out else ''}\n"
        (folder / "haproxy.cfg").write_text(text, encoding="ascii")
        log = str(folder / "log")
        self._process = throwaway.start([program, "-db", "-f", f"{folder}/haproxy.cfg"], log=log)
        throwaway.wait_until(lambda: throwaway.accepts_connections(self.port), self._process, log)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        if self._process is not None:
            throwaway.stop(self._process, signal.SIGKILL)
        if self._folder is not None:
            self._folder.remove()

    def get(self) -> str:
        """What a user gets."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=10) as answer:
            return str(answer.read().decode())
