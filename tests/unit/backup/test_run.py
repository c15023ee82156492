# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run: the lock, the journal, what killed runs leave, and the manifest as the last file."""

from __future__ import annotations

import datetime
import os
import pathlib
import signal
import stat
import subprocess
import sys
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _manifest, _run
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, RepositoryError

from tests.unit.mock_repository import MockRepository

BACKUP_ID = "20260115T020000Z-3f9a2c"
FOLDER = f"shop/codex/{BACKUP_ID}"
MANIFEST = f"{FOLDER}/manifest.json"
OTHER = {"shop/codex/20260114T020000Z-000000/manifest.json": b"other"}
_HOLDER = """
import sys
from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _run
with _run.exclusive(sys.argv[1], "shop", "codex"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other_run(tmp_path: pathlib.Path) -> t.Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock of shop/codex."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    arguments = [sys.executable, "-c", _HOLDER, str(tmp_path)]
    with subprocess.Popen(
        arguments, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def stem_in(folder: pathlib.Path, app: str = "shop", component: str = "codex") -> str:
    with _run.exclusive(str(folder), app, component) as stem:
        return stem


def journals(folder: pathlib.Path) -> list[str]:
    return [name for name in os.listdir(folder) if "journal" in name]


def storing(stem: str, *repositories: MockRepository, failed: t.Mapping[str, str] | None = None) -> _run.Storing:
    return _run.Storing(stem, FOLDER, repositories, failed or {})


def killed(stem: str, *repositories: MockRepository) -> None:
    """A run that stored something and never came to its end."""
    storing(stem, *repositories).__enter__()
    for repository in repositories:
        repository.files[f"{FOLDER}/artifact"] = b"whole"
        repository.unfinished[f"{FOLDER}/artifact2"] = b"half"


def test_two_processes_never_work_on_one_component(tmp_path: pathlib.Path, other_run: subprocess.Popen[str]) -> None:
    with (
        pytest.raises(
            LifeboatError, match=rf"Another run for shop/codex is at work on this host \(process {other_run.pid}\)"
        ),
        _run.exclusive(str(tmp_path), "shop", "codex"),
    ):
        pass
    with _run.exclusive(str(tmp_path), "shop", "codex2"):
        pass


def test_a_killed_process_frees_the_lock(tmp_path: pathlib.Path, other_run: subprocess.Popen[str]) -> None:
    other_run.send_signal(signal.SIGKILL)
    other_run.wait(10)
    with _run.exclusive(str(tmp_path), "shop", "codex"):
        pass


def test_the_lock_is_free_again_after_an_error(tmp_path: pathlib.Path) -> None:
    for _attempt in range(2):
        with pytest.raises(ValueError), _run.exclusive(str(tmp_path), "shop", "codex"):
            raise ValueError


def test_names_with_dots_never_share_a_lock_or_journals(tmp_path: pathlib.Path) -> None:
    pairs = [("a", "b"), ("a", "b.c"), ("a.b", "c"), ("a", "b.lock"), ("a.b", "c.d"), ("a", "b-c")]
    stems = []
    for app, component in pairs:
        stems.append(stem_in(tmp_path, app, component))
        killed(stems[-1], MockRepository("gone"))
    repository = MockRepository("gone", {f"{FOLDER}/artifact": b""})
    _run.remove_leftovers(stems[0], [repository])
    assert len(set(stems)) == len(pairs)
    assert len(journals(tmp_path)) == len(pairs) - 1


def test_folder_lock_and_journal_are_their_owners_alone(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "state"
    stem = stem_in(folder)
    with storing(stem, MockRepository()):
        modes = [stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert modes == [0o600, 0o600]


def test_a_state_folder_that_cannot_be_used_is_named(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(LifeboatError, match=f"state folder {tmp_path}/file/x cannot be used"),
        _run.exclusive(f"{tmp_path}/file/x", "a", "b"),
    ):
        pass


def test_the_manifest_is_written_last_and_names_the_repositories(tmp_path: pathlib.Path) -> None:
    calls: list[str] = []
    one, two = MockRepository("one", OTHER, calls), MockRepository("two", OTHER, calls)
    with storing(stem_in(tmp_path), one, two) as run:
        assert len(journals(tmp_path)) == 1
        for repository in run.repositories:
            repository.write_file(f"{FOLDER}/artifact", b"content")
        outcome = run.finish(lambda names: ",".join(names).encode())
    assert (outcome.stored_in, outcome.failed) == (["one", "two"], {})
    assert one.files == two.files == {**OTHER, f"{FOLDER}/artifact": b"content", MANIFEST: b"one,two"}
    assert [call for call in calls if "commit" in call][2:] == [f"one commit {MANIFEST}", f"two commit {MANIFEST}"]
    assert journals(tmp_path) == []


@pytest.mark.parametrize("error", [ValueError(), KeyboardInterrupt(), SystemExit()])
def test_a_run_that_breaks_off_removes_everything_of_its_own_and_nothing_else(
    tmp_path: pathlib.Path, error: BaseException
) -> None:
    one = MockRepository("one", OTHER)
    with pytest.raises(type(error)), storing(stem_in(tmp_path), one):
        one.write_file(f"{FOLDER}/artifact", b"content")
        one.create(f"{FOLDER}/second", 5)
        raise error
    assert (one.files, one.unfinished) == (OTHER, {})
    assert journals(tmp_path) == []


def test_a_repository_that_failed_keeps_nothing_and_the_others_have_the_backup(tmp_path: pathlib.Path) -> None:
    good, bad = MockRepository("good"), MockRepository("bad")
    with storing(stem_in(tmp_path), good, bad) as run:
        for repository in run.repositories:
            repository.write_file(f"{FOLDER}/artifact", b"content")
        run.note_failures({"bad": "disk full"})
        assert run.repositories == [good]
        outcome = run.finish(lambda names: ",".join(names).encode())
    assert (outcome.stored_in, outcome.failed) == (["good"], {"bad": "disk full"})
    assert (good.files[MANIFEST], bad.files) == (b"good", {})


def test_a_repository_that_cannot_take_the_manifest_keeps_nothing(tmp_path: pathlib.Path) -> None:
    good, bad = MockRepository("good"), MockRepository("bad")
    bad.fails_on = {MANIFEST}
    with storing(stem_in(tmp_path), bad, good) as run:
        for repository in run.repositories:
            repository.write_file(f"{FOLDER}/artifact", b"content")
        outcome = run.finish(lambda names: b"m")
    assert (outcome.stored_in, outcome.failed) == (["good"], {"bad": "bad cannot commit."})
    assert (MANIFEST in good.files, bad.files, bad.unfinished) == (True, {}, {})


def test_when_no_repository_is_left_that_is_an_error_and_nothing_stays(tmp_path: pathlib.Path) -> None:
    one, two = MockRepository("one"), MockRepository("two")
    one.fails_on = two.fails_on = {MANIFEST}
    with (
        pytest.raises(RepositoryError, match=r"No repository could store the backup\. one: .* two: "),
        storing(stem_in(tmp_path), one, two) as run,
    ):
        for repository in run.repositories:
            repository.write_file(f"{FOLDER}/artifact", b"content")
        run.finish(lambda names: b"m")
    assert (one.files, two.files, journals(tmp_path)) == ({}, {}, [])


def test_what_cannot_be_removed_now_is_removed_by_the_next_run(tmp_path: pathlib.Path) -> None:
    stem = stem_in(tmp_path)
    one, dead = MockRepository("one"), MockRepository("dead")
    with pytest.raises(ValueError), storing(stem, one, dead) as run:
        for repository in run.repositories:
            repository.write_file(f"{FOLDER}/artifact", b"content")
        dead.fails = {"remove", "list", "remove_unfinished"}
        raise ValueError
    assert (one.files, len(dead.files), len(journals(tmp_path))) == ({}, 1, 1)
    _run.remove_leftovers(stem, [one, dead])
    assert len(journals(tmp_path)) == 1
    dead.fails = set()
    assert _run.remove_leftovers(stem, [one, dead]) == [f"dead/{FOLDER}/artifact"]
    assert (dead.files, journals(tmp_path)) == ({}, [])


def test_what_a_killed_run_left_is_removed_and_named(tmp_path: pathlib.Path) -> None:
    stem = stem_in(tmp_path)
    one, two = MockRepository("one", OTHER), MockRepository("two")
    killed(stem, one, two)
    removed = _run.remove_leftovers(stem, [one, two])
    assert sorted(removed) == sorted(
        f"{name}/{FOLDER}/{file}" for name in ("one", "two") for file in ("artifact", "artifact2 (unfinished)")
    )
    assert (one.files, one.unfinished, two.files, two.unfinished) == (OTHER, {}, {}, {})
    assert journals(tmp_path) == []
    assert _run.remove_leftovers(stem, [one, two]) == []


def test_a_backup_that_a_killed_run_had_finished_stays(tmp_path: pathlib.Path) -> None:
    stem = stem_in(tmp_path)
    finished, half = MockRepository("finished"), MockRepository("half")
    killed(stem, finished, half)
    finished.files[MANIFEST] = b"m"
    _run.remove_leftovers(stem, [finished, half])
    assert (set(finished.files), half.files) == ({f"{FOLDER}/artifact", MANIFEST}, {})


@pytest.mark.parametrize("order", [0, 1])
def test_a_repository_that_is_out_of_reach_keeps_its_journal_for_a_later_run(
    tmp_path: pathlib.Path, order: int
) -> None:
    stem = stem_in(tmp_path)
    one, dead = MockRepository("one"), MockRepository("dead")
    killed(stem, one, dead)
    dead.fails = {"list"}
    repositories = [one, dead] if order else [dead, one]
    assert len(_run.remove_leftovers(stem, repositories)) == 2
    assert len(journals(tmp_path)) == 1
    dead.fails = set()
    assert len(_run.remove_leftovers(stem, repositories)) == 2
    assert (dead.files, dead.unfinished, journals(tmp_path)) == ({}, {}, [])


def test_a_repository_that_is_not_among_those_of_the_next_run_keeps_its_journal(tmp_path: pathlib.Path) -> None:
    stem = stem_in(tmp_path)
    one, two = MockRepository("one"), MockRepository("two")
    killed(stem, one, two)
    _run.remove_leftovers(stem, [one])
    assert len(journals(tmp_path)) == 1
    _run.remove_leftovers(stem, [two])
    assert (two.files, journals(tmp_path)) == ({}, [])


def test_a_run_killed_while_it_wrote_its_journal_leaves_nothing_that_matters(tmp_path: pathlib.Path) -> None:
    stem = stem_in(tmp_path)
    pathlib.Path(f"{stem}{BACKUP_ID}.journal.new").write_text('{"fol')
    assert _run.remove_leftovers(stem, [MockRepository()]) == []
    assert journals(tmp_path) == []


@pytest.mark.parametrize("content", ["", "[]", "{}", '"x"', '{"folder": "a"}'])
def test_a_journal_that_cannot_be_read_is_named_and_not_guessed(tmp_path: pathlib.Path, content: str) -> None:
    stem = stem_in(tmp_path)
    journal = pathlib.Path(f"{stem}{BACKUP_ID}.journal")
    journal.write_text(content)
    with pytest.raises(LifeboatError, match=f"The journal {journal} "):
        _run.remove_leftovers(stem, [MockRepository()])


def test_repositories_that_could_not_be_used_to_begin_with_are_left_alone(tmp_path: pathlib.Path) -> None:
    good, dead = MockRepository("good"), MockRepository("dead")
    with storing(stem_in(tmp_path), good, dead, failed={"dead": "no route"}) as run:
        assert run.repositories == [good]
        assert run.finish(lambda names: b"m").failed == {"dead": "no route"}


def test_the_state_folder_is_the_systems_for_root_and_a_users_own_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert _run.default_state_dir() == "/var/lib/lifeboat"
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_STATE_HOME", "/home/x/state")
    assert _run.default_state_dir() == "/home/x/state/lifeboat"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/home/x")
    assert _run.default_state_dir() == "/home/x/.local/state/lifeboat"


def test_a_backup_is_not_over_before_the_second_that_its_id_names_so_that_the_newest_of_two_is_known(
    tmp_path: pathlib.Path,
) -> None:
    repository = MockRepository("one")
    moment = datetime.datetime.now(datetime.UTC)
    folder = f"shop/codex/{_manifest.new_backup_id(moment)}"
    with _run.Storing(stem_in(tmp_path), folder, [repository], {}) as storing:
        storing.finish(lambda _repositories: b"{}")
    later = _manifest.new_backup_id(datetime.datetime.now(datetime.UTC))
    assert _manifest.id_time(later) > _manifest.id_time(folder.rpartition("/")[2])
