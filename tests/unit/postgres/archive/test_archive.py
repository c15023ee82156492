# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The archive scanner: whatever pg_dump writes, in whatever pieces it comes, is read as it is; what is cut is not taken
for whole.
"""

from __future__ import annotations

import hashlib
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._archive import ArchiveScanner
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.repetitions import examples
from tests.unit.postgres.archive.synthetic_archive import Archive, LargeObject, TableRows, integer

VERSIONS = [(1, 14), (1, 15), (1, 16)]
# COPY's text format escapes line ends and backslashes and cannot hold a NUL; all other bytes stand for themselves.
ROWS = st.lists(st.binary(max_size=30).map(lambda raw: raw.translate(None, b"\0\n\\") + b"\n"), max_size=8).map(tuple)
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
TABLES = st.lists(st.builds(TableRows, NAMES, ROWS, st.sampled_from([0, 1, 3])), max_size=4).map(tuple)
LARGE_OBJECTS = st.dictionaries(
    st.integers(1, 2**31), st.binary(max_size=40) | st.sampled_from([b"", bytes(40_000)]), max_size=3
).map(lambda found: tuple(LargeObject(oid, content) for oid, content in found.items()))
ARCHIVES = st.builds(Archive, TABLES, LARGE_OBJECTS, st.sampled_from(VERSIONS))
SMALL = Archive(
    (TableRows("orders", (b"1\tone\n", b"2\ttwo\n")), TableRows("empty")), (LargeObject(5, b"\0\0\0\0\0x"),)
)


def scanned(archive: bytes, cuts: t.Sequence[int], **options: t.Any) -> ArchiveScanner:
    scanner = ArchiveScanner(**options)
    edges = [0, *sorted(min(cut, len(archive)) for cut in cuts), len(archive)]
    for start, end in zip(edges, edges[1:], strict=False):
        scanner.feed(archive[start:end])
    return scanner


def holds(scanner: ArchiveScanner, archive: Archive) -> bool:
    """Everything is there, and nothing else, with the hashes that a computation of its own gives."""
    tables = {
        200 + number: (len(table.rows), len(table.copy), table.sha256) for number, table in enumerate(archive.tables)
    }
    objects = {
        item.oid: (len(item.content), hashlib.sha256(item.content).hexdigest()) for item in archive.large_objects
    }
    return tables == {
        key: (found.rows, found.bytes, found.sha256) for key, found in scanner.tables.items()
    } and objects == {oid: (found.bytes, found.sha256) for oid, found in scanner.large_objects.items()}


@given(ARCHIVES, st.lists(st.integers(0, 3000), max_size=40))
@settings(max_examples=examples(120), deadline=None)
def test_every_archive_in_every_kind_of_pieces_gives_its_rows_and_hashes(archive: Archive, cuts: list[int]) -> None:
    scanner = scanned(archive.whole, cuts)
    scanner.finish()
    assert holds(scanner, archive)
    assert [entry.tag for entry in scanner.entries if entry.description == "TABLE DATA"] == [
        table.name for table in archive.tables
    ]


@given(ARCHIVES, st.integers(1, 9))
@settings(max_examples=examples(60), deadline=None)
def test_pieces_of_a_few_bytes_change_nothing(archive: Archive, size: int) -> None:
    if len(archive.whole) < 8000:
        scanner = scanned(archive.whole, range(size, len(archive.whole), size))
        scanner.finish()
        assert holds(scanner, archive)


@pytest.mark.parametrize("cut", range(len(SMALL.toc), len(SMALL.whole)))
def test_no_place_of_a_cut_between_two_pieces_changes_the_number_of_rows(cut: int) -> None:
    scanner = scanned(SMALL.whole, [cut])
    scanner.finish()
    assert holds(scanner, SMALL)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_archive_that_is_cut_at_any_byte_is_refused_or_lacks_what_its_table_of_contents_announces(
    version: tuple[int, int],
) -> None:
    archive = Archive(SMALL.tables, SMALL.large_objects, version)
    content = archive.whole
    boundaries = {sum(map(len, archive.parts[:count])) for count in range(1, len(archive.parts))}
    for cut in range(len(content)):
        scanner = scanned(content[:cut], [])
        if cut in boundaries:  # the format has no end mark: a cut between two entries shows in what is missing
            scanner.finish()
            assert not holds(scanner, archive)
            assert [entry.tag for entry in scanner.entries if entry.has_data] == ["orders", "empty", "BLOBS"]
        else:
            with pytest.raises(DamagedError, match="cut off"):
                scanner.finish()


@pytest.mark.parametrize("version", [(1, 13), (1, 17), (2, 0), (0, 0)])
def test_a_version_that_is_not_known_is_refused_by_its_number(version: tuple[int, int]) -> None:
    with pytest.raises(DamagedError, match=rf"version {version[0]}\.{version[1]}"):
        scanned(Archive(version=version).whole, [])


@pytest.mark.parametrize(
    ("position", "byte", "why"), [(0, b"X", "PGDMP"), (8, b"\x08", "integers of 8 bytes"), (10, b"\x03", "format 3")]
)
def test_what_is_no_custom_archive_is_refused(position: int, byte: bytes, why: str) -> None:
    content = SMALL.whole
    with pytest.raises(DamagedError, match=why):
        scanned(content[:position] + byte + content[position + 1 :], [])


def test_a_data_entry_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(DamagedError, match="unknown kind 7"):
        scanned(SMALL.toc + b"\x07" + integer(1), [])


def test_an_archive_of_no_bytes_is_refused() -> None:
    with pytest.raises(DamagedError):
        ArchiveScanner().finish()


def test_blocks_of_many_rows_give_the_same_as_a_block_for_each_row() -> None:
    rows = tuple(b"%d\tvalue\n" % number for number in range(5000))
    found = [
        scanned(Archive((TableRows("t", rows, size),)).whole, range(0, 80_000, 4096)).tables[200]
        for size in (0, 1, 700)
    ]
    assert found[0] == found[1] == found[2]
    assert found[0].rows == 5000


def test_rows_are_counted_without_being_hashed_when_that_is_asked_for() -> None:
    scanner = scanned(SMALL.whole, [], content="count")
    assert (scanner.tables[200].rows, scanner.tables[200].bytes, scanner.tables[200].sha256) == (2, 12, "")


def test_without_content_the_table_of_contents_alone_is_read_and_kept() -> None:
    scanner = scanned(SMALL.whole + b"whatever follows", [7, 50, 333], content="skip", keep_toc=True)
    scanner.finish()
    assert (bytes(scanner.toc_bytes), scanner.tables) == (SMALL.toc, {})
    with pytest.raises(DamagedError):
        scanned(SMALL.toc[:-1], [], content="skip").finish()


def test_names_are_read_in_the_encoding_of_the_database() -> None:
    archive = Archive((TableRows("Bücher"),), database="tröge", codec="latin-1")
    scanner = scanned(archive.whole, [], codec="latin-1")
    assert scanner.header is not None
    assert (scanner.header.database, scanner.entries[0].qualified_name) == ("tröge", "public.Bücher")


@given(ARCHIVES, st.data())
@settings(max_examples=examples(100), deadline=None)
def test_a_changed_byte_is_never_a_traceback(archive: Archive, data: st.DataObject) -> None:
    content = bytearray(archive.whole)
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    scanner = ArchiveScanner()
    try:
        scanner.feed(bytes(content))
        scanner.finish()
    except DamagedError:
        return
