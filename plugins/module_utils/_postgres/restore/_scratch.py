# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""A PostgreSQL cluster of our own, for one restore: in a sandbox, reachable through a private socket alone, gone
afterwards.

What it restores is foreign code: PostgreSQL runs functions of the source's table owners while it loads their rows. So
it runs as an account that owns nothing, in a sandbox without other files, processes or a network (``_sandbox``). It
ends with the process that started it, even when that is killed; a folder left over by a killed process is removed by
the next one.
"""

from __future__ import annotations

import contextlib
import os
import time
import types
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import (
    LifeboatError,
    OptionError,
    SourceError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import Connection
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._sandbox import SERVER_FOLDER, Sandbox
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_folder import NAME_BYTES

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools
    from ansible_collections.lifeboat.dr.plugins.module_utils._programs._process import Program
    from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_account import ScratchAccount

SUPERUSER = "lifeboat_scratch"  # unlikely to be the name of a role that is restored
_PORT = "5432"  # only part of the socket's name: nothing listens on TCP
_START_SECONDS = 60.0
_STOP_SECONDS = 600.0
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
    "dynamic_shared_memory_type": "mmap",  # in its own folder, as the sandbox has no /dev/shm
    "local_preload_libraries": "",
    "session_preload_libraries": "",
    "logging_collector": "off",
    "log_min_messages": "fatal",
}


class ScratchCluster:
    """Use it as a context manager: ``connection`` leads in as superuser."""

    def __init__(
        self,
        tools: Tools,
        account: ScratchAccount,
        *,
        base_dir: str = "/var/tmp",
        database_bytes: int = 0,
        preload: str = "",
        deadline: Deadline | None = None,
    ) -> None:
        self._tools = tools
        self._account = account
        self._base_dir = base_dir
        self._preload = preload
        # The database, a fifth more, its write-ahead log up to max_wal_size, and what initdb makes.
        self._needed_bytes = database_bytes * 6 // 5 + min(database_bytes, 4 << 30) + _CLUSTER_BYTES
        self._deadline = deadline or Deadline()
        self._sandbox: Sandbox | None = None

    @property
    def connection(self) -> Connection:
        """As superuser, in the database ``postgres``. Programs that use it run as the scratch account."""
        parameters = {"host": self._box.folder, "port": _PORT, "user": SUPERUSER, "dbname": "postgres"}
        return Connection(parameters, identity=self._account.identity())

    @property
    def isolation(self) -> str:
        """What keeps what is restored from the host, in words."""
        return self._box.isolation

    def __enter__(self) -> ScratchCluster:
        for program in ("initdb", "postgres"):
            self._tools.path(program)
        self._check_path()
        program = os.path.realpath(self._tools.path("postgres"))
        self._sandbox = Sandbox(
            self._account,
            self._base_dir,
            program,
            home=os.path.dirname(os.path.dirname(program)),  # /usr/lib/postgresql/15, /usr/pgsql-15
            needed_bytes=self._needed_bytes,
            what="the restored database",
            ending="QUIT",  # immediate: nothing of it is kept
            deadline=self._deadline,
        )
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._sandbox)
            self._initialise()
            self._wait(self._box.start(self._arguments(), {}))
            stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        if self._sandbox is not None:
            self._sandbox.__exit__(kind, error, trace)

    def keep(self) -> dict[str, str]:
        """Let the cluster live on when the module ends: start it as a server of its own.

        Gives how to reach it and how to remove it.
        """
        # A fast shutdown: what was restored is written first, and a server that recovers would empty unlogged tables.
        self._box.end("INT", seconds=self._deadline.remaining(_STOP_SECONDS))
        remove = self._box.keep(self._arguments(), {})
        try:
            self._wait(None)
        except BaseException:
            self._box.give_up()
            raise
        return {"host": self._box.folder, "port": _PORT, "user": SUPERUSER, "remove_command": remove}

    @property
    def _box(self) -> Sandbox:
        if self._sandbox is None:
            raise AssertionError("the cluster does not run")
        return self._sandbox

    def _check_path(self) -> None:
        """Raises OptionError where the path of the socket would be longer than the kernel takes."""
        socket = os.path.join(self._base_dir, "x" * NAME_BYTES, SERVER_FOLDER, f".s.PGSQL.{_PORT}")
        if len(os.fsencode(socket)) > _SOCKET_BYTES:
            raise OptionError(
                f"The path of scratch_dir, {self._base_dir}, is too long: the path of the socket in it may have "
                f"{_SOCKET_BYTES} bytes.",
                hint="Name a folder with a shorter path in scratch_dir. Nothing has been restored.",
            )

    def _initialise(self) -> None:
        command = [
            self._tools.path("initdb"),
            f"--pgdata={self._box.folder}/data",
            f"--username={SUPERUSER}",
            "--auth=trust",
        ]
        # No encoding: the names of roles are shared by databases of every encoding, and are bytes to all others.
        self._box.run([*command, "--encoding=SQL_ASCII", "--no-locale", "--no-sync", "--data-checksums"], {})

    def _arguments(self) -> list[str]:
        """The server's arguments. Settings in them stand before what ALTER SYSTEM writes."""
        own = {"shared_preload_libraries": self._preload, "unix_socket_directories": self._box.folder}
        settings = {**_SETTINGS, **own}
        return ["-D", f"{self._box.folder}/data", *(f"--{name}={value}" for name, value in settings.items())]

    def _wait(self, server: Program | None) -> None:
        """Wait until the server takes sessions. Raises SourceError."""
        end = time.monotonic() + _START_SECONDS
        while True:
            if server is not None and server.process.poll() is not None:
                raise SourceError(f"The scratch cluster did not start: {server.stderr or 'it said nothing'}.")
            try:
                self.connection.connect(timeout_seconds=2).close()
                return
            except LifeboatError:
                if time.monotonic() > end:
                    raise
            self._deadline.check("Starting the scratch cluster")
            time.sleep(0.05)
