# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prometheus, Alertmanager, the node exporter and promtool, out of Debian's packages, on loopback.

The packages are unpacked and not installed: nothing is enabled, no account is made, no port is taken.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import shutil
import subprocess
import typing as t

from tests.lab import throwaway
from tests.lab.cache import user_cache
from tests.lab.throwaway import MissingPrerequisiteError

_PACKAGES = {
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "prometheus-node-exporter": "prometheus-node-exporter",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "amtool": "prometheus-alertmanager",
}


def program(name: str) -> str:
    """The path of a program; its package is fetched and unpacked in the user's cache where it is not installed.

    Raises MissingPrerequisiteError.
    """
    installed = shutil.which(name)
    return installed or str(_unpacked(_PACKAGES[name]) / "usr" / "bin" / name)


def _unpacked(package: str) -> pathlib.Path:
    root = user_cache("prometheus") / package
    root.parent.mkdir(parents=True, exist_ok=True)
    with open(root.parent / f"{package}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if root.is_dir():
            return root
        with _folder() as folder:
            _run(["apt-get", "-q", "download", package], folder, package)
            (archive,) = pathlib.Path(folder).glob("*.deb")
            _run(["dpkg", "-x", str(archive), f"{root}.new"], folder, package)
        os.rename(f"{root}.new", root)
    return root


@contextlib.contextmanager
def _folder() -> t.Iterator[str]:
    folder = throwaway.Folder("debs")
    try:
        yield folder.path
    finally:
        folder.remove()


def _run(command: list[str], folder: str, package: str) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    except FileNotFoundError as error:
        raise MissingPrerequisiteError(f"{error.filename} is not here. Install the Debian package {package}.") from None
    if done.returncode:
        raise MissingPrerequisiteError(
            f"{command[0]} could not get the Debian package {package}: {done.stderr.strip()[-300:]}"
        )


def check_metrics(content: bytes) -> str:
    """What ``promtool check metrics`` finds; empty where it finds nothing."""
    done = subprocess.run(
        [program("promtool"), "check", "metrics"], input=content, capture_output=True, check=False, timeout=60
    )
    return (
        "" if done.returncode == 0 else (done.stdout + done.stderr).decode("utf-8", "replace") or str(done.returncode)
    )
