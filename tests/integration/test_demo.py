# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The demo as a person starts it, on a small part of the data, and what it leaves behind: the reports, and nothing
else.
"""

from __future__ import annotations

import concurrent.futures
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

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


def test_the_demo_shows_backups_proven_a_damaged_copy_refused_a_replica_healed_and_a_failover(
    tmp_path: pathlib.Path,
) -> None:
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
    assert "TASK [Promote the standby, and prove that it takes writes]" in words
    assert re.search(r"both its database and its stream have every one of them", words)
    assert re.search(r"For [0-9.]+ (s|min).* no order was taken", words)
    assert "The status of the fleet, as a page" in words
    assert "Traceback" not in said, said
    assert "\x1b[" not in said, "there are colours, and this is no terminal"
    assert (
        sorted(path.suffix for path in output.iterdir()) == [".html"] * 4 + [".json"] * 3 + [".md"] * 3 + [".xml"] * 3
    )
    assert all(str(page) in said for page in output.glob("*.html"))
    _nothing_stays(str(tmp_path))
    assert _folders_of(said) == set()


def test_demos_that_are_stopped_in_the_middle_leave_nothing_running(tmp_path: pathlib.Path) -> None:
    """Two at once, as one alone waits for itself most of the time: one by Ctrl-C, one by the service manager."""
    before = _folders()
    codes = {signal.SIGINT: 130, signal.SIGTERM: 128 + signal.SIGTERM}
    with concurrent.futures.ThreadPoolExecutor() as pool:
        ended = list(pool.map(lambda number: _stopped(tmp_path / number.name, number, before), codes))
    assert [code for code, _said in ended] == list(codes.values()), ended
    assert not any("Traceback" in said for _code, said in ended), "\n---\n".join(said for _code, said in ended)


def _stopped(folder: pathlib.Path, number: signal.Signals, before: set[pathlib.Path]) -> tuple[int, str]:
    """The exit code of a demo that got a signal while it proved, and what it said after it."""
    folder.mkdir()
    demo = _start(folder / "output", str(folder))
    assert demo.stdout is not None
    said = ""
    for line in demo.stdout:
        said += line
        if "TASK [Prove" in line:
            break
    mine = {path for path in _folders() - before if path.name.startswith("lifeboat-lab-demo-")}
    demo.send_signal(number)
    rest, _errors = demo.communicate(timeout=60)
    _nothing_stays(str(folder))
    assert mine, said
    limit = time.monotonic() + 60
    while left := [path for path in mine if path.exists() and not _used_by_another(path)]:
        assert time.monotonic() < limit, left
        time.sleep(0.2)
    return demo.returncode, rest


def _used_by_another(folder: pathlib.Path) -> bool:
    """Another demo may run on this machine: its folder is locked."""
    return (
        subprocess.run(
            ["flock", "--nonblock", str(folder / ".lock"), "true"], check=False, capture_output=True
        ).returncode
        != 0
    )
