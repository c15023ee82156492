# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tools behind ``make``: what fails stays red, and what another process holds is waited for."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

TOOLS = pathlib.Path(__file__).parents[2] / "tools"
_MOCK_APT_GET = """#!/bin/sh
echo "$@" >>"$0.calls"
[ -e "$0.locked" ] || exit 0
[ "$(wc -l <"$0.calls")" -lt 3 ] || exit 0
cat "$0.locked" >&2
exit 100
"""


def mock_apt_get(folder: pathlib.Path, error: str) -> dict[str, str]:
    """An environment where apt-get is a MockAptGet that fails twice with this error. A real lock would stop others."""
    program = folder / "apt-get"
    program.write_text(_MOCK_APT_GET, encoding="ascii")
    program.chmod(0o755)
    (folder / "apt-get.locked").write_text(error, encoding="ascii")
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}


def apt_get(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TOOLS / "apt_get.sh", "-q", "update"], env=environment, capture_output=True, text=True, check=False
    )


def test_apt_waits_for_a_lock_that_another_process_holds(tmp_path: pathlib.Path) -> None:
    environment = mock_apt_get(tmp_path, "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 1\n")
    done = apt_get(environment)
    assert done.returncode == 0 and "Another process holds a lock of apt" in done.stderr
    calls = (tmp_path / "apt-get.calls").read_text(encoding="ascii").splitlines()
    assert calls == ["-o DPkg::Lock::Timeout=600 -q update"] * 3


def test_apt_gives_up_on_a_lock_that_stays(tmp_path: pathlib.Path) -> None:
    environment = mock_apt_get(tmp_path, "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 1\n")
    assert apt_get({**environment, "LOCK_SECONDS": "0"}).returncode == 100


def test_apt_does_not_try_again_for_any_other_reason(tmp_path: pathlib.Path) -> None:
    done = apt_get(mock_apt_get(tmp_path, "E: Unable to locate package\n"))
    assert done.returncode == 100
    assert len((tmp_path / "apt-get.calls").read_text(encoding="ascii").splitlines()) == 1


_TESTS = """
import pathlib

def test_steady(): pass

def test_unsteady():
    been = pathlib.Path(__file__).with_suffix(".been")
    if not been.exists():
        been.touch()
        assert False

def test_broken(): assert False
"""


@pytest.mark.parametrize(("chosen", "words"), [("steady", ["UNSTEADY"]), ("broken", ["BROKEN"])])
def test_what_failed_is_red_although_it_did_not_fail_again(
    tmp_path: pathlib.Path, chosen: str, words: list[str]
) -> None:
    for folder in (".venv/bin", "tests/tools", "tests/integration"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / ".venv/bin/python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n', encoding="ascii")
    (tmp_path / ".venv/bin/python").chmod(0o755)
    shutil.copy(TOOLS / "integration.sh", tmp_path / "tests/tools")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    (tmp_path / "tests/integration/test_it.py").write_text(_TESTS, encoding="ascii")
    done = subprocess.run(
        [tmp_path / "tests/tools/integration.sh", "-k", chosen],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    said = [line.partition(":")[0] for line in done.stdout.splitlines() if line.startswith(("UNSTEADY", "BROKEN"))]
    assert said == words


@pytest.mark.parametrize(("targets", "code"), [("good good", 0), ("bad good", 2), ("good bad", 2)])
def test_two_steps_at_the_same_time_are_red_when_either_is(tmp_path: pathlib.Path, targets: str, code: int) -> None:
    (tmp_path / "tests/tools").mkdir(parents=True)
    shutil.copy(TOOLS / "together.sh", tmp_path / "tests/tools")
    (tmp_path / "Makefile").write_text(
        "good:\n\t@echo all is well\nbad:\n\t@echo it is not; exit 3\n", encoding="ascii"
    )
    done = subprocess.run(
        [tmp_path / "tests/tools/together.sh", *targets.split()],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stdout.count("all is well") == targets.count("good")
