# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""A place for one restore of streams: a NATS server of our own, or an empty account of somebody else's.

The server runs in a sandbox, as an account that owns nothing (``_sandbox``). It listens on loopback alone, on a port
that the kernel chooses, lets in one user with a random password that is in no argument, is in no cluster and has no
other account. It ends with the process that started it, even when that is killed; its folder is then removed by the
next run. In an account, every stream that we make is marked, so that the next run knows what a killed one has left.
"""

from __future__ import annotations

import abc
import contextlib
import json
import os
import re
import secrets
import shutil
import socket
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
from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._connection import Address, Connection
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._credentials import Password
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._session import version_numbers
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._restore_plan import METADATA_SINCE, V2_SINCE
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._process import run
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._sandbox import Sandbox
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_folder import ScratchFolder

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._session import Session
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._content import Stream
    from ansible_collections.lifeboat.dr.plugins.module_utils._programs._process import Program
    from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_account import ScratchAccount

PROGRAM = "nats-server"
SCRATCH_MARK = "lifeboat.dr/scratch"
"""The key of the metadata of every stream that is made in somebody's account: which host and folder it belongs to."""
_USER = "lifeboat"
_START_SECONDS = 60.0
_LATE_SECONDS = 7.0
_POLL_SECONDS = 0.25
_STORE_BYTES = 64 << 20  # what a server without streams may need
_MEMORY_BYTES = 256 << 20  # consumers that are kept in memory
_MAX_PAYLOAD = 8 << 20  # larger chunks go faster; a server warns beyond this
_MAX_PENDING = 256 << 20


class ScratchPlace(abc.ABC):
    """Where streams may be restored to. Use it as a context manager: leaving it removes them."""

    @property
    @abc.abstractmethod
    def connection(self) -> Connection:
        """The way in."""

    @property
    @abc.abstractmethod
    def description(self) -> str:
        """Which server it is, for the report: ``nats-server 2.14.6``."""

    @property
    @abc.abstractmethod
    def version(self) -> tuple[int, int, int]:
        """Of its server."""

    def refuses(self, stream: Stream) -> str:
        """Why its server cannot take the archive of a stream; empty where it can."""
        if stream.format != "v2" or self.version >= V2_SINCE:
            return ""
        words = "was read out of memory message by message" if stream.method == "export" else "is of the second format"
        return (
            f"{stream.name} could not be restored here: its archive {words}, which NATS servers read from 2.15, and "
            f"this one is {'.'.join(map(str, self.version))}. Name a newer program in nats_server_binary, or leave the "
            "stream out of the proof with exclude"
        )

    @property
    def metadata(self) -> dict[str, str]:
        """What to write into the metadata of every stream that is made here."""
        return {}

    @property
    def isolation(self) -> str:
        """What keeps what is restored from the host, in words; empty where it is another host's business."""
        return ""

    @abc.abstractmethod
    def __enter__(self) -> ScratchPlace: ...

    @abc.abstractmethod
    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None: ...


class ScratchServer(ScratchPlace):
    """A server that we start. ``binary`` is the program, if not the one on the search path; ``account`` runs it."""

    def __init__(
        self,
        streams: t.Sequence[Stream],
        account: ScratchAccount,
        *,
        binary: str | None,
        base_dir: str,
        deadline: Deadline,
    ) -> None:
        self._streams = streams
        self._account = account
        self._binary = binary
        self._base_dir = base_dir
        self._deadline = deadline
        self._version = ""
        self._password = secrets.token_urlsafe(24)
        self._port = 0
        self._sandbox: Sandbox | None = None
        self._server: Program | None = None

    @property
    def connection(self) -> Connection:
        return Connection([Address("127.0.0.1", self._port)], Password(_USER, self._password))

    @property
    def description(self) -> str:
        return f"{PROGRAM} {self._version}"

    @property
    def version(self) -> tuple[int, int, int]:
        return version_numbers(self._version)

    @property
    def isolation(self) -> str:
        return self._box.isolation

    def __enter__(self) -> ScratchServer:
        program = find_program(self._binary)
        self._version = program_version(program, self._deadline)
        check_version(self._streams, version_numbers(self._version), f"{program} is {self._version}")
        self._sandbox = Sandbox(
            self._account,
            self._base_dir,
            program,
            needed_bytes=needed_bytes(self._streams),
            what="restoring the streams",
            loopback=True,
            deadline=self._deadline,
        )
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._sandbox)
            self._start()
            stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        if self._sandbox is not None:
            self._sandbox.__exit__(kind, error, trace)

    @property
    def _box(self) -> Sandbox:
        if self._sandbox is None:
            raise AssertionError("the server does not run")
        return self._sandbox

    def _configuration(self) -> dict[str, t.Any]:
        folder = self._box.folder
        return {
            "server_name": "lifeboat-scratch",
            "host": "127.0.0.1",
            "port": -1,  # the server takes a free one and tells it in a file, so nobody can take it in between
            "ports_file_dir": folder,
            "authorization": {"users": [{"user": _USER, "password": self._password}]},
            "max_payload": _MAX_PAYLOAD,
            "max_pending": _MAX_PENDING,
            "logtime": False,
            "jetstream": {
                "store_dir": f"{folder}/store",
                "max_memory_store": _MEMORY_BYTES,
                "max_file_store": shutil.disk_usage(folder).free,
            },
        }

    def _start(self) -> None:
        path = f"{self._box.folder}/server.json"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(self._configuration(), file)
        self._account.give(path)
        self._server = self._box.start(["-c", path], {"HOME": self._box.folder})
        end = time.monotonic() + _START_SECONDS
        while not self._is_ready():
            if self._server.process.poll() is not None:
                raise SourceError(f"The scratch server did not start: {last_words(self._server.stderr)}.")
            if time.monotonic() > end:
                raise SourceError(
                    f"The scratch server was not ready within {_START_SECONDS:g} s: {last_words(self._server.stderr)}."
                )
            self._deadline.check("Starting the scratch server")
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        self._port = self._port or told_port(self._box.folder)
        if not self._port:
            return False
        try:
            with self.connection.open(self._deadline.part()) as session:
                session.account()  # refused until JetStream serves
                return True
        except LifeboatError:
            return False


class EmptyAccount(ScratchPlace):
    """An account that somebody gives for this.

    It has to be empty: no stream of a name that is restored may be in anybody's way.
    """

    def __init__(
        self, connection: Connection, streams: t.Sequence[Stream], *, base_dir: str, deadline: Deadline
    ) -> None:
        self._connection = connection
        self._streams = streams
        self._deadline = deadline
        self._scratch = ScratchFolder(base_dir)  # held as long as we live: it says of our streams that they are in use
        self._version = ""

    @property
    def connection(self) -> Connection:
        return self._connection

    @property
    def description(self) -> str:
        return f"{self._connection.describe()}, nats-server {self._version}"

    @property
    def version(self) -> tuple[int, int, int]:
        return version_numbers(self._version)

    @property
    def metadata(self) -> dict[str, str]:
        if version_numbers(self._version) < METADATA_SINCE:
            return {}
        return {SCRATCH_MARK: f"{socket.gethostname()} {self._scratch.path}"}

    def __enter__(self) -> EmptyAccount:
        try:
            self._scratch.__enter__()
            with self._connection.open(self._deadline) as session:
                self._version = session.server_version_text
                check_version(
                    self._streams, session.server_version, f"{self._connection.describe()} is {self._version}"
                )
                others = []
                for info in session.streams():
                    if is_abandoned(info.config):
                        session.delete_stream(info.name)
                    else:
                        others.append(info.name)
            if others:
                raise OptionError(
                    f"The scratch account at {self._connection.describe()} is not empty: it has the stream {others[0]}"
                    f"{f' and {len(others) - 1} more' if len(others) > 1 else ''}.",
                    hint=(
                        "Name an account of its own for rehearsals in nats_scratch_account. Nothing has been "
                        "restored or deleted."
                    ),
                )
        except BaseException:
            self._scratch.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        try:
            # The time limit may be over; what we made is removed nevertheless.
            with contextlib.suppress(LifeboatError), self._connection.open(Deadline(60)) as session:
                # A restore that was broken off may become a stream later, when the server misses its sender (2.15.1:
                # within 5 s).
                end = time.monotonic() + (
                    _LATE_SECONDS if _error is not None and session.server_version >= V2_SINCE else 0
                )
                while True:
                    self._delete_ours(session)
                    if time.monotonic() >= end:
                        return
                    time.sleep(_POLL_SECONDS)
        finally:
            self._scratch.__exit__(None, None, None)

    def _delete_ours(self, session: Session) -> None:
        ours = {stream.name for stream in self._streams}
        for info in session.streams():
            mark = (info.config.get("metadata") or {}).get(SCRATCH_MARK)
            if info.name in ours and mark == self.metadata.get(SCRATCH_MARK):
                session.delete_stream(info.name)


def needed_bytes(streams: t.Sequence[Stream]) -> int:
    """The room that a server takes to restore these: what it unpacks, and while it does so the archive beside the store
    (up to 2.12.5).
    """
    return (
        sum(max(stream.unpacked_bytes, stream.bytes) for stream in streams) * 6 // 5 + _largest(streams) + _STORE_BYTES
    )


def _largest(streams: t.Sequence[Stream]) -> int:
    return max((stream.unpacked_bytes for stream in streams), default=0)


def find_program(binary: str | None) -> str:
    """The path of nats-server. Raises MissingRequirementError."""
    found = shutil.which(binary or PROGRAM)
    if found is None:
        where = f"as {binary}" if binary else "on the search path"
        raise MissingRequirementError(
            f"There is no program {PROGRAM} {where}, so no scratch server can be started.",
            hint=(
                "Install NATS on this host, name the program in nats_server_binary, or give an empty account in "
                "nats_scratch_account."
            ),
        )
    return found


def program_version(program: str, deadline: Deadline) -> str:
    """``2.14.6``, from ``nats-server: v2.14.6``. Raises MissingRequirementError for another program."""
    found = re.search(r"v?(\d+\.\d+\.\d+\S*)", run([program, "--version"], deadline=deadline))
    if not found:
        raise MissingRequirementError(f"The program {program} does not tell the version of a NATS server.")
    return found[1]


def check_version(streams: t.Sequence[Stream], version: tuple[int, int, int], who: str) -> None:
    """Raises MissingRequirementError when this server can read none of the archives."""
    second = [stream.name for stream in streams if stream.format == "v2"]
    if second and len(second) == len(streams) and version < V2_SINCE:
        raise MissingRequirementError(
            f"The archive of the stream {second[0]} is of the second format, which NATS servers read from 2.15, and "
            f"{who}.",
            hint="Name a newer program in nats_server_binary. A memory stream of an older server is kept in this "
            "format, too. "
            "The profile artifact needs no server.",
        )


def told_port(folder: str) -> int:
    """The port that the server in this folder listens on; 0 while it does not tell (``ports_file_dir``,
    server/opts.go).
    """
    for name in os.listdir(folder):
        if name.endswith(".ports"):
            with (
                contextlib.suppress(OSError, ValueError, LookupError),
                open(f"{folder}/{name}", encoding="ascii") as file,
            ):
                return int(read_json(file.read())["nats"][0].rpartition(":")[2])
    return 0


def is_abandoned(config: t.Mapping[str, t.Any]) -> bool:
    """Whether a stream was made for a rehearsal on this host whose process is gone: then its folder is."""
    host, _space, folder = str((config.get("metadata") or {}).get(SCRATCH_MARK) or "").partition(" ")
    return bool(folder) and host == socket.gethostname() and not os.path.isdir(folder)


def last_words(text: str) -> str:
    """The last line that the server said."""
    return text.rpartition("\n")[2] or "it said nothing"
