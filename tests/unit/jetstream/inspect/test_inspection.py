# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inspection behind a transfer: other processes, a spool that never makes the transfer wait, nothing left
behind.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import zipfile

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils import _jetstream
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats import _stretches
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.inspect._inspect import Inspector, inspect
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.inspect._spool import Spool
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.inspect._workers import Pool
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._archive import ArchiveFacts, Message
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lab import jetstream_archives as archives
from tests.repetitions import examples

_MESSAGES = 3000
_WAIT_SECONDS = 60.0


@pytest.fixture(scope="module")
def stored() -> list[bytes]:
    """A v1 archive in pieces, whose records cross the stretches and pieces."""
    whole = b"".join(archives.large_v1("S", _MESSAGES))
    plain = b"".join(_s2_decoded(whole))
    again = archives.s2(plain, chunk_bytes=20_000, compress=False)
    return [again[at : at + 7_000] for at in range(0, len(again), 7_000)]


def _s2_decoded(whole: bytes) -> list[bytes]:
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats._s2 import decode

    return list(decode([whole]))


@pytest.fixture(autouse=True)
def small_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several stretches out of a small archive."""
    monkeypatch.setattr(_stretches, "STRETCH_BYTES", 60_000)


def _children() -> set[int]:
    found: set[int] = set()
    for task in pathlib.Path("/proc/self/task").iterdir():  # a child belongs to the thread that started it
        with contextlib.suppress(FileNotFoundError):  # a thread that has ended meanwhile has none
            found |= {int(pid) for pid in (task / "children").read_text().split()}
    return found


def _inspected(stored: list[bytes], processes: int) -> ArchiveFacts:
    inspector = Inspector("S", processes=processes)
    try:
        for piece in stored:
            inspector.feed(piece)
        facts = inspector.finish()
        assert len(inspector.digests) == facts.messages
        return facts
    finally:
        inspector.close()


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_every_number_of_processes_finds_the_same(
    stored: list[bytes], processes: int, no_thread_survives: None
) -> None:
    facts, _digests = inspect(stored, "S")
    assert (facts.messages, facts.problems) == (_MESSAGES, ())
    assert _inspected(stored, processes) == facts
    assert inspect(stored, "S", processes=processes)[0] == facts
    assert _children() == set()


@pytest.mark.parametrize("processes", [1, 2])
def test_damage_is_found_by_every_number_of_processes(stored: list[bytes], processes: int) -> None:
    whole = bytearray(b"".join(stored))
    whole[len(whole) // 2] ^= 1
    for damaged in (bytes(whole), bytes(whole[: len(whole) // 3])):
        facts, _digests = inspect([damaged], "S")
        assert facts.problems
        assert _inspected([damaged], processes) == facts


def test_a_short_archive_is_inspected_without_another_process() -> None:
    inspector = Inspector("S")
    inspector.feed(archives.s2(archives.v2_plain([], state={"messages": 0})))
    assert _children() == set()
    assert inspector.finish().problems == ()


def test_a_process_that_is_killed_is_an_error_and_not_a_short_result(
    stored: list[bytes], no_thread_survives: None
) -> None:
    inspector = Inspector("S", processes=2)
    try:
        for piece in stored[: len(stored) // 2]:
            inspector.feed(piece)
        _wait_for(lambda: len(_children()) == 2)
        os.kill(min(_children()), signal.SIGKILL)
        for piece in stored[len(stored) // 2 :]:
            inspector.feed(piece)
        with pytest.raises(LifeboatError, match="ended too early"):
            inspector.finish()
    finally:
        inspector.close()
    assert _children() == set()


def test_processes_that_were_made_ready_are_taken_and_no_others_are_started() -> None:
    with Pool() as pool:
        pool.prepare(1, 2, 0)
        pool.prepare(2, 1, 0)
        ready = _children()
        taken = [pool.take(count, 0) for count in (1, 1, 2)]
        assert len(ready) == 4 and _children() == ready == {
            process.pid for group in taken for process in group.processes
        }
        for group in taken:
            pool.give_back(group)
    assert _children() == set()


def test_an_inspection_that_is_given_up_leaves_nothing(stored: list[bytes], no_thread_survives: None) -> None:
    inspector = Inspector("S", processes=2)
    for piece in stored[: len(stored) // 2]:
        inspector.feed(piece)
    _wait_for(lambda: len(_children()) == 2)
    inspector.close()
    inspector.close()
    assert _children() == set()


@pytest.mark.parametrize("processes", [1, 2])
def test_one_archive_after_the_other_has_the_same_processes(
    stored: list[bytes], processes: int, no_thread_survives: None
) -> None:
    facts, _digests = inspect(stored, "S")
    seen = []
    with Pool() as pool:
        for _archive in range(3):
            inspector = Inspector("S", processes=processes, pool=pool)
            for piece in stored:
                inspector.feed(piece)
            assert inspector.finish() == facts
            seen.append(_children())
    assert len(seen[0]) == processes and seen[0] == seen[1] == seen[2]
    assert _children() == set()


def test_processes_that_were_given_up_or_have_died_are_not_used_again(
    stored: list[bytes], no_thread_survives: None
) -> None:
    facts, _digests = inspect(stored, "S")
    with Pool() as pool:
        given_up = Inspector("S", pool=pool)
        for piece in stored[: len(stored) // 2]:
            given_up.feed(piece)
        _wait_for(lambda: len(_children()) == 1)
        given_up.close()
        assert _children() == set()
        for _archive in range(2):
            inspector = Inspector("S", pool=pool)
            for piece in stored:
                inspector.feed(piece)
            assert inspector.finish() == facts
            (idle,) = _children()
            os.kill(idle, signal.SIGKILL)
            _wait_for(functools.partial(_has_ended, idle))
    assert _children() == set()


def test_an_archive_that_is_cut_inside_a_large_message_does_not_make_two_processes_wait_for_each_other() -> None:
    """What the last process knows then is more than a pipe holds, and nobody takes it."""
    message = archives.v2_plain([Message(1, 1, b"a", b"", os.urandom(2_000_000))], state={"messages": 1})
    stored = archives.s2(message[:1_900_000], chunk_bytes=20_000, compress=False)
    for processes in (1, 2):
        facts = _inspected([stored], processes)
        assert {problem.kind for problem in facts.problems} == {"truncated"}


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=12), st.integers(1, 90), st.integers(1, 40), st.booleans(), st.data())
def test_stretches_are_the_stream_however_it_comes(
    plain: list[bytes], chunk_bytes: int, piece_bytes: int, compress: bool, data: st.DataObject
) -> None:
    stored = archives.s2(b"".join(plain), chunk_bytes=chunk_bytes, compress=compress)
    end = data.draw(st.integers(0, len(stored)))
    cutter = _stretches.Stretches(100)
    cut = [
        stretch for at in range(0, end, piece_bytes) for stretch in cutter.feed(stored[at : min(end, at + piece_bytes)])
    ]
    cut.append(cutter.rest())
    found, offset = b"", 0
    for stretch in cut:
        assert stretch.offset == offset
        whole = b"".join(stretch.parts)
        decoded, problem = _stretches.decode_stretch(memoryview(whole), stretch.offset)
        assert problem is None
        assert sum(map(len, decoded)) >= 100 or stretch is cut[-1]
        found += b"".join(decoded)
        offset += len(whole)
    assert b"".join(plain).startswith(found)
    if end == len(stored):
        cutter.finish()
        assert found == b"".join(plain)
    elif offset < end:
        with pytest.raises(DamagedError, match=f"begins at byte {offset}"):
            cutter.finish()


def test_the_processes_end_when_the_module_is_killed(stored: list[bytes], tmp_path: pathlib.Path) -> None:
    code = (
        "import sys, time; sys.path[:] = {path!r}\n"
        "from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats import _stretches\n"
        "from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.inspect import _inspect\n"
        "_stretches.STRETCH_BYTES = 60_000\n"
        "inspector = _inspect.Inspector('S', processes=2)\n"
        "inspector.feed(open({file!r}, 'rb').read()[:-1000])\n"
        "while inspector._inspection._workers is None: time.sleep(0.01)\n"
        "print(*(process.pid for process in inspector._inspection._workers._processes), flush=True)\n"
        "time.sleep(600)\n"
    )
    file = tmp_path / "archive"
    file.write_bytes(b"".join(stored))
    with subprocess.Popen(
        [sys.executable, "-c", code.format(path=sys.path, file=str(file))], stdout=subprocess.PIPE, text=True
    ) as module:
        assert module.stdout is not None
        workers = [int(pid) for pid in module.stdout.readline().split()]
        module.kill()
    assert len(workers) == 2
    _wait_for(lambda: not any(_runs(pid) for pid in workers))


def test_it_works_from_the_archive_that_ansible_sends(stored: list[bytes], tmp_path: pathlib.Path) -> None:
    """A module runs from a zip file that holds the module utils it needs."""
    package = pathlib.Path(_jetstream.__file__).parent
    inside = "ansible_collections/lifeboat/dr/plugins/module_utils/"
    with zipfile.ZipFile(tmp_path / "payload.zip", "w") as payload:
        for count in range(1, len(inside.split("/"))):
            payload.writestr("/".join(inside.split("/")[:count]) + "/__init__.py", "")
        for source in package.parent.rglob("*.py"):
            payload.write(source, inside + str(source.relative_to(package.parent)))
    (tmp_path / "archive").write_bytes(b"".join(stored))
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'payload.zip')!r})\n"
        "from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats import _stretches\n"
        "from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.inspect import _inspect\n"
        "_stretches.STRETCH_BYTES = 60_000\n"
        f"inspector = _inspect.Inspector('S', processes=2); inspector.feed(open({str(tmp_path / 'archive')!r}, "
        "'rb').read())\n"
        "facts = inspector.finish(); print(_inspect.__file__, facts.messages, len(facts.problems))\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "payload.zip" in done.stdout and done.stdout.endswith(f" {_MESSAGES} 0\n"), done.stderr


@settings(max_examples=examples(50), deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=50)), st.integers(0, 200))
def test_a_spool_gives_what_was_put_in_order(pieces: list[bytes], memory_bytes: int) -> None:
    spool = Spool(memory_bytes=memory_bytes)
    taken: list[bytes] = []
    reader = threading.Thread(target=lambda: taken.extend(spool.pieces()))
    half = len(pieces) // 2
    for piece in pieces[:half]:
        spool.put(piece)
    reader.start()
    for piece in pieces[half:]:
        spool.put(piece)
    spool.end()
    reader.join(_WAIT_SECONDS)
    spool.close()
    assert b"".join(taken) == b"".join(pieces)


def test_a_spool_never_makes_its_writer_wait_and_keeps_little_in_memory(tmp_path: pathlib.Path) -> None:
    spool = Spool(str(tmp_path), memory_bytes=1000)
    for number in range(1000):
        spool.put(b"%04d" % number * 250)
    assert sum(map(len, spool._waiting)) == 1000
    assert list(tmp_path.iterdir()) == []
    spool.end()
    assert b"".join(spool.pieces()) == b"".join(b"%04d" % number * 250 for number in range(1000))
    spool.close()


def test_a_full_disk_under_the_spool_is_an_error_in_words(tmp_path: pathlib.Path) -> None:
    inspector = Inspector("S", temporary_dir=str(tmp_path / "missing"))
    with pytest.raises(LifeboatError, match="temporary file"):
        inspector.feed(bytes(17 << 20))
    inspector.close()


def _runs(pid: int) -> bool:
    """Whether the process is there; one that has ended and that nobody has asked for is not."""
    try:
        return ") Z" not in pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def _has_ended(pid: int) -> bool:
    """Whether our child has ended with all its threads, so that its end can be asked for."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


def _wait_for(condition: object) -> None:
    assert callable(condition)
    end = time.monotonic() + _WAIT_SECONDS
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
