# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a command under a systemd of its own: in new namespaces, on a writable copy-on-write view of this machine.

What is tested under it is the real systemd, without a container's image. Nothing that is done there is seen outside
but what is written to the folder ``shared``.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import typing as t

from tests.lab.throwaway import MissingPrerequisiteError

_SYSTEMD = "/lib/systemd/systemd"
_SECONDS = 120
_BOOT = r"""
set -eu
shared=$1; shift
mount --make-rprivate /
mount -t tmpfs none /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root
root=/mnt/root
mount -t proc proc $root/proc
mount --rbind /sys $root/sys
mount --rbind /dev $root/dev
mount -t tmpfs none $root/run
mount --rbind "$shared" $root/mnt
for folder in "$@"; do mkdir -p "$root$folder"; mount --rbind "$folder" "$root$folder"; done
ln -sf /dev/null $root/etc/systemd/system/systemd-tmpfiles-setup.service
cat >$root/etc/systemd/system/lab.service <<UNIT
[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
ExecStartPre=/bin/systemctl start dbus.socket
ExecStart=/bin/sh /mnt/command
StandardOutput=append:/mnt/output
StandardError=append:/mnt/output
ExecStopPost=/bin/systemctl --force --force poweroff
UNIT
cd $root
mkdir -p old
pivot_root . old
export container=lifeboat-lab
exec /lib/systemd/systemd --system --unit=lab.service --log-target=null --show-status=no </dev/null >/dev/null 2>&1
"""


def run_under_systemd(
    shared: pathlib.Path, command: str, *, folders: t.Sequence[str] = (), seconds: float = _SECONDS
) -> str:
    """What the shell command says under systemd, where ``shared`` is ``/mnt``, and has so many seconds.

    ``folders`` are there as they are here, also where they are other file systems than ``/``. Nothing empties ``/tmp``,
    as a boot would: a checkout may lie in it.

    Raises MissingPrerequisiteError where this machine cannot boot one.
    """
    for program in (_SYSTEMD, "/usr/bin/systemd-run", "/usr/bin/dbus-daemon"):
        if not os.path.exists(program):
            raise MissingPrerequisiteError(f"{program} is not on this machine (packages systemd and dbus).")
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        raise MissingPrerequisiteError("Only root can start a systemd of its own.")
    (shared / "command").write_text(command, encoding="utf-8")
    (shared / "output").touch()
    namespaces = ["--mount", "--pid", "--fork", "--kill-child", "--uts", "--ipc", "--cgroup"]
    done = subprocess.run(
        ["unshare", *namespaces, "sh", "-c", _BOOT, "boot", str(shared), *folders],
        check=False,
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    said = (shared / "output").read_text(encoding="utf-8", errors="replace")
    if not said:
        raise MissingPrerequisiteError(
            f"No systemd can be booted here: {done.stderr.strip()[-200:] or 'it said nothing'}"
        )
    return said
