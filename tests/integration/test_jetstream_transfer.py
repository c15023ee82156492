# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Streams taken from and given to real NATS servers, of every version, over good and bad connections."""

from __future__ import annotations

import collections.abc
import concurrent.futures
import hashlib
import json
import os
import pathlib
import time
import typing as t

import nats.aio.client
import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError, SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.backup._snapshot import Snapshot, SnapshotResult
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._connection import Connection
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._errors_of_server import (
    CannotConnectError,
    ConnectionLostError,
    JetStreamError,
    MissingPermissionError,
    NoAnswerError,
    ServerError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._session import Session
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.restore._upload import upload

from tests.integration.nats_servers import Servers, make_stream, new_name, publish, with_client
from tests.lab import throwaway
from tests.lab.delayproxy import DelayProxy
from tests.lab.faultproxy import FaultProxy
from tests.lab.nats import VERSIONS, NatsServer, account

_SECONDS = 120.0
_SMALL = 64 * 1024


class Archive(t.NamedTuple):
    """What a snapshot gave."""

    config: dict[str, t.Any]
    state: dict[str, t.Any]
    pieces: list[bytes]
    outcome: SnapshotResult


def opened(url: str, **options: t.Any) -> Session:
    return Connection.at(url, **options).open(Deadline(_SECONDS))


def taken(url: str, name: str, *, chunk_bytes: int = _SMALL, **options: t.Any) -> Archive:
    """A snapshot; one that an earlier test broke off may be under way for as long as the server waits for it."""
    give_up = time.monotonic() + 10
    while True:
        try:
            with opened(url, **options) as session:
                snapshot = Snapshot(session, name, chunk_bytes=chunk_bytes)
                config, state = snapshot.start()
                return Archive(config, state, list(snapshot.pieces()), snapshot.outcome)
        except JetStreamError as error:
            if error.err_code != 10064 or time.monotonic() > give_up:
                raise
            time.sleep(0.2)


def given(
    url: str, name: str, archive: Archive, pieces: collections.abc.Iterator[bytes] | None = None, **options: t.Any
) -> dict[str, t.Any]:
    """Restore; the races of 2.15 after a delete are tried again, as the caller of ``upload`` has to."""
    for attempt in range(10):
        try:
            with opened(url) as session:
                source = iter(archive.pieces) if pieces is None else pieces
                return upload(session, name, archive.config, archive.state, source, **options)
        except JetStreamError as error:
            if not error.transient or pieces is not None or attempt == 9:
                raise
            with opened(url) as session:
                session.delete_stream(name)
            time.sleep(0.5)
    raise AssertionError("the last attempt returns or raises")


def digest(url: str, name: str) -> str:
    """SHA-256 of all messages, read one by one through another client."""

    async def work(client: nats.aio.client.Client) -> str:
        state = json.loads((await client.request(f"$JS.API.STREAM.INFO.{name}", b"", timeout=30)).data)["state"]
        found = hashlib.sha256()
        for sequence in range(state["first_seq"], state["last_seq"] + 1):
            answer = json.loads(
                (await client.request(f"$JS.API.STREAM.MSG.GET.{name}", b'{"seq":%d}' % sequence, timeout=30)).data
            )
            message = answer["message"]
            found.update(json.dumps([message[key] for key in ("seq", "subject", "time", "data")]).encode())
        return found.hexdigest()

    return with_client(url, work)


def make(session: Session, config: dict[str, t.Any]) -> None:
    session.api(f"STREAM.CREATE.{config['name']}", config)


@pytest.fixture(scope="module")
def large(nats_server: Servers) -> tuple[str, str]:
    """A stream of 24 MB on the shared 2.14: URL and name. No test may change it."""
    url, name = nats_server("2.14").url(), new_name("LARGE")
    make_stream(url, name, messages=600, size=40_000)
    return url, name


@pytest.mark.parametrize("version", VERSIONS)
def test_a_stream_comes_back_as_it_was(nats_server: Servers, version: str) -> None:
    url, name = nats_server(version).url(), new_name()
    make_stream(url, name, messages=250, size=3000)
    before = digest(url, name)

    archive = taken(url, name)

    assert archive.outcome.chunks == len(archive.pieces) > 5
    assert archive.outcome.bytes == sum(map(len, archive.pieces))
    assert archive.outcome.status == "204"
    assert not archive.outcome.undecided
    assert (archive.config["name"], archive.state["messages"]) == (name, 250)
    with opened(url) as session:
        assert session.delete_stream(name)
        assert session.stream(name) is None
    info = given(url, name, archive, chunk_bytes=_SMALL)
    assert (info["state"]["messages"], info["state"]["last_seq"]) == (250, 250)
    assert digest(url, name) == before


@pytest.mark.parametrize("version", VERSIONS)
def test_an_archive_smaller_than_a_chunk_is_taken(nats_server: Servers, version: str) -> None:
    url, name = nats_server(version).url(), new_name()
    make_stream(url, name, messages=3, size=10)
    archive = taken(url, name, chunk_bytes=0)
    assert 0 < archive.outcome.bytes == len(b"".join(archive.pieces))
    assert archive.outcome.status in ("", "204")


def test_what_is_published_meanwhile_does_no_harm(large: tuple[str, str], nats_server: Servers) -> None:
    url, name = nats_server("2.14").url(), new_name()
    make_stream(url, name, messages=2000, size=4000)
    with opened(url) as session:
        snapshot = Snapshot(session, name, chunk_bytes=_SMALL)
        snapshot.start()
        count = 0
        for number, piece in enumerate(snapshot.pieces()):
            count += len(piece)
            if number in (0, 20):
                publish(url, name, 100)
        assert (snapshot.outcome.bytes, snapshot.outcome.status) == (count, "204")


def test_two_snapshots_of_one_stream_are_a_transient_error_up_to_2_14(large: tuple[str, str]) -> None:
    url, name = large
    with opened(url) as first, opened(url) as second:
        one = Snapshot(first, name, chunk_bytes=_SMALL, window_bytes=_SMALL)
        one.start()
        with pytest.raises(JetStreamError, match="snapshot in progress") as caught:
            Snapshot(second, name).start()
    assert (caught.value.err_code, caught.value.transient) == (10064, True)


def test_an_unknown_stream_is_named(nats_server: Servers) -> None:
    with (
        opened(nats_server("2.14").url()) as session,
        pytest.raises(JetStreamError, match="stream NONE .*stream not found") as caught,
    ):
        Snapshot(session, "NONE").start()
    assert caught.value.err_code == 10059


# --- slow, and stalled ---


def stalled_snapshot(url: str, name: str, seconds: float, ack_seconds: float = 0.0) -> SnapshotResult:
    """Take a stream whose pieces nobody wants for so long in the middle."""
    with opened(url) as session:
        snapshot = Snapshot(session, name, chunk_bytes=_SMALL, window_bytes=16 * _SMALL)
        snapshot.soft_bytes = 4 * _SMALL
        snapshot.ack_seconds = ack_seconds or snapshot.ack_seconds
        snapshot.start()
        for number, _piece in enumerate(snapshot.pieces()):
            if number == 3:
                time.sleep(seconds)  # the subject of the test: nothing is taken for longer than the server waits
        return snapshot.outcome


def test_repositories_that_stall_longer_than_the_server_waits_do_no_harm(
    nats_server: Servers, large: tuple[str, str]
) -> None:
    places = {version: (nats_server(version).url(), new_name()) for version in ("2.10", "2.14", "2.15")}
    for url, name in places.values():
        make_stream(url, name, messages=300, size=40_000)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        stalled = {version: pool.submit(stalled_snapshot, *place, 7.0) for version, place in places.items()}
        late = pool.submit(stalled_snapshot, *large, 7.0, ack_seconds=60.0)
    for version, future in stalled.items():
        outcome = future.result()
        assert outcome.status == "204"
        assert outcome.bytes > 11_000_000
        if version != "2.10":  # its window is 8 MiB, whatever it is asked for
            assert outcome.most_waiting_bytes < 40 * _SMALL
    with pytest.raises(ServerError, match="gave up the snapshot .* 408 No Flow Response") as caught:
        late.result()  # acknowledgements that come too late: so it is they that made the others go well
    assert caught.value.transient


def test_a_repository_that_stalls_longer_than_the_server_waits_can_still_be_restored_from(nats_server: Servers) -> None:
    def restored(version: str) -> int:
        url, name = nats_server(version).url(), names[version]

        def slow() -> collections.abc.Iterator[bytes]:
            half = len(archives[version].pieces) // 2
            yield from archives[version].pieces[:half]
            time.sleep(6.5)  # the subject of the test: the server waits for five seconds
            yield from archives[version].pieces[half:]

        return int(given(url, name, archives[version], slow())["state"]["messages"])

    versions = ("2.12.4", "2.14", "2.15")
    names = {version: new_name() for version in versions}
    archives = {}
    for version in versions:
        with NatsServer(version) as source:  # another one, so that no stream was deleted just now
            make_stream(source.url(), names[version], messages=250, size=3000)
            archives[version] = taken(source.url(), names[version])
        nats_server(version)
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        assert list(pool.map(restored, versions)) == [250, 250, 250]


def test_a_source_that_gives_nothing_any_more_ends_the_restore(nats_server: Servers, large: tuple[str, str]) -> None:
    archive = taken(*large)

    def dead() -> collections.abc.Iterator[bytes]:
        yield archive.pieces[0]
        time.sleep(4)  # the subject of the test
        yield archive.pieces[1]

    with NatsServer("2.14") as server:
        with pytest.raises(SourceError, match="could not be read on: nothing came for"):
            given(server.url(), archive.config["name"], archive, dead(), stall_seconds=2.0)
        with opened(server.url()) as session:
            assert session.streams() == []


def test_an_error_of_the_source_comes_out_of_the_restore(large: tuple[str, str]) -> None:
    archive = taken(*large)

    def broken() -> collections.abc.Iterator[bytes]:
        yield from archive.pieces[:20]
        raise SourceError("the repository has burnt down")

    with NatsServer("2.14") as server, pytest.raises(SourceError, match="burnt down"):
        given(server.url(), archive.config["name"], archive, broken())


# --- broken off ---


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_cut_connection_ends_a_snapshot_at_once(
    large: tuple[str, str], nats_server: Servers, direction: t.Literal["up", "down"]
) -> None:
    server, name = nats_server("2.14"), large[1]
    with FaultProxy(server.port, http=False) as proxy, opened(server.url(port=proxy.port)) as session:
        snapshot = Snapshot(session, name, chunk_bytes=_SMALL)
        snapshot.start()
        proxy.cut_after(4000 if direction == "up" else 5_000_000, direction=direction)
        started = time.monotonic()
        with pytest.raises(ConnectionLostError, match="was lost"):
            list(snapshot.pieces())
        assert time.monotonic() - started < 20


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_cut_connection_ends_a_restore_at_once(large: tuple[str, str], direction: t.Literal["up", "down"]) -> None:
    archive = taken(*large)
    with NatsServer("2.14") as server, FaultProxy(server.port, http=False) as proxy:
        with opened(server.url(port=proxy.port)) as session:
            proxy.cut_after(5_000_000 if direction == "up" else 3000, direction=direction)
            with pytest.raises(ConnectionLostError, match="was lost"):
                upload(
                    session,
                    archive.config["name"],
                    archive.config,
                    archive.state,
                    iter(archive.pieces),
                    chunk_bytes=_SMALL,
                )
        with opened(server.url()) as session:
            assert session.streams() == []


def test_a_server_that_is_killed_ends_a_snapshot_and_a_restore(large: tuple[str, str]) -> None:
    archive = taken(*large)
    name = archive.config["name"]
    with NatsServer("2.14") as server:
        given(server.url(), name, archive)
        with opened(server.url()) as session, pytest.raises(ConnectionLostError):
            snapshot = Snapshot(session, name, chunk_bytes=_SMALL, window_bytes=_SMALL)
            snapshot.start()
            for number, _piece in enumerate(snapshot.pieces()):
                if number == 5:
                    server.kill()
        server.start()
        with opened(server.url()) as session:
            assert session.delete_stream(name)

        def killing() -> collections.abc.Iterator[bytes]:
            yield from archive.pieces[:100]
            server.kill()
            yield from archive.pieces[100:]

        # What is read ahead may kill it before it is asked for the restore: then it is not reached.
        with pytest.raises((ConnectionLostError, ServerError, CannotConnectError)):
            given(server.url(), name, archive, killing())


@pytest.mark.parametrize("version", ["2.14", "2.15"])
def test_a_stream_that_is_deleted_meanwhile_ends_its_snapshot_soon(nats_server: Servers, version: str) -> None:
    url, name = nats_server(version).url(), new_name()
    make_stream(url, name, messages=600, size=40_000)
    with opened(url) as session, opened(url) as other:
        snapshot = Snapshot(session, name, chunk_bytes=_SMALL, window_bytes=4 * _SMALL)
        snapshot.start()
        started = time.monotonic()
        try:
            for number, _piece in enumerate(snapshot.pieces()):
                if number == 3:
                    assert other.delete_stream(name)
        except ServerError as error:
            assert "was deleted while its snapshot was taken" in str(error)
        else:
            assert snapshot.outcome.chunks > 3  # whether it is whole is for the archive to say
        assert time.monotonic() - started < 30


def test_a_restore_that_the_server_has_no_room_for_says_so(large: tuple[str, str]) -> None:
    archive = taken(*large)
    with NatsServer("2.14", jetstream={"max_file_store": 5_000_000}) as server:
        with pytest.raises(JetStreamError, match="insufficient|resource|storage"):
            given(server.url(), archive.config["name"], archive)
        with opened(server.url()) as session:
            assert session.streams() == []


def test_a_restore_over_a_stream_that_exists_is_refused(large: tuple[str, str]) -> None:
    archive = taken(*large)
    with pytest.raises(JetStreamError, match="10130|10058") as caught:
        given(large[0], large[1], archive)
    assert not caught.value.transient


def test_a_damaged_archive_is_refused(large: tuple[str, str]) -> None:
    archive = taken(*large)
    pieces = [*archive.pieces[:9], b"\x00" * len(archive.pieces[9]), *archive.pieces[10:]]
    with NatsServer("2.14") as server, pytest.raises(JetStreamError) as caught:
        given(server.url(), large[1], archive, iter(pieces))
    assert caught.value.err_code == 10062


# --- permissions and signing in ---

_API = ["$JS.API.STREAM.INFO.S"]


def limited(*publish_to: str) -> NatsServer:
    permissions = {"publish": {"allow": [*_API, *publish_to]}, "subscribe": {"allow": ["_INBOX.>"]}}
    admin = {"user": "admin", "password": "all"}
    entry = account("ops", password="s3cret", permissions=permissions)
    return NatsServer("2.14", accounts={"A": {**entry, "users": [*entry["users"], admin]}})


def test_a_missing_permission_to_take_a_snapshot_is_named() -> None:
    with limited() as server, opened(server.url("ops")) as session:
        with pytest.raises(MissingPermissionError) as caught:
            Snapshot(session, "S").start()
        assert caught.value.grant == "$JS.API.STREAM.SNAPSHOT.S"
        assert 'publish: { allow: ["$JS.API.STREAM.SNAPSHOT.S"] }' in str(caught.value)


def test_a_missing_permission_to_acknowledge_is_named_at_once() -> None:
    with limited("$JS.API.STREAM.SNAPSHOT.S") as server:
        make_stream(server.url("admin"), "S", messages=300, size=40_000)
        started = time.monotonic()
        with pytest.raises(MissingPermissionError) as caught:
            taken(server.url("ops"), "S")
        assert caught.value.grant == "$JS.SNAPSHOT.ACK.S.>"
        assert time.monotonic() - started < 4.5  # the server would give up after five


def test_a_missing_permission_to_send_the_archive_is_named_at_once(nats_server: Servers) -> None:
    url = nats_server("2.14").url()
    make_stream(url, "S", messages=10, size=100)
    archive = taken(url, "S")
    with limited("$JS.API.STREAM.RESTORE.S") as server, pytest.raises(MissingPermissionError) as caught:
        given(server.url("ops"), "S", archive)
    assert caught.value.grant == "$JS.SNAPSHOT.RESTORE.S.*"


def test_a_missing_permission_to_subscribe_names_the_inboxes() -> None:
    permissions = {"publish": {"allow": [">"]}, "subscribe": {"allow": ["inbox.of.ops.>"]}}
    with NatsServer(accounts={"A": account("ops", permissions=permissions)}) as server:
        with opened(server.url("ops")) as session, pytest.raises(MissingPermissionError) as caught:
            session.account()
        assert (caught.value.verb, caught.value.grant) == ("subscribe", "_INBOX.>")
        with opened(server.url("ops"), inbox_prefix="inbox.of.ops") as session:
            assert session.account().streams == 0


def test_wrong_passwords_are_refused_and_never_shown() -> None:
    with limited() as server:
        for url in (f"nats://ops:wr0ng@127.0.0.1:{server.port}", f"nats://t0ken@127.0.0.1:{server.port}"):
            with pytest.raises(CannotConnectError, match="does not let us in") as caught:
                opened(url)
            assert "wr0ng" not in str(caught.value.to_result()) + Connection.at(url).describe()
            assert "t0ken" not in str(caught.value.to_result()) + Connection.at(url).describe()


def test_tokens_and_nkeys_let_us_in(tmp_path: pathlib.Path) -> None:
    import nkeys

    seed = nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER)
    (tmp_path / "seed").write_bytes(seed)
    with NatsServer(settings={"authorization": {"token": "t/0 ken"}}) as server:
        with opened(f"nats://t%2F0%20ken@127.0.0.1:{server.port}") as session:
            assert session.account().streams == 0
        with Connection.at(server.url(), token="t/0 ken").open(Deadline(_SECONDS)) as session:
            assert session.account().streams == 0
    public_key = bytes(nkeys.from_seed(bytearray(seed)).public_key).decode()
    with NatsServer(accounts={"A": {"jetstream": "enabled", "users": [{"nkey": public_key}]}}) as server:
        with opened(server.url(), nkey_seed_file=str(tmp_path / "seed")) as session:
            assert session.account().streams == 0
        with pytest.raises(CannotConnectError, match="does not let us in"):
            opened(server.url())
    (tmp_path / "seed").write_text("no seed")
    with pytest.raises(OptionError, match="nkey_seed_file: .*no seed of a user"), NatsServer() as server:
        opened(server.url(), nkey_seed_file=str(tmp_path / "seed"))


def test_tls_works_and_its_problems_are_explained() -> None:
    with NatsServer(tls="verify") as server:
        certificate, key = map(str, server.client_certificate)
        with pytest.raises(CannotConnectError, match="certificate is not accepted"):
            opened(server.url())
        with pytest.raises(CannotConnectError, match="wants a client's certificate"):
            opened(server.url(), tls_ca_file=str(server.ca_file))
        options = {"tls_ca_file": str(server.ca_file), "tls_cert_file": certificate, "tls_key_file": key}
        with opened(server.url(), **options) as session:
            make(session, {"name": "S", "subjects": ["S.>"], "storage": "file"})
            for _number in range(40):
                session.ask("S.a", os.urandom(100_000))
        archive = taken(server.url(), "S", **options)
        assert archive.outcome.bytes > 4_000_000
        with opened(server.url(), **options) as session:
            session.delete_stream("S")
        with opened(server.url(), **options) as session:
            assert upload(session, "S", archive.config, archive.state, iter(archive.pieces))["state"]["messages"] == 40
    with NatsServer() as server, pytest.raises(CannotConnectError, match="does not offer TLS"):
        opened(f"tls://127.0.0.1:{server.port}")


def test_a_web_socket_is_as_good_as_a_plain_connection() -> None:
    port = throwaway.free_port()
    with NatsServer(settings={"websocket": {"host": "127.0.0.1", "port": port, "no_tls": True}}) as server:
        url = f"ws://127.0.0.1:{port}"
        make_stream(server.url(), "S", messages=300, size=10_000)
        archive = taken(url, "S")
        with opened(url) as session:
            session.delete_stream("S")
        assert given(url, "S", archive)["state"]["messages"] == 300


def test_a_server_that_is_not_there_is_named_and_another_one_is_tried(nats_server: Servers) -> None:
    server = nats_server("2.14")
    with FaultProxy(server.port, http=False) as proxy:
        dead = server.url(port=proxy.port)
        proxy.refuse()
        with pytest.raises(CannotConnectError, match=f"127.0.0.1:{proxy.port} cannot be reached"):
            opened(dead)
        with opened(f"{dead},{server.url()}") as session:
            assert session.server_version_text == VERSIONS["2.14"]


def test_an_account_without_jetstream_and_a_server_without_it_are_told_apart() -> None:
    plain = {"users": [{"user": "plain", "password": "x"}]}
    with NatsServer(accounts={"A": account("ops"), "B": plain}) as server, opened(server.url("plain")) as session:
        with pytest.raises(LifeboatError, match="JetStream|nobody at this NATS server") as caught:
            session.account()
        assert caught.value.hint


# --- many, odd and far ---


def test_more_streams_and_consumers_than_one_page_has_are_all_listed() -> None:
    with NatsServer("2.14") as server, opened(server.url()) as session:
        names = [f"S{number:03}" for number in range(300)]
        for name in names:
            make(session, {"name": name, "subjects": [name], "storage": "memory"})
        for number in range(270):
            session.create_consumer(
                "S000", {"durable_name": f"c{number:03}", "ack_policy": "explicit", "mem_storage": True}
            )
        assert [info.name for info in session.streams()] == names
        assert [info.name for info in session.consumers("S000")] == [f"c{number:03}" for number in range(270)]


@pytest.mark.parametrize("name", ["über$Ström%20", "a\"b'c", "{x}|~"])
def test_odd_names_are_no_problem(nats_server: Servers, name: str) -> None:
    url = nats_server("2.14").url()
    with opened(url) as session:
        make(session, {"name": name, "subjects": [new_name()], "storage": "file"})
        info = session.stream(name)
        assert info is not None and info.name == name
    archive = taken(url, name)
    with opened(url) as session:
        session.delete_stream(name)
    given(url, name, archive)
    with opened(url) as session:
        assert name in [info.name for info in session.streams()]
        session.delete_stream(name)


def test_names_that_would_mean_something_else_in_a_subject_are_refused(nats_server: Servers) -> None:
    with opened(nats_server("2.14").url()) as session:
        for name in ("a.b", "*", ">", "a b", "a/b", "", "a\r\nPUB x 0"):
            with pytest.raises(OptionError, match="cannot be the name of a stream"):
                session.stream(name)


def test_a_domain_is_used_and_a_wrong_one_is_explained() -> None:
    with NatsServer("2.14", jetstream={"domain": "hub"}) as server:
        make_stream(server.url(), "S", messages=20, size=1000)
        archive = taken(server.url(), "S", domain="hub")
        assert archive.state["messages"] == 20
        with opened(server.url(), domain="hub") as session:
            session.delete_stream("S")
            assert upload(session, "S", archive.config, archive.state, iter(archive.pieces))["state"]["messages"] == 20
        with (
            opened(server.url(), domain="elsewhere") as session,
            pytest.raises(NoAnswerError, match="nobody at this NATS server"),
        ):
            session.account()


def test_distance_costs_a_restore_nothing_but_the_first_round_trips(large: tuple[str, str]) -> None:
    archive = taken(*large)
    with NatsServer("2.14") as server, DelayProxy(server.port, 0.020) as proxy:
        url = server.url(port=proxy.port)
        few = list(archive.pieces)
        started = time.monotonic()
        given(url, large[1], archive, iter(few))
        windowed = time.monotonic() - started
        with opened(url) as session:
            session.delete_stream(large[1])
        started = time.monotonic()
        given(url, large[1], archive, iter(few), chunk_bytes=_SMALL, window_bytes=_SMALL)
        one_at_a_time = time.monotonic() - started
    assert one_at_a_time > len(b"".join(few)) / _SMALL * 0.020
    assert windowed < one_at_a_time / 4


def test_a_session_whose_connection_the_server_has_ended_meanwhile_is_opened_again() -> None:
    with NatsServer("2.14") as server, opened(server.url()) as session:
        first = session.channel
        assert session.account().streams == 0
        server.kill()
        server.start()
        deadline = time.monotonic() + 30
        while not first.closed and time.monotonic() < deadline:
            time.sleep(0.05)
        assert session.account().streams == 0
        assert session.channel is not first


def test_a_session_that_is_idle_for_long_stays_open() -> None:
    with (
        NatsServer("2.14", settings={"ping_interval": "100ms", "ping_max": 1}) as server,
        opened(server.url()) as session,
    ):
        time.sleep(1.0)  # the subject of the test: ten times what the server gives a client that does not answer
        assert server.monitoring("/connz")["num_connections"] == 1
        assert session.account().streams == 0


def test_every_wait_ends_at_the_deadline(large: tuple[str, str]) -> None:
    with NatsServer("2.14") as server, Connection.at(server.url()).open(Deadline(2.0)) as session:
        server.pause()
        started = time.monotonic()
        with pytest.raises(LifeboatError, match="time limit of 2 s"):
            session.account()
        assert time.monotonic() - started < 8
        server.resume()
