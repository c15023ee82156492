# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""One question to whatever listens: an answer or a problem in words, within the time that was given."""

from __future__ import annotations

import collections.abc
import contextlib
import socket
import threading
import time

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._http import _ask
from ansible_collections.lifeboat.dr.plugins.module_utils._http._ask import Answer, Request, ask
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.repetitions import examples

_LIMIT_SECONDS = 1.0
_PATIENCE_SECONDS = 30.0  # of a machine that is busy; without a bound it would be an hour


class _Listener:
    """A mock web server that says these bytes to whoever connects, a few at a time, until the asker is gone."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/"
        self.said = b""
        self.pause = 0.0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._answer(self._socket.accept()[0])

    def _answer(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.recv(1 << 16)
            step = 1 if self.pause else max(1, len(self.said))
            for at in range(0, len(self.said), step):
                connection.sendall(self.said[at : at + step])
                time.sleep(self.pause)


@pytest.fixture(scope="module")
def listener() -> collections.abc.Iterator[_Listener]:
    running = _Listener()
    yield running
    running.close()


def _said(listener: _Listener, said: bytes, pause: float = 0.0, seconds: float = 20.0) -> Answer:
    listener.said, listener.pause = said, pause
    return ask(Request(listener.url), seconds)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 60_000, id="in its headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n" + b"a" * 60_000, id="in its body"),
        pytest.param(b"a" * 60_000, id="in its first line"),
    ],
)
def test_a_server_that_says_a_byte_now_and_then_does_not_keep_us(listener: _Listener, said: bytes) -> None:
    began = time.monotonic()
    answer = _said(listener, said, 0.05, _LIMIT_SECONDS)
    assert answer.problem == "no whole answer within 1 s"
    assert time.monotonic() - began < _PATIENCE_SECONDS


def test_an_encoding_that_takes_hours_for_a_long_answer_is_not_used(listener: _Listener) -> None:
    body = b"a" * (2 << 20)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=punycode\r\nContent-Length: %d\r\n\r\n" % len(body)
    answer = _said(listener, head + body)
    assert (answer.status, len(answer.text)) == (200, len(body))


@pytest.mark.parametrize(
    ("charset", "body", "text"),
    [
        ("iso-8859-1", b"caf\xe9", "caf\xe9"),
        ("UTF-8", b"caf\xc3\xa9", "caf\xe9"),
        ("windows-1252", b"\x80", "\u20ac"),
        ("utf-16", "caf\xe9".encode("utf-16"), "caf\xe9"),
        ("rot13", b"abc", "abc"),
        ("hex", b"abc", "abc"),
        ("iso-8859-99", b"abc", "abc"),
        ("", b"abc\xff", "abc\ufffd"),
    ],
)
def test_an_answer_is_read_in_the_encoding_that_a_web_server_may_name(
    listener: _Listener, charset: str, body: bytes, text: str
) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset={charset}\r\nContent-Length: {len(body)}\r\n\r\n"
    assert _said(listener, head.encode() + body).text == text


def test_an_answer_without_an_end_is_refused(listener: _Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_ask, "_MOST_BYTES", 1 << 16)
    answer = _said(listener, b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * (1 << 20))
    assert answer.problem == "no answer: it is longer than 65536 bytes"


_LINES = st.lists(
    st.sampled_from(
        [
            *(
                b"HTTP/1.1 200 OK",
                b"HTTP/1.1 302 Found",
                b"HTTP/9 7",
                b"HTTP/1.1 99999999999999999999 x",
                b"HTTP/1.1 100 Continue",
            ),
            *(
                b"Location: //[::1",
                b"Location: http://[",
                b"Content-Length: -1",
                b"Content-Length: x",
                b"Content-Length: 5",
            ),
            *(b"Transfer-Encoding: chunked", b"-5", b"ffffffffffffffffff", b"0", b"Content-Type: text/x; charset=\xff"),
            *(b"Content-Type: ;;=;", b": x", b"", b"Content-Encoding: gzip", b"SSH-2.0-OpenSSH", b"<html>"),
        ]
    )
    | st.binary(max_size=20),
    max_size=8,
)


@given(_LINES, st.sampled_from([b"\r\n", b"\n", b"\0"]))
@settings(max_examples=examples(60), deadline=None)
def test_whatever_is_said_is_an_answer_or_a_problem_in_words(
    listener: _Listener, lines: list[bytes], end: bytes
) -> None:
    answer = _said(listener, end.join(lines) + end + end)
    assert isinstance(answer.text, str)
    assert answer.problem or answer.status, answer
