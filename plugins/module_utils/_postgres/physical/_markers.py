# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Markers: rows around a restore point of the live cluster, by which a recovery to that point is recognised."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._own_table import refuse_foreign
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._system_catalog import query, value
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._content import Marker

if t.TYPE_CHECKING:
    import psycopg2.extensions

BEFORE, AFTER = "before", "after"
TABLE = "lifeboat.pitr_marker"
_MAKE = """
    create schema if not exists lifeboat;
    create table if not exists lifeboat.pitr_marker (
        point text not null, side text not null, at timestamptz not null default clock_timestamp(),
        primary key (point, side)
    )
"""
_KEPT = "90 days"


def plant(cursor: psycopg2.extensions.cursor, database: str, point: str) -> Marker:
    """Commit a row, write the restore point, and commit a second row. Old rows are removed."""
    refuse_foreign(cursor, TABLE, writes=True)
    cursor.execute(_MAKE)
    cursor.execute(f"delete from {TABLE} where at < now() - interval '{_KEPT}'")
    cursor.execute(f"insert into {TABLE} (point, side) values (%s, %s)", (point, BEFORE))
    lsn = value(cursor, "select pg_create_restore_point(%s)::text", (point,))
    at = value(cursor, "select clock_timestamp()")
    cursor.execute(f"insert into {TABLE} (point, side) values (%s, %s)", (point, AFTER))
    return Marker(point, database, lsn, at.isoformat())


def rows(cursor: psycopg2.extensions.cursor) -> set[tuple[str, str]]:
    """All rows, each with its point and its side."""
    if value(cursor, "select to_regclass(%s) is null", (TABLE,)):
        return set()
    refuse_foreign(cursor, TABLE, writes=False)
    return set(query(cursor, f"select point, side from {TABLE}"))
