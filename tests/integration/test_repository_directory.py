# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What only a repository in a directory has: modes, folders, a disk that is full or read-only, links, and files that
change.
"""

from __future__ import annotations

import ctypes
import os
import pathlib
import stat
import subprocess
import threading
import time
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import RepositoryError
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import _local_files, open_repository
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository

from tests.integration.repository_places import DirectoryPlace
from tests.lab.smalldisk import SmallDisk


@pytest.fixture
def place(tmp_path: pathlib.Path) -> DirectoryPlace:
    return DirectoryPlace(tmp_path / "not" / "there" / "yet")


def mode(path: pathlib.Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestModes:
    """Readable for the owner only."""

    def test_files_are_0600_and_folders_0700_whatever_the_umask(self, place: DirectoryPlace) -> None:
        before = os.umask(0)
        try:
            writer = place.open().create("app/codex/1/a", 1)
            writer.write(b"x")
            assert mode(place.root / "app/codex/1/a.partial") == 0o600
            writer.commit()
        finally:
            os.umask(before)
        assert mode(place.root / "app/codex/1/a") == 0o600
        folders = [place.root.parent, place.root, *(path for path in place.root.rglob("*") if path.is_dir())]
        assert {str(folder): mode(folder) for folder in folders} == {str(folder): 0o700 for folder in folders}

    def test_a_directory_that_exists_keeps_its_mode(self, place: DirectoryPlace) -> None:
        place.root.mkdir(parents=True)
        place.root.chmod(0o750)
        place.open().write_file("app/a", b"x")
        assert mode(place.root) == 0o750
        assert mode(place.root / "app") == 0o700

    def test_a_file_has_one_name_when_it_is_committed(self, place: DirectoryPlace) -> None:
        place.open().write_file("app/a", b"x")
        assert (place.root / "app/a").stat().st_nlink == 1


class TestFolders:
    """Ours go with us, others stay."""

    def test_abort_removes_the_folders_that_it_made_and_no_other(self, place: DirectoryPlace) -> None:
        (place.root / "app").mkdir(parents=True)
        place.open().create("app/codex/1/a", 1).abort()
        assert list(place.root.rglob("*")) == [place.root / "app"]

    def test_abort_on_a_fresh_root_leaves_nothing_at_all(self, place: DirectoryPlace, tmp_path: pathlib.Path) -> None:
        place.open().create("app/codex/1/a", 1).abort()
        assert list(tmp_path.iterdir()) == []

    def test_a_probe_of_a_fresh_root_leaves_nothing_at_all(self, place: DirectoryPlace, tmp_path: pathlib.Path) -> None:
        place.open().probe(1)
        assert list(tmp_path.iterdir()) == []

    def test_a_probe_removes_what_a_killed_probe_left_an_hour_ago(self, place: DirectoryPlace) -> None:
        place.put(".lifeboat-probe-0000", b"x")
        place.put(".lifeboat-probe-0001", b"x")
        os.utime(place.root / ".lifeboat-probe-0000", (time.time() - 4000,) * 2)
        place.open().probe(0)
        assert list(place.stored()) == [".lifeboat-probe-0001"]
        assert list(place.open().list_files("")) == []

    def test_folders_that_are_removed_again_and_again_do_not_stop_a_writer(self, place: DirectoryPlace) -> None:
        """Two runs meet: one tidies up empty folders while the other makes its own."""
        stop = threading.Event()
        tidy, repository = place.open(), place.open()

        def tidy_up() -> None:
            while not stop.is_set():
                tidy.remove_unfinished("app")
                time.sleep(0.001)

        thread = threading.Thread(target=tidy_up)
        thread.start()
        try:
            for number in range(200):
                repository.write_file(f"app/{number}/a", b"x")
        finally:
            stop.set()
            thread.join()
        assert len(place.stored()) == 200


class TestRunningWriters:
    """A file that is being written belongs to its writer."""

    def test_remove_unfinished_leaves_the_file_of_a_running_writer(self, place: DirectoryPlace) -> None:
        writer = place.open().create("app/a", 1)
        writer.write(b"x")
        assert place.open().remove_unfinished("") == []
        writer.commit()
        assert place.stored() == {"app/a": b"x"}

    def test_two_writers_of_one_file_are_refused(self, place: DirectoryPlace) -> None:
        writer = place.open().create("app/a", 1)
        with pytest.raises(RepositoryError, match="another run is writing"):
            place.open().create("app/a", 1)
        writer.write(b"x")
        writer.commit()
        assert place.stored() == {"app/a": b"x"}

    def test_bytes_that_another_program_adds_are_noticed(self, place: DirectoryPlace) -> None:
        writer = place.open().create("app/a", 1)
        writer.write(b"x")
        with open(place.root / "app/a.partial", "ab") as file:
            file.write(b"intruder")
        with pytest.raises(RepositoryError, match="has 8 bytes after 1 were written|has 9 bytes after 1 were written"):
            writer.commit()
        writer.abort()
        assert place.stored() == {}


class TestFaults:
    """A clear error, and nothing left."""

    def test_a_full_disk_is_named_and_leaves_nothing(self, small_disk: SmallDisk) -> None:
        place = DirectoryPlace(small_disk.path / "backups")
        writer = place.open().create("app/codex/1/a", 0)
        with pytest.raises(RepositoryError, match="No space left on device.*Free space") as caught:
            for _number in range(20):
                writer.write(os.urandom(1 << 20))
        assert caught.value.details["errno"] == "ENOSPC"
        writer.abort()
        assert list(small_disk.path.iterdir()) == []

    def test_a_writer_whose_disk_was_full_cannot_commit_when_there_is_room_again(self, small_disk: SmallDisk) -> None:
        place = DirectoryPlace(small_disk.path / "backups")
        ballast = small_disk.fill(leave_bytes=2 << 20)
        writer = place.open().create("app/a", 0)
        with pytest.raises(RepositoryError, match="No space left"):
            for _number in range(4):
                writer.write(os.urandom(1 << 20))
        ballast.unlink()
        with pytest.raises(RepositoryError, match="bytes after"):
            writer.commit()
        writer.abort()
        assert place.stored() == {}

    def test_a_probe_compares_the_free_space_with_what_is_needed(self, small_disk: SmallDisk) -> None:
        place = DirectoryPlace(small_disk.path / "backups")
        place.open().probe(15 << 20)
        with pytest.raises(RepositoryError, match=r"16\.0 MiB free, and this backup may need 17\.0 MiB") as caught:
            place.open().probe(17 << 20)
        assert caught.value.details["needed_bytes"] == 17 << 20
        assert list(small_disk.path.iterdir()) == []

    def test_a_disk_without_inodes_keeps_no_empty_folder(self, small_disk: SmallDisk) -> None:
        subprocess.run(["mount", "-o", "remount,nr_inodes=4", str(small_disk.path)], check=True)
        with pytest.raises(RepositoryError, match="codex/1 failed: No space left on device"):
            DirectoryPlace(small_disk.path / "backups").open().create("app/codex/1/a", 0)
        assert list(small_disk.path.iterdir()) == []

    def test_a_read_only_file_system_is_named(self, small_disk: SmallDisk) -> None:
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk.path)], check=True)
        with pytest.raises(RepositoryError, match="Read-only file system.*Mount the file system for writing"):
            open_repository({"path": str(small_disk.path / "backups")}).probe(0)

    def test_a_directory_of_somebody_else_is_named(self, place: DirectoryPlace) -> None:
        if os.geteuid() != 0:
            pytest.skip("only root can become somebody else")
        place.open().write_file("app/a", b"x")
        for folder in (place.root, *place.root.parents):
            if folder.is_relative_to("/tmp") and folder != pathlib.Path("/tmp"):
                folder.chmod(0o755)
        messages = as_nobody(
            lambda: place.open().probe(0),
            lambda: place.open().read_file("app/a"),
            lambda: place.open().remove(["app/a"]),
        )
        assert all("Permission denied" in message and "owner of the repository" in message for message in messages), (
            messages
        )
        assert place.stored() == {"app/a": b"x"}

    def test_a_file_where_a_folder_is_needed_is_named(self, place: DirectoryPlace) -> None:
        repository = place.open()
        repository.write_file("app", b"x")
        with pytest.raises(RepositoryError, match="app failed: Not a directory"):
            repository.create("app/a", 1)

    def test_a_link_inside_leads_nowhere(self, place: DirectoryPlace, tmp_path: pathlib.Path) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "secret").write_bytes(b"x")
        place.root.mkdir(parents=True)
        (place.root / "app").symlink_to(outside)
        (place.root / "file").symlink_to(outside / "secret")
        repository = place.open()
        with pytest.raises(RepositoryError, match="symbolic links"):
            repository.create("app/a", 1)
        with pytest.raises(RepositoryError, match="symbolic links"):
            repository.read_file("file")
        assert list(repository.list_files("")) == []
        assert [path.name for path in outside.iterdir()] == ["secret"]

    def test_a_file_that_is_shortened_while_it_is_read_is_refused(self, place: DirectoryPlace) -> None:
        place.put("app/a", bytes(3 << 20))
        reader = place.open().read("app/a")
        next(reader)
        os.truncate(place.root / "app/a", 2 << 20)
        with pytest.raises(RepositoryError, match="changed while it was read"):
            list(reader)

    def test_a_file_that_grows_while_it_is_read_is_refused(self, place: DirectoryPlace) -> None:
        place.put("app/a", bytes(3 << 20))
        reader = place.open().read("app/a")
        next(reader)
        with open(place.root / "app/a", "ab") as file:
            file.write(b"more")
        with pytest.raises(RepositoryError, match="changed while it was read"):
            list(reader)


class TestFileSystemsWithoutHardLinks:
    """exFAT and some network file systems. A tmpfs stands in: only the answer of link(2) is made up."""

    @pytest.fixture
    def repository(self, place: DirectoryPlace, monkeypatch: pytest.MonkeyPatch) -> Repository:
        def refuse(*_arguments: t.Any, **_options: t.Any) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(_local_files.os, "link", refuse)
        return place.open()

    def test_a_file_gets_its_name_by_a_rename(self, place: DirectoryPlace, repository: Repository) -> None:
        repository.write_file("app/a", b"x")
        assert place.stored() == {"app/a": b"x"}
        assert place.left_over() == []

    def test_a_file_that_appears_while_writing_wins(self, place: DirectoryPlace, repository: Repository) -> None:
        writer = repository.create("app/a", 1)
        place.put("app/a", b"first")
        with pytest.raises(RepositoryError, match="exists already"):
            writer.commit()
        writer.abort()
        assert place.stored() == {"app/a": b"first"}

    def test_where_neither_way_works_the_probe_says_so(
        self, repository: Repository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class NoRename:
            @staticmethod
            def renameat2(*_arguments: t.Any) -> int:
                ctypes.set_errno(22)
                return -1

        monkeypatch.setattr(ctypes, "CDLL", lambda *_arguments, **_options: NoRename)
        with pytest.raises(RepositoryError, match="Committing .* failed: Invalid argument"):
            repository.probe(0)


def as_nobody(*attempts: t.Callable[[], object]) -> list[str]:
    """The messages of the RepositoryErrors that these calls raise in a process of the user nobody."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgid(65534)
            os.setuid(65534)
            for attempt in attempts:
                try:
                    attempt()
                    message = "no error"
                except RepositoryError as error:
                    message = str(error)
                os.write(writing, message.replace("\n", " ").encode() + b"\n")
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, encoding="utf-8") as answers:
        lines = answers.read().splitlines()
    os.waitpid(child, 0)
    assert len(lines) == len(attempts)
    return lines
