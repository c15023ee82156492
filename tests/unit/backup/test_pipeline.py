# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pipeline, over repositories in memory: whatever breaks, nothing half is kept and no thread survives."""

from __future__ import annotations

import hashlib
import threading
import time
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._compression import open_compressor
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._pipeline import (
    StoredStream,
    check_stored,
    load,
    store,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import (
    DamagedError,
    DeadlineError,
    RepositoryError,
    SourceError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import open_cipher

from tests.unit.mock_repository import MockRepository

pytestmark = pytest.mark.usefixtures("no_thread_survives")
CONTENT = [b"%d\trow\n" % number * 500 for number in range(60)]
WHOLE = b"".join(CONTENT)


def stored(
    pieces: t.Iterable[bytes], *repositories: MockRepository, compression: str = "none", **options: t.Any
) -> StoredStream:
    return store(
        iter(pieces),
        path="a/b/c",
        repositories=repositories,
        compressor=open_compressor({"engine": compression}),
        cipher=open_cipher({"engine": "none"}),
        estimated_bytes=1,
        **{"deadline": Deadline(20), **options},
    )


def loaded(
    repository: MockRepository, sha256: str, size: int, compression: str = "none", **options: t.Any
) -> t.Iterator[bytes]:
    compressor, cipher = open_compressor({"engine": compression}), open_cipher({"engine": "none"})
    return load(repository, "a/b/c", sha256=sha256, size=size, compressor=compressor, cipher=cipher, **options)


def nothing_in(*repositories: MockRepository) -> bool:
    return not any(repository.files or repository.unfinished for repository in repositories)


def failing(error: BaseException) -> t.Iterator[bytes]:
    yield from CONTENT[:30]
    raise error


@pytest.mark.parametrize("compression", ["none", "zstd", "gzip"])
def test_what_is_stored_is_the_same_in_every_repository_and_is_loaded_back(compression: str) -> None:
    one, two = MockRepository("one"), MockRepository("two")
    seen: list[bytes] = []
    counts: list[int] = []
    found = stored(CONTENT, one, two, compression=compression, on_source=seen.append, on_stored=counts.append)
    content = one.files["a/b/c"]
    assert two.files["a/b/c"] == content
    assert found == StoredStream(len(content), hashlib.sha256(content).hexdigest(), ("one", "two"), {})
    assert (b"".join(seen), sum(counts)) == (WHOLE, len(content))
    read: list[int] = []
    assert b"".join(loaded(two, found.sha256, found.bytes, compression, on_stored=read.append)) == WHOLE
    assert sum(read) == len(content)


def test_a_stream_of_nothing_is_a_whole_file() -> None:
    one = MockRepository("one")
    assert stored([], one).bytes == 0
    assert one.files == {"a/b/c": b""}


@pytest.mark.parametrize("error", [SourceError("pg_dump failed"), ValueError("x"), KeyboardInterrupt()])
def test_an_error_of_the_source_makes_every_repository_abort_and_comes_out_unchanged(error: BaseException) -> None:
    one, two = MockRepository("one"), MockRepository("two")
    with pytest.raises(type(error)) as raised:
        stored(failing(error), one, two, compression="zstd")
    assert raised.value is error
    assert nothing_in(one, two)
    assert not [call for call in one.calls + two.calls if "commit" in call]


@pytest.mark.parametrize("method", ["create", "write", "commit"])
def test_one_repository_that_fails_does_not_stop_the_other(method: str) -> None:
    good, bad = MockRepository("good"), MockRepository("bad")
    bad.fails = {method}
    found = stored(CONTENT, bad, good)
    assert (found.stored_in, found.failed) == (("good",), {"bad": f"bad cannot {method}."})
    assert good.files == {"a/b/c": WHOLE}
    assert nothing_in(bad)


def test_an_error_that_no_repository_should_raise_is_told_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = MockRepository("good"), MockRepository("bad")
    monkeypatch.setattr(bad, "create", lambda path, size: {}[path])
    assert stored(CONTENT, bad, good).failed == {"bad": "bad failed with KeyError: 'a/b/c'"}


@pytest.mark.parametrize("method", ["create", "write", "commit"])
def test_when_all_repositories_fail_that_is_an_error_with_all_reasons(method: str) -> None:
    one, two = MockRepository("one"), MockRepository("two")
    one.fails = two.fails = {method}
    with pytest.raises(
        RepositoryError, match=f"No repository could store a/b/c. one: one cannot {method}.; two: two cannot {method}."
    ) as raised:
        stored(CONTENT, one, two)
    assert set(raised.value.details["failed"]) == {"one", "two"}
    assert nothing_in(one, two)


def test_when_all_repositories_fail_an_endless_source_is_not_read_on() -> None:
    one = MockRepository("one")
    one.fails = {"write"}
    with pytest.raises(RepositoryError):
        stored(iter(lambda: b"x" * 1000, b""), one)


def test_a_slow_repository_is_waited_for_and_slows_the_source() -> None:
    slow, fast = MockRepository("slow"), MockRepository("fast")
    slow.may_write.clear()
    given: list[bytes] = []
    given_while_slow: list[int] = []

    def wake() -> None:
        given_while_slow.append(len(given))
        slow.may_write.set()

    timer = threading.Timer(0.4, wake)
    timer.start()
    found = stored((b"%d" % number for number in range(300)), slow, fast, on_source=given.append)
    timer.join()
    assert found.stored_in == ("slow", "fast")
    assert slow.files == fast.files == {"a/b/c": b"".join(given)}
    assert len(given) == 300
    assert 1 <= given_while_slow[0] < 60  # what fits into the queues between the stages


def test_a_repository_that_takes_nothing_is_left_at_the_time_limit() -> None:
    stuck, good = MockRepository("stuck"), MockRepository("good")
    stuck.may_write.clear()
    timer = threading.Timer(0.6, stuck.may_write.set)  # a real one gives up by its own time limit
    timer.start()
    with pytest.raises(DeadlineError, match="Storing a/b/c in stuck was stopped"):
        stored((b"x" for _number in range(300)), stuck, good, deadline=Deadline(0.3))
    timer.join()
    assert nothing_in(stuck, good)


def test_a_source_that_gives_nothing_is_ended_through_the_time_limit_that_it_checks() -> None:
    one = MockRepository("one")
    deadline = Deadline(0.3)
    closed = threading.Event()

    def silent() -> t.Iterator[bytes]:
        try:
            yield b"first"
            while True:
                time.sleep(0.02)
                deadline.check("pg_dump")
        finally:
            closed.set()

    with pytest.raises(DeadlineError, match="^pg_dump was stopped"):
        stored(silent(), one, deadline=deadline)
    assert closed.is_set()
    assert nothing_in(one)


def test_a_failure_cancels_a_source_that_gives_nothing() -> None:
    one = MockRepository("one")
    deadline = Deadline(20)
    began = time.monotonic()

    def silent() -> t.Iterator[bytes]:
        yield b"first"
        while True:
            time.sleep(0.02)
            deadline.check("pg_dump")

    timer = threading.Timer(0.2, deadline.cancel)  # what together() does when another stream fails
    timer.start()
    with pytest.raises(DeadlineError):
        stored(silent(), one, deadline=deadline)
    timer.join()
    assert time.monotonic() - began < 5
    assert nothing_in(one)


def test_nothing_is_committed_before_the_source_has_ended_well() -> None:
    calls: list[str] = []
    one, two = MockRepository("one", calls=calls), MockRepository("two", calls=calls)

    def source() -> t.Iterator[bytes]:
        for piece in CONTENT:
            assert not [call for call in calls if "commit" in call]
            yield piece
        time.sleep(0.1)
        calls.append("the source has ended")

    stored(source(), one, two)
    assert set(calls[:2]) == {"one create a/b/c", "two create a/b/c"}
    assert (calls[2], set(calls[3:])) == ("the source has ended", {"one commit a/b/c", "two commit a/b/c"})


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda content: content[:-1], f"has {len(WHOLE) - 1} bytes, and the manifest says {len(WHOLE)}"),
        (lambda content: content + b"x", f"has {len(WHOLE) + 1} bytes"),
        (lambda content: b"", "has 0 bytes"),
        (lambda content: content[:-9] + b"X" + content[-8:], "has another SHA-256"),
        (lambda content: bytes(len(content)), "has another SHA-256"),
    ],
)
def test_other_bytes_than_were_stored_are_refused_at_the_end_at_the_latest(
    damage: t.Callable[[bytes], bytes], why: str
) -> None:
    repository = MockRepository("one", {"a/b/c": damage(WHOLE)})
    sha256, size = hashlib.sha256(WHOLE).hexdigest(), len(WHOLE)
    with pytest.raises(DamagedError, match=f"one/a/b/c {why}"):
        list(loaded(repository, sha256, size))
    with pytest.raises(DamagedError, match=f"one/a/b/c {why}"):
        check_stored(repository, "a/b/c", sha256=sha256, size=size)


def test_never_more_bytes_are_given_than_the_manifest_says() -> None:
    repository = MockRepository("one", {"a/b/c": bytes(3 << 20)})
    given = 0
    with pytest.raises(DamagedError):
        for piece in loaded(repository, "", 1 << 20):
            given += len(piece)
    assert given <= 1 << 20


def test_damage_that_is_planted_is_found() -> None:
    repository = MockRepository("one", {"a/b/c": WHOLE})
    sha256, size = hashlib.sha256(WHOLE).hexdigest(), len(WHOLE)
    check_stored(repository, "a/b/c", sha256=sha256, size=size)
    with pytest.raises(DamagedError):
        list(loaded(repository, sha256, size, damage=lambda pieces: (piece[:-1] + b"!" for piece in pieces)))


def test_a_file_that_is_not_there_is_an_error_of_the_repository() -> None:
    with pytest.raises(RepositoryError, match="not there"):
        list(loaded(MockRepository("one"), "", 0))


def test_a_reader_that_leaves_early_leaves_no_thread_behind() -> None:
    repository = MockRepository("one", {"a/b/c": bytes(40 << 20)})
    pieces = loaded(repository, "", 40 << 20)
    next(pieces)
    close(pieces)
