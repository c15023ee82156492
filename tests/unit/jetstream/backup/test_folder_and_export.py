# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders of the command line, and archives that are made of messages."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import typing as t

import hypothesis
import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.backup import _export
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.backup._folder import read_folder
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats._s2 import encode
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.inspect._inspect import inspect
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._archive import Message
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._consumers import inventory
from hypothesis import strategies as st


def saved(path: pathlib.Path, name: str = "GH", document: t.Any = None) -> pathlib.Path:
    path.mkdir(parents=True)
    content = (
        document
        if isinstance(document, str)
        else json.dumps(document or {"config": {"name": name}, "state": {"messages": 1}})
    )
    (path / "backup.json").write_text(content, encoding="utf-8")
    (path / "stream.tar.s2").write_bytes(b"archive of " + name.encode())
    return path


def test_a_stream_and_an_account_are_read_the_same(tmp_path: pathlib.Path) -> None:
    saved(tmp_path / "B", "B")
    saved(tmp_path / "A", "A")
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    assert [stream.name for stream in read_folder(str(tmp_path)).streams] == ["A", "B"]
    (one,) = read_folder(str(tmp_path / "A")).streams
    assert b"".join(one.pieces()) == b"archive of A" and one.archive_bytes == 12 and one.state == {"messages": 1}


@pytest.mark.parametrize(
    "document",
    ["", "{}", "[]", '{"config": {"name": "GH"}}', '{"config": {}, "state": {}}', '{"config": 1, "state": 2}'],
)
def test_a_backup_json_that_is_damaged_or_empty_is_refused(tmp_path: pathlib.Path, document: str) -> None:
    saved(tmp_path / "GH", document=document or " ")
    with pytest.raises(DamagedError, match=r"backup.json does not hold.*writes this file last"):
        read_folder(str(tmp_path))


@pytest.mark.parametrize("missing", ["backup.json", "stream.tar.s2"])
def test_a_folder_that_lacks_a_file_is_refused(tmp_path: pathlib.Path, missing: str) -> None:
    (saved(tmp_path / "GH") / missing).unlink()
    with pytest.raises(DamagedError, match=missing):
        read_folder(str(tmp_path / "GH"))


def test_a_folder_without_any_stream_is_a_mistake(tmp_path: pathlib.Path) -> None:
    with pytest.raises(OptionError, match="neither"):
        read_folder(str(tmp_path))
    with pytest.raises(OptionError, match="cannot be read"):
        read_folder(str(tmp_path / "nothing"))


def test_two_folders_of_one_stream_are_not_mixed_up(tmp_path: pathlib.Path) -> None:
    saved(tmp_path / "monday")
    saved(tmp_path / "tuesday")
    with pytest.raises(DamagedError, match=r"monday holds the stream GH\..*was renamed, or its files are another"):
        read_folder(str(tmp_path))


def test_a_renamed_folder_is_named_and_can_be_taken_by_itself(tmp_path: pathlib.Path) -> None:
    saved(tmp_path / "A", "A")
    saved(tmp_path / "GH_old")
    found = read_folder(str(tmp_path))
    assert [stream.name for stream in found.streams] == ["A"] and list(found.broken) == ["GH_old"]
    assert "holds the stream GH" in found.broken["GH_old"]
    assert [stream.name for stream in read_folder(str(tmp_path / "GH_old")).streams] == ["GH"]


def test_a_stream_that_the_command_line_could_not_save_stops_no_other(tmp_path: pathlib.Path) -> None:
    saved(tmp_path / "GOOD", "GOOD")
    (saved(tmp_path / "MEMORY", "MEMORY") / "backup.json").write_bytes(b"")
    (saved(tmp_path / "LOST", "LOST") / "stream.tar.s2").unlink()
    found = read_folder(str(tmp_path))
    assert [stream.name for stream in found.streams] == ["GOOD"] and sorted(found.broken) == ["LOST", "MEMORY"]


@pytest.mark.parametrize("archive", [None, b"", b"\xff\x06\x00\x00S2sTwO"])
def test_an_empty_stream_without_an_archive_is_an_empty_stream(tmp_path: pathlib.Path, archive: bytes | None) -> None:
    state = {"messages": 0, "first_seq": 8, "last_seq": 7}
    folder = saved(tmp_path / "E", document={"config": {"name": "E"}, "state": state})
    (folder / "stream.tar.s2").unlink()
    if archive is not None:
        (folder / "stream.tar.s2").write_bytes(archive)
    (stream,) = read_folder(str(folder)).streams
    facts, digests = inspect(stream.pieces(), "E")
    digests.close()
    assert facts.problems == () and facts.messages == 0 and facts.state["last_seq"] == 7


@pytest.mark.parametrize("file", ["backup.json", "stream.tar.s2"])
def test_a_pipe_or_a_device_in_the_place_of_a_file_is_refused_at_once(tmp_path: pathlib.Path, file: str) -> None:
    for name in ("pipe", "device"):
        path = saved(tmp_path / name) / file
        path.unlink()
        if name == "pipe":
            os.mkfifo(path)
        else:
            path.symlink_to("/dev/zero")
        with pytest.raises(DamagedError, match=f"{file} is not a regular file"):
            read_folder(str(tmp_path / name))


def test_a_description_without_end_is_not_read_into_memory(tmp_path: pathlib.Path) -> None:
    folder = saved(tmp_path / "GH")
    with open(folder / "backup.json", "wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(DamagedError, match="does not hold the configuration"):
        read_folder(str(folder))


@pytest.mark.parametrize(
    "config",
    [
        {"name": "../../etc"},
        {"name": "a\nb"},
        {"name": "a\u202eb"},
        {"name": ""},
        {"name": "GH", "max_age": "1h"},
        {"name": "GH", "subjects": "all"},
        {"name": "GH", "sources": ["A"]},
    ],
)
def test_a_description_that_no_backup_could_be_read_with_later_is_refused(
    tmp_path: pathlib.Path, config: dict[str, t.Any]
) -> None:
    folder = saved(tmp_path / "GH", document={"config": config, "state": {"messages": 1}})
    with pytest.raises(DamagedError, match="does not hold the configuration"):
        read_folder(str(folder))


@hypothesis.given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@hypothesis.settings(suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
def test_any_bytes_in_the_place_of_a_description_are_words(tmp_path: pathlib.Path, content: bytes) -> None:
    folder = tmp_path / "GH"
    if not folder.exists():
        saved(folder)
    (folder / "backup.json").write_bytes(content)
    with contextlib.suppress(DamagedError):
        read_folder(str(folder))


def test_an_archive_made_of_messages_is_read_as_one_of_a_server() -> None:
    messages = [Message(2, 5, b"a", b"", b"one"), Message(9, -7, b"b.c", b"NATS/1.0\r\nk: v\r\n\r\n", b"")]
    config = {"durable_name": "d"}
    floor = {"consumer_seq": 1, "stream_seq": 2}
    consumers = inventory(
        [{"name": "d", "config": config, "delivered": {"consumer_seq": 3, "stream_seq": 9}, "ack_floor": floor}]
    )
    ephemeral = inventory([{"name": "e", "config": {}}])
    state = {"messages": 2, "first_seq": 2, "last_seq": 9, "num_deleted": 6, "deleted": [3, 4]}
    facts, digests = inspect(encode(_export.entries(state, [*consumers, *ephemeral], messages)), "GH")
    digests.close()
    assert facts.problems == () and facts.format == "v2" and facts.messages == 2 and facts.last_sequence == 9
    assert [(consumer.name, consumer.delivered, consumer.ack_floor) for consumer in facts.consumers] == [
        ("d", floor, floor)
    ]
    assert facts.state["consumer_count"] == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:01.5Z", 1_500_000_000),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("1970-01-01T01:00:00.000000001+01:00", 1),
    ],
)
def test_times_are_read_to_the_nanosecond(text: str, expected: int) -> None:
    assert _export.nanoseconds(text) == expected
