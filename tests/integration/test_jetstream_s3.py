# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole circle of an account's streams with an S3 repository: saved encrypted, listed, proven, lost and restored
elsewhere.
"""

from __future__ import annotations

import collections.abc
import json
import os
import pathlib
import time
import typing as t

import pytest

from tests.integration.backups import Keys, keys_of
from tests.integration.jetstream_place import Client, Place, warnings_of
from tests.integration.modules import run_module
from tests.integration.pg_backup_place import bucket_options
from tests.lab.faultproxy import FaultProxy
from tests.lab.nats import NatsServer, ensure_installed
from tests.lab.objectstore import ObjectStore

_QUICK = {"retries": 1, "connect_timeout": 1, "read_timeout": 5}
_MARKER = b"a message that nobody else may read"


@pytest.fixture
def place(tmp_path: pathlib.Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def keys(tmp_path: pathlib.Path) -> Keys:
    return keys_of("age", tmp_path)


@pytest.fixture(scope="module")
def source() -> collections.abc.Iterator[NatsServer]:
    """A server with an account that no test changes."""
    with NatsServer("2.14") as server, Client(server.url()) as client:
        client.make("GH", metadata={"team": "billing"})
        client.publish("gh.marked", _MARKER, headers={"k": "v"})
        client.publish("gh.{}", 4000, count=2500)  # more than a part of an upload has
        client.good("STREAM.MSG.DELETE.GH", {"seq": 17})
        client.consume("GH", "billing", acknowledge=10)
        client.consume("GH", "volatile", mem_storage=True, acknowledge=5)
        client.make("WORK", retention="workqueue")
        client.publish("work.{}", b"job", count=50)
        client.consume("WORK", "worker", acknowledge=10)
        client.put_key("settings", "color", b"red", b"green")
        client.put_object("files", "big", os.urandom(300_000))
        yield server


def contents(url: str) -> dict[str, t.Any]:
    """Every message of an account, and where its lasting consumers stand."""
    with Client(url) as client:
        rows = {name: client.rows(name) for name in client.names()}
        floors = {
            f"{name}/{consumer}": facts["ack_floor"]["stream_seq"]
            for name in rows
            for consumer, facts in client.consumers(name).items()
            if facts["config"].get("mem_storage") is not True
        }
        return {
            "rows": rows,
            "floors": floors,
            "color": client.key_history("settings", "color"),
            "big": client.object_sha256("files", "big"),
        }


def proven(place: Place, repositories: list[dict[str, t.Any]], keys: Keys, **options: t.Any) -> dict[str, t.Any]:
    """What restore_verify says of the newest backup."""
    named = {
        "app": "shop",
        "component": "events",
        "repositories": repositories,
        "encryption": keys.read,
        "backup": "newest",
    }
    return run_module("jetstream_verify", {**named, "nats_server_binary": str(ensure_installed("2.14")), **options})


def test_an_account_goes_to_a_bucket_encrypted_and_comes_back_proven_on_another_server(
    source: NatsServer, place: Place, keys: Keys, object_store: ObjectStore, bucket: str
) -> None:
    where = [bucket_options(object_store, bucket)]
    saved = place.back_up(source.url(), repositories=where, encryption=keys.write)
    sizes = object_store.sizes(bucket)
    archives = [key for key in sizes if "stream.tar.s2" in key]
    assert len(archives) == 4 and all(key.endswith(".age") for key in archives) and max(sizes.values()) > 8 << 20
    assert (
        all(_MARKER not in object_store.read(bucket, key) for key in sizes)
        and object_store.multipart_uploads(bucket) == []
    )
    assert saved["stored_in"] == [f"s3://{bucket}/lifeboat"]

    result = proven(place, where, keys, report_dir=str(place.folder / "reports"))
    assert result.get("verdict") == "passed", result.get("msg")
    assert {control["status"] for control in result["controls"]} == {"passed"}
    (backup,) = run_module("backup_info", {"repositories": where, "app": "shop", "check_hashes": True})["backups"]
    assert (backup["backup_id"], backup["engine"], backup["damaged"], backup["verified"]) == (
        saved["backup_id"],
        "jetstream",
        [],
        True,
    )

    with NatsServer("2.15") as target:
        back = place.restore(target.url(), repositories=where, encryption=keys.read, backup="newest_verified")
        assert contents(target.url()) == contents(source.url())
        assert {one["name"]: one["rebuilt_consumers"] for one in back["streams"]}["GH"] == ["volatile"]
        assert not place.restore(target.url(), repositories=where, encryption=keys.read)["changed"]
    for told in (saved, result, back):
        assert where[0]["secret_key"] not in json.dumps({**told, "invocation": None})
    secret = pathlib.Path(keys.read["identity_file"]).read_text(encoding="utf-8").strip()
    assert all(secret.encode() not in object_store.read(bucket, key) for key in object_store.sizes(bucket))


def test_a_byte_that_was_changed_in_the_bucket_makes_the_proof_red_and_leaves_no_stream(
    source: NatsServer, place: Place, keys: Keys, object_store: ObjectStore, bucket: str
) -> None:
    where = [bucket_options(object_store, bucket)]
    place.back_up(source.url(), repositories=where, encryption=keys.write, streams=["GH", "WORK"])
    key = next(key for key in object_store.sizes(bucket) if "/GH/stream.tar.s2" in key)
    content = bytearray(object_store.read(bucket, key))
    content[len(content) // 2] ^= 1
    object_store.write(bucket, key, bytes(content))
    result = proven(place, where, keys)
    assert result["failed"] and result["verdict"] == "failed" and "streams/GH/stream.tar.s2" in result["msg"]
    (backup,) = run_module("backup_info", {"repositories": where, "check_hashes": True})["backups"]
    assert len(backup["damaged"]) == 1 and "/GH/stream.tar.s2" in str(backup["damaged"]) and not backup["verified"]
    with NatsServer("2.15") as target, Client(target.url()) as client:
        failed = place.try_restore(target.url(), repositories=where, encryption=keys.read)
        assert failed["failed"] and "GH" in failed["msg"] and "GH" not in client.names()


def test_a_bucket_that_vanishes_in_the_middle_costs_only_its_own_copy(
    source: NatsServer, place: Place, keys: Keys, object_store: ObjectStore, bucket: str, fault_proxy: FaultProxy
) -> None:
    behind = bucket_options(object_store, bucket, fault_proxy.endpoint_url, **_QUICK)
    folder = {"path": str(place.repositories[0])}
    fault_proxy.cut_after(3_000_000, then_refuse=True)
    saved = place.back_up(source.url(), repositories=[behind, folder], encryption=keys.write)
    assert saved["stored_in"] == [str(place.repositories[0])] and list(saved["failed_repositories"]) == [
        f"s3://{bucket}/lifeboat"
    ]
    assert f"s3://{bucket}/lifeboat does not hold" in warnings_of(saved)
    assert not any(key.endswith("manifest.json") for key in object_store.sizes(bucket)), "half a backup is none"
    too_few = run_module(
        "jetstream_snapshot",
        place.arguments(source.url(), repositories=[behind, folder], encryption=keys.write, min_copies=2),
    )
    assert too_few["failed"] and "held by 1 of the 2" in too_few["msg"]

    with NatsServer("2.14") as target:
        back = place.restore(target.url(), repositories=[behind, folder], encryption=keys.read)
        assert back["repository"] == str(place.repositories[0]) and f"s3://{bucket}" in warnings_of(back)
        assert contents(target.url()) == contents(source.url())

    fault_proxy.pass_all()
    young = place.back_up(source.url(), repositories=[behind, folder], encryption=keys.write, max_age="1h")
    assert young["changed"] and len(young["stored_in"]) == 2, "one copy of two is not enough to leave it"
    left = [key for key in object_store.sizes(bucket) if young["backup_id"] not in key]
    assert left == [] and object_store.multipart_uploads(bucket) == []


def test_a_bucket_that_is_lost_while_it_is_restored_from_is_replaced_by_the_other_copy(
    source: NatsServer, place: Place, keys: Keys, object_store: ObjectStore, bucket: str, fault_proxy: FaultProxy
) -> None:
    folder = {"path": str(place.repositories[0])}
    place.back_up(source.url(), repositories=[bucket_options(object_store, bucket), folder], encryption=keys.write)
    behind = bucket_options(object_store, bucket, fault_proxy.endpoint_url, **_QUICK)
    with NatsServer("2.15") as target:
        fault_proxy.cut_after(5_000_000, direction="down", then_refuse=True)
        back = place.restore(target.url(), repositories=[behind, folder], encryption=keys.read, jobs=1)
        assert back["repository"] == str(place.repositories[0]) and "could not be used" in warnings_of(back)
        assert contents(target.url()) == contents(source.url())


def test_a_bucket_that_is_slower_than_the_servers_patience_is_restored_from(
    place: Place, keys: Keys, object_store: ObjectStore, bucket: str, fault_proxy: FaultProxy
) -> None:
    """The server gives a restore up when nothing comes for five seconds."""
    behind = bucket_options(object_store, bucket, fault_proxy.endpoint_url)
    with NatsServer("2.14") as own, Client(own.url()) as client:
        client.make("GH")
        client.publish("gh.{}", 4000, count=300)
        place.back_up(own.url(), repositories=[behind], encryption=keys.write)
        rows = client.rows("GH")
        client.good("STREAM.DELETE.GH")
        fault_proxy.slow_down(100_000)
        began = time.monotonic()
        place.restore(own.url(), repositories=[behind], encryption=keys.read)
        assert time.monotonic() - began > 8 and client.rows("GH") == rows
