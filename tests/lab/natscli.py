# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The real ``nats`` command line, built once from its Go module (about a minute) into the user's cache folder.

Only tests need it.
"""

from __future__ import annotations

import fcntl
import functools
import pathlib
import shutil
import subprocess
import sys
import tempfile

from tests.lab.cache import user_cache

VERSION = "v0.3.0"
_MODULE = "github.com/nats-io/natscli"
_LARGEST_MINUTES = 10


@functools.lru_cache(maxsize=1)
def find_or_build() -> pathlib.Path | None:
    """The program; None, after one line that says why, where Go is missing or cannot build it."""
    go = shutil.which("go") or shutil.which("/usr/local/go/bin/go") or shutil.which("/usr/lib/go/bin/go")
    program = user_cache(f"nats-{VERSION}")
    if program.exists():
        return program
    if go is None:
        return _missing("Go is not on this machine")
    program.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{program}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return program if program.exists() else _build(go, program)


def _build(go: str, program: pathlib.Path) -> pathlib.Path | None:
    # "go install …@version" asks for the list of all versions, which not every module proxy serves: so a module of its
    # own that needs it.
    with tempfile.TemporaryDirectory(prefix="lifeboat-natscli-") as folder:
        pathlib.Path(folder, "go.mod").write_text(
            f"module lab\n\ngo 1.24\n\nrequire {_MODULE} {VERSION}\n", encoding="utf-8"
        )
        partial = program.with_suffix(".partial")
        command = [go, "build", "-mod=mod", "-trimpath", "-o", str(partial), f"{_MODULE}/nats"]
        try:
            done = subprocess.run(
                command, cwd=folder, check=False, capture_output=True, text=True, timeout=_LARGEST_MINUTES * 60
            )
        except subprocess.TimeoutExpired:
            return _missing(f"building it took more than {_LARGEST_MINUTES} minutes")
        if done.returncode:
            return _missing(f"it could not be built: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")
        partial.rename(program)
    return program


def _missing(why: str) -> None:
    print(f"The nats command line {VERSION} is not there, so tests with it are skipped: {why}.", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(0 if find_or_build() else 1)
