# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""jetstream_mirror and jetstream_mirror_info: two regions as a hub and its leaf node, each with a domain of its own."""

from __future__ import annotations

import collections.abc
import typing as t

import nats.errors
import pytest

from tests.integration.modules import run_module
from tests.integration.nats_servers import make_stream, new_name, publish, request
from tests.integration.test_jetstream_domains import Joined, joined


class Regions:
    """The hub is the region that is left, the leaf node the one that takes over."""

    def __init__(self, pair: Joined) -> None:
        self.central = pair.hub
        self.west = pair.leaf
        self.name = new_name("ORDERS")

    def options(self, state: str, region: str, **more: t.Any) -> dict[str, t.Any]:
        url = (self.west if region == "west" else self.central).url()
        source = {"source": {"url": self.central.url()}, "source_domain": "hub"} if region == "west" else {}
        return {"state": state, "url": url, "streams": [self.name], **source, **more}

    def try_change(
        self, state: str, region: str = "west", *, check_mode: bool = False, **more: t.Any
    ) -> dict[str, t.Any]:
        return run_module("jetstream_mirror", self.options(state, region, **more), check_mode=check_mode)

    def change(self, state: str, region: str = "west", *, check_mode: bool = False, **more: t.Any) -> dict[str, t.Any]:
        result = self.try_change(state, region, check_mode=check_mode, **more)
        assert not result.get("failed"), result
        return result

    def info(self, **more: t.Any) -> dict[str, t.Any]:
        given = {"url": self.west.url(), "source": {"url": self.central.url()}, "streams": [self.name], **more}
        result = run_module("jetstream_mirror_info", given)
        assert not result.get("failed"), result
        return result

    def stream(self, region: str = "west") -> dict[str, t.Any]:
        url = (self.west if region == "west" else self.central).url()
        return request(url, f"$JS.API.STREAM.INFO.{self.name}")

    def fill(self, messages: int = 20, **config: t.Any) -> None:
        make_stream(self.central.url(), self.name, messages, 100, **config)


@pytest.fixture(scope="module")
def pair() -> collections.abc.Iterator[Joined]:
    with joined("2.12", "2.15") as servers:
        yield servers


@pytest.fixture
def regions(pair: Joined) -> Regions:
    return Regions(pair)


def consume(url: str, stream: str, acknowledged: int) -> None:
    """A durable consumer that has acknowledged so many messages."""
    config = {"durable_name": "billing", "ack_policy": "explicit", "deliver_policy": "all"}
    body = {"stream_name": stream, "config": config}
    assert "error" not in request(url, f"$JS.API.CONSUMER.DURABLE.CREATE.{stream}.billing", body)
    if acknowledged:
        from tests.integration.jetstream_place import Client

        with Client(url) as client:
            client.consume(stream, "billing", acknowledge=acknowledged)


def test_a_planned_promotion_loses_nothing_and_consumers_go_on(regions: Regions) -> None:
    regions.fill(20, duplicate_window=300 * 10**9)
    consume(regions.central.url(), regions.name, 7)
    assert regions.change("mirror", check_mode=True)["streams"] == [regions.name]
    assert regions.change("mirror")["changed"]
    assert regions.change("mirror")["changed"] is False
    assert regions.info()["streams"][0]["word"] == "current"
    refused = regions.try_change("primary")
    assert refused["failed"] and "after a promotion there would be two" in refused["msg"], refused
    assert regions.stream()["config"].get("mirror")
    fenced = regions.change("fenced", "central")
    assert fenced["reach"] == {regions.name: 20} and regions.change("fenced", "central")["changed"] is False
    with pytest.raises(nats.errors.NoRespondersError):
        request(regions.central.url(), f"{regions.name}.7", {"late": True})
    more = {"reach": fenced["reach"], "consumers": fenced["consumers"], "run_id": "run-1"}
    assert regions.change("primary", check_mode=True, **more)["streams"] == [regions.name]
    assert regions.stream()["config"].get("mirror")
    done = regions.change("primary", **more)
    assert done["changed"] and done["consumers_made"] == [f"{regions.name}/billing"], done
    assert done["lost"][0]["loss_messages"] == 0
    after = regions.stream()
    assert after["config"]["subjects"] == [f"{regions.name}.>"] and after["state"]["last_seq"] == 20
    assert after["config"]["duplicate_window"] == 300 * 10**9
    assert after["config"]["metadata"]["lifeboat.promoted.by"] == "run-1"
    assert regions.change("primary", **more)["changed"] is False
    consumer = request(regions.west.url(), f"$JS.API.CONSUMER.INFO.{regions.name}.billing")
    assert (consumer["num_pending"], consumer["config"]["opt_start_seq"]) == (13, 8), consumer
    publish(regions.west.url(), regions.name, 1)
    assert regions.stream()["state"]["last_seq"] == 21 and regions.stream("central")["state"]["last_seq"] == 20
    the_stream_that_was_left_becomes_a_mirror(regions)


def the_stream_that_was_left_becomes_a_mirror(regions: Regions) -> None:
    """What only it has is counted, and taken away on an explicit word."""
    back = {"source": {"url": regions.west.url()}, "source_domain": "leaf"}
    refused = regions.try_change("mirror", "central", **back)
    assert refused["failed"] and "which is not a mirror" in refused["msg"], refused
    given_up = regions.change("mirror", "central", replace=True, check_mode=True, **back)["given_up"]
    assert [(row["messages"], row["only_here_messages"]) for row in given_up] == [(20, 0)], given_up
    regions.change("unfenced", "central")
    refused = regions.try_change("mirror", "central", replace=True, **back)
    assert refused["failed"] and "takes messages" in refused["msg"], refused
    publish(regions.central.url(), regions.name, 2)
    refused = regions.try_change("fenced", "central")
    assert refused["failed"] and "took a message" in refused["msg"], "nobody can tell whose answer it was"
    assert regions.change("fenced", "central", **back)["changed"] is False
    refused = regions.try_change("mirror", "central", replace=True, **back)
    assert refused["failed"] and "has 2 messages that the source never got" in refused["msg"], refused
    assert regions.stream("central")["state"]["last_seq"] == 22
    done = regions.change("mirror", "central", replace=True, accept_loss="entered again by hand", **back)
    assert done["given_up"][0]["only_here_messages"] == 2 and done["accept_loss"] == "entered again by hand"
    again = regions.change("mirror", "central", replace=True, **back)
    assert not again["changed"] and again["given_up"] == []
    after = regions.stream("central")
    assert after["config"]["mirror"]["external"]["api"] == "$JS.leaf.API"
    assert after["state"]["last_seq"] == regions.stream()["state"]["last_seq"] > 20


def test_a_fence_is_lifted_and_the_subjects_are_those_of_before(regions: Regions) -> None:
    regions.fill(3, subjects=[f"{regions.name}.>", f"more.{regions.name}.*"])
    assert regions.change("fenced", "central", check_mode=True)["changed"]
    assert regions.stream("central")["config"]["subjects"] == [f"{regions.name}.>", f"more.{regions.name}.*"]
    assert regions.change("fenced", "central")["changed"]
    assert regions.stream("central")["config"]["subjects"] == [f"lifeboat.fenced.{regions.name}"]
    assert regions.change("unfenced", "central")["changed"]
    assert regions.change("unfenced", "central")["changed"] is False
    config = regions.stream("central")["config"]
    assert config["subjects"] == [f"{regions.name}.>", f"more.{regions.name}.*"]
    assert not any(name.startswith("lifeboat.") for name in config.get("metadata") or {})
    publish(regions.central.url(), regions.name, 1)
    assert regions.stream("central")["state"]["last_seq"] == 4


def test_what_cannot_be_mirrored_well_is_refused(regions: Regions) -> None:
    refused = regions.try_change("mirror")
    assert refused["failed"] and "cannot be mirrored: there is none" in refused["msg"], refused
    regions.fill(1, retention="workqueue")
    refused = regions.try_change("mirror")
    assert refused["failed"] and "does not learn which messages were acknowledged" in refused["msg"], refused
    refused = regions.try_change("primary")
    assert refused["failed"] and f"There is no stream {regions.name}" in refused["msg"], refused
    assert regions.info()["streams"][0]["word"] == "missing" and regions.info()["loss_messages"] is None


def test_a_stream_of_the_same_name_is_left_alone(regions: Regions) -> None:
    regions.fill(1)
    make_stream(regions.west.url(), regions.name, subjects=[f"own.{regions.name}.>"])
    refused = regions.try_change("mirror")
    assert refused["failed"] and "which is not a mirror" in refused["msg"], refused
    assert not regions.stream()["config"].get("mirror")


def test_a_dead_source_leaves_a_mirror_whose_loss_is_known_only_by_what_was_published() -> None:
    with joined("2.14", "2.14") as servers:
        regions = Regions(servers)
        regions.fill(20)
        regions.change("mirror")
        regions.central.kill()
        row = regions.info(source_timeout="1s")["streams"][0]
        assert (row["word"], row["loss_messages"], row["loss_seconds"]) == ("unknown", None, None), row
        assert row["subjects"] == [f"{regions.name}.>"]
        refused = regions.try_change("primary", source_timeout="1s", max_loss="1h")
        assert refused["failed"] and "Nobody knows what a promotion of" in refused["msg"], refused
        published = {regions.name: {"last_sequence": 25, "at": "2100-01-01T00:00:00Z"}}
        known = regions.info(source_timeout="1s", published=published)
        assert known["loss_messages"] == 5 and known["loss_seconds"] > 3600, known
        refused = regions.try_change("primary", source_timeout="1s", max_loss="1h", published=published)
        assert refused["failed"] and "would lose 5 messages" in refused["msg"], refused
        current = {regions.name: {"last_sequence": 20, "at": "2100-01-01T00:00:00Z"}}
        done = regions.change("primary", source_timeout="1s", published=current)
        assert done["changed"] and done["lost"][0]["loss_seconds"] == 0.0, done
        publish(regions.west.url(), regions.name, 1)
        assert regions.stream()["state"]["last_seq"] == 21


def test_a_mirror_that_is_behind_is_waited_for_or_refused(pair: Joined) -> None:
    regions = Regions(pair)
    regions.fill(5)
    regions.change("mirror")
    regions.change("fenced", "central")
    behind = {regions.name: 9}
    refused = regions.try_change("primary", reach=behind, time_limit="3s")
    assert refused["failed"] and "up to 9 (it has 5), with nothing promoted" in refused["msg"], refused
    assert regions.stream()["config"].get("mirror")


def test_an_older_server_is_refused_clearly() -> None:
    with joined("2.15", "2.11") as servers:
        regions = Regions(servers)
        regions.fill(2)
        regions.change("mirror")
        regions.change("fenced", "central")
        refused = regions.try_change("primary")
        assert refused["failed"] and "only servers from 2.12 on make a stream of a mirror" in refused["msg"], refused
        assert regions.stream()["config"].get("mirror")
