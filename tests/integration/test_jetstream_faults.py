# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""jetstream_snapshot in bad weather: cut and slow lines, full disks, old messages, odd names, many streams, several accounts."""

from __future__ import annotations

import pathlib
import time
import typing as t

import pytest

from tests.integration.jetstream_place import Client, Place, wait_for, warnings_of
from tests.integration.modules import run_module
from tests.lab.faultproxy import FaultProxy
from tests.lab.nats import NatsServer, account
from tests.lab.smalldisk import SmallDisk

_SECOND = 10**9
_ODD = ["it's", '"quoted"', "-dash", "$dollar", "ü%20", "a&b;c", "{x}|~", "x" * 255, "CON", "~root"]


@pytest.fixture
def place(tmp_path: pathlib.Path) -> Place:
    return Place(tmp_path)


def everything(client: Client) -> dict[str, t.Any]:
    """All messages of an account, and how far its consumers have got."""
    return {
        name: (client.rows(name), {key: one["ack_floor"]["stream_seq"] for key, one in client.consumers(name).items()})
        for name in client.names()
    }


def test_hundreds_of_streams_and_odd_names_come_back(place: Place) -> None:
    with NatsServer("2.14") as source, Client(source.url()) as client:
        for number, name in enumerate(_ODD):
            client.make(name, subjects=[f"odd.{number}.>"])
            client.publish(f"odd.{number}.$&'\"{{}}", name.encode(), count=3)
            client.consume(name, "it's a&b"[:4] + '&$"', acknowledge=2)
        for number in range(260):
            client.make(f"S{number}", subjects=[f"s.{number}"])
        client.publish("s.7", b"in one of many", count=2)
        place.back_up(source.url(), jobs=8)
        before = everything(client)
    assert len(before) == 270
    with NatsServer("2.15") as target, Client(target.url()) as client:
        result = place.restore(target.url(), jobs=8)
        assert len(result["streams"]) == 270 and everything(client) == before
        assert not place.restore(target.url(), jobs=8)["changed"]


@pytest.mark.parametrize("version", ["2.14", "2.15"])
def test_a_backup_whose_messages_are_all_older_than_their_stream_allows_comes_back_whole(version: str, place: Place) -> None:
    with NatsServer(version) as own, Client(own.url()) as client:
        client.make("GH", max_age=3 * _SECOND, duplicate_window=_SECOND)
        client.publish("gh.{}", b"x", count=20)
        place.back_up(own.url())
        rows = client.rows("GH")
        assert len(rows) == 20
        wait_for(lambda: client.state("GH")["messages"] == 0, "the server has dropped them all")
        client.good("STREAM.DELETE.GH")
        refused = place.try_restore(own.url())
        assert refused["failed"] and "the server would drop messages; say limits: lift" in refused["msg"] and client.names() == []
        place.restore(own.url(), limits="lift")
        assert client.rows("GH") == rows
        assert place.restore(own.url(), limits="apply")["changed"] and client.config("GH")["max_age"] == 3 * _SECOND


def test_a_line_that_is_cut_while_a_stream_is_saved_leaves_nothing_and_the_next_run_goes_well(place: Place) -> None:
    with NatsServer("2.14") as own, Client(own.url()) as client, FaultProxy(own.port, http=False) as proxy:
        client.make("GH")
        client.publish("gh.{}", 4000, count=3000)
        proxy.cut_after(5_000_000, direction="down", then_refuse=True)
        message = place.fail_to_back_up(own.url(port=proxy.port))
        assert "NATS" in message and "\n" not in message and place.files() == []
        proxy.pass_all()
        assert place.back_up(own.url(port=proxy.port))["messages"] == 3000


@pytest.mark.parametrize("version", ["2.14", "2.15"])
def test_a_line_that_is_cut_while_a_stream_is_restored_leaves_nothing_and_the_next_run_goes_well(version: str, place: Place) -> None:
    with NatsServer(version) as source, Client(source.url()) as client:
        client.make("GH")
        client.publish("gh.{}", 4000, count=3000)
        place.back_up(source.url())
        rows = client.rows("GH")
    with NatsServer(version) as own, Client(own.url()) as client, FaultProxy(own.port, http=False) as proxy:
        proxy.cut_after(6_000_000, direction="up")
        result = place.try_restore(own.url(port=proxy.port))
        if result.get("failed"):
            assert "NATS" in result["msg"] and client.names() == []
            place.restore(own.url(port=proxy.port))
        assert client.rows("GH") == rows


@pytest.mark.parametrize("version", ["2.14", "2.15"])
def test_a_server_that_ends_slow_clients_is_asked_for_less_at_a_time(version: str, place: Place) -> None:
    """It keeps less for a client than it is willing to send before the first acknowledgement."""
    with NatsServer(version, settings={"max_pending": 1 << 20}) as own, FaultProxy(own.port, http=False) as proxy:
        with Client(own.url()) as client:
            client.make("GH")
            for _part in range(8):
                client.publish("gh.{}", 2000, count=500)
                client.publish("gh.{}", 20_000, count=50)
        proxy.slow_down(8_000_000)
        result = place.back_up(own.url(port=proxy.port))
        assert result["messages"] == 4400 and "It is tried again" in warnings_of(result)
        assert own.monitoring("/varz")["slow_consumers"] > 0, "the server has really ended it"


def test_a_line_that_no_server_would_wait_for_fails_the_backup_and_leaves_nothing(place: Place) -> None:
    with NatsServer("2.10", settings={"max_pending": 1 << 20}) as own, FaultProxy(own.port, http=False) as proxy:
        with Client(own.url()) as client:
            client.make("GH")
            client.publish("gh.{}", 4000, count=4000)
        proxy.slow_down(4_000_000)
        message = place.fail_to_back_up(own.url(port=proxy.port), time_limit="60s")
        assert "NATS" in message and "\n" not in message and place.files() == []
        assert own.monitoring("/varz")["slow_consumers"] > 0


@pytest.mark.parametrize("version", ["2.14", "2.15"])
def test_a_full_disk_is_told_and_the_restore_goes_well_when_there_is_room(version: str, place: Place, small_disk: SmallDisk) -> None:
    with NatsServer("2.14") as source, Client(source.url()) as client:
        client.make("GH")
        client.publish("gh.{}", 4000, count=1200)
        place.back_up(source.url())
        rows = client.rows("GH")
    with NatsServer(version, store_dir=str(small_disk.path)) as own:
        ballast = small_disk.fill(leave_bytes=2 << 20)
        failed = place.try_restore(own.url())
        assert failed["failed"] and "GH" in failed["msg"] and "\n" not in failed["msg"]
        assert any(word in failed["msg"] for word in ("no space left", "insufficient", "storage failure")), failed["msg"]
        ballast.unlink()
        own.restart()  # a server that has met a full disk switches JetStream off
        with Client(own.url()) as client:
            place.restore(own.url())
            assert client.rows("GH") == rows


def test_several_accounts_are_several_components_and_each_comes_back_into_its_own_or_another(tmp_path: pathlib.Path) -> None:
    accounts = {name.upper(): account(name) for name in ("shop", "billing", "other")}
    components = {name: {"component": f"events-{name}"} for name in ("shop", "billing")}
    place = Place(tmp_path)
    before = {}
    with NatsServer("2.14", accounts=accounts) as source:
        for number, name in enumerate(components):
            with Client(source.url(name)) as client:
                client.make("GH")  # of the same name in both
                client.publish("gh.{}", name.encode(), count=20 + number)
                client.consume("GH", "reader", acknowledge=5 + number)
                before[name] = everything(client)
            place.back_up(source.url(name), **components[name])
    info = run_module("backup_info", {"repositories": [{"path": str(place.repositories[0])}], "check_hashes": True})
    assert sorted(backup["component"] for backup in info["backups"]) == ["events-billing", "events-shop"]
    with NatsServer("2.15", accounts=accounts) as target:
        for name, component in components.items():
            place.restore(target.url(name), **component)
        place.restore(target.url("other"), **components["billing"])
        for name, origin in (("shop", "shop"), ("billing", "billing"), ("other", "billing")):
            with Client(target.url(name)) as client:
                assert everything(client) == before[origin]


def test_a_mirror_that_is_ahead_of_the_backup_is_named_and_one_that_is_not_is_in_nobodys_way(place: Place) -> None:
    with NatsServer("2.14") as own, Client(own.url()) as client:
        client.make("GH")
        client.publish("gh.{}", b"x", count=10)
        place.back_up(own.url())
        client.make("MIRROR", mirror={"name": "GH"})
        wait_for(lambda: client.state("MIRROR")["messages"] == 10, "the mirror has all")
        place.restore(own.url(), replace=["GH"])
        client.publish("gh.{}", b"y", count=5)
        wait_for(lambda: client.state("MIRROR")["messages"] == 15, "the mirror goes on behind a restored origin")
        refused = place.try_restore(own.url(), backup="newest", replace=["GH"])
        assert not refused.get("failed") and not refused["changed"], "it bears the mark of this backup"
        place.back_up(own.url(), streams=["GH"])
        client.publish("gh.{}", b"z", count=5)
        wait_for(lambda: client.state("MIRROR")["messages"] == 20, "the mirror is ahead of the newest backup")
        refused = place.try_restore(own.url(), replace=["GH"])
        assert refused["failed"] and "MIRROR on this server mirrors or sources it, and may be ahead" in refused["msg"]
        assert client.state("GH")["messages"] == 20
        assert place.restore(own.url(), replace=["GH"], dependants="warn")["streams"][0]["dependants"] == ["MIRROR"]


def test_a_time_limit_ends_a_restore_and_leaves_nothing(place: Place) -> None:
    with NatsServer("2.15") as source, Client(source.url()) as client:
        client.make("GH")
        client.publish("gh.{}", 4000, count=3000)
        place.back_up(source.url())
    with NatsServer("2.15") as own, Client(own.url()) as client, FaultProxy(own.port, http=False) as proxy:
        proxy.slow_down(1_000_000)
        began = time.monotonic()
        failed = place.try_restore(own.url(port=proxy.port), time_limit="3s")
        assert failed["failed"] and "time limit of 3 s" in failed["msg"] and time.monotonic() - began < 40
        wait_for(lambda: client.names() == [], "nothing is left", 20)
