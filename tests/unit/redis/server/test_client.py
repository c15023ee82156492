# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers that are none, or mean harm: one clear error, within the time limit, and little memory."""

from __future__ import annotations

import collections.abc
import contextlib
import itertools
import socket
import threading
import time
import tracemalloc

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DeadlineError, LifeboatError, SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._redis.rdb._transfer import Transfer
from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server import _client
from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._client import Server, ServerError, servers_of
from hypothesis import given, settings
from hypothesis import strategies as st

MARK = b"$EOF:" + b"m" * 40 + b"\r\n"
HEAD = b"REDIS0011"
SYNC = b"+OK\r\n+OK\r\n+OK\r\n+FULLRESYNC " + b"a" * 40 + b" 0\r\n"


@contextlib.contextmanager
def saying(*said: bytes, endless: bytes = b"") -> collections.abc.Iterator[Server]:
    """A mock server that says this whatever it is asked, and then the same for ever, or nothing more."""
    listener = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()

    def serve() -> None:
        connection, _address = listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.settimeout(5)
            for piece in itertools.chain(said, itertools.repeat(endless) if endless else ()):
                if stopped.is_set():
                    return
                connection.sendall(piece)
            if not stopped.is_set():
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield Server("127.0.0.1", listener.getsockname()[1], idle_seconds=5.0)
    finally:
        stopped.set()
        listener.close()


def take(server: Server, seconds: float = 10.0) -> int:
    """The number of bytes of an RDB."""
    with server.connect(Deadline(seconds)) as connection:
        transfer = Transfer(connection, "the server")
        transfer.ask()
        return sum(len(piece) for piece in transfer.pieces())


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak as a Redis server"),
        (b"$99999999999999999999\r\n", "does not speak as a Redis server"),
        (b"*1000000000\r\n", "does not speak as a Redis server"),
        (b"*1\r\n" * 50, "does not speak as a Redis server"),
        (b":5\r\n", "does not speak as a Redis server"),
        (b"$-1\r\n", "does not speak as a Redis server"),
        (b"\x16\x03\x01\x02\n", "does not speak as a Redis server"),
        (b"-NOAUTH Authentication required.\r\n", "login_password_file"),
        (b"-ERR unknown command 'REPLCONF', with args\r\n", "snapshots of its own"),
        (b"", "closed the connection"),
        (SYNC + b"+what\r\n", "announced no RDB"),
        (SYNC + b"$-5\r\n", "announced no RDB"),
        (SYNC + b"$EOF:short\r\n", "announced no RDB"),
        (SYNC + b"$5\r\nhello", "does not end as an RDB does"),
        (SYNC + b"$18\r\n" + HEAD + b"\xff" + b"\x01" * 8, "checksum is not that of its bytes"),
        (SYNC + b"$19\r\n" + HEAD + b"\xff" + b"\x01" * 8, "closed the connection"),
        (SYNC + b"$18\r\n" + HEAD + b"\xfe" + bytes(8), "does not end as an RDB does"),
        (SYNC + b"$18\r\nNOTARDB!!\xff" + bytes(8), "not an RDB"),
        (SYNC + MARK + HEAD + b"\xff" + bytes(8) + b"n" * 40, "closed the connection"),
        (SYNC + b"$23\r\n" + HEAD + b"\xfe\x00\xfb\x07\x00\xff" + bytes(8), "announced 7 keys"),
    ],
)
def test_what_no_server_says_is_one_clear_error(said: bytes, words: str) -> None:
    with saying(said) as server, pytest.raises(SourceError, match=words):
        take(server)


def test_a_whole_rdb_comes_in_both_forms_with_signs_of_life_before_it() -> None:
    whole = HEAD + b"\xfe\x00\xfb\x01\x00\x00\x01k\x01v\xff" + bytes(8)
    for said in (MARK + whole + b"m" * 40, b"$%d\r\n" % len(whole) + whole):
        with saying(b"\n\n" + SYNC + b"\n" * 1000, said) as server:
            assert take(server) == len(whole)


@pytest.mark.parametrize("endless", [b"\n", b"\r\n" * 1000, b"x" * 1000])
def test_a_server_that_never_comes_to_the_point_is_stopped_by_the_time_limit(endless: bytes) -> None:
    began = time.monotonic()
    with saying(SYNC, endless=endless) as server, pytest.raises((DeadlineError, SourceError)):
        take(server, seconds=1.5)
    assert time.monotonic() - began < 6


@pytest.mark.parametrize(
    "endless",
    [
        MARK + HEAD + b"\xfe\x00\x00\x01k\x81" + b"\x7f" * 8 + b"x" * 100_000,
        MARK + HEAD + b"\xfa\x81" + b"\x7f" * 8,
        MARK + HEAD + b"\xfe\x00\x0f\x01k\x81" + b"\x7f" * 8,
    ],
)
def test_a_server_that_says_endless_lengths_does_not_fill_the_memory(endless: bytes) -> None:
    tracemalloc.start()
    try:
        with saying(SYNC + endless, endless=b"z" * 100_000) as server, pytest.raises(LifeboatError):
            take(server, seconds=1.5)
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()


def test_a_silent_server_is_not_waited_for_longer_than_the_idle_timeout() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server("127.0.0.1", listener.getsockname()[1], idle_seconds=1.0)
    with listener, pytest.raises(SourceError, match="sent nothing for 1 s"):
        take(server)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_nothing_but_an_error_of_ours_comes_from_garbage(said: bytes) -> None:
    for before in (b"", SYNC, SYNC + b"$EOF:"):
        with saying(before + said) as server, contextlib.suppress(LifeboatError):
            take(server, seconds=5)


def test_an_error_names_the_command_and_the_missing_right_but_no_argument() -> None:
    said = b"-NOPERM User backup has no permissions to run the 'cluster|slots' command\r\n"
    with saying(said) as server, pytest.raises(ServerError) as caught, server.connect(Deadline(5)) as connection:
        connection.call("CLUSTER", "SLOTS", "secret")
    assert "+cluster|slots" in str(caught.value) and "secret" not in str(caught.value)


def _slots(*ranges: tuple[int, int]) -> bytes:
    rows = [b"*3\r\n:%d\r\n:%d\r\n*2\r\n$9\r\n127.0.0.1\r\n:6379\r\n" % one for one in ranges]
    return b"*%d\r\n" % len(rows) + b"".join(rows)


@pytest.mark.parametrize(
    ("ranges", "words"),
    [
        ([(0, 8191), (0, 8191)], "in a way that cannot be read"),  # as many as there are, and half of them missing
        ([(0, 16383), (5, 5)], "in a way that cannot be read"),
        ([(0, 20000)], "in a way that cannot be read"),
        ([(8000, 2)], "in a way that cannot be read"),
        ([(0, 8191), (9000, 16383)], "serves 15576 of 16384 slots"),
    ],
)
def test_slots_that_are_named_twice_do_not_stand_for_those_that_are_missing(
    ranges: list[tuple[int, int]], words: str
) -> None:
    with saying(_slots(*ranges)) as server, pytest.raises(SourceError, match=words):
        servers_of(server, True, Deadline(10))


def test_a_port_that_is_none_is_refused() -> None:
    said = b"*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$1\r\nh\r\n$1\r\nx\r\n"
    with saying(said) as server, pytest.raises(SourceError, match="in a way that cannot be read"):
        servers_of(server, True, Deadline(10))


def test_an_answer_of_many_parts_is_bounded_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_client, "_MOST_ANSWER_BYTES", 1 << 20)
    for said in (b"*1048576\r\n" + b"*0\r\n" * 20_000, b"*9\r\n" + (b"$200000\r\n" + b"x" * 200_000 + b"\r\n") * 9):
        with (
            pytest.raises(SourceError, match=r"more than 1048576 bytes|does not speak"),
            saying(said) as server,
            server.connect(Deadline(10)) as connection,
        ):
            connection.call("KEYS", "*")
