# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which definitions are restored."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._archive import TocEntry
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore._definitions import named, needs_superuser


def entry(
    dump_id: int, description: str, definition: str = "", needs: tuple[int, ...] = (), tag: str = "x"
) -> TocEntry:
    return TocEntry(dump_id, False, 0, 0, tag, description, "pre-data", definition, "", "", "owner", needs)


def function(words: str) -> str:
    return f"CREATE FUNCTION public.x() RETURNS text\n    LANGUAGE {words}\n    AS $$ -- LEAKPROOF c\n$$;"


@pytest.mark.parametrize(
    ("description", "definition"),
    [
        ("EVENT TRIGGER", "CREATE EVENT TRIGGER x ON ddl_command_start\n   EXECUTE FUNCTION public.f();"),
        ("PUBLICATION", "CREATE PUBLICATION x FOR ALL TABLES WITH (publish = 'insert');"),
        ("SUBSCRIPTION", "CREATE SUBSCRIPTION x CONNECTION '' PUBLICATION p;"),
        ("FUNCTION", function("c STRICT")),
        ("FUNCTION", function("plpython3u")),
        ("FUNCTION", function("sql IMMUTABLE LEAKPROOF")),
        ("TYPE", "CREATE TYPE public.x (\n    INTERNALLENGTH = 4,\n    INPUT = public.i\n);"),
        ("CAST", "CREATE CAST (text AS public.x) WITHOUT FUNCTION;"),
        ("EXTENSION", 'CREATE EXTENSION IF NOT EXISTS "x" WITH SCHEMA public;'),
    ],
)
def test_what_only_a_superuser_can_make_is_left_out_with_all_that_needs_it(description: str, definition: str) -> None:
    entries = [
        entry(1, "TABLE", "CREATE TABLE t (a integer);"),
        entry(2, description, definition),
        entry(3, "COMMENT", needs=(2,)),
        entry(4, "TABLE", needs=(2,), tag="y"),
        entry(5, "INDEX", needs=(4, 1)),
    ]
    found = needs_superuser(entries, {"x"})
    assert [item.dump_id for item in found] == [2, 3, 4, 5]
    assert named(found[0]) == f"{description} x"


def test_everything_else_stays() -> None:
    entries = [
        entry(1, "PUBLICATION", "CREATE PUBLICATION x WITH (publish = 'insert');"),
        entry(2, "FUNCTION", function("plpgsql")),
        entry(3, "TYPE", "CREATE TYPE public.x AS ENUM (\n    'INTERNALLENGTH'\n);"),
        entry(4, "EXTENSION", tag="trusted"),
        entry(5, "CAST", "CREATE CAST (text AS public.x) WITH FUNCTION public.f(text);"),
    ]
    assert needs_superuser(entries, {"x"}) == []
