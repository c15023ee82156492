# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What pg_restore says when it fails, and what to do then."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore._failure import failure

_SAID = """pg_restore: while PROCESSING TOC:
pg_restore: from TOC entry 3420; 0 16417 MATERIALIZED VIEW DATA totals shop
pg_restore: error: could not execute query: ERROR:  {reason}
QUERY:  select sum(n) from t
CONTEXT:  {context}
Command was: REFRESH MATERIALIZED VIEW public.totals;
"""


def failed(reason: str, context: str = "", *, owners: bool = True) -> LifeboatError:
    said = _SAID.format(reason=reason, context=context)
    return failure(SourceError("pg_restore failed", details={"stderr": said, "exit_code": 1}), "db1/x", owners=owners)


@pytest.mark.parametrize(
    ("context", "function"),
    [
        ("PL/pgSQL function public.total() line 3 at RETURN", "public.total()"),
        ('SQL function "total" during inlining', "total"),
        ('SQL function "total" statement 1', "total"),
    ],
)
@pytest.mark.parametrize(
    "reason",
    ['relation "t" does not exist', "function helper(integer) does not exist", 'type "mood" does not exist'],
)
def test_a_function_that_needs_a_search_path_is_named_with_the_remedy(reason: str, context: str, function: str) -> None:
    error = failed(reason, context)
    assert error.message == f"pg_restore stopped at MATERIALIZED VIEW DATA totals shop in db1/x: {reason}."
    assert f"ALTER FUNCTION {function} SET search_path" in error.hint and "owners" not in error.hint


def test_something_else_that_is_missing_has_another_remedy() -> None:
    assert "search_path" not in failed('role "app" does not exist').hint
    assert "search_path" not in failed('relation "t" does not exist').hint
    assert "owners: false" in failed('role "app" does not exist').hint
    assert "make the role first" in failed('role "app" does not exist', owners=False).hint


@pytest.mark.parametrize(
    "reason",
    [
        'security label provider "dummy" is not loaded',
        "pg_cron can only be loaded via shared_preload_libraries",
        'extension "timescaledb" must be preloaded',
    ],
)
def test_a_library_that_the_server_has_to_load_first_is_asked_for(reason: str) -> None:
    assert "scratch_preload_libraries" in failed(reason).hint


@pytest.mark.parametrize(
    "reason",
    ["must be superuser to create FOR ALL TABLES publication", 'permission denied to create event trigger "e"'],
)
def test_what_needs_a_superuser_has_a_way_on(reason: str) -> None:
    assert "superuser_objects: leave_out" in failed(reason).hint
