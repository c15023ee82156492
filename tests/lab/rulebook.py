# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ansible-rulebook, in an environment of its own, which is made once and kept in the user's cache."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

from tests.lab.cache import user_cache
from tests.lab.throwaway import LabError

ROOT = pathlib.Path(__file__).parents[2]
_REQUIREMENTS = ROOT / "requirements-eda.txt"


def java_home() -> str | None:
    """The folder of a Java for its rule engine; None where there is none."""
    java = shutil.which("java")
    return str(pathlib.Path(os.path.realpath(java)).parents[1]) if java else None


def programs() -> pathlib.Path:
    """The folder of its programs. Raises LabError when they cannot be installed."""
    wanted = hashlib.sha256(_REQUIREMENTS.read_bytes()).hexdigest()[:12]
    place = user_cache("eda") / wanted
    place.parent.mkdir(parents=True, exist_ok=True)
    with open(place.parent / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "whole").exists():
            shutil.rmtree(place, ignore_errors=True)
            _run([sys.executable, "-m", "venv", str(place)])
            _run([str(place / "bin" / "pip"), "install", "--quiet", "-r", str(_REQUIREMENTS)])
            (place / "whole").touch()
    return place / "bin"


def _run(command: list[str]) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=500, check=False)
    if done.returncode:
        raise LabError(f"{' '.join(command[:4])} failed: {done.stderr.strip()[-1000:]}")
