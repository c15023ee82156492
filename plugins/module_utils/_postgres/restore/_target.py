# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Makes the database that a restore fills, and puts it in another one's place.

A restore fills a database that it made itself, under a working name; only when everything is in it does it get its
name. So nothing of a damaged backup ever reaches a database that existed before.
"""

from __future__ import annotations

import contextlib
import threading
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client import _database_sql, _system_catalog
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._codec import carried
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import (
    Connection,
    import_psycopg2,
)

if t.TYPE_CHECKING:
    import psycopg2.extensions
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._content import (
        Database,
        PostgresContent,
        Table,
    )

_NAME_BYTES = 63  # NAMEDATALEN - 1


@contextlib.contextmanager
def cursor_in(connection: Connection) -> t.Iterator[psycopg2.extensions.cursor]:
    """In a session of its own, in autocommit. Raises LifeboatError with the server's reason."""
    psycopg2 = import_psycopg2()
    session = connection.connect()
    try:
        with session.cursor() as cursor:
            yield cursor
    except psycopg2.Error as error:
        raise LifeboatError(
            f"{connection.describe()} refused: {reason_of(error)}", hint="See the server's log."
        ) from None
    finally:
        session.close()


def reason_of(error: t.Any) -> str:
    """The server's own words, without the statement."""
    return str(error.diag.message_primary or str(error).strip())


def maintenance(connection: Connection) -> Connection:
    """The same server, in a database that is there already: ``postgres``, unless the options name another one."""
    return connection.with_database(connection.maintenance_database)


def exists(connection: Connection, name: str) -> bool:
    """Whether the server has a database of this name."""
    with cursor_in(maintenance(connection)) as cursor:
        return bool(
            _system_catalog.value(cursor, "select exists (select from pg_database where datname = %s)", (name,))
        )


def working_name(name: str, word: str, tail: str) -> str:
    """A name for a database beside ``name``, within PostgreSQL's 63 bytes: ``codex_restoring_3f9a2c``."""
    suffix = f"_{word}_{tail}"
    room = _NAME_BYTES - len(suffix)
    return name.encode("utf-8")[:room].decode("utf-8", "ignore") + suffix


def check_server(connection: Connection, content: PostgresContent, *, owners: bool) -> int:
    """The server's major version.

    Refuse one that cannot take this backup: too old, or it misses something. Raises LifeboatError.
    """
    with cursor_in(maintenance(connection)) as cursor:
        server = _system_catalog.server(cursor)
        if server.in_recovery:
            raise LifeboatError(
                f"{connection.describe()} is a standby: it takes no changes.", hint="Restore into the primary."
            )
        if server.major < content.major:
            raise OptionError(
                f"The backup is of PostgreSQL {content.major}, and {connection.describe()} runs {server.major}: it "
                "may not understand it.",
                hint=f"Restore into PostgreSQL {content.major} or newer.",
            )
        if not _system_catalog.value(
            cursor, "select rolcreatedb or rolsuper from pg_roles where rolname = current_user"
        ):
            role = _system_catalog.value(cursor, "select current_user::text")
            raise OptionError(
                f"The role {role} at {connection.describe()} may not create databases, and a restore fills a database "
                "that it made itself.",
                hint=f'Let a superuser run: ALTER ROLE "{role}" CREATEDB;',
            )
        available = {row[0] for row in _system_catalog.query(cursor, "select name from pg_available_extensions")}
        absent = [extension.name for extension in content.extensions if extension.name not in available]
        if absent:
            raise LifeboatError(
                f"The backup uses extensions that are not installed on the host of {connection.describe()}: "
                f"{', '.join(absent)}.",
                hint=(
                    f"Install them (postgresql-contrib, or their own package for PostgreSQL {server.major}). Nothing "
                    "was restored."
                ),
            )
        if owners:
            _check_roles(cursor, connection, content)
        return server.major


def _check_roles(cursor: psycopg2.extensions.cursor, connection: Connection, content: PostgresContent) -> None:
    known = {row[0] for row in _system_catalog.query(cursor, "select rolname from pg_roles")}
    encoding = str(_system_catalog.value(cursor, "select current_setting('server_encoding')"))
    # As bytes: the restored database gives things back in the encoding that the source had.
    missing = [role for role in content.roles if carried(role, content.database.encoding, encoding) not in known]
    if missing:
        raise LifeboatError(
            f"Roles that own or use what is in the backup do not exist at {connection.describe()}: "
            f"{', '.join(missing)}.",
            hint=(
                "Create them (the backup's globals artifact holds them), or restore with owners: false. Nothing has "
                "been restored."
            ),
        )


def usable_tablespaces(connection: Connection) -> set[str]:
    """The tablespaces of the server in which this role may make tables."""
    with cursor_in(connection) as cursor:
        return _system_catalog.usable_tablespaces(cursor)


def is_superuser(connection: Connection) -> bool:
    """Whether this role may do everything."""
    with cursor_in(connection) as cursor:
        return bool(_system_catalog.value(cursor, "select rolsuper from pg_roles where rolname = current_user"))


def untrusted_extensions(connection: Connection) -> set[str]:
    """The extensions that only a superuser may install here."""
    with cursor_in(connection) as cursor:
        rows = _system_catalog.query(
            cursor,
            "select name from pg_available_extension_versions group by name "
            + ("having bool_and(superuser and not trusted)" if cursor.connection.server_version >= 130000 else ""),
        )
        return {row[0] for row in rows}


def dealt_out_tables(connection: Connection) -> set[tuple[str, str]]:
    """Schema and name of all tables under a partitioned one that pg_dump loads through its root."""
    with cursor_in(connection) as cursor:
        return _system_catalog.dealt_out_tables(cursor)


def create(connection: Connection, name: str, like: Database, *, tablespace: str = "") -> Connection:
    """Make an empty database with the encoding and locale of the one that was backed up. Raises LifeboatError."""
    psycopg2 = import_psycopg2()
    from psycopg2 import sql

    options = [
        sql.SQL("template template0 encoding {} lc_collate {} lc_ctype {}").format(
            sql.Literal(like.encoding), sql.Literal(like.collate), sql.Literal(like.ctype)
        )
    ]
    if like.locale_provider == "i":
        options.append(sql.SQL("locale_provider icu icu_locale {}").format(sql.Literal(like.icu_locale)))
    elif like.locale_provider == "b":
        options.append(sql.SQL("locale_provider builtin builtin_locale {}").format(sql.Literal(like.icu_locale)))
    if tablespace:
        options.append(sql.SQL("tablespace {}").format(sql.Identifier(tablespace)))
    with cursor_in(maintenance(connection)) as cursor:
        try:
            cursor.execute(sql.SQL("create database {} {}").format(sql.Identifier(name), sql.SQL(" ").join(options)))
        except psycopg2.Error as error:
            raise LifeboatError(
                f"The database {name} could not be made at {connection.describe()}: {str(error).strip()}",
                hint=(
                    f"The backup needs the locale {like.collate} with {like.encoding}; install it (package locales) "
                    "if it is missing."
                ),
            ) from None
    return connection.with_database(name)


def drop(connection: Connection, name: str) -> None:
    """Drop a database that a restore made, with the sessions in it."""
    from psycopg2 import sql

    with cursor_in(maintenance(connection)) as cursor:
        found = _system_catalog.query(
            cursor,
            """select datistemplate, exists (select from pg_subscription where subdbid = d.oid)
               from pg_database d where datname = %s""",
            (name,),
        )
        for is_template, has_subscriptions in found:
            if has_subscriptions:
                _drop_subscriptions(connection.with_database(name))
            if is_template:
                cursor.execute(sql.SQL("alter database {} is_template false").format(sql.Identifier(name)))
        _end_sessions(cursor, name)
        cursor.execute(sql.SQL("drop database if exists {}").format(sql.Identifier(name)))


def is_empty(connection: Connection) -> bool:
    """Whether nothing has ever been made in this database: what CREATE DATABASE copies has low oids."""
    with cursor_in(connection) as cursor:
        catalogs = ("pg_class", "pg_proc", "pg_type", "pg_namespace", "pg_extension", "pg_largeobject_metadata")
        found = " or ".join(f"exists (select from {catalog} where oid >= 16384)" for catalog in catalogs)
        return not _system_catalog.value(cursor, f"select {found}")


def _drop_subscriptions(connection: Connection) -> None:
    """A database that has one cannot be dropped. The publisher is not asked: its slot belongs to the source."""
    from psycopg2 import sql

    with cursor_in(connection) as cursor:
        names = _system_catalog.query(
            cursor,
            "select subname from pg_subscription where subdbid = "
            "(select oid from pg_database where datname = current_database())",
        )
        for (name,) in names:
            for words in ("alter subscription {} disable", "alter subscription {} set (slot_name = none)"):
                cursor.execute(sql.SQL(words).format(sql.Identifier(name)))
            cursor.execute(sql.SQL("drop subscription {}").format(sql.Identifier(name)))


def rename(connection: Connection, old: str, new: str) -> None:
    """Give a database its final name."""
    from psycopg2 import sql

    with cursor_in(maintenance(connection)) as cursor:
        _end_sessions(cursor, old)
        cursor.execute(sql.SQL("alter database {} rename to {}").format(sql.Identifier(old), sql.Identifier(new)))


def swap(connection: Connection, restored: str, name: str, kept: str) -> None:
    """Put ``restored`` in the place of ``name``, which is kept as ``kept``: both names change in one transaction, or
    neither.

    The restored database gets the owner, the grants, the connection limit and the roles' own settings of the one that
    it replaces; they belong to the place, not to the content. Sessions in the old database are ended. Raises
    LifeboatError; then everything is as it was.
    """
    psycopg2 = import_psycopg2()
    from psycopg2 import sql

    _take_over(connection, name, restored)
    done = threading.Event()
    refused: list[str] = []
    ender = threading.Thread(
        target=_keep_ending_sessions, args=(connection, (name, restored), done, refused), name="end sessions"
    )
    session = maintenance(connection).connect()
    try:
        with session.cursor() as cursor:
            cursor.execute("begin")
            # ALTER DATABASE first locks the database, so that nobody gets in any more, and then waits for five seconds
            # for those who are in to go. So they are ended while it waits, and no flag is left set when this process is
            # killed in between.
            ender.start()
            cursor.execute(sql.SQL("alter database {} rename to {}").format(sql.Identifier(name), sql.Identifier(kept)))
            cursor.execute(
                sql.SQL("alter database {} rename to {}").format(sql.Identifier(restored), sql.Identifier(name))
            )
            cursor.execute("commit")
    except psycopg2.Error as error:
        reasons = "; ".join([reason_of(error), *refused[:1]])
        raise LifeboatError(
            f"The databases {name} and {restored} could not change places: {reasons}. {name} is as it was.",
            hint=f"End the sessions that hold {name} open, and run the task again.",
        ) from None
    finally:
        session.close()
        done.set()
        if ender.ident is not None:
            ender.join()


def _take_over(connection: Connection, old: str, new: str) -> None:
    """Give the new database what the old one has and no dump of its content holds. Raises LifeboatError."""
    psycopg2 = import_psycopg2()
    with cursor_in(beside(connection, new)) as cursor:
        replaced = _system_catalog.database(cursor, cursor.connection.server_version, old)
        role = _system_catalog.value(cursor, "select current_user::text")
        if replaced.connection_limit == -1:
            cursor.execute(f"alter database {_database_sql.quoted(new)} connection limit -1")
        for statement in _database_sql.place(replaced, new):
            if statement.owner == role:  # it made the new database, so that is its owner already
                continue
            try:
                cursor.execute(statement.sql)
            except psycopg2.errors.InsufficientPrivilege:
                if not statement.sql.startswith("ALTER ROLE"):
                    raise  # a role that may restore may still not change other roles


def beside(connection: Connection, name: str) -> Connection:
    """From where what belongs to the database ``name`` is set: another one, or itself where its encoding is another.

    Names of roles and comments on databases are stored as the bytes of whoever writes them.
    """
    place = maintenance(connection)
    with cursor_in(place) as cursor:
        same = "select encoding = (select encoding from pg_database where datname = current_database()) "
        rows = _system_catalog.query(cursor, f"{same} from pg_database where datname = %s", (name,))
    return place if not rows or rows[0][0] else connection.with_database(name)


def _keep_ending_sessions(
    connection: Connection, names: t.Sequence[str], done: threading.Event, refused: list[str]
) -> None:
    """End the sessions in these databases until told otherwise; why one could not be ended goes into ``refused``."""
    try:
        with cursor_in(maintenance(connection)) as cursor:
            while not done.is_set():
                for name in names:
                    _end_sessions(cursor, name)
                done.wait(0.1)
    except LifeboatError as error:
        refused.append(error.message)


def _end_sessions(cursor: psycopg2.extensions.cursor, name: str) -> None:
    """End the clients' sessions; a worker of autovacuum gives way by itself, and only a superuser may end it."""
    waiting = (
        ", 5000" if _system_catalog.value(cursor, "select current_setting('server_version_num')::int") >= 140000 else ""
    )
    _system_catalog.query(
        cursor,
        f"select pg_terminate_backend(pid{waiting}) from pg_stat_activity "
        "where datname = %s and pid <> pg_backend_pid() and backend_type = 'client backend'",
        (name,),
    )


def delete_one_row(connection: Connection, table: Table) -> None:
    """Delete one row, whatever keys and triggers say. Only for a scratch database. Raises LifeboatError."""
    # Quoted here: a name that is no text passes through psycopg2 as a statement, and not as an Identifier.
    name = ".".join('"' + part.replace('"', '""') + '"' for part in (table.schema, table.name))
    with cursor_in(connection) as cursor:
        cursor.execute("set session_replication_role = replica")
        only = "" if table.kind == "partitioned table" else "only "
        cursor.execute(
            f"delete from {only}{name} where (tableoid, ctid) = (select tableoid, ctid from {only}{name} limit 1)"
        )
        if cursor.rowcount != 1:
            raise LifeboatError(f"No row of {table.qualified_name} could be deleted in the scratch cluster.")
