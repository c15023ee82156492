# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which table a COPY statement fills."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._archive import TocEntry
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._copy_statement import (
    fills_its_own_table,
    loaded_through,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._in_order import in_order

from tests.unit.postgres.archive.synthetic_archive import Archive, TableRows


def entry(copy_statement: str, tag: str = "leaf", schema: str = "public") -> TocEntry:
    return TocEntry(1, True, 0, 0, tag, "TABLE DATA", "data", "", copy_statement, schema, "owner", ())


@pytest.mark.parametrize(
    ("statement", "schema", "tag"),
    [
        ("COPY public.leaf (a) FROM stdin;\n", "public", "leaf"),
        ('COPY "Odd ""S""".leaf_1 (a) FROM stdin;\n', 'Odd "S"', "leaf_1"),
        ('COPY public."to FROM (x).y" ("from") FROM stdin;\n', "public", "to FROM (x).y"),
        ('COPY public."new\nline" (a) FROM stdin;\n', "public", "new\nline"),
        ("COPY public.leaf  FROM stdin;\n", "public", "leaf"),
    ],
)
def test_a_table_that_is_filled_by_its_own_entry_is_known(statement: str, schema: str, tag: str) -> None:
    assert fills_its_own_table(entry(statement, tag, schema))
    assert loaded_through(entry(statement, tag, schema)) == ""


@pytest.mark.parametrize("statement", ["COPY public.root (a) FROM stdin;\n", "COPY other.leaf (a) FROM stdin;\n"])
def test_a_table_that_is_filled_through_another_one_is_known(statement: str) -> None:
    assert not fills_its_own_table(entry(statement))
    assert loaded_through(entry(statement)) == statement.split()[1]


@pytest.mark.parametrize("statement", ["", "SELECT 1;\n", "COPY leaf FROM stdin;\n", 'COPY public."leaf FROM stdin;\n'])
def test_what_cannot_be_read_is_nobodys_own(statement: str) -> None:
    assert not fills_its_own_table(entry(statement)) and loaded_through(entry(statement)) == ""


def test_nothing_is_put_before_a_copy_into_another_table() -> None:
    archive = Archive((TableRows("leaf", (b"1\n",)), TableRows("other", (b"2\n",)))).whole
    rerouted = archive.replace(b"COPY public.leaf (a)", b"COPY public.root (a)")
    created = {("public", "leaf"), ("public", "other"), ("public", "root")}
    changed = b"".join(in_order([rerouted], "utf-8", created))
    assert changed.count(b"TRUNCATE TABLE ONLY") == changed.count(b"FREEZE") == 1
    assert b'TRUNCATE TABLE ONLY "public"."other";\nCOPY public.other (a) FROM stdin WITH (FREEZE);' in changed
