# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Runs gpg: its arguments, its passphrase, its streams, and what it says.

What gpg says to machines is described in doc/DETAILS of GnuPG, sections "Format of the --status-fd output" and
"--with-colons".
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import select
import subprocess
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import MissingRequirementError, SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto._secret_files import Passphrase
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._process import PIPE_BYTES, Program

_STATUS = "[GNUPG:] "
_SHOWN_LINES = 4
_CHILD_VARIABLES = ("PATH", "LD_LIBRARY_PATH")


@dataclasses.dataclass(frozen=True)
class GpgResult:
    """How a run of gpg ended. ``status`` holds the words of each status line, ``said`` its last lines for people."""

    exit_code: int
    read_everything: bool
    status: tuple[tuple[str, ...], ...]
    said: str

    def values(self, keyword: str) -> list[str]:
        """The first argument of every status line with this keyword."""
        return [(words + ("",))[1] for words in self.status if words[0] == keyword]

    def has(self, keyword: str) -> bool:
        """Whether there is a status line with this keyword."""
        return any(words[0] == keyword for words in self.status)


class Gpg:
    """One start of gpg as a filter: iterate ``stream``, then look at ``outcome``, which is there when the stream has
    ended.
    """

    def __init__(
        self,
        home: str,
        arguments: t.Sequence[str],
        *,
        passphrase: Passphrase | None = None,
        deadline: Deadline | None = None,
    ) -> None:
        self.outcome = GpgResult(-1, False, (), "")
        self._home = home
        self._arguments = list(arguments)
        self._passphrase = passphrase
        self._deadline = deadline or Deadline()

    def stream(self, pieces: t.Iterator[bytes]) -> t.Iterator[bytes]:
        """What gpg makes of ``pieces``. Ends whatever gpg's exit code is; closing it kills gpg."""
        with _passphrase_pipe(self._passphrase) as descriptor:
            asking = ["--pinentry-mode", "loopback", "--passphrase-fd", str(descriptor)]
            command = gpg_command(self._home, *asking, "--status-fd", "2", *self._arguments)
            with _start(command, self._home, stdin=subprocess.PIPE, pass_fds=[descriptor]) as program:
                read_everything = yield from _pumped(program, pieces, self._deadline)
                self.outcome = _outcome(program, self._deadline, read_everything)


def gpg_command(home: str, *arguments: str) -> list[str]:
    """An argument list that asks nobody and takes nothing from anybody's gpg.conf."""
    return ["gpg", "--homedir", home, "--no-options", "--batch", "--no-tty", "--no-permission-warning", *arguments]


def environment(home: str) -> dict[str, str]:
    """The least that gpg needs: nothing of this process's environment, which may hold a passphrase, goes to it or to
    its agent.
    """
    kept = {name: os.environ[name] for name in _CHILD_VARIABLES if name in os.environ}
    return {**kept, "HOME": home, "LC_ALL": "C.UTF-8"}


def ask(home: str, *arguments: str, deadline: Deadline | None = None) -> tuple[str, GpgResult]:
    """Run gpg without input; what it printed, and how it ended."""
    with _start(gpg_command(home, "--status-fd", "2", *arguments), home, stdin=subprocess.DEVNULL) as program:
        printed = bytearray()
        deadline = deadline or Deadline(60)
        with contextlib.suppress(SourceError):  # its exit code is in the outcome
            for piece in program.read(deadline):
                printed += piece
        return printed.decode("utf-8", "replace"), _outcome(program, deadline, True)


def _start(command: list[str], home: str, *, stdin: int, pass_fds: t.Sequence[int] = ()) -> Program:
    try:
        return Program(command, environment=environment(home), stdin=stdin, pass_fds=pass_fds)
    except MissingRequirementError:
        raise MissingRequirementError(
            "The program gpg is not on this host, and encryption.engine is gpg.",
            hint=(
                "Install GnuPG 2.2 or newer there (Debian: apt-get install gnupg), or use engine age, which needs a "
                "Python library only."
            ),
        ) from None


def _pumped(program: Program, pieces: t.Iterator[bytes], deadline: Deadline) -> t.Generator[bytes, None, bool]:
    """Write ``pieces`` and give what comes back; whether the program took everything.

    No thread: ``pieces`` is read by whoever reads this, so its errors come out unchanged. While gpg takes more, it is
    fed; it is read when it does not, which makes for large reads.
    """
    source, sink = program.process.stdin, program.process.stdout
    if source is None or sink is None:
        raise AssertionError("gpg was started without pipes")
    os.set_blocking(source.fileno(), False)
    rest = memoryview(b"")
    while True:
        if not rest and not source.closed:
            piece = next(pieces, None)
            if piece is None:
                source.close()
            rest = memoryview(piece or b"")
            if not rest and not source.closed:
                continue
        readable, writable, _none = select.select(
            [sink], [] if source.closed else [source], [], deadline.remaining(1.0)
        )
        if writable:
            try:
                rest = rest[os.write(source.fileno(), rest) :]
            except BrokenPipeError:  # it has ended: its outcome says why
                source.close()
        elif readable:
            piece = os.read(sink.fileno(), PIPE_BYTES)
            if not piece:
                return source.closed and not rest
            yield piece
        deadline.check("gpg")


def _outcome(program: Program, deadline: Deadline, read_everything: bool) -> GpgResult:
    with contextlib.suppress(SourceError):  # its exit code is looked at below
        program.wait(deadline)
    lines = program.stderr.splitlines()
    status = tuple(tuple(line[len(_STATUS) :].split()) for line in lines if line.startswith(_STATUS))
    said = [line for line in lines if line and not line.startswith(_STATUS) and "no gpg-agent running" not in line]
    return GpgResult(program.process.returncode, read_everything, status, "; ".join(said[-_SHOWN_LINES:]))


@contextlib.contextmanager
def _passphrase_pipe(passphrase: Passphrase | None) -> t.Iterator[int]:
    """The read end of a pipe that holds the passphrase: neither argument lists nor environments nor files ever show it.

    Without a passphrase it holds an empty line, which makes gpg say that the passphrase is wrong where it would try to
    ask for one.
    """
    read_end, write_end = os.pipe()
    try:
        try:
            os.write(write_end, (passphrase.read() if passphrase else "").encode("utf-8") + b"\n")
        finally:
            os.close(write_end)
        yield read_end
    finally:
        os.close(read_end)
