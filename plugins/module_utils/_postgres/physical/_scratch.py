# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""A base backup, recovered to a point in a sandbox: what it restores is foreign code, so it has no network there, no
other process and no key. Its log is put beside it before, opened and checked, as nothing in there could fetch it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import Connection
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical import _reached, _server
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._unpack import unpack
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._process import Program
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._sandbox import Sandbox

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._content import PhysicalContent
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._target import Target
    from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_account import ScratchAccount

_PROGRAMS = ("/usr/bin/sh", "/usr/bin/cp")  # of restore_command: merged /usr, as Debian 12 and RHEL have it
_STOP_SECONDS = 600.0
_POLL_SECONDS = 0.05


class ScratchRecovery:
    """Use it as a context manager; then ``unpack``, ``write_log``, ``recover``, and ask its ``connection``."""

    def __init__(
        self,
        tools: Tools,
        account: ScratchAccount,
        content: PhysicalContent,
        *,
        base_dir: str,
        needed_bytes: int,
        preload: str = "",
        deadline: Deadline,
    ) -> None:
        self._tools = tools
        self._account = account
        self._content = content
        self._preload = preload
        self._deadline = deadline
        program = os.path.realpath(tools.path("postgres"))
        self._sandbox = Sandbox(
            account,
            base_dir,
            program,
            home=os.path.dirname(os.path.dirname(program)),
            needed_bytes=needed_bytes,
            what="the restored cluster and its log",
            programs=_PROGRAMS,
            ending="QUIT",
            deadline=deadline,
        )
        self._running: Program | None = None

    def __enter__(self) -> ScratchRecovery:
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._sandbox)
            for folder in (self._data, self._log):
                os.mkdir(folder, 0o700)
                self._account.give(folder)
            _server.write_configuration(self._sandbox.folder, self._owner)
            stack.pop_all()
        return self

    def __exit__(self, *exception: t.Any) -> None:
        self._sandbox.__exit__(*exception)

    @property
    def isolation(self) -> str:
        """What keeps what is restored from the host, in words."""
        return self._sandbox.isolation

    @property
    def _owner(self) -> tuple[int, int] | None:
        return (self._account.uid, self._account.gid) if self._account.changes else None

    @property
    def _data(self) -> str:
        return f"{self._sandbox.folder}/data"

    @property
    def _log(self) -> str:
        return f"{self._sandbox.folder}/wal"

    def connection(self, database: str) -> Connection:
        """As the superuser of the cluster."""
        parameters = {"host": self._sandbox.folder, "port": "5432", "user": self._content.superuser}
        return Connection({**parameters, "dbname": database}, identity=self._account.identity())

    def unpack(self, pieces: t.Iterator[bytes], part: int | None = None) -> None:
        """The data folder, or one of the parts that ``combine`` puts together. Raises DamagedError."""
        folder = self._data if part is None else self._part(part)
        if part is not None:
            os.mkdir(folder, 0o700)
            self._account.give(folder)
        unpack(pieces, folder, self._owner)

    def _part(self, part: int) -> str:
        return f"{self._sandbox.folder}/part{part}"

    def combine(self, parts: int) -> None:
        """Put a full backup and incremental ones together: the parts 0, 1, ... Raises LifeboatError."""
        folders = [self._part(part) for part in range(parts)]
        command = [self._tools.path("pg_combinebackup"), *folders, f"--output={self._data}", "--no-sync"]
        self._sandbox.run(command, {})
        for folder in folders:
            shutil.rmtree(folder)

    def fill(self, write: t.Callable[[str, str], None]) -> None:
        """Have another program write the data folder, and a folder with its tablespaces. Raises LifeboatError."""
        tablespaces = f"{self._sandbox.folder}/tablespaces"
        os.mkdir(tablespaces, 0o700)
        write(self._data, tablespaces)
        for top in (self._data, tablespaces):
            self._account.give(top)
            for folder, folders, files in os.walk(top):
                for name in (*folders, *files):
                    if self._account.changes:
                        os.lchown(os.path.join(folder, name), self._account.uid, self._account.gid)

    def control(self) -> dict[str, str]:
        """What pg_controldata says of the data folder."""
        return _server.control_data(self._tools, self._data)

    def damage(self, name: str, offset: int) -> None:
        """Turn over one bit of a file of the data folder; once more, and it is as it was. No server may run."""
        path = os.path.join(self._data, name)
        if os.path.realpath(path) != os.path.realpath(self._data) + f"/{name}":
            raise LifeboatError(f"{name} is a link in the data folder, so no damage is planted in it.")
        with open(os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC), "r+b") as file:
            file.seek(offset)
            byte = file.read(1)
            file.seek(offset)
            file.write(bytes([byte[0] ^ 1]))

    def run(self, program: str, *arguments: str) -> str:
        """One of PostgreSQL's programs that reads the data folder, while no server runs. Raises LifeboatError."""
        return self._sandbox.run([self._tools.path(program), *arguments, self._data], {})

    def write_log(self, name: str, content: bytes) -> None:
        """One file of the log, where the recovery finds it."""
        path = f"{self._log}/{name}"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        self._account.give(path)

    def recover(self, target: Target, end: int) -> _reached.Reached:
        """Recover to the target and become a primary of its own. Raises LifeboatError where it comes elsewhere."""
        with open(os.open(f"{self._data}/recovery.signal", os.O_WRONLY | os.O_CREAT, 0o600), "wb"):
            pass
        self._account.give(f"{self._data}/recovery.signal")
        recovery = {"restore_command": f'cp "{self._log}/%f" "%p"', **target.settings("promote")}
        said = self._start(recovery)
        if _server.READY not in said:
            raise _reached.failure(said, target)
        return _reached.judge(target, said, end, self._content.segment_bytes)

    def _start(self, recovery: t.Mapping[str, str]) -> str:
        control = _server.control_data(self._tools, self._data)
        more = {"full_page_writes": "off", "shared_preload_libraries": self._preload}
        settings = _server.server_settings(control, self._sandbox.folder, recovery, **more)
        server = self._running = self._sandbox.start(_server.arguments(self._data, settings), {})
        while _server.READY not in server.stderr and server.process.poll() is None:
            self._deadline.check("The recovery")
            time.sleep(_POLL_SECONDS)
        if server.process.poll() is not None:
            server.stop()  # with its last words
        return server.stderr

    def shut_down(self) -> None:
        """A clean shutdown, so that the data folder can be read as a whole. Raises LifeboatError."""
        self._sandbox.end("INT", seconds=self._deadline.remaining(_STOP_SECONDS))
        state = _server.control_data(self._tools, self._data).get("Database cluster state", "")
        if state != "shut down":
            raise LifeboatError(f"The scratch cluster did not shut down: it is {state}.")
