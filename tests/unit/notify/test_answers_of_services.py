# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever a service answers to a message, it was taken or it was not: one error in words, within the channel's time,
and the URL, which is a secret, is in none.
"""

from __future__ import annotations

import collections.abc
import contextlib
import socket
import threading
import time
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._notify._event import Event, Outcome
from ansible_collections.lifeboat.dr.plugins.module_utils._notify._http import (
    ping_healthchecks,
    post_slack,
    post_webhook,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._notify._mail import send_mail
from ansible_collections.lifeboat.dr.plugins.module_utils._notify._send import send_all
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.repetitions import examples

_EVENT = Event("failure", "shop", "backup", "db1", "2026-01-15T02:00:00Z", (Outcome("codex", "failed", "why"),))
_SECRET = "a-secret-of-the-url"


class _Listener:
    """A mock service that says its lines to whoever connects: the first at once, the others each after a line."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.lines: list[bytes] = []
        self.speaks_first = False
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection = self._socket.accept()[0]
                with connection, contextlib.suppress(OSError):
                    connection.settimeout(2)
                    for number, line in enumerate(self.lines):
                        if (number or not self.speaks_first) and not connection.recv(1 << 16):
                            break
                        connection.sendall(line)


@pytest.fixture(scope="module")
def listener() -> collections.abc.Iterator[_Listener]:
    running = _Listener()
    yield running
    running.close()


_HTTP = st.lists(
    st.sampled_from(
        [
            *(b"HTTP/1.1 200 OK", b"HTTP/1.1 500 x", b"HTTP/1.1 302 Found", b"HTTP/1.1 99999 x", b"HTTP/9.9 x", b""),
            *(b"Location: http://[", b"Content-Length: -5", b"Transfer-Encoding: chunked", b"zz", b": ", b"<html>"),
        ]
    )
    | st.binary(max_size=20),
    max_size=6,
).map(lambda lines: [b"\r\n".join([*lines, b"", b""])])


@given(_HTTP, st.sampled_from([post_webhook, post_slack, ping_healthchecks]))
@settings(max_examples=examples(60), deadline=None)
def test_an_answer_of_a_web_service_is_a_success_or_one_error_without_the_url(
    listener: _Listener, lines: list[bytes], post: t.Callable[..., None]
) -> None:
    listener.lines, listener.speaks_first = lines, False
    url = f"http://127.0.0.1:{listener.port}/{_SECRET}"
    token = ("t",) if post is post_webhook else ()
    try:
        post(_EVENT, url, *token, 5, None, 5.0)
    except LifeboatError as error:
        assert error.message and _SECRET not in f"{error} {error.hint}"


_REPLIES = st.sampled_from(
    [
        *(
            b"220 mail\r\n",
            b"250 ok\r\n",
            b"250-a\r\n250-STARTTLS\r\n250 SMTPUTF8\r\n",
            b"354 go on\r\n",
            b"421 bye\r\n",
        ),
        *(
            b"550 no\xff\r\n",
            b"250 \r\n",
            b"2x0 odd\r\n",
            b"\r\n",
            b"250-without an end\r\n",
            b"999 x\r\n",
            b"<html>\r\n",
        ),
    ]
) | st.binary(max_size=20)


@given(st.lists(_REPLIES, max_size=7))
@settings(max_examples=examples(30), deadline=None)
def test_a_reply_of_a_mail_server_is_a_success_or_one_error_in_words(listener: _Listener, replies: list[bytes]) -> None:
    listener.lines, listener.speaks_first = replies, True
    channel = {
        "smtp_host": "127.0.0.1", "smtp_port": listener.port, "smtp_security": "none", "smtp_user": None,
        "sender": "a@example.org", "to": ["b@example.org"], "log_lines": 5, "ca_file": None,
    }  # fmt: skip
    began = time.monotonic()
    with contextlib.suppress(LifeboatError):
        send_mail(_EVENT, channel, "", 0.1)
    assert time.monotonic() - began < 60


@given(st.text(max_size=30), st.sampled_from(["webhook", "slack", "healthchecks", "apprise", "email"]))
@settings(max_examples=examples(60), deadline=None)
def test_sending_never_raises_whatever_a_channel_names(text: str, kind: str) -> None:
    channel = {
        "type": kind, "name": "it", "url": f"http://127.0.0.1:1/{text}", "timeout": "2s", "log_lines": 5,
        "smtp_host": "127.0.0.1", "smtp_port": 1, "smtp_security": "none",
        "sender": text, "to": [text], "token_file": None,
    }  # fmt: skip
    (delivery,) = send_all([(channel, _EVENT)])
    assert not delivery.sent and delivery.why
