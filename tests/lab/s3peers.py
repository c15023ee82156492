# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Other programs that compare two buckets, ``rclone`` and ``aws``, in a virtual environment of their own.

Only the benchmark needs them.
"""

from __future__ import annotations

import contextlib
import fcntl
import pathlib
import shutil
import subprocess
import sys

from tests.lab.cache import user_cache
from tests.lab.throwaway import LabError, MissingPrerequisiteError

_REQUIREMENTS = pathlib.Path(__file__).with_name("requirements-s3peers.txt")
_ENVIRONMENT = user_cache("s3peers")


def ensure_installed() -> pathlib.Path:
    """The folder of the programs, which are installed, once, when they are not there or have another version."""
    programs = _ENVIRONMENT / "bin"
    wanted = _REQUIREMENTS.read_text(encoding="utf-8")
    stamp = _ENVIRONMENT / "installed.txt"
    _ENVIRONMENT.parent.mkdir(parents=True, exist_ok=True)
    with open(_ENVIRONMENT.with_suffix(".lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if stamp.read_text(encoding="utf-8") == wanted:
                return programs
        shutil.rmtree(_ENVIRONMENT, ignore_errors=True)
        if subprocess.run(
            [sys.executable, "-m", "venv", str(_ENVIRONMENT)], check=False, capture_output=True
        ).returncode:
            raise MissingPrerequisiteError(
                "Python cannot make virtual environments here. Install the Debian package python3-venv."
            )
        pip = [str(programs / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run([*pip, "--requirement", str(_REQUIREMENTS)], check=False, capture_output=True, text=True)
        if done.returncode:
            raise LabError(f"pip could not install the programs of {_REQUIREMENTS.name}: {done.stderr.strip()}")
        stamp.write_text(wanted, encoding="utf-8")
    return programs


if __name__ == "__main__":
    ensure_installed()
