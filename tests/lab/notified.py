# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services that can be notified, as they are when they work and when they do not: HTTP with answers of every kind, with
TLS and without, and mail by aiosmtpd. They keep what they were sent.
"""

from __future__ import annotations

import collections.abc
import contextlib
import dataclasses
import http.server
import pathlib
import socket
import ssl
import threading
import typing as t

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.lab.throwaway import free_port


@dataclasses.dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


class HttpService:
    """Answers by the first part of the path: ``/500/...`` with 500, ``/302/...`` with a redirect, all else with 200."""

    def __init__(self, certificate: pathlib.Path | None = None) -> None:
        self.received: list[Received] = []
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.received.append(Received(self.path, dict(self.headers), body))
                first = self.path.split("/")[1]
                self.send_response(int(first) if first.isdecimal() else 200)
                if first == "302":
                    self.send_header("Location", "/ok")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_arguments: t.Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, certificate.with_suffix(".key"))
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            scheme = "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def silent_service() -> collections.abc.Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


class MailService:
    """A mail server. It refuses recipients at ``refused.example``, and knows the user ``lifeboat``."""

    password = "hunter2-of-mail"

    def __init__(self, certificate: pathlib.Path | None = None, *, refuses: bool = False) -> None:
        self.received: list[Envelope] = []
        context = None
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        service = self

        class Handler:
            async def handle_RCPT(  # noqa: N802 - the library's name
                self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
            ) -> str:
                if address.endswith("@refused.example"):
                    return "550 no such user here"
                envelope.rcpt_tos.append(address)
                return "250 OK"

            async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
                if refuses:
                    return "554 refused by policy"
                service.received.append(envelope)
                return "250 OK"

        def known(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: t.Any) -> AuthResult:
            right = isinstance(data, LoginPassword) and (data.login, data.password) == (
                b"lifeboat",
                self.password.encode(),
            )
            return AuthResult(success=right, handled=False)

        self._controller = Controller(
            Handler(), hostname="127.0.0.1", port=free_port(), tls_context=context, authenticator=known,
            auth_require_tls=True, require_starttls=bool(certificate),
        )  # fmt: skip
        self._controller.start()
        self.port: int = self._controller.server.sockets[0].getsockname()[1]

    def close(self) -> None:
        self._controller.stop()
