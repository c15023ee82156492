# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs whose output is a stream: their end is a success only when they say so."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import time
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import (
    DeadlineError,
    MissingRequirementError,
    SourceError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._process import Program, run

pytestmark = pytest.mark.usefixtures("no_thread_survives")
PIPE = subprocess.PIPE


def shell(script: str, **options: t.Any) -> Program:
    return Program(["/bin/sh", "-c", script], **options)


def is_there(process: int) -> bool:
    """Whether the process is there, even as a zombie."""
    return pathlib.Path(f"/proc/{process}").exists()


def test_the_output_of_a_program_that_ends_well_is_given_whole() -> None:
    with Program([sys.executable, "-c", "import sys; sys.stdout.write('x' * 3_000_000)"]) as program:
        assert sum(len(piece) for piece in program.read(Deadline(20))) == 3_000_000


def test_output_and_then_a_bad_exit_code_is_no_good_end() -> None:
    pieces: list[bytes] = []
    with (
        pytest.raises(SourceError, match=r"sh failed \(exit code 3\): oh dear\.") as raised,
        shell("echo rows; echo oh dear >&2; exit 3") as program,
    ):
        for piece in program.read(Deadline(20)):
            pieces.append(piece)
    assert pieces == [b"rows\n"]
    assert raised.value.details == {"program": "sh", "exit_code": 3, "stderr": "oh dear"}


def test_a_killed_program_is_no_good_end() -> None:
    with (
        pytest.raises(SourceError, match="killed by signal 9.*it said nothing"),
        shell("echo rows; kill -9 $$") as program,
    ):
        list(program.read(Deadline(20)))


def test_what_a_program_says_is_kept_up_to_a_limit_its_end_first() -> None:
    script = "import sys; sys.stderr.write('a' * 300_000 + 'the end'); sys.exit(1)"
    with Program([sys.executable, "-c", script]) as program:
        with pytest.raises(SourceError):
            list(program.read(Deadline(20)))
        assert len(program.stderr) == 64 * 1024
        assert program.stderr.endswith("the end")


def test_lines_that_are_taken_are_not_part_of_what_a_program_says() -> None:
    taken = []

    def takes(line: str) -> bool:
        taken.append(line)
        return "kB" in line

    script = r"printf '  1/9 kB (11%%)\rit be'; sleep 0.1; printf 'gan\n 9/9 kB\nunfinished'; exit 3"
    with pytest.raises(SourceError) as caught:
        run(["sh", "-c", f"exec >&2; {script}"], takes_line=takes)
    assert taken == ["  1/9 kB (11%)\r", "it began\n", " 9/9 kB\n", "unfinished"]
    assert caught.value.details["stderr"] == "it began\nunfinished"


def test_a_program_that_gives_nothing_is_ended_at_the_time_limit() -> None:
    began = time.monotonic()
    with pytest.raises(DeadlineError, match="^sh was stopped"), shell("sleep 60") as program:
        list(program.read(Deadline(0.2)))
    assert time.monotonic() - began < 3
    assert not is_there(program.process.pid)


def test_a_program_that_never_stops_giving_is_ended_at_the_time_limit() -> None:
    count = 0
    with pytest.raises(DeadlineError), shell("exec yes") as program:
        for _piece in program.read(Deadline(0.2)):
            count += 1
            assert count < 1_000_000
    assert count


def test_a_program_that_takes_no_input_is_ended_at_the_time_limit() -> None:
    with pytest.raises(DeadlineError), shell("sleep 60", stdin=PIPE) as program:
        program.write(iter(lambda: bytes(1 << 20), b""), Deadline(0.2))
    assert not is_there(program.process.pid)


def test_input_reaches_the_program_whole(tmp_path: pathlib.Path) -> None:
    with shell(f"cat > '{tmp_path}/out'", stdin=PIPE) as program:
        program.write([b"a" * 3_000_000, b"", b"end"], Deadline(20))
    assert (tmp_path / "out").read_bytes() == b"a" * 3_000_000 + b"end"


def test_a_program_that_goes_away_while_it_is_written_to_says_itself_why() -> None:
    with (
        pytest.raises(SourceError, match="exit code 1.*no such database"),
        shell("echo no such database >&2; exit 1", stdin=PIPE) as program,
    ):
        program.write([bytes(1 << 20)] * 20, Deadline(20))


def test_an_error_of_the_input_comes_out_and_ends_the_program() -> None:
    def pieces() -> t.Iterator[bytes]:
        yield b"half"
        raise ValueError("the source broke")

    with (
        pytest.raises(ValueError, match="the source broke"),
        shell("cat", stdin=PIPE, stdout=subprocess.DEVNULL) as program,
    ):
        program.write(pieces(), Deadline(20))
    assert program.process.returncode == -signal.SIGTERM


def test_leaving_early_ends_the_program_and_all_that_it_started_and_leaves_no_zombie(tmp_path: pathlib.Path) -> None:
    with shell(f"sleep 60 & echo $! > '{tmp_path}/child'; echo ready; wait") as program:
        next(program.read(Deadline(20), 6))
        child = int((tmp_path / "child").read_text())
    assert not is_there(program.process.pid)
    for _attempt in range(100):  # the child is an orphan now, which init collects when it comes to it
        if not is_there(child) or "Z" in pathlib.Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0]:
            return
        time.sleep(0.02)
    pytest.fail(f"process {child} survives")


def test_a_program_that_does_not_listen_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.lifeboat.dr.plugins.module_utils._programs._process._GRACE_SECONDS", 0.2)
    with shell("trap '' TERM; echo ready; while :; do sleep 0.05; done") as program:
        next(program.read(Deadline(20), 6))
    assert program.process.returncode == -signal.SIGKILL


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(MissingRequirementError, match="/nowhere/pg_dump is not on this host"):
        Program(["/nowhere/pg_dump"])


def test_a_short_program_gives_its_output_as_text() -> None:
    assert run(["/bin/echo", "ä"]) == "ä\n"
    assert run(["/usr/bin/env"], environment={"ONLY": "this"}) == "ONLY=this\n"


def test_no_descriptor_stays_open() -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _attempt in range(3):
        with pytest.raises(SourceError):
            run(["/bin/false"])
        with shell("cat", stdin=PIPE):
            pass
    assert len(os.listdir("/proc/self/fd")) == before
