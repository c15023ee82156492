# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What nats-py lacks for this work, laid over it in one small subclass of each of four of its classes.

- The bytes of a message's headers as they came: nats-py hands out a dictionary, without order and repeated names.
- Errors as a person can act on them: nats-py hands out a missing permission in small letters.
- Bounds: a line without an end, or a payload beyond what the server says it sends, ends the connection.
- TLS where it was asked for: nats-py goes on in plain text with a server that offers none.

Its private names that this stands on are called by ``tests/unit/jetstream/client/test_nats_py.py``, one by one.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import functools
import re
import socket
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._libraries import load_library
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._delivery import Delivery

LONGEST_LINE = 64 * 1024
"""Bytes of a line of the protocol: an INFO with the addresses of a large cluster is the longest that servers send."""
BEYOND_PAYLOAD = 64 * 1024
"""What a message's headers may have beside the payload that the server says it takes (``max_payload``)."""
READ_BYTES = 256 * 1024  # what asyncio reads at once
_LARGE = 64 * 1024
_LINE_END = 2
_MAX_PAYLOAD, _MOST_PAYLOAD = (
    1 << 20,
    64 << 20,
)  # a server's default, and the most that one may be configured to (server/const.go)
_SILENT_PEER_SECONDS = 30
_ERROR_LINE = re.compile(rb"-ERR[ \t]+'?([^\r\n]*?)'?[ \t]*\r\n")
_KEEP_ALIVE = (
    ("TCP_KEEPIDLE", 10),
    ("TCP_KEEPINTVL", 5),
    ("TCP_KEEPCNT", 4),
    ("TCP_USER_TIMEOUT", _SILENT_PEER_SECONDS * 1000),
)


class Listener(t.Protocol):
    """Who gets what comes. All of it in the thread of the event loop; nothing here may wait."""

    def came(self, deliveries: list[Delivery]) -> None:
        """Messages of raw subscriptions, in their order."""

    def refused(self, text: str) -> bool:
        """The server's ``-ERR``. True when it has been dealt with, and the connection goes on."""

    def ended(self, reason: str) -> None:
        """Nothing more will come."""


class NoTlsError(Exception):
    """The server offers no TLS, and it was asked for."""


@functools.cache
def classes() -> tuple[t.Any, t.Any]:
    """nats-py's client with what it lacks, and its module of errors. Raises MissingRequirementError."""
    load_library("nats", "NATS JetStream")
    import nats.aio.client
    import nats.aio.transport
    import nats.errors
    import nats.protocol.parser

    class Parser(nats.protocol.parser.Parser):
        """With bounds, with one kind of error for all that is not the protocol, and with large payloads put together
        once, where nats-py copies each of their pieces four times.
        """

        def __init__(self, client: t.Any) -> None:
            super().__init__(client)
            self._pieces: list[bytes] = []  # of a large payload
            self._missing = 0

        async def parse(self, data: bytes = b"") -> None:
            try:
                if self._missing:
                    data = await self._collected(data)
                if data:
                    await super().parse(data)
                    self._check_bounds()
                    self._collect()
            except nats.errors.ProtocolError:
                self.nc.reason = "it sent what is not the NATS protocol"
                raise
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
                self.nc.reason = "it sent what is not the NATS protocol"
                raise nats.errors.ProtocolError from None
            finally:
                self.nc.hand_on()

        def _collect(self) -> None:
            """Begin to put a large payload together beside the buffer."""
            missing = self.needed + _LINE_END - len(self.buf)
            if self.state == nats.protocol.parser.AWAITING_MSG_PAYLOAD and missing > _LARGE:
                self._pieces, self._missing = [bytes(self.buf)], missing
                self.buf.clear()

        async def _collected(self, data: bytes) -> bytes:
            """Go on, and hand the message on when it is whole. Gives what comes after it."""
            piece, data = data[: self._missing], data[self._missing :]
            self._missing -= len(piece)
            self._pieces.append(piece)
            if not self._missing:
                if len(piece) >= _LINE_END:  # else it is in two pieces, and goes with the cut below
                    self._pieces[-1] = piece[:-_LINE_END]
                whole, self._pieces = b"".join(self._pieces), []
                headers, payload = b"", whole
                if self.header_needed or len(whole) > self.needed:
                    headers, payload = whole[: self.header_needed], whole[self.header_needed : self.needed]
                self.header_needed, self.state = 0, nats.protocol.parser.AWAITING_CONTROL_LINE
                await self.nc._process_msg(
                    self.msg_arg["sid"], self.msg_arg["subject"], self.msg_arg["reply"], payload, headers
                )
            return data

        def _check_bounds(self) -> None:
            if self.state == nats.protocol.parser.AWAITING_CONTROL_LINE:
                if len(self.buf) > LONGEST_LINE or b"\r\n" in self.buf:  # a line that was not understood
                    raise nats.errors.ProtocolError
            elif self.needed > min(self.nc.max_payload, _MOST_PAYLOAD) + BEYOND_PAYLOAD:
                raise nats.errors.ProtocolError

    class Transport(nats.aio.transport.TcpTransport):
        """Reads and writes in pieces of a size that asyncio does not copy about, and notices when the other host is
        gone.
        """

        def __init__(self) -> None:
            super().__init__()  # type: ignore[no-untyped-call]
            self._waiting: collections.deque[bytes] = collections.deque()
            self._draining = asyncio.Lock()

        def __bool__(self) -> bool:
            """Also before it is connected: else nats-py takes one of its own."""
            return True

        async def connect(self, uri: t.Any, buffer_size: int, connect_timeout: int) -> None:
            await super().connect(uri, READ_BYTES, connect_timeout)
            if self._io_writer is not None:
                keep_alive(self._io_writer.get_extra_info("socket"))

        async def read(self, buffer_size: int) -> bytes:
            return bytes(await super().read(READ_BYTES))

        def write(self, payload: bytes) -> None:
            self._waiting.append(payload)
            if not self._draining.locked() and len(payload) <= _LARGE:
                self._write_small()

        def writelines(self, payload: list[bytes]) -> None:
            self._waiting.extend(payload)

        async def drain(self) -> None:
            async with self._draining:
                while self._waiting:
                    if not self._write_small():
                        part = memoryview(self._waiting.popleft())
                        for start in range(0, len(part), READ_BYTES):
                            self._pass_on(part[start : start + READ_BYTES])
                            await self._passed_on()
                await self._passed_on()

        def _pass_on(self, data: bytes | memoryview) -> None:
            super().write(data)  # type: ignore[no-untyped-call]

        async def _passed_on(self) -> None:
            await super().drain()  # type: ignore[no-untyped-call]

        def _write_small(self) -> bool:
            """What is small goes together."""
            small = []
            while self._waiting and len(self._waiting[0]) <= _LARGE:
                small.append(self._waiting.popleft())
            if small:
                self._pass_on(b"".join(small))
            return bool(small)

    class WebSocket(nats.aio.transport.WebSocketTransport):
        """With a bound for its frames."""

        def __init__(self) -> None:
            super().__init__()
            session: t.Any = self._client
            connect = session.ws_connect

            def bounded(url: str, **options: t.Any) -> t.Any:
                return connect(url, **{**options, "max_msg_size": _MOST_PAYLOAD + BEYOND_PAYLOAD})

            session.ws_connect = bounded

        def __bool__(self) -> bool:
            return True

    class Client(nats.aio.client.Client):
        """The client, with a listener for what comes on raw subscriptions."""

        def __init__(self, listener: Listener, *, wants_tls: bool, can_tls: bool) -> None:
            super().__init__()
            self.raw_subjects: set[str] = set()
            self.reason = ""
            self.reached = False
            self.info: dict[str, t.Any] = {}
            self._listener = listener
            self._wants_tls, self._can_tls = wants_tls, can_tls
            self._raw: set[int] = set()
            self._deliveries: list[Delivery] = []
            self._ps = Parser(self)

        async def _connect_to_server(self, s: t.Any) -> None:
            self._transport = WebSocket() if s.uri.scheme in ("ws", "wss") else Transport()
            await super()._connect_to_server(s)
            self.reached = True

        async def _process_info(self, info: dict[str, t.Any], initial_connection: bool = False) -> None:
            """Before CONNECT is sent, with the password in it."""
            self._max_payload = info["max_payload"] = int(info.get("max_payload") or _MAX_PAYLOAD)
            self.info.update(info)
            if initial_connection:
                if self._wants_tls and not (info.get("tls_required") or info.get("tls_available")):
                    raise NoTlsError
                if info.get("tls_available") and (self._wants_tls or self._can_tls):
                    info["tls_required"] = True
            await super()._process_info(info, initial_connection)

        async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
            if headers and (len(headers) + len(data) != self._ps.needed or not headers.startswith(b"NATS/1.0")):
                raise nats.errors.ProtocolError  # more headers than there is message, or none
            if sid not in self._raw:
                found = self._subs.get(sid)
                if found is None or found.subject not in self.raw_subjects:
                    return await super()._process_msg(sid, subject, reply, data, headers)
                self._raw.add(sid)
            self._deliveries.append(Delivery(subject, reply, headers or b"", data))

        def hand_on(self) -> None:
            """To the listener, once for all that came together."""
            if self._deliveries:
                deliveries, self._deliveries = self._deliveries, []
                self._listener.came(deliveries)

        async def _process_err(self, err_msg: str) -> None:
            self.hand_on()
            found = _ERROR_LINE.match(self._ps.buf)  # as the server wrote it: subjects have capital letters
            text = found[1].decode("utf-8", "replace") if found else err_msg.strip("'")
            if not self._listener.refused(text):
                self.reason = f"the server ended it: {text}"
                await super()._process_err(err_msg)

        async def _read_loop(self) -> None:
            """However it ends: nats-py logs some errors, and goes on without reading."""
            try:
                await super()._read_loop()
            finally:
                self.hand_on()
                self._listener.ended(self.reason)

        async def end(self, seconds: float) -> None:
            """Send what is waiting, within this time, and end the connection."""
            writer = getattr(self._transport, "_io_writer", None)
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self.close(), seconds)
            if writer is not None:
                writer.transport.abort()

    return Client, nats.errors


def keep_alive(connection: t.Any) -> None:
    """Have the kernel notice when the other host is gone."""
    with contextlib.suppress(OSError, AttributeError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE:
        with contextlib.suppress(OSError, AttributeError):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
