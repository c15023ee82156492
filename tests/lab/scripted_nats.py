# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server on loopback that speaks just enough of the NATS client protocol to follow a script: what real servers do
once in ten thousand times, and what only a broken or hostile one does.
"""

from __future__ import annotations

import collections.abc
import contextlib
import json
import socket
import threading
import types
import typing as t

_INFO = {"server_id": "S", "server_name": "scripted", "version": "2.14.6", "headers": True, "max_payload": 1 << 20}


class Publication(t.NamedTuple):
    """What a client published."""

    subject: bytes
    reply: bytes
    payload: bytes


class Dialogue:
    """One client's connection, as the script sees it."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.heard = b""
        self._subscriptions: dict[bytes, bytes] = {}

    def message(self, subject: bytes, payload: bytes = b"", reply: bytes = b"", headers: bytes = b"") -> bytes:
        """A message as the server would deliver it: to the client's subscription to this very subject, else to the one
        whose wildcard matches it.
        """
        number = self._subscriptions.get(subject) or next(
            (sid for pattern, sid in self._subscriptions.items() if _matches(pattern, subject)), b"1"
        )
        fields = b" ".join([subject, number, *([reply] if reply else [])])
        if headers:
            return b"HMSG %s %d %d\r\n%s\r\n" % (fields, len(headers), len(headers + payload), headers + payload)
        return b"MSG %s %d\r\n%s\r\n" % (fields, len(payload), payload)

    def nobody(self, subject: bytes) -> bytes:
        """What a server answers to a request that nobody listens to."""
        return self.message(subject, headers=b"NATS/1.0 503\r\n\r\n")

    def subscribed(self, subject: bytes, number: bytes) -> None:
        """The client has subscribed."""
        self._subscriptions[subject] = number


Script = collections.abc.Callable[[Dialogue, Publication], bytes]


class ScriptedNats:
    """Use it as a context manager. ``script`` gets every publication, and gives the bytes to send for it.

    ``greeting`` replaces the INFO line; ``pong`` the answer to PING.
    """

    def __init__(
        self,
        script: Script = lambda dialogue, publication: b"",
        *,
        info: t.Mapping[str, t.Any] | None = None,
        greeting: bytes | None = None,
        pong: bytes = b"PONG\r\n",
    ) -> None:
        self._script = script
        self._greeting = b"INFO " + json.dumps({**_INFO, **(info or {})}).encode() + b"\r\n"
        self._greeting = self._greeting if greeting is None else greeting
        self._pong = pong
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        self.dialogues: list[Dialogue] = []
        self.url = f"nats://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> ScriptedNats:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        for one in (self._listener, *self._connections):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    @property
    def heard(self) -> bytes:
        """All that the clients have sent."""
        return b"".join(dialogue.heard for dialogue in self.dialogues)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _address = self._listener.accept()
                self._connections.append(connection)
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        dialogue = Dialogue(connection)
        self.dialogues.append(dialogue)
        with contextlib.suppress(OSError, ValueError):
            connection.sendall(self._greeting)
            lines = connection.makefile("rb")
            while line := lines.readline():
                dialogue.heard += line
                self._obey(dialogue, line.split(), lines)

    def _obey(self, dialogue: Dialogue, fields: list[bytes], lines: t.BinaryIO) -> None:
        verb = fields[0].upper()
        if verb == b"PING":
            dialogue.connection.sendall(self._pong)
        elif verb == b"SUB":
            dialogue.subscribed(fields[1], fields[-1])
        elif verb in (b"PUB", b"HPUB"):
            payload = lines.read(int(fields[-1]) + 2)
            dialogue.heard += payload
            reply = fields[2] if len(fields) == (4 if verb == b"PUB" else 5) else b""
            answer = self._script(dialogue, Publication(fields[1], reply, payload[:-2]))
            if answer:
                dialogue.connection.sendall(answer)


def _matches(pattern: bytes, subject: bytes) -> bool:
    ours, theirs = pattern.split(b"."), subject.split(b".")
    for number, token in enumerate(ours):
        if token == b">":
            return len(theirs) > number
        if number >= len(theirs) or token not in (b"*", theirs[number]):
            return False
    return len(ours) == len(theirs)
