# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Runs a function of ours in a process beside us, as the threads of one Python share one processor.

The process is a fork of this one where that is safe, which is at work at once and shares the memory of all that was
imported. Where other threads run, which may hold a lock that nobody would ever give back in a fork, it is a new Python
that imports everything again.
"""

from __future__ import annotations

import abc
import contextlib
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import traceback
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._unnamed_file import unnamed_file

_CALL = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from {0} import main; main(*map(int, sys.argv[2:]))"
_SHOWN_BYTES = 2000
_OPEN_FILES = "/dev/fd"


class OwnProcess(abc.ABC):
    """A process that runs one of our functions.

    ``stdin`` and ``stdout``, not buffered, lead to its 0 and from its 1.
    """

    pid: int
    stdin: t.IO[bytes]
    stdout: t.IO[bytes]

    def __init__(self) -> None:
        self._said = unnamed_file()  # what it says when it fails; a pipe would need a reader

    @abc.abstractmethod
    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None as long as it runs. Any thread may ask."""

    @abc.abstractmethod
    def wait(self) -> int:
        """The same, when it has ended."""

    @abc.abstractmethod
    def kill(self) -> None:
        """End it at once, if it still runs; what reads from it sees the end.

        Any thread may do it, also several at a time.
        """

    def words(self) -> str:
        """The end of what it said, until it is closed."""
        if self._said.closed:
            return ""
        self._said.seek(max(0, self._said.seek(0, os.SEEK_END) - _SHOWN_BYTES))
        return self._said.read().decode("utf-8", "replace").strip()

    def close(self) -> None:
        """End it, and close everything."""
        self.kill()
        self.wait()
        for file in (self.stdin, self.stdout, self._said):
            file.close()


def may_fork() -> bool:
    """Whether ``start`` would fork now, which costs next to nothing."""
    return threading.active_count() == 1 and os.path.isdir(_OPEN_FILES)


def start(module: str, *numbers: int, pass_fds: t.Collection[int] = ()) -> OwnProcess:
    """Call ``main`` of one of our modules with these numbers.

    It gets these descriptors, and no others. Raises OSError.
    """
    return (_Forked if may_fork() else _Started)(module, numbers, pass_fds)


class _Started(OwnProcess):
    """A new Python."""

    def __init__(self, module: str, numbers: t.Sequence[int], pass_fds: t.Collection[int]) -> None:
        super().__init__()
        # The path is ours, wherever Ansible has put the collection, so site has nothing to do for it.
        command = [sys.executable, "-S", "-c", _CALL.format(module), json.dumps(sys.path), *map(str, numbers)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=self._said, pass_fds=tuple(pass_fds), bufsize=0
        )
        self.pid = self._process.pid
        self.stdin, self.stdout = (
            t.cast("t.IO[bytes]", self._process.stdin),
            t.cast("t.IO[bytes]", self._process.stdout),
        )

    def poll(self) -> int | None:
        return self._process.poll()

    def wait(self) -> int:
        return self._process.wait()

    def kill(self) -> None:
        self._process.kill()


class _Forked(OwnProcess):
    """A fork of this process. Only the thread that forks lives on in it."""

    def __init__(self, module: str, numbers: t.Sequence[int], pass_fds: t.Collection[int]) -> None:
        super().__init__()
        self._code: int | None = None
        self._reaping = threading.Lock()
        stdin, self.stdin = _pipe()
        self.stdout, stdout = _pipe()
        with stdin, stdout:
            gc.freeze()  # a look for garbage would write into every object, and so copy the page that it is in
            self.pid = os.fork()
            if self.pid == 0:
                self._live((stdin, stdout, self._said), pass_fds, module, numbers)

    def _live(
        self, standard: t.Iterable[t.IO[bytes]], pass_fds: t.Iterable[int], module: str, numbers: t.Sequence[int]
    ) -> t.NoReturn:
        """In the fork. Nothing of the caller's goes on: neither its clean-up nor its output."""
        code = 1
        try:
            for number in (signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            for place, file in enumerate(standard):
                os.dup2(file.fileno(), place)
            _let_go({0, 1, 2, *pass_fds})
            importlib.import_module(module).main(*numbers)
            code = 0
        except BaseException:
            os.write(2, traceback.format_exc().encode())
        finally:
            os._exit(code)

    def poll(self) -> int | None:
        with self._reaping:
            if self._code is None:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    self._code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
            return self._code

    def wait(self) -> int:
        with contextlib.suppress(ChildProcessError):  # it has been waited for before
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        return t.cast(int, self.poll())

    def kill(self) -> None:
        with self._reaping:  # until it is reaped its number is nobody else's
            if self._code is None:
                os.kill(self.pid, signal.SIGKILL)


def _let_go(kept: t.Container[int]) -> None:
    """Hold no lock, connection or pipe of the caller's open.

    Their numbers stay taken, as the objects that know them are still there.
    """
    null = os.open(os.devnull, os.O_RDWR)
    for fd in map(int, os.listdir(_OPEN_FILES)):
        if fd not in kept and fd != null:
            os.dup2(null, fd)


def _pipe() -> tuple[t.IO[bytes], t.IO[bytes]]:
    end, beginning = os.pipe()
    return open(end, "rb", buffering=0), open(beginning, "wb", buffering=0)
