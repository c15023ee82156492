# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A throw-away PostgreSQL cluster from Debian's packages, under an unprivileged account, on loopback."""

from __future__ import annotations

import contextlib
import dataclasses
import glob
import os
import pathlib
import pwd
import secrets
import signal
import subprocess
import time
import types
import typing as t

import psycopg2
import psycopg2.extensions
from psycopg2 import sql

from tests.lab import throwaway
from tests.lab.throwaway import LabError, MissingPrerequisiteError

_BIN_DIRS = "/usr/lib/postgresql/*/bin"
_ACCOUNT = "postgres"  # Debian's postgresql-common makes it
# Nothing here outlives the test, so nothing has to be safe from a power cut. Dynamic shared memory lies in the data
# folder: what a killed server leaves behind goes away with it, and nothing stays in /dev/shm.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_permissions": "0700",
    "shared_buffers": "128MB",
    "max_connections": "60",
    "max_locks_per_transaction": "256",
    "max_wal_size": "4GB",
    "dynamic_shared_memory_type": "mmap",
    "logging_collector": "off",
    "log_line_prefix": "%m [%p] %q%u@%d/%a ",
    "timezone": "UTC",
}
_NOT_DURABLE = {
    "fsync": "off",
    "full_page_writes": "off",
}  # what is committed still survives ``kill``, which leaves the kernel alone


class PostgresCluster:
    """Use it as a context manager. TCP on a free port of 127.0.0.1 and a Unix socket, both with scram-sha-256.

    ``user`` and ``password`` are the superuser's. ``settings`` go into postgresql.auto.conf as they are. ``encoding``
    and ``locale`` are the cluster's defaults, as initdb takes them. ``hba`` are lines that stand before all others in
    pg_hba.conf. ``major`` asks for one version; without it the newest that is installed is taken. ``programs`` is a
    folder with the programs of a server that is not one of Debian's packages.
    """

    running: t.ClassVar[list[PostgresCluster]] = []  # all of this process
    before_end: t.ClassVar[list[t.Callable[[PostgresCluster, t.Collection[str]], None]]] = []
    """What is done before these databases of a cluster are dropped, or all of them end with it."""

    def __init__(
        self,
        *,
        major: int | None = None,
        settings: t.Mapping[str, str] | None = None,
        encoding: str = "UTF8",
        locale: str = "C.UTF-8",
        data_checksums: bool = True,
        fsync: bool = False,
        user: str = "postgres",
        password: str = "",
        hba: t.Sequence[str] = (),
        base_dir: str = "/var/tmp",
        programs: str = "",
    ) -> None:
        self.bin_dir = pathlib.Path(programs) if programs else bin_dir(major)
        self.major = _major_of(self.bin_dir) if programs else int(self.bin_dir.parent.name)
        self.user = user
        self.password = password or secrets.token_urlsafe(16)
        self.port = 0
        self._settings = {**_SETTINGS, **({} if fsync else _NOT_DURABLE), **(settings or {})}
        self._initdb_options = [
            f"--encoding={encoding}",
            f"--locale={locale}",
            *(["--data-checksums"] if data_checksums else []),
        ]
        self._hba = hba
        self.has_own_settings = bool(settings)
        self._base_dir = base_dir
        self._account = unprivileged_account()
        self._folder: throwaway.Folder | None = None
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> PostgresCluster:
        self._folder = throwaway.Folder("pg", base_dir=self._base_dir, user=self._account)
        try:
            self._initialise()
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        if self._folder is None:
            return
        try:
            if kind is None and self.is_running:
                for work in self.before_end:
                    work(self, self.databases() - {"template1"})
        finally:
            self.stop(signal.SIGQUIT)  # immediate: nothing of it is kept
            _remove_shared_memory(self.data_dir)
            self._folder.remove()
            self._folder = None

    # --- where it is ---

    @property
    def folder(self) -> pathlib.Path:
        """The private folder, which is also where the Unix socket lies."""
        if self._folder is None:
            raise LabError("The cluster is not there: use it inside its `with` block.")
        return pathlib.Path(self._folder.path)

    @property
    def data_dir(self) -> pathlib.Path:
        """PGDATA."""
        return self.folder / "data"

    @property
    def log(self) -> str:
        """All that the server has logged."""
        return (self.folder / "server.log").read_text(encoding="utf-8", errors="replace")

    @property
    def postmaster_pid(self) -> int:
        """The process id of the server."""
        if self._server is None:
            raise LabError("The cluster does not run.")
        return self._server.pid

    def parameters(
        self, dbname: str = "postgres", user: str | None = None, password: str | None = None, *, tcp: bool = True
    ) -> dict[str, str]:
        """libpq's connection parameters, password included; the superuser's where no ``user`` is named."""
        parameters = {
            "host": "127.0.0.1" if tcp else str(self.folder),
            "port": str(self.port),
            "dbname": dbname,
            "user": user or self.user,
        }
        password = self.password if user is None and password is None else password
        return {**parameters, "password": password} if password is not None else parameters

    def dsn(
        self, dbname: str = "postgres", user: str | None = None, password: str | None = None, *, tcp: bool = True
    ) -> str:
        """The same as one libpq connection string of ``key=value`` pairs."""
        return psycopg2.extensions.make_dsn(**self.parameters(dbname, user, password, tcp=tcp))

    # --- what it holds ---

    def connect(
        self,
        dbname: str = "postgres",
        user: str | None = None,
        password: str | None = None,
        *,
        tcp: bool = True,
        autocommit: bool = True,
        **options: t.Any,
    ) -> psycopg2.extensions.connection:
        """A psycopg2 connection, in autocommit mode unless asked otherwise.

        Close it: ``with contextlib.closing(...)``.
        """
        connection: psycopg2.extensions.connection = psycopg2.connect(
            self.dsn(dbname, user, password, tcp=tcp), **options
        )
        connection.autocommit = autocommit
        return connection

    def execute(
        self, statement: str | sql.Composable, parameters: t.Any = None, *, dbname: str = "postgres"
    ) -> list[tuple[t.Any, ...]]:
        """Run SQL as superuser, each statement committed by itself; give the rows of the last one, or none."""
        with contextlib.closing(self.connect(dbname)) as connection, connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def value(self, statement: str | sql.Composable, parameters: t.Any = None, *, dbname: str = "postgres") -> t.Any:
        """The first column of the first row."""
        return self.execute(statement, parameters, dbname=dbname)[0][0]

    def create_database(
        self, name: str, *, owner: str | None = None, encoding: str = "", locale: str = "", template: str = ""
    ) -> str:
        """Make a database, whatever characters its name has.

        Gives the name. Another encoding or locale is made from template0.
        """
        template = template or ("template0" if encoding or locale else "template1")
        words: list[sql.Composable] = [
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        ]
        if owner:
            words.append(sql.SQL("OWNER {}").format(sql.Identifier(owner)))
        for key, value in (("ENCODING", encoding), ("LOCALE", locale)):
            if value:
                words.append(sql.SQL(f"{key} {{}}").format(sql.Literal(value)))
        self.execute(sql.SQL(" ").join(words))
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database if it is there, and end the connections to it."""
        for work in self.before_end:
            work(self, self.databases() & {name})
        self.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def databases(self) -> set[str]:
        """The names of all databases that take connections, template1 too."""
        return {row[0] for row in self.execute("SELECT datname FROM pg_database WHERE datallowconn")}

    def create_role(
        self, name: str, *, password: str | None = None, options: str = "LOGIN", member_of: t.Sequence[str] = ()
    ) -> str:
        """Make a role. ``options`` as CREATE ROLE takes them, for instance ``"LOGIN CREATEDB"``. Gives the name."""
        role = sql.Identifier(name)
        words = sql.SQL("CREATE ROLE {} {}").format(role, sql.SQL(options))
        self.execute(words if password is None else words + sql.SQL(" PASSWORD {}").format(sql.Literal(password)))
        for group in member_of:
            self.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), role))
        return name

    def drop_role(self, name: str) -> None:
        """Drop a role that owns nothing, if it is there."""
        self.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))

    # --- how it lives and dies ---

    def start(self) -> None:
        """Start the server, which may have been stopped or killed, and wait until it takes queries."""
        if self.is_running:
            return
        log = str(self.folder / "server.log")
        self.port = self.port or throwaway.free_port()
        command = [str(self.bin_dir / "postgres"), "-D", str(self.data_dir), "-p", str(self.port)]
        self._server = throwaway.start(command, log=log, user=self._account, cwd=str(self.folder), end_signal="SIGQUIT")
        throwaway.wait_until(self.is_ready, self._server, log, seconds=60)
        self.running.append(self)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server: SIGINT is PostgreSQL's fast shutdown, SIGTERM the smart one, SIGQUIT the immediate one."""
        if self._server is not None:
            throwaway.stop(self._server, how)
            self._server = None
            if self in self.running:
                self.running.remove(self)

    def restart(self) -> None:
        """A fast shutdown and a new start on the same port."""
        self.stop()
        self.start()

    @property
    def is_running(self) -> bool:
        """Whether its process is there: what is tested may have stopped it, too."""
        return self._server is not None and self._server.poll() is None

    def is_ready(self) -> bool:
        """Whether a query is answered."""
        try:
            self.connect(tcp=False, connect_timeout=2).close()
        except psycopg2.OperationalError:
            return False
        return True

    def backend_pids(self, application_name: str = "%", dbname: str = "%") -> list[int]:
        """The server processes of clients whose application_name and database are LIKE these patterns, oldest first."""
        return [
            row[0]
            for row in self.execute(
                "SELECT pid FROM pg_stat_activity WHERE application_name LIKE %s AND datname LIKE %s"
                " AND backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY backend_start, pid",
                (application_name, dbname),
            )
        ]

    def kill_backend(self, pid: int) -> None:
        """kill -9 of one backend: the server then ends all of its sessions and recovers.

        Wait for that with ``wait_ready``.
        """
        if pid not in _children(self.postmaster_pid):
            raise LabError(f"Process {pid} is not a backend of this cluster.")
        os.kill(pid, signal.SIGKILL)
        _wait_for(
            lambda: pid not in _children(self.postmaster_pid)
        )  # reaped: from here on the server refuses until it has recovered

    def kill(self) -> None:
        """kill -9 of the server and of all its processes, as a power cut would. ``start`` recovers it."""
        children = _children(self.postmaster_pid)
        os.kill(self.postmaster_pid, signal.SIGKILL)
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.stop(signal.SIGKILL)
        _wait_for(lambda: not any(_is_alive(pid) for pid in children))

    def wait_ready(self, seconds: float = 30.0) -> None:
        """Wait until a query is answered, for instance after the recovery that a killed backend causes."""
        if self._server is None:
            raise LabError("The cluster does not run.")
        throwaway.wait_until(self.is_ready, self._server, str(self.folder / "server.log"), seconds=seconds)

    def _initialise(self) -> None:
        password_file = self.folder / "password"  # in a folder of mode 0700
        password_file.write_text(f"{self.password}\n", encoding="utf-8")
        command = [
            str(self.bin_dir / "initdb"),
            f"--pgdata={self.data_dir}",
            f"--username={self.user}",
            f"--pwfile={password_file}",
        ]
        command += ["--auth=scram-sha-256", "--no-sync", "--no-instructions", *self._initdb_options]
        done = subprocess.run(
            command,
            capture_output=True,
            check=False,
            cwd=self.folder,
            env=throwaway.base_environment(),
            **throwaway.identity(self._account),
        )
        password_file.unlink()
        if done.returncode:
            raise LabError(f"initdb failed: {done.stderr.decode(errors='replace').strip()}")
        settings = {**self._settings, "unix_socket_directories": str(self.folder)}
        with open(self.data_dir / "postgresql.auto.conf", "a", encoding="utf-8") as file:
            file.writelines("{} = '{}'\n".format(name, value.replace("'", "''")) for name, value in settings.items())
        if self._hba:
            hba = self.data_dir / "pg_hba.conf"
            hba.write_text("\n".join([*self._hba, hba.read_text(encoding="utf-8")]), encoding="utf-8")


@dataclasses.dataclass(frozen=True)
class Database:
    """One database of a cluster, with the cluster's own methods for it."""

    cluster: PostgresCluster
    name: str

    def dsn(self, user: str | None = None, password: str | None = None, *, tcp: bool = True) -> str:
        """A libpq connection string; the superuser's where no ``user`` is named."""
        return self.cluster.dsn(self.name, user, password, tcp=tcp)

    def connect(
        self, user: str | None = None, password: str | None = None, **options: t.Any
    ) -> psycopg2.extensions.connection:
        """As PostgresCluster.connect."""
        return self.cluster.connect(self.name, user, password, **options)

    def execute(self, statement: str | sql.Composable, parameters: t.Any = None) -> list[tuple[t.Any, ...]]:
        """As PostgresCluster.execute."""
        return self.cluster.execute(statement, parameters, dbname=self.name)

    def value(self, statement: str | sql.Composable, parameters: t.Any = None) -> t.Any:
        """As PostgresCluster.value."""
        return self.cluster.value(statement, parameters, dbname=self.name)


def installed_majors() -> list[int]:
    """The major versions whose server is installed, oldest first."""
    return sorted(
        int(path.parent.name) for path in map(pathlib.Path, glob.glob(_BIN_DIRS)) if (path / "initdb").exists()
    )


def bin_dir(major: int | None = None) -> pathlib.Path:
    """Where the server programs of this version (or the newest) are.

    Raises MissingPrerequisiteError naming the Debian package.
    """
    majors = installed_majors()
    if not majors or (major is not None and major not in majors):
        package = f"postgresql-{major}" if major is not None else "postgresql"
        raise MissingPrerequisiteError(
            f"The PostgreSQL server is not on this machine. Install the Debian package {package}."
        )
    return pathlib.Path(_BIN_DIRS.replace("*", str(major if major is not None else majors[-1])))


def unprivileged_account() -> str | None:
    """The account that the server runs as: PostgreSQL refuses root; anybody else runs it as themselves."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(_ACCOUNT).pw_name
    except KeyError:
        raise MissingPrerequisiteError(
            f"PostgreSQL does not run as root, and there is no account {_ACCOUNT}. Install the Debian package "
            "postgresql-common."
        ) from None


def _major_of(programs: pathlib.Path) -> int:
    said = subprocess.run([programs / "postgres", "--version"], check=True, capture_output=True, text=True).stdout
    return int(said.split("(PostgreSQL)")[1].split()[0].split(".")[0])


def _children(parent: int) -> list[int]:
    with open(f"/proc/{parent}/task/{parent}/children", encoding="ascii") as file:
        return [int(pid) for pid in file.read().split()]


def _wait_for(condition: t.Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise LabError(f"A killed process was still there after {seconds:g} s.")
        time.sleep(0.005)


def _is_alive(pid: int) -> bool:
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def _remove_shared_memory(data_dir: pathlib.Path) -> None:
    """A killed server leaves its System V segment; its id is the second word of postmaster.pid's seventh line
    (miscadmin.h).
    """
    try:
        lines = (data_dir / "postmaster.pid").read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return
    if len(lines) > 6 and len(lines[6].split()) == 2:
        subprocess.run(["ipcrm", "--shmem-id", lines[6].split()[1]], check=False, capture_output=True)
