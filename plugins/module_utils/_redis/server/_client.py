# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Speaks to a Redis or Valkey server: signing in, commands and their answers (RESP 2), and raw bytes behind them.

A client library is of no use here: after ``PSYNC`` the connection carries no answers any more but an RDB, and libraries
keep the bytes that they have read ahead to themselves. What a server may make us hold is limited.
"""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import ssl
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError, SourceError

_PIECE_BYTES = 256 << 10
_MOST_LINE_BYTES = 64 << 10
_MOST_ANSWER_BYTES = 1 << 30
_MOST_ANSWERS = 1 << 20
_PART_BYTES = 128  # what Python takes for a small part of an answer
_MOST_NESTED = 8
_SHOWN = 200
_AS_LONG_AS_IT_TAKES = 365 * 86400.0  # the deadline of the work ends it
_HINTS = {
    "NOAUTH": "It demands a password: give login_password_file, and login_user where it has users.",
    "WRONGPASS": "Check login_user and the password.",
    "NOPERM": "Grant what is missing to this user: ACL SETUSER {user} {rights}. The how-to on Redis lists all rights.",
    "DENIED": "It is in protected mode, which lets nobody in from other hosts without a password.",
    "MOVED": "It is a node of a cluster: set cluster: true.",
    "LOADING": "Wait until it has loaded its data.",
    "NOMASTERLINK": "It is a replica that has lost its primary: take another replica, or the primary.",
}
_UNKNOWN = "A managed service that forbids it has snapshots of its own: use those. Or the server has renamed it."
_SLOTS = 16384
_GROUPS = ("ACL", "CLUSTER", "FUNCTION")  # commands whose second word is part of the name
Reply = t.Any  # bytes, an integer, None, a list of these, or a ServerError


class ServerError(SourceError):
    """The server's answer is an error. ``code`` is its first word."""

    def __init__(self, text: str, what: str, server: Server) -> None:
        self.code, _space, self.text = text.partition(" ")
        hint = _UNKNOWN if self.text.startswith("unknown command") else _HINTS.get(self.code, "")
        hint = hint.format(user=server.user or "default", rights=f"+{what.lower().replace(' ', '|')}")
        super().__init__(f"The Redis server {server} refused {what}: {text[:_SHOWN]}", hint=hint)


@dataclasses.dataclass(frozen=True)
class Server:
    """Where a server is, and how to sign in."""

    host: str = ""
    port: int = 0
    unix_socket: str = ""
    user: str = ""
    password: str = dataclasses.field(default="", repr=False)
    tls: ssl.SSLContext | None = None
    connect_seconds: float = 10.0
    idle_seconds: float = 60.0

    def __str__(self) -> str:
        return self.unix_socket or f"{self.host}:{self.port}"

    def at(self, host: str, port: int) -> Server:
        """Another node of the same cluster."""
        return dataclasses.replace(self, host=host, port=port, unix_socket="")

    def connect(self, deadline: Deadline) -> Connection:
        """Connect and sign in. Raises SourceError."""
        return Connection(self, deadline)


def server_from_options(options: t.Mapping[str, t.Any]) -> Server:
    """The server that a module's options lead to. Raises OptionError."""
    password, path = options["login_password"] or "", options["login_password_file"]
    if path:
        try:
            with open(path, encoding="utf-8") as file:
                password = file.read().strip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise OptionError(f"login_password_file: {path} cannot be read: {error}.") from None
    if options["login_user"] and not password:
        raise OptionError("login_user is given without a password.", hint="Give login_password_file.")
    tls = None
    if options["tls"] and not options["login_unix_socket"]:
        try:
            tls = ssl.create_default_context(cafile=options["ca_cert"])
            if options["ssl_cert"]:
                tls.load_cert_chain(options["ssl_cert"], options["ssl_key"])
        except (OSError, ssl.SSLError) as error:
            raise OptionError(f"One of ca_cert, ssl_cert and ssl_key cannot be used: {error}.") from None
    return Server(
        host=options["login_host"],
        port=options["login_port"],
        unix_socket=options["login_unix_socket"] or "",
        user=options["login_user"] or "",
        password=password,
        tls=tls,
        connect_seconds=parse_duration("connect_timeout", options["connect_timeout"]).total_seconds(),
        idle_seconds=parse_duration("idle_timeout", options["idle_timeout"]).total_seconds(),
    )


def servers_of(server: Server, cluster: bool, deadline: Deadline) -> dict[Server, str]:
    """The server alone, or every primary of its cluster with its slots. Raises SourceError where slots are missing."""
    if not cluster:
        return {server: ""}
    with server.connect(deadline) as connection:
        rows = connection.call("CLUSTER", "SLOTS")
    found: dict[Server, list[str]] = {}
    served, end = 0, -1
    try:
        for first, last, primary, *_replicas in sorted(rows):
            host = (primary[0] or b"").decode("ascii").strip("?") or server.host
            if not (end < first <= last < _SLOTS and 0 < primary[1] < 1 << 16):  # slots that come twice count once
                raise ValueError
            found.setdefault(server.at(host, primary[1]), []).append(f"{first}-{last}")
            served, end = served + last - first + 1, last
    except (AttributeError, LookupError, TypeError, ValueError):
        raise SourceError(f"The Redis server {server} answered CLUSTER SLOTS in a way that cannot be read.") from None
    if served != _SLOTS:
        raise SourceError(
            f"The cluster at {server} serves {served} of {_SLOTS} slots, so keys would be missing.",
            hint="Repair it first: redis-cli --cluster check HOST:PORT.",
        )
    return {node: ",".join(slots) for node, slots in found.items()}


class Connection:
    """One connection. Use it as a context manager."""

    def __init__(self, server: Server, deadline: Deadline) -> None:
        self._server = server
        self._deadline = deadline
        self._buffer = bytearray()
        self._left = 0  # bytes that the rest of this answer may have
        self._socket = self._connected()
        if server.password:
            self._signed_in()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._socket.close()

    def _connected(self) -> socket.socket:
        server, seconds = self._server, self._deadline.remaining(self._server.connect_seconds)
        self._deadline.check(f"Connecting to {server}")
        try:
            if server.unix_socket:
                plain = socket.socket(socket.AF_UNIX)
                plain.settimeout(seconds)
                plain.connect(server.unix_socket)
                return plain
            plain = socket.create_connection((server.host, server.port), timeout=seconds)
            return server.tls.wrap_socket(plain, server_hostname=server.host) if server.tls else plain
        except OSError as error:  # ssl's errors are OSErrors, too
            hint = "Check ca_cert, the name in the certificate, ssl_cert and ssl_key." if server.tls else ""
            raise SourceError(f"The Redis server {server} cannot be reached: {error}.", hint=hint) from None

    def _signed_in(self) -> None:
        user, password = self._server.user, self._server.password
        self.text("AUTH", *([user] if user else []), password)

    def call(self, *words: str | bytes | int) -> Reply:
        """The answer to a command. Raises ServerError for an error."""
        (answer,) = self.call_many([words])
        if isinstance(answer, ServerError):
            raise answer
        return answer

    def text(self, *words: str | bytes | int) -> bytes:
        """The answer to a command that answers with a text."""
        answer = self.call(*words)
        if not isinstance(answer, bytes):
            raise self._strange(b"%r" % (answer,))
        return answer

    def wait_for(self, *words: str | bytes | int) -> None:
        """Wait for the end of a command that takes as long as it takes. Raises ServerError."""
        self._server = dataclasses.replace(self._server, idle_seconds=_AS_LONG_AS_IT_TAKES)
        self.text(*words)

    def call_many(self, commands: t.Sequence[t.Sequence[str | bytes | int]]) -> list[Reply]:
        """The answers to several commands, which are sent at once; an error stands in its place."""
        parts: list[bytes] = []
        for command in commands:
            words = [word if isinstance(word, bytes) else str(word).encode("utf-8") for word in command]
            parts.append(b"*%d\r\n" % len(words))
            parts += [b"$%d\r\n%b\r\n" % (len(word), word) for word in words]
        self._send(b"".join(parts))
        return [self._whole_answer(_name(command)) for command in commands]

    def _send(self, data: bytes) -> None:
        view = memoryview(data)
        self._socket.settimeout(max(0.01, self._deadline.remaining(self._server.idle_seconds)))
        try:
            while view:
                view = view[self._socket.send(view[:_PIECE_BYTES]) :]
        except OSError as error:
            self._deadline.check(f"Sending to {self._server}")
            raise SourceError(f"The connection to the Redis server {self._server} broke: {error}.") from None

    def line(self) -> bytes:
        """The next line that is not empty: while a server prepares an RDB it sends empty ones. Raises SourceError."""
        while True:
            end = self._buffer.find(b"\n")
            if end < 0:
                if len(self._buffer) > _MOST_LINE_BYTES:
                    raise self._strange(bytes(self._buffer))
                self._buffer += self._received()
                continue
            line = bytes(self._buffer[:end]).rstrip(b"\r")
            del self._buffer[: end + 1]
            if line:
                return line

    def pieces(self) -> t.Iterator[bytes]:
        """What the server sends from here on, without an end. Raises SourceError when the connection ends."""
        if self._buffer:
            yield bytes(self._buffer)
            self._buffer.clear()
        while True:
            yield self._received()

    def _received(self) -> bytes:
        end = time.monotonic() + self._server.idle_seconds
        while True:
            self._deadline.check(f"Reading from {self._server}")
            self._socket.settimeout(max(0.01, self._deadline.remaining(1.0)))
            try:
                data = self._socket.recv(_PIECE_BYTES)
            except socket.timeout:
                if time.monotonic() < end:
                    continue
                raise SourceError(
                    f"The Redis server {self._server} has sent nothing for {self._server.idle_seconds:g} s.",
                    hint="Look at the server's log and its load, or raise idle_timeout.",
                ) from None
            except OSError as error:
                raise SourceError(f"The connection to the Redis server {self._server} broke: {error}.") from None
            if not data:
                raise SourceError(
                    f"The Redis server {self._server} has closed the connection.",
                    hint="Its log says why. A server that demands TLS does so, too: then set tls.",
                )
            return data

    def _whole_answer(self, what: str) -> Reply:
        """An answer, with a bound for all that is in it: many parts may each be within theirs."""
        self._left = _MOST_ANSWER_BYTES
        return self._answer(what)

    def _answer(self, what: str, depth: int = 0) -> Reply:
        line = self.line()
        self._left -= _PART_BYTES
        if self._left < 0:
            raise SourceError(
                f"The Redis server {self._server} gives an answer of more than {_MOST_ANSWER_BYTES} bytes."
            )
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest
        if kind == b"-":
            return ServerError(rest.decode("utf-8", "replace"), what, self._server)
        with contextlib.suppress(ValueError):
            number = int(rest)
            if kind == b":":
                return number
            if kind == b"$" and number <= self._left:
                self._left -= max(0, number)
                return None if number < 0 else self._exactly(number + 2)[:-2]
            if kind == b"*" and number <= _MOST_ANSWERS and depth < _MOST_NESTED:
                return None if number < 0 else [self._answer(what, depth + 1) for _number in range(number)]
        raise self._strange(line)

    def _exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._buffer += self._received()
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def _strange(self, line: bytes) -> SourceError:
        return SourceError(
            f"{self._server} does not speak as a Redis server does: it said {line[:80]!r}.",
            hint="Check login_host, login_port and tls.",
        )


def _name(command: t.Sequence[str | bytes | int]) -> str:
    """What to call a command in an error: never its arguments, which may be secret."""
    return " ".join(str(word) for word in command[: 2 if command[0] in _GROUPS else 1])
