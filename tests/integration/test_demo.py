# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The demo as a person starts it, on a small part of the data, and what it leaves behind: the reports, and nothing
else.
"""

from __future__ import annotations

import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest

_DEMO = pathlib.Path(__file__).parents[1] / "demo" / "run.py"
_PATIENCE_SECONDS = 600


def _start(output: pathlib.Path, marker: str) -> subprocess.Popen[str]:
    """``marker`` is an environment variable that everything the demo starts has inherited, so that it can be found."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "ANSIBLE_HOME", "ANSIBLE_CONFIG")
    }
    return subprocess.Popen(
        [sys.executable, str(_DEMO), "--packages", "1500", "--output", str(output)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd="/",
        env={**inherited, "LIFEBOAT_TEST_MARKER": marker, "TMPDIR": str(output.parent), "LC_ALL": "C.UTF-8"},
        start_new_session=True,
    )


def _left_running(marker: str) -> list[str]:
    """The command lines of processes that have the marker, or that stand in a folder that has it."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
            if f"LIFEBOAT_TEST_MARKER={marker}".encode() in environment.split(b"\0"):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found


def _nothing_stays(marker: str) -> None:
    """Ansible's own asynchronous wrapper looks every five seconds whether its module has ended (async_wrapper.py)."""
    end = time.monotonic() + 60
    while left := _left_running(marker):
        assert time.monotonic() < end, left
        time.sleep(0.2)


def _folders() -> set[pathlib.Path]:
    return {*pathlib.Path("/var/tmp").glob("lifeboat-*"), *pathlib.Path("/var/tmp").glob(".lifeboat-*")}


def _folders_of(output: str) -> set[pathlib.Path]:
    """The private folders that the demo's own output names."""
    return {folder for folder in _folders() if folder.name in output}


def test_the_demo_shows_backups_proven_a_damaged_copy_refused_and_a_replica_healed(tmp_path: pathlib.Path) -> None:
    output = tmp_path / "output"
    with _start(output, str(tmp_path)) as process:
        said, _errors = process.communicate(timeout=_PATIENCE_SECONDS)
    assert process.returncode == 0, said
    words = " ".join(said.split())  # lines are broken at the terminal's width
    assert "Unchanged: max_age is 20h" in words
    assert "restore_verify: shop/packages failed" in words
    assert "has another SHA-256 than the manifest says" in words
    assert re.search(r"shop/packages .* 3 of 3 refused .* PASSED", said)
    assert re.search(r"shop/events .* 4 of 4 refused .* PASSED", said)
    assert "Counted by an independent client" in words
    assert "The consumer mirror goes on behind message 500, where it was." in words
    assert "diverged: 3 objects are missing at the destination; 2 objects differ." in words
    assert "in_sync: all 500 objects compared are the same." in words
    assert "Traceback" not in said
    assert "\x1b[" not in said, "there are colours, and this is no terminal"
    assert (
        sorted(path.suffix for path in output.iterdir()) == [".html"] * 2 + [".json"] * 2 + [".md"] * 2 + [".xml"] * 2
    )
    assert all(str(page) in said for page in output.glob("*.html"))
    _nothing_stays(str(tmp_path))
    assert _folders_of(said) == set()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 128 + signal.SIGTERM)])
def test_a_demo_that_is_stopped_in_the_middle_leaves_nothing_running(
    tmp_path: pathlib.Path, number: signal.Signals, code: int
) -> None:
    before = _folders()
    process = _start(tmp_path / "output", str(tmp_path))
    said = ""
    assert process.stdout is not None
    for line in process.stdout:
        said += line
        if "TASK [Prove" in line:
            break
    mine = {folder for folder in _folders() - before if folder.name.startswith("lifeboat-lab-demo-")}
    process.send_signal(number)
    rest, _errors = process.communicate(timeout=60)
    assert process.returncode == code, said + rest
    assert "Traceback" not in rest
    _nothing_stays(str(tmp_path))
    assert mine
    assert not any(folder.exists() and not _used_by_another(folder) for folder in mine)


def _used_by_another(folder: pathlib.Path) -> bool:
    """Another demo may run on this machine: its folder is locked."""
    return (
        subprocess.run(
            ["flock", "--nonblock", str(folder / ".lock"), "true"], check=False, capture_output=True
        ).returncode
        != 0
    )
