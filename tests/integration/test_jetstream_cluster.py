# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replicated streams of a cluster of three: saved from one leader, proven under another, restored to one server and to
three.
"""

from __future__ import annotations

import collections.abc
import contextlib
import dataclasses
import pathlib
import shutil
import time
import typing as t

import nats.errors
import pytest

from tests.integration.backups import cut, flip_byte
from tests.integration.jetstream_place import Client, Place, wait_for
from tests.integration.modules import run_module
from tests.lab.nats import NatsCluster, NatsServer, account, ensure_installed

_ACCOUNTS = {"PROD": account("prod"), "REHEARSE": account("rehearse"), "NEW": account("new")}
_FLOORS = {"billing": 22, "single-0": 7, "single-1": 8, "single-2": 9, "single-3": 10, "volatile": 3}


@dataclasses.dataclass
class Origin:
    """A cluster with streams, their backup, and what was in them. Nobody changes the streams of PROD."""

    cluster: NatsCluster
    place: Place
    rows: dict[str, t.Any]

    def verify(self, place: Place | None = None, **options: t.Any) -> dict[str, t.Any]:
        repositories = [{"path": str((place or self.place).repositories[0])}]
        named = {"app": "shop", "component": "events", "repositories": repositories, "backup": "newest"}
        return run_module(
            "jetstream_verify", {**named, "nats_server_binary": str(ensure_installed(self.cluster.version)), **options}
        )

    def copied(self, folder: pathlib.Path) -> Place:
        place = Place(folder / "copied")
        place.repositories[0].parent.mkdir(parents=True)
        shutil.copytree(self.place.repositories[0], place.repositories[0])
        return place


def insist(step: t.Callable[[], None]) -> None:
    """Do it until it succeeds: what is new in a cluster is not yet known to each of its servers."""
    limit = time.monotonic() + 60
    while True:
        try:
            return step()
        except (nats.errors.Error, AssertionError):
            if time.monotonic() > limit:
                raise
        time.sleep(0.2)


def consume(client: Client, stream: str, name: str, acknowledge: int, **config: t.Any) -> None:
    """A consumer that has acknowledged so many messages, once it has a leader."""
    insist(lambda: client.consume(stream, name, **config))
    wait_for(
        lambda: bool((client.api(f"CONSUMER.INFO.{stream}.{name}").get("cluster") or {}).get("leader")),
        "the consumer has a leader",
    )
    insist(lambda: client.consume(stream, name, acknowledge=acknowledge, **config))


def fill(client: Client) -> dict[str, t.Any]:
    """Streams of three replicas, with consumers of three, of one and in memory. Gives all messages."""
    config = {"name": "GH", "subjects": ["gh.>"], "num_replicas": 3}
    wait_for(lambda: "error" not in client.api("STREAM.CREATE.GH", config), "all three servers know each other")
    insist(lambda: client.publish("gh.{}", 2000, count=1500, headers={"k": "v"}))
    for sequence in (5, 6):
        client.good("STREAM.MSG.DELETE.GH", {"seq": sequence})
    consume(client, "GH", "billing", 20)
    for number in range(4):  # wherever the cluster puts them: not all can be beside the stream's leader
        consume(client, "GH", f"single-{number}", 5 + number, num_replicas=1)
    consume(client, "GH", "volatile", 3, mem_storage=True)
    insist(lambda: client.make("WORK", retention="workqueue", num_replicas=3))
    insist(lambda: client.publish("work.{}", b"job", count=60))
    consume(client, "WORK", "worker", 10)
    insist(lambda: client.make("ALONE", num_replicas=1))
    insist(lambda: client.publish("alone.{}", b"on one server", count=20))
    return {name: client.rows(name) for name in client.names()}


@pytest.fixture(scope="module", params=["2.14", "2.15"])
def origin(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> collections.abc.Iterator[Origin]:
    with NatsCluster(3, request.param, accounts=_ACCOUNTS) as cluster, Client(cluster.urls("prod")) as client:
        place = Place(tmp_path_factory.mktemp("cluster"))
        origin = Origin(cluster, place, fill(client))
        place.back_up(cluster.urls("prod"), encryption={"engine": "none"})
        yield origin


def leader(client: Client, stream: str) -> str:
    return str(client.good(f"STREAM.INFO.{stream}").get("cluster", {}).get("leader") or "")


def new_leader(client: Client, stream: str) -> str:
    """Have another server lead the stream, and give its name."""
    before = leader(client, stream)
    client.good(f"STREAM.LEADER.STEPDOWN.{stream}")
    wait_for(lambda: leader(client, stream) not in ("", before), "another server leads")
    return leader(client, stream)


def positions(client: Client, stream: str) -> dict[str, int]:
    """How far each consumer has got, also one that was made again and has not begun."""
    return {
        name: max(one["ack_floor"]["stream_seq"], one["config"].get("opt_start_seq", 1) - 1)
        for name, one in client.consumers(stream).items()
    }


def test_a_backup_is_proven_whoever_leads_the_stream_then_and_now(origin: Origin, tmp_path: pathlib.Path) -> None:
    other = Place(tmp_path)
    with Client(origin.cluster.urls("prod")) as client:
        first = {one["name"]: one["leader"] for one in origin.place.manifest()["content"]["streams"]}
        assert new_leader(client, "GH") != first["GH"]
        other.back_up(origin.cluster.urls("prod"), encryption={"engine": "none"})
        again = {one["name"]: one for one in other.manifest()["content"]["streams"]}
        assert again["GH"]["leader"] != first["GH"]
        for one in origin.place.manifest()["content"]["streams"]:
            assert one["fingerprint"] == again[one["name"]]["fingerprint"], "replicas hold the same"
        for place in (origin.place, other):
            result = origin.verify(place, record=False)
            assert result.get("verdict") == "passed", result.get("msg")
            assert {control["id"]: control["status"] for control in result["controls"]} == dict.fromkeys(
                ("control.archive", "control.message", "control.flip", "control.cut"), "passed"
            )
            (consumers,) = (check for check in result["checks"] if check["id"] == "structure.consumers")
            assert consumers["status"] == "passed" and consumers["message"] == "7 consumers"


def test_a_backup_is_proven_in_a_scratch_account_of_the_cluster_itself(origin: Origin) -> None:
    with Client(origin.cluster.urls("rehearse")) as client, Client(origin.cluster.urls("prod")) as production:
        where = {"servers": origin.cluster.urls("rehearse")}
        result = origin.verify(nats_scratch_account=where, nats_server_binary="/nowhere/nats-server", record=False)
        assert result.get("verdict") == "passed", result.get("msg")
        assert client.names() == [] and {name: production.rows(name) for name in production.names()} == origin.rows


@pytest.mark.parametrize("damage", [flip_byte, lambda path: cut(path, 2000)])
def test_damage_to_it_is_red(origin: Origin, damage: t.Callable[[pathlib.Path], None], tmp_path: pathlib.Path) -> None:
    place = origin.copied(tmp_path)
    damage(place.backup_folder() / "streams" / "GH" / "stream.tar.s2")
    result = origin.verify(place)
    assert result["failed"] and result["verdict"] == "failed" and "streams/GH/stream.tar.s2" in result["msg"]
    assert next(check["status"] for check in result["checks"] if check["id"] == "content.messages") == "failed"


def test_it_is_restored_to_a_server_that_is_alone(origin: Origin) -> None:
    with NatsServer(origin.cluster.version) as alone, Client(alone.url()) as client:
        refused = origin.place.try_restore(alone.url())
        assert (
            refused["failed"]
            and "GH: it has 3 replicas, and this server is alone" in refused["msg"]
            and "WORK" in refused["msg"]
        )
        assert client.names() == []
        result = origin.place.restore(alone.url(), config={"*": {"num_replicas": 1}})
        assert {name: client.rows(name) for name in client.names()} == origin.rows
        assert positions(client, "GH") == _FLOORS and client.consumers("WORK")["worker"]["num_pending"] == 50
        rebuilt = {one["name"]: one["rebuilt_consumers"] for one in result["streams"]}["GH"]
        assert ("volatile" in rebuilt and len(rebuilt) > 1) if origin.cluster.version < "2.15" else rebuilt == []


def test_every_replica_has_every_message_when_the_restore_ends(origin: Origin) -> None:
    """The witness is a killed leader: what the others hold is all that there is."""
    urls = origin.cluster.urls("new")
    with Client(urls) as client:
        origin.place.restore(urls)
        info = client.good("STREAM.INFO.GH")
        assert [replica["current"] for replica in info["cluster"]["replicas"]] == [True, True]
        assert positions(client, "GH") == _FLOORS
        killed = origin.cluster.named(info["cluster"]["leader"])
        killed.kill()
        try:
            for name in ("GH", "WORK"):
                wait_for(
                    lambda name=name: _leader_or_none(client, name) not in ("", killed.name), "another server leads"
                )
            assert client.rows("GH") == origin.rows["GH"]
            assert client.rows("WORK") == origin.rows["WORK"]
        finally:
            killed.start()
            origin.cluster.wait_until_healthy()
        for name in ("GH", "WORK", "ALONE"):
            client.good(f"STREAM.DELETE.{name}")


def _leader_or_none(client: Client, stream: str) -> str:
    with contextlib.suppress(nats.errors.Error):  # nobody answers, or we were connected to the one that is gone
        answer = client.api(f"STREAM.INFO.{stream}", seconds=1)
        return str((answer.get("cluster") or {}).get("leader") or "")
    return ""


def test_streams_in_memory_are_saved_in_the_middle_of_an_update_of_the_cluster(tmp_path: pathlib.Path) -> None:
    """The server that we are connected to would make snapshots of them; the older ones that lead them do not."""
    place = Place(tmp_path)
    with NatsCluster(3, "2.14", newest="2.15") as cluster, Client(cluster.urls()) as client:
        newest = cluster.servers[-1]
        methods: dict[str, str] = {}
        while set(methods.values()) != {"export", "snapshot"}:
            name = f"MEM{len(methods)}"
            assert len(methods) < 50, "the cluster puts all of them on servers of one version"
            config = {"name": name, "subjects": [f"{name.lower()}.>"], "storage": "memory"}
            wait_for(
                lambda config=config: "error" not in client.api(f"STREAM.CREATE.{config['name']}", config),
                "all servers know each other",
            )
            wait_for(lambda name=name: leader(client, name) != "", "the stream has a leader")
            client.publish(f"{name.lower()}.{{}}", b"in memory", count=30)
            methods[name] = "snapshot" if leader(client, name) == newest.name else "export"
        result = place.back_up(newest.url())
        assert {one["name"]: one["method"] for one in result["streams"]} == methods
        rows = {name: client.rows(name) for name in methods}
    with NatsServer("2.15") as alone, Client(alone.url()) as client:
        place.restore(alone.url())
        assert {name: client.rows(name) for name in client.names()} == rows


def _list(client: Client) -> dict[str, t.Any]:
    with contextlib.suppress(nats.errors.Error):
        return client.api("STREAM.LIST", seconds=10)
    return {}


@pytest.mark.parametrize("version", ["2.14", "2.15"])
def test_a_stream_whose_server_is_gone_is_named_and_the_others_are_saved_without_it(
    version: str, tmp_path: pathlib.Path
) -> None:
    place = Place(tmp_path)
    with NatsCluster(3, version) as cluster, Client(cluster.urls()) as client:
        for name, replicas in (("GH", 3), ("ALONE", 1)):
            config = {"name": name, "subjects": [f"{name.lower()}.>"], "num_replicas": replicas}
            wait_for(
                lambda config=config: "error" not in client.api(f"STREAM.CREATE.{config['name']}", config),
                "all servers know each other",
            )
            wait_for(lambda name=name: bool(_leader_or_none(client, name)), "the stream has a leader")
        gone = cluster.named(leader(client, "ALONE"))
        gone.kill()
        left = [server.url() for server in cluster.servers if server is not gone]
        wait_for(lambda: _leader_or_none(client, "GH") not in ("", gone.name), "another server leads")
        wait_for(lambda: _list(client).get("missing") == ["ALONE"], "the other stream answers again")
        message = place.fail_to_back_up(left)
        assert "the servers that hold these did not answer: ALONE" in message and "or exclude these by name" in message
        for number, options in enumerate(({"exclude": ["AL*"]}, {"streams": ["GH"]})):
            saved = Place(tmp_path / str(number)).back_up(left, **options)
            assert [one["name"] for one in saved["streams"]] == ["GH"]
