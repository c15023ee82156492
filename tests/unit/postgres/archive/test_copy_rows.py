# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows that psql reads: framed as pg_dump frames them, wherever the pieces are cut, and never taken for whole when they
are not.
"""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._archive import ArchiveScanner, TocEntry
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._copy_rows import (
    Framer,
    client_encoding,
    plan_copies,
    script,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.postgres.archive.synthetic_archive import Archive, LargeObject, TableRows

# COPY's text format escapes the control characters from backspace to carriage return, and backslashes.
ROWS = st.lists(
    st.binary(max_size=30).map(lambda raw: raw.translate(None, b"\0\b\t\n\v\f\r\\") + b"\n"), max_size=8
).map(tuple)
TABLES = st.lists(ROWS, min_size=1, max_size=4).map(
    lambda found: tuple(TableRows(f"t{at}", rows) for at, rows in enumerate(found))
)
CUTS = st.lists(st.integers(0, 1200), max_size=30)
PLAIN = range(16000, 17000)  # the synthetic archives' oids
SMALL = Archive((TableRows("orders", (b"1\tone\n", b"2\t\\.\n")), TableRows("empty"), TableRows("last", (b"x\n",))))


def toc_of(archive: Archive) -> ArchiveScanner:
    scanner = ArchiveScanner()
    assert scanner.feed_toc(archive.whole) == archive.whole[len(archive.toc) :]
    return scanner


def printed(archive: Archive) -> bytes:
    """What psql prints for these tables."""
    return b"".join(table.copy + b"\b\\. %d\n" % len(table.rows) for table in archive.tables)


def framed(
    archive: Archive, output: bytes, cuts: t.Sequence[int], content: str = "hash"
) -> tuple[ArchiveScanner, bytes]:
    """The scanner that knows it all, and the archive."""
    scanner = toc_of(archive)
    framer = Framer(plan_copies(scanner.entries, PLAIN), content, scanner.tables)
    edges = [0, *sorted(min(cut, len(output)) for cut in cuts), len(output)]
    pieces = []
    for start, end in zip(edges, edges[1:], strict=False):
        buffer = bytearray(output[start:end] + b"\b\\. what an earlier piece left in the buffer\n")
        pieces.append(framer.feed(buffer, end - start))
        buffer[:] = bytes(len(buffer))  # nothing of the buffer may be kept: the next piece comes into the same one
    framer.finish()
    scanner.finish()
    return scanner, archive.toc + b"".join(pieces)


@given(TABLES, CUTS)
@settings(max_examples=150, deadline=None)
def test_the_archive_holds_the_same_as_one_of_pg_dump_wherever_the_output_is_cut(
    tables: tuple[TableRows, ...], cuts: list[int]
) -> None:
    archive = Archive(tables)
    scanner, content = framed(archive, printed(archive), cuts)
    reread, original = ArchiveScanner(), ArchiveScanner()
    for each, whole in ((reread, content), (original, archive.whole)):
        each.feed(whole)
        each.finish()
    assert scanner.tables == reread.tables == original.tables


@pytest.mark.parametrize("cut", range(len(printed(SMALL)) + 1))
def test_no_place_of_a_cut_changes_anything(cut: int) -> None:
    scanner, _content = framed(SMALL, printed(SMALL), [cut])
    assert {key: (found.rows, found.sha256) for key, found in scanner.tables.items()} == {
        200 + number: (len(table.rows), table.sha256) for number, table in enumerate(SMALL.tables)
    }


def test_what_is_not_asked_for_is_not_noted() -> None:
    scanner, content = framed(SMALL, printed(SMALL), [], content="skip")
    assert scanner.tables == {}
    scanner, same = framed(SMALL, printed(SMALL), [], content="count")
    assert [(found.rows, found.sha256) for found in scanner.tables.values()] == [(2, ""), (0, ""), (1, "")]
    assert same == content


@pytest.mark.parametrize("end", range(len(printed(SMALL))))
def test_an_output_that_ends_early_is_refused(end: int) -> None:
    with pytest.raises(SourceError):
        framed(SMALL, printed(SMALL)[:end], [])


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (b"1\tone\n\b\\. 10\n", "10 rows for the 6 bytes"),
        (b"1\tone\n\b\\. 0\n", "0 rows for the 6 bytes"),
        (b"\b\\. 1\n", "1 rows for the 0 bytes"),
        (b"1\tone\b\\. 1\n", "1 rows for the 5 bytes"),
        (b"1\tone\n\b. 1\n", "no boundary"),
        (b"1\tone\n\b\\. \n", "no boundary"),
        (b"1\tone\n\b\\. 1" + b"1" * 30, "no boundary"),
        (printed(SMALL) + b"more\n", "no boundary"),
        (printed(SMALL) + b"\b\\. 0\n", "no boundary"),
    ],
)
def test_an_output_that_cannot_be_is_refused(output: bytes, reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        framed(SMALL, output, [])


def test_only_a_stream_of_ordinary_tables_is_read_with_psql() -> None:
    entries = toc_of(SMALL).entries
    assert [copy.table for copy in plan_copies(entries, PLAIN)] == ["public.orders", "public.empty", "public.last"]
    assert (
        plan_copies(entries, {entry.oid for entry in entries if entry.tag != "last"}) == []
    )  # of an extension, or foreign
    assert plan_copies(toc_of(Archive(SMALL.tables, (LargeObject(5, b"x"),))).entries, PLAIN) == []
    assert plan_copies([entry for entry in entries if entry.description != "TABLE DATA"], PLAIN) == []


@pytest.mark.parametrize(
    ("statement", "table", "columns"),
    [
        ("COPY public.orders (id, net) FROM stdin;\n", "public.orders", "(id, net)"),
        ('COPY "A b"."to" ("from", "a""b)", _x1, "客") FROM stdin;\n', '"A b"."to"', '("from", "a""b)", _x1, "客")'),
        ('COPY "\\."."-" ("$1") FROM stdin;\n', '"\\."."-"', '("$1")'),
    ],
)
def test_a_usual_copy_statement_is_understood(statement: str, table: str, columns: str) -> None:
    (copy,) = plan_copies([entry_with(statement)], PLAIN)
    assert (copy.table, copy.columns) == (table, columns)


@pytest.mark.parametrize(
    "statement",
    [
        "",
        "COPY public.nothing  FROM stdin;\n",
        "COPY public.nothing () FROM stdin;\n",
        'COPY public."new\nline" (id) FROM stdin;\n',
        'COPY public."carriage\rreturn" (id) FROM stdin;\n',
        'COPY public.t ("new\nline") FROM stdin;\n',
        "COPY orders (id) FROM stdin;\n",
        "COPY public.orders (id) FROM stdin WITH (FREEZE);\n",
        "COPY public.orders (id) FROM stdin;",
        "COPY public.Orders (id) FROM stdin;\n",
        "COPY public.orders (id) FROM stdin;\nCOPY public.more (id) FROM stdin;\n",
        'COPY public.orders ("a" || "b") FROM stdin;\n',
    ],
)
def test_an_unusual_copy_statement_is_left_to_pg_dump(statement: str) -> None:
    assert plan_copies([entry_with("COPY public.orders (id) FROM stdin;\n"), entry_with(statement)], PLAIN) == []


def entry_with(statement: str, **changes: t.Any) -> TocEntry:
    entry = toc_of(Archive((TableRows("t"),))).entries[-1]
    return dataclasses.replace(entry, copy_statement=statement, **changes)


def test_an_entry_that_has_no_rows_of_its_own_does_not_matter_and_one_that_should_have_does() -> None:
    usual = entry_with("COPY public.orders (id) FROM stdin;\n")
    assert len(plan_copies([entry_with("", description="SEQUENCE SET", has_data=False), usual], PLAIN)) == 1
    assert plan_copies([entry_with("", has_data=False), usual], PLAIN) == []


@pytest.mark.parametrize(
    ("definition", "encoding", "expected"),
    [
        ("SET client_encoding = 'UTF8';\n", "UTF8", "SET client_encoding = 'UTF8';"),
        ("SET client_encoding = 'EUC_JIS_2004';\n", "EUC_JIS_2004", "SET client_encoding = 'EUC_JIS_2004';"),
        ("SET client_encoding = 'SJIS';\n", "EUC_JP", ""),
        ("SET client_encoding = 'UTF8'; DROP TABLE b;\n", "UTF8", ""),
        ("", "UTF8", ""),
    ],
)
def test_psql_reads_in_the_encoding_of_the_database_or_not_at_all(
    definition: str, encoding: str, expected: str
) -> None:
    assert client_encoding([entry_with("", description="ENCODING", definition=definition)], encoding) == expected
    assert client_encoding([], encoding) == ""


def test_the_script_reads_in_the_snapshot_and_locks_before_it_reads() -> None:
    copies = plan_copies(toc_of(SMALL).entries, PLAIN)
    lines = script(copies, "SET client_encoding = 'UTF8';", "00000003-0000001B-1", 15).splitlines()
    snapshot = lines.index("SET TRANSACTION SNAPSHOT '00000003-0000001B-1';")
    lock = lines.index(
        "LOCK TABLE ONLY public.orders, ONLY public.empty, ONLY public.last IN ACCESS SHARE MODE NOWAIT;"
    )
    first = lines.index("\\copy public.orders (a) to pstdout")
    assert snapshot < lock < lines.index("\\copy (SELECT 1 UNION ALL SELECT 2) to pstdout") < first
    assert lines[first + 1] == "\\echo '\\b\\\\.' :ROW_COUNT"
    assert not any("transaction_timeout = 0" in line and "idle" not in line for line in lines)
    assert "SET transaction_timeout = 0;" in script(copies, "", "0-1", 17)
    with pytest.raises(AssertionError):
        script(copies, "", "'; DROP TABLE orders; --", 15)
