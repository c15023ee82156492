# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""A PostgreSQL cluster of our own, for one restore: unprivileged, reachable through a private socket alone, gone
afterwards.

It cannot hurt production: no TCP, no archiving, no replication, nothing shared. It ends with the process that started
it, even when that is killed (``setpriv --pdeathsig``); a folder left over by a killed process is removed by the next
one.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shlex
import shutil
import signal
import time
import types
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import (
    LifeboatError,
    MissingRequirementError,
    OptionError,
    SourceError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import Connection
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._process import Program, run
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_folder import NAME_BYTES, ScratchFolder

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools

SUPERUSER = "lifeboat_scratch"  # unlikely to be the name of a role that is restored
_PORT = "5432"  # only part of the socket's name: nothing listens on TCP
_START_SECONDS = 60.0
_SOCKET_BYTES = 107  # unix(7)
_CLUSTER_BYTES = 100 << 20  # an empty cluster with its first segments of write-ahead log
# Nothing here outlives the rehearsal, so nothing has to be safe from a power cut; autovacuum would move rows that are
# to be compared.
_SETTINGS = {
    "listen_addresses": "",
    "port": _PORT,
    "unix_socket_permissions": "0700",
    "archive_mode": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "jit": "off",
    "shared_buffers": "128MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "max_locks_per_transaction": "1024",
    "shared_preload_libraries": "",
    "logging_collector": "off",
    "log_min_messages": "fatal",
}


class ScratchCluster:
    """Use it as a context manager: ``connection`` leads in as superuser."""

    def __init__(
        self,
        tools: Tools,
        *,
        base_dir: str = "/var/tmp",
        user: str = "postgres",
        database_bytes: int = 0,
        deadline: Deadline | None = None,
    ) -> None:
        self._tools = tools
        self._base_dir = base_dir
        self._user = user if os.geteuid() == 0 else None
        # The database, a fifth more, its write-ahead log up to max_wal_size, and what initdb makes.
        needed_bytes = database_bytes * 6 // 5 + min(database_bytes, 4 << 30) + _CLUSTER_BYTES
        self._scratch = ScratchFolder(base_dir, needed_bytes=needed_bytes, what="the restored database")
        self._deadline = deadline or Deadline()
        self._server: Program | None = None

    @property
    def _folder(self) -> str:
        return self._scratch.path

    @property
    def connection(self) -> Connection:
        """As superuser, in the database ``postgres``."""
        return Connection({"host": self._folder, "port": _PORT, "user": SUPERUSER, "dbname": "postgres"})

    def __enter__(self) -> ScratchCluster:
        for program in ("initdb", "postgres"):
            self._tools.path(program)
        self._check_path()
        try:
            self._scratch.__enter__()
            self._give_folder()
            self._initialise()
            self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        if self._server is not None:
            with contextlib.suppress(ProcessLookupError):
                self._server.process.send_signal(signal.SIGQUIT)  # immediate: nothing of it is kept
            self._server.stop()
        self._scratch.__exit__(None, None, None)

    def keep(self) -> dict[str, str]:
        """Let the cluster live on when the module ends: start it as a server of its own.

        Gives how to reach it and how to remove it.
        """
        if self._server is None:
            raise AssertionError("the cluster does not run")
        self._server.process.send_signal(signal.SIGINT)  # fast: what was restored is written first
        self._server.process.wait(timeout=_START_SECONDS)
        self._server.stop()
        self._server = None
        self._scratch.keep()
        pg_ctl, data = self._tools.path("pg_ctl"), f"{self._folder}/data"
        command = [pg_ctl, "--pgdata", data, "--log", f"{self._folder}/log", "--wait", "start"]
        try:
            run(command, environment=_environment(), deadline=self._deadline, cwd=self._folder, **self._identity())
        except BaseException:
            self._scratch.take_back()
            raise
        words = [
            *(["runuser", "-u", self._user, "--"] if self._user else []),
            pg_ctl,
            "--pgdata",
            data,
            "--mode",
            "immediate",
            "stop",
        ]
        remove = f"{shlex.join(words)} && {shlex.join(['rm', '-rf', self._folder])}"
        return {"host": self._folder, "port": _PORT, "user": SUPERUSER, "remove_command": remove}

    def _check_path(self) -> None:
        """Raises OptionError where the path of the socket would be longer than the kernel takes."""
        socket = os.path.join(self._base_dir, "x" * NAME_BYTES, f".s.PGSQL.{_PORT}")
        if len(os.fsencode(socket)) > _SOCKET_BYTES:
            raise OptionError(
                f"The path of scratch_dir, {self._base_dir}, is too long: the path of the socket in it may have "
                f"{_SOCKET_BYTES} bytes.",
                hint="Name a folder with a shorter path in scratch_dir. Nothing has been restored.",
            )

    def _give_folder(self) -> None:
        """The folder to the account that runs the cluster."""
        if self._user:
            try:
                account = pwd.getpwnam(self._user)
            except KeyError:
                raise MissingRequirementError(
                    f"PostgreSQL does not run as root, and there is no account {self._user} to run the scratch "
                    "cluster.",
                    hint="Name an unprivileged account in scratch_user, or run the task as one (become_user).",
                ) from None
            os.chown(self._folder, account.pw_uid, account.pw_gid)

    def _identity(self) -> dict[str, t.Any]:
        if not self._user:
            return {}
        account = pwd.getpwnam(self._user)
        return {"user": account.pw_uid, "group": account.pw_gid}

    def _initialise(self) -> None:
        command = [
            self._tools.path("initdb"),
            f"--pgdata={self._folder}/data",
            f"--username={SUPERUSER}",
            "--auth=trust",
        ]
        command += ["--encoding=UTF8", "--no-locale", "--no-sync", "--data-checksums"]
        run(command, environment=_environment(), deadline=self._deadline, cwd=self._folder, **self._identity())
        settings = {**_SETTINGS, "unix_socket_directories": self._folder}
        with open(f"{self._folder}/data/postgresql.auto.conf", "a", encoding="utf-8") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())

    def _start(self) -> None:
        command = [self._tools.path("postgres"), "-D", f"{self._folder}/data"]
        setpriv = shutil.which("setpriv")
        if setpriv:
            command = [setpriv, "--pdeathsig", "SIGQUIT", *command]
        self._server = Program(command, environment=_environment(), cwd=self._folder, **self._identity())
        end = time.monotonic() + _START_SECONDS
        while True:
            if self._server.process.poll() is not None:
                raise SourceError(f"The scratch cluster did not start: {self._server.stderr or 'it said nothing'}.")
            try:
                self.connection.connect(timeout_seconds=2).close()
                return
            except LifeboatError:
                if time.monotonic() > end:
                    raise
            self._deadline.check("Starting the scratch cluster")
            time.sleep(0.05)


def _environment() -> dict[str, str]:
    """No PGDATA, PGHOST and the like of the caller's: they would lead elsewhere."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC"}
