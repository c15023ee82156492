# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""jetstream_snapshot, backing up: whole or not at all, on servers of every format, while messages come and servers
go.
"""

from __future__ import annotations

import collections.abc
import os
import pathlib
import signal
import time
import typing as t

import pytest

from tests.integration.backups import is_alive
from tests.integration.jetstream_place import Client, Place, wait_for, warnings_of
from tests.integration.modules import result_of, run_module
from tests.lab.faultproxy import FaultProxy
from tests.lab.nats import NatsServer, account


@pytest.fixture
def place(tmp_path: pathlib.Path) -> Place:
    return Place(tmp_path)


@pytest.fixture(scope="module")
def server() -> collections.abc.Iterator[NatsServer]:
    """A server of the version before the second archive format. Streams are the test's own; names differ."""
    with NatsServer("2.14") as started:
        yield started


@pytest.fixture
def client(server: NatsServer) -> collections.abc.Iterator[Client]:
    with Client(server.url()) as connected:
        yield connected
        for name in connected.names():
            connected.good(f"STREAM.DELETE.{name}")


def streams_of(result: dict[str, t.Any]) -> dict[str, dict[str, t.Any]]:
    return {stream["name"]: stream for stream in result["streams"]}


def test_an_account_is_described_by_its_streams(server: NatsServer, client: Client, place: Place) -> None:
    client.make("GH")
    client.publish("gh.{}", b"x" * 100, count=500, headers={"k": "v"})
    client.put_key("settings", "color", b"red", b"green")
    client.put_object("files", "big", os.urandom(300_000))
    client.consume("GH", "billing", acknowledge=10)
    client.consume("GH", "volatile", mem_storage=True, acknowledge=3)
    client.make("EMPTY")
    result = place.back_up(server.url())
    streams = streams_of(result)
    assert {name: (one["kind"], one["bucket"]) for name, one in streams.items()} == {
        "EMPTY": ("stream", ""),
        "GH": ("stream", ""),
        "KV_settings": ("kv", "settings"),
        "OBJ_files": ("object_store", "files"),
    }
    assert (
        streams["GH"]["messages"] == 500 and streams["EMPTY"]["messages"] == 0 and streams["GH"]["last_sequence"] == 500
    )
    assert streams["GH"]["missing_consumers"] == ["volatile"] and streams["GH"]["consumers"] == 2
    assert "volatile" in warnings_of(result) and result["server_version"] == server.version
    assert {"streams/GH/backup.json", "streams/GH/stream.tar.s2"} < {
        artifact["name"] for artifact in result["artifacts"]
    }
    consumers = {one["name"]: one for one in place.manifest()["content"]["streams"][1]["consumers"]}
    assert (
        consumers["billing"]["ack_floor"]["stream_seq"] == 10 and consumers["volatile"]["ack_floor"]["stream_seq"] == 3
    )
    info = run_module("backup_info", {"repositories": [{"path": str(place.repositories[0])}], "check_hashes": True})
    assert info["backups"][0]["engine"] == "jetstream" and info["backups"][0]["damaged"] == []


def test_a_young_backup_is_left_alone_and_check_mode_writes_nothing(
    server: NatsServer, client: Client, place: Place
) -> None:
    client.make("GH")
    client.publish("gh.a", b"x", count=10)
    planned = run_module("jetstream_snapshot", place.arguments(server.url(), max_age="1h"), check_mode=True)
    assert planned["changed"] and planned["planned"]["streams"] == ["GH"] and planned["planned"]["needed_bytes"] > 0
    assert place.files() == [] and planned["diff"]["after"] == "newest backup: a new backup\n"
    first = place.back_up(server.url(), max_age="1h")
    files = place.files()
    second = place.back_up(server.url(), max_age="1h")
    assert not second["changed"] and second["backup_id"] == first["backup_id"] and place.files() == files
    assert place.back_up(server.url(), max_age="0s")["changed"]


def test_streams_are_chosen_by_patterns(server: NatsServer, client: Client, place: Place) -> None:
    for name in ("GH", "GL", "OTHER"):
        client.make(name)
    assert set(streams_of(place.back_up(server.url(), streams=["G*"], exclude=["GL"]))) == {"GH"}
    assert "there is no stream GB in the account" in place.fail_to_back_up(server.url(), streams=["GB"])


@pytest.mark.parametrize("version", ["2.14", "2.15"])
def test_a_flipped_byte_in_the_servers_store_is_named_by_its_sequence(version: str, place: Place) -> None:
    """2.14 sends the damaged record as it is, 2.15 leaves the message out; both say that all went well."""
    with NatsServer(version) as own:
        with Client(own.url()) as client:
            client.make("GH")
            for number in range(300):
                client.publish("gh.a", f"message {number:04} ".encode() + b"y" * 500)
        own.stop()
        (block,) = own.store_dir.rglob("streams/GH/msgs/*.blk")
        content = bytearray(block.read_bytes())
        content[content.index(b"message 0122") + 200] ^= 1
        block.write_bytes(content)
        own.start()
        message = place.fail_to_back_up(own.url())
        assert "GH" in message and "sequence 123" in message
        with Client(own.url()) as client:
            assert client.state("GH")["messages"] == 300  # nothing was cut off


@pytest.mark.parametrize("version", ["2.14", "2.15"])
def test_messages_that_come_and_go_meanwhile_do_no_harm(version: str, place: Place) -> None:
    """Limits evict and publishers publish while a slow line carries the archive."""
    with NatsServer(version) as own, Client(own.url()) as client, FaultProxy(own.port, http=False) as proxy:
        client.make("GH", max_msgs=8000)
        client.publish("gh.{}", 1000, count=8000)
        proxy.slow_down(8_000_000)
        process = place.start(own.url(port=proxy.port))
        wait_for(lambda: proxy.bytes_down > 500_000, "the archive passes")
        while process.poll() is None and client.state("GH")["last_seq"] < 12_000:
            client.publish("gh.{}", 1000, count=500)
        proxy.slow_down(None)
        result = result_of(process)
        assert not result.get("failed"), result["msg"]
        stream = place.manifest()["content"]["streams"][0]
        assert stream["state_after"]["last_seq"] > stream["state"]["last_seq"] == 8000
        assert stream["messages"] > 4000


def test_a_message_deleted_meanwhile_is_no_loss(place: Place) -> None:
    with NatsServer("2.15") as own, Client(own.url()) as client, FaultProxy(own.port, http=False) as proxy:
        client.make("GH")
        client.publish("gh.{}", 1000, count=12_000)
        proxy.slow_down(6_000_000)
        process = place.start(own.url(port=proxy.port))
        wait_for(lambda: proxy.bytes_down > 300_000, "the archive passes")
        for sequence in range(11_900, 12_001):
            client.api("STREAM.MSG.DELETE.GH", {"seq": sequence, "no_erase": True})
        proxy.slow_down(None)
        result = result_of(process)
        assert not result.get("failed"), result["msg"]


def test_a_consumer_that_the_archive_lacks_fails_the_backup_where_all_are_required(
    server: NatsServer, client: Client, place: Place
) -> None:
    client.make("GH")
    client.consume("GH", "volatile", mem_storage=True)
    assert "would lack these consumers: volatile" in place.fail_to_back_up(server.url(), consumers="require")
    assert streams_of(place.back_up(server.url(), consumers="ignore"))["GH"]["missing_consumers"] == []


def test_memory_streams_are_read_message_by_message_on_old_servers(
    server: NatsServer, client: Client, place: Place
) -> None:
    client.make("MEM", storage="memory")
    client.publish("mem.{}", b"x" * 50, count=200, headers={"a": "b"})
    client.make("WORK", storage="memory", retention="workqueue")
    client.publish("work.{}", b"y" * 50, count=50)
    client.consume("WORK", "worker", acknowledge=5)
    for sequence in (7, 8, 20):
        client.good("STREAM.MSG.DELETE.MEM", {"seq": sequence})
    result = place.back_up(server.url())
    streams = streams_of(result)
    assert (streams["MEM"]["method"], streams["MEM"]["format"], streams["MEM"]["messages"]) == ("export", "v2", 197)
    assert streams["WORK"]["messages"] == 45 and "from 2.15" in warnings_of(result)
    assert client.state("WORK")["messages"] == 45 and set(client.consumers("MEM")) == set()
    with NatsServer("2.15") as other, Client(other.url()) as there:
        place.restore(other.url())
        assert there.rows("MEM") == client.rows("MEM") and there.rows("WORK") == client.rows("WORK")
        assert there.consumers("WORK")["worker"]["ack_floor"]["stream_seq"] == 5


def test_a_temporary_consumer_that_the_user_may_not_delete_is_named_and_goes_by_itself(place: Place) -> None:
    refused = {"publish": {"allow": [">"], "deny": ["$JS.API.CONSUMER.DELETE.>"]}, "subscribe": {"allow": [">"]}}
    entry = account("ops", permissions=refused)
    admin = {"user": "admin", "password": "all"}
    accounts = {"A": {**entry, "users": [*entry["users"], admin]}}
    with NatsServer("2.14", accounts=accounts) as own, Client(own.url("admin")) as client:
        client.make("MEM", storage="memory")
        client.publish("mem.{}", b"x" * 50, count=20)
        result = place.back_up(own.url("ops"))
        assert streams_of(result)["MEM"]["messages"] == 20
        ((name, left),) = client.consumers("MEM").items()
        assert f"The temporary consumer {name} of the stream MEM could not be deleted" in warnings_of(result)
        assert "$JS.API.CONSUMER.DELETE.MEM." in warnings_of(result), "and the grant"
        assert left["config"]["inactive_threshold"] <= 60_000_000_000


def test_hundreds_of_streams_and_odd_names(server: NatsServer, client: Client, place: Place) -> None:
    odd = ["it's", '"quoted"', "-dash", "$dollar", "ü", "a&b;c", "x" * 255]
    for number, name in enumerate(odd):
        client.make(name, subjects=[f"odd.{number}"])
    for number in range(260):
        client.make(f"S{number}", subjects=[f"s.{number}"])
    client.publish("odd.0", b"x", count=3)
    result = place.back_up(server.url(), jobs=8)
    streams = streams_of(result)
    assert len(streams) == 267 and set(odd) < set(streams) and streams["it's"]["messages"] == 3


def test_a_stream_that_is_deleted_meanwhile_fails_the_backup(server: NatsServer, client: Client, place: Place) -> None:
    client.make("GH")
    client.publish("gh.{}", 1000, count=10_000)
    with FaultProxy(server.port, http=False) as proxy:
        proxy.slow_down(4_000_000)
        process = place.start(server.url(port=proxy.port), idle_timeout="3s")
        wait_for(lambda: proxy.bytes_down > 500_000, "the archive passes")
        client.good("STREAM.DELETE.GH")
        proxy.slow_down(None)
        result = result_of(process)
    # The server may have read all of it before: then the backup is whole, and says that the stream is gone.
    assert (
        ("GH" in result["msg"] and place.files() == [])
        if result.get("failed")
        else "was deleted while it was saved" in warnings_of(result)
    )


def test_a_server_that_is_killed_leaves_no_backup(place: Place) -> None:
    with NatsServer("2.14") as own, FaultProxy(own.port, http=False) as proxy:
        with Client(own.url()) as client:
            client.make("GH")
            client.publish("gh.{}", 1000, count=10_000)
        proxy.slow_down(4_000_000)
        process = place.start(own.url(port=proxy.port))
        wait_for(lambda: proxy.bytes_down > 500_000, "the archive passes")
        own.kill()
        result = result_of(process)
        assert result["failed"] and "NATS" in result["msg"] and place.files() == []


def test_what_a_killed_module_leaves_is_removed_by_the_next_run(
    server: NatsServer, client: Client, place: Place
) -> None:
    client.make("GH")
    client.publish("gh.{}", 1000, count=10_000)
    with FaultProxy(server.port, http=False) as proxy:
        proxy.slow_down(4_000_000)
        process = place.start(server.url(port=proxy.port))
        wait_for(lambda: proxy.bytes_down > 500_000, "the archive passes")
        process.kill()
        process.communicate()
    assert not any(path.endswith("manifest.json") for path in place.files())
    result = place.back_up(server.url())
    assert len(place.files()) == 3 and any("stream.tar.s2" in path for path in result["removed_leftovers"])


def test_an_interrupted_module_leaves_nothing(server: NatsServer, client: Client, place: Place) -> None:
    client.make("GH")
    client.publish("gh.{}", 1000, count=10_000)
    with FaultProxy(server.port, http=False) as proxy:
        proxy.slow_down(4_000_000)
        process = place.start(server.url(port=proxy.port))
        wait_for(lambda: proxy.bytes_down > 500_000, "the archive passes")
        process.send_signal(signal.SIGTERM)
        result = result_of(process, timeout=60)
    assert result["failed"] and "stopped" in result["msg"] and place.files() == [] and not is_alive(process.pid)


def test_a_time_limit_ends_it(server: NatsServer, client: Client, place: Place) -> None:
    client.make("GH")
    client.publish("gh.{}", 1000, count=10_000)
    with FaultProxy(server.port, http=False) as proxy:
        proxy.slow_down(500_000)
        began = time.monotonic()
        message = place.fail_to_back_up(server.url(port=proxy.port), time_limit="3s")
    assert "time limit of 3 s" in message and time.monotonic() - began < 30


def test_missing_permissions_are_named_with_what_to_grant(place: Place) -> None:
    reading = ["$JS.API.INFO", "$JS.API.STREAM.LIST", "$JS.API.STREAM.INFO.*", "$JS.API.CONSUMER.LIST.*"]
    users = [
        {"user": "admin", "password": "a"},
        {
            "user": "nothing",
            "password": "b",
            "permissions": {"publish": {"allow": reading}, "subscribe": {"allow": ["_INBOX.>"]}},
        },
        {
            "user": "half",
            "password": "d",
            "permissions": {
                "publish": {"allow": [*reading, "$JS.API.STREAM.SNAPSHOT.*"]},
                "subscribe": {"allow": ["_INBOX.>"]},
            },
        },
        {
            "user": "restore",
            "password": "e",
            "permissions": {
                "publish": {
                    "allow": [
                        *reading,
                        "$JS.API.STREAM.RESTORE.*",
                        "$JS.SNAPSHOT.RESTORE.*.*",
                        "$JS.API.STREAM.UPDATE.*",
                        "$JS.API.CONSUMER.CREATE.>",
                    ]
                },
                "subscribe": {"allow": ["_INBOX.>"]},
            },
        },
        {
            "user": "backup",
            "password": "c",
            "permissions": {
                "publish": {"allow": [*reading, "$JS.API.STREAM.SNAPSHOT.*", "$JS.SNAPSHOT.ACK.*.>"]},
                "subscribe": {"allow": ["_INBOX.>"]},
            },
        },
    ]
    with NatsServer("2.14", accounts={"SHOP": {"jetstream": "enabled", "users": users}}) as own:
        with Client(own.url("admin")) as client:
            client.make("GH")
            client.publish("gh.a", b"x", count=5)
        refused = run_module("jetstream_snapshot", place.arguments(own.url("nothing")), check_mode=True)
        assert refused["failed"] and "$JS.API.STREAM.SNAPSHOT.GH" in refused["msg"]
        assert "$JS.SNAPSHOT.ACK.GH.>" in place.fail_to_back_up(own.url("half"))
        result = place.back_up(own.url("backup"))
        assert streams_of(result)["GH"]["messages"] == 5
        with Client(own.url("admin")) as client:
            client.consume("GH", "volatile", mem_storage=True)
        place.back_up(own.url("backup"))
        with Client(own.url("admin")) as client:
            client.good("STREAM.DELETE.GH")
        refused = place.try_restore(own.url("backup"))
        assert refused["failed"] and "$JS.API.STREAM.RESTORE.GH" in refused["msg"]
        restored = place.restore(own.url("restore"))
        assert restored["streams"][0]["rebuilt_consumers"] == ["volatile"]
        assert '"c"' not in str(result) and ":c@" not in str(result)


def test_options_that_cannot_be_right_are_refused_before_anything(server: NatsServer, place: Place) -> None:
    for options, words in (
        ({"url": None}, "url and servers"),
        ({"rename": {"A": "B"}}, "state: restored"),
        ({"from_folder": "/nowhere"}, "takes no server"),
        ({"user": "a"}, "belong together"),
        ({"jobs": 0}, "jobs is 0"),
        ({"idle_timeout": "soon"}, "idle_timeout"),
        ({"component": "a/b"}, "component"),
    ):
        result = run_module("jetstream_snapshot", {**place.arguments(server.url()), **options})
        assert result.get("failed") and words in result["msg"], result


@pytest.mark.parametrize("version", ["2.14", "2.15"])
def test_a_stream_that_has_lost_its_end_is_refused_until_the_loss_is_accepted(version: str, place: Place) -> None:
    """A server that cannot read a record cuts its file off there, and its snapshot of what is left is whole."""
    with NatsServer(version) as own:
        with Client(own.url()) as client:
            client.make("GH")
            client.make("OTHER")
            client.publish("gh.{}", b"x" * 100, count=300)
        first = place.back_up(own.url())
        own.stop()
        (block,) = own.store_dir.rglob("streams/GH/msgs/*.blk")
        (index,) = own.store_dir.rglob("streams/GH/msgs/index.db")
        index.unlink()
        with open(block, "r+b") as file:
            file.truncate(block.stat().st_size // 2)
        own.start()
        with Client(own.url()) as client:
            left = client.state("GH")["last_seq"]
        assert 0 < left < 300
        message = place.fail_to_back_up(own.url())
        assert f"was 300 in the backup {first['backup_id']}, and is {left} now" in message
        planned = run_module("jetstream_snapshot", place.arguments(own.url()), check_mode=True)
        assert planned.get("failed") and "has lost its end" in planned["msg"]
        accepted = place.back_up(own.url(), accept_loss=["GH"])
        assert streams_of(accepted)["GH"]["last_sequence"] == left
        last = place.back_up(own.url())
        assert not last.get("failed"), "the next backup compares with this one"
        with Client(own.url()) as client:
            client.good("STREAM.DELETE.OTHER")
        less = warnings_of(place.back_up(own.url()))
        assert f"The stream OTHER was in the backup {last['backup_id']}, and is not in the account any more" in less
        assert "OTHER" not in warnings_of(place.back_up(own.url())), "the one before has not had it"


def test_check_mode_refuses_what_the_backup_would_refuse(place: Place) -> None:
    allowed = ["$JS.API.INFO", "$JS.API.STREAM.LIST", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.SNAPSHOT.*"]
    allowed += ["$JS.SNAPSHOT.ACK.>", "$JS.API.STREAM.INFO.*"]
    users = [
        {"user": "admin", "password": "x"},
        {"user": "backup", "password": "x", "permissions": {"publish": allowed, "subscribe": ["_INBOX.>"]}},
    ]
    with NatsServer("2.14", accounts={"APP": {"jetstream": "enabled", "users": users}}) as own:
        with Client(own.url(), user="admin", password="x") as client:
            client.make("GH")
            client.consume("GH", "volatile", mem_storage=True)
        for options, words in (
            ({"user": "backup"}, "CONSUMER.LIST.GH"),
            ({"user": "admin", "consumers": "require"}, "would lack these consumers: volatile"),
        ):
            arguments = place.arguments(own.url(), password="x", **options)
            for check_mode in (True, False):
                refused = run_module("jetstream_snapshot", arguments, check_mode=check_mode)
                assert refused.get("failed") and words in refused["msg"], refused
        assert place.files() == []
