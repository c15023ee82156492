# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes streams of any size in a throw-away NATS server, as fast as the server takes messages, and deletes them.

A client of a few lines for the plain text protocol, which shares nothing with the collection. Every message is
acknowledged.
"""

from __future__ import annotations

import json
import os
import socket
import types
import typing as t

from tests.lab.throwaway import LabError

_INBOX = "_INBOX.filler"
_UNDER_WAY = 4000  # messages that are not acknowledged yet: below the server's limit of 10,000
_UNDER_WAY_BYTES = 32 << 20
_POOL_BYTES = 64 << 20  # repeats itself no sooner than this, farther than S2 looks back
_BATCH_BYTES = 1 << 20
_SECONDS = 120.0
_ACKNOWLEDGED = b'"seq":'


class Filler:
    """Use it as a context manager. ``port`` is the server's, on 127.0.0.1, and lets everybody in."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._buffer = b""

    def __enter__(self) -> Filler:
        self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=_SECONDS)
        self._socket.sendall(
            b'CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true,"protocol":1}\r\n'
        )
        self._socket.sendall(f"SUB {_INBOX}.* 1\r\nPING\r\n".encode())
        while b"PONG\r\n" not in self._buffer:
            self._receive()
        self._buffer = b""
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        self._socket.close()

    def api(self, verb: str, body: t.Mapping[str, t.Any] | None = None) -> dict[str, t.Any]:
        """An answer of JetStream. Raises LabError when it is an error."""
        payload = json.dumps(body).encode() if body is not None else b""
        self._socket.sendall(f"PUB $JS.API.{verb} {_INBOX}.api {len(payload)}\r\n".encode() + payload + b"\r\n")
        while (answer := self._message()) is None:
            self._receive()
        result: dict[str, t.Any] = json.loads(answer)
        if "error" in result:
            raise LabError(f"{verb}: {result['error']}")
        return result

    def messages(self, stream: str) -> int:
        """How many messages it holds."""
        return int(self.api(f"STREAM.INFO.{stream}")["state"]["messages"])

    def delete(self, stream: str) -> None:
        """The stream is gone afterwards."""
        self.api(f"STREAM.DELETE.{stream}")

    def make(self, stream: str, count: int, size: int, *, text: bool = False) -> None:
        """A stream with ``count`` messages of ``size`` random bytes, or of JSON ``text`` with 32 random digits.

        Their subjects are ``<stream in small letters>.<one of ten>``.
        """
        self.api(
            f"STREAM.CREATE.{stream}",
            {"name": stream, "subjects": [f"{stream.lower()}.>"], "storage": "file", "num_replicas": 1},
        )
        batches, per_batch = self._pool(stream, count, size, text)
        most_under_way = min(_UNDER_WAY, max(1, _UNDER_WAY_BYTES // size))
        sent = under_way = 0
        while sent < count:
            batch = batches[sent // per_batch % len(batches)][: count - sent]
            self._socket.sendall(b"".join(batch))
            sent += len(batch)
            under_way += len(batch)
            while under_way > (most_under_way if sent < count else 0):
                under_way -= self._acknowledgements()
        if self.messages(stream) != count:
            raise LabError(f"The stream {stream} was to hold {count} messages and holds {self.messages(stream)}.")

    @staticmethod
    def _pool(stream: str, count: int, size: int, text: bool) -> tuple[list[list[bytes]], int]:
        per_batch = max(1, min(_UNDER_WAY // 4, _BATCH_BYTES // size))
        frames = min(count, max(per_batch, _POOL_BYTES // size // per_batch * per_batch))

        def frame(number: int) -> bytes:
            data = (
                b'{"id": "%s", "action": "push", "repository": "lifeboat/archive"' % os.urandom(16).hex().encode()
                if text
                else b""
            )
            data = data.ljust(size - 1) + b"}" if text else os.urandom(size)
            return f"PUB {stream.lower()}.{number % 10} {_INBOX}.a {size}\r\n".encode() + data + b"\r\n"

        return [
            [frame(number) for number in range(at, min(at + per_batch, frames))] for at in range(0, frames, per_batch)
        ], per_batch

    def _acknowledgements(self) -> int:
        self._receive()
        if b'"error"' in self._buffer:
            raise LabError(f"The server refused a message: {self._buffer[:300]!r}")
        found = self._buffer.count(_ACKNOWLEDGED)
        after = self._buffer.rfind(_ACKNOWLEDGED) + len(_ACKNOWLEDGED) if found else 0
        self._buffer = self._buffer[max(after, len(self._buffer) - len(_ACKNOWLEDGED) + 1) :]
        return found

    def _message(self) -> bytes | None:
        """The payload of the answer in the buffer, once it is whole."""
        begin = self._buffer.find(f"MSG {_INBOX}.api ".encode())
        head, line_end, rest = self._buffer[begin:].partition(b"\r\n") if begin >= 0 else (b"", b"", b"")
        size = int(head.rsplit(b" ", 1)[1]) if line_end else 0
        if not line_end or len(rest) < size + 2:
            return None
        self._buffer = rest[size + 2 :]
        return rest[:size]

    def _receive(self) -> None:
        data = self._socket.recv(1 << 18)
        if not data:
            raise LabError(f"The NATS server has closed the connection: {self._buffer[-300:]!r}")
        if b"PING\r\n" in data:
            self._socket.sendall(b"PONG\r\n")
        self._buffer += data
