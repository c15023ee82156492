# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every throw-away server needs: a folder of its own, a free port, and an end that comes even when the tests are
killed.
"""

from __future__ import annotations

import collections
import contextlib
import fcntl
import glob
import os
import pathlib
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import typing as t

PREFIX = "lifeboat-lab-"
MOUNT_POINT = "mounted"  # where a folder may carry a file system of its own


class LabError(Exception):
    """A server of the lab did not do what was asked."""


class MissingPrerequisiteError(LabError):
    """Something that the lab needs is not on this machine. The message names the Debian package."""


class Folder:
    """A folder of mode 0700, removed by ``remove``, or, when its owner was killed, by the next ``Folder`` that is made.

    ``user`` names the owner. The path is short on purpose: a Unix socket's path may have 107 bytes (unix(7)).
    """

    def __init__(self, kind: str, *, base_dir: str = "/var/tmp", user: str | None = None) -> None:
        _remove_abandoned(base_dir)
        unlocked = tempfile.mkdtemp(prefix=f".{PREFIX}", dir=base_dir)
        self._lock = os.open(f"{unlocked}/.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.path = os.path.join(base_dir, f"{PREFIX}{kind}-{unlocked[-8:]}")
        os.rename(unlocked, self.path)  # only now can another session see it, and it is locked
        if user:
            account = pwd.getpwnam(user)
            os.chown(self.path, account.pw_uid, account.pw_gid)

    def remove(self) -> None:
        """Remove it with all it holds. May be called twice."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _remove_abandoned(base_dir: str) -> None:
    for folder in glob.glob(f"{glob.escape(base_dir)}/{PREFIX}*"):
        with contextlib.suppress(OSError):
            lock = os.open(f"{folder}/.lock", os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.ismount(f"{folder}/{MOUNT_POINT}"):
                    unmount(f"{folder}/{MOUNT_POINT}")
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


def unmount(path: str) -> None:
    """Unmount a file system; one that is still in use goes away with its last user."""
    if subprocess.run(["umount", path], check=False, capture_output=True).returncode:
        subprocess.run(["umount", "--lazy", path], check=True, capture_output=True)


_claims: collections.deque[socket.socket] = collections.deque(maxlen=64)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody uses, and that nobody else is given while its server starts.

    It lies below the ports that the kernel gives to outgoing connections, any of which could take it before the server
    does. Other processes of the tests are kept away by a name in the abstract namespace of unix(7), which goes away
    with this process.
    """
    first_outgoing = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    candidates = range(first_outgoing - 12000, first_outgoing) if first_outgoing > 20000 else range(20000, 32000)
    for port in random.sample(candidates, len(candidates)):
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with socket.socket() as probe, contextlib.suppress(OSError):
            claim.bind(f"\0lifeboat-port-{port}")
            probe.bind(("127.0.0.1", port))
            _claims.append(claim)  # the oldest is dropped: its server holds the port by now, or has ended
            return port
        claim.close()
    raise RuntimeError("no free port of 127.0.0.1")


def start(
    command: t.Sequence[str],
    *,
    log: str,
    user: str | None = None,
    environment: t.Mapping[str, str] | None = None,
    cwd: str = "/",
    end_signal: str = "SIGTERM",
) -> subprocess.Popen[bytes]:
    """Start a server that is sent ``end_signal`` when the thread that started it is gone (so start servers in the main
    thread).

    Its output goes to the file ``log``; its environment is empty but for PATH, locale and time zone.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise MissingPrerequisiteError(
            "The program setpriv is not on this machine. Install the Debian package util-linux."
        )
    with open(log, "ab") as output:
        return subprocess.Popen(
            [setpriv, "--pdeathsig", end_signal, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=base_environment(environment),
            cwd=cwd,
            start_new_session=True,
            **identity(user),
        )


def base_environment(extra: t.Mapping[str, str] | None = None) -> dict[str, str]:
    """No PG*, AWS_* and the like of the caller's: they would lead elsewhere."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC", **(extra or {})}


def identity(user: str | None) -> dict[str, t.Any]:
    """The arguments of ``subprocess`` that run a program as ``user`` and with no other group; none when ``user`` is
    None.
    """
    if user is None:
        return {}
    account = pwd.getpwnam(user)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def wait_until(
    ready: t.Callable[[], bool], process: subprocess.Popen[bytes], log: str, *, seconds: float = 30.0
) -> None:
    """Wait until the server answers. Raises LabError with the end of its log when it ends first, or takes too long."""
    end = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None:
            raise LabError(f"The server ended with {process.returncode} while it was starting:\n{log_tail(log)}")
        if time.monotonic() > end:
            raise LabError(f"The server did not answer within {seconds:g} s:\n{log_tail(log)}")
        time.sleep(0.02)


def stop(process: subprocess.Popen[bytes], number: signal.Signals, *, seconds: float = 20.0) -> None:
    """Send the signal, wait, and kill the server if it does not end."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def accepts_connections(port: int) -> bool:
    """Whether something listens on this port of 127.0.0.1."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def log_tail(log: str, lines: int = 20) -> str:
    """The last lines of a log file."""
    try:
        with open(log, encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-lines:])
    except FileNotFoundError:
        return ""
