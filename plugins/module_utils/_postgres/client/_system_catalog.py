# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Reads PostgreSQL's system catalogs: what is in a database, what a role may see, where it runs. Versions 12 to 18.

Every function takes an open cursor and runs in that cursor's transaction, so inside an exported snapshot it shows the
snapshot.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._content import (
    Collation,
    Database,
    Extension,
    Grant,
    RoleSetting,
    Sequence,
)

if t.TYPE_CHECKING:
    import psycopg2.extensions

KINDS = {"r": "table", "p": "partitioned table", "m": "materialized view", "f": "foreign table"}
RESTORED = "Restored by lifeboat.dr from "
"""How the last line of a restored database's comment begins."""
_RESTORED_MARK = re.compile(rf"(?:\n\n)?^{RESTORED}[^\n]*\Z", re.MULTILINE)
# Not PostgreSQL's own, not temporary, and not made by an extension, which makes them again.
_USER_OBJECTS = """
    n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid
    and d.deptype = 'e')
"""

_SEQUENCES_AT_A_TIME = 500
_READABLE = "has_table_privilege(c.oid, 'select') and has_schema_privilege(n.oid, 'usage')"


@dataclasses.dataclass(frozen=True)
class Relation:
    """A table of whatever kind."""

    oid: int
    schema: str
    name: str
    kind: str  # one of KINDS' values
    bytes: int  # on disk, without indexes
    readable: bool
    filtered: bool  # row-level security would hide rows from this role
    elsewhere: bool = False  # unlogged, on a server that recovers: only its primary has the rows

    @property
    def qualified_name(self) -> str:
        """``schema.name``, without quotes."""
        return f"{self.schema}.{self.name}"


@dataclasses.dataclass(frozen=True)
class Server:
    """Where a database runs, and its position in the write-ahead log."""

    version: str
    version_num: int
    system_identifier: str
    timeline: int
    in_recovery: bool
    lsn: str

    @property
    def major(self) -> int:
        """The major version, such as 15."""
        return self.version_num // 10000


def query(
    cursor: psycopg2.extensions.cursor, sql: str, parameters: t.Sequence[t.Any] | t.Mapping[str, t.Any] = ()
) -> list[tuple[t.Any, ...]]:
    """The rows of a query."""
    cursor.execute(sql, parameters or None)
    return cursor.fetchall()


def value(cursor: psycopg2.extensions.cursor, sql: str, parameters: t.Sequence[t.Any] = ()) -> t.Any:
    """The only value of a query."""
    return query(cursor, sql, parameters)[0][0]


def server(cursor: psycopg2.extensions.cursor) -> Server:
    """Where this session runs."""
    version, number, recovering = query(
        cursor,
        "select current_setting('server_version'), current_setting('server_version_num')::int, pg_is_in_recovery()",
    )[0]
    lsn = value(
        cursor,
        "select coalesce(pg_last_wal_replay_lsn()::text, '0/0')" if recovering else "select pg_current_wal_lsn()::text",
    )
    # A role without pg_monitor may not call these two functions; the backup is as good without them.
    allowed = value(
        cursor,
        "select has_function_privilege('pg_control_system()', 'execute') and "
        "has_function_privilege('pg_control_checkpoint()', 'execute')",
    )
    identifier, timeline = ("", 0)
    if allowed:
        identifier, timeline = query(
            cursor,
            "select (select system_identifier::text from pg_control_system()), (select timeline_id from "
            "pg_control_checkpoint())",
        )[0]
    return Server(version, number, identifier, timeline, recovering, lsn)


def database(cursor: psycopg2.extensions.cursor, version_num: int, name: str = "") -> Database:
    """The properties of this database, or of the one that this session is in."""
    provider, icu_locale = "'c'", "''"
    if version_num >= 150000:
        provider = "datlocprovider::text"
        icu_locale = "coalesce(datlocale, '')" if version_num >= 170000 else "coalesce(daticulocale, '')"
    row = query(
        cursor,
        f"""select replace(datname::text, '\\', '\\\\')::bytea,
            case when has_database_privilege(d.oid, 'connect') then pg_database_size(d.oid) else 0 end,
            pg_encoding_to_char(encoding), datcollate, datctype, {provider}, {icu_locale},
            (select coalesce(array_agg(c order by c), '{{}}') from pg_db_role_setting s, unnest(s.setconfig) c
             where s.setdatabase = d.oid and s.setrole = 0),
            d.oid::int8, pg_get_userbyid(datdba)::text, datacl is null, datconnlimit,
            coalesce(shobj_description(d.oid, 'pg_database'), ''), datistemplate,
            (select spcname::text from pg_tablespace t where t.oid = dattablespace and spcname <> 'pg_default'),
            (select coalesce(array_agg(provider order by provider), '{{}}') from pg_shseclabel
             where objoid = d.oid and classoid = 'pg_database'::regclass)
            from pg_database d where datname = {"%s" if name else "current_database()"}""",
        (name,) if name else (),
    )[0]
    (raw_name, size, encoding, collate, ctype, locale_provider, locale, settings) = row[:8]
    oid, owner, default_grants, limit, comment, is_template, tablespace, labels = row[8:]
    return Database(
        # The name has the encoding of whoever made the database, not this one's; as its bytes it can be connected to.
        bytes(raw_name).decode("utf-8", "surrogateescape"),
        size,
        encoding,
        collate,
        ctype,
        locale_provider,
        locale,
        tuple(settings),
        role_settings=_role_settings(cursor, oid),
        owner=owner,
        grants=_database_grants(cursor, oid),
        default_grants=default_grants,
        connection_limit=limit,
        comment=_RESTORED_MARK.sub("", comment),
        is_template=is_template,
        tablespace=tablespace or "",
        labels=tuple(labels),
    )


def _role_settings(cursor: psycopg2.extensions.cursor, database_oid: int) -> tuple[RoleSetting, ...]:
    rows = query(
        cursor,
        """select pg_get_userbyid(setrole)::text, c from pg_db_role_setting, unnest(setconfig) c
           where setdatabase = %s::int8::oid and setrole <> 0 order by 1, 2""",
        (database_oid,),
    )
    return tuple(RoleSetting(*row) for row in rows)


def _database_grants(cursor: psycopg2.extensions.cursor, database_oid: int) -> tuple[Grant, ...]:
    rows = query(
        cursor,
        """select coalesce(case when a.grantee <> 0 then pg_get_userbyid(a.grantee)::text end, ''), a.privilege_type,
           a.is_grantable from pg_database d, aclexplode(d.datacl) a where d.oid = %s::int8::oid""",
        (database_oid,),
    )
    return tuple(Grant(*row) for row in rows)


def relations(cursor: psycopg2.extensions.cursor) -> list[Relation]:
    """Every table of every kind, by name."""
    rows = query(
        cursor,
        f"""select c.oid::int8, n.nspname, c.relname, c.relkind::text, pg_table_size(c.oid),
            {_READABLE},
            c.relrowsecurity and row_security_active(c.oid), c.relpersistence = 'u' and pg_is_in_recovery()
            from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where c.relkind in ('r', 'p', 'm', 'f') and c.relpersistence <> 't' and {_USER_OBJECTS}
            order by 2, 3""",
    )
    return [
        Relation(oid, schema, name, KINDS[kind], size or 0, readable, filtered, elsewhere)
        for oid, schema, name, kind, size, readable, filtered, elsewhere in rows
    ]


def sequences(cursor: psycopg2.extensions.cursor) -> tuple[Sequence, ...]:
    """Every sequence that this role may read, and this server: one that recovers has no unlogged ones."""
    rows = query(
        cursor,
        f"""select n.nspname, c.relname, pg_sequence_last_value(c.oid), s.seqincrement,
            format('%I.%I', n.nspname, c.relname)
            from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_sequence s on s.seqrelid = c.oid
            where c.relkind = 'S' and c.relpersistence <> 't' and {_READABLE} and {_USER_OBJECTS}
            and not (c.relpersistence = 'u' and pg_is_in_recovery()) order by 1, 2""",
    )
    uncalled = _uncalled(cursor, [row[4] for row in rows if row[2] is None])
    return tuple(
        Sequence(schema, name, uncalled[place] if last is None else last, increment, last is not None)
        for schema, name, last, increment, place in rows
    )


def _uncalled(cursor: psycopg2.extensions.cursor, places: t.Sequence[str]) -> dict[str, int]:
    """The value that each of these sequences holds, which gives it next.

    pg_sequence_last_value gives NULL for one that has not given its value yet, whatever setval(..., false) has set.
    """
    found: dict[str, int] = {}
    for start in range(0, len(places), _SEQUENCES_AT_A_TIME):
        some = places[start : start + _SEQUENCES_AT_A_TIME]
        parts = (f"select {number}, last_value from {place}" for number, place in enumerate(some))
        cursor.execute(" union all ".join(parts))
        found.update({some[number]: value for number, value in cursor.fetchall()})
    return found


def unreadable_sequences(cursor: psycopg2.extensions.cursor) -> list[str]:
    """Sequences whose value this role may not read."""
    rows = query(
        cursor,
        f"""select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where c.relkind = 'S' and c.relpersistence <> 't' and not ({_READABLE}) and {_USER_OBJECTS} order by 1""",
    )
    return [row[0] for row in rows]


def extensions(cursor: psycopg2.extensions.cursor) -> tuple[Extension, ...]:
    """Every installed extension but plpgsql, which each database has."""
    rows = query(
        cursor,
        """select extname, extversion, nspname from pg_extension e join pg_namespace n on n.oid = extnamespace
           where extname <> 'plpgsql' order by 1""",
    )
    return tuple(Extension(*row) for row in rows)


def collations(cursor: psycopg2.extensions.cursor, version_num: int) -> tuple[Collation, ...]:
    """The collations that user tables use, and the database's own, with the library's version where the server records
    it.
    """
    rows = query(
        cursor,
        f"""select distinct cn.nspname || '.' || co.collname, coalesce(co.collversion, '')
            from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
            join pg_collation co on co.oid = a.attcollation join pg_namespace cn on cn.oid = co.collnamespace
            where a.attnum > 0 and not a.attisdropped and co.collname not in ('default', 'C', 'POSIX')
            and {_USER_OBJECTS} order by 1""",
    )
    own = ""
    if version_num >= 150000:
        own = value(cursor, "select coalesce(datcollversion, '') from pg_database where datname = current_database()")
    return (Collation("database default", own), *(Collation(*row) for row in rows))


def involved_roles(cursor: psycopg2.extensions.cursor) -> tuple[str, ...]:
    """Roles that own something in this database, or were granted something in it: without them a restore cannot give
    things back.
    """
    rows = query(
        cursor,
        """select distinct rolname from pg_shdepend s join pg_roles r on r.oid = s.refobjid
           where s.refclassid = 'pg_authid'::regclass and s.deptype in ('o', 'a', 'r')
           and s.dbid = (select oid from pg_database where datname = current_database())
           union select distinct pg_get_userbyid(c.relowner) from pg_class c
           join pg_namespace n on n.oid = c.relnamespace
           where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' order by 1""",
    )
    return tuple(row[0] for row in rows)


def large_object_count(cursor: psycopg2.extensions.cursor) -> int:
    """How many large objects there are."""
    return int(value(cursor, "select count(*) from pg_largeobject_metadata"))


def large_object_bytes(cursor: psycopg2.extensions.cursor) -> int:
    """The room that all large objects take."""
    return int(value(cursor, "select pg_table_size('pg_largeobject')"))


def usable_tablespaces(cursor: psycopg2.extensions.cursor) -> set[str]:
    """The tablespaces in which this role may make tables."""
    rows = query(cursor, "select spcname from pg_tablespace where has_tablespace_privilege(oid, 'create')")
    return {row[0] for row in rows}


def named_tablespaces(cursor: psycopg2.extensions.cursor) -> tuple[str, ...]:
    """The tablespaces of this database's tables and indexes, without the database's own."""
    rows = query(
        cursor,
        f"""select distinct t.spcname from pg_class c join pg_namespace n on n.oid = c.relnamespace
            join pg_tablespace t on t.oid = c.reltablespace where {_USER_OBJECTS} order by 1""",
    )
    return tuple(row[0] for row in rows)


def dealt_out_tables(cursor: psycopg2.extensions.cursor) -> set[tuple[str, str]]:
    """Schema and name of the tables in a tree of partitions that is divided by the hash of an enum somewhere.

    The condition is pg_dump's own (``getPartitioningInfo`` in ``pg_dump.c``).
    """
    rows = query(
        cursor,
        """select n.nspname, c.relname from pg_partitioned_table p
           cross join lateral pg_partition_tree(pg_partition_root(p.partrelid)) tree
           join pg_class c on c.oid = tree.relid join pg_namespace n on n.oid = c.relnamespace
           where exists (select from pg_opclass o join pg_am a on a.oid = o.opcmethod
             where o.oid = any(p.partclass) and o.opcname = 'enum_ops' and a.amname = 'hash')""",
    )
    return {(str(row[0]), str(row[1])) for row in rows}


def databases(cursor: psycopg2.extensions.cursor) -> list[str]:
    """Every database that takes connections and is no template."""
    return [
        row[0]
        for row in query(cursor, "select datname from pg_database where datallowconn and not datistemplate order by 1")
    ]


def table_changers(cursor: psycopg2.extensions.cursor) -> list[str]:
    """Who holds, or waits for, the one lock that keeps a table of this database from being read, in words.

    It is a change of the table's definition, most of the time.
    """
    rows = query(
        cursor,
        """select distinct a.pid, coalesce(a.usename, ''), l.granted, l.relation::regclass::text, left(a.query, 80)
           from pg_locks l join pg_stat_activity a on a.pid = l.pid join pg_class c on c.oid = l.relation
           where l.locktype = 'relation' and l.mode = 'AccessExclusiveLock' and l.relation >= 16384
           and c.relkind in ('r', 'p', 'm', 'S')
           and l.database = (select oid from pg_database where datname = current_database()) order by 3, 1, 4""",
    )
    return [
        f"process {pid} of {role} {'holds' if granted else 'waits for'} {relation} ({' '.join(statement.split())})"
        for pid, role, granted, relation, statement in rows
    ]
