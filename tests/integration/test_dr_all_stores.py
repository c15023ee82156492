# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A planned failover of everything that an application has, on real servers."""

from __future__ import annotations

import collections.abc
import contextlib
import getpass
import grp
import os
import pathlib
import threading
import time

import pytest

from tests.integration.bucket_pairs import fresh_pair
from tests.integration.modules import run_module
from tests.integration.nats_servers import make_stream, request
from tests.integration.test_dr_failover import Regions
from tests.integration.test_jetstream_domains import joined
from tests.integration.test_pg_standby import Pair, empty_pair
from tests.lab.bind import KEY_NAME, ZONE, Bind
from tests.lab.haproxy import Haproxy, WebServer
from tests.lab.objectstore import ObjectStore
from tests.lab.redis import RedisServer

__all__ = ["empty_pair"]  # the fixture
TOUCH = "- ansible.builtin.file: {{path: FOLDER/{name}, state: touch, mode: '0600'}}\n"
OLD, NEW = "192.0.2.1", "198.51.100.7"


class World:
    """Two regions with all stores, and what leads users to them."""

    def __init__(self, regions: Regions, store: ObjectStore, stack: contextlib.ExitStack) -> None:
        self.regions = regions
        webs = {name: stack.enter_context(WebServer(name)) for name in ("central", "west")}
        self.haproxy = stack.enter_context(Haproxy(webs, out=["west"]))
        self.nats = stack.enter_context(joined("2.15", "2.15"))
        make_stream(self.nats.hub.url(), "ORDERS", 20)
        mirror = {"url": self.nats.leaf.url(), "source": {"url": self.nats.hub.url()}, "source_domain": "hub"}
        made = run_module("jetstream_mirror", {**mirror, "state": "mirror", "streams": ["ORDERS"]})
        assert made.get("changed"), made
        self.buckets = stack.enter_context(fresh_pair(store, regions.folder))
        made = self.buckets.run(lifecycle=None, object_lock=None, rules=[{"id": "all"}])
        assert not made.get("failed"), made
        store.write(self.buckets.source, "chunks/1", b"content")
        self.redis = [stack.enter_context(RedisServer()) for _region in range(2)]
        self.redis[1].cli("REPLICAOF", "127.0.0.1", str(self.redis[0].port))
        self.dns = stack.enter_context(Bind(address=OLD, ttl=1))
        self.resolver = stack.enter_context(Bind(primary=self.dns))
        del regions.variables["failover_tasks"]["traffic"]
        user = getpass.getuser()
        primary, standby = regions.pair.primary.dsn(), regions.pair.standby.dsn()
        regions.variables["failover_stores"] = [
            {
                "kind": "s3",
                "name": "chunks",
                "buckets": {
                    "eu-central": self.buckets.side(self.buckets.source),
                    "eu-west": self.buckets.side(self.buckets.destination),
                },
                "state_dir": str(regions.folder / "switches"),
                "settings_file": str(regions.folder / "bucket.env"),
                "settings_owner": user,
                "settings_group": grp.getgrgid(os.getgid()).gr_name,
            },
            {
                "kind": "jetstream",
                "name": "events",
                "streams": ["ORDERS"],
                "servers": {"eu-central": {"url": self.nats.hub.url()}, "eu-west": {"url": self.nats.leaf.url()}},
            },
            {
                "kind": "redis",
                "name": "sessions",
                "servers": {
                    name: {"login_host": "127.0.0.1", "login_port": server.port}
                    for name, server in zip(("eu-central", "eu-west"), self.redis, strict=True)
                },
            },
        ]
        regions.variables["failover_application"] = [
            {
                "kind": "tasks",
                "file": regions.tasks("start", TOUCH.format(name="started")),
                "stop_file": regions.tasks("stop", TOUCH.format(name="stopped")),
            },
        ]
        regions.variables["failover_fences"] = [
            {"kind": "postgresql", "servers": {"eu-central": {"dsn": primary}, "eu-west": {"dsn": standby}}}
        ]
        regions.variables["failover_health"] = [
            {
                "kind": "http",
                "url": f"http://127.0.0.1:{self.haproxy.port}/",
                "contains": "west",
                "wait": "5s",
            }
        ]
        regions.variables["failover_traffic"] = [
            {
                "kind": "haproxy",
                "socket": self.haproxy.socket,
                "servers": {"eu-central": ["web/central"], "eu-west": ["web/west"]},
            },
            {
                "kind": "dns",
                "server": self.dns.where,
                "zone": ZONE,
                "record": "www",
                "addresses": {"eu-central": [OLD], "eu-west": [NEW]},
                "key_name": KEY_NAME,
                "key_secret": self.dns.secret,
                "resolvers": [self.resolver.where],
                "wait": "60s",
            },
        ]


class Writer(threading.Thread):
    """The application: writes into Redis, JetStream and S3 until it is stopped, and keeps what was acknowledged."""

    def __init__(self, world: World) -> None:
        super().__init__(daemon=True)
        self._world = world
        self.acknowledged: list[int] = []

    def run(self) -> None:
        world, number = self._world, 0
        while not (world.regions.folder / "stopped").exists():
            number += 1
            world.redis[0].cli("SET", f"write:{number}", "acknowledged")
            answer = request(world.nats.hub.url(), f"ORDERS.{number}", {"number": number})
            assert "error" not in answer, answer
            world.buckets.store.write(world.buckets.source, f"chunks/write-{number}", b"acknowledged")
            self.acknowledged.append(number)
            time.sleep(0.5)

    def check_that_nothing_is_lost(self) -> None:
        """Every acknowledged write is in the other region."""
        world = self._world
        assert len(self.acknowledged) > 3
        orders = request(world.nats.leaf.url(), "$JS.API.STREAM.INFO.ORDERS", {"subjects_filter": "ORDERS.>"})
        kept = world.buckets.store.client.list_objects_v2(Bucket=world.buckets.destination, Prefix="chunks/write-")
        objects = {entry["Key"] for entry in kept.get("Contents", [])}
        for number in self.acknowledged:
            assert world.redis[1].cli("GET", f"write:{number}") == "acknowledged", number
            assert f"ORDERS.{number}" in orders["state"]["subjects"], number
            assert f"chunks/write-{number}" in objects, number


@pytest.fixture
def world(empty_pair: Pair, object_store: ObjectStore, tmp_path: pathlib.Path) -> collections.abc.Iterator[World]:  # noqa: F811
    made = empty_pair.make(primary=empty_pair.primary_dsn())
    assert not made.get("failed"), made
    empty_pair.standby.start()
    empty_pair.wait_for("streaming")
    with contextlib.ExitStack() as stack:
        yield World(Regions(empty_pair, tmp_path), object_store, stack)


def test_a_planned_failover_moves_everything_and_loses_nothing(world: World) -> None:
    regions = world.regions
    world.redis[0].cli("SET", "cart", "full")
    writer = Writer(world)
    writer.start()
    token = regions.token(failover_mode="planned")
    assert world.haproxy.get() == "central" and world.dns.addresses() == [OLD]
    status, said = regions.play("dr_failover", failover_mode="planned", failover_token=token)
    writer.join()
    assert status == 0, said
    writer.check_that_nothing_is_lost()
    assert world.dns.secret not in said
    assert world.haproxy.get() == "west"
    assert world.dns.addresses() == world.resolver.addresses() == [NEW]
    assert "NOREPLICAS" in world.redis[0]._run("SET", "late", "write").stdout.decode()
    assert world.redis[1].cli("GET", "cart") == "full" and world.redis[1].cli("SET", "new", "write") == "OK"
    orders = request(world.nats.leaf.url(), "$JS.API.STREAM.INFO.ORDERS")
    assert orders["config"]["subjects"] == ["ORDERS.>"], orders
    assert f"S3_BUCKET={world.buckets.destination}\n" in (regions.folder / "bucket.env").read_text()
    assert world.buckets.rules()[0]["Status"] == "Disabled"
    assert (regions.folder / "stopped").stat().st_mtime < (regions.folder / "started").stat().st_mtime
    report = next(regions.folder.glob("failover_shop_*.md")).read_text()
    assert "a write was refused" in report and "healthy" in report, report
    lines = regions.ledger()
    assert lines.index(("promote_database", "done")) < lines.index(("traffic", "intent"))
    the_old_primary_comes_back(world)


def the_old_primary_comes_back(world: World) -> None:
    """Started by hand, with its fence lifted: the guard finds it, fences it, and says so."""
    regions = world.regions
    old = regions.pair.primary
    old.start()
    lifted = run_module("pg_fence", {"dsn": old.dsn(), "state": "unfenced"})
    assert lifted["changed"] and not lifted["refuses_writes"], "the fence of the failover has survived the restart"
    status, said = regions.play("dr_guard")
    said = " ".join(said.split())
    assert status != 0 and "came back as a primary" in said and "It runs, and refuses writes." in said, said
    assert "two primaries of one system: True" in said
    assert run_module("pg_fence", {"dsn": old.dsn(), "state": "fenced"})["changed"] is False
