# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The writers of heartbeats of Redis, JetStream and buckets: what is published of a store is still there without it."""

from __future__ import annotations

import base64
import datetime
import json
import pathlib
import signal
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.plugin_utils._published import published_of

from tests.integration.bucket_pairs import fresh_pair
from tests.integration.modules import run_module
from tests.integration.nats_servers import make_stream, publish
from tests.integration.test_jetstream_domains import joined
from tests.lab import throwaway
from tests.lab.objectstore import ObjectStore
from tests.lab.redis import RedisServer


def beat(kind: str, options: dict[str, t.Any], path: pathlib.Path) -> dict[str, t.Any]:
    """One heartbeat by hand, and what was published of it."""
    result = run_module(f"{kind}_heartbeat", {**options, "publish_to": str(path)})
    assert result.get("changed"), result
    assert json.loads(path.read_text())["counter"] == result["published"]["counter"]
    return dict(result["published"])


def beat_by_program(kind: str, options: dict[str, t.Any], path: pathlib.Path, secret: str = "") -> None:
    """The installed program writes beats until it is stopped, and its second installation changes nothing."""
    program, config = path.parent / f"lifeboat-heartbeat-{kind}", path.parent / f"{kind}.json"
    files = {"program": str(program), "config_file": str(config)}
    given = {**options, **files, "state": "installed", "every": "1s", "publish_to": str(path)}
    assert run_module(f"{kind}_heartbeat", given, check_mode=True)["changed"] and not program.exists()
    assert run_module(f"{kind}_heartbeat", given)["files"] == [str(program), str(config)]
    assert run_module(f"{kind}_heartbeat", given)["changed"] is False
    assert config.stat().st_mode & 0o777 == 0o600 and secret in config.read_text()
    first = json.loads(path.read_text())["counter"]
    log = path.parent / f"{kind}.log"
    writer = throwaway.start([str(program), "--config", str(config)], log=str(log))
    limit = time.monotonic() + 60
    while json.loads(path.read_text())["counter"] <= first + 1:
        assert time.monotonic() < limit and writer.poll() is None, log.read_text()
        time.sleep(0.1)
    throwaway.stop(writer, signal.SIGTERM)
    assert secret == "" or secret not in path.read_text()


def test_what_a_replica_lacks_is_known_when_its_primary_is_gone(tmp_path: pathlib.Path) -> None:
    path, secret = tmp_path / "sessions.json", "a secret of the cache"
    with RedisServer() as primary, RedisServer() as replica:
        options = {"login_port": primary.port}
        made = run_module("redis_standby", {
            "state": "replica", "login_port": replica.port, "primary_host": "127.0.0.1", "primary_port": primary.port,
        })  # fmt: skip
        assert made.get("changed"), made
        first = beat("redis", options, path)
        limit = time.monotonic() + 60
        while replica.cli("GET", "lifeboat:heartbeat") == "":
            assert time.monotonic() < limit
            time.sleep(0.05)
        replica.cli("REPLICAOF", "127.0.0.1", "1")  # the link is cut
        time.sleep(1.1)
        last = beat("redis", {**options, "every": "1s"}, path)
        refused = run_module("redis_heartbeat", {"login_port": replica.port, "publish_to": str(path)})
        assert refused["failed"] and "is a replica, and takes no heartbeat" in refused["msg"], refused
        primary.cli("CONFIG", "SET", "requirepass", secret)
        (tmp_path / "password").write_text(secret)
        beat_by_program("redis", {**options, "login_password_file": str(tmp_path / "password")}, path, secret)
        asked = {"login_port": replica.port, "published": {name: last[name] for name in ("offset", "at")}}
        lag = run_module("redis_standby_info", asked)
        assert lag["loss_bytes"] == last["offset"] - lag["offset"] > 0, lag
        assert 1 <= lag["loss_seconds"] < 60 and first["counter"] < last["counter"], lag


def test_what_mirrors_lack_is_known_when_their_origin_is_gone(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "events.json"
    with joined("2.15", "2.15") as servers:
        hub, leaf = servers.hub.url(), servers.leaf.url()
        make_stream(hub, "ORDERS", 20)
        made = run_module("jetstream_mirror", {
            "state": "mirror", "url": leaf, "streams": ["ORDERS"], "source": {"url": hub}, "source_domain": "hub",
        })  # fmt: skip
        assert made.get("changed"), made
        options = {"url": hub, "streams": ["ORDERS"]}
        assert beat("jetstream", options, path)["streams"]["ORDERS"]["last_sequence"] == 20
        beat_by_program("jetstream", options, path)
        refused = run_module("jetstream_heartbeat", {**options, "url": leaf, "publish_to": str(path)})
        assert refused["failed"] and "This account has no stream ORDERS of its own." in refused["msg"], refused
        servers.leaf.kill()
        publish(hub, "ORDERS", 3)
        beat("jetstream", {**options, "every": "1s"}, path)
        servers.hub.kill()
        servers.leaf.start()
        content = base64.b64encode(path.read_bytes()).decode("ascii")
        known = published_of({"events": content}, datetime.datetime.now(datetime.UTC))["known"]["events"]
        lag = run_module("jetstream_mirror_info", {"url": leaf, "streams": ["ORDERS"], "published": known})
        assert lag["loss_messages"] == 3 and lag["loss_seconds"] is not None, lag


def test_what_a_bucket_lacks_is_known_when_the_other_one_is_gone(
    object_store: ObjectStore, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "chunks.json"
    with fresh_pair(object_store, tmp_path) as pair:
        made = pair.run(lifecycle=None, object_lock=None, rules=[{"id": "all"}])
        assert not made.get("failed"), made
        options = {"source": pair.side(pair.source)}
        beat("s3", {**options, "every": "1s"}, path)  # as the program: the beats of another rhythm may have their place
        beat_by_program("s3", options, path)
        asked = {"destination": pair.side(pair.destination)}
        asked["published"] = json.loads(path.read_text())["facts"]
        assert len(asked["published"]["beats"]) > 1, "the program goes on with the beats of before"
        limit = time.monotonic() + 60
        while run_module("s3_heartbeat_info", asked)["loss_beats"] != 0:
            assert time.monotonic() < limit
        assert pair.run(state="paused", lifecycle=None, object_lock=None, rules=[{"id": "all"}])["changed"]
        beat("s3", {**options, "every": "1s"}, path)
        asked["published"] = json.loads(path.read_text())["facts"]
        lag = run_module("s3_heartbeat_info", asked)
        assert lag["loss_beats"] == 1 and lag["loss_seconds"] > 0, lag
        unknown = run_module("s3_heartbeat_info", {"destination": pair.side(pair.destination)})
        assert unknown["loss_seconds"] is None and "no heartbeat was published" in unknown["because"], unknown
