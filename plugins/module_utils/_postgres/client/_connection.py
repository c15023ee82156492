# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""How to reach a database: one set of libpq parameters for psycopg2 and for PostgreSQL's own programs.

An argument list is visible to everybody on the host. So it has only the parameters that are known to be no secrets;
the password travels in the child's environment (``PGPASSWORD``), and whatever else there is in a service file that has
no name (``_launch.py``).
"""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import (
    LifeboatError,
    OptionError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._core._libraries import load_library
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._codec import let_psycopg2_read_bytes

if t.TYPE_CHECKING:
    import psycopg2.extensions

APPLICATION_NAME = "lifeboat"
# The parameters of libpq 12 to 18 that may be seen. What a later libpq adds is taken for a secret until it stands here.
PUBLIC_PARAMETERS = frozenset([
    "application_name", "channel_binding", "client_encoding", "connect_timeout", "dbname",
    "fallback_application_name", "gssdelegation", "gssencmode", "gsslib", "host", "hostaddr", "keepalives",
    "keepalives_count", "keepalives_idle", "keepalives_interval", "krbsrvname", "load_balance_hosts",
    "max_protocol_version", "min_protocol_version", "options", "port", "replication", "require_auth",
    "requirepeer", "service", "ssl_max_protocol_version", "ssl_min_protocol_version", "sslcert", "sslcertmode",
    "sslcompression", "sslcrl", "sslcrldir", "sslkey", "sslmode", "sslnegotiation", "sslrootcert", "sslsni",
    "target_session_attrs", "tcp_user_timeout", "user",
])  # fmt: skip
_IN_ENVIRONMENT = {"password": "PGPASSWORD", "passfile": "PGPASSFILE"}
SERVICE = "lifeboat"  # the section of the service file
_LOGIN_OPTIONS = {  # as community.postgresql names them → libpq's keyword
    "login_host": "host",
    "login_unix_socket": "host",
    "login_port": "port",
    "login_user": "user",
    "login_password": "password",
    "login_db": "dbname",
    "ssl_mode": "sslmode",
    "ca_cert": "sslrootcert",
    "ssl_cert": "sslcert",
    "ssl_key": "sslkey",
}
# What a session of ours must not inherit from the role or the database: it would stop a long backup, change how values
# look, or change what a statement of ours means.
SESSION_SETTINGS = {
    "statement_timeout": "0",  # the first: it would end the others
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    "standard_conforming_strings": "on",
    "backslash_quote": "safe_encoding",
    "escape_string_warning": "off",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "quote_all_identifiers": "off",
    # A commit of ours neither waits for a synchronous standby that may be gone, for ever and whatever statement_timeout
    # says, nor is called one before it is on the disk.
    "synchronous_commit": "local",
    "row_security": "off",  # rows that a policy hides are an error, never left out
    "synchronize_seqscans": "off",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "xmloption": "content",
    "search_path": "pg_catalog",
}


# What would end a program of PostgreSQL too early, or change what values look like or mean to it, and is not set by the
# program itself: pg_dump's are in setup_connection of pg_dump.c, pg_restore's in _doSetFixedOutputState of
# pg_backup_archiver.c.
PROGRAM_SETTINGS = {
    "statement_timeout": "0",
    "lock_timeout": "0",
    "transaction_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    "standard_conforming_strings": "on",
    "backslash_quote": "safe_encoding",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "quote_all_identifiers": "off",
    "bytea_output": "hex",
    "xmloption": "content",
    "IntervalStyle": "postgres",
    "client_min_messages": "notice",
}
_TRIES = 50
_Answer = t.TypeVar("_Answer")
_POOLER_TURNS = 20


class Connection:
    """The parameters of connections to one database.

    ``identity`` is the account that PostgreSQL's own programs run as, as ``Program`` takes it; the task's where empty.
    """

    def __init__(
        self,
        parameters: t.Mapping[str, t.Any],
        *,
        identity: t.Mapping[str, t.Any] | None = None,
        maintenance_database: str = "postgres",
    ) -> None:
        self.identity = dict(identity or {})
        self.maintenance_database = maintenance_database  # from which others are made, renamed and dropped
        self.parameters = {key: str(value) for key, value in parameters.items() if value not in (None, "")}
        if self.private and ("service" in self.parameters or "PGSERVICE" in os.environ):
            raise OptionError(
                f"{', '.join(sorted(self.private))}: this would travel to PostgreSQL's programs in a service file, and "
                "the connection has a service already.",
                hint="Put it into the service file that has the service, readable by its owner alone.",
            )

    @property
    def private(self) -> dict[str, str]:
        """The parameters that are perhaps secrets, and have no place in the environment."""
        hidden = PUBLIC_PARAMETERS | set(_IN_ENVIRONMENT)
        return {key: value for key, value in self.parameters.items() if key not in hidden}

    @property
    def database(self) -> str:
        """The database's name, as far as the options and the environment tell."""
        return (
            self.parameters.get("dbname")
            or os.environ.get("PGDATABASE")
            or self.parameters.get("user")
            or os.environ.get("PGUSER", "")
        )

    def with_database(self, name: str) -> Connection:
        """The same server and role, another database."""
        return self._changed(dbname=name)

    def with_role(self, name: str) -> Connection:
        """The same server and database, another role."""
        return self._changed(user=name)

    def _changed(self, **parameters: str) -> Connection:
        return Connection(
            {**self.parameters, **parameters},
            identity=self.identity,
            maintenance_database=self.maintenance_database,
        )

    def describe(self) -> str:
        """How people call it, without secrets: ``user@host:port/database``."""
        host = self.parameters.get("host") or os.environ.get("PGHOST") or "local socket"
        port = self.parameters.get("port") or os.environ.get("PGPORT") or "5432"
        user = self.parameters.get("user") or os.environ.get("PGUSER") or ""
        return f"{user + '@' if user else ''}{host}:{port}/{self.database}"

    def conninfo(self, program: str = "") -> str:
        """A libpq connection string without secrets, safe in an argument list.

        The server shows the program's name beside ours.
        """
        public = {key: value for key, value in self.parameters.items() if key in PUBLIC_PARAMETERS}
        if self.private:
            public["service"] = SERVICE
        public.setdefault("application_name", f"{APPLICATION_NAME} {program}".strip())
        return " ".join(f"{key}={quoted(value)}" for key, value in public.items())

    def environment(self) -> dict[str, str]:
        """The environment for PostgreSQL's own programs."""
        # Without PGCLIENTENCODING pg_dump writes in the database's own encoding.
        environment = {key: value for key, value in os.environ.items() if key != "PGCLIENTENCODING"}
        environment["LC_MESSAGES"] = "C"
        environment["PGTZ"] = "UTC"  # a time with zone looks the same from every server, so its hash is the same, too
        for key, name in _IN_ENVIRONMENT.items():
            if key in self.parameters:
                environment[name] = self.parameters[key]
        return environment

    def connect(self, *, autocommit: bool = True, timeout_seconds: int = 15) -> psycopg2.extensions.connection:
        """A session with settings pinned, so that values look the same everywhere.

        Raises LifeboatError with the server's reason.
        """
        library = import_psycopg2()
        let_psycopg2_read_bytes()
        parameters = {"connect_timeout": str(timeout_seconds), "application_name": APPLICATION_NAME, **self.parameters}
        try:
            session = _opened(parameters)
        except (library.OperationalError, UnicodeDecodeError) as error:
            raise LifeboatError(
                f"Cannot connect to PostgreSQL at {self.describe()}: {_first_line(error)}",
                hint="Check host, port, role, password and pg_hba.conf; nothing has been changed.",
            ) from None
        try:
            session.autocommit = True
            self._refuse_pooled_transactions(session, parameters)
            self._settle(session)
            session.autocommit = autocommit
        except LifeboatError:
            session.close()
            raise
        except library.Error as error:
            session.close()
            raise LifeboatError(
                f"A session with PostgreSQL at {self.describe()} cannot be set up: {_first_line(error)}",
                hint="The server's log says more; nothing has been changed.",
            ) from None
        return session

    def _refuse_pooled_transactions(
        self, session: psycopg2.extensions.connection, parameters: t.Mapping[str, str]
    ) -> None:
        """Refuse a pooler that gives a server's session away after each transaction, before anything is set in one.

        A pooler tells a process id of its own. In session mode each of two connections keeps a server process for
        itself; in transaction mode the second one is given what the first one had, or both change.
        """
        first = _server_process(session)
        if first == session.get_backend_pid():
            return
        other = _opened(parameters)
        try:
            other.autocommit = True
            seen = {session: {first}, other: set[int]()}
            for _turn in range(_POOLER_TURNS):
                for each in (other, session):
                    seen[each].add(_server_process(each))
                if seen[session] & seen[other] or max(map(len, seen.values())) > 1:
                    raise LifeboatError(
                        f"{self.describe()} is a connection pooler in transaction mode (such as PgBouncer). A backup "
                        "needs sessions of its own, and what it sets in a pooled one would stay there for the "
                        "application.",
                        hint="Connect to the server itself, or to a pool in session mode. Nothing has been changed.",
                    )
        finally:
            other.close()

    def _settle(self, session: psycopg2.extensions.connection) -> None:
        with session.cursor() as cursor:
            for name, value in SESSION_SETTINGS.items():
                _ask(cursor, "select set_config(%s, %s, false)", (name, value))
            if session.server_version >= 170000:
                cursor.execute("select set_config('transaction_timeout', '0', false)")
        # The database's own encoding, so that the server converts nothing: it would refuse whatever is no text in it,
        # such as the name of a role that was made in a database of another encoding.
        # SQL_ASCII converts nothing either: psycopg2 reads UTF8 in a way of its own, which stops at other bytes.
        own = session.get_parameter_status("server_encoding") or "UTF8"
        wanted = "SQL_ASCII" if own == "UTF8" else own
        if session.encoding.replace("_", "") != wanted.replace("_", ""):
            session.set_client_encoding(wanted)

    def for_programs(self) -> Connection:
        """The same for pg_dump and pg_dumpall, which leave some settings as the role or the database has them.

        The server is asked for nothing where there is nothing to change: a connection pooler may refuse ``options``.
        """
        session = self.connect()
        try:
            with session.cursor() as cursor:
                cursor.execute(
                    "select name, reset_val from pg_settings where name = any(%s) order by 1",
                    (list(PROGRAM_SETTINGS),),
                )
                changed = [name for name, value in cursor.fetchall() if value != PROGRAM_SETTINGS[name]]
        finally:
            session.close()
        if not changed:
            return self
        given = self.parameters.get("options") or os.environ.get("PGOPTIONS", "")
        return self._changed(options=" ".join([given, *(_command_line_option(name) for name in changed)]))


def _server_process(session: psycopg2.extensions.connection) -> int:
    """The server's process that answers now."""
    with session.cursor() as cursor:
        _ask(cursor, "select pg_backend_pid()")
        row = cursor.fetchone()
        return int(row[0]) if row else 0


def _opened(parameters: t.Mapping[str, str]) -> psycopg2.extensions.connection:
    """A connection; psycopg2 asks for something by itself where the DateStyle is not ISO."""
    library = import_psycopg2()
    return _asked_again(lambda: t.cast("psycopg2.extensions.connection", library.connect(**parameters)))


def _ask(cursor: psycopg2.extensions.cursor, sql: str, parameters: t.Sequence[str] | None = None) -> None:
    _asked_again(lambda: cursor.execute(sql, parameters))


def _asked_again(ask: t.Callable[[], _Answer]) -> _Answer:
    """The answer, asked for again where a statement_timeout of a millisecond ends it before it could be lifted."""
    library = import_psycopg2()
    for _attempt in range(_TRIES - 1):
        try:
            return ask()
        except library.errors.QueryCanceled:
            continue
    return ask()


def _command_line_option(name: str) -> str:
    """As libpq's ``options`` takes it: a space within a value has a backslash before it."""
    return f"-c {name}={PROGRAM_SETTINGS[name]}".replace(" ", "\\ ").replace("-c\\ ", "-c ")


def connection_from_options(options: t.Mapping[str, t.Any]) -> Connection:
    """The connection that the module's options describe: ``dsn``, or the ``login_*`` family, over libpq's environment
    and service files.

    Raises OptionError naming the option.
    """
    parameters: dict[str, t.Any] = {}
    if options.get("dsn"):
        parameters.update(parse_dsn("dsn", options["dsn"]))
    for option, keyword in _LOGIN_OPTIONS.items():
        if options.get(option) not in (None, ""):
            parameters[keyword] = options[option]
    parameters.update(options.get("connect_params") or {})
    return Connection(parameters)


def parse_dsn(option: str, dsn: str) -> dict[str, str]:
    """The libpq parameters of a URI or of a ``key=value`` string.

    Raises OptionError, without showing the value: it may hold a password.
    """
    psycopg2 = import_psycopg2()
    from psycopg2.extensions import parse_dsn as parsed

    try:
        parameters = dict(parsed(dsn))
        reason = _misread(dsn, parameters)
    except psycopg2.ProgrammingError as error:
        reason = _without_values(_first_line(error)) or "its form is wrong"
    if reason:
        raise OptionError(
            f"{option} is not a connection string that libpq understands ({reason}).",
            hint="Write postgresql://user@host:5432/database?sslmode=require; characters such as @ / : ? # % in a "
            "password must be "
            "percent-encoded (use the urlencode filter), or use login_password.",
        )
    return parameters


def _misread(dsn: str, parameters: t.Mapping[str, str]) -> str:
    """Why a URI does not mean what libpq takes it for: parts of a password in other places, where an error would show
    them.
    """
    if "://" not in dsn:
        return ""
    if dsn.count("@") > 1 or ("@" in parameters.get("dbname", "") and "%40" not in dsn):
        return "it has an @ in the wrong place"
    return "" if re.fullmatch(r"[0-9,]*", parameters.get("port", "")) else "its port is not a number"


def import_psycopg2() -> t.Any:
    """The library, or MissingRequirementError saying how to get it."""
    return load_library("psycopg2", "PostgreSQL")


def quoted(value: str) -> str:
    """The value as it stands in a connection string (libpq, "Keyword/Value Connection Strings")."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _without_values(text: str) -> str:
    """The text up to what it repeats, in double quotes, of a connection string: any part of that may be a part of a
    password.
    """
    return text.replace('"="', "=").partition('"')[0].rstrip(" :")
