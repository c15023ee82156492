# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A planned failover of everything that an application has, and the way back of the region that was left."""

from __future__ import annotations

import collections.abc
import contextlib
import getpass
import grp
import json
import os
import pathlib
import re
import signal
import subprocess
import threading
import time
import typing as t

import pytest

from tests.integration.bucket_pairs import fresh_pair
from tests.integration.modules import run_module
from tests.integration.nats_servers import make_stream, publish, request
from tests.integration.test_dr_failover import Regions
from tests.integration.test_jetstream_domains import joined
from tests.integration.test_pg_rejoin import Rejoin
from tests.integration.test_pg_standby import Pair, empty_pair
from tests.lab import throwaway
from tests.lab.bind import KEY_NAME, ZONE, Bind
from tests.lab.haproxy import Haproxy, WebServer
from tests.lab.nats import ensure_installed
from tests.lab.objectstore import ObjectStore
from tests.lab.redis import RedisServer
from tests.lab.versitygw import VersityGW

__all__ = ["empty_pair"]  # the fixture
TOUCH = "- ansible.builtin.file: {{path: FOLDER/{name}, state: touch, mode: '0600'}}\n"
OLD, NEW = "192.0.2.1", "198.51.100.7"
SYSTEMCTL = """#!/bin/sh
# What systemd would do with the one unit that the lab runs as a process.
case "$1" in
  show) [ -e FOLDER/heart.stopped ] && state=inactive || state=active
        printf 'LoadState=loaded\\nActiveState=%s\\n' $state ;;
  is-enabled) [ -e FOLDER/heart.disabled ] && { echo disabled; exit 1; } || echo enabled ;;
  stop) [ "$2" = lifeboat-heartbeat@chunks ] && kill $(cat FOLDER/heart.pid) && touch FOLDER/heart.stopped ;;
  disable) touch FOLDER/heart.disabled ;;
esac
"""


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
        self.left, self.right = self.buckets.side(self.buckets.source), self.buckets.side(self.buckets.destination)
        self.heart = stack.enter_context(self.beating_bucket())
        del regions.variables["failover_tasks"]["traffic"]
        user = getpass.getuser()
        primary, standby = regions.pair.primary.dsn(), regions.pair.standby.dsn()
        regions.variables["failover_stores"] = [
            {
                "kind": "s3",
                "name": "chunks",
                "buckets": {"eu-central": self.left, "eu-west": self.right},
                "rules": [{"id": "all"}],
                "state_dir": str(regions.folder / "switches"),
                "settings_file": str(regions.folder / "bucket.env"),
                "settings_owner": user,
                "settings_group": grp.getgrgid(os.getgid()).gr_name,
            },
            {
                "kind": "jetstream",
                "name": "events",
                "streams": ["ORDERS"],
                "servers": {
                    "eu-central": {"url": self.nats.hub.url(), "source_domain": "hub"},
                    "eu-west": {"url": self.nats.leaf.url(), "source_domain": "leaf"},
                },
            },
            self.work_queue(),
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
        self.gateway = stack.enter_context(VersityGW())
        self.uploads = self.gateway.make_writer(self.gateway.make_bucket("uploads"))
        keys = {key: self.uploads[key] for key in ("access_key", "secret_key")}
        uploads = {**self.gateway.side("uploads"), "writer": keys}
        there = self.gateway.make_writer(self.gateway.make_bucket("uploads-dr"), "writer-dr")
        keys = {key: there[key] for key in ("access_key", "secret_key")}
        replica = {**self.gateway.side("uploads-dr"), "writer": keys}
        regions.variables["failover_fences"] = [
            {"kind": "postgresql", "servers": {"eu-central": {"dsn": primary}, "eu-west": {"dsn": standby}}},
            {"kind": "bucket", "buckets": {"eu-central": uploads, "eu-west": replica}},
            {
                "kind": "haproxy",
                "socket": self.haproxy.socket,
                "servers": {"eu-central": ["web/central"], "eu-west": ["web/west"]},
            },
        ]
        regions.variables["failover_health"] = [
            {
                "kind": "http",
                "url": f"http://127.0.0.1:{self.haproxy.port}/",
                "contains": "west",
                "wait": "60s",
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

        regions.variables["failover_heartbeat_stores"] = ["chunks"]
        self.plan_protection()

    def work_queue(self) -> dict[str, t.Any]:
        """Streams that cannot be mirrored. They have a proven backup, and a message that it does not hold."""
        make_stream(self.nats.hub.url(), "WORK", 5, retention="workqueue")
        backups = self.regions.folder / "streams"
        named = {"app": "shop", "component": "jobs", "repositories": [{"path": str(backups)}]}
        server = {"nats_server_binary": str(ensure_installed("2.15"))}
        saved = run_module("jetstream_snapshot", {**named, "url": self.nats.hub.url(), "streams": ["WORK"]})
        assert saved.get("changed"), saved
        proved = run_module("jetstream_verify", {**named, **server, "profile": "quick"})
        assert proved.get("verdict") == "passed", proved
        publish(self.nats.hub.url(), "WORK", 1)
        servers = {"eu-central": {"url": self.nats.hub.url()}, "eu-west": {"url": self.nats.leaf.url()}}
        more = {"streams": ["WORK"], "servers": servers, "repositories": named["repositories"], **server}
        return {"kind": "jetstream", "name": "jobs", "method": "restore", **more}

    def plan_protection(self) -> None:
        """The new side's first backup, its log, and its buckets."""
        regions, west = self.regions, self.regions.pair.standby
        backups = west.folder / "backups"
        backups.mkdir(mode=0o777)
        backups.chmod(0o777)
        plan = regions.variables["lifeboat_plan"]
        plan["repositories"] = [{"path": str(backups)}]
        plan["components"] = [
            {"name": "codex", "engine": "postgresql", "dsn": "host=/nowhere"},
            {"name": "cluster", "engine": "postgresql_physical", "dsn": "host=/nowhere"},
        ]
        own = west.folder / "own"
        log = {"dsn": west.dsn(), "program": str(own / "lifeboat-wal"), "config_dir": str(own / "wal"),
               "spool_dir": str(own / "spool"), "python": regions.interpreter()}  # fmt: skip
        regions.variables["failover_protect"] = [
            {"kind": "archive", "component": "cluster", "servers": {"eu-west": log, "eu-central": log}},
            {"kind": "buckets", "store": "chunks"},
            {
                "kind": "backup",
                "component": "codex",
                "servers": {
                    "eu-west": {"options": {"dsn": west.dsn(), "bin_dir": str(west.bin_dir)}},
                    "eu-central": {},
                },
            },
        ]

    @contextlib.contextmanager
    def beating_bucket(self) -> collections.abc.Iterator[subprocess.Popen[bytes]]:
        """The heartbeat's writer of the bucket, every second, as the unit that a failover stops."""
        folder = self.regions.folder
        installed = run_module("s3_heartbeat", {
            "state": "installed", "source": self.left, "publish_to": str(folder / "chunks.json"), "every": "1s",
            "program": str(folder / "heart"), "config_file": str(folder / "heart.json"),
        })  # fmt: skip
        assert installed.get("changed"), installed
        systemctl = folder / "bin" / "systemctl"
        systemctl.parent.mkdir()
        systemctl.write_text(SYSTEMCTL.replace("FOLDER", str(folder)), encoding="ascii")
        systemctl.chmod(0o755)
        os.environ["PATH"] = f"{systemctl.parent}{os.pathsep}{os.environ['PATH']}"  # the fixture puts it back
        hosts = folder / "hosts.yml"
        witness = "elsewhere: {ansible_connection: local"
        hosts.write_text(hosts.read_text().replace(witness, f"{witness}, ansible_become: false"))
        command = [str(folder / "heart"), "--config", str(folder / "heart.json")]
        heart = throwaway.start(command, log=str(folder / "heart.log"))
        (folder / "heart.pid").write_text(str(heart.pid))
        try:
            yield heart
        finally:
            throwaway.stop(heart, signal.SIGKILL)

    def uploads_refused(self) -> bool:
        """Whether the application's key may not write into the bucket that a fence of the plan names."""
        client = self.gateway.client_of(self.uploads)
        try:
            client.put_object(Bucket="uploads", Key="probe", Body=b"1")
        except client.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] == "AccessDenied", error
            return True
        return False

    def keys(self, bucket: str) -> set[str]:
        """The objects of a bucket."""
        return set(self.buckets.store.sizes(bucket))

    def stream(self, domain: str) -> int:
        """The last sequence of the stream in this domain."""
        server = self.nats.hub if domain == "hub" else self.nats.leaf
        return int(request(server.url(), "$JS.API.STREAM.INFO.ORDERS")["state"]["last_seq"])


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
def world(
    empty_pair: Pair,  # noqa: F811
    object_store: ObjectStore,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> collections.abc.Iterator[World]:
    monkeypatch.setenv("PATH", os.environ["PATH"])
    made = empty_pair.make(primary=empty_pair.primary_dsn())
    assert not made.get("failed"), made
    empty_pair.standby.start()
    empty_pair.wait_for("streaming")
    with contextlib.ExitStack() as stack:
        yield World(Regions(empty_pair, tmp_path), object_store, stack)


def test_a_planned_failover_moves_everything_and_loses_nothing(world: World) -> None:
    everything_moves_and_what_was_left_follows(world)


@pytest.mark.soak
def test_everything_moves_back_again_and_loses_nothing(world: World) -> None:
    everything_moves_and_what_was_left_follows(world)
    regions, left = world.regions, world.regions.pair.primary
    the_stores_that_are_restored_are_out_of_the_way(world)
    pages = [{**regions.variables["failover_health"][0], "contains": "central"}]
    words = {"failover_accept": {**regions.variables["failover_accept"], "divergence": "a", "vulnerable_client": "a"}}
    words |= {"failover_save_dir": str(regions.pair.standby.folder / "saved"), "failover_health": pages}
    words |= {"failover_protect": [{"kind": "buckets", "store": "chunks"}]}
    status, said = regions.play("dr_failback", **words)
    token = re.search(r"failover_token=([A-Z2-7]{4}-[A-Z2-7]{10})", said)
    assert status != 0 and token, said
    status, said = regions.play("dr_failback", **words, failover_token=token.group(1))
    assert status == 0 and "shop is in eu-central now (epoch 2): done." in " ".join(said.split()), said
    assert left.value("select n from since") == 42 and left.value("select pg_is_in_recovery()") is False
    assert world.redis[0].cli("GET", "since") == "42" and world.redis[0].cli("SET", "back", "1") == "OK"
    assert request(world.nats.hub.url(), "$JS.API.STREAM.INFO.ORDERS")["config"]["subjects"] == ["ORDERS.>"]
    work = request(world.nats.hub.url(), "$JS.API.STREAM.INFO.WORK")
    assert work["state"]["messages"] == 6 and work["config"]["subjects"] == ["WORK.>"]
    assert {"chunks/since", "chunks/only-here"} <= world.keys(world.buckets.source)
    assert world.buckets.rules()[0]["Status"] == "Enabled"
    assert world.buckets.rules(world.buckets.destination)[0]["Status"] == "Disabled"
    assert f"S3_BUCKET={world.buckets.source}\n" in (regions.folder / "bucket.env").read_text()
    assert world.haproxy.get() == "central" and world.dns.addresses() == [OLD] and not world.uploads_refused()


def the_stores_that_are_restored_are_out_of_the_way(world: World) -> None:
    """A person removes the streams of the region that was left, which dr_rejoin leaves alone."""
    request(world.nats.hub.url(), "$JS.API.STREAM.DELETE.WORK", {})


def everything_moves_and_what_was_left_follows(world: World) -> None:
    """There, with all stores, and the old region behind it."""
    regions = world.regions
    world.redis[0].cli("SET", "cart", "full")
    writer = Writer(world)
    writer.start()
    token = regions.token(failover_mode="planned")
    assert world.haproxy.get() == "central" and world.dns.addresses() == [OLD]
    assert world.heart.poll() is None and not world.uploads_refused()
    status, said = regions.play("dr_failover", failover_mode="planned", failover_token=token)
    assert "shop serves in eu-west (epoch 1)" in " ".join(said.split()), said[-4000:]
    writer.join()
    writer.check_that_nothing_is_lost()
    assert world.heart.wait(10) is not None, "the writer of the bucket's heartbeat was stopped"
    assert world.keys(world.buckets.source) == world.keys(world.buckets.destination), "no beat is missing"
    assert world.dns.secret not in said
    assert world.uploads_refused() and world.haproxy.get() == "west"
    assert world.dns.addresses() == world.resolver.addresses() == [NEW]
    assert "NOREPLICAS" in world.redis[0]._run("SET", "late", "write").stdout.decode()
    assert world.redis[1].cli("GET", "cart") == "full" and world.redis[1].cli("SET", "new", "write") == "OK"
    orders = request(world.nats.leaf.url(), "$JS.API.STREAM.INFO.ORDERS")
    assert orders["config"]["subjects"] == ["ORDERS.>"], orders
    work = request(world.nats.leaf.url(), "$JS.API.STREAM.INFO.WORK")
    assert work["state"]["messages"] == 6 and work["config"]["subjects"] == ["WORK.>"], (
        "with what came since the backup"
    )
    assert f"S3_BUCKET={world.buckets.destination}\n" in (regions.folder / "bucket.env").read_text()
    assert (regions.folder / "stopped").stat().st_mtime < (regions.folder / "started").stat().st_mtime
    report = next(regions.folder.glob("failover_shop_*.md")).read_text()
    assert (
        report.count("a write was refused") > 2 and "//uploads: a write was refused" in report and "healthy" in report
    ), report
    stores = [one["name"] for one in regions.variables["failover_stores"]]
    assert len(stores) > 2 and all(f"| lost of {name} | 0 s" in report for name in stores), report
    lines = regions.ledger()
    assert lines.index(("promote_database", "done")) < lines.index(("traffic", "intent"))
    the_new_side_is_protected(world, status, " ".join(said.split()), report)
    the_old_primary_comes_back(world)
    the_region_that_was_left_follows(world)


def the_new_side_is_protected(world: World, status: int, said: str, report: str) -> None:
    """What cannot be done yet is said and takes nothing back; it is done later."""
    regions, west = world.regions, world.regions.pair.standby
    assert status != 0 and "executed but incomplete: archive cluster (The server archives only after a restart" in said
    assert "EXECUTED BUT INCOMPLETE" in report and "not done: The server archives only after a restart" in report
    assert ("commit", "done") in regions.ledger() and ("protect", "failed") in regions.ledger()
    assert world.haproxy.get() == "west"
    manifests = sorted((west.folder / "backups").glob("**/codex/**/manifest.json"))
    assert len(manifests) == 1 and "after-failover-1" in manifests[0].read_text()
    assert world.buckets.rules()[0]["Status"] == "Disabled"
    assert world.buckets.rules(world.buckets.destination)[0]["Status"] == "Enabled"
    west.restart()
    status, said = regions.play("dr_protect")
    assert status == 0 and "archive cluster" in said, said
    assert regions.ledger()[-3:] == [("protect", "intent"), ("protect", "done"), ("", "closed")]
    assert "# DONE" in next(regions.folder.glob("failover_shop_*.md")).read_text()
    timeline = west.value("select pg_walfile_name(pg_current_wal_lsn())")[:8]
    assert timeline == "00000002" and list((west.folder / "backups/wal/shop@cluster" / timeline).iterdir())


def the_old_primary_comes_back(world: World) -> None:
    """Started by hand, twice, with its fence lifted: each time the guard finds it, fences it, and says so."""
    regions = world.regions
    old = regions.pair.primary
    for again in (False, True):
        if again:
            old.stop()
        old.start()
        lifted = run_module("pg_fence", {"dsn": old.dsn(), "state": "unfenced"})
        assert lifted["changed"] and not lifted["refuses_writes"], "the fence has survived the restart"
        status, said = regions.play("dr_guard")
        said = " ".join(said.split())
        assert status != 0 and "came back as a primary" in said and "It runs, and refuses writes." in said, said
        assert "they are of one system, and they parted at" in said
        assert "events: its streams have lost their subjects" in said, "although the leaf node shares them"
        assert run_module("pg_fence", {"dsn": old.dsn(), "state": "fenced"})["changed"] is False


def the_region_that_was_left_follows(world: World) -> None:
    """Each of its stores has something that nobody else got. It is counted and saved, and then they follow."""
    regions, old, west = world.regions, world.regions.pair.primary, world.regions.pair.standby
    old.stop()
    rewound = Rejoin(regions.pair).run()
    assert rewound.get("method") == "rewound", rewound
    old.start()
    world.redis[0].cli("CONFIG", "SET", "min-replicas-to-write", "0")
    world.redis[0].cli("SET", "only-here", "1")
    assert "error" not in request(world.nats.hub.url(), "lifeboat.fenced.ORDERS", {"only": "here"})
    store, buckets = world.buckets.store, world.buckets
    store.write(buckets.source, "chunks/only-here", b"1")
    west.execute("create table since as select 42 as n")
    saved = {"failover_save_dir": str(west.folder / "saved")}
    words = {**regions.variables["failover_accept"], "divergence": "entered again by hand", "vulnerable_client": "test"}
    status, said = regions.play("dr_rejoin", failover_accept=words, **saved)
    assert status == 0, said
    assert regions.ledger()[-3:] == [("rejoin", "intent"), ("rejoin", "done"), ("", "closed")]
    assert not world.uploads_refused()
    assert comes_true(lambda: old.value("select n from since") == 42)
    world.redis[1].cli("SET", "since", "42")
    assert comes_true(lambda: world.redis[0].cli("GET", "since") == "42")
    assert world.redis[0].cli("GET", "only-here") == "" and "role:slave" in world.redis[0].cli("INFO", "replication")
    assert "error" not in request(world.nats.leaf.url(), "ORDERS.since", {"n": 42})
    assert comes_true(lambda: world.stream("hub") == world.stream("leaf"))
    store.write(buckets.destination, "chunks/since", b"42")
    assert comes_true(lambda: "chunks/since" in world.keys(buckets.source))
    assert world.keys(buckets.source) - world.keys(buckets.destination) == {"chunks/only-here"}
    backups = west.folder / "backups"
    left = {json.loads(path.read_text())["component"] for path in backups.glob("**/*-left-eu-central/**/manifest.json")}
    assert left == {"events-left-eu-central", "sessions-left-eu-central"}
    dump = next(backups.glob("**/sessions-left-eu-central/**/*.rdb*"))
    assert b"only-here" in subprocess.run(["zstd", "-dc", str(dump)], capture_output=True, check=True).stdout


def comes_true(true: t.Callable[[], bool], seconds: float = 60) -> bool:
    """Whether it comes true."""
    limit = time.monotonic() + seconds
    while not true():
        if time.monotonic() > limit:
            return False
        time.sleep(0.1)
    return True
