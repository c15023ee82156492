# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""One TCP connection, plain or TLS, whose every wait comes back several times a second, so that whoever waits can look
at the clock.

Plain sockets stay in blocking mode with a time-out in the kernel (SO_RCVTIMEO, socket(7)): a piece of any size is then
one call, one copy and no Python between. One thread may read while others send.
"""

from __future__ import annotations

import abc
import contextlib
import select
import socket
import ssl
import struct
import threading
import time
import typing as t

TICK_SECONDS = 0.25
_SILENT_PEER_SECONDS = (
    30  # after so long without any sign of life from the other host, the kernel gives the connection up
)
_TIMEVAL = struct.pack("ll", 0, int(TICK_SECONDS * 1_000_000))


class Transport(abc.ABC):
    """Bytes in both directions. Every method raises OSError when the connection is gone."""

    @abc.abstractmethod
    def receive(self, at_most: int, wait: bool = True) -> bytes | None:
        """Some bytes, b"" at the end, or None when none came within a tick; without ``wait``, when none is there."""

    @abc.abstractmethod
    def receive_all(self, count: int) -> bytes | None:
        """As many bytes as asked for, or those that came before a tick was over; b"" at the end, None when none
        came.
        """

    @abc.abstractmethod
    def send(self, parts: t.Sequence[bytes | memoryview], on_wait: t.Callable[[], None]) -> None:
        """Send all parts, one after the other. Calls ``on_wait`` at each tick in which the other side took nothing."""

    @abc.abstractmethod
    def close(self) -> None:
        """End the connection; a thread that reads sees the end."""


def connect(host: str, port: int, timeout: float) -> socket.socket:
    """A TCP connection that notices when the other host is gone. Raises OSError."""
    plain = socket.create_connection((host, port), timeout=timeout)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", 10),
        ("TCP_KEEPINTVL", 5),
        ("TCP_KEEPCNT", 4),
        ("TCP_USER_TIMEOUT", _SILENT_PEER_SECONDS * 1000),
    ):
        with contextlib.suppress(OSError, AttributeError):
            plain.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return plain


class PlainTransport(Transport):
    """A socket without TLS."""

    def __init__(self, plain: socket.socket) -> None:
        self._socket = plain
        self._sending = threading.Lock()
        plain.settimeout(None)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIMEVAL)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _TIMEVAL)

    def receive(self, at_most: int, wait: bool = True) -> bytes | None:
        try:
            return self._socket.recv(at_most, 0 if wait else socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None

    def receive_all(self, count: int) -> bytes | None:
        try:
            return self._socket.recv(count, socket.MSG_WAITALL)
        except BlockingIOError:
            return None

    def send(self, parts: t.Sequence[bytes | memoryview], on_wait: t.Callable[[], None]) -> None:
        with self._sending:
            waiting = [memoryview(part) for part in parts if part]
            while waiting:
                try:
                    sent = self._socket.sendmsg(waiting)
                except BlockingIOError:
                    on_wait()
                    continue
                while waiting and sent >= len(waiting[0]):
                    sent -= len(waiting.pop(0))
                if sent:
                    waiting[0] = waiting[0][sent:]

    def close(self) -> None:
        _close(self._socket)


class TlsTransport(Transport):
    """A socket with TLS.

    OpenSSL's object is for one thread at a time, so it is only touched under a lock, and waited for outside.
    """

    def __init__(self, secured: ssl.SSLSocket) -> None:
        self._socket = secured
        self._using = threading.Lock()
        self._sending = threading.Lock()
        secured.setblocking(False)

    def receive(self, at_most: int, wait: bool = True) -> bytes | None:
        end = time.monotonic() + (TICK_SECONDS if wait else 0)
        while True:
            with self._using:
                try:
                    return self._socket.recv(at_most)
                except ssl.SSLZeroReturnError:
                    return b""
                except ssl.SSLWantReadError:
                    wanted = select.POLLIN
                except ssl.SSLWantWriteError:
                    wanted = select.POLLOUT
            left = end - time.monotonic()
            if left <= 0 or not self._wait(wanted, left):
                return None

    def receive_all(self, count: int) -> bytes | None:
        parts: list[bytes] = []
        end = time.monotonic() + TICK_SECONDS
        while count and (not parts or time.monotonic() < end):
            part = self.receive(count)
            if not part:
                return b"".join(parts) if parts else part
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def send(self, parts: t.Sequence[bytes | memoryview], on_wait: t.Callable[[], None]) -> None:
        with self._sending:
            rest = memoryview(b"".join(parts))
            while rest:
                wanted = select.POLLOUT
                with self._using:
                    try:
                        rest = rest[self._socket.send(rest) :]
                        continue
                    except ssl.SSLWantWriteError:
                        pass
                    except ssl.SSLWantReadError:
                        wanted = select.POLLIN
                if not self._wait(wanted, TICK_SECONDS):
                    on_wait()

    def _wait(self, wanted: int, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self._socket, wanted)
        return bool(poll.poll(seconds * 1000))

    def close(self) -> None:
        _close(self._socket)


def _close(connection: socket.socket) -> None:
    with contextlib.suppress(OSError, ValueError):
        connection.shutdown(socket.SHUT_RDWR)  # wakes a thread that reads
    with contextlib.suppress(OSError):
        connection.close()
