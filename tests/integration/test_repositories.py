# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every repository promises, on a real directory and a real S3 server.

The state is read without the collection's code.
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._pipeline import check_stored
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, RepositoryError
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import ArtifactWriter

from tests.integration.repository_places import BucketPlace, DirectoryPlace, Place

_PIECE = 256 << 10
_FOLDER = "shop/codex/20260115T020000Z-3f9a2c"
_ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(params=["directory", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Place:
    """Every test here runs on both kinds."""
    if request.param == "directory":
        return DirectoryPlace(tmp_path / "backups")
    return BucketPlace(request.getfixturevalue("object_store"), request.getfixturevalue("bucket"))


def write_pieces(writer: ArtifactWriter, content: bytes) -> None:
    for start in range(0, len(content), _PIECE):
        writer.write(content[start : start + _PIECE])


def run_child(script: str, place: Place) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own; ``repository`` is open in it."""
    opening = (
        "import json, os, signal, sys, resource\n"
        "from ansible_collections.lifeboat.dr.plugins.module_utils._repository import open_repository\n"
        "repository = open_repository(json.loads(sys.argv[1]))\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{_ROOT}:{_ROOT}/.ansible/collections"}
    command = [sys.executable, "-c", opening + script, json.dumps(place.options)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


class TestWriting:
    """Whole or not at all."""

    @pytest.mark.parametrize("size", [0, 5, _PIECE, 20 * 1024 * 1024 + 7])
    def test_a_file_is_invisible_until_it_is_committed_and_whole_after(self, place: Place, size: int) -> None:
        repository, content = place.open(), os.urandom(size)
        writer = repository.create(f"{_FOLDER}/a.dump", 0)
        write_pieces(writer, content)
        assert list(repository.list_files("")) == []
        assert place.stored() == {}
        writer.commit()
        assert place.stored() == {f"{_FOLDER}/a.dump": content}
        assert place.left_over() == []
        assert b"".join(repository.read(f"{_FOLDER}/a.dump")) == content

    @pytest.mark.parametrize("size", [0, 5, 20 * 1024 * 1024 + 7])
    def test_abort_leaves_no_trace(self, place: Place, size: int) -> None:
        writer = place.open().create(f"{_FOLDER}/a.dump", 1 << 30)
        write_pieces(writer, os.urandom(size))
        writer.abort()
        assert place.stored() == {}
        assert place.left_over() == []

    def test_abort_of_two_files_leaves_no_folder_whichever_made_it(self, place: Place) -> None:
        repository = place.open()
        writers = [repository.create(f"{_FOLDER}/{name}", 1) for name in ("a", "b")]
        for writer in writers:
            writer.write(b"x")
            writer.abort()
        assert place.left_over() == []

    def test_after_commit_abort_changes_nothing(self, place: Place) -> None:
        writer = place.open().create("app/a", 1)
        writer.write(b"x")
        writer.commit()
        writer.abort()
        assert place.stored() == {"app/a": b"x"}

    def test_after_abort_nothing_can_be_written_or_committed(self, place: Place) -> None:
        writer = place.open().create("app/a", 1)
        writer.abort()
        with pytest.raises(RepositoryError, match="ended already"):
            writer.write(b"x")
        with pytest.raises(RepositoryError, match="ended already"):
            writer.commit()
        assert place.stored() == {}

    @pytest.mark.parametrize("estimate", [1, 1 << 30])
    def test_an_estimate_far_from_the_truth_does_no_harm(self, place: Place, estimate: int) -> None:
        content = os.urandom(9 << 20)
        writer = place.open().create("app/a", estimate)
        write_pieces(writer, content)
        writer.commit()
        assert place.stored() == {"app/a": content}

    def test_pieces_of_one_byte_and_of_many_parts_are_stored_alike(self, place: Place) -> None:
        content = os.urandom(1000) + os.urandom(30 << 20)
        writer = place.open().create("app/a", 0)
        for byte in content[:1000]:
            writer.write(bytes([byte]))
        writer.write(content[1000:])
        writer.commit()
        assert place.stored() == {"app/a": content}

    def test_several_files_are_written_at_the_same_time(self, place: Place) -> None:
        repository = place.open()
        contents = {f"{_FOLDER}/{number}": os.urandom((9 << 20) + number) for number in range(4)}

        def store(path: str) -> None:
            writer = repository.create(path, 0)
            write_pieces(writer, contents[path])
            writer.commit()

        threads = [threading.Thread(target=store, args=(path,)) for path in contents]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert place.stored() == contents

    def test_memory_stays_bounded_while_300_mb_are_written(self, place: Place) -> None:
        done = run_child(
            "repository.write_file('app/first', bytes(9 << 20))\n"  # libraries loaded, connection made
            "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
            "writer = repository.create('app/a', 0)\n"
            "for number in range(1200):\n"
            "    writer.write(os.urandom(256 << 10))\n"
            "writer.commit()\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n",
            place,
        )
        assert done.returncode == 0, done.stderr
        grown_kib = int(done.stdout)
        assert grown_kib < (80 << 10)
        assert place.size("app/a") == 300 << 20


class TestNeverOverwriting:
    """Write-once."""

    def test_a_file_that_exists_is_refused_before_anything_is_written(self, place: Place) -> None:
        repository = place.open()
        repository.write_file("app/a", b"first")
        with pytest.raises(RepositoryError, match="app/a.* exists already"):
            repository.create("app/a", 1)
        assert place.stored() == {"app/a": b"first"}

    @pytest.mark.parametrize("size", [1, 9 << 20])
    def test_a_file_that_appears_while_writing_wins(self, place: Place, size: int) -> None:
        writer = place.open().create("app/a", 1)
        write_pieces(writer, os.urandom(size))
        place.put("app/a", b"first")
        with pytest.raises(RepositoryError, match="app/a.* exists already"):
            writer.commit()
        writer.abort()
        assert place.stored() == {"app/a": b"first"}
        assert place.left_over() == []


class TestListing:
    """Only whole files, in one order everywhere."""

    def test_files_are_sorted_by_path_and_have_their_size(self, place: Place) -> None:
        repository = place.open()
        paths = ["b/x", "a/x", "a-b/x", "a.b", "a/ä", "a/x-1", "a/x/y/z", "Ω/1"]
        for number, path in enumerate(path for path in paths if path != "a/x"):
            repository.write_file(path, bytes(number))
        listed = [(file.path, file.size) for file in repository.list_files("")]
        assert listed == sorted((path, len(content)) for path, content in place.stored().items())
        assert [path for path, _size in listed] == ["a-b/x", "a.b", "a/x-1", "a/x/y/z", "a/ä", "b/x", "Ω/1"]

    def test_a_prefix_is_a_folder_and_not_the_beginning_of_a_name(self, place: Place) -> None:
        repository = place.open()
        for path in ("shop/a", "shop/b/c", "shop2/a", "shop"[:3]):
            repository.write_file(path, b"x")
        assert [file.path for file in repository.list_files("shop")] == ["shop/a", "shop/b/c"]
        assert [file.path for file in repository.list_files("shop/")] == ["shop/a", "shop/b/c"]
        assert list(repository.list_files("nothing/here")) == []

    def test_unfinished_files_are_not_listed(self, place: Place) -> None:
        repository = place.open()
        repository.write_file("app/whole", b"x")
        writer = repository.create("app/unfinished", 0)
        write_pieces(writer, bytes(17 << 20))
        assert [file.path for file in repository.list_files("app")] == ["app/whole"]
        writer.abort()

    @pytest.mark.parametrize(
        "name",
        ['it\'s "quoted"', "two words", "-rf", "ünïcödé-Ω-日本", "a+b&c=d%20#e?", "$(reboot);`x`", "back\\slash", "*"],
    )
    def test_strange_names_are_kept_as_they_are(self, place: Place, name: str) -> None:
        repository = place.open()
        repository.write_file(f"{name}/{name}", b"content")
        assert place.stored() == {f"{name}/{name}": b"content"}
        assert [file.path for file in repository.list_files(name)] == [f"{name}/{name}"]
        assert repository.read_file(f"{name}/{name}") == b"content"
        repository.remove([f"{name}/{name}"])
        assert place.stored() == {}


class TestReading:
    """All of it, or an error."""

    def test_a_file_that_is_not_there_is_named(self, place: Place) -> None:
        with pytest.raises(RepositoryError, match="app/none"):
            place.open().read_file("app/none")

    def test_pieces_have_at_most_the_size_asked_for(self, place: Place) -> None:
        repository = place.open()
        repository.write_file("app/a", bytes(1000))
        assert max(len(piece) for piece in repository.read("app/a", 300)) <= 300

    @pytest.mark.parametrize("damage", ["byte flipped", "tail cut", "byte added", "gone"])
    def test_what_was_damaged_after_it_was_stored_does_not_pass_for_whole(self, place: Place, damage: str) -> None:
        repository, content = place.open(), os.urandom(3 << 20)
        repository.write_file("app/a", content)
        sha256 = hashlib.sha256(content).hexdigest()
        check_stored(repository, "app/a", sha256=sha256, size=len(content))
        if damage == "gone":
            repository.remove(["app/a"])
        else:
            flipped = content[:1000] + bytes([content[1000] ^ 1]) + content[1001:]
            place.put(
                "app/a", {"byte flipped": flipped, "tail cut": content[:-1], "byte added": content + b"x"}[damage]
            )
        with pytest.raises(RepositoryError if damage == "gone" else DamagedError, match="app/a"):
            check_stored(repository, "app/a", sha256=sha256, size=len(content))

    def test_a_read_that_is_left_early_leaves_nothing_open(self, place: Place) -> None:
        repository = place.open()
        repository.write_file("app/a", bytes(3 << 20))
        before = len(os.listdir("/proc/self/fd"))
        for _turn in range(20):
            reader = repository.read("app/a")
            next(reader)
            close(reader)
        assert len(os.listdir("/proc/self/fd")) <= before + 1


class TestPaths:
    """Nothing leads out of a repository."""

    @pytest.mark.parametrize(
        "path", ["", "/etc/passwd", "../x", "a/../../x", "a/./b", "a//b", "a/", "a\0b", "a\nb", "a.partial", "x" * 300]
    )
    def test_a_path_that_no_store_should_see_is_refused(self, place: Place, path: str) -> None:
        repository = place.open()
        for attempt in (
            lambda: repository.create(path, 1),
            lambda: list(repository.read(path)),
            lambda: repository.remove([path]),
        ):
            with pytest.raises(RepositoryError, match="cannot be used in a repository"):
                attempt()
        assert place.stored() == {}

    def test_a_prefix_with_dots_is_refused(self, place: Place) -> None:
        repository = place.open()
        with pytest.raises(RepositoryError):
            list(repository.list_files("../"))
        with pytest.raises(RepositoryError):
            repository.remove_unfinished("..")


class TestRemoving:
    """What is asked for, and nothing else."""

    def test_files_are_removed_and_one_that_is_not_there_is_no_error(self, place: Place) -> None:
        repository = place.open()
        for path in ("app/a/1", "app/a/2", "app/b/1"):
            repository.write_file(path, b"x")
        repository.remove(["app/a/1", "app/a/2", "app/a/3", "none/at/all"])
        assert place.stored() == {"app/b/1": b"x"}
        assert place.left_over() == []

    def test_what_a_killed_writer_left_is_removed_and_nothing_else(self, place: Place) -> None:
        repository = place.open()
        repository.write_file("shop/codex/1/whole", b"x")
        script = (
            "for path in ('shop/codex/2/killed', 'shop2/codex/2/killed'):\n"
            "    writer = repository.create(path, 0)\n"
            "    for number in range(80):\n"
            "        writer.write(bytes(256 << 10))\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        assert run_child(script, place).returncode == -signal.SIGKILL
        assert any("shop/codex/2/killed" in name for name in place.left_over())
        assert "shop/codex/2/killed" in "".join(repository.remove_unfinished("shop"))
        assert not any("shop/" in name for name in place.left_over())
        assert any("shop2/codex/2/killed" in name for name in place.left_over())
        repository.remove_unfinished("")
        assert place.left_over() == []
        assert place.stored() == {"shop/codex/1/whole": b"x"}
        assert repository.remove_unfinished("") == []


class TestProbe:
    """Before work starts."""

    def test_a_probe_leaves_nothing(self, place: Place) -> None:
        place.open().probe(1000)
        assert place.stored() == {}
        assert place.left_over() == [] or not pathlib.Path(str(place.options.get("path", ""))).exists()


class TestStopping:
    """A run that ends early ends soon."""

    def test_abort_from_another_thread_ends_what_is_being_written(self, place: Place) -> None:
        writer = place.open().create("app/a", 0)
        failed: list[Exception] = []

        def write_for_ever() -> None:
            try:
                while True:
                    writer.write(bytes(1 << 20))
            except RepositoryError as error:
                failed.append(error)

        thread = threading.Thread(target=write_for_ever)
        thread.start()
        time.sleep(0.3)
        writer.abort()
        thread.join(10)
        assert not thread.is_alive()
        assert failed
        assert place.stored() == {}
        assert place.left_over() == []


class TestExclusiveCreation:
    """What a failover's ledger stands on."""

    def test_of_many_writers_at_once_exactly_one_creates_the_file(self, place: Place) -> None:
        repositories = [place.open() for _writer in range(8)]
        start = threading.Barrier(8)
        created: list[int] = []

        def race(number: int) -> None:
            for line in range(10):
                start.wait(20)
                if repositories[number].write_if_absent(f"_failover/shop/{line:06d}.json", b"%d" % number):
                    created.append(number)

        threads = [threading.Thread(target=race, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        stored = place.stored()
        assert len(created) == len(stored) == 10
        assert sorted(int(content) for content in stored.values()) == sorted(created)
        assert place.left_over() == []

    def test_a_file_that_is_there_stays_as_it_is(self, place: Place) -> None:
        repository = place.open()
        assert [repository.write_if_absent("_failover/a.json", content) for content in (b"one", b"two")] == [
            True,
            False,
        ]
        assert place.stored() == {"_failover/a.json": b"one"}
