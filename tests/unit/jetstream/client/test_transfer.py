# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client protocol, and transfers with a server that follows a script."""

from __future__ import annotations

import collections.abc
import contextlib
import json
import re
import socket
import threading
import time

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DeadlineError, OptionError, SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.backup._snapshot import Snapshot
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._api import StreamInfo, paged
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._connection import (
    Connection,
    connection_from_options,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._errors_of_server import (
    ConnectionLostError,
    JetStreamError,
    MissingPermissionError,
    NoAnswerError,
    ServerError,
    grant_for,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._session import (
    Session,
    token,
    version_numbers,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._transport import PlainTransport
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._wire import Delivery, Wire
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.restore._supply import Supply
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.repetitions import examples

Line = collections.abc.Iterator[tuple[Wire, socket.socket]]


@contextlib.contextmanager
def line() -> Line:
    """A wire, and the other end of it."""
    ours, theirs = socket.socketpair()
    wire = Wire(PlainTransport(ours), "test:4222")
    try:
        yield wire, theirs
    finally:
        wire.close()
        theirs.close()


def message(subject: bytes, payload: bytes, reply: bytes = b"", headers: bytes = b"") -> bytes:
    fields = [subject, b"1", *([reply] if reply else [])]
    if headers:
        return b"HMSG %s %d %d\r\n%s\r\n" % (b" ".join(fields), len(headers), len(headers + payload), headers + payload)
    return b"MSG %s %d\r\n%s\r\n" % (b" ".join(fields), len(payload), payload)


_TOKEN = st.from_regex(r"[a-zA-Z$_][a-z0-9.$]{0,20}", fullmatch=True).map(str.encode)
_HEADERS = st.one_of(
    st.just(b""), st.binary(max_size=30).map(lambda more: b"NATS/1.0\r\nA:" + more.hex().encode() + b"\r\n\r\n")
)
_DELIVERIES = st.lists(
    st.tuples(_TOKEN, st.one_of(st.just(b""), _TOKEN), _HEADERS, st.binary(max_size=300) | st.just(bytes(40_000))),
    max_size=8,
)


@settings(max_examples=examples(60), deadline=None)
@given(_DELIVERIES, st.integers(1, 70_000), st.booleans())
def test_messages_come_out_as_they_were_sent_however_they_are_cut(
    sent: list[tuple[bytes, bytes, bytes, bytes]], cut: int, bulk: bool
) -> None:
    stream = b"".join(
        b"PING\r\n" + message(subject, payload, reply, headers) for subject, reply, headers, payload in sent
    )
    cut = max(cut, len(stream) // 50)  # at most fifty cuts
    with line() as (wire, other):
        wire.bulk = bulk

        def send() -> None:
            for start in range(0, len(stream), cut):
                other.sendall(stream[start : start + cut])

        sender = threading.Thread(target=send)
        sender.start()
        for subject, reply, headers, payload in sent:
            assert wire.read(10) == Delivery(subject, reply, headers, payload)
        sender.join()


def test_what_the_server_says_in_between_is_understood() -> None:
    with line() as (wire, other):
        other.sendall(b'INFO {"version":"2.14.6"}\r\n')
        assert wire.read_info(5) == {"version": "2.14.6"}
        other.sendall(b"+OK\r\nPING\r\n" + message(b"a", b"x", headers=b"NATS/1.0 408 No Flow Response\r\n\r\n"))
        delivery = wire.read(5)
        assert delivery is not None
        assert delivery.status == ("408", "No Flow Response")
        assert other.recv(100) == b"PONG\r\n"


def test_permissions_and_the_end_are_told_apart() -> None:
    with line() as (wire, other):
        other.sendall(b"-ERR 'Permissions Violation for Publish to \"$JS.SNAPSHOT.ACK.S.x.1.1\"'\r\n")
        with pytest.raises(MissingPermissionError) as caught:
            wire.read(5)
        assert caught.value.grant == "$JS.SNAPSHOT.ACK.S.>"
        other.sendall(b"-ERR 'Slow Consumer'\r\n")
        with pytest.raises(ConnectionLostError, match="the server ended it: Slow Consumer"):
            wire.read(5)
    with line() as (wire, other):
        other.sendall(b"MSG a 1 10\r\nhal")
        other.close()
        with pytest.raises(ConnectionLostError, match="the other side closed it"):
            wire.read(5)


def test_nothing_is_waited_for_when_nothing_shall_be() -> None:
    with line() as (wire, _other):
        started = time.monotonic()
        assert wire.read(0) is None
        assert time.monotonic() - started < 0.2


# --- snapshots ---


class Scripted:
    """A server that answers the request for a snapshot with what the test says."""

    def __init__(self, wire: Wire, other: socket.socket, version: str = "2.14.6") -> None:
        wire.info["version"] = version
        self._other = other
        self.session = Session(wire, lambda: wire, Deadline(20))
        self.heard = b""

    def answer(self, build: collections.abc.Callable[[bytes, bytes], bytes]) -> threading.Thread:
        """``build`` gets the subject of the answer and that of the chunks."""

        def work() -> None:
            while True:
                piece = self._other.recv(65536)
                if not piece:
                    return
                self.heard += piece
                if b"PING\r\n" in piece:
                    self._other.sendall(b"PONG\r\n")
                found = re.search(rb'PUB \S+ (\S+) \d+\r\n.*"deliver_subject": "([^"]+)"', self.heard)
                if found:
                    self._other.sendall(build(found[1], found[2]))
                    return

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        return thread


_OK = json.dumps({"config": {"name": "S"}, "state": {"messages": 1}}).encode()


def chunk(inbox: bytes, number: int, payload: bytes = b"data", length: int = -1) -> bytes:
    return message(inbox, payload, b"$JS.SNAPSHOT.ACK.S.nuid.%d.%d" % (len(payload) if length < 0 else length, number))


def end(inbox: bytes, status: bytes = b" 204") -> bytes:
    return message(inbox, b"", headers=b"NATS/1.0%s\r\n\r\n" % status)


def taken(
    build: collections.abc.Callable[[bytes, bytes], bytes], version: str = "2.14.6"
) -> tuple[bytes, Snapshot, bytes]:
    with line() as (wire, other):
        server = Scripted(wire, other, version)
        thread = server.answer(build)
        snapshot = Snapshot(server.session, "S")
        assert snapshot.start() == ({"name": "S"}, {"messages": 1})
        data = b"".join(snapshot.pieces())
        thread.join(10)
        return data, snapshot, server.heard


def test_a_snapshot_is_taken_chunk_by_chunk() -> None:
    data, snapshot, _heard = taken(
        lambda reply, box: message(reply, _OK) + chunk(box, 1) + chunk(box, 2, b"more") + end(box)
    )
    assert data == b"datamore"
    outcome = snapshot.outcome
    assert (outcome.chunks, outcome.bytes, outcome.status, outcome.undecided) == (2, 8, "204", False)


def test_a_chunk_that_overtakes_the_answer_is_not_lost() -> None:
    data, _snapshot, _heard = taken(
        lambda reply, box: chunk(box, 1) + message(reply, _OK) + message(box, b"end") + end(box)
    )
    assert data == b"dataend"


@pytest.mark.parametrize("status", [b" 500", b""])
def test_an_end_that_says_nothing_is_undecided(status: bytes) -> None:
    data, snapshot, _heard = taken(lambda reply, box: message(reply, _OK) + chunk(box, 1) + end(box, status))
    assert data == b"data"
    assert snapshot.outcome.undecided


@pytest.mark.parametrize(
    ("rest", "words", "transient"),
    [
        (lambda box: chunk(box, 1) + chunk(box, 3), "has a hole: chunk 3 came where 2 was due", True),
        (lambda box: chunk(box, 1, length=7), "chunk 1 came with 4 bytes and should have 7", True),
        (lambda box: message(box, b"last") + chunk(box, 2), "another chunk came after the last one", True),
        (lambda box: message(box, b"odd", b"no.number"), "tells no number", True),
        (lambda box: chunk(box, 1) + end(box, b" 408 No Flow Response"), "gave up .* 408 No Flow Response", True),
        (lambda box: chunk(box, 1) + end(box, b" 500 disk on fire"), "could not finish .* 500 disk on fire", False),
    ],
)
def test_a_snapshot_that_is_not_whole_is_an_error(
    rest: collections.abc.Callable[[bytes], bytes], words: str, transient: bool
) -> None:
    with pytest.raises(ServerError, match=words) as caught:
        taken(lambda reply, box: message(reply, _OK) + rest(box))
    assert caught.value.transient is transient


@pytest.mark.parametrize(
    ("version", "chunk_bytes"), [("2.12.4", 128 * 1024), ("2.12.5", 512 * 1024), ("2.10.25", 128 * 1024)]
)
def test_fields_that_a_server_does_not_know_are_not_sent(version: str, chunk_bytes: int) -> None:
    heard = taken(lambda reply, box: message(reply, _OK) + end(box), version)[2]
    assert b"window_size" not in heard  # near by, its default is right
    assert b'"chunk_size": %d' % chunk_bytes in heard


def test_a_snapshot_that_is_cancelled_ends_soon() -> None:
    with line() as (wire, other):
        server = Scripted(wire, other)
        server.answer(lambda reply, box: message(reply, _OK) + chunk(box, 1))
        deadline = Deadline(60)
        snapshot = Snapshot(server.session, "S", deadline=deadline)
        snapshot.start()
        pieces = snapshot.pieces()
        assert next(pieces) == b"data"
        deadline.cancel()
        with pytest.raises(DeadlineError):
            next(pieces)


# --- what is sent ---


def chunks(pieces: collections.abc.Iterable[bytes], wait: float = 5.0, stall: float = 10.0) -> list[bytes]:
    with Supply(iter(pieces), 1000, "the archive") as supply:
        supply.wait_for_first(Deadline(10), 10)
        return [bytes(one) for one in iter(lambda: supply.chunk(wait, stall), None)]


@given(st.lists(st.binary(max_size=5000), max_size=20))
@settings(max_examples=examples(50), deadline=None)
def test_all_bytes_are_sent_in_order_and_never_an_empty_chunk(pieces: list[bytes]) -> None:
    sent = chunks(pieces)
    assert b"".join(sent) == b"".join(pieces)
    assert all(0 < len(one) <= 1000 for one in sent)


def test_a_source_that_stalls_is_bridged_with_a_few_bytes() -> None:
    go_on = threading.Event()

    def slow() -> collections.abc.Iterator[bytes]:
        yield bytes(70_000)
        assert go_on.wait(20)
        yield b"x" * 10

    with Supply(slow(), 1000, "the archive") as supply:
        supply.wait_for_first(Deadline(10), 10)
        sent = []
        while not sent or len(sent[-1]) == 1000 or sum(map(len, sent)) < 70_000 - 65_536:
            sent.append(bytes(supply.chunk(0.01, 20) or b""))
        assert len(supply.chunk(0.01, 20) or b"") == 64
        go_on.set()
        rest = b"".join(bytes(one) for one in iter(lambda: supply.chunk(5, 20), None))
        assert sum(map(len, sent)) + 64 + len(rest) == 70_010


def test_a_source_that_never_goes_on_is_an_error() -> None:
    stopped = threading.Event()

    def dead() -> collections.abc.Iterator[bytes]:
        yield bytes(70_000)
        stopped.wait(20)

    with Supply(dead(), 1000, "the archive") as supply:
        supply.wait_for_first(Deadline(10), 10)
        with pytest.raises(SourceError, match="the archive could not be read on"):
            while supply.chunk(0.01, 0.1) is not None:
                pass
        stopped.set()


# --- addresses, names, answers ---


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nats://n1", "n1:4222"),
        ("n1:5", "n1:5"),
        ("nats://me:secret@n1:4222", "me@n1:4222"),
        ("tls://t0ken@n1", "n1:4222"),
        ("nats://me:secret@n1,nats://me:secret@n2:4223", "me@n1:4222,n2:4223"),
        ("nats://[::1]:4222", "[::1]:4222"),
    ],
)
def test_an_address_is_shown_without_secrets(text: str, shown: str) -> None:
    assert Connection.at(text).describe() == shown


@pytest.mark.parametrize(
    "text", ["http://n1", "nats://", "nats://n1:port", "nats://me:sec@ret@n1", "nats://n1/path", "nats://me:s#cret@n1"]
)
def test_a_url_that_cannot_be_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(OptionError, match="url: ") as caught:
        Connection.at(text)
    assert "cret" not in str(caught.value) and "sec@" not in str(caught.value)


def test_options_win_over_what_the_url_says() -> None:
    assert connection_from_options({"url": "nats://a:b@n1", "user": "c", "password": "d"}).describe() == "c@n1:4222"
    with pytest.raises(OptionError, match="inbox_prefix"):
        connection_from_options({"url": "nats://n1", "inbox_prefix": "a.>"})


@pytest.mark.parametrize("name", ["", "a.b", "a b", "*", ">", "a/b", "a\\b", "a\nb", "a\x00b"])
def test_a_name_that_is_no_token_is_refused(name: str) -> None:
    with pytest.raises(OptionError):
        token("stream", name)


def test_versions_and_grants_are_read() -> None:
    assert [version_numbers(text) for text in ("2.12.8", "2.15.0-dev", "x")] == [(2, 12, 8), (2, 15, 0), (0, 0, 0)]
    assert grant_for("$JS.SNAPSHOT.RESTORE.S.nuid") == "$JS.SNAPSHOT.RESTORE.S.*"
    assert grant_for("$JS.API.STREAM.INFO.S") == "$JS.API.STREAM.INFO.S"
    assert MissingPermissionError("subscribe", "my.inbox.4711.>", "n1").grant == "my.inbox.>"
    assert MissingPermissionError("subscribe", "_INBOX.4711", "n1").grant == "_INBOX.>"


def test_errors_that_may_pass_are_told_from_those_that_do_not() -> None:
    def transient(code: int, text: str) -> bool:
        return JetStreamError("It", {"err_code": code, "description": text}).transient

    assert transient(10064, "snapshot failed: snapshot in progress")
    assert transient(10062, "restore failed: expected sequence does not match store")
    assert transient(10008, "JetStream system temporarily unavailable")
    assert not transient(10062, "restore failed: archive/tar: invalid tar header")


def test_a_list_is_read_to_its_total_and_holes_are_errors() -> None:
    def ask(
        verb: str, body: collections.abc.Mapping[str, object] | None = None, *, what: str = ""
    ) -> dict[str, object]:
        offset = int(str((body or {})["offset"]))
        return {"total": 600, "streams": list(range(offset, min(offset + 256, 600)))}

    assert list(paged(ask, "STREAM.LIST", "streams")) == list(range(600))
    with pytest.raises(NoAnswerError, match="did not answer: A, B"):
        list(
            paged(
                lambda verb, body=None, *, what="": {"streams": [], "missing": ["A", "B"], "total": 2},
                "STREAM.LIST",
                "streams",
            )
        )


def test_buckets_are_recognised_by_name() -> None:
    kinds = [
        (info.kind, info.bucket)
        for info in (StreamInfo({"config": {"name": name}}) for name in ("KV_a", "OBJ_b", "ORDERS"))
    ]
    assert kinds == [("kv", "a"), ("object_store", "b"), ("stream", "")]
