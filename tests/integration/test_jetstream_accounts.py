# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""jetstream_snapshot and what accounts hold: hundreds of streams, odd names, old messages, mirrors, and accounts beside
each other.
"""

from __future__ import annotations

import pathlib
import typing as t

import pytest

from tests.integration.jetstream_place import Client, Place, wait_for
from tests.integration.modules import run_module
from tests.lab.nats import NatsServer, account

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
def test_a_backup_whose_messages_are_all_older_than_their_stream_allows_comes_back_whole(
    version: str, place: Place
) -> None:
    with NatsServer(version) as own, Client(own.url()) as client:
        client.make("GH", max_age=6 * _SECOND, duplicate_window=_SECOND)
        client.publish("gh.{}", b"x", count=20)
        place.back_up(own.url())
        rows = client.rows("GH")
        assert len(rows) == 20
        wait_for(lambda: client.state("GH")["messages"] == 0, "the server has dropped them all")
        client.good("STREAM.DELETE.GH")
        refused = place.try_restore(own.url())
        assert (
            refused["failed"]
            and "the server would drop messages; say limits: lift" in refused["msg"]
            and client.names() == []
        )
        place.restore(own.url(), limits="lift")
        assert client.rows("GH") == rows
        assert place.restore(own.url(), limits="apply")["changed"] and client.config("GH")["max_age"] == 6 * _SECOND


def test_several_accounts_are_several_components_and_each_comes_back_into_its_own_or_another(
    tmp_path: pathlib.Path,
) -> None:
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
