# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Divides a dump into streams: which pg_dump writes which tables. Pure functions."""

from __future__ import annotations

import dataclasses
import re
import typing as t

FILTERS = {  # option → pg_dump's argument; each takes patterns as psql does
    "schemas": "--schema",
    "exclude_schemas": "--exclude-schema",
    "tables": "--table",
    "exclude_tables": "--exclude-table",
    "exclude_table_data": "--exclude-table-data",
}
_NAMED_TABLES = 500  # as many names as fit into an argument list with room to spare
_SHARE = 64  # a table smaller than this part of one stream's work is not worth a name of its own


@dataclasses.dataclass(frozen=True)
class SizedTable:
    """A table whose rows are to be dumped."""

    schema: str
    name: str
    bytes: int


@dataclasses.dataclass(frozen=True)
class Stream:
    """One pg_dump and the artifact that it fills."""

    content: str  # whole, schema, data
    label: str  # within the artifact's name: "", "schema", "data1", …
    arguments: tuple[str, ...]
    estimated_bytes: int


def divide(
    tables: t.Sequence[SizedTable], base_bytes: int, streams: int
) -> tuple[list[list[SizedTable]], list[SizedTable]]:
    """Deal the large tables out, the largest first, each to the stream with the least work.

    Gives the streams' named tables, and the tables of the first stream that need no name: it dumps whatever no other
    stream is named for.
    ``base_bytes`` is work that only the first stream does, such as large objects.
    """
    by_size = sorted(tables, key=lambda table: (-table.bytes, table.schema, table.name))
    named, rest = by_size[:_NAMED_TABLES], by_size[_NAMED_TABLES:]
    total = base_bytes + sum(table.bytes for table in tables)
    unnamed = base_bytes + sum(table.bytes for table in rest)
    # Small tables need no name while all of them together are not more than one stream's share.
    while (
        named
        and named[-1].bytes * streams * _SHARE <= total
        and unnamed + named[-1].bytes <= max(unnamed, total // streams)
    ):
        rest = [named.pop(), *rest]
        unnamed += rest[0].bytes
    loads = [unnamed] + [0] * (streams - 1)
    shares: list[list[SizedTable]] = [[] for _stream in range(streams)]
    for table in named:
        lightest = loads.index(min(loads))
        shares[lightest].append(table)
        loads[lightest] += table.bytes
    return shares, rest


def whole_stream(filters: t.Mapping[str, t.Sequence[str]], estimated_bytes: int) -> Stream:
    """Everything in one archive."""
    return Stream("whole", "", tuple(_filter_arguments(filters)), estimated_bytes)


def schema_stream(filters: t.Mapping[str, t.Sequence[str]], estimated_bytes: int) -> Stream:
    """Definitions alone.

    Its table of contents tells which tables the filters select, so pg_dump itself is the judge of that.
    """
    return Stream(
        "schema", "schema", ("--section=pre-data", "--section=post-data", *_filter_arguments(filters)), estimated_bytes
    )


def data_streams(
    tables: t.Sequence[SizedTable], filters: t.Mapping[str, t.Sequence[str]], large_object_bytes: int, streams: int
) -> list[Stream]:
    """The rows, in at most so many archives.

    The first also holds large objects, sequence values and whatever was too small to deal out.
    """
    shares, rest = divide(tables, large_object_bytes, streams)
    others = [table for share in shares[1:] for table in share]
    estimate = large_object_bytes + sum(table.bytes for table in [*shares[0], *rest])
    exclusions = [f"--exclude-table-data={pattern(table.schema, table.name)}" for table in others]
    planned = [Stream("data", "data1", ("--section=data", *_filter_arguments(filters), *exclusions), estimate)]
    excluded_data = _filter_arguments({"exclude_table_data": filters.get("exclude_table_data", ())})
    for share in shares[1:]:
        if share:
            names = [f"--table={pattern(table.schema, table.name)}" for table in share]
            label = f"data{len(planned) + 1}"
            planned.append(
                Stream("data", label, ("--section=data", *excluded_data, *names), sum(table.bytes for table in share))
            )
    return planned


def pattern(schema: str, name: str) -> str:
    """The pattern that means just this table, and its name in SQL.

    Within double quotes no character is special, and a quote is doubled (psql, "Patterns").
    """
    return ".".join('"' + part.replace('"', '""') + '"' for part in (schema, name))


def safe_file_name(database: str) -> str:
    """The database's name in a form that every file system and object store takes."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", database)[:80]


def _filter_arguments(filters: t.Mapping[str, t.Sequence[str]]) -> list[str]:
    return [f"{argument}={value}" for option, argument in FILTERS.items() for value in filters.get(option, ())]
