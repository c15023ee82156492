# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory of a pair of buckets: what is written is read again, whatever the keys are, and what was changed is
refused.
"""

from __future__ import annotations

import pathlib
import random
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._compare_rows import (
    compare_objects,
    compare_versions,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.inventory._inventory import (
    Entry,
    Inventory,
    InventorySpool,
    Lookup,
    from_line,
    to_line,
)
from hypothesis import given
from hypothesis import strategies as st

_TIME = b"2026-01-15T02:00:00.000Z"
_tags = st.sampled_from([b"a" * 32, b"b" * 32, b"c" * 32 + b"-2", b""])


def _object(key: bytes, etag: bytes = b"a" * 32, size: bytes = b"5") -> tuple[bytes, ...]:
    return (key, _TIME, etag, size)


def _version(
    key: bytes, version: bytes, *, etag: bytes = b"a" * 32, size: bytes = b"5", latest: bool = True
) -> tuple[bytes, ...]:
    return (key, _TIME, etag, size, version, b"true" if latest else b"false")


def _read(pieces: t.Iterable[bytes], folder: pathlib.Path) -> Inventory:
    inventory = Inventory(str(folder))
    for piece in pieces:
        inventory.feed(piece)
    inventory.finish()
    return inventory


@given(st.binary(min_size=1, max_size=40), _tags, st.integers(0, 2**42), st.text(max_size=12), st.booleans(), _tags)
def test_every_entry_is_read_as_it_was_written(
    key: bytes, etag: bytes, size: int, version: str, latest: bool, replica: bytes
) -> None:
    for row in (
        (key, _TIME, etag, str(size).encode()),
        (key, _TIME, etag, str(size).encode(), version.encode(), b"true" if latest else b"false"),
        (key, _TIME, b"", b"", b"v1", b"true"),
    ):
        entry = Entry(row, replica)
        line = to_line(entry)
        assert line.count(b"\n") == 1
        assert from_line(line) == entry


def test_pieces_that_come_in_any_order_are_written_in_the_order_of_the_keys(tmp_path: pathlib.Path) -> None:
    rows = [_object(b"key-%05d" % number) for number in range(5000)]
    chunks = [rows[at : at + 700] for at in range(0, 5000, 700)]
    random.Random(5).shuffle(chunks)
    spool = InventorySpool(str(tmp_path), lambda _row: False)
    for chunk in chunks:
        spool.observe(chunk, chunk, compare_objects(chunk, chunk))
    inventory = _read(spool.pieces(), tmp_path)
    assert [entry.row for _number, entry in inventory.entries()] == rows
    assert [number for number, _entry in inventory.entries()] == list(range(5000))
    assert (spool.objects, spool.bytes, spool.left_out) == (inventory.objects, inventory.bytes, 0) == (5000, 25000, 0)
    assert not list(tmp_path.iterdir()), "the files have no names"
    between = [entry.row[0] for _number, entry in inventory.between(b"key-00999", b"key-02001")]
    assert between == [b"key-%05d" % number for number in range(999, 2002)]


def test_only_what_both_sides_have_is_in_the_inventory(tmp_path: pathlib.Path) -> None:
    parts, parts_there = b"d" * 32 + b"-2", b"e" * 32 + b"-3"
    source = [_object(b"a"), _object(b"b"), _object(b"c", parts), _object(b"d"), _object(b"young", parts)]
    there = [_object(b"a"), _object(b"c", parts_there), _object(b"d", b"f" * 32), _object(b"young", parts_there)]
    spool = InventorySpool(str(tmp_path), lambda row: row[0] == b"young")
    spool.observe(source, there, compare_objects(source, there))
    entries = [entry for _number, entry in _read(spool.pieces(), tmp_path).entries()]
    assert [entry.row[0] for entry in entries] == [b"a", b"c"]
    assert entries[1].replica_etag == parts_there, "so that the copy can be told later"
    assert spool.left_out == 3


def test_what_a_side_holds_is_told_by_version_id_and_by_content(tmp_path: pathlib.Path) -> None:
    source = [
        _version(b"a", b"2"),
        _version(b"a", b"1", etag=b"b" * 32, latest=False),
        _version(b"gone", b"1"),
        _version(b"k", b"1"),
        _version(b"m", b"9", etag=b"", size=b""),
    ]
    spool = InventorySpool(str(tmp_path), lambda _row: False)
    spool.observe(source, source, compare_versions(source, source))
    inventory = _read(spool.pieces(), tmp_path)
    assert (inventory.objects, inventory.versions, inventory.markers, inventory.bytes) == (3, 1, 1, 15)
    there = [
        _version(b"a", b"3", size=b"6"),
        _version(b"a", b"2", etag=b"opaque", latest=False),
        _version(b"k", b"of-its-own"),
    ]
    lookup = Lookup(inventory)
    lookup.observe(source, there, compare_versions(source, there))
    assert [lookup.is_held(number, 1) for number in range(5)] == [True, False, False, True, False]
    assert [lookup.is_held(number, 0) for number in range(4)] == [True] * 4
    assert not Entry(_version(b"a", b"2")).is_held_by(_version(b"a", b"2", size=b"4")), "cut, under the same version id"
    assert not Entry(_version(b"a", b"null", etag=b"")).is_held_by(_version(b"a", b"null", etag=b"")), (
        "no id, and nothing said of it"
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{}\n", "Line 1"),
        (b"[1]\n", "Line 1"),
        (b"\xff\n", "Line 1"),
        (to_line(Entry(_object(b"a")))[:-1], "cut"),
        (to_line(Entry(_object(b"b"))) + to_line(Entry(_object(b"a"))), "out of order: a after b"),
        (to_line(Entry(_object(b"a"))) * 2, "out of order"),
    ],
)
def test_what_is_no_inventory_is_refused(content: bytes, words: str, tmp_path: pathlib.Path) -> None:
    with pytest.raises(DamagedError, match=words):
        _read([content], tmp_path)


def test_an_empty_bucket_has_an_empty_inventory(tmp_path: pathlib.Path) -> None:
    inventory = _read(InventorySpool(str(tmp_path), lambda _row: False).pieces(), tmp_path)
    assert (inventory.count, list(inventory.entries()), list(inventory.between(b"", b"z"))) == (0, [], [])


def test_a_scratch_folder_that_is_not_there_is_named() -> None:
    with pytest.raises(LifeboatError, match="/nowhere"):
        Inventory("/nowhere")
