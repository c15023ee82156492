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
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._content import (
        PostgresContent,
        Sequence,
    )

    Cursor = psycopg2.extensions.cursor

_FOREIGN_KEYS = """
    select format('%s.%s: %s', cn.nspname, ct.relname, c.conname), c.convalidated,
      format('%s%I.%I', case ct.relkind when 'p' then '' else 'only ' end, cn.nspname, ct.relname),
      format('%s%I.%I', case pt.relkind when 'p' then '' else 'only ' end, pn.nspname, pt.relname),
      (select array_agg(quote_ident(a.attname) order by k.n) from unnest(c.conkey) with ordinality k(num, n)
       join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.num),
      (select array_agg(quote_ident(a.attname) order by k.n) from unnest(c.confkey) with ordinality k(num, n)
       join pg_attribute a on a.attrelid = c.confrelid and a.attnum = k.num),
      (select array_agg(format('OPERATOR(%I.%s)', n.nspname, o.oprname) order by k.n)
       from unnest(c.conpfeqop) with ordinality k(oid, n) join pg_operator o on o.oid = k.oid
       join pg_namespace n on n.oid = o.oprnamespace),
      (select array_agg(case when o.oid is null then '' else format(' collate %I.%I', n.nspname, o.collname) end
         order by k.n)
       from unnest(c.confkey) with ordinality k(num, n)
       join pg_attribute a on a.attrelid = c.confrelid and a.attnum = k.num
       left join pg_collation o on o.oid = a.attcollation left join pg_namespace n on n.oid = o.collnamespace)
    from pg_constraint c
    join pg_class ct on ct.oid = c.conrelid join pg_namespace cn on cn.oid = ct.relnamespace
    join pg_class pt on pt.oid = c.confrelid join pg_namespace pn on pn.oid = pt.relnamespace
    where c.contype = 'f' and c.conparentid = 0 order by 1
"""
# Without tables whose rows, or some of them, are on another server: a proof never reaches out to it. And without views,
# which a sequence may be owned by: to ask one is to run whatever its owner wrote.
_OWNED_SEQUENCES = """
    with recursive below (top, oid) as (
      select oid, oid from pg_class where relkind in ('r', 'p', 'f')
      union select b.top, i.inhrelid from below b join pg_inherits i on i.inhparent = b.oid
    ), remote as (
      select distinct b.top as oid from below b join pg_class c on c.oid = b.oid where c.relkind = 'f'
    )
    select format('%s.%s', sn.nspname, s.relname), format('%s.%s.%s', tn.nspname, tc.relname, a.attname),
      format('%I', a.attname), format('%I.%I', tn.nspname, tc.relname), q.seqincrement > 0,
      case when tc.oid in (select oid from remote) then 'rows of the table are on another server'
        when tc.relkind not in ('r', 'p') then 'it is a column of a view' else '' end
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
    select n.nspname || '.' || c.relname, c.oid, i.indisvalid from pg_index i join pg_class c on c.oid = i.indexrelid
    join pg_namespace n on n.oid = c.relnamespace join pg_am m on m.oid = c.relam
    where m.amname = 'btree' and c.relkind = 'i' and c.relpersistence <> 't'
      and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' order by 1
"""


def question(name: str) -> Check:
    """What a question about the structure is called where it could not be asked."""
    titles = {
        "sequences": "No sequence will give a number twice",
        "extensions": "Every extension is back",
        "globals": "Every role is back",
        "collations": "Text sorts as it did",
        "foreign_keys": "No row points to nothing",
        "indexes": "Every index is sound",
    }
    return Check(f"structure.{name}", titles[name], "structure", "passed")


def foreign_keys(cursor: Cursor) -> Check:
    """Look for rows that point to nothing, by anti-join: validating a valid constraint again is a no-op that finds
    none.
    """
    items = []
    for name, valid, child, parent, columns, others, operators, collations in _system_catalog.query(
        cursor, _FOREIGN_KEYS
    ):
        equal = [
            f"p.{other} {operator} c.{column}{collation}"
            for column, other, operator, collation in zip(columns, others, operators, collations)
        ]
        orphans = _orphans(cursor, child, parent, columns, equal)
        status: CheckStatus = "passed" if not orphans else "failed" if valid else "skipped"
        words = (
            ""
            if not orphans
            else f"{orphans} rows point to nothing"
            + ("" if valid else "; the constraint is NOT VALID at the source too")
        )
        items.append(Item(name, status, 0, orphans, words))
    return summarised(
        Check("structure.foreign_keys", "No row points to nothing", "structure", "passed"), items, "foreign keys"
    )


def _orphans(cursor: Cursor, child: str, parent: str, columns: t.Sequence[str], equal: t.Sequence[str]) -> int:
    """How many rows of the child point to nothing, by the constraint's own operators and the referenced columns'
    collations, as PostgreSQL itself compares them (``ri_GenerateQual``): ``=`` of citext is not that of text.

    All names have been quoted by the server.
    """
    present = " and ".join(f"c.{column} is not null" for column in columns)
    return int(
        _system_catalog.value(
            cursor,
            f"select count(*) from {child} c where {present} "
            f"and not exists (select from {parent} p where {' and '.join(equal)})",
        )
    )


def sequences(cursor: Cursor, content: PostgresContent) -> Check:
    """No sequence may be behind the one that was backed up, nor behind the column that it feeds: else the next insert
    fails.
    """
    restored = {sequence.qualified_name: sequence for sequence in _system_catalog.sequences(cursor)}
    items = []
    for expected in content.sequences:
        found = restored.get(expected.qualified_name)
        if found is None:
            words, observed = "the sequence is not there", None
        else:
            ahead, observed = (found.next_value - expected.next_value) * expected.increment >= 0, found.next_value
            words = (
                "" if ahead else f"behind the backup: it would give {found.next_value} next, not {expected.next_value}"
            )
        items.append(
            Item(expected.qualified_name, "failed" if words else "passed", expected.next_value, observed, words)
        )
    items += _behind_their_column(cursor, restored)
    return summarised(
        Check("structure.sequences", "No sequence will give a number twice", "structure", "passed"), items, "sequences"
    )


def _behind_their_column(cursor: Cursor, restored: t.Mapping[str, Sequence]) -> list[Item]:
    items = []
    for name, fed, column, table, ascending, unread in _system_catalog.query(cursor, _OWNED_SEQUENCES):
        place = f"{name} for {fed}"
        following = restored[name].next_value if name in restored else None
        if unread or following is None:
            words = f"its column was not read: {unread}" if unread else "not asked"
            items.append(Item(place, "skipped", None, following, words))
            continue
        extreme = "max" if ascending else "min"
        used = _system_catalog.value(cursor, f"select pg_catalog.{extreme}({column}) from {table}")
        if used is not None and (following <= used if ascending else following >= used):
            items.append(Item(place, "skipped", used, following, "behind the column's values, as it was at the source"))
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


def collations(cursor: Cursor, content: PostgresContent) -> Check:
    """Every collation is back.

    A logical restore makes the indexes anew, so another library version is told, and is no fault.
    """
    restored = {
        collation.name: collation.version
        for collation in _system_catalog.collations(cursor, cursor.connection.server_version)
    }
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
    # Those alone: the name of another one may be no text in this database's encoding.
    statement = "select rolname::text from pg_roles where rolname = any(%s::name[])"
    known = {row[0] for row in _system_catalog.query(cursor, statement, (list(content.roles),))}
    items = [
        Item(role, "passed" if role in known else "failed", "there", "there" if role in known else "missing", "")
        for role in content.roles
    ]
    return summarised(check, [*items, *failures], "roles")


def indexes(cursor: Cursor, *, invalid: CheckStatus = "failed") -> Check:
    """Every B-tree index is sound and holds every row (amcheck, ``heapallindexed``).

    ``invalid`` is what an index that is not valid makes of its item. A restore by pg_restore leaves none; a copy of the
    data folder has those that the source had.
    """
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
    for name, oid, is_valid in _system_catalog.query(cursor, _INDEXES):
        if not is_valid:
            items.append(Item(name, invalid, None, None, "the index is not valid, so no query uses it"))
            continue
        try:
            cursor.execute(statement, (oid,))
            items.append(Item(name, "passed"))
        except psycopg2.Error as error:
            items.append(Item(name, "failed", None, None, error.diag.message_primary or "unsound"))
    return summarised(check, items, "indexes")
