# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""An order-free fingerprint of a table's rows, made by the server in a scan of its own.

It is the sum, over all rows, of the first sixteen bytes of the SHA-256 of the row's text, as two sums of 64-bit
numbers. Unlike a COPY stream's hash it is the same after the rows were reordered, and from one major version to the
next; unlike an exclusive-or, equal rows do not cancel each other.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive import _plan
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._database_sql import quoted

if t.TYPE_CHECKING:
    import psycopg2.extensions


def rows_fingerprint(
    cursor: psycopg2.extensions.cursor,
    schema: str,
    name: str,
    *,
    columns: t.Sequence[str] = (),
    with_partitions: bool = False,
) -> tuple[int, str]:
    """The number of rows and their order-free sum, in the cursor's transaction.

    The rows are the table's own; ``with_partitions`` takes those of a partitioned table, and ``columns`` reads them in
    another order than the table's. The session must have pinned settings (``connect``). Whatever the columns are
    called, ``r.*`` is the whole row: a name with a star is never a column, and functions are found in pg_catalog alone.
    """
    row_of = ", ".join(f"r.{quoted(column)}" for column in columns) or "r.*"
    cursor.execute(
        f"""select count(*), coalesce(sum(('x' || substr(h, 1, 16))::bit(64)::int8), 0)::text,
           coalesce(sum(('x' || substr(h, 17, 16))::bit(64)::int8), 0)::text
           from (select encode(sha256(convert_to(row({row_of})::text,
                   case getdatabaseencoding() when 'SQL_ASCII' then 'SQL_ASCII' else 'UTF8' end)), 'hex') as h
                 from {"" if with_partitions else "only"} {_plan.pattern(schema, name)} as r)
           hashed"""
    )
    row = cursor.fetchone()
    return (int(row[0]), f"{row[1]}:{row[2]}") if row else (0, "0:0")


def inherited_columns(cursor: psycopg2.extensions.cursor, schema: str, name: str) -> tuple[str, ...]:
    """The columns of a table that inherits some, in its order; empty for any other table.

    A parent's column that came later stands behind the child's own columns, and before them once it is restored.
    """
    cursor.execute(
        """select a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid
           join pg_namespace n on n.oid = c.relnamespace
           where n.nspname = %s and c.relname = %s and a.attnum > 0 and not a.attisdropped and not c.relispartition
           and exists (select from pg_inherits i where i.inhrelid = c.oid) order by a.attnum""",
        (schema, name),
    )
    return tuple(str(row[0]) for row in cursor.fetchall())
