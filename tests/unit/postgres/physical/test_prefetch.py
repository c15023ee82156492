# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a recovery asks for lies ready, each once; what is not promised, or fails, is asked for as before."""

from __future__ import annotations

import pathlib
import subprocess
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._prefetch import Prefetch

NAMES = [f"0000000100000000000000{number:02X}" for number in range(1, 31)]


class FakeLog:
    """The part of a log that is used; ``broken`` cannot be read."""

    names = (*NAMES, "00000002.history")

    def __init__(self, broken: str = "") -> None:
        self.written: list[str] = []
        self._broken = broken

    def write(self, text: str, folder: str) -> None:
        if text == self._broken:
            raise DamagedError(text)
        self.written.append(text)
        (pathlib.Path(folder) / text).write_text(text)


def asked(ahead: Prefetch, name: str, target: pathlib.Path) -> int:
    """What PostgreSQL does with its restore_command; 7 is what was said before."""
    command = ahead.command("exit 7").replace("%f", name).replace("%p", str(target))
    return subprocess.run(["sh", "-c", command], check=False, timeout=60).returncode


@pytest.mark.usefixtures("no_thread_survives")
def test_every_segment_comes_once_and_only_a_few_lie_there(tmp_path: pathlib.Path) -> None:
    log, target = FakeLog(), tmp_path / "taken"
    with Prefetch(t.cast(t.Any, log), NAMES, str(tmp_path / "ahead")) as ahead:
        assert asked(ahead, "00000002.history", target) == 7 and not target.exists()
        assert asked(ahead, "00000003.history", target) == 1, "the archive does not have it"
        for number, name in enumerate(NAMES):
            assert asked(ahead, name, target) == 0
            assert target.read_text() == name
            assert len(log.written) <= number + 11
        assert asked(ahead, NAMES[-1], target) == 7, "the second time it is asked for as before"
    assert not (tmp_path / "ahead").exists()


@pytest.mark.usefixtures("no_thread_survives")
def test_after_a_failure_what_lies_there_is_taken_and_the_rest_asked_for_as_before(tmp_path: pathlib.Path) -> None:
    with Prefetch(t.cast(t.Any, FakeLog(NAMES[2])), NAMES, str(tmp_path / "ahead")) as ahead:
        codes = [asked(ahead, name, tmp_path / "taken") for name in NAMES[:5]]
    assert codes == [0, 0, 7, 7, 7]


@pytest.mark.usefixtures("no_thread_survives")
def test_a_recovery_that_ends_early_leaves_nothing(tmp_path: pathlib.Path) -> None:
    with Prefetch(t.cast(t.Any, FakeLog()), NAMES, str(tmp_path / "ahead")):
        pass
    assert not list(tmp_path.iterdir())
