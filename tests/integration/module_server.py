# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes that have imported the libraries already: each run of a module is a fork of one, and a process of its own.

Importing Ansible, boto3 and the other libraries is most of what a short run of a module costs (0.3 of 0.5 s of
processor time), and the tests run modules thousands of times. Nothing else differs from a start: the arguments come by
standard input, the environment is the one that is given, and nothing of one run is left for the next. Only
``run_module`` uses this; ``start_module``, whose processes are stopped and watched, starts a real one, as do the
playbooks.

This file is the server, too: it is started as a program, with a socket as its standard input.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import importlib
import json
import os
import pathlib
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
import typing as t

_LONGEST_REQUEST = 65536
_LIBRARIES = (
    "ansible.module_utils.basic", "boto3", "botocore.auth", "botocore.httpsession", "botocore.parsers",
    "cryptography.hazmat.primitives.asymmetric.x25519", "cryptography.hazmat.primitives.ciphers.aead", "nats",
    "psycopg2", "psycopg2.extras", "pyrage", "zstandard",
)  # fmt: skip
_PACKAGE = "ansible_collections.lifeboat.dr.plugins"


@dataclasses.dataclass(frozen=True)
class Ended:
    """What a process wrote, and its exit status; negative is the signal that ended it."""

    output: str
    errors: str
    status: int


class ModuleServer:
    """The process that forks. ``environment`` is the one in which it imports; runs get their own."""

    def __init__(self, environment: t.Mapping[str, str]) -> None:
        self._lock = threading.Lock()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__], stdin=theirs, env=dict(environment), cwd="/", start_new_session=True
            )

    def run(self, module: str, arguments: str, environment: t.Mapping[str, str], *, timeout: float) -> Ended:
        """Run the module with this on its standard input.

        Raises subprocess.TimeoutExpired, when it has been killed after ``timeout`` seconds.
        """
        with contextlib.ExitStack() as stack:
            given = stack.enter_context(open(os.memfd_create("arguments"), "w+b"))
            given.write(arguments.encode())
            given.seek(0)
            pipes = [os.pipe() for _pipe in range(3)]
            ours = [stack.enter_context(open(read, "rb", buffering=0)) for read, _write in pipes]
            request = json.dumps({"module": module, "environment": dict(environment)}).encode()
            with self._lock:
                socket.send_fds(self._socket, [request], [given.fileno(), *(write for _read, write in pipes)])
            for _read, write in pipes:
                os.close(write)
            pid = int(_line(ours[2]))
            return self._collect(ours[0], ours[1], ours[2], pid, timeout)

    @staticmethod
    def _collect(output: t.BinaryIO, errors: t.BinaryIO, state: t.BinaryIO, pid: int, timeout: float) -> Ended:
        end = time.monotonic() + timeout
        said: dict[int, bytes] = {stream.fileno(): b"" for stream in (output, errors)}
        with selectors.DefaultSelector() as waiting:
            for stream in (output, errors):
                waiting.register(stream, selectors.EVENT_READ)
            while waiting.get_map():
                ready = waiting.select(max(end - time.monotonic(), 0))
                if not ready:
                    os.kill(pid, signal.SIGKILL)
                    raise subprocess.TimeoutExpired("module", timeout, *said.values())
                for key, _events in ready:
                    piece = os.read(key.fd, 1 << 20)
                    said[key.fd] += piece
                    if not piece:
                        waiting.unregister(key.fileobj)
        status = int(_line(state))
        return Ended(said[output.fileno()].decode(), said[errors.fileno()].decode(), status)

    def close(self) -> None:
        """End the server; what it forked and still runs goes on."""
        self._socket.close()
        self._process.wait(timeout=30)


def _line(stream: t.BinaryIO) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        piece = stream.read(1)
        if not piece:
            raise AssertionError("The server of modules has gone")
        line += piece
    return line


def _serve(requests: socket.socket) -> str | None:
    """Fork for each request. In the fork: the module to run. In the server, when the tests have gone: None."""
    running: dict[int, tuple[int, int]] = {}  # by the file of the process: its number, and where its state is written
    with selectors.DefaultSelector() as waiting:
        waiting.register(requests, selectors.EVENT_READ)
        while True:
            for key, _events in waiting.select():
                if key.fd in running:
                    waiting.unregister(key.fd)
                    pid, state = running.pop(key.fd)
                    os.close(key.fd)
                    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                    with contextlib.suppress(BrokenPipeError), open(state, "wb", buffering=0) as file:
                        file.write(b"%d\n" % code)
                    continue
                request, files, _flags, _address = socket.recv_fds(requests, _LONGEST_REQUEST, 4)
                if not request:
                    return None
                pid = os.fork()
                if pid == 0:
                    _become(files[:3], json.loads(request)["environment"])
                    requests.close()
                    for file in [*files, *running, *(state for _pid, state in running.values())]:
                        os.close(file)
                    return str(json.loads(request)["module"])
                for file in files[:3]:
                    os.close(file)
                os.write(files[3], b"%d\n" % pid)
                watched = os.pidfd_open(pid)
                running[watched] = (pid, files[3])
                waiting.register(watched, selectors.EVENT_READ)


def _become(standard: t.Sequence[int], environment: t.Mapping[str, str]) -> None:
    """In the fork: be as a process that has just been started with these files and this environment."""
    for number, file in enumerate(standard):
        os.dup2(file, number)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()


def main() -> None:
    """Import everything, serve, and be the module that was asked for."""
    sys.path[0] = "/"  # as for "python -m" there
    requests = socket.socket(fileno=os.dup(0))
    for name in _LIBRARIES:
        importlib.import_module(name)
    work = importlib.import_module(f"{_PACKAGE}.module_utils._work")
    for path in sorted(pathlib.Path(work.__path__[0]).glob("_[!_]*.py")):
        importlib.import_module(f"{work.__name__}.{path.stem}")
    gc.freeze()
    module = _serve(requests)
    if module is not None:
        runpy.run_module(f"{_PACKAGE}.modules.{module}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
