# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The planner of streams: every table in exactly one, and names that mean just the table."""

from __future__ import annotations

import os.path
import re

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive import _plan
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._plan import (
    SizedTable,
    data_streams,
    divide,
    pattern,
    schema_stream,
)
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20) | st.sampled_from(
    ['"', '""', "a.b", "-x", "*", "a b", "Ä", "?", "$", "[a-z]", "\\", "'", "\n"]
)
TABLES = st.lists(
    st.builds(SizedTable, NAMES, NAMES, st.integers(0, 1 << 40)),
    max_size=60,
    unique_by=lambda table: (table.schema, table.name),
)
STREAMS = st.integers(1, 8)
BASE = st.integers(0, 1 << 40)


def parsed(text: str) -> list[str]:
    """The parts of a pattern, read as psql's manual says: a reader of its own.

    A special character outside of quotes is an error.
    """
    parts, current, quoted, position = [], "", False, 0
    while position < len(text):
        character = text[position]
        if character == '"' and quoted and text[position + 1 : position + 2] == '"':
            current, position = current + '"', position + 1
        elif character == '"':
            quoted = not quoted
        elif character == "." and not quoted:
            parts.append(current)
            current = ""
        else:
            assert quoted, f"{character!r} is outside of quotes"
            current += character
        position += 1
    assert not quoted
    return [*parts, current]


@given(NAMES, NAMES)
def test_a_pattern_means_this_table_and_no_other(schema: str, name: str) -> None:
    assert parsed(pattern(schema, name)) == [schema, name]


@given(TABLES, BASE, STREAMS)
def test_every_table_is_in_exactly_one_stream(tables: list[SizedTable], base: int, streams: int) -> None:
    shares, rest = divide(tables, base, streams)
    assert len(shares) == streams
    dealt = [table for share in shares for table in share] + rest
    assert sorted(dealt, key=repr) == sorted(tables, key=repr)


@given(TABLES, BASE, STREAMS)
def test_loads_differ_by_no_more_than_one_table_or_what_the_first_stream_has_to_do_anyway(
    tables: list[SizedTable], base: int, streams: int
) -> None:
    shares, rest = divide(tables, base, streams)
    anyway = base + sum(table.bytes for table in rest)
    loads = [sum(table.bytes for table in share) for share in shares]
    loads[0] += anyway
    largest = max((table.bytes for table in tables), default=0)
    assert max(loads) - min(loads) <= max(largest, anyway)
    assert all(max(loads) >= load for load in loads) and max(loads[1:], default=0) - min(loads) <= largest


def test_three_large_tables_and_some_small_ones_share_two_streams() -> None:
    tables = [SizedTable("public", name, size) for name, size in (("a", 500), ("b", 400), ("c", 120), ("tiny", 1))]
    shares, rest = divide(tables, 0, 2)
    assert [[table.name for table in share] for share in shares] == [["b", "c"], ["a"]]
    assert [table.name for table in rest] == ["tiny"]


@given(TABLES, BASE, STREAMS)
def test_each_archive_dumps_its_own_tables_and_the_first_whatever_no_other_is_named_for(
    tables: list[SizedTable], base: int, streams: int
) -> None:
    planned = data_streams(tables, {}, base, streams)
    assert 1 <= len(planned) <= streams
    assert len({stream.label for stream in planned}) == len(planned)
    named = [
        argument[len("--table=") :]
        for stream in planned[1:]
        for argument in stream.arguments
        if argument.startswith("--table=")
    ]
    excluded = [
        argument[len("--exclude-table-data=") :]
        for argument in planned[0].arguments
        if argument.startswith("--exclude-table-data=")
    ]
    assert sorted(named) == sorted(excluded)
    assert len(set(named)) == len(named)
    assert set(named) <= {pattern(table.schema, table.name) for table in tables}
    assert sum(stream.estimated_bytes for stream in planned) == base + sum(table.bytes for table in tables)
    assert all(any(argument.startswith("--table=") for argument in stream.arguments) for stream in planned[1:])


def test_no_more_names_than_an_argument_list_holds() -> None:
    tables = [SizedTable("s", f"t{number}", 1 << 30) for number in range(2000)]
    planned = data_streams(tables, {}, 0, 32)
    assert sum(len(stream.arguments) - 1 for stream in planned[1:]) <= 500


def test_filters_reach_each_stream_that_they_are_for() -> None:
    filters = {"schemas": ["shop"], "exclude_tables": ["shop.log*"], "exclude_table_data": ["shop.cache"]}
    tables = [SizedTable("shop", "a", 100), SizedTable("shop", "b", 90)]
    everywhere = ("--schema=shop", "--exclude-table=shop.log*", "--exclude-table-data=shop.cache")
    assert _plan.whole_stream(filters, 5) == _plan.Stream("whole", "", everywhere, 5)
    assert schema_stream(filters, 5).arguments == ("--section=pre-data", "--section=post-data", *everywhere)
    first, second = data_streams(tables, filters, 0, 2)
    assert first.arguments == ("--section=data", *everywhere, '--exclude-table-data="shop"."b"')
    assert second.arguments == ("--section=data", "--exclude-table-data=shop.cache", '--table="shop"."b"')


@given(st.text(max_size=200))
def test_a_file_name_of_any_database_is_one_part_of_a_path(database: str) -> None:
    name = f"pg_{_plan.safe_file_name(database)}_20260115T020000Z.dump"
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,120}", name)
    assert os.path.basename(name) == name


@pytest.mark.parametrize(
    ("database", "name"), [("codex", "codex"), ("a b/c", "a_b_c"), ("-x", "-x"), ("Ä", "_"), ("x" * 100, "x" * 80)]
)
def test_a_plain_name_stays_readable(database: str, name: str) -> None:
    assert _plan.safe_file_name(database) == name
