# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Streams of a leaf node's JetStream domain, saved and restored through the hub, whose server may be of another
version.
"""

from __future__ import annotations

import collections.abc
import contextlib
import pathlib
import typing as t

import pytest

from tests.integration.jetstream_place import Client, Place, wait_for, warnings_of
from tests.lab import throwaway
from tests.lab.nats import NatsServer


@pytest.fixture
def place(tmp_path: pathlib.Path) -> Place:
    return Place(tmp_path)


class Joined(t.NamedTuple):
    """Two servers, each with a JetStream domain of its own."""

    hub: NatsServer
    leaf: NatsServer


@contextlib.contextmanager
def joined(
    hub_version: str, leaf_version: str, accounts: dict[str, t.Any] | None = None
) -> collections.abc.Iterator[Joined]:
    """A hub and a leaf node of it. The leaf joins the hub's account SHOP if there are accounts."""
    port = throwaway.free_port()
    remotes = [{"url": f"nats://{'leaf:joins@' if accounts else ''}127.0.0.1:{port}"}]
    listener: dict[str, t.Any] = {"host": "127.0.0.1", "port": port}
    if accounts:
        listener["authorization"] = {"users": [{"user": "leaf", "password": "joins", "account": "SHOP"}]}
    hub = NatsServer(hub_version, jetstream={"domain": "hub"}, accounts=accounts, settings={"leafnodes": listener})
    leaf = NatsServer(
        leaf_version, jetstream={"domain": "leaf"}, settings={"leafnodes": {"reconnect": "100ms", "remotes": remotes}}
    )
    with hub, leaf:
        wait_for(lambda: bool(hub.monitoring("/leafz").get("leafs")), "the leaf node has joined")
        yield Joined(hub, leaf)


def fill(leaf: Client) -> list[str]:
    """Streams of the leaf's, and their names."""
    leaf.make("GH")
    leaf.publish("gh.{}", 4000, count=3000, headers={"k": "v"})  # more than the server sends without an acknowledgement
    for sequence in (5, 6, 1500):
        leaf.good("STREAM.MSG.DELETE.GH", {"seq": sequence})
    leaf.consume("GH", "billing", acknowledge=20)
    leaf.make("WORK", retention="workqueue")
    leaf.publish("work.{}", b"job", count=50)
    leaf.consume("WORK", "worker", acknowledge=10)
    leaf.put_key("settings", "color", b"red", b"green")
    leaf.put_object("files", "small", b"x" * 1000)
    return ["GH", "KV_settings", "OBJ_files", "WORK"]


@pytest.mark.parametrize(
    ("hub_version", "leaf_version"), [("2.14", "2.14"), ("2.15", "2.12.4"), ("2.10", "2.15"), ("2.15", "2.10")]
)
def test_the_streams_of_a_leaf_node_are_saved_lost_and_restored_through_the_hub(
    hub_version: str, leaf_version: str, place: Place
) -> None:
    with joined(hub_version, leaf_version) as pair, Client(pair.leaf.url()) as there, Client(pair.hub.url()) as here:
        here.make("GH", subjects=["hub.>"])  # of the same name, and not meant
        here.publish("hub.{}", b"the hub's own", count=5)
        names = fill(there)
        rows = {name: there.rows(name) for name in names}
        saved = place.back_up(pair.hub.url(), domain="leaf")
        assert [stream["name"] for stream in saved["streams"]] == names and place.manifest()["content"][
            "domain"
        ] == "leaf"
        assert {stream["format"] for stream in saved["streams"]} == {"v2" if leaf_version == "2.15" else "v1"}
        for name in names:
            there.good(f"STREAM.DELETE.{name}")
        assert place.restore(pair.hub.url(), domain="leaf", check_mode=True)["changed"] and there.names() == []
        place.restore(pair.hub.url(), domain="leaf")
        assert there.names() == names and {name: there.rows(name) for name in names} == rows
        assert there.consumers("GH")["billing"]["ack_floor"]["stream_seq"] == 22
        assert there.consumers("WORK")["worker"]["num_pending"] == 40
        assert there.key_history("settings", "color") == [(1, b"red"), (2, b"green")]
        assert not place.restore(pair.hub.url(), domain="leaf")["changed"]
        assert here.names() == ["GH"] and here.state("GH")["messages"] == 5


@pytest.mark.parametrize(
    ("hub_version", "leaf_version", "method"), [("2.15", "2.14", "export"), ("2.14", "2.15", "snapshot")]
)
def test_what_the_leaf_can_do_decides_and_not_what_the_hub_can(
    hub_version: str, leaf_version: str, method: str, place: Place
) -> None:
    """Streams in memory have snapshots from 2.15 on, and archives of the second format are read from 2.15 on."""
    with joined(hub_version, leaf_version) as pair, Client(pair.leaf.url()) as there:
        there.make("MEM", storage="memory")
        there.publish("mem.{}", b"x" * 50, count=200)
        rows = there.rows("MEM")
        (saved,) = place.back_up(pair.hub.url(), domain="leaf")["streams"]
        assert (saved["method"], saved["format"], saved["messages"]) == (method, "v2", 200)
        there.good("STREAM.DELETE.MEM")
        if leaf_version == "2.15":
            place.restore(pair.hub.url(), domain="leaf")
            assert there.rows("MEM") == rows
        else:
            refused = place.try_restore(pair.hub.url(), domain="leaf")
            assert (
                refused["failed"]
                and "version 2, which servers read from 2.15, and this one is 2.14.0" in refused["msg"]
            )
            assert there.names() == []


def test_a_stream_that_sources_from_another_domain_depends_on_nothing_in_its_own(place: Place) -> None:
    with joined("2.14", "2.14") as pair, Client(pair.leaf.url()) as there, Client(pair.hub.url()) as here:
        here.make("GH", subjects=["hub.>"])
        here.publish("hub.{}", b"the hub's own", count=5)
        there.make("GH")
        there.publish("gh.{}", b"x", count=30)
        there.make("COPY", sources=[{"name": "GH", "external": {"api": "$JS.hub.API", "deliver": ""}}])
        wait_for(lambda: there.state("COPY")["messages"] == 5, "the leaf has what the hub has")
        place.back_up(pair.hub.url(), domain="leaf")
        rows = {name: there.rows(name) for name in ("COPY", "GH")}
        result = place.restore(pair.hub.url(), domain="leaf", replace=["GH"], streams=["GH"])
        assert result["streams"][0]["dependants"] == [] and warnings_of(result) == "[]"
        place.restore(pair.hub.url(), domain="leaf", replace=["COPY"], streams=["COPY"])
        assert {name: there.rows(name) for name in ("COPY", "GH")} == rows
        here.publish("hub.more", b"the hub goes on")
        wait_for(lambda: there.state("COPY")["messages"] == 6, "what comes next arrives once")


def test_a_domain_that_is_not_there_is_one_clear_line(place: Place) -> None:
    with joined("2.14", "2.14") as pair, Client(pair.leaf.url()) as there:
        there.make("GH")
        message = place.fail_to_back_up(pair.hub.url(), domain="leave")
        assert (
            "nobody at this NATS server listens at $JS.leave.API" in message
            and "the option domain names another one" in message
        )
        place.back_up(pair.hub.url(), domain="leaf")
        pair.leaf.stop()
        wait_for(lambda: not pair.hub.monitoring("/leafz").get("leafs"), "the leaf node is gone")
        assert "nobody at this NATS server listens at $JS.leaf.API" in place.fail_to_back_up(
            pair.hub.url(), domain="leaf"
        )


def test_replicas_that_the_leaf_cannot_have_are_refused_by_it_and_leave_nothing(place: Place) -> None:
    with joined("2.14", "2.14") as pair, Client(pair.leaf.url()) as there:
        there.make("GH")
        place.back_up(pair.hub.url(), domain="leaf")
        there.good("STREAM.DELETE.GH")
        failed = place.try_restore(pair.hub.url(), domain="leaf", config={"*": {"num_replicas": 3}})
        assert (
            failed["failed"]
            and "replicas > 1 not supported in non-clustered mode" in failed["msg"]
            and there.names() == []
        )


def test_the_rights_that_the_how_to_names_are_enough_through_a_domain(place: Place) -> None:
    both = [f"$JS.leaf.API.{verb}" for verb in ("INFO", "STREAM.LIST", "STREAM.INFO.*", "CONSUMER.LIST.*")]
    rights = {
        "backup": [*both, "$JS.leaf.API.STREAM.SNAPSHOT.*", "$JS.SNAPSHOT.ACK.*.>"],
        "restore": [*both, "$JS.leaf.API.STREAM.RESTORE.*", "$JS.SNAPSHOT.RESTORE.*.*", "$JS.leaf.API.STREAM.UPDATE.*"],
        "half": [*both, "$JS.leaf.API.STREAM.SNAPSHOT.*"],
    }
    users = [
        {
            "user": name,
            "password": "s",
            "permissions": {"publish": {"allow": allowed}, "subscribe": {"allow": ["_INBOX.>"]}},
        }
        for name, allowed in rights.items()
    ]
    shop = {"SHOP": {"jetstream": "enabled", "users": users}}
    with joined("2.14", "2.14", shop) as pair, Client(pair.leaf.url()) as there:
        there.make("GH")
        there.publish("gh.{}", 1000, count=2000)
        rows = there.rows("GH")
        assert "$JS.SNAPSHOT.ACK.GH.>" in place.fail_to_back_up(pair.hub.url("half"), domain="leaf")
        place.back_up(pair.hub.url("backup"), domain="leaf")
        there.good("STREAM.DELETE.GH")
        refused = place.try_restore(pair.hub.url("backup"), domain="leaf")
        assert refused["failed"] and "$JS.leaf.API.STREAM.RESTORE.GH" in refused["msg"]
        place.restore(pair.hub.url("restore"), domain="leaf")
        assert there.rows("GH") == rows
