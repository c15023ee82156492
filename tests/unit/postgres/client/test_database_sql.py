# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The statements that give a database what belongs to it."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client import _database_sql
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._content import Database, Grant, RoleSetting
from hypothesis import given
from hypothesis import strategies as st

_PLAIN = Database("codex", 1, "UTF8", "C", "C", "c")


@pytest.mark.parametrize(
    ("value", "items"),
    [
        ('"$user", public', ["$user", "public"]),
        ("public", ["public"]),
        ('""', [""]),
        ("", [""]),
        ('"a ""b"", c",d , "é;"', ['a "b", c', "d", "é;"]),
    ],
)
def test_a_setting_that_is_a_list_is_taken_apart(value: str, items: list[str]) -> None:
    assert _database_sql.split_list(value) == items


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1), min_size=1))
def test_quoted_names_come_back_from_a_list(names: list[str]) -> None:
    assert _database_sql.split_list(", ".join('"' + name.replace('"', '""') + '"' for name in names)) == names


def test_a_database_without_properties_of_its_own_needs_no_statement() -> None:
    assert _database_sql.properties(_PLAIN, "new") == []


def test_whatever_a_database_can_have_has_a_statement() -> None:
    """Each field that is not what a database is made with. A new field has to be given a value here."""
    full = Database(
        name="codex",
        bytes=1,
        encoding="UTF8",
        collate="C",
        ctype="C",
        locale_provider="c",
        icu_locale="",
        settings=("work_mem=5MB",),
        role_settings=(RoleSetting("app", "search_path=app, public"),),
        owner="shop",
        grants=(Grant("", "CONNECT"), Grant("app", "CREATE", True)),
        default_grants=False,
        connection_limit=7,
        comment="What it's for",
        is_template=True,
        tablespace="fast",
        labels=(),
    )
    assert [statement.sql for statement in _database_sql.properties(full, 'n"w')] == [
        """ALTER DATABASE "n""w" SET "work_mem" TO '5MB'""",
        """ALTER ROLE "app" IN DATABASE "n""w" SET "search_path" TO 'app', 'public'""",
        'ALTER DATABASE "n""w" OWNER TO "shop"',
        'REVOKE ALL ON DATABASE "n""w" FROM PUBLIC, "shop"',
        'GRANT CONNECT ON DATABASE "n""w" TO PUBLIC',
        'GRANT CREATE ON DATABASE "n""w" TO "app" WITH GRANT OPTION',
        'ALTER DATABASE "n""w" CONNECTION LIMIT 7',
        'ALTER DATABASE "n""w" IS_TEMPLATE true',
    ]
    without = _database_sql.properties(full, 'n"w', owners=False)
    assert not any(word in statement.sql for statement in without for word in ("OWNER", "GRANT", "REVOKE"))


def test_a_backslash_is_written_so_that_no_setting_changes_what_it_means() -> None:
    assert _database_sql.literal("it's") == "'it''s'"
    assert _database_sql.literal("a\\'") == "E'a" + "\\" * 2 + "'" * 3
