# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The NATS client protocol (docs.nats.io, "Client protocol") on one connection, for threads.

Why not a library: the transfer of a stream shares two cores with the server, and the client library for asyncio spends
more processor time on copying a chunk between its buffers than encrypting it takes. Here a chunk is received in one
call and handed on as it is.
"""

from __future__ import annotations

import json
import re
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._errors_of_server import (
    ConnectionLostError,
    permission_violation,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._transport import Transport

_READ_BYTES = 64 * 1024
_LARGE_PAYLOAD = 16 * 1024
_IDLE_IN_PAYLOAD_SECONDS = 60.0
_STATUS = re.compile(rb"NATS/1\.0[ \t]*(\d*)[ \t]*([^\r\n]*)")


class Delivery(t.NamedTuple):
    """A message that came.

    ``headers`` are the raw bytes from ``NATS/1.0`` on, with the empty line that ends them; b"" without any.
    """

    subject: bytes
    reply: bytes
    headers: bytes
    data: bytes

    @property
    def status(self) -> tuple[str, str]:
        """The inline status and its text, ("", "") without one: ``NATS/1.0 408 No Flow Response``."""
        found = _STATUS.match(self.headers)
        return (found[1].decode("latin-1"), found[2].decode("utf-8", "replace").strip()) if found else ("", "")


class Wire:
    """What goes over one connection. One thread reads; any thread may send.

    ``on_wait`` is called several times a second while nothing comes or goes, and may raise. ``server`` is how people
    call the other side.
    ``bulk`` is for large messages that follow each other: only the line before a payload is read ahead, so that the
    payload stays in the kernel until it is received, in one call and without another copy, as the piece that is handed
    on.
    """

    def __init__(self, transport: Transport, server: str, on_wait: t.Callable[[], None] = lambda: None) -> None:
        self.server = server
        self.on_wait = on_wait
        self.bulk = False
        self.info: dict[str, t.Any] = {}
        self.closed = False
        self._transport = transport
        self._buffer = b""
        self._position = 0
        self._line_bytes = 0
        self._pongs = 0

    # --- sending ---

    def command(self, line: bytes) -> None:
        """Send a line of the protocol."""
        self._send([line, b"\r\n"])

    def publish(self, subject: bytes, payload: bytes | memoryview = b"", reply: bytes = b"") -> None:
        """Send a message without headers."""
        head = (
            b"PUB %s %s %d\r\n" % (subject, reply, len(payload))
            if reply
            else b"PUB %s %d\r\n" % (subject, len(payload))
        )
        self._send([head, payload, b"\r\n"])

    def publish_empty(self, subjects: t.Sequence[bytes]) -> None:
        """Send an empty message to each of these subjects."""
        self._send([b"".join([b"PUB %s 0\r\n\r\n" % subject for subject in subjects])])

    def _send(self, parts: t.Sequence[bytes | memoryview]) -> None:
        try:
            self._transport.send(parts, self.on_wait)
        except (OSError, ValueError) as error:
            raise self._lost(error) from None

    # --- receiving ---

    def read(self, timeout: float) -> Delivery | None:
        """The next message, or None when none began to come in time (0: only what is there already).

        Raises MissingPermissionError, ConnectionLostError, or what ``on_wait`` raises.
        """
        end = time.monotonic() + timeout
        while True:
            line = self._line(end)
            if line is None:
                return None
            if line.startswith(b"MSG "):
                self._line_bytes = len(line) + 4  # with its own end, and the end of the payload before it
                return self._delivery(line.split())
            if line.startswith(b"HMSG "):
                return self._delivery_with_headers(line.split())
            self._control(line)

    def round_trip(self, timeout: float) -> float | None:
        """Seconds that the server takes to answer; None when it does not in time.

        Messages that come meanwhile are dropped.
        """
        awaited, started = self._pongs + 1, time.monotonic()
        self.command(b"PING")
        while self._pongs < awaited:
            line = self._line(started + timeout)
            if line is None:
                return None
            if line.startswith(b"MSG "):
                self._delivery(line.split())
            elif line.startswith(b"HMSG "):
                self._delivery_with_headers(line.split())
            else:
                self._control(line)
        return time.monotonic() - started

    def read_info(self, timeout: float) -> dict[str, t.Any] | None:
        """The first line that a server sends; None when it does not come in time."""
        line = self._line(time.monotonic() + timeout)
        if line is None:
            return None
        if not line.startswith(b"INFO "):
            raise ConnectionLostError(f"{self.server} does not speak the NATS protocol.", hint="Check host and port.")
        self._control(line)
        return self.info

    @property
    def has_unread(self) -> bool:
        """Whether bytes were received and not looked at: before TLS begins there may be none."""
        return self._position < len(self._buffer)

    def _control(self, line: bytes) -> None:
        if line.startswith(b"PING"):
            self.command(b"PONG")
        elif line.startswith(b"PONG"):
            self._pongs += 1
        elif line.startswith(b"INFO "):
            self.info.update(json.loads(line[5:]))
        elif line.startswith(b"-ERR"):
            raise self._refusal(line[4:].strip().strip(b"'").decode("utf-8", "replace"))
        elif not line.startswith(b"+OK"):
            raise self._lost("it sent what is not the NATS protocol")

    def _refusal(self, text: str) -> LifeboatError:
        return permission_violation(text, self.server) or self._lost(f"the server ended it: {text}")

    def _line(self, end: float) -> bytes | None:
        while True:
            stop = self._buffer.find(b"\r\n", self._position)
            if stop >= 0:
                line = self._buffer[self._position : stop]
                self._position = stop + 2
                return line
            wait = time.monotonic() < end
            if not self._fill(wait) and not wait:
                return None

    def _fill(self, wait: bool = True) -> bool:
        """Receive something more, or come back after a tick; without ``wait`` at once."""
        piece = self._received(
            lambda count: self._transport.receive(count, wait),
            self._line_bytes if self.bulk and self._line_bytes else _READ_BYTES,
        )
        if piece is None:
            return False
        self._buffer = self._buffer[self._position :] + piece
        self._position = 0
        return True

    def _received(self, receive: t.Callable[[int], bytes | None], count: int) -> bytes | None:
        try:
            piece = receive(count)
        except (OSError, ValueError) as error:
            raise self._lost(error) from None
        if piece is None:
            self.on_wait()  # the clock is looked at
        elif not piece:
            raise self._lost("the other side closed it")
        return piece

    def _delivery(self, fields: t.Sequence[bytes]) -> Delivery:
        """``MSG <subject> <sid> [reply] <bytes>``"""
        return Delivery(fields[1], fields[3] if len(fields) == 5 else b"", b"", self._payload(int(fields[-1])))

    def _delivery_with_headers(self, fields: t.Sequence[bytes]) -> Delivery:
        """``HMSG <subject> <sid> [reply] <bytes of headers> <bytes of both>``"""
        headers, both = int(fields[-2]), self._payload(int(fields[-1]))
        return Delivery(fields[1], fields[3] if len(fields) == 6 else b"", both[:headers], both[headers:])

    def _payload(self, count: int) -> bytes:
        there = len(self._buffer) - self._position
        if count - there >= _LARGE_PAYLOAD:
            head, self._buffer, self._position = self._buffer[self._position :], b"", 0
            rest = self._all(count - len(head))
            self._payload(0)  # the end of its line
            return head + rest if head else rest
        give_up = time.monotonic() + _IDLE_IN_PAYLOAD_SECONDS
        while len(self._buffer) - self._position < count + 2:
            if not self._fill() and time.monotonic() > give_up:
                raise self._lost("nothing came in the middle of a message")
        start = self._position
        self._position = start + count + 2
        return self._buffer[start : start + count]

    def _all(self, count: int) -> bytes:
        parts: list[bytes] = []
        give_up = time.monotonic() + _IDLE_IN_PAYLOAD_SECONDS
        while count:
            piece = self._received(self._transport.receive_all, count)
            if piece is None:
                if time.monotonic() > give_up:
                    raise self._lost("nothing came in the middle of a message")
                continue
            give_up = time.monotonic() + _IDLE_IN_PAYLOAD_SECONDS
            parts.append(piece)
            count -= len(piece)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    # --- the end ---

    def close(self) -> None:
        """End the connection. May be called twice, and from another thread."""
        self.closed = True
        self._transport.close()

    def _lost(self, why: object) -> ConnectionLostError:
        self.closed = True
        return ConnectionLostError(
            f"The connection to NATS at {self.server} was lost: {why}.",
            hint="Look at the server's log, and at the network between; then run it again.",
            transient=True,
        )
