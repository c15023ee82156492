# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""TLS in front of a server of the lab that has none: for programs that speak nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import pathlib
import ssl
import threading
import typing as t


class TlsProxy:
    """Use it as a context manager. ``folder`` holds server.pem and server.key, as ``make_certificates`` writes them."""

    def __init__(self, folder: pathlib.Path, port: int) -> None:
        self.port = 0
        self._target = port
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(folder / "server.pem", folder / "server.key")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> TlsProxy:
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(30)
        return self

    def __exit__(self, *_exception: t.Any) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)

    async def _listen(self) -> int:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        return int(server.sockets[0].getsockname()[1])

    async def _serve(self, outer: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            inner, forth = await asyncio.open_connection("127.0.0.1", self._target)
            await asyncio.gather(_copy(outer, forth), _copy(inner, back))


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """TLS has no half of a connection that is closed: when one side ends, so does the other."""
    with contextlib.suppress(OSError):
        while piece := await source.read(1 << 16):
            target.write(piece)
            await target.drain()
    target.close()
