# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""A Redis or Valkey server of our own, for one restore.

It runs in a sandbox, as an account that owns nothing (``_sandbox``), without a network: only a Unix socket in its own
folder leads to it. It writes nothing by itself. It is a replica of a server that is not there: so it keeps keys whose
time is over, as a backup of last week has them, and takes no writes.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
import types
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import (
    LifeboatError,
    MissingRequirementError,
    SourceError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import format_bytes
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._process import Program, run
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._sandbox import Sandbox
from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._client import Server

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_account import ScratchAccount

_CONFIGURATION = """
port 0
unixsocket {folder}/socket
unixsocketperm 700
dir {folder}
dbfilename dump.rdb
logfile {folder}/log
save ""
appendonly no
rdbcompression no
replicaof 127.0.0.1 1
replica-read-only yes
sanitize-dump-payload yes
databases {databases}
"""
_LOG_BYTES = 16 << 10


class ScratchServer:
    """Use it as a context manager: leaving it ends the server and removes its data.

    ``product`` is redis or valkey, ``account`` runs it; ``binary`` is the program, if not the product's own on the
    search path. ``modules`` are libraries that the server has to load. ``memory_bytes`` is what the data took in the
    server that they are from.
    """

    def __init__(
        self,
        product: str,
        account: ScratchAccount,
        *,
        binary: str | None,
        modules: t.Sequence[str],
        databases: int,
        file_bytes: int,
        memory_bytes: int,
        base_dir: str,
        deadline: Deadline,
    ) -> None:
        program = find_program(product, binary)
        self._account = account
        self._modules = modules
        self._databases = databases
        self._memory_bytes = memory_bytes
        self._deadline = deadline
        self._sandbox = Sandbox(
            account,
            base_dir,
            program,
            home=os.path.dirname(modules[0]) if modules else "",
            needed_bytes=file_bytes + memory_bytes,
            what="loading the RDB",
            deadline=deadline,
        )
        self._running: Program | None = None
        self.version = program_version(program, deadline)

    def __enter__(self) -> ScratchServer:
        check_memory(self._memory_bytes)
        self._sandbox.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        self._sandbox.__exit__(kind, error, trace)

    @property
    def isolation(self) -> str:
        """What keeps the server from the host, in words."""
        return self._sandbox.isolation

    @property
    def rdb(self) -> str:
        """The file that it loads as it starts, and that ``save`` writes anew."""
        return f"{self._sandbox.folder}/dump.rdb"

    @property
    def server(self) -> Server:
        """The way in."""
        return Server(unix_socket=f"{self._sandbox.folder}/socket")

    def write(self, pieces: t.Iterable[bytes]) -> t.Iterator[bytes]:
        """Write the RDB to load, and hand the pieces on."""
        with open(os.open(self.rdb, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as file:
            for piece in pieces:
                file.write(piece)
                yield piece

    def start(self) -> None:
        """Start it, and wait until it has loaded the RDB. Raises SourceError with what it says."""
        path = f"{self._sandbox.folder}/server.conf"
        lines = _CONFIGURATION.format(folder=self._sandbox.folder, databases=max(16, self._databases))
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(lines + "".join(f"loadmodule {module}\n" for module in self._modules))
        for own in (path, self.rdb):
            self._account.give(own)
        self._running = self._sandbox.start([path], {"HOME": self._sandbox.folder})
        while not self._is_ready():
            if self._running.process.poll() is not None:
                raise SourceError(
                    f"The scratch server ({self.version}) could not load the RDB: {self._last_words()}.",
                    hint="An RDB is read by the same product, Redis or Valkey, of the same version or a newer one: "
                    "name it in redis_server_binary. What modules have written needs them: redis_modules.",
                )
            self._deadline.check("Loading the RDB into the scratch server")
            time.sleep(0.05)

    def save(self) -> None:
        """Have the server write what it holds in the place of the RDB that it has loaded."""
        with self.server.connect(self._deadline) as connection:
            connection.wait_for("SAVE")

    def read(self) -> t.Iterator[bytes]:
        """The RDB that was loaded, and after ``save`` the one that the server has made."""
        with open(self.rdb, "rb") as file:
            while piece := file.read(1 << 18):
                self._deadline.check("Reading what the scratch server holds")
                yield piece

    def _is_ready(self) -> bool:
        try:
            with self.server.connect(self._deadline) as connection:
                return connection.text("PING") == b"PONG"
        except LifeboatError:
            self._deadline.check("Loading the RDB into the scratch server")
            return False

    def _last_words(self) -> str:
        """What the server has logged as a warning, or its last line."""
        lines: list[str] = []
        with contextlib.suppress(OSError), open(f"{self._sandbox.folder}/log", "rb") as file:
            file.seek(max(0, os.path.getsize(file.name) - _LOG_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
        if self._running is not None and self._running.stderr:
            lines.append(self._running.stderr)
        lines = [line for line in lines if "overcommit" not in line and line.strip()]
        found = [line.partition(" # ")[2] for line in lines if " # " in line] or lines[-1:] or ["it said nothing"]
        return "; ".join(found[-3:]).rstrip(".")


def find_program(product: str, binary: str | None) -> str:
    """The path of the server program. Raises MissingRequirementError."""
    name = binary or f"{product}-server"
    found = shutil.which(name)
    if found is None:
        raise MissingRequirementError(
            f"There is no program {name} on this host, so no scratch server can be started.",
            hint=f"Install {product} on this host without starting it as a service, name the program in "
            "redis_server_binary, or use profile: artifact.",
        )
    return found


def program_version(program: str, deadline: Deadline) -> str:
    """``redis-server 7.0.15``. Raises MissingRequirementError for another program."""
    found = re.search(r"(Redis|Valkey) server v=(\S+)", run([program, "--version"], deadline=deadline))
    if not found:
        raise MissingRequirementError(f"The program {program} does not say the version of a Redis or Valkey server.")
    return f"{found[1].lower()}-server {found[2]}"


def check_memory(needed_bytes: int) -> None:
    """Refuse to load what does not fit, before the kernel ends somebody else's server for it. Raises LifeboatError."""
    with contextlib.suppress(OSError, LookupError, ValueError):
        with open("/proc/meminfo", encoding="ascii") as file:
            available = int(next(line for line in file if line.startswith("MemAvailable:")).split()[1]) * 1024
        if available < needed_bytes:
            raise LifeboatError(
                f"This host has {format_bytes(available)} of memory available; loading the data takes about "
                f"{format_bytes(needed_bytes)}.",
                hint="Prove the backup on a larger host, or use profile: artifact. Nothing has been started.",
            )
