# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Runs a program whose output, or input, is a stream of bytes, and never takes its end for success.

``AnsibleModule.run_command`` gives the output only when the program has ended, so streams need their own start.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import threading
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import MissingRequirementError, SourceError

PIPE_BYTES = 1 << 20
_F_SETPIPE_SZ = 1031  # fcntl.F_SETPIPE_SZ, which Python 3.9 does not name
_STDERR_BYTES = 64 * 1024
_GRACE_SECONDS = 5.0


class Program:
    """A running program. Use it as a context manager: leaving it ends the program, however it is left."""

    def __init__(
        self,
        arguments: t.Sequence[str | bytes],
        *,
        environment: t.Mapping[str, str] | None = None,
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.PIPE,
        user: str | int | None = None,
        group: str | int | None = None,
        pass_fds: t.Sequence[int] = (),
        cwd: str | None = None,
        output_buffer_bytes: int = 0,
        takes_line: t.Callable[[str], bool] | None = None,
    ) -> None:
        """``takes_line`` is asked about each line of standard error, in a thread of its own; what it takes is not part
        of ``stderr``.
        """
        self.name = os.fsdecode(os.path.basename(arguments[0]))
        arguments = [*_buffered(output_buffer_bytes), *arguments]
        identity: dict[str, t.Any] = {} if user is None else {"user": user, "group": group, "extra_groups": []}
        try:
            # run_command gives what a program wrote after its end, and from memory; here streams of any size pass.
            self.process = subprocess.Popen(  # pylint: disable=ansible-bad-function
                list(arguments),
                env=dict(environment) if environment is not None else None,
                stdin=stdin,
                stdout=stdout,
                stderr=subprocess.PIPE,
                pass_fds=tuple(pass_fds),
                cwd=cwd,
                bufsize=0,
                start_new_session=True,
                **identity,
            )
        except FileNotFoundError:
            raise MissingRequirementError(f"The program {os.fsdecode(arguments[0])} is not on this host.") from None
        except PermissionError:
            raise MissingRequirementError(
                f"The program {os.fsdecode(arguments[0])} may not be run by this user."
            ) from None
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                _enlarge_pipe(stream.fileno())
        self._stderr = bytearray()
        self._takes_line = takes_line
        self._stderr_reader = threading.Thread(target=self._read_stderr, name=f"{self.name} stderr", daemon=True)
        self._stderr_reader.start()

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    @property
    def stderr(self) -> str:
        """What the program said, its last 64 KiB."""
        return self._stderr.decode("utf-8", "replace").strip()

    def read(self, deadline: Deadline, chunk_bytes: int = PIPE_BYTES) -> t.Iterator[bytes]:
        """The program's output. Ends only when the program has exited with 0; raises SourceError otherwise."""
        buffer = memoryview(bytearray(chunk_bytes))
        while count := self.read_into(buffer, deadline):
            yield bytes(buffer[:count])
            if count < chunk_bytes:
                break
        self.wait(deadline)

    def lines(self, deadline: Deadline) -> t.Iterator[bytes]:
        """The program's output line by line, each as soon as it is there and without its end; ends as ``read`` does."""
        if self.process.stdout is None:
            raise AssertionError(f"{self.name} was started without an output")
        descriptor, rest = self.process.stdout.fileno(), b""
        while True:
            deadline.check(self.name)
            if not select.select([descriptor], [], [], deadline.remaining(1.0))[0]:
                continue
            piece = os.read(descriptor, 1 << 16)
            if not piece:
                break
            *whole, rest = (rest + piece).split(b"\n")
            yield from whole
        if rest:
            yield rest
        self.wait(deadline)

    def read_into(self, buffer: memoryview, deadline: Deadline) -> int:
        """Fill the buffer with the program's next bytes, and give their number: less than its size only at the end.

        A pipe gives a few KiB at a time, and each piece costs hand-overs. The end says nothing of success: ``wait``
        does.
        """
        if self.process.stdout is None:
            raise AssertionError(f"{self.name} was started without an output")
        descriptor, filled = self.process.stdout.fileno(), 0
        while filled < len(buffer):
            deadline.check(self.name)
            if select.select([descriptor], [], [], deadline.remaining(1.0))[0]:
                count = os.readv(descriptor, [buffer[filled:]])
                if not count:
                    break
                filled += count
        return filled

    def write(self, pieces: t.Iterable[bytes], deadline: Deadline) -> None:
        """Give the program its input, close it, and wait.

        Raises SourceError when the program fails; an error of ``pieces`` stops it.
        """
        if self.process.stdin is None:
            raise AssertionError(f"{self.name} was started without an input")
        descriptor = self.process.stdin.fileno()
        os.set_blocking(descriptor, False)
        try:
            for piece in pieces:
                self._write_all(descriptor, piece, deadline)
            self.process.stdin.close()
        except BrokenPipeError:
            pass  # it went away: its exit code and its own words say why
        self.wait(deadline)

    def _write_all(self, descriptor: int, piece: bytes, deadline: Deadline) -> None:
        view = memoryview(piece)
        while view:
            if not select.select([], [descriptor], [], deadline.remaining(1.0))[1]:
                deadline.check(self.name)
                continue
            view = view[os.write(descriptor, view) :]

    def wait(self, deadline: Deadline) -> None:
        """Wait for a good end. Raises SourceError with what the program said otherwise."""
        while True:
            try:
                code = self.process.wait(timeout=max(0.01, deadline.remaining(1.0)))
                break
            except subprocess.TimeoutExpired:
                deadline.check(self.name)
        self._stderr_reader.join(timeout=_GRACE_SECONDS)
        if code:
            raise SourceError(
                f"{self.name} failed ({_exit_words(code)}): {self.stderr or 'it said nothing'}.",
                details={"program": self.name, "exit_code": code, "stderr": self.stderr},
            )

    def stop(self) -> None:
        """End the program and all that it started, if it still runs."""
        if self.process.poll() is None:
            for number in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(self.process.pid, number)
                except (ProcessLookupError, PermissionError):
                    self.process.kill()
                try:
                    self.process.wait(timeout=_GRACE_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    continue
        self._stderr_reader.join(timeout=_GRACE_SECONDS)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    def _read_stderr(self) -> None:
        if self.process.stderr is None:
            return
        with contextlib.suppress(OSError, ValueError):  # closed while a child of the program still held it open
            unfinished = b""
            while piece := os.read(self.process.stderr.fileno(), 4096):
                *lines, unfinished = (unfinished + piece).splitlines(keepends=True)
                if unfinished.endswith((b"\n", b"\r")) or len(unfinished) > _STDERR_BYTES:
                    lines, unfinished = [*lines, unfinished], b""
                self._keep(lines)
            self._keep([unfinished])

    def _keep(self, lines: t.Iterable[bytes]) -> None:
        for line in lines:
            if self._takes_line is None or not self._takes_line(line.decode("utf-8", "replace")):
                self._stderr += line
        del self._stderr[:-_STDERR_BYTES]


def run(
    arguments: t.Sequence[str | bytes],
    *,
    environment: t.Mapping[str, str] | None = None,
    deadline: Deadline | None = None,
    user: str | int | None = None,
    group: str | int | None = None,
    cwd: str | None = None,
    takes_line: t.Callable[[str], bool] | None = None,
) -> str:
    """Run a short program to its good end and return its output.

    Raises SourceError, MissingRequirementError or DeadlineError.
    """
    with Program(arguments, environment=environment, user=user, group=group, cwd=cwd, takes_line=takes_line) as program:
        return b"".join(program.read(deadline or Deadline(300))).decode("utf-8", "replace")


def start_apart(arguments: t.Sequence[str], *, environment: t.Mapping[str, str], log: str) -> None:
    """Start a program that outlives us, in a session of its own. What it says is added to the file ``log``."""
    with open(log, "ab") as output:
        subprocess.Popen(  # pylint: disable=ansible-bad-function,consider-using-with
            list(arguments),
            env=dict(environment),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def _buffered(size: int) -> list[str]:
    """What makes a program write in pieces of this size: the C library's 4 KiB cost a switch of process each.

    Else nothing.
    """
    stdbuf = shutil.which("stdbuf") if size else None
    return [stdbuf, f"--output={size}"] if stdbuf else []


def _enlarge_pipe(descriptor: int) -> None:
    """Fewer switches between the two programs; refused beyond the user's quota, and then the default does."""
    import fcntl

    try:
        fcntl.fcntl(descriptor, _F_SETPIPE_SZ, PIPE_BYTES)
    except OSError:
        return


def _exit_words(code: int) -> str:
    return f"exit code {code}" if code > 0 else f"killed by signal {-code}"
