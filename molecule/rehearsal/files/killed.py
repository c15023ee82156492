# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rehearsals that are killed, one in each step, without the code of the collection.

Each begins with what the one before has left. Those that are killed before they sweep come last, so that they find
something. ``killed.py FOLDER COMMAND...`` writes what each has said, and what it has left, into the folder.
"""

from __future__ import annotations

import glob
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import typing as t

KEPT = "/var/lib/lifeboat-rehearsal"
OTHERS = ("/tmp", "/var/tmp", "/srv")
RESTIC = ("restic", "--repo=s3:http://vault:9000/files", "--password-file=/etc/lifeboat/restic.password", "--no-lock")
PATIENCE_SECONDS = 120


def said(*command: str) -> list[str]:
    """The words that a program prints."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()


def servers() -> list[int]:
    """The processes of scratch servers, and of those who watch over them."""
    found = {*said("pgrep", "--uid", "lifeboat-scratch"), *said("pgrep", "--full", "lifeboat-scratch-")}
    return sorted({int(number) for number in found} - {application()})


def application() -> int:
    """The process of the application; 0 where there is none."""
    return int("".join(said("systemctl", "show", "--property=MainPID", "--value", "rehearsed-shop")) or 0)


def folders() -> list[str]:
    """Everything that a rehearsal makes, but its reports."""
    found = glob.glob(f"{KEPT}/*") + [path for base in OTHERS for path in glob.glob(f"{base}/*lifeboat*")]
    return sorted(found + glob.glob("/srv/rehearsed*"))


def left() -> dict[str, t.Any]:
    """What is there now."""
    journal = pathlib.Path(KEPT, "run.json")
    return {
        "servers": servers(),
        "application": application(),
        "folders": folders(),
        "mounts": [line for line in pathlib.Path("/proc/mounts").read_text().splitlines() if "lifeboat-" in line],
        "locks": said(*RESTIC, "list", "locks"),
        "journal": json.loads(journal.read_text(encoding="utf-8")) if journal.exists() else None,
    }


def scratch_folders() -> list[str]:
    """Those that outlive a step."""
    return [path for path in folders() if path.startswith(f"{KEPT}/lifeboat-scratch-")]


# In which task of each step, and from which moment on: in the middle of what it does.
STEPS: dict[str, tuple[str, t.Callable[[], t.Any]]] = {
    "choose": ("Do it: choose the backups", lambda: True),
    "prove": ("Do it: restore every backup and prove it", servers),
    "restore": ("Do it: restore the stores of the application", lambda: servers() and scratch_folders()),
    "start": ("Do it: scrub the stores", application),
    "check": ("Do it: ask the application", lambda: True),
    "compare": ("Do it: compare schemas", lambda: True),
    "clean_up": ("Do it: remove everything again", lambda: not application()),
    "preflight": ("Do it: check the plan and the settings", lambda: True),
    "guard": ("Do it: make sure that this is not production", lambda: True),
    "sweep": ("Do it: remove what earlier rehearsals left", lambda: not servers()),
}


def kill_in(step: str, command: list[str], log: pathlib.Path) -> None:
    """Run the rehearsal, and kill it in this step. Raises RuntimeError where it does not come there."""
    words, now = STEPS[step]
    end = time.monotonic() + PATIENCE_SECONDS
    with open(log, "w", encoding="utf-8") as file:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
    while words not in log.read_text(encoding="utf-8") or not now():
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"It was not in its step {step}: {log.read_text(encoding='utf-8')[-2000:]}")
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def main(folder: pathlib.Path, command: list[str]) -> None:
    """One in each step."""
    folder.mkdir(parents=True)
    began = time.monotonic()
    for step in STEPS:
        # With the oldest one as well, a module has to look which it is.
        options = ["-e", json.dumps({"rehearsal_backups": ["newest", "oldest"]})] if step == "choose" else []
        kill_in(step, [*command, *options], folder / f"{step}.log")
        (folder / f"{step}.json").write_text(json.dumps(left()) + "\n", encoding="utf-8")
    (folder / "seconds").write_text(f"{time.monotonic() - began:.0f}\n", encoding="ascii")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), sys.argv[2:])
