# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hashes of files: which are chosen, which count, and that the comparison says no."""

from __future__ import annotations

import json
import os
import pathlib

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._file_hashes import (
    FileHash,
    Hasher,
    Node,
    difference,
    is_named,
    pick,
    read_list,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, DeadlineError
from hypothesis import given
from hypothesis import strategies as st

_FILES = st.lists(
    st.builds(FileHash, st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.integers(0, 1000)),
    unique_by=lambda file: file.path,
)


def _nothing(_count: int) -> None:
    pass


def _time(nanoseconds: int) -> str:
    whole, rest = divmod(nanoseconds, 10**9)
    import datetime

    text = datetime.datetime.fromtimestamp(whole, datetime.timezone(datetime.timedelta(hours=2))).isoformat()
    return text.replace("+", f".{rest:09d}".rstrip("0").rstrip(".") + "+")


def _node(path: pathlib.Path) -> Node:
    facts = os.lstat(path)
    return Node(str(path), "file", facts.st_size, _time(facts.st_mtime_ns), _time(facts.st_ctime_ns))


@given(_FILES, st.integers(0, 20), st.integers(0, 3000), st.text(max_size=80), st.randoms())
def test_the_seed_alone_decides_which_files_are_chosen(
    files: list[FileHash], most: int, most_bytes: int, seed: str, chance: object
) -> None:
    chosen = pick(files, most, most_bytes, seed)
    shuffled = list(files)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert pick(shuffled, most, most_bytes, seed) == chosen
    assert len(chosen) <= most and sum(file.size for file in chosen) <= most_bytes
    assert set(chosen) <= set(files)
    if most >= len(files) and most_bytes >= sum(file.size for file in files):
        assert set(chosen) == set(files)


@pytest.mark.parametrize("moment", [10**18, 10**18 + 1, 10**18 + 123456789, 10**18 + 5 * 10**8])
def test_a_file_that_is_as_it_was_is_hashed_whatever_its_time(tmp_path: pathlib.Path, moment: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    os.utime(path, ns=(moment, moment))
    hasher = Hasher(Deadline(), _nothing)
    (line,) = hasher.lines([_node(path)])
    assert json.loads(line)["sha256"] == "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
    assert (hasher.files, hasher.bytes, hasher.changed) == (1, 7, 0)


def test_a_file_that_is_no_longer_what_was_read_is_counted_and_not_hashed(tmp_path: pathlib.Path) -> None:
    nodes = []
    for name in ("content", "time", "gone", "link", "pipe", "unreadable time"):
        (tmp_path / name).write_bytes(b"content")
        nodes.append(_node(tmp_path / name))
    (tmp_path / "content").write_bytes(b"CONTENT")
    os.utime(tmp_path / "time")
    for name in ("gone", "link", "pipe"):
        (tmp_path / name).unlink()
    os.symlink("content", tmp_path / "link")
    os.mkfifo(tmp_path / "pipe")
    nodes[-1] = Node(nodes[-1].path, "file", 7, "yesterday", "yesterday")
    hasher = Hasher(Deadline(), _nothing)
    assert list(hasher.lines(nodes)) == []
    assert (hasher.files, hasher.changed) == (0, 6)


def test_a_file_that_grows_while_it_is_hashed_is_not_hashed(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * 300_000)
    node = _node(path)

    def grow(_count: int) -> None:
        with open(path, "ab") as file:
            file.write(b"y")

    hasher = Hasher(Deadline(), grow)
    assert list(hasher.lines([node])) == [] and hasher.changed == 1


def test_hashing_ends_with_the_deadline(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    with pytest.raises(DeadlineError):
        list(Hasher(Deadline(1e-9), _nothing).lines([_node(tmp_path / "file")]))


@given(_FILES, st.integers(1, 50))
def test_a_list_is_read_as_it_was_written_however_it_is_cut_into_pieces(files: list[FileHash], size: int) -> None:
    written = b"".join(
        json.dumps({"path": file.path, "size": file.size, "sha256": file.sha256}).encode() + b"\n" for file in files
    )
    pieces = [written[at : at + size] for at in range(0, len(written), size)]
    assert list(read_list(pieces)) == files
    if written:
        with pytest.raises(DamagedError):
            list(read_list([written[:-1]]))


@pytest.mark.parametrize("line", [b"{}", b"[]", b"null", b'{"path": 1, "size": 1}', b"\xff", b"{"])
def test_a_line_that_is_not_one_of_ours_is_damage(line: bytes) -> None:
    with pytest.raises(DamagedError):
        list(read_list([line + b"\n"]))


def test_the_comparison_sees_a_byte_a_length_and_a_loss(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    expected = FileHash("/file", 7, "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73")

    def said() -> str:
        return difference(str(tmp_path), expected, Deadline(), _nothing)

    assert said() == ""
    path.write_bytes(b"cOntent")
    assert said() == "its content is another one"
    path.write_bytes(b"conten")
    assert said() == "it has 6 bytes, 7 expected"
    path.unlink()
    assert said() == "it is not there (No such file or directory)"
    os.symlink("/etc/hostname", path)
    assert said().startswith("it is not there")


def test_a_name_that_json_cannot_carry_is_known() -> None:
    assert is_named("/srv/\U0001f600\n") and not is_named("/srv/\ufffd")
