# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the proof of every kind of store has to do: end in a report also where its server dies, and say where it has
compared nothing.
"""

from __future__ import annotations

import collections.abc
import contextlib
import json
import os
import pathlib
import re
import signal
import threading
import types
import typing as t

Result = dict[str, t.Any]


class Killing:
    """Use it as a context manager: meanwhile every process of these programs that has the folder in its command line is
    killed as soon as it is seen.
    """

    def __init__(self, folder: pathlib.Path, programs: collections.abc.Collection[str]) -> None:
        self.killed = 0
        self._folder = os.fsencode(folder)
        self._programs = programs
        self._stop = threading.Event()
        self._others = set(pathlib.Path("/proc").glob("[0-9]*"))  # who was there before is never looked at again
        self._thread = threading.Thread(target=self._kill_until_stopped, daemon=True)

    def __enter__(self) -> Killing:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _kill_until_stopped(self) -> None:
        # A scratch server may live for a fifth of a second only, and a busy machine lets this thread wait for longer.
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), -20)
        while not self._stop.wait(0.002):
            for process in set(pathlib.Path("/proc").glob("[0-9]*")) - self._others:
                with contextlib.suppress(OSError):
                    # Not the first argument: Redis writes another title over its arguments, with a path in it.
                    program = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
                    if program in self._programs and self._folder in (process / "cmdline").read_bytes():
                        os.kill(int(process.name), signal.SIGKILL)
                        self.killed += 1


def ends_in_a_report(
    engine: str, verify: collections.abc.Callable[..., Result], folder: pathlib.Path, *programs: str
) -> dict[str, str]:
    """Prove a backup of this engine while its servers are killed. Gives the status of each check of the report.

    ``folder`` becomes the ``scratch_dir``. Without ``programs`` nobody is killed: then ``verify`` meets a server that
    is dead already.
    """
    with Killing(folder, programs) as killing:
        given: dict[str, t.Any] = {"scratch_dir": str(folder)} if programs else {}
        result = verify(report_dir=str(folder / "reports"), **given)
    assert bool(killing.killed) == bool(programs), f"nobody was killed: {result}"
    assert result.get("failed"), result
    assert "does not know what to do" not in result["msg"], result
    (proof, *_others) = result.get("proofs") or [result]
    files = proof.get("report_files") or result.get("details", {}).get("report_files")
    assert files, f"{engine} has left no report: {result['msg']}"
    checks = json.loads(pathlib.Path(files["json"]).read_bytes())["checks"]
    assert any(check["status"] in ("error", "failed") and check["message"] for check in checks), checks
    return {check["id"]: check["status"] for check in checks}


def says_that_nothing_was_compared(engine: str, result: Result) -> None:
    """The proof of an empty backup: one that passed says in its first sentence that it is about nothing."""
    if result.get("failed"):
        return
    words = result["summary"]
    assert "nothing was compared" in words or re.search(r" with 0 \w+ equal", words), f"{engine}: {words}"
