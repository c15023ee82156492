# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""A server that recovers a data folder: its settings, its start, and the log that it writes meanwhile.

Nobody can connect to it over a network. It archives nothing, loads no library that its own configuration names, and
its configuration files are not used: they may name what is not on this host.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._process import Program, run
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._sandbox import base_environment
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_account import required

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools

READY = "database system is ready to accept connections"
_POLL_SECONDS = 0.05
_FACT = re.compile(r"^([^:]+):\s+(.*)$", re.M)
_FROM_CONTROL = {  # a server that recovers refuses less than the primary had
    "max_connections": "max_connections setting",
    "max_worker_processes": "max_worker_processes setting",
    "max_wal_senders": "max_wal_senders setting",
    "max_prepared_transactions": "max_prepared_xacts setting",
    "max_locks_per_transaction": "max_locks_per_xact setting",
}
_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",  # only part of the socket's name
    "unix_socket_permissions": "0700",
    "archive_mode": "off",
    "archive_command": "",
    "primary_conninfo": "",
    "primary_slot_name": "",
    "hot_standby": "off",
    "fsync": "off",  # whoever keeps the data folder has initdb make it durable at the end
    "autovacuum": "off",
    "ssl": "off",
    "dynamic_shared_memory_type": "mmap",
    "shared_preload_libraries": "",
    "local_preload_libraries": "",
    "session_preload_libraries": "",
    "synchronous_standby_names": "",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_min_messages": "error",  # with LOG, without WARNING
    "log_line_prefix": "",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "data_sync_retry": "off",
}


def control_data(tools: Tools, data_dir: str) -> dict[str, str]:
    """What pg_controldata says of a data folder."""
    return dict(_FACT.findall(run([tools.path("pg_controldata"), data_dir], environment=base_environment())))


def server_settings(
    control: t.Mapping[str, str], folder: str, recovery: t.Mapping[str, str], **more: str
) -> dict[str, str]:
    """All settings of the server, to be given in its arguments. ``folder`` holds its configuration and its socket."""
    return {
        **_SETTINGS,
        **{name: control[fact] for name, fact in _FROM_CONTROL.items() if fact in control},
        "config_file": f"{folder}/postgresql.conf",
        "hba_file": f"{folder}/pg_hba.conf",
        "ident_file": f"{folder}/pg_ident.conf",
        "unix_socket_directories": folder,
        **recovery,
        **more,
    }


def write_configuration(folder: str, owner: tuple[int, int] | None = None) -> None:
    """The files that the settings name: whoever reaches the private socket is let in."""
    for name, text in (("postgresql.conf", ""), ("pg_hba.conf", "local all all trust\n"), ("pg_ident.conf", "")):
        path = os.path.join(folder, name)
        with open(
            os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w", encoding="ascii"
        ) as file:
            file.write(text)
            if owner is not None:
                os.fchown(file.fileno(), *owner)


def arguments(data_dir: str, settings: t.Mapping[str, str]) -> list[str]:
    """Of ``postgres``. They stand before what ALTER SYSTEM had written."""
    return ["-D", data_dir, *(f"--{name}={text}" for name, text in settings.items())]


class RecoveringServer:
    """A server of our own account, that ends with this process. Use it as a context manager."""

    def __init__(
        self,
        tools: Tools,
        data_dir: str,
        recovery: t.Mapping[str, str],
        environment: t.Mapping[str, str],
        deadline: Deadline,
    ) -> None:
        self._tools = tools
        self._data_dir = data_dir
        self._recovery = recovery
        self._environment = {**base_environment(), **environment}
        self._deadline = deadline
        self._stack = contextlib.ExitStack()
        self._program: Program | None = None

    def __enter__(self) -> RecoveringServer:
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="lifeboat-", dir="/tmp"))
            write_configuration(folder)
            settings = server_settings(control_data(self._tools, self._data_dir), folder, self._recovery)
            command = [
                *(required("setpriv"), "--pdeathsig", "SIGQUIT"),
                *(self._tools.path("postgres"), *arguments(self._data_dir, settings)),
            ]
            self._program = stack.enter_context(
                Program(command, environment=self._environment, cwd=self._data_dir, stdout=subprocess.DEVNULL)
            )
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stack.close()

    @property
    def said(self) -> str:
        """Its log."""
        return self._running.stderr

    @property
    def _running(self) -> Program:
        if self._program is None:
            raise AssertionError("the server was not started")
        return self._program

    def wait(self) -> bool:
        """Wait until it has recovered. Whether it takes sessions now; False: it has ended. Raises DeadlineError."""
        while True:
            ended = self._running.process.poll() is not None
            if ended:
                self._running.stop()  # with its last words
            if READY in self.said:
                return not ended
            if ended:
                return False
            self._deadline.check("The recovery")
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """A fast shutdown, so that the data folder can be started by any other server. Raises LifeboatError."""
        process = self._running.process
        process.send_signal(signal.SIGINT)
        while process.poll() is None:
            self._deadline.check("Stopping the recovered server")
            time.sleep(_POLL_SECONDS)
        if process.returncode:
            raise LifeboatError(f"The recovered server did not stop well: {self.said[-500:]}")
