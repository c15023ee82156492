# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Starts a command as a background job. This file is sent to the managed host and runs there, with no more than Python
3.9.

Arguments: the folder to make for the job, where its progress will be, and ``input`` when the command reads from
standard input. The shell command itself comes in the environment, because it may hold what nobody should see in a list
of processes.

A supervisor stays beside the job. When the job ends, it writes ``ended``: one line of JSON with ``rc``, ``stdout`` and
``stderr``.
"""

from __future__ import annotations

import json
import os
import sys
import time

START_SECONDS = 30.0
FIRST_SECONDS = 1.0  # what ends within this time never was a job, to the one who waits
COMMAND = "LIFEBOAT_COMMAND"


def main() -> None:
    """Start the job, wait for a moment, and print what there is, as the commands of _remote_job.py do."""
    folder, progress_file, has_input = sys.argv[1], os.path.expanduser(sys.argv[2]), sys.argv[3:] == ["input"]
    command = os.environ.pop(COMMAND)
    try:
        os.mkdir(folder, 0o700)
    except OSError:
        os.execv("/bin/sh", ["sh", "-c", command])  # no place for a job: then it runs here and now
    write(os.path.join(folder, "command"), command.encode())
    if has_input:
        write(os.path.join(folder, "input"), sys.stdin.buffer.read())
    if os.fork() == 0:
        supervise(folder, os.path.join(folder, "input") if has_input else os.devnull)
        os._exit(0)
    ended = os.path.join(folder, "ended")
    wait_for(os.path.join(folder, "pids"), START_SECONDS)
    wait_for(ended, FIRST_SECONDS)
    token = os.path.basename(folder)
    result = read(ended)  # before the progress, which is final once there is a result
    print(f"{token} progress {read(progress_file)}\n{token} ended {result}", flush=True)
    if result:
        for name in os.listdir(folder):
            os.unlink(os.path.join(folder, name))
        os.rmdir(folder)


def supervise(folder: str, stdin: str) -> None:
    """Run the command in a session of its own, and write down how it ended."""
    import subprocess

    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)  # so that nobody waits for the supervisor
    with open(stdin, "rb") as file:
        arguments = ["/bin/sh", os.path.join(folder, "command")]
        job = subprocess.Popen(
            arguments, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
    write(os.path.join(folder, "pids"), f"{os.getpid()} {job.pid}\n".encode())
    stdout, stderr = (output.decode("utf-8", "replace") for output in job.communicate())
    write(
        os.path.join(folder, "ended"), json.dumps({"rc": job.returncode, "stdout": stdout, "stderr": stderr}).encode()
    )


def wait_for(path: str, seconds: float) -> None:
    """Wait until there is such a file, so many seconds at most."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit and not os.path.exists(path):
        time.sleep(0.02)


def write(path: str, content: bytes) -> None:
    """A reader sees the whole content or no file."""
    with os.fdopen(os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.write(content)
    os.rename(f"{path}.new", path)


def read(path: str) -> str:
    """The first line of the file; nothing where there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.readline().rstrip("\n")
    except OSError:
        return ""


if __name__ == "__main__":
    main()
