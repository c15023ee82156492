# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore does while a cluster does not listen yet, and while it still holds the name for a try that failed."""

from __future__ import annotations

import json
import time
import types
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, RepositoryError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._connection import Connection
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._errors_of_server import (
    JetStreamError,
    ServerError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.restore import _restore, _upload
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.restore._restore import RestoreRun, StreamRestore

from tests.lab.scripted_nats import Dialogue, Publication, ScriptedNats

_TAKEN = {"code": 400, "err_code": 10130, "description": "stream name already in use, cannot restore"}
_INFO = {"config": {"name": "S"}, "state": {"messages": 1}}
_NOT_FOUND = {"code": 404, "err_code": 10059, "description": "stream not found"}


class Cluster:
    """The server that we are connected to; another one does the restore.

    ``unheard`` is how many chunks meet no interest before one is taken. Of the restores, counted from one, the ``deaf``
    are never listened to, and the ``refused`` are refused since the name is in use.
    """

    def __init__(self, unheard: int = 0, deaf: t.Container[int] = (), refused: t.Container[int] = ()) -> None:
        self._unheard, self._deaf, self._refused = unheard, deaf, refused
        self.restores = self.chunks = 0
        self.taken = b""

    def script(self, dialogue: Dialogue, publication: Publication) -> bytes:
        subject, reply, payload = publication
        if subject.startswith(b"$JS.API.STREAM.INFO."):
            return dialogue.message(reply, json.dumps({"error": _NOT_FOUND}).encode())
        if subject.startswith(b"$JS.API.STREAM.RESTORE."):
            self.restores += 1
            answer = {"error": _TAKEN} if self.restores in self._refused else {"deliver_subject": "restore.here"}
            return dialogue.message(reply, json.dumps(answer).encode())
        assert subject == b"restore.here"
        self.chunks += 1
        if self.chunks <= self._unheard or self.restores in self._deaf:
            return dialogue.nobody(reply)
        self.taken += payload
        return dialogue.message(reply, b"" if payload else json.dumps(_INFO).encode())


def test_a_first_chunk_that_meets_no_interest_is_sent_again_until_somebody_takes_it() -> None:
    cluster, pieces = Cluster(unheard=7), [bytes([number]) * 1000 for number in range(20)]
    with ScriptedNats(cluster.script) as server, Connection.at(server.url).open(Deadline(20)) as session:
        answer = _upload.upload(session, "S", {}, {}, iter(pieces), chunk_bytes=1000)
    assert answer == _INFO
    assert cluster.taken == b"".join(pieces), "in order, and each once"
    assert (cluster.restores, cluster.chunks) == (1, 7 + 20 + 1)


def test_a_restore_that_nobody_ever_listens_to_ends_before_the_server_gives_it_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_upload, "_UNHEARD_SECONDS", 0.3)
    with ScriptedNats(Cluster(deaf=(1,)).script) as server:
        session = Connection.at(server.url).open(Deadline(20))
        with pytest.raises(ServerError, match="gave up the restore of S after 0 bytes") as caught:
            _upload.upload(session, "S", {}, {}, iter([b"x" * 100]))
    assert caught.value.transient


def test_a_restore_that_is_given_up_later_is_not_continued() -> None:
    cluster = Cluster()

    def script(dialogue: Dialogue, publication: Publication) -> bytes:
        if cluster.chunks == 2 and publication.subject == b"restore.here":
            return dialogue.nobody(publication.reply)
        return cluster.script(dialogue, publication)

    pieces = iter([b"x" * 1000 for _number in range(9)])
    with ScriptedNats(script) as server, pytest.raises(ServerError, match="gave up the restore of S after"):
        _upload.upload(Connection.at(server.url).open(Deadline(20)), "S", {}, {}, pieces, chunk_bytes=1000)
    assert cluster.taken == b"x" * 2000


class MockCopy:
    """A backup with one small archive, which may be damaged behind its first chunk."""

    def __init__(self, name: str, damaged: bool = False) -> None:
        self.repository = types.SimpleNamespace(name=name)
        self._damaged = damaged

    def artifacts(self, content: str) -> list[t.Any]:
        return [types.SimpleNamespace(name=f"S/{content}")]

    def open(self, artifact: t.Any) -> t.Iterator[bytes]:
        if artifact.name == "S/config":
            yield b'{"config": {"name": "S"}}'
            return
        yield b"x" * (2 << 20)
        if self._damaged:
            raise RepositoryError("cannot be read on")


def filled(url: str, monkeypatch: pytest.MonkeyPatch, copies: t.Sequence[MockCopy]) -> list[str]:
    """The warnings of a restore of one stream from these copies."""
    warnings: list[str] = []
    stream = types.SimpleNamespace(name="S", folder="S", state={}, config={"name": "S"})
    plan: t.Any = types.SimpleNamespace(
        name="S",
        stream=stream,
        convert=False,
        republish=False,
        sources_later=lambda version: False,
        request_config=lambda mark, version: {"name": "S"},
    )
    nothing: t.Any = types.SimpleNamespace(advance=lambda count: None)
    run = RestoreRun(
        Connection.at(url),
        t.cast(t.Any, copies),
        Deadline(30),
        nothing,
        warnings.append,
        *("mark", "run", "refuse", "ignore", ()),
        10.0,
    )
    restore = StreamRestore(run, plan)
    for name in ("_check_messages", "_settle", "_make_consumers"):
        monkeypatch.setattr(restore, name, lambda *_arguments: [])
    with run.connection.open(run.deadline) as session:
        restore._fill(session, run.copies)
    return warnings


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_upload, "_UNHEARD_SECONDS", 0.2)
    for name, seconds in (("_AFTER_DELETE_SECONDS", 0.1), ("_ASK_AGAIN_SECONDS", 0.1), ("_ABANDONED_SECONDS", 1.5)):
        monkeypatch.setattr(_restore, name, seconds)


@pytest.mark.usefixtures("hurry")
def test_a_name_that_our_own_failed_try_still_holds_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(deaf=(1,), refused=(2, 3, 4, 5))
    with ScriptedNats(cluster.script) as server:
        warnings = filled(server.url, monkeypatch, [MockCopy("one")])
    assert cluster.restores == 6
    assert len(warnings) == 1 and "It is tried again" in warnings[0]


@pytest.mark.usefixtures("hurry")
def test_a_name_that_the_try_with_a_damaged_copy_holds_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(refused=(2, 3))
    with ScriptedNats(cluster.script) as server:
        warnings = filled(server.url, monkeypatch, [MockCopy("one", damaged=True), MockCopy("two")])
    assert cluster.restores == 4
    assert len(warnings) == 1 and "one could not be used" in warnings[0]


@pytest.mark.usefixtures("hurry")
def test_a_name_that_is_never_let_go_is_an_error_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(deaf=(1,), refused=range(2, 1000))
    started = time.monotonic()
    with ScriptedNats(cluster.script) as server, pytest.raises(JetStreamError, match="already in use"):
        filled(server.url, monkeypatch, [MockCopy("one")])
    assert 1.5 < time.monotonic() - started < 10


def test_a_name_that_somebody_else_holds_is_an_error_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(refused=range(1, 1000))
    with ScriptedNats(cluster.script) as server, pytest.raises(LifeboatError, match="already in use"):
        filled(server.url, monkeypatch, [MockCopy("one")])
    assert cluster.restores == 1


@pytest.mark.usefixtures("hurry")
def test_a_restore_that_a_server_under_load_breaks_off_says_what_it_said_and_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = Cluster()
    broken = json.dumps({"error": {"code": 500, "description": "restore failed: io: read/write on closed pipe"}})

    def script(dialogue: Dialogue, publication: Publication) -> bytes:
        ends = publication.subject == b"restore.here" and not publication.payload
        if ends and cluster.restores == 1:
            return dialogue.message(publication.reply, broken.encode())
        return cluster.script(dialogue, publication)

    with ScriptedNats(script) as server:
        warnings = filled(server.url, monkeypatch, [MockCopy("one")])
    assert cluster.restores == 2
    assert len(warnings) == 1 and "read/write on closed pipe" in warnings[0] and "It is tried again" in warnings[0]
