# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What comes over a connection comes out as it was sent, whatever a server says; and nothing that it says is a
traceback, an endless wait, or memory without bounds.
"""

from __future__ import annotations

import asyncio
import collections.abc
import contextlib
import socket
import threading
import time
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DeadlineError, LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client import _nats_client
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._connection import Connection
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._delivery import Delivery
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._errors_of_server import (
    CannotConnectError,
    ConnectionLostError,
    MissingPermissionError,
    NoAnswerError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._session import Session
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lab.scripted_nats import Dialogue, Publication, ScriptedNats
from tests.repetitions import examples

_ANSWER = b'{"memory":0,"storage":0,"streams":0,"consumers":0,"limits":{}}'


@contextlib.contextmanager
def saying(*pieces: bytes) -> collections.abc.Iterator[Session]:
    """A session whose server sends these bytes for any message to ``go``, and answers every other one."""

    def script(dialogue: Dialogue, publication: Publication) -> bytes:
        if publication.subject != b"go":
            return dialogue.message(publication.reply, _ANSWER)
        for piece in pieces:
            dialogue.connection.sendall(piece)
        return b""

    with ScriptedNats(script) as server, Connection.at(server.url).open(Deadline(20)) as session:
        yield session


def message(subject: bytes, payload: bytes, reply: bytes, headers: bytes, number: bytes) -> bytes:
    fields = b" ".join([subject, number, *([reply] if reply else [])])
    if headers:
        return b"HMSG %s %d %d\r\n%s\r\n" % (fields, len(headers), len(headers + payload), headers + payload)
    return b"MSG %s %d\r\n%s\r\n" % (fields, len(payload), payload)


_TOKEN = st.from_regex(r"[a-zA-Z$_][a-zA-Z0-9.$]{0,20}", fullmatch=True).map(str.encode)
_HEADERS = st.one_of(
    st.just(b""), st.binary(max_size=30).map(lambda more: b"NATS/1.0\r\nA:" + more.hex().encode() + b"\r\n\r\n")
)
_SENT = st.lists(
    st.tuples(_TOKEN, st.one_of(st.just(b""), _TOKEN), _HEADERS, st.binary(max_size=300) | st.just(bytes(400_000))),
    max_size=8,
)


@settings(max_examples=examples(40), deadline=None)
@given(_SENT, st.integers(1, 70_000))
def test_messages_come_out_as_they_were_sent_however_they_are_cut(
    sent: list[tuple[bytes, bytes, bytes, bytes]], cut: int
) -> None:
    def script(dialogue: Dialogue, publication: Publication) -> bytes:
        pieces = []
        for subject, reply, headers, payload in sent:
            pieces += [b"PING\r\n", dialogue.message(b"in." + subject, payload, reply, headers)]
        stream = b"".join(pieces)
        step = max(cut, len(stream) // 50)  # at most fifty cuts
        for start in range(0, len(stream), step):
            dialogue.connection.sendall(stream[start : start + step])
        return b""

    with ScriptedNats(script) as server, Connection.at(server.url).open(Deadline(20)) as session:
        session.subscribe("in.>")
        session.channel.publish(b"go")
        for subject, reply, headers, payload in sent:
            assert session.channel.read(10) == Delivery(b"in." + subject, reply, headers, payload)


def test_headers_keep_their_order_and_what_is_repeated_in_them() -> None:
    headers = b"NATS/1.0\r\nb: 2\r\na:1\r\nb:  3 \r\nNats-Msg-Id: \xff\r\n\r\n"

    def script(dialogue: Dialogue, publication: Publication) -> bytes:
        return dialogue.message(b"in.x", b"", b"", headers)

    with ScriptedNats(script) as server, Connection.at(server.url).open(Deadline(20)) as session:
        session.subscribe("in.>")
        session.channel.publish(b"go")
        assert session.channel.read(10) == Delivery(b"in.x", b"", headers, b"")


def test_what_the_server_says_in_between_is_understood() -> None:
    with saying(b'+OK\r\nPING\r\nINFO {"version":"2.15.1"}\r\n') as session:
        session.channel.publish(b"go")
        assert session.account().streams == 0
        assert session.server_version == (2, 15, 1)


def test_a_missing_permission_is_told_with_the_capital_letters_that_the_grant_needs() -> None:
    with saying(b"-ERR 'Permissions Violation for Publish to \"$JS.SNAPSHOT.ACK.S.x.1.1\"'\r\n") as session:
        session.channel.publish(b"go")
        with pytest.raises(MissingPermissionError) as caught:
            session.channel.read(5)
        assert caught.value.grant == "$JS.SNAPSHOT.ACK.S.>"
        session.channel.publish(b"go")
        with pytest.raises(MissingPermissionError):
            session.round_trip()
        assert session.account().streams == 0, "the connection goes on"


def test_a_missing_permission_ends_the_request_that_waits_for_it_and_no_other() -> None:
    asked = threading.Event()

    def script(dialogue: Dialogue, publication: Publication) -> bytes:
        if publication.subject == b"slow":
            asked.wait(10)
            return dialogue.message(publication.reply, b"{}")
        return b""

    def refuse(dialogue: Dialogue) -> None:
        dialogue.connection.sendall(b"-ERR 'Permissions Violation for Publish to \"Forbidden\"'\r\n")
        time.sleep(0.2)
        asked.set()

    with ScriptedNats(script) as server, Connection.at(server.url).open(Deadline(20)) as session:
        answers: list[dict[str, t.Any]] = []
        slow = threading.Thread(target=lambda: answers.append(session.request("slow")))
        slow.start()
        threading.Timer(0.2, refuse, (server.dialogues[0],)).start()
        started = time.monotonic()
        with pytest.raises(MissingPermissionError) as caught:
            session.request("Forbidden")
        assert caught.value.grant == "Forbidden"
        assert time.monotonic() - started < 5
        slow.join()
        assert answers == [{}]


def test_an_end_that_the_server_explains_is_told() -> None:
    with saying(b"-ERR 'Slow Consumer'\r\n") as session:
        session.channel.publish(b"go")
        with pytest.raises(ConnectionLostError, match="the server ended it: Slow Consumer"):
            session.channel.read(5)


def test_a_connection_that_ends_in_the_middle_of_a_message_is_lost() -> None:
    def script(dialogue: Dialogue, _publication: Publication) -> bytes:
        dialogue.connection.sendall(dialogue.message(b"in.x", b"x" * 100)[:50])
        dialogue.connection.shutdown(socket.SHUT_RDWR)
        return b""

    with ScriptedNats(script) as server, Connection.at(server.url).open(Deadline(20)) as session:
        session.subscribe("in.>")
        session.channel.publish(b"go")
        with pytest.raises(ConnectionLostError, match="was lost"):
            session.channel.read(5)


def test_nothing_is_waited_for_when_nothing_shall_be() -> None:
    with saying() as session:
        started = time.monotonic()
        assert session.channel.read(0) is None
        assert time.monotonic() - started < 0.2


# --- hostile servers ---

_HOSTILE = (
    b"MSG a 1 99999999999999\r\n",
    b"MSG a 1 x\r\n",
    b"MSG \r\n",
    b"MSG a 1\r\n",
    b"MSG a x 3\r\nabc\r\n",
    b"MSG a 1 " + b"9" * 5000 + b"\r\n",
    b"HMSG a 1 99 5\r\nabcde\r\n" + b"x" * 200,
    b"HMSG a 1 5\r\nabcde\r\n",
    b"HMSG a 1 2 5\r\nabcde\r\n",
    b"INFO {bad\r\n",
    b"INFO []\r\n",
    b'INFO {"max_payload":"x"}\r\n',
    b"-ERR\r\n",
    b"-ERR \r\n",
    b"-ERR 'unknown protocol\r\n",
    b"nonsense\r\n",
    b"nonsense " + b"x" * 5000 + b"\r\n",
    b"\r\n\r\n",
    b"\x00\xff\r\n",
)


@pytest.mark.parametrize("said", _HOSTILE, ids=lambda said: said[:24].decode("latin-1").strip())
def test_what_is_not_the_protocol_is_one_clear_error_at_once(said: bytes) -> None:
    with saying(said) as session:
        session.subscribe("a")
        session.channel.publish(b"go")
        started = time.monotonic()
        with pytest.raises(ConnectionLostError, match=r"The connection to NATS at 127.0.0.1:\d+ was lost: ") as caught:
            session.channel.read(10)
        assert time.monotonic() - started < 5
        assert caught.value.hint


@pytest.mark.parametrize("beginning", [b"", b"MSG ", b"MSG a 1 ", b"INFO {", b"-ERR '", b"MSG a 1 9999999999\r\n"])
def test_a_line_without_an_end_ends_the_connection_before_it_takes_memory(beginning: bytes) -> None:
    taken = 0

    def script(dialogue: Dialogue, publication: Publication) -> bytes:
        nonlocal taken
        dialogue.connection.sendall(beginning)
        with contextlib.suppress(OSError):
            while taken < 500_000_000:
                taken += dialogue.connection.send(b"x" * 65_536)
        return b""

    with ScriptedNats(script) as server, Connection.at(server.url).open(Deadline(20)) as session:
        started = time.monotonic()
        with pytest.raises(ConnectionLostError, match="it sent what is not the NATS protocol"):
            session.account()
        assert time.monotonic() - started < 10
    assert taken < 50_000_000, "what the kernel's buffers hold, and not much more"


@pytest.mark.parametrize(
    "greeting",
    [
        b"INFO {bad\r\n",
        b"INFO []\r\n",
        b"INFO\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46\r\n",
        b'INFO {"max_payload":"x"}\r\n',
        b"INFO {" + b"x" * 2_000_000,
    ],
    ids=lambda greeting: greeting[:16].decode("latin-1").strip(),
)
def test_a_greeting_that_is_none_is_one_clear_error_at_once(greeting: bytes) -> None:
    with ScriptedNats(greeting=greeting) as server:
        started = time.monotonic()
        with pytest.raises(CannotConnectError, match="does not speak the NATS protocol") as caught:
            Connection.at(server.url).open(Deadline(20))
        assert time.monotonic() - started < 5
        assert caught.value.hint


def test_a_server_that_drips_its_greeting_does_not_outlast_the_limit() -> None:
    def drip(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection, _address = listener.accept()
            while True:
                connection.sendall(b"x")
                time.sleep(0.05)

    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listener:
        threading.Thread(target=drip, args=(listener,), daemon=True).start()
        url = f"nats://127.0.0.1:{listener.getsockname()[1]}"
        started = time.monotonic()
        with pytest.raises(CannotConnectError, match="said nothing for 1 s"):
            Connection.at(url, connect_timeout=1.0).open(Deadline(20))
        with pytest.raises(LifeboatError):
            Connection.at(url, connect_timeout=30.0).open(Deadline(1.0))
        assert time.monotonic() - started < 8


def test_a_server_that_never_answers_a_request_does_not_outlast_the_limit() -> None:
    with (
        ScriptedNats(pong=b"PONG\r\n") as server,
        Connection.at(server.url).open(Deadline(1.5)) as session,
        pytest.raises((DeadlineError, NoAnswerError)),
    ):
        session.account()


_JUNK = st.lists(
    st.one_of(
        st.sampled_from(
            [b"MSG", b"HMSG", b"INFO", b"-ERR", b"+OK", b"PING", b"PONG", b" ", b"\r\n", b"\n", b"a", b"1", b"{", b"}"]
        ),
        st.sampled_from(_HOSTILE),
        st.integers(0, 1 << 70).map(lambda number: b"%d" % number),
        st.binary(max_size=40),
        st.integers(1, 100_000).map(lambda count: b"y" * count),
    ),
    max_size=30,
).map(b"".join)


class MockListener:
    """Nobody is connected: what the parser makes of bytes is all that counts."""

    def came(self, deliveries: list[Delivery]) -> None:
        assert all(isinstance(delivery, Delivery) for delivery in deliveries)

    def refused(self, text: str) -> bool:
        return "permissions" in text.lower()

    def ended(self, reason: str) -> None:
        assert isinstance(reason, str)


@settings(max_examples=examples(300), deadline=None)
@given(_JUNK, st.integers(1, 5000))
def test_no_bytes_are_anything_but_messages_or_one_kind_of_error(junk: bytes, cut: int) -> None:
    client_class, errors = _nats_client.classes()

    async def feed() -> None:
        client = client_class(MockListener(), wants_tls=False, can_tls=False)
        client.raw_subjects.add("a")
        subscription: t.Any = type("Subscription", (), {"subject": "a"})()
        client._subs[1] = subscription
        client._flush_queue = asyncio.Queue()
        client._current_server = type("Server", (), {"uri": None})()
        client._close = _nothing
        try:
            for start in range(0, len(junk), cut):
                await client._ps.parse(junk[start : start + cut])
                assert len(client._ps.buf) <= client.max_payload + _nats_client.BEYOND_PAYLOAD + cut
        except errors.ProtocolError:
            assert client.reason

    async def _nothing(*_arguments: object) -> None:
        pass

    asyncio.run(feed())
