# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""HAProxy's runtime socket and DNS servers that say anything: an answer, or one error in words, in time."""

from __future__ import annotations

import collections.abc
import contextlib
import socket
import threading
import time

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._traffic._dns import Address, Key, Record, read_address
from ansible_collections.lifeboat.dr.plugins.module_utils._traffic._haproxy import Haproxy
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.repetitions import examples

dns = pytest.importorskip("dns")
_HEAD = b"# pxname,svname,scur,status,check_status,\n"
_ROW = b"app,one,0,UP,L4OK,\n"


class _Listener:
    """A mock server that says ``said`` to each question: over TCP, and in one packet over UDP."""

    def __init__(self) -> None:
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self.port = self._tcp.getsockname()[1]
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", self.port))
        self.said: collections.abc.Callable[[bytes], bytes] = lambda question: b""
        for serve in (self._serve_tcp, self._serve_udp):
            threading.Thread(target=serve, daemon=True).start()

    def close(self) -> None:
        self._tcp.close()
        self._udp.close()

    def _serve_tcp(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection = self._tcp.accept()[0]
                with connection, contextlib.suppress(OSError):
                    connection.settimeout(1)
                    connection.sendall(self.said(connection.recv(1 << 16)))
                    connection.shutdown(socket.SHUT_WR)

    def _serve_udp(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                question, asker = self._udp.recvfrom(1 << 16)
                with contextlib.suppress(OSError):
                    self._udp.sendto(self.said(question)[:1400], asker)


@pytest.fixture(scope="module")
def listener() -> collections.abc.Iterator[_Listener]:
    running = _Listener()
    yield running
    running.close()


def _servers(listener: _Listener, said: bytes) -> dict[str, object]:
    listener.said = lambda question: said
    return {**Haproxy(f"127.0.0.1:{listener.port}", 5).servers()}


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(_HEAD + b"a" * 200_000 + b",one,0,UP,,\n", id="a field that is longer than Python's csv takes"),
        pytest.param(_HEAD + b'"app,one,0,UP\n' + b"x" * 300_000, id="a quote without an end"),
        pytest.param(_HEAD + b"app\n", id="a row that is cut"),
        pytest.param(_HEAD + b"app,one," + b"9" * 10_000 + b",UP,,\n", id="a number without an end"),
        pytest.param(b"<html>", id="a web page"),
        pytest.param(b"\0\0\0", id="zeros"),
    ],
)
def test_what_is_no_haproxy_is_refused_in_words(listener: _Listener, said: bytes) -> None:
    with contextlib.suppress(LifeboatError):
        assert _servers(listener, said) == {}


@given(st.lists(st.sampled_from([_HEAD, _ROW, b",", b"\n", b'"', b"# ", b"9"]) | st.binary(max_size=8), max_size=12))
@settings(max_examples=examples(60), deadline=None)
def test_anything_at_the_socket_is_read_or_refused_in_words(listener: _Listener, said: list[bytes]) -> None:
    try:
        servers = _servers(listener, b"".join(said))
    except LifeboatError as error:
        assert "HAProxy" in error.message
    else:
        assert all("/" in name for name in servers)


_ANSWERS = (
    st.binary(max_size=60).map(lambda tail: lambda question: question[:2] + tail)
    | st.tuples(st.binary(min_size=10, max_size=10), st.binary(max_size=60)).map(
        lambda parts: lambda question: question[:2] + parts[0] + question[12:] + parts[1]
    )
    | st.binary(max_size=80).map(lambda tail: lambda question: question[:2] + b"\x84\x00" + question[4:] + tail)
    | st.integers(0, 15).map(lambda code: lambda question: question[:2] + bytes([0x84, code]) + question[4:])
)


@given(_ANSWERS)
@settings(max_examples=examples(60), deadline=None)
def test_any_packet_is_an_answer_of_dns_or_a_silence_in_words(
    listener: _Listener, said: collections.abc.Callable[[bytes], bytes]
) -> None:
    listener.said = said
    answer = Record("example.org", "www", "A", 0.2).ask(Address("127.0.0.1", listener.port), recursive=False)
    assert answer.error or answer.ttl >= 0


def _as_stream(
    said: collections.abc.Callable[[bytes], bytes], *, cut: bool
) -> collections.abc.Callable[[bytes], bytes]:
    """With the length before it, as DNS has it over TCP."""

    def answer(question: bytes) -> bytes:
        packet = said(question[2:])
        return (len(packet) + (7 if cut else 0)).to_bytes(2, "big") + packet

    return answer


@given(_ANSWERS, st.booleans(), st.booleans())
@settings(max_examples=examples(60), deadline=None)
def test_any_answer_to_an_update_is_success_or_one_error_in_words(
    listener: _Listener, said: collections.abc.Callable[[bytes], bytes], signed: bool, cut: bool
) -> None:
    listener.said = _as_stream(said, cut=cut)
    key = Key("k", "c2VjcmV0") if signed else None
    began = time.monotonic()
    try:
        Record("example.org", "www", "A", 0.5).update(
            Address("127.0.0.1", listener.port), key, ("192.0.2.1",), ("192.0.2.2",), 60
        )
    except LifeboatError as error:
        assert "www.example.org A" in error.message
    assert time.monotonic() - began < 30


@given(st.text(max_size=30))
@settings(max_examples=examples(60), deadline=None)
def test_any_text_is_an_address_or_is_refused_in_words(text: str) -> None:
    try:
        assert 0 < read_address("server", text).port < 65536
    except LifeboatError as error:
        assert error.message


@given(st.text(max_size=80), st.text(max_size=80), st.sampled_from(["A", "AAAA", "CNAME"]), st.text(max_size=80))
@settings(max_examples=examples(60), deadline=None)
def test_any_names_and_values_make_a_record_or_are_refused_in_words(
    zone: str, name: str, kind: str, value: str
) -> None:
    with contextlib.suppress(LifeboatError):
        Record(zone, name, kind, 1).normal("value", [value])
    with contextlib.suppress(LifeboatError):
        Record("example.org", "www", kind, 1).normal("value", [value])
