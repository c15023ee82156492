# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""pg_dumpall's script taken apart into statements."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore._globals import is_tablespace, statements
from hypothesis import given
from hypothesis import strategies as st

_SCRIPT = r"""
--
-- Roles; with a semicolon
--
\restrict abc
CREATE ROLE "odd;role";
ALTER ROLE "odd;role" WITH NOSUPERUSER PASSWORD 'SCRAM-SHA-256$4096:x;y';
COMMENT ON ROLE "odd;role" IS 'it''s;
\restrict is a word here
-- and this is no comment';
/* a comment; */ GRANT a TO b;
\unrestrict abc
"""


def test_a_script_of_pg_dumpall_is_taken_apart() -> None:
    assert statements(_SCRIPT) == [
        'CREATE ROLE "odd;role"',
        "ALTER ROLE \"odd;role\" WITH NOSUPERUSER PASSWORD 'SCRAM-SHA-256$4096:x;y'",
        "COMMENT ON ROLE \"odd;role\" IS 'it''s;\n\\restrict is a word here\n-- and this is no comment'",
        "GRANT a TO b",
    ]


_PARTS = st.one_of(
    st.text("abcxyz_ 019,()=+", min_size=1),
    st.text(max_size=8).map(lambda text: "'" + text.replace("'", "''") + "'"),
    st.text(max_size=8).map(lambda text: '"' + text.replace('"', '""') + '"'),
    st.text("ab;'\"\\\n", max_size=8).map(lambda text: " E'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"),
    st.text("ab;'\"\\- ", max_size=8).map(lambda text: f"$body${text}$body$"),
    st.text("ab;'\"\\- ", max_size=8).map(lambda text: f"$${text}$$"),
)


@given(st.lists(st.lists(_PARTS, min_size=1).map(" ".join).filter(str.strip), max_size=5))
def test_statements_come_back_as_they_were_joined_whatever_their_quotes_hold(wanted: list[str]) -> None:
    assert statements("-- head\n" + "".join(f"{statement};\n-- a ; comment '\n" for statement in wanted)) == [
        text.strip() for text in wanted
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLESPACE fast OWNER postgres LOCATION '/srv/fast'",
        "GRANT CREATE ON TABLESPACE fast TO shop",
        'ALTER TABLESPACE "a b" SET (random_page_cost=1)',
    ],
)
def test_what_lies_in_a_folder_of_the_old_host_is_known(statement: str) -> None:
    assert is_tablespace(statement)


@pytest.mark.parametrize(
    "statement",
    [
        'CREATE ROLE "on tablespace"',
        "COMMENT ON ROLE shop IS 'grant x on tablespace y'",
        'GRANT "on tablespace" TO shop',
        "ALTER ROLE shop SET work_mem TO '5MB'",
    ],
)
def test_what_only_sounds_like_it_is_not(statement: str) -> None:
    assert not is_tablespace(statement)
