# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The check of what a failover does around the database."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.plugin_utils._failover_plan import failover_errors

REGIONS = ["eu-central", "eu-west"]
DNS = {
    "kind": "dns",
    "server": "192.0.2.53",
    "zone": "example.org",
    "record": "www",
    "addresses": {"eu-central": ["192.0.2.1"], "eu-west": ["198.51.100.1"]},
}
HAPROXY = {"kind": "haproxy", "socket": "/run/x.sock", "servers": {"eu-central": ["a/b"], "eu-west": ["a/c"]}}

REDIS = {
    "kind": "redis",
    "name": "sessions",
    "servers": {"eu-central": {"login_host": "a"}, "eu-west": {"login_host": "b", "login_port": 6380}},
}

EVENTS = {
    "kind": "jetstream",
    "name": "events",
    "streams": ["ORDERS"],
    "servers": {"eu-central": {"url": "nats://a:4222"}, "eu-west": {"url": "nats://b:4222"}},
}
CHUNKS = {"kind": "s3", "name": "chunks", "buckets": {"eu-central": {"bucket": "a"}, "eu-west": {"bucket": "b"}}}


APP = {"kind": "systemd", "servers": {"eu-central": {"units": ["a"]}, "eu-west": {"units": ["a"], "host": "app2"}}}


def errors(**sections: t.Any) -> str:
    """All errors on one line."""
    return " ".join(failover_errors({"regions": REGIONS, **sections}))


def test_sections_without_mistakes_have_none() -> None:
    assert errors() == ""
    assert (
        errors(
            traffic=[DNS, HAPROXY, {"kind": "tasks", "file": "/etc/lifeboat/x.yml"}],
            stores=[REDIS, EVENTS, CHUNKS],
            application=[APP],
            fences=[APP],
        )
        == ""
    )


@pytest.mark.parametrize(
    ("traffic", "words"),
    [
        ({}, "traffic is dict and not a list"),
        (["dns"], "traffic[0] is str and not {kind: ..., ...}."),
        ([{}], "traffic[0] has no kind. There are: dns, haproxy, route53, tasks."),
        ([{"kind": "bgp"}], "traffic[0] has the kind 'bgp'"),
        ([{**DNS, "recrod": "x"}], "Did you mean record?"),
        ([{**DNS, "expect": ["192.0.2.1"]}], "traffic[0].expect is not a key"),
        ([DNS, {**DNS, "wait": "soon"}], "traffic[1].wait"),
        ([{**DNS, "ttl": "long"}], "traffic[0]"),
        ([{**DNS, "addresses": {"eu-west": ["192.0.2.1"]}}], "says nothing of the region eu-central"),
        ([{**DNS, "addresses": {**DNS["addresses"], "eu-west": "192.0.2.1"}}], "addresses.eu-west is '192.0.2.1'"),
        ([{**DNS, "addresses": {**DNS["addresses"], "eu-west": []}}], "addresses.eu-west is []"),
        ([{"kind": "tasks"}], "file"),
    ],
)
def test_a_mistake_names_the_key_the_value_and_what_would_be_right(traffic: t.Any, words: str) -> None:
    assert words in errors(traffic=traffic)


@pytest.mark.parametrize(
    ("stores", "words"),
    [
        ([{"kind": "memcached"}], "stores[0] has the kind 'memcached'"),
        (
            [{**REDIS, "servers": {"eu-west": {"login_host": "b"}}}],
            "nothing of the region eu-central. Write {eu-central: {...}}",
        ),
        ([{**REDIS, "servers": {**REDIS["servers"], "eu-west": {}}}], "stores[0].servers.eu-west: missing required"),
        ([{**REDIS, "servers": {**REDIS["servers"], "eu-west": "b"}}], "stores[0].servers.eu-west is str"),
        ([{**REDIS, "servers": {**REDIS["servers"], "eu-west": {"login_hots": "b"}}}], "login_host"),
        ([{**REDIS, "durable": "perhaps"}], "stores[0]"),
        ([{**EVENTS, "method": "restore"}], "stores[0].repositories is missing"),
        ([{**EVENTS, "servers": {**EVENTS["servers"], "eu-west": {"user": "x"}}}], "eu-west: url and servers"),
        ([{**CHUNKS, "buckets": {**CHUNKS["buckets"], "eu-west": {"bukcet": "b"}}}], "bucket"),
        ([REDIS, REDIS], "stores: sessions is the name of two"),
    ],
)
def test_a_mistake_in_a_store_is_found(stores: t.Any, words: str) -> None:
    assert words in errors(stores=stores)


@pytest.mark.parametrize(
    ("section", "entry", "words"),
    [
        ("application", {"kind": "nomad"}, "application[0] has the kind 'nomad'. There are: systemd, compose"),
        ("application", {**APP, "servers": {"eu-west": {"units": ["a"]}}}, "nothing of the region eu-central"),
        ("fences", {**APP, "servers": {**APP["servers"], "eu-central": {}}}, "fences[0].servers.eu-central"),
        ("fences", {"kind": "tasks"}, "file"),
        ("health", {"kind": "http"}, "url"),
        ("health", {"kind": "http", "url": "http://x", "json": {"status": "ok"}}, "health[0]"),
        ("health", {"kind": "http", "url": "http://x", "wait": "soon", "contains": "ok"}, "health[0].wait"),
        ("health", {"kind": "http", "url": "x", "contains": "ok"}, "health[0].url"),
        ("health", {"kind": "http", "url": "http://x"}, "may say 200 and show an error"),
    ],
)
def test_a_mistake_in_the_other_sections_is_found(section: str, entry: t.Any, words: str) -> None:
    assert words in errors(**{section: [entry]})


BACKUP = {"kind": "backup", "component": "codex", "servers": {"eu-central": {}, "eu-west": {"host": "db2"}}}


def test_what_is_protected_has_to_be_there() -> None:
    there = {"stores": [{**CHUNKS, "rules": [{"id": "all"}]}], "components": ["codex"]}
    buckets = {"kind": "buckets", "store": "chunks"}
    assert errors(**there, protect=[BACKUP, buckets, {"kind": "tasks", "file": "/etc/x.yml"}]) == ""
    said = errors(**there, protect=[{**BACKUP, "component": "codec"}, {**buckets, "store": "sessions"}])
    assert "protect[0].component is 'codec'" in said and "(codex)" in said
    assert "protect[1].store is 'sessions'" in said and "(chunks)" in said
    assert "there is none" in errors(protect=[BACKUP]) and "with rules" in errors(stores=[CHUNKS], protect=[buckets])
    archive = {**BACKUP, "kind": "archive"}
    assert "missing required arguments: dsn" in errors(**there, protect=[archive])
    assert "says nothing of the region eu-west" in errors(**there, protect=[{**BACKUP, "servers": {"eu-central": {}}}])
