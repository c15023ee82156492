# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every reader of JSON from anybody says in its own words that it is none, whatever it is."""

from __future__ import annotations

import json
import pathlib
import tempfile
import typing as t

import hypothesis
import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _catalog, _file_hashes, _manifest
from ansible_collections.lifeboat.dr.plugins.module_utils._core import _audit
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._heartbeats import SCHEMA, read_published
from ansible_collections.lifeboat.dr.plugins.module_utils._failover import _ledger
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._api import (
    AccountInfo,
    ConsumerInfo,
    StreamInfo,
    paged,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._session import decoded
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats._archived_consumers import (
    consumer_v1,
    consumer_v2,
    parsed,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model import _content, _restore_plan
from ansible_collections.lifeboat.dr.plugins.module_utils._notify._memory import read_memory
from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._standby import read_heartbeat
from ansible_collections.lifeboat.dr.plugins.module_utils._rehearsal._chain import path_of, read_chain
from ansible_collections.lifeboat.dr.plugins.module_utils._restic import _restic
from ansible_collections.lifeboat.dr.plugins.module_utils._retention._hold import HOLDS_FOLDER, read_hold
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.heal._journal import read_journal
from ansible_collections.lifeboat.dr.plugins.module_utils._stores.paths import _engine
from hypothesis import strategies as st

from tests.repetitions import examples
from tests.unit.mock_repository import MockRepository

DEEP = b"[" * 100_000
ENDLESS_BEAT = json.dumps({"schema": SCHEMA, "counter": float("inf"), "tried_at": 1, "error": None, "facts": {}})
DEEP_OBJECTS = b'{"schema": ' * 50_000


def _at(path: str, content: bytes) -> MockRepository:
    return MockRepository(files={path: content})


def _in_a_file(read: t.Callable[[str], object]) -> t.Callable[[bytes], object]:
    def reader(content: bytes) -> object:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "it")
            path.write_bytes(content)
            return read(str(path))

    return reader


def _answer(content: bytes, take: t.Callable[[t.Any], object]) -> object:
    """What a server says, as far as it is an object of JSON."""
    return take(decoded("it", content))


def _pages(content: bytes) -> object:
    answer = decoded("it", content)
    return list(paged(lambda verb, body=None, *, what="": {**answer, "total": 0}, "STREAM.LIST", "x"))


READERS: dict[str, t.Callable[[bytes], object]] = {
    "a manifest": lambda content: _manifest.load(content, "it"),
    "the record of a proof": lambda content: _catalog.read_proof(_at("it", content), "it"),
    "a reason to hold": lambda content: read_hold(_at(f"f/{HOLDS_FOLDER}/it.json", content), "f", "it.json"),
    "a report in a chain": lambda content: read_chain(_at(path_of("shop", 1), content), "shop"),
    "a line of the ledger": lambda content: _ledger.read_ledger(_at(_ledger.line_path("shop", 1, 0), content), "shop"),
    "a line of the audit log": lambda content: _audit.check([content]),
    "a list of hashes": lambda content: list(_file_hashes.read_list([content + b"\n"])),
    "what was said before": _in_a_file(read_memory),
    "a journal": _in_a_file(read_journal),
    "what a heartbeat has published": _in_a_file(read_published),
    "what restic says": lambda content: (
        _restic._words(content.decode("utf-8", "replace")),
        _restic._unreadable(content.decode("utf-8", "replace"), 3),
    ),
    "a heartbeat in Redis": read_heartbeat,
    "a stream of a server": lambda content: _answer(content, StreamInfo),
    "a consumer of a server": lambda content: _answer(content, ConsumerInfo),
    "an account of a server": lambda content: _answer(content, AccountInfo.from_answer),
    "a list of a server": _pages,
    "an answer of a NATS server": lambda content: decoded("it", content),
    "a state in an archive": lambda content: parsed(content, "it"),
    "a consumer in an archive": lambda content: consumer_v2("it", content),
    "a consumer of an old archive": lambda content: consumer_v1("it", content, content),
    "the configuration of a stream": lambda content: _content.config_in(content, "it"),
    "what a stream says of its limits": lambda content: _restore_plan.put_back(
        {"metadata": {_restore_plan.LIFTED: content.decode("utf-8", "replace")}}
    ),
}

_KEYS = [
    *("schema", "config", "state", "error", "name", "delivered", "ack_floor", "streams", "missing", "total", "limits"),
    *("messages", "last_seq", "max_age", "cluster", "replicas", "message_type", "item", "counter", "at", "previous"),
    *("reason", "verified_at", "verdict", "profile", "exclude", "restore_seconds", "said_at", "message", "Path"),
]
_DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner),
    max_leaves=10,
)


@pytest.mark.parametrize(
    "content", [DEEP, DEEP_OBJECTS, ENDLESS_BEAT.encode(), b"\xff\xfe\x00", b"1" * 10_000, b"", b"null", b"Infinity"]
)
@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_what_is_not_json_is_words(read: t.Callable[[bytes], object], content: bytes) -> None:
    try:
        read(content)
    except LifeboatError as error:
        assert error.message


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
@hypothesis.given(document=_DOCUMENTS)
@hypothesis.settings(max_examples=examples(60), deadline=None)
def test_any_document_is_taken_or_refused_in_words(read: t.Callable[[bytes], object], document: t.Any) -> None:
    try:
        read(json.dumps(document).encode("utf-8", "surrogatepass"))
    except LifeboatError as error:
        assert error.message


@hypothesis.given(
    item=st.dictionaries(st.sampled_from(["path", "type", "size", "mtime", "ctime"]), st.text() | st.integers())
)
@hypothesis.settings(max_examples=examples(60), deadline=None)
def test_an_entry_of_restic_is_one_or_is_refused_in_words(item: dict[str, t.Any]) -> None:
    try:
        assert _restic._node(item).size >= 0
    except LifeboatError as error:
        assert "cannot be read" in error.message


@hypothesis.given(st.lists(_DOCUMENTS | st.text(), max_size=3))
@hypothesis.settings(max_examples=examples(60), deadline=None)
def test_what_restic_says_of_its_work_is_whole_or_is_refused_in_words(lines: list[t.Any]) -> None:
    for summary in ({"message_type": "summary"}, {"message_type": "summary", "files_new": "x"}):
        with pytest.raises(LifeboatError):
            _engine._summary([*lines, summary])
