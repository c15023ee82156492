# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A proxy on loopback that stands before a server (S3, PostgreSQL) and makes the network fail as the test says.

It runs in one thread of its own and starts as a plain pass-through. All its methods may be called from the test's
thread, at any time.
"""

from __future__ import annotations

import asyncio
import collections.abc
import contextlib
import dataclasses
import socket
import struct
import threading
import types
import typing as t
import urllib.parse

_PIECE_BYTES = 256 * 1024
_BUFFER_BYTES = 256 * 1024  # small, so that what a slow proxy has not passed on is not taken from the sender either
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with no time: close() sends RST (socket(7))
_STATUS_TEXT = {403: "Forbidden", 404: "Not Found", 500: "Internal Server Error", 503: "Service Unavailable"}

T = t.TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Request:
    """An HTTP request that came by.

    ``answered`` is the status that the proxy gave itself, or None when it was passed on.
    """

    method: str
    path: str
    answered: int | None


@dataclasses.dataclass
class _Answer:
    times: int
    status: int
    code: str
    method: str
    path: str

    def matches(self, method: str, path: str) -> bool:
        return self.times > 0 and self.method in ("", method) and self.path in path


class FaultProxy:
    """Use it as a context manager. ``http=False`` passes bytes without looking at them, for instance PostgreSQL's."""

    def __init__(self, target_port: int, *, target_host: str = "127.0.0.1", http: bool = True) -> None:
        self.port = 0
        self._target = (target_host, target_port)
        self._http = http
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault proxy", daemon=True)
        self._listener: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._requests: list[Request] = []
        self._answers: list[_Answer] = []
        self._budgets: dict[str, int] = {}
        self._refuse_after_cut = False
        self._bytes_per_second: float | None = None
        self._line_free_at = 0.0
        self._passed = {"up": 0, "down": 0}

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # --- what the test sees ---

    @property
    def endpoint_url(self) -> str:
        """Where HTTP clients reach it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[Request]:
        """The HTTP requests that came so far, in order."""
        return self._run(self._copy_requests())

    def count(self, *, method: str = "", path: str = "", answered: int | None = None) -> int:
        """How many requests of this method had this text in their path (query included) and were passed on, or got this
        answer instead.
        """
        return sum(
            entry.method == (method or entry.method) and path in entry.path and entry.answered == answered
            for entry in self.requests
        )

    @property
    def bytes_up(self) -> int:
        """Bytes passed on towards the server."""
        return self._passed["up"]

    @property
    def bytes_down(self) -> int:
        """Bytes passed on towards the client."""
        return self._passed["down"]

    # --- what the test does ---

    def pass_all(self) -> None:
        """Forget all faults; listen again after ``refuse``."""
        self._run(self._reset())

    def refuse(self) -> None:
        """The endpoint is gone: open connections are reset, new ones refused."""
        self._run(self._refuse())

    def cut(self) -> None:
        """Reset all open connections, now."""
        self._run(self._cut_soon())

    def cut_after(self, count: int, *, direction: t.Literal["up", "down"] = "up", then_refuse: bool = False) -> None:
        """Once: when ``count`` more bytes have gone to the server ("up") or to the client ("down"), reset all
        connections.

        ``then_refuse`` makes the endpoint stay away after it.
        """
        self._run(self._set_budget(count, direction, then_refuse))

    def slow_down(self, bytes_per_second: float | None) -> None:
        """Limit all connections together, in both directions. None lifts the limit."""
        self._run(self._set_rate(bytes_per_second))

    def answer_errors(
        self, times: int, *, status: int = 503, code: str = "SlowDown", method: str = "", path: str = ""
    ) -> None:
        """Answer the next ``times`` matching HTTP requests with an S3 error and do not pass them on.

        ``method`` is the whole word, ``path`` any part of the path with its query, as it is on the wire; empty ones
        match all.
        """
        self._run(self._add_answer(_Answer(times, status, code, method, path)))

    # --- in the proxy's own thread ---

    def _run(self, work: collections.abc.Coroutine[t.Any, t.Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _copy_requests(self) -> list[Request]:
        return list(self._requests)

    async def _listen(self) -> None:
        listener = socket.create_server(("127.0.0.1", self.port))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        self.port = listener.getsockname()[1]
        self._listener = await asyncio.start_server(self._serve, sock=listener, limit=_BUFFER_BYTES)

    async def _close(self) -> None:
        await self._refuse()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _reset(self) -> None:
        self._answers.clear()
        self._budgets.clear()
        self._bytes_per_second = None
        if self._listener is None:
            await self._listen()

    async def _refuse(self) -> None:
        self._refuse_now()

    def _refuse_now(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self._cut_all()

    async def _cut_soon(self) -> None:
        self._cut_all()

    def _cut_all(self) -> None:
        for writer in self._writers:
            with contextlib.suppress(OSError):
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            writer.transport.abort()

    async def _set_budget(self, count: int, direction: str, then_refuse: bool) -> None:
        self._budgets[direction] = count
        self._refuse_after_cut = then_refuse

    async def _set_rate(self, bytes_per_second: float | None) -> None:
        self._bytes_per_second, self._line_free_at = bytes_per_second, 0.0

    async def _add_answer(self, answer: _Answer) -> None:
        self._answers.append(answer)

    async def _serve(self, client_reader: asyncio.StreamReader, client_writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        writers = {client_writer}
        self._writers |= writers
        try:
            server_reader, server_writer = await asyncio.open_connection(*self._target, limit=_BUFFER_BYTES)
            writers.add(server_writer)
            self._writers |= writers
            if self._listener is None:  # the endpoint went away between the accepting of this connection and now
                self._cut_all()
            await self._pass_both_ways(client_reader, client_writer, server_reader, server_writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # cut, by us or by one of the two sides
        finally:
            self._connections.discard(task)
            self._writers -= writers
            for writer in writers:
                writer.close()

    async def _pass_both_ways(
        self,
        client_reader: asyncio.StreamReader,
        client_writer: asyncio.StreamWriter,
        server_reader: asyncio.StreamReader,
        server_writer: asyncio.StreamWriter,
    ) -> None:
        for writer in (client_writer, server_writer):
            writer.transport.set_write_buffer_limits(high=0)  # drain() then waits until all is handed to the kernel
        down = asyncio.ensure_future(self._pump(server_reader, client_writer, "down"))
        if self._http:
            up = asyncio.ensure_future(self._pass_requests(client_reader, server_writer, client_writer))
        else:
            up = asyncio.ensure_future(self._pump(client_reader, server_writer, "up"))
        try:
            done, _waiting = await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            if up.done() and up.result():  # the client has no more to say, the server may have
                server_writer.write_eof()
                await down
        finally:
            up.cancel()
            down.cancel()
            await asyncio.gather(up, down, return_exceptions=True)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: str) -> bool:
        while piece := await reader.read(_PIECE_BYTES):
            await self._forward(writer, piece, direction)
        return True

    async def _pass_requests(
        self, reader: asyncio.StreamReader, server: asyncio.StreamWriter, client: asyncio.StreamWriter
    ) -> bool:
        """True at the client's end; False when the proxy has answered itself, after which the connection is closed."""
        while head := await _read_head(reader):
            lines = head.decode("latin-1").split("\r\n")
            method, path, _version = lines[0].split(" ", 2)
            headers = {
                name.lower(): value.strip() for name, _colon, value in (line.partition(":") for line in lines[1:])
            }
            answer = next((answer for answer in self._answers if answer.matches(method, path)), None)
            self._requests.append(Request(method, path, answer.status if answer else None))
            if answer:
                answer.times -= 1
                await _answer(answer, method, path, headers, reader, client)
                return False
            await self._forward(server, head, "up")
            async for piece in _body(reader, headers):
                await self._forward(server, piece, "up")
        return True

    async def _forward(self, writer: asyncio.StreamWriter, data: bytes, direction: str) -> None:
        while data:
            piece = data
            if self._bytes_per_second is not None:
                piece = data[: max(1, int(self._bytes_per_second / 20))]
                await self._wait_for_turn(len(piece) / self._bytes_per_second)
            budget = self._budgets.get(direction)
            piece = piece if budget is None else piece[:budget]
            writer.write(piece)
            await writer.drain()
            self._passed[direction] += len(piece)
            data = data[len(piece) :]
            if budget is not None:
                self._spend(direction, len(piece))

    async def _wait_for_turn(self, seconds: float) -> None:
        """All connections share one line, which each piece occupies for so long."""
        now = self._loop.time()
        self._line_free_at = max(now, self._line_free_at) + seconds
        await asyncio.sleep(self._line_free_at - now)

    def _spend(self, direction: str, count: int) -> None:
        left = self._budgets.get(direction, 0) - count
        if left > 0:
            self._budgets[direction] = left
            return
        self._budgets.pop(direction, None)
        if self._refuse_after_cut:
            self._refuse_now()
        else:
            self._cut_all()
        raise ConnectionAbortedError


async def _read_head(reader: asyncio.StreamReader) -> bytes:
    """A request's lines up to the empty one; nothing at the end of the connection."""
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


async def _body(reader: asyncio.StreamReader, headers: t.Mapping[str, str]) -> collections.abc.AsyncIterator[bytes]:
    """A request's body as it is on the wire (RFC 9112, section 6)."""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        last = False
        while not last:
            line = await reader.readuntil(b"\r\n")
            size = int(line.partition(b";")[0], 16)
            last = size == 0
            yield line
            yield await reader.readexactly(size + 2)
        return
    left = int(headers.get("content-length", "0"))
    while left:
        piece = await reader.read(min(left, _PIECE_BYTES))
        if not piece:
            raise asyncio.IncompleteReadError(b"", left)
        left -= len(piece)
        yield piece


async def _answer(
    answer: _Answer,
    method: str,
    path: str,
    headers: t.Mapping[str, str],
    reader: asyncio.StreamReader,
    client: asyncio.StreamWriter,
) -> None:
    """An S3 error and the end of the connection. A client that waits for "100 Continue" never sends its body."""
    if headers.get("expect", "").lower() != "100-continue":
        async for _turn in _body(reader, headers):
            pass
    resource = urllib.parse.unquote(path.partition("?")[0]).replace("&", "&amp;").replace("<", "&lt;")
    body = (
        '<?xml version="1.0" '
        f'encoding="UTF-8"?>\n<Error><Code>{answer.code}</Code><Message>{_STATUS_TEXT.get(answer.status, answer.code)}'
        f"</Message><Resource>{resource}</Resource><RequestId>FAULTPROXY000000</RequestId></Error>"
    ).encode()
    head = (
        f"HTTP/1.1 {answer.status} {_STATUS_TEXT.get(answer.status, answer.code)}\r\nContent-Type: application/xml\r\n"
        f"x-amz-request-id: FAULTPROXY000000\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode("ascii")
    client.write(head if method == "HEAD" else head + body)
    await client.drain()
    client.write_eof()
    with contextlib.suppress(OSError, asyncio.TimeoutError):  # let it be read before the connection is closed
        await asyncio.wait_for(reader.read(), timeout=1)
