# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""One question to a web server. Redirects are not followed, and no proxy is used: what answers is what was asked."""

from __future__ import annotations

import codecs
import contextlib
import dataclasses
import http.client
import json
import re
import socket
import ssl
import threading
import time
import typing as t
import urllib.error
import urllib.parse
import urllib.request

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError

_MOST_BYTES = 8 << 20
_PIECE_BYTES = 1 << 16
# Encodings that web servers name. Python knows more under such names, and some take hours for a long answer (punycode).
_CHARSETS = re.compile(r"utf-?(8|16|32)([-_]?[bl]e)?|us-ascii|(iso-8859|windows|cp|iso-2022-jp|koi8|euc|big5|gb)[-\w]*|"
                       r"latin-?1|shift_jis")  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Request:
    """What is asked. ``body`` is sent as it is."""

    url: str
    method: str = "GET"
    headers: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    body: bytes | None = None
    ca_cert: str | None = None
    validate_certs: bool = True


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a web server said. ``problem`` is why there is no answer."""

    status: int = 0
    text: str = ""
    problem: str = ""


class _Stay(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer: it might lead to production."""

    def redirect_request(self, *_arguments: t.Any, **_named: t.Any) -> None:
        return None


def read_request(place: str, options: t.Mapping[str, t.Any]) -> Request:
    """The request that the options describe. Raises OptionError naming the key."""
    url = str(options["url"])
    try:
        parts = urllib.parse.urlsplit(url)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        right = False
    if not right or any(character.isspace() for character in url):
        raise OptionError(
            f"{place}.url is {url!r}, which is not a URL.", hint="Write it as http://127.0.0.1:8080/health."
        )
    headers = {str(name): str(value) for name, value in (options.get("headers") or {}).items()}
    body = options.get("body")
    if isinstance(body, (dict, list)):
        headers.setdefault("Content-Type", "application/json")
        body = json.dumps(body)
    content = None if body is None else str(body).encode("utf-8")
    method = (options.get("method") or ("GET" if content is None else "POST")).upper()
    validate = options.get("validate_certs")
    return Request(url, method, headers, content, options.get("ca_cert"), validate is None or bool(validate))


class _Bounded:
    """Ends the connections of one question when its time is over: a time-out of sockets is one of each read, and a
    server that sends a byte now and then would keep us for ever.
    """

    def __init__(self, seconds: float) -> None:
        self.over = False
        self._connections: list[http.client.HTTPConnection] = []
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> _Bounded:
        self._timer.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._timer.cancel()

    def _end(self) -> None:
        self.over = True
        for connection in self._connections:
            with contextlib.suppress(OSError, AttributeError):  # it is not connected yet, or no longer
                connection.sock.shutdown(socket.SHUT_RDWR)

    def handlers(self, context: ssl.SSLContext) -> tuple[urllib.request.BaseHandler, ...]:
        """What opens connections that this can end."""
        known = self._connections

        def plain(host: str, **more: t.Any) -> http.client.HTTPConnection:
            known.append(http.client.HTTPConnection(host, **more))
            return known[-1]

        def secure(host: str, **more: t.Any) -> http.client.HTTPConnection:
            known.append(http.client.HTTPSConnection(host, **more))
            return known[-1]

        class Http(urllib.request.HTTPHandler):
            def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
                return self.do_open(t.cast(t.Any, plain), req)

        class Https(urllib.request.HTTPSHandler):
            def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
                return self.do_open(t.cast(t.Any, secure), req, context=context)

        return Http(), Https(context=context)


def ask(request: Request, timeout_seconds: float) -> Answer:
    """The answer. What keeps it from coming, or from coming in time, is in its ``problem``."""
    with _Bounded(timeout_seconds) as bounded:
        answer = _asked(request, timeout_seconds, bounded)
    return Answer(problem=f"no whole answer within {timeout_seconds:g} s") if bounded.over else answer


def _asked(request: Request, timeout_seconds: float, bounded: _Bounded) -> Answer:
    end = time.monotonic() + timeout_seconds
    try:
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), _Stay(), *bounded.handlers(_context(request))
        )
        asked = urllib.request.Request(
            request.url, data=request.body, headers=dict(request.headers), method=request.method
        )
        try:
            response = opener.open(asked, timeout=timeout_seconds)
        except urllib.error.HTTPError as error:
            response = error  # a status that is not 2xx is an answer
        with response:
            location = response.headers.get("Location", "")
            text = _read(response, end).decode(_charset(response.headers), "replace")
            return Answer(int(response.status), text or (f"leads to {location}" if location else ""))
    except TimeoutError:
        return Answer(problem=f"no whole answer within {timeout_seconds:g} s")
    except urllib.error.URLError as error:
        late = isinstance(error.reason, TimeoutError)
        return Answer(problem=f"no whole answer within {timeout_seconds:g} s" if late else f"no answer: {error.reason}")
    except (OSError, http.client.HTTPException, LookupError, ValueError) as error:
        return Answer(problem=f"no answer: {str(error) or type(error).__name__}")


def _charset(headers: t.Any) -> str:
    """The encoding that the headers name; UTF-8 where they name none that a web server has."""
    named = headers.get_content_charset() or ""
    try:
        return codecs.lookup(named).name if _CHARSETS.fullmatch(named) else "utf-8"
    except (LookupError, ValueError):
        return "utf-8"


def _context(request: Request) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=request.ca_cert)
    if not request.validate_certs:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _read(response: t.Any, end: float) -> bytes:
    """The whole body. A server that sends a byte now and then must not keep us."""
    pieces: list[bytes] = []
    count = 0
    while piece := response.read1(_PIECE_BYTES):
        pieces.append(piece)
        count += len(piece)
        if count > _MOST_BYTES:
            raise ValueError(f"it is longer than {_MOST_BYTES} bytes")
        if time.monotonic() > end:
            raise TimeoutError
    if getattr(response, "length", None):  # bytes that were announced and did not come, of which read1 says nothing
        raise ValueError("it ended before all of it had come")
    return b"".join(pieces)
