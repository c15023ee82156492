# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PgBouncer from Debian's package, before a cluster of the lab, on loopback."""

from __future__ import annotations

import pathlib
import shutil
import signal
import subprocess
import types

import psycopg2

from tests.lab import throwaway
from tests.lab.postgres import PostgresCluster

_ACCOUNT = "postgres"


class PgBouncer:
    """Use it as a context manager. ``mode`` is ``transaction`` or ``session``; all databases, the superuser only."""

    def __init__(self, cluster: PostgresCluster, mode: str, *, pool_size: int = 5) -> None:
        self.port = 0
        self._cluster = cluster
        self._mode = mode
        self._pool_size = pool_size
        self._folder: throwaway.Folder | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> PgBouncer:
        program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
        if program is None:
            raise throwaway.MissingPrerequisiteError("PgBouncer is not on this machine. Install the package pgbouncer.")
        self._folder = throwaway.Folder("pgbouncer", user=_ACCOUNT)
        folder = pathlib.Path(self._folder.path)
        self.port = throwaway.free_port()
        users, config = folder / "users.txt", folder / "pgbouncer.ini"
        users.write_text(f'"{self._cluster.user}" "{self._cluster.password}"\n', encoding="utf-8")
        config.write_text(
            f"""[databases]
* = host=127.0.0.1 port={self._cluster.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = {self._mode}
default_pool_size = {self._pool_size}
""",
            encoding="utf-8",
        )
        for path in (users, config):
            path.chmod(0o644)
        log = str(folder / "log")
        self._process = throwaway.start([program, str(config)], log=log, user=_ACCOUNT, cwd=str(folder))
        throwaway.wait_until(self._answers, self._process, log, seconds=30)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        if self._process is not None:
            throwaway.stop(self._process, signal.SIGTERM)
        if self._folder is not None:
            self._folder.remove()

    def dsn(self, dbname: str) -> str:
        """A connection string through the pooler."""
        return self._cluster.dsn(dbname).replace(f"port={self._cluster.port}", f"port={self.port}")

    def _answers(self) -> bool:
        try:
            psycopg2.connect(self.dsn("postgres"), connect_timeout=2).close()
        except psycopg2.OperationalError:
            return False
        return True
