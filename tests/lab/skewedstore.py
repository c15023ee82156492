# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A throw-away S3 server (ministack) whose clock is off: the header Date and all times of what it stores.

``strict`` adds what ministack lacks and Amazon S3 has: a request that is signed at another time than the server's, by
more than 15 minutes, is answered 403 RequestTimeTooSkewed, and a HEAD without a body.
"""

from __future__ import annotations

import pathlib

from tests.lab import throwaway
from tests.lab.objectstore import ObjectStore

# The clock of Python's own modules is set before the server is loaded, which asks nothing else for the time.
_LAUNCHER = """
import datetime, email.utils, sys, time

seconds, strict = float(sys.argv[1]), sys.argv[2] == "strict"
real_time, real_gmtime, real_datetime = time.time, time.gmtime, datetime.datetime
offset = datetime.timedelta(seconds=seconds)
time.time = lambda: real_time() + seconds
time.gmtime = lambda when=None: real_gmtime(time.time() if when is None else when)


class Kind(type):
    def __instancecheck__(cls, value):
        return isinstance(value, real_datetime)


class Shifted(real_datetime, metaclass=Kind):
    @classmethod
    def now(cls, tz=None):
        return real_datetime.now(tz) + offset

    @classmethod
    def utcnow(cls):
        return real_datetime.utcnow() + offset


datetime.datetime = Shifted
sys.argv[1:] = []
from ministack import app as server

whole = server.app


async def guarded(scope, receive, send):
    signed = dict(scope.get("headers") or ()).get(b"x-amz-date", b"").decode()
    if signed:
        when = real_datetime.strptime(signed, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc).timestamp()
        if abs(when - time.time()) > 900:
            words = b"<Error><Code>RequestTimeTooSkewed</Code><Message>Too far.</Message></Error>"
            body = b"" if scope["method"] == "HEAD" else words
            date = email.utils.formatdate(time.time(), usegmt=True).encode()
            headers = [(b"date", date), (b"content-type", b"application/xml")]
            headers.append((b"content-length", str(len(body)).encode()))
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": body})
            return
    await whole(scope, receive, send)


if strict:
    server.app = guarded
server.main()
"""


class SkewedStore(ObjectStore):
    """As ObjectStore. ``seconds`` is by how much its clock is ahead; below zero, behind."""

    def __init__(self, seconds: float, *, strict: bool = False) -> None:
        super().__init__()
        self._seconds = seconds
        self._strict = strict

    def _start(self, python: pathlib.Path) -> None:
        folder = str(self.folder)
        launcher = self.folder / "launcher.py"
        launcher.write_text(_LAUNCHER, encoding="utf-8")
        self.port = throwaway.free_port()
        log = f"{folder}/server.log"
        environment = {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "HOME": folder,
            "TMPDIR": folder,
            "LOG_LEVEL": "WARNING",
        }
        command = [str(python), str(launcher), str(self._seconds), "strict" if self._strict else "lenient"]
        self._server = throwaway.start(command, log=log, cwd=folder, environment=environment)
        throwaway.wait_until(lambda: throwaway.accepts_connections(self.port), self._server, log)
