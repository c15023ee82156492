# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The chain of an audit log: every change of a line is detected, whatever it is, and many writers make one chain."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core import _audit
from hypothesis import given
from hypothesis import strategies as st


def written(path: pathlib.Path, count: int) -> list[bytes]:
    for number in range(count):
        _audit.append({"log": str(path)}, _audit.record_of("pg_backup", {"app": "shop"}, {"backup_id": f"b{number}"}))
    return path.read_bytes().splitlines(keepends=True)


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    return written(tmp_path_factory.mktemp("audit") / "log", 5)


def test_a_log_that_nobody_has_touched_is_whole(lines: list[bytes]) -> None:
    chain = _audit.check(lines)
    assert (chain.lines, chain.broken) == (5, ())
    assert json.loads(lines[0])["previous"] == _audit.NONE
    assert _audit.check([]) == _audit.Chain(0, _audit.NONE)


@given(st.data())
def test_every_change_before_the_last_line_is_detected(lines: list[bytes], data: st.DataObject) -> None:
    number = data.draw(st.integers(0, 3))
    how = data.draw(st.sampled_from(["remove", "double", "change", "swap"]))
    changed = list(lines)
    if how == "remove":
        del changed[number]
    elif how == "double":
        changed.insert(number, changed[number])
    elif how == "swap":
        changed[number], changed[number + 1] = changed[number + 1], changed[number]
    else:
        at = data.draw(st.integers(0, len(lines[number]) - 2))
        byte = data.draw(st.integers(0, 255).filter(lambda one: one not in (lines[number][at], 10)))
        changed[number] = lines[number][:at] + bytes([byte]) + lines[number][at + 1 :]
    assert _audit.check(changed).broken


def test_lines_that_were_cut_off_are_missed_by_who_kept_the_head(lines: list[bytes]) -> None:
    head = _audit.check(lines).head
    assert _audit.check(lines, head).seen and not _audit.check(lines[:-1], head).seen
    assert _audit.check(lines[:-1]).broken == ()


def test_a_line_that_a_killed_process_left_is_seen_and_the_log_goes_on(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "log"
    whole = written(path, 2)
    path.write_bytes(b"".join(whole) + b'{"time": "2026')
    chain = _audit.check(written(path, 1))
    assert [number for number, _why in chain.broken] == [3] and chain.lines == 4


def test_many_writers_make_one_chain_that_only_its_owner_reads(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "log"
    code = (
        "import sys; from ansible_collections.lifeboat.dr.plugins.module_utils._core import _audit\n"
        "for n in range(20): _audit.append({'log': sys.argv[1], 'by': 'ann@desk'}, {'n': n})"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    writers = [subprocess.Popen([sys.executable, "-c", code, str(path)], env=environment) for _writer in range(4)]
    assert [writer.wait(120) for writer in writers] == [0] * 4
    chain = _audit.check(path.read_bytes().splitlines())
    assert (chain.lines, chain.broken) == (80, ()) and path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_bytes().splitlines()[0])["by"] == "ann@desk"


def test_a_line_names_things_and_holds_no_other_option() -> None:
    options = {"app": "shop", "component": "codex", "dsn": "password=hunter2", "login_password": "hunter2"}
    result = {
        "changed": True,
        "backups": [{"backup_id": "a"}, {"backup_id": "b"}],
        "deleted": ["x"],
        "verdict": "passed",
    }
    record = _audit.record_of("pg_backup", options, result)
    assert "hunter2" not in json.dumps(record)
    assert (record["backups"], record["deleted"], record["result"]) == (["a", "b"], ["x"], "changed")
    assert _audit.record_of("x", {}, {"failed": True, "changed": True, "msg": "no"})["result"] == "failed"


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_is_no_file_takes_no_line_and_nothing_waits(tmp_path: pathlib.Path, kind: str) -> None:
    path, other = tmp_path / "log", tmp_path / "other"
    other.write_text("mine", encoding="utf-8")
    {"link": lambda: path.symlink_to(other), "pipe": lambda: os.mkfifo(path), "folder": path.mkdir}[kind]()
    with pytest.raises(OSError, match=r"."):
        _audit.append({"log": str(path)}, {})
    assert other.read_text(encoding="utf-8") == "mine"
