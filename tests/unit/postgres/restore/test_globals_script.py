# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of pg_dumpall's script is given to psql, and what psql complains of."""

from __future__ import annotations

from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore._globals import (
    failures,
    restricted,
    without_tablespaces,
)

_HEAD = b"--\n-- PostgreSQL database cluster dump\n--\n\n"
_ROLES = b"SET client_encoding = 'UTF8';\n\nCREATE ROLE shop;\nALTER ROLE shop WITH PASSWORD 'SCRAM-SHA-256$4096:x';\n"
_TABLESPACES = b"--\n-- Tablespaces\n--\n\nCREATE TABLESPACE fast OWNER postgres LOCATION '/srv/fast';\n"


def test_no_statement_for_a_tablespace_is_left() -> None:
    assert without_tablespaces(_HEAD + _ROLES + b"\n" + _TABLESPACES) == _HEAD + _ROLES + b"\n"
    assert b"TABLESPACE" not in without_tablespaces(_HEAD + _ROLES + b"\n" + _TABLESPACES + b"\n" + _TABLESPACES)
    assert without_tablespaces(_ROLES) == _ROLES + b"\n"


def test_psql_runs_none_of_its_own_commands() -> None:
    own = _HEAD + b"\\restrict abc\n\n" + _ROLES + b"\\unrestrict abc\n"
    assert restricted(own) == own
    old = _HEAD + _ROLES
    first, rest = restricted(old).split(b"\n", 1)
    assert first.startswith(b"\\restrict ") and len(first) > 40 and rest == old
    hostile = _HEAD + b"COMMENT ON ROLE shop IS '\n\\restrict abc\n';\n"
    assert restricted(hostile) != hostile, "what a comment on a role says does not count"


def test_a_statement_that_failed_is_named_without_its_secret() -> None:
    script = _HEAD + _ROLES
    said = (
        'psql:/dev/fd/3:7: ERROR:  role "shop" already exists\n'
        "psql:/dev/fd/3:8: ERROR:  permission denied\nDETAIL:  whatever\n"
    )
    assert failures(script, said) == [
        'CREATE ROLE shop; …: role "shop" already exists',
        "ALTER ROLE shop …: permission denied",
    ]
    assert failures(script, "") == []
