# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Transfers with a server that follows a script, and what is read of addresses, names and answers."""

from __future__ import annotations

import collections.abc
import contextlib
import json
import re
import threading

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
    JetStreamError,
    MissingPermissionError,
    NoAnswerError,
    ServerError,
    grant_for,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._session import (
    token,
    version_numbers,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.restore._supply import Supply
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lab.scripted_nats import Dialogue, Publication, ScriptedNats
from tests.repetitions import examples

# --- snapshots ---


_OK = json.dumps({"config": {"name": "S"}, "state": {"messages": 1}}).encode()


class Sent:
    """What a server sends for the request of a snapshot: to where the answer goes, and to where the chunks go."""

    def __init__(self, dialogue: Dialogue, reply: bytes, inbox: bytes) -> None:
        self._dialogue, self._reply, self._inbox = dialogue, reply, inbox

    def answer(self) -> bytes:
        return self._dialogue.message(self._reply, _OK)

    def chunk(self, number: int, payload: bytes = b"data", length: int = -1) -> bytes:
        length = len(payload) if length < 0 else length
        return self.piece(payload, b"$JS.SNAPSHOT.ACK.S.nuid.%d.%d" % (length, number))

    def piece(self, payload: bytes, reply: bytes = b"") -> bytes:
        return self._dialogue.message(self._inbox, payload, reply)

    def end(self, status: bytes = b" 204") -> bytes:
        return self._dialogue.message(self._inbox, headers=b"NATS/1.0%s\r\n\r\n" % status)


Build = collections.abc.Callable[[Sent], bytes]


_GONE = b'{"error": {"code": 404, "err_code": 10059, "description": "stream not found"}}'


@contextlib.contextmanager
def scripted(build: Build, version: str = "2.14.6", there: bytes = _OK) -> collections.abc.Iterator[ScriptedNats]:
    """A server that answers the request for a snapshot with what ``build`` says, and a look at the stream with
    ``there``.
    """

    def script(dialogue: Dialogue, publication: Publication) -> bytes:
        if b"STREAM.INFO" in publication.subject:
            return dialogue.message(publication.reply, there)
        found = re.search(rb'"deliver_subject": "([^"]+)"', publication.payload)
        return build(Sent(dialogue, publication.reply, found[1])) if found else b""

    with ScriptedNats(script, info={"version": version}) as server:
        yield server


def taken(build: Build, version: str = "2.14.6", there: bytes = _OK) -> tuple[bytes, Snapshot, bytes]:
    with scripted(build, version, there) as server, Connection.at(server.url).open(Deadline(20)) as session:
        snapshot = Snapshot(session, "S")
        assert snapshot.start() == ({"name": "S"}, {"messages": 1})
        return b"".join(snapshot.pieces()), snapshot, server.heard


def test_a_snapshot_is_taken_chunk_by_chunk() -> None:
    data, snapshot, _heard = taken(lambda sent: sent.answer() + sent.chunk(1) + sent.chunk(2, b"more") + sent.end())
    assert data == b"datamore"
    outcome = snapshot.outcome
    assert (outcome.chunks, outcome.bytes, outcome.status, outcome.undecided) == (2, 8, "204", False)


def test_a_chunk_that_overtakes_the_answer_is_not_lost() -> None:
    data, _snapshot, _heard = taken(lambda sent: sent.chunk(1) + sent.answer() + sent.piece(b"end") + sent.end())
    assert data == b"dataend"


@pytest.mark.parametrize("status", [b" 500", b""])
def test_an_end_that_says_nothing_is_undecided(status: bytes) -> None:
    data, snapshot, _heard = taken(lambda sent: sent.answer() + sent.chunk(1) + sent.end(status))
    assert data == b"data"
    assert snapshot.outcome.undecided


@pytest.mark.parametrize(
    ("rest", "words", "transient"),
    [
        (lambda sent: sent.chunk(1) + sent.chunk(3), "has a hole: chunk 3 came where 2 was due", True),
        (lambda sent: sent.chunk(1, length=7), "chunk 1 came with 4 bytes and should have 7", True),
        (lambda sent: sent.piece(b"last") + sent.chunk(2), "another chunk came after the last one", True),
        (lambda sent: sent.piece(b"odd", b"no.number"), "tells no number", True),
        (lambda sent: sent.chunk(1) + sent.end(b" 408 No Flow Response"), "gave up .* 408 No Flow Response", True),
        (lambda sent: sent.chunk(1) + sent.end(b" 500 disk on fire"), "could not finish .* 500 disk on fire", False),
    ],
)
def test_a_snapshot_that_is_not_whole_is_an_error(rest: Build, words: str, transient: bool) -> None:
    with pytest.raises(ServerError, match=words) as caught:
        taken(lambda sent: sent.answer() + rest(sent))
    assert caught.value.transient is transient


def test_a_snapshot_whose_store_was_closed_names_the_stream_that_was_deleted() -> None:
    """2.14 and 2.15 say this, or nothing more, depending on where their reading of the store is."""
    with pytest.raises(ServerError, match="The stream S was deleted while its snapshot was taken, after 4 bytes"):
        taken(lambda sent: sent.answer() + sent.chunk(1) + sent.end(b" 500 store is closed"), there=_GONE)


def test_a_snapshot_that_failed_keeps_its_own_error_when_the_stream_cannot_be_asked_for() -> None:
    with pytest.raises(ServerError, match="could not finish .* 500 disk on fire"):
        taken(lambda sent: sent.answer() + sent.chunk(1) + sent.end(b" 500 disk on fire"), there=b"")


@pytest.mark.parametrize(
    ("version", "chunk_bytes"), [("2.12.4", 128 * 1024), ("2.12.5", 512 * 1024), ("2.10.25", 128 * 1024)]
)
def test_fields_that_a_server_does_not_know_are_not_sent(version: str, chunk_bytes: int) -> None:
    heard = taken(lambda sent: sent.answer() + sent.end(), version)[2]
    assert b"window_size" not in heard  # near by, its default is right
    assert b'"chunk_size": %d' % chunk_bytes in heard


def test_a_snapshot_that_is_cancelled_ends_soon() -> None:
    with (
        scripted(lambda sent: sent.answer() + sent.chunk(1)) as server,
        Connection.at(server.url).open(Deadline(20)) as session,
    ):
        deadline = Deadline(60)
        snapshot = Snapshot(session, "S", deadline=deadline)
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
