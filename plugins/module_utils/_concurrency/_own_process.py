# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Runs a function of ours in a process beside us, as the threads of one Python share one processor.

The process is a new Python, which imports what it needs: a quarter of a second, in which this one goes on. A fork would
be at work at once, but may hold for ever a lock that another thread had taken.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._unnamed_file import unnamed_file

_CALL = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from {0} import main; main(*map(int, sys.argv[2:]))"
_SHOWN_BYTES = 2000


class OwnProcess:
    """A process that runs one of our functions.

    ``stdin`` and ``stdout``, not buffered, lead to its 0 and from its 1.
    """

    def __init__(self, module: str, numbers: t.Sequence[int], pass_fds: t.Collection[int]) -> None:
        self._said = unnamed_file()  # what it says when it fails; a pipe would need a reader
        # The path is ours, wherever Ansible has put the collection, so site has nothing to do for it.
        command = [sys.executable, "-S", "-c", _CALL.format(module), json.dumps(sys.path), *map(str, numbers)]
        pipe = subprocess.PIPE
        try:
            # run_command gives what a program wrote after its end; this one is spoken with while it runs.
            self._process = subprocess.Popen(  # pylint: disable=ansible-bad-function
                command, stdin=pipe, stdout=pipe, stderr=self._said, pass_fds=tuple(pass_fds), bufsize=0
            )
        except OSError:
            self._said.close()
            raise
        self.pid = self._process.pid
        self.stdin = t.cast("t.IO[bytes]", self._process.stdin)
        self.stdout = t.cast("t.IO[bytes]", self._process.stdout)

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None as long as it runs. Any thread may ask."""
        return self._process.poll()

    def wait(self) -> int:
        """The same, when it has ended."""
        return self._process.wait()

    def kill(self) -> None:
        """End it at once, if it still runs; what reads from it sees the end.

        Any thread may do it, also several at a time.
        """
        self._process.kill()

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


def start(module: str, *numbers: int, pass_fds: t.Collection[int] = ()) -> OwnProcess:
    """Call ``main`` of one of our modules with these numbers.

    It gets these descriptors, and no others. Raises OSError.
    """
    return OwnProcess(module, numbers, pass_fds)
