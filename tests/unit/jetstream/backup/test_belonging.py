# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Archives in folders are those that the descriptions beside them are of."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.backup import _belonging
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.backup._folder import read_folder
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.inspect._inspect import inspect
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._archive import Message

from tests.lab import jetstream_archives as archives

FIRST_NS = 1_760_000_000_000_000_005


def moment(time_ns: int) -> str:
    seconds, nanoseconds = divmod(time_ns, 10**9)
    assert seconds == 1_760_000_000
    return f"2025-10-09T08:53:20.{nanoseconds:09}Z"


class Account:
    """Folders of two streams whose archives are of one version."""

    def __init__(self, folder: pathlib.Path, version: str) -> None:
        self.folder = folder
        self.version = version
        self.stream("A", FIRST_NS, subjects=["a.>"])
        self.stream("B", FIRST_NS + 1000, subjects=["b.>"])

    def stream(self, name: str, first_ns: int, **config: t.Any) -> None:
        path = self.folder / name
        path.mkdir()
        messages = [Message(n, first_ns + n, f"{name.lower()}.x".encode(), b"", b"data") for n in range(1, 6)]
        state = {"messages": 5, "first_seq": 1, "last_seq": 5}
        if self.version == "v2":
            plain = archives.v2_plain(messages, state=state)
        else:
            records = [archives.Record(one.sequence, one.time_ns, one.subject, b"", one.data) for one in messages]
            plain = archives.tar(archives.v1_files(name, {1: records}, config=config))
        (path / "stream.tar.s2").write_bytes(archives.s2(plain))
        times = {"first_ts": moment(first_ns + 1), "last_ts": moment(first_ns + 5)}
        self.describe(name, {"config": {"name": name, **config}, "state": {**state, **times}})

    def describe(self, name: str, document: t.Mapping[str, t.Any]) -> None:
        (self.folder / name / "backup.json").write_text(json.dumps(document), encoding="utf-8")

    def document(self, name: str) -> dict[str, t.Any]:
        return t.cast("dict[str, t.Any]", json.loads((self.folder / name / "backup.json").read_bytes()))

    def check(self, name: str) -> list[str]:
        (stream,) = read_folder(str(self.folder / name)).streams
        facts, digests = inspect(stream.pieces(), stream.name)
        digests.close()
        warnings: list[str] = []
        _belonging.check(stream, facts, warnings.append)
        return warnings


@pytest.fixture(params=["v1", "v2"])
def account(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Account:
    return Account(tmp_path, request.param)


def test_what_belongs_together_is_taken(account: Account) -> None:
    assert account.check("A") == account.check("B") == []


def test_exchanged_archives_are_refused(account: Account) -> None:
    ours, theirs = (account.folder / name / "stream.tar.s2" for name in "AB")
    content = ours.read_bytes()
    ours.write_bytes(theirs.read_bytes())
    theirs.write_bytes(content)
    for name in "AB":
        with pytest.raises(DamagedError, match=f"does not hold the stream {name} that its backup.json describes"):
            account.check(name)


def test_an_archive_of_the_same_stream_at_another_moment_is_refused(account: Account) -> None:
    document = account.document("A")
    for change, words in (
        ({"messages": 9, "last_seq": 9, "last_ts": moment(FIRST_NS + 9)}, "has another time|ends at message 5"),
        ({"first_seq": 1, "first_ts": moment(FIRST_NS + 700)}, "message 1 of its archive has another time"),
    ):
        if account.version == "v1" and "last_seq" in change:
            continue  # without an index such an archive does not say where its stream ends
        account.describe("A", {**document, "state": {**document["state"], **change}})
        with pytest.raises(DamagedError, match=words):
            account.check("A")


def test_the_description_of_another_stream_is_refused(account: Account) -> None:
    document = account.document("A")
    account.describe("A", {**document, "config": {"name": "C", "subjects": ["c.>"]}})
    if account.version == "v1":
        with pytest.raises(DamagedError, match="its archive is of the stream A"):
            account.check("A")
    else:  # its times are right, so the subjects may have been changed later: the folder's name tells, or nobody can
        assert "no message is on a subject of the stream" in " ".join(account.check("A"))


def test_a_description_that_sends_messages_elsewhere_is_refused(tmp_path: pathlib.Path) -> None:
    account = Account(tmp_path, "v1")
    document = account.document("A")
    config = {**document["config"], "republish": {"src": ">", "dest": "copies.>"}}
    account.describe("A", {**document, "config": config})
    with pytest.raises(DamagedError, match="republish in the archive is not the one in backup.json"):
        account.check("A")


def test_no_message_on_a_subject_of_the_stream_and_no_time_to_compare_is_refused(account: Account) -> None:
    document = account.document("A")
    state = {"messages": 0, "first_seq": 0, "last_seq": 0}
    account.describe("A", {"config": {**document["config"], "subjects": ["other.*"]}, "state": state})
    with pytest.raises(DamagedError, match=r"but on a\.x|subjects in the archive"):
        account.check("A")


@pytest.mark.parametrize(
    ("subject", "pattern", "right"),
    [
        ("a.b", "a.b", True),
        ("a.b", "a.*", True),
        ("a.b.c", "a.*", False),
        ("a", "a.>", False),
        ("a.b.c", "a.>", True),
        ("a.b", ">", True),
        ("a.b", "a.b.c", False),
    ],
)
def test_subjects_and_patterns(subject: str, pattern: str, right: bool) -> None:
    assert _belonging.matches(subject, pattern) is right


def test_what_the_command_line_leaves_out_of_a_description_is_no_difference(tmp_path: pathlib.Path) -> None:
    """It decodes a configuration into its own struct, and writes nothing that is empty."""
    account = Account(tmp_path, "v1")
    archived = {
        "sources": [{"name": "X", "newer": 1, "external": {"api": "$JS.hub.API", "deliver": ""}}],
        "newest": True,
    }
    account.stream("S", FIRST_NS, subjects=["s.>"], **archived)
    document = account.document("S")
    sources = [{"name": "X", "external": {"api": "$JS.hub.API"}, "filter_subject": ""}]
    described = {"name": "S", "subjects": ["s.>"], "sources": sources, "placement": None}
    account.describe("S", {**document, "config": described})
    assert account.check("S") == []
    account.describe("S", {**document, "config": {**described, "sources": [{"name": "Y"}]}})
    with pytest.raises(DamagedError, match="sources in the archive is not the one"):
        account.check("S")


def test_a_time_that_a_server_does_not_know_is_not_compared(account: Account) -> None:
    document = account.document("A")
    account.describe("A", {**document, "state": {**document["state"], "first_ts": "0001-01-01T00:00:00Z"}})
    assert account.check("A") == []
