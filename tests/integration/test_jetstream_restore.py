# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""jetstream_snapshot, restoring: everything comes back, what would be lost is refused, what fails leaves nothing that
looks whole.
"""

from __future__ import annotations

import collections.abc
import contextlib
import hashlib
import os
import pathlib
import shutil
import signal
import time
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _manifest

from tests.integration.backups import cut, flip_byte
from tests.integration.jetstream_place import Client, Place, wait_for, warnings_of
from tests.integration.modules import result_of, run_module
from tests.lab.faultproxy import FaultProxy
from tests.lab.nats import NatsCluster, NatsServer
from tests.lab.smalldisk import SmallDisk

MINUTE = 60 * 10**9


@pytest.fixture
def place(tmp_path: pathlib.Path) -> Place:
    return Place(tmp_path)


@pytest.fixture(scope="module")
def old() -> collections.abc.Iterator[NatsServer]:
    """A server of the version before the second archive format."""
    with NatsServer("2.14") as started:
        yield started


@pytest.fixture(scope="module")
def new() -> collections.abc.Iterator[NatsServer]:
    """A server with the second archive format."""
    with NatsServer("2.15") as started:
        yield started


def cleared(server: NatsServer) -> collections.abc.Iterator[Client]:
    with Client(server.url()) as connected:
        yield connected
        for name in connected.names():
            connected.good(f"STREAM.DELETE.{name}")


@pytest.fixture
def on_old(old: NatsServer) -> collections.abc.Iterator[Client]:
    yield from cleared(old)


@pytest.fixture
def on_new(new: NatsServer) -> collections.abc.Iterator[Client]:
    yield from cleared(new)


def fill(client: Client) -> str:
    """An account with something of everything; gives the hash of its object."""
    client.make("GH", metadata={"team": "billing"}, duplicate_window=120 * 10**9)
    client.publish("gh.{}", b"message", count=300, headers={"Nats-Msg-Id": "", "k": "v"})
    for sequence in (5, 6, 7, 250):
        client.good("STREAM.MSG.DELETE.GH", {"seq": sequence})
    client.consume("GH", "billing", acknowledge=20)
    client.consume("GH", "volatile", mem_storage=True, acknowledge=30)
    client.make("WORK", retention="workqueue")
    client.publish("work.{}", b"job", count=50)
    client.consume("WORK", "worker", acknowledge=10)
    client.make("MIRROR", mirror={"name": "GH"})
    client.put_key("settings", "color", b"red", b"green", b"blue")
    content = os.urandom(300_000)
    client.put_object("files", "big", content)
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("source", "target"),
    [("2.10", "2.10"), ("2.11", "2.15"), ("2.12.4", "2.12.4"), ("2.12", "2.14"), ("2.14", "2.12.4"), ("2.15", "2.15")],
)
def test_an_account_comes_back_on_another_server(source: str, target: str, place: Place) -> None:
    with NatsServer(source) as first, Client(first.url()) as before:
        sha256 = fill(before)
        wait_for(lambda: before.state("MIRROR")["messages"] == 296, "the mirror has all")
        place.back_up(first.url())
        names = before.names()
        rows = {name: before.rows(name) for name in names}
        floors = {name: one["ack_floor"]["stream_seq"] for name, one in before.consumers("GH").items()}
        history = before.key_history("settings", "color")
    with NatsServer(target) as second, Client(second.url()) as after:
        planned = place.restore(second.url(), check_mode=True)
        assert planned["changed"] and planned["planned"]["streams"] == names and after.names() == []
        result = place.restore(second.url())
        assert result["changed"] and after.names() == names
        assert {name: after.rows(name) for name in names} == rows
        assert after.object_sha256("files", "big") == sha256 and after.key_history("settings", "color") == history
        consumers = after.consumers("GH")
        assert consumers["billing"]["ack_floor"]["stream_seq"] == floors["billing"] == 23
        rebuilt = {one["name"]: one["rebuilt_consumers"] for one in result["streams"]}["GH"]
        if source == "2.15":
            assert rebuilt == [] and consumers["volatile"]["ack_floor"]["stream_seq"] == floors["volatile"]
        else:
            assert (
                rebuilt == ["volatile"] and consumers["volatile"]["config"]["opt_start_seq"] == floors["volatile"] + 1
            )
        assert after.consumers("WORK")["worker"]["num_pending"] == 40
        assert after.config("GH")["metadata"]["team"] == "billing"
        again = place.restore(second.url())
        assert not again["changed"] and {name: after.rows(name) for name in names} == rows


def test_an_encrypted_backup_of_another_name_and_in_memory(
    old: NatsServer, on_old: Client, on_new: Client, new: NatsServer, place: Place
) -> None:
    """What version 1 does not allow, the server of the second format takes from an archive that is written anew."""
    on_old.make("GH")
    on_old.publish("gh.{}", b"x" * 100, count=100, headers={"a": "b"})
    on_old.consume("GH", "billing", acknowledge=10)
    passphrase = place.folder / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text("tr0ub4dor & 3\n", encoding="utf-8")
    keys = {"engine": "gpg", "symmetric": True, "passphrase_file": str(passphrase)}
    place.back_up(old.url(), encryption=keys)
    given: dict[str, t.Any] = {
        "rename": {"GH": "COPY"},
        "config": {"GH": {"subjects": ["copy.>"], "storage": "memory"}},
        "encryption": {"symmetric": True, "passphrase_file": str(passphrase)},  # the manifest says the engine
    }
    refused = place.try_restore(old.url(), **given)
    assert refused["failed"] and "cannot be renamed to COPY" in refused["msg"] and on_old.names() == ["GH"]
    place.restore(new.url(), **given)
    assert on_new.rows("COPY") == on_old.rows("GH") and on_new.config("COPY")["storage"] == "memory"
    assert on_new.consumers("COPY")["billing"]["ack_floor"]["stream_seq"] == 10


def test_an_archive_of_a_newer_server_is_refused_by_an_older_one(
    on_new: Client, new: NatsServer, old: NatsServer, on_old: Client, place: Place
) -> None:
    on_new.make("GH")
    place.back_up(new.url())
    refused = place.try_restore(old.url())
    assert refused["failed"] and "version 2, which servers read from 2.15" in refused["msg"] and on_old.names() == []


@pytest.mark.parametrize("version", ["2.14", "2.15"])
def test_a_stream_that_exists_is_deleted_only_by_its_name_and_for_a_backup_that_is_whole(
    version: str, place: Place
) -> None:
    with NatsServer(version) as own, Client(own.url()) as client:
        client.make("GH")
        client.publish("gh.{}", b"before", count=10)
        place.back_up(own.url())
        rows = client.rows("GH")
        client.publish("gh.{}", b"after", count=5)
        refused = place.try_restore(own.url())
        assert refused["failed"] and "a stream GH exists, and holds 15 messages" in refused["msg"]
        archive = place.backup_folder() / "streams" / "GH" / "stream.tar.s2"
        good = archive.read_bytes()
        flip_byte(archive)
        damaged = place.try_restore(own.url(), replace=["GH"])
        assert damaged["failed"] and "SHA-256" in damaged["msg"] and client.state("GH")["messages"] == 15
        archive.write_bytes(good)
        result = place.restore(own.url(), replace=["GH"])
        assert result["streams"][0]["replaced"] and client.rows("GH") == rows
        assert result["diff"]["before"] == "GH: 15 messages\n"
        again = place.restore(own.url(), replace=["GH"])
        assert not again["changed"] and "what has been changed in it since is still there" in str(again["warnings"])
        client.good("STREAM.PURGE.GH")
        emptied = place.restore(own.url())
        assert not emptied["changed"] and "holds 0 messages now; the backup holds 10" in str(emptied["warnings"])
        config = client.config("GH")
        client.good("STREAM.DELETE.GH")
        client.good("STREAM.CREATE.GH", config)
        copied = place.try_restore(own.url())
        assert copied["failed"] and "says that it was restored from" in copied["msg"], "it has the mark, and no message"


def test_the_next_repository_is_used_when_the_first_copy_is_damaged(
    old: NatsServer, on_old: Client, on_new: Client, new: NatsServer, tmp_path: pathlib.Path
) -> None:
    place = Place(tmp_path, copies=2)
    on_old.make("GH")
    on_old.publish("gh.{}", 2000, count=1000)
    place.back_up(old.url())
    cut(place.backup_folder() / "streams" / "GH" / "stream.tar.s2", 1000)
    result = place.restore(new.url())
    assert result["repository"] == str(place.repositories[1]) and on_new.rows("GH") == on_old.rows("GH")
    assert "could not be used" in warnings_of(result)


@pytest.mark.parametrize("version", ["2.14", "2.15"])
def test_a_damaged_archive_leaves_no_stream(version: str, old: NatsServer, on_old: Client, place: Place) -> None:
    on_old.make("GH")
    on_old.publish("gh.{}", 2000, count=1000)
    place.back_up(old.url())
    flip_byte(place.backup_folder() / "streams" / "GH" / "stream.tar.s2", part=0.9)
    with NatsServer(version) as own, Client(own.url()) as client:
        result = place.try_restore(own.url())
        assert result["failed"] and client.names() == []


def test_a_lost_backup_json_does_not_matter_to_a_restore(
    old: NatsServer, on_old: Client, on_new: Client, new: NatsServer, place: Place
) -> None:
    """The manifest holds what is in it; the file is there for the command line."""
    on_old.make("GH")
    on_old.publish("gh.{}", b"x", count=10)
    place.back_up(old.url())
    (place.backup_folder() / "streams" / "GH" / "backup.json").unlink()
    info = run_module("backup_info", {"repositories": [{"path": str(place.repositories[0])}], "check_hashes": True})
    assert len(info["backups"][0]["damaged"]) == 1
    place.restore(new.url())
    assert on_new.rows("GH") == on_old.rows("GH")


def test_messages_that_are_too_old_are_kept_or_dropped_as_one_says(
    old: NatsServer, on_old: Client, place: Place
) -> None:
    on_old.make("GH", max_age=MINUTE)
    on_old.publish("gh.{}", b"x", count=10)
    place.back_up(old.url())
    rows = on_old.rows("GH")
    on_old.good("STREAM.DELETE.GH")
    shorter = {"GH": {"max_age": 10**9, "duplicate_window": 10**9}}
    time.sleep(1.1)  # not a wait for something: the messages have to be older than the limit
    refused = place.try_restore(old.url(), config=shorter)
    assert (
        refused["failed"]
        and "its max_age is" in refused["msg"]
        and "limits: lift" in refused["msg"]
        and on_old.names() == []
    )
    result = place.restore(old.url(), config=shorter, limits="lift")
    assert result["streams"][0]["lifted_limits"] == {"max_age": 10**9} and "limits: apply" in warnings_of(result)
    assert on_old.rows("GH") == rows and on_old.config("GH")["max_age"] == 0
    assert not place.restore(old.url(), config=shorter, limits="lift")["changed"]
    assert place.restore(old.url(), config=shorter, limits="apply")["changed"]
    assert on_old.config("GH")["max_age"] == 10**9
    wait_for(lambda: on_old.state("GH")["messages"] == 0, "the server drops them")
    assert not place.restore(old.url(), config=shorter, limits="apply")["changed"]


def test_a_restore_that_lets_limits_drop_messages_says_so(old: NatsServer, on_old: Client, place: Place) -> None:
    on_old.make("GH")
    on_old.publish("gh.{}", b"x", count=10)
    place.back_up(old.url())
    on_old.good("STREAM.DELETE.GH")
    result = place.restore(old.url(), config={"GH": {"max_msgs": 4}}, limits="apply")
    assert on_old.state("GH")["messages"] == 4 and "4 of the 10 messages" in warnings_of(result)


def test_streams_that_may_be_ahead_of_a_restored_origin_are_named(
    old: NatsServer, on_old: Client, place: Place
) -> None:
    on_old.make("GH")
    on_old.publish("gh.{}", b"x", count=10)
    place.back_up(old.url(), streams=["GH"])
    on_old.make("AGG", sources=[{"name": "GH"}])
    on_old.good("STREAM.DELETE.GH")
    refused = place.try_restore(old.url())
    assert refused["failed"] and "AGG on this server" in refused["msg"] and "dependants: warn" in refused["msg"]
    result = place.restore(old.url(), dependants="warn")
    assert result["streams"][0]["dependants"] == ["AGG"] and "AGG" in warnings_of(result)


@pytest.mark.parametrize("version", ["2.14", "2.15"])
def test_a_restore_that_was_killed_is_tidied_up_by_the_next(version: str, place: Place) -> None:
    with NatsServer(version) as source, Client(source.url()) as client:
        client.make("GH")
        client.publish("gh.{}", 4000, count=3000)
        place.back_up(source.url())
        rows = client.state("GH")
    with NatsServer(version) as own, Client(own.url()) as client, FaultProxy(own.port, http=False) as proxy:
        proxy.slow_down(4_000_000)
        process = place.start(own.url(port=proxy.port), state="restored", backup="newest")
        wait_for(lambda: proxy.bytes_up > 4_000_000, "the archive is on its way")
        process.kill()
        process.communicate()
        result = place.restore(own.url())
        assert client.state("GH")["messages"] == rows["messages"] == 3000
        assert result["removed_leftovers"] == (["GH"] if version == "2.15" else [])


def test_a_restore_that_is_interrupted_leaves_nothing_on_the_server(place: Place) -> None:
    with NatsServer("2.15") as source, Client(source.url()) as client:
        client.make("GH")
        client.publish("gh.{}", 4000, count=3000)
        place.back_up(source.url())
    with NatsServer("2.15") as own, Client(own.url()) as client, FaultProxy(own.port, http=False) as proxy:
        proxy.slow_down(4_000_000)
        process = place.start(own.url(port=proxy.port), state="restored", backup="newest")
        wait_for(lambda: proxy.bytes_up > 4_000_000, "the archive is on its way")
        process.send_signal(signal.SIGTERM)
        result = result_of(process, timeout=60)
        assert result["failed"] and "the others were removed. Run it again" in result["msg"] and client.names() == []


def test_a_key_that_a_strict_server_does_not_know_is_named(old: NatsServer, on_old: Client, place: Place) -> None:
    on_old.make("GH")
    place.back_up(old.url())
    on_old.good("STREAM.DELETE.GH")
    failed = place.try_restore(old.url(), config={"GH": {"allow_telepathy": True}})
    assert failed["failed"] and "the key allow_telepathy" in failed["msg"] and on_old.names() == []


@pytest.mark.parametrize("version", ["2.10", "2.15"])
def test_a_sealed_stream_comes_back_sealed(version: str, place: Place) -> None:
    with NatsServer(version) as own, Client(own.url()) as client:
        client.make("GH")
        client.publish("gh.{}", b"x", count=10)
        client.good("STREAM.UPDATE.GH", {**client.config("GH"), "sealed": True})
        place.back_up(own.url())
        rows = client.rows("GH")
        place.restore(own.url(), replace=["GH"])
        assert client.config("GH")["sealed"] is True and client.rows("GH") == rows
        assert not place.restore(own.url())["changed"]


def test_a_server_that_is_killed_in_the_middle_of_a_restore(place: Place) -> None:
    with NatsServer("2.15") as source, Client(source.url()) as client:
        client.make("GH")
        client.publish("gh.{}", 4000, count=3000)
        place.back_up(source.url())
    with NatsServer("2.15") as own, FaultProxy(own.port, http=False) as proxy:
        proxy.slow_down(4_000_000)
        process = place.start(own.url(port=proxy.port), state="restored", backup="newest")
        wait_for(lambda: proxy.bytes_up > 4_000_000, "the archive is on its way")
        own.kill()
        failed = result_of(process)
        assert failed["failed"] and "NATS" in failed["msg"]
        own.start()
        place.restore(own.url())
        with Client(own.url()) as client:
            assert client.state("GH")["messages"] == 3000


@pytest.mark.parametrize("version", ["2.14", "2.15"])
def test_a_full_disk_of_the_server_is_named_and_leaves_no_stream(
    version: str, place: Place, small_disk: SmallDisk
) -> None:
    with NatsServer("2.14") as source, Client(source.url()) as client:
        client.make("GH")
        client.publish("gh.{}", 4000, count=6000)
        place.back_up(source.url())
    with NatsServer(version, store_dir=str(small_disk.path)) as own:
        result = place.try_restore(own.url())
        assert result["failed"], result
        with Client(own.url()) as client:
            wait_for(lambda: client.names() == [], "nothing is left", 20)


def test_what_the_account_may_not_hold_is_refused_before_anything(
    old: NatsServer, on_old: Client, place: Place
) -> None:
    on_old.make("GH")
    on_old.publish("gh.{}", 1000, count=100)
    place.back_up(old.url())
    limits = {"max_file": 50_000, "max_mem": -1, "max_streams": -1, "max_consumers": -1}
    with NatsServer(
        "2.14", accounts={"SMALL": {"jetstream": limits, "users": [{"user": "a", "password": "b"}]}}
    ) as own:
        for check_mode in (True, False):
            result = place.try_restore(own.url("a"), check_mode=check_mode)
            assert result["failed"] and "the account may keep 50000 bytes in file storage" in result["msg"]
        with Client(own.url("a")) as client:
            assert client.names() == []


def test_a_replicated_stream_survives_a_change_of_its_leader_and_comes_back_on_all(place: Place) -> None:
    """Saved while the leader steps down again and again, restored to the cluster, and to a server that is alone."""
    with NatsCluster(3, "2.14") as cluster, Client(cluster.urls()) as client:
        config = {"name": "GH", "subjects": ["gh.>"], "num_replicas": 3}
        wait_for(lambda: "error" not in client.api("STREAM.CREATE.GH", config), "all three servers know each other")
        client.publish("gh.{}", 2000, count=3000)
        client.consume("GH", "billing", acknowledge=10)
        process = place.start(cluster.urls(), time_limit="60s")
        while process.poll() is None:
            with contextlib.suppress(TimeoutError):  # while nobody leads, nobody answers
                client.api("STREAM.LEADER.STEPDOWN.GH")
            time.sleep(0.3)  # the pace of the disturbance
        result = result_of(process)
        if result.get("failed"):  # it was disturbed too often; nothing of it is left, and the next one goes well
            assert place.files() == []
            wait_for(lambda: bool(client.good("STREAM.INFO.GH").get("cluster", {}).get("leader")), "there is a leader")
            place.back_up(cluster.urls())
        rows = client.state("GH")
        client.good("STREAM.DELETE.GH")
        place.restore(cluster.urls())
        info = client.good("STREAM.INFO.GH")
        assert (
            all(replica["current"] for replica in info["cluster"]["replicas"]) and len(info["cluster"]["replicas"]) == 2
        )
        assert info["state"]["messages"] == rows["messages"] == 3000
        assert client.consumers("GH")["billing"]["ack_floor"]["stream_seq"] == 10
        client.good("STREAM.DELETE.GH")
        result = place.restore(cluster.urls(), scale_up=True)
        assert client.config("GH")["num_replicas"] == 3 and result["changed"]
    with NatsServer("2.14") as alone, Client(alone.url()) as client:
        refused = place.try_restore(alone.url())
        assert refused["failed"] and "this server is alone" in refused["msg"]
        place.restore(alone.url(), config={"*": {"num_replicas": 1}})
        assert client.state("GH")["messages"] == 3000


def test_what_the_command_line_would_have_written_is_taken_in_and_restored(
    old: NatsServer, on_old: Client, on_new: Client, new: NatsServer, place: Place
) -> None:
    """A backup without encryption is the very folder that the command line writes; so it serves as one here."""
    on_old.make("GH")
    on_old.publish("gh.{}", b"x" * 200, count=100)
    on_old.make("GL")
    on_old.consume("GH", "billing", acknowledge=10)
    first = place.back_up(old.url())
    folder = place.folder / "account"
    shutil.copytree(place.backup_folder() / "streams", folder)
    other = Place(place.folder / "other")
    taken = run_module("jetstream_snapshot", {**other.arguments(old.url()), "url": None, "from_folder": str(folder)})
    assert not taken.get("failed"), taken
    assert [one["fingerprint"] for one in taken["streams"]] == [one["fingerprint"] for one in first["streams"]]
    other.restore(new.url())
    assert on_new.rows("GH") == on_old.rows("GH") and on_new.consumers("GH")["billing"]["ack_floor"]["stream_seq"] == 10
    flip_byte(folder / "GH" / "stream.tar.s2")
    damaged = run_module("jetstream_snapshot", {**other.arguments(old.url()), "url": None, "from_folder": str(folder)})
    assert damaged["failed"] and "GH" in damaged["msg"]
    assert list(damaged["left_out"]) == ["GH"] and [one["name"] for one in damaged["streams"]] == ["GL"]
    again = run_module("jetstream_snapshot", {**damaged_arguments(other, folder), "max_age": "1h"})
    assert again["failed"] and not again["changed"] and "GH" in again["msg"], "it is not said only once"
    (folder / "GL" / "backup.json").write_bytes(b"")
    empty = run_module("jetstream_snapshot", {**damaged_arguments(other, folder), "exclude": ["GH"]})
    assert empty["failed"] and "does not hold the configuration" in empty["msg"]


def damaged_arguments(place: Place, folder: pathlib.Path) -> dict[str, t.Any]:
    return {**place.arguments(""), "url": None, "from_folder": str(folder)}


def test_a_stream_with_a_first_sequence_comes_back_on_a_server_that_restores_none(place: Place) -> None:
    with NatsServer("2.10") as source, Client(source.url()) as client:
        client.make("GH", first_seq=100)
        client.publish("gh.a", b"x", count=20)
        place.back_up(source.url())
        rows = client.rows("GH")
    with NatsServer("2.10") as target, Client(target.url()) as client:
        place.restore(target.url())
        assert client.rows("GH") == rows and client.config("GH")["first_seq"] == 100
        assert not place.restore(target.url())["changed"]


def test_a_stored_configuration_that_is_damaged_is_named_by_the_restore(
    old: NatsServer, on_old: Client, place: Place
) -> None:
    on_old.make("GH")
    on_old.publish("gh.a", b"x", count=20)
    place.back_up(old.url())
    flip_byte(place.backup_folder() / "streams" / "GH" / "backup.json")
    on_old.good("STREAM.DELETE.GH")
    result = place.restore(old.url())
    assert on_old.state("GH")["messages"] == 20
    assert "GH is restored with the configuration in the manifest" in warnings_of(result)


def test_a_manifest_whose_configuration_is_not_the_stored_one_restores_nothing(
    old: NatsServer, on_old: Client, place: Place
) -> None:
    """Whoever can write to a repository could have a restored stream republish, or follow another account."""
    on_old.make("GH")
    on_old.publish("gh.a", b"x", count=20)
    place.back_up(old.url())
    on_old.good("STREAM.DELETE.GH")
    path = place.backup_folder() / "manifest.json"
    manifest = _manifest.load(path.read_bytes(), str(path))
    manifest.content["streams"][0]["config"]["republish"] = {"src": ">", "dest": "copies.>"}
    path.write_bytes(_manifest.dump(manifest))
    refused = place.try_restore(old.url())
    assert refused["failed"] and "one of the two was changed. Nothing was restored" in refused["msg"]
    assert on_old.names() == []


def test_a_stream_that_the_server_cannot_take_stops_no_other_and_is_published_again_by_its_name(
    old: NatsServer, on_old: Client, place: Place
) -> None:
    on_old.make("GH")
    on_old.publish("gh.a", b"x", count=20)
    on_old.make("MEM", storage="memory", allow_rollup_hdrs=True)
    on_old.publish("mem.{}", b"value", count=30, headers={"k": "v", "K": "w"})
    on_old.publish("mem.last", b"", headers={"Nats-Expected-Last-Sequence": "30", "Nats-Msg-Id": "one"})
    for sequence in (3, 4):
        on_old.good("STREAM.MSG.DELETE.MEM", {"seq": sequence})
    on_old.consume("MEM", "reader", acknowledge=10)
    place.back_up(old.url())
    before = on_old.rows("MEM")
    for name in on_old.names():
        on_old.good(f"STREAM.DELETE.{name}")
    planned = place.try_restore(old.url(), check_mode=True)
    assert planned["failed"] and planned["planned"]["streams"] == ["GH"] and on_old.names() == []
    others = place.try_restore(old.url())
    assert others["failed"] and list(others["not_restored"]) == ["MEM"] and "republish: [MEM]" in others["msg"]
    assert on_old.names() == ["GH"] and on_old.state("GH")["messages"] == 20
    with on_old.listening("mem.>") as seen:
        result = place.restore(old.url(), republish=["MEM"])
        on_old.publish("mem.after", b"new")
        wait_for(lambda: bool(seen), "the listener listens")
        assert seen == ["mem.after"], "nobody else has seen the old ones"
    assert {one["name"]: one["republished"] for one in result["streams"]} == {"GH": False, "MEM": True}
    assert "29 messages were published again" in warnings_of(result) and "1 of them have other headers" in str(result)
    after = on_old.rows("MEM")
    assert [row[2] for row in after] == [*(row[2] for row in before), "mem.after"]
    assert [row[4] for row in after[:-1]] == [row[4] for row in before] and [row[0] for row in after] == [*range(1, 31)]
    assert [row[3] for row in after[:-2]] == [row[3] for row in before[:-1]] and b"Expected" not in after[-2][3]
    reader = on_old.consumers("MEM")["reader"]
    assert reader["config"]["opt_start_seq"] == 11 and reader["num_pending"] == 20
    config = on_old.config("MEM")
    assert config["subjects"] == ["mem.>"] and config["storage"] == "memory" and not config.get("subject_transform")
    assert not place.restore(old.url(), republish=["MEM"])["changed"]


def test_messages_that_their_own_time_to_live_keeps_are_not_refused_for_the_age_of_the_stream(
    new: NatsServer, on_new: Client, place: Place
) -> None:
    on_new.make("TTL", max_age=MINUTE, allow_msg_ttl=True)
    on_new.publish("ttl.a", b"x", count=10, headers={"Nats-TTL": "never"})
    place.back_up(new.url())
    on_new.publish("ttl.b", b"x", headers={"Nats-TTL": "1h"})
    mixed = Place(place.folder / "mixed")
    mixed.back_up(new.url())
    shorter = {"TTL": {"max_age": 10**9, "duplicate_window": 10**9}}
    on_new.good("STREAM.DELETE.TTL")
    time.sleep(1.1)  # not a wait for something: the messages have to be older than the limit
    assert "its max_age is" in mixed.try_restore(new.url(), config=shorter)["msg"], "one of them would be dropped"
    place.restore(new.url(), config=shorter)
    time.sleep(1.5)  # the server looks every second
    assert on_new.state("TTL")["messages"] == 10 and on_new.config("TTL")["max_age"] == 10**9


@pytest.mark.parametrize("version", ["2.14", "2.15"])
def test_a_stream_comes_back_without_the_messages_that_have_outlived_their_own_time(version: str, place: Place) -> None:
    """As keys with a time to live: they are gone some seconds after the backup, and the backup is as good as before."""
    with NatsServer(version) as server, Client(server.url()) as client:
        client.make("TTL", allow_msg_ttl=True)
        client.publish("ttl.short", b"x", count=5, headers={"Nats-TTL": "1s"})
        client.publish("ttl.long", b"x", count=2, headers={"Nats-TTL": "1h"})
        place.back_up(server.url())
        client.good("STREAM.DELETE.TTL")
        time.sleep(1.2)  # not a wait for something: the messages have to be older than their time
        result = place.restore(server.url())
        assert result["changed"] and client.state("TTL")["messages"] == 2
        assert "2 of the 7 messages that the backup holds: the others had outlived" in warnings_of(result)
        assert not place.restore(server.url())["changed"]


def test_sources_are_put_back_behind_the_restore_and_nothing_comes_twice(
    new: NatsServer, on_new: Client, place: Place
) -> None:
    on_new.make("A")
    on_new.make("B")
    on_new.make("ALL", sources=[{"name": "A"}, {"name": "B", "filter_subject": "b.x"}], subjects=["all.>"])
    on_new.publish("a.a", b"x", count=50)
    on_new.publish("b.x", b"x", count=10)
    on_new.publish("all.own", b"x", count=5)
    wait_for(lambda: on_new.state("ALL")["messages"] == 65, "all are sourced")
    place.back_up(new.url())
    rows = on_new.rows("ALL")
    for name in ("ALL", "A", "B"):
        on_new.good(f"STREAM.DELETE.{name}")
    result = place.restore(new.url())
    assert "beyond the last one" not in warnings_of(result)
    assert "A from message 51 on, B from message 11 on (opt_start_seq)" in warnings_of(result)
    on_new.publish("a.new", b"new")
    wait_for(lambda: on_new.state("ALL")["messages"] >= 66, "what is new is sourced")
    assert on_new.rows("ALL")[:65] == rows and on_new.state("ALL")["messages"] == 66
    assert not place.restore(new.url())["changed"]
