# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Questions to a restored PostgreSQL database about what holds its rows together: keys, sequences, extensions,
collations, indexes.

Every function takes a cursor in the restored database and gives one check of the report.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client import _system_catalog
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import import_psycopg2
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Check, CheckStatus, Item
from ansible_collections.lifeboat.dr.plugins.module_utils._verify._verification import summarised

if t.TYPE_CHECKING:
    import psycopg2.extensions
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._content import PostgresContent

    Cursor = psycopg2.extensions.cursor

_FOREIGN_KEYS = """
    select c.conname, c.convalidated, cn.nspname, ct.relname, ct.relkind = 'p', pn.nspname, pt.relname, pt.relkind =
    'p',
      (select array_agg(a.attname::text order by k.n) from unnest(c.conkey) with ordinality k(num, n)
       join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.num),
      (select array_agg(a.attname::text order by k.n) from unnest(c.confkey) with ordinality k(num, n)
       join pg_attribute a on a.attrelid = c.confrelid and a.attnum = k.num),
      (select array_agg(format('OPERATOR(%I.%s)', n.nspname, o.oprname) order by k.n)
       from unnest(c.conpfeqop) with ordinality k(oid, n) join pg_operator o on o.oid = k.oid
       join pg_namespace n on n.oid = o.oprnamespace)
    from pg_constraint c
    join pg_class ct on ct.oid = c.conrelid join pg_namespace cn on cn.oid = ct.relnamespace
    join pg_class pt on pt.oid = c.confrelid join pg_namespace pn on pn.oid = pt.relnamespace
    where c.contype = 'f' and c.conparentid = 0 order by 3, 4, 1
"""
_OWNED_SEQUENCES = """
    select sn.nspname, s.relname, tn.nspname, tc.relname, a.attname, q.seqincrement > 0, q.seqstart,
      pg_sequence_last_value(s.oid)
    from pg_depend d
    join pg_class s on s.oid = d.objid and s.relkind = 'S' join pg_namespace sn on sn.oid = s.relnamespace
    join pg_sequence q on q.seqrelid = s.oid
    join pg_class tc on tc.oid = d.refobjid join pg_namespace tn on tn.oid = tc.relnamespace
    join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
    where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')
      and a.atttypid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
    order by 1, 2
"""
_INDEXES = """
    select n.nspname || '.' || c.relname, c.oid from pg_index i join pg_class c on c.oid = i.indexrelid
    join pg_namespace n on n.oid = c.relnamespace join pg_am m on m.oid = c.relam
    where m.amname = 'btree' and c.relkind = 'i' and i.indisvalid and c.relpersistence <> 't'
      and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' order by 1
"""


def foreign_keys(cursor: Cursor) -> Check:
    """Look for rows that point to nothing, by anti-join: validating a valid constraint again is a no-op that finds
    none.
    """
    items = []
    for name, valid, schema, table, is_partitioned, *parent, columns, others, operators in _system_catalog.query(
        cursor, _FOREIGN_KEYS
    ):
        orphans = _orphans(
            cursor, (schema, table, is_partitioned, columns), (parent[0], parent[1], parent[2], others), operators
        )
        status: CheckStatus = "passed" if not orphans else "failed" if valid else "skipped"
        words = (
            ""
            if not orphans
            else f"{orphans} rows point to nothing"
            + ("" if valid else "; the constraint is NOT VALID at the source too")
        )
        items.append(Item(f"{schema}.{table}: {name}", status, 0, orphans, words))
    return summarised(
        Check("structure.foreign_keys", "No row points to nothing", "structure", "passed"), items, "foreign keys"
    )


_Side = tuple[str, str, bool, list[str]]  # schema, table, whether it is partitioned, columns


def _orphans(cursor: Cursor, child: _Side, parent: _Side, operators: t.Sequence[str]) -> int:
    """How many rows of the child point to nothing, by the constraint's own operators: ``=`` of citext is not that of
    text.
    """
    from psycopg2 import sql

    def source(schema: str, table: str, is_partitioned: bool) -> sql.Composable:
        return sql.SQL("{}{}").format(sql.SQL("" if is_partitioned else "only "), sql.Identifier(schema, table))

    columns, others = child[3], parent[3]
    present = sql.SQL(" and ").join(sql.SQL("c.{} is not null").format(sql.Identifier(column)) for column in columns)
    equal = sql.SQL(" and ").join(
        sql.SQL("p.{} {} c.{}").format(sql.Identifier(other), sql.SQL(operator), sql.Identifier(column))
        for column, other, operator in zip(columns, others, operators)
    )
    statement = sql.SQL("select count(*) from {} c where {} and not exists (select from {} p where {})").format(
        source(*child[:3]), present, source(*parent[:3]), equal
    )
    cursor.execute(statement)
    row = cursor.fetchone()
    return int(row[0]) if row else 0


def sequences(cursor: Cursor, content: PostgresContent) -> Check:
    """No sequence may be behind the one that was backed up, nor behind the column that it feeds: else the next insert
    fails.
    """
    restored = {sequence.qualified_name: sequence for sequence in _system_catalog.sequences(cursor)}
    items = []
    for expected in content.sequences:
        found = restored.get(expected.qualified_name)
        if found is None:
            items.append(
                Item(expected.qualified_name, "failed", expected.last_value, None, "the sequence is not there")
            )
            continue
        behind = (
            found.last_value < expected.last_value if expected.increment > 0 else found.last_value > expected.last_value
        )
        message = "behind the backup" if behind else ""
        items.append(
            Item(
                expected.qualified_name,
                "failed" if behind else "passed",
                expected.last_value,
                found.last_value,
                message,
            )
        )
    items += _behind_their_column(cursor)
    return summarised(
        Check("structure.sequences", "No sequence will give a number twice", "structure", "passed"), items, "sequences"
    )


def _behind_their_column(cursor: Cursor) -> list[Item]:
    from psycopg2 import sql

    items = []
    for schema, name, table_schema, table, column, ascending, start, last in _system_catalog.query(
        cursor, _OWNED_SEQUENCES
    ):
        extreme = sql.SQL("max" if ascending else "min")
        cursor.execute(
            sql.SQL("select {}({}) from {}").format(
                extreme, sql.Identifier(column), sql.Identifier(table_schema, table)
            )
        )
        row = cursor.fetchone()
        used = row[0] if row else None
        # A sequence that was never used next gives its start; one that was, gives the number after its last.
        ahead = (
            used is None
            or (last is not None and (last >= used if ascending else last <= used))
            or (last is None and (start > used if ascending else start < used))
        )
        if not ahead:
            items.append(
                Item(
                    f"{schema}.{name} for {table_schema}.{table}.{column}",
                    "skipped",
                    used,
                    last,
                    "behind the column's values, as it was at the source",
                )
            )
    return items


def extensions(cursor: Cursor, content: PostgresContent) -> Check:
    """Every extension is back. Another version of it is told, and is no fault: a restore installs the host's."""
    restored = {extension.name: extension.version for extension in _system_catalog.extensions(cursor)}
    items = []
    for expected in content.extensions:
        version = restored.get(expected.name)
        if version is None:
            items.append(Item(expected.name, "failed", expected.version, None, "the extension is not there"))
        else:
            status: CheckStatus = "passed" if version == expected.version else "skipped"
            items.append(
                Item(
                    expected.name,
                    status,
                    expected.version,
                    version,
                    "" if status == "passed" else "another version on this host",
                )
            )
    return summarised(
        Check("structure.extensions", "Every extension is back", "structure", "passed"), items, "extensions"
    )


def collations(cursor: Cursor, content: PostgresContent, version_num: int) -> Check:
    """Every collation is back.

    A logical restore makes the indexes anew, so another library version is told, and is no fault.
    """
    restored = {collation.name: collation.version for collation in _system_catalog.collations(cursor, version_num)}
    items = []
    for expected in content.collations:
        version = restored.get(expected.name)
        if version is None:
            items.append(Item(expected.name, "failed", expected.version, None, "the collation is not there"))
        else:
            same = version == expected.version
            message = (
                "" if same else "the library on this host sorts by other rules: a physical copy would need REINDEX here"
            )
            items.append(Item(expected.name, "passed" if same else "skipped", expected.version, version, message))
    return summarised(Check("structure.collations", "Text sorts as it did", "structure", "passed"), items, "collations")


def roles(cursor: Cursor, content: PostgresContent, failures: t.Sequence[Item]) -> Check:
    """The globals artifact brought back every role that owns or uses something.

    ``failures`` is what in it did not work.
    """
    check = Check("structure.globals", "Every role is back", "structure", "passed")
    if content.globals == "none":
        return dataclasses.replace(check, status="skipped", message="the backup was taken without globals")
    known = {row[0] for row in _system_catalog.query(cursor, "select rolname from pg_roles")}
    items = [
        Item(role, "passed" if role in known else "failed", "there", "there" if role in known else "missing", "")
        for role in content.roles
    ]
    return summarised(check, [*items, *failures], "roles")


def indexes(cursor: Cursor) -> Check:
    """Every B-tree index is sound and holds every row (amcheck, ``heapallindexed``)."""
    psycopg2 = import_psycopg2()
    check = Check("structure.indexes", "Every index is sound", "structure", "passed")
    if not _system_catalog.value(cursor, "select exists (select from pg_available_extensions where name = 'amcheck')"):
        return dataclasses.replace(
            check,
            status="skipped",
            message="the extension amcheck is not installed on this host (package postgresql-contrib)",
        )
    cursor.execute("create schema if not exists lifeboat_amcheck")
    cursor.execute("create extension if not exists amcheck schema lifeboat_amcheck")
    schema = _system_catalog.value(
        cursor,
        "select nspname::text from pg_extension e join pg_namespace n on n.oid = extnamespace where extname = "
        "'amcheck'",
    )
    from psycopg2 import sql

    statement = sql.SQL("select {}(%s::regclass, true)").format(sql.Identifier(schema, "bt_index_check"))
    items = []
    for name, oid in _system_catalog.query(cursor, _INDEXES):
        try:
            cursor.execute(statement, (oid,))
            items.append(Item(name, "passed"))
        except psycopg2.Error as error:
            items.append(Item(name, "failed", None, None, error.diag.message_primary or "unsound"))
    return summarised(check, items, "indexes")
