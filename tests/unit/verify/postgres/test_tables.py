# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a proof of a database says that it did not compare."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._content import (
    Database,
    PostgresContent,
    Sequence,
    Table,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._verify.postgres._tables import unread

_DATABASE = Database("shop", 0, "UTF8", "C", "C", "c")


def _content(*tables: Table, **more: t.Any) -> PostgresContent:
    return PostgresContent("15.18", 150018, "", "0/0", 1, False, _DATABASE, 1, "stream", tables, **more)


_READ = Table("public", "orders", "table", "a.dump", 3)


def test_where_everything_was_compared_nothing_is_said() -> None:
    assert unread(_content(_READ, Table("public", "parts", "partitioned table"))) is None


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (Table("public", "far", "foreign table"), "another server"),
        (Table("public", "sums", "materialized view"), "filled anew"),
        (Table("public", "logs", "table"), "not in the backup"),
        (Table("public", "old", "table", "a.dump"), "not counted"),
    ],
)
def test_each_kind_of_table_that_was_not_compared_is_named(table: Table, words: str) -> None:
    check = unread(_content(_READ, table))
    assert check is not None and check.status == "skipped"
    assert [item.name for item in check.items] == [table.qualified_name] and words in check.items[0].message
    assert table.qualified_name in check.message


def test_filters_and_views_that_were_left_empty_are_named_once() -> None:
    content = _content(
        _READ, Table("public", "far", "materialized view"), filters={"schemas": ["a", "b"], "tables": []}
    )
    check = unread(content, [("public.far", "could not establish connection")])
    assert check is not None
    said = {item.name: item.message for item in check.items}
    assert set(said) == {"schemas: a, b", "public.far"} and "could not establish connection" in said["public.far"]


def test_a_backup_without_a_table_says_so() -> None:
    check = unread(_content())
    assert check is not None and "no table at all" in check.message


@pytest.mark.parametrize(
    ("sequence", "following"),
    [
        (Sequence("public", "s", 33, 1, False), 33),
        (Sequence("public", "s", 33, 1), 34),
        (Sequence("public", "s", 0, 1), 1),  # as older backups record one that was never used
        (Sequence("public", "s", 100, -5, False), 100),
        (Sequence("public", "s", 100, -5), 95),
    ],
)
def test_what_a_sequence_gives_next(sequence: Sequence, following: int) -> None:
    assert sequence.next_value == following
