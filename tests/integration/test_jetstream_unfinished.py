# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restores that could not make every consumer again: they say so, keep the messages, and the next run goes on where
they stopped.
"""

from __future__ import annotations

import pathlib
import typing as t

import pytest

from tests.integration.jetstream_place import Client, Place
from tests.lab.nats import NatsServer

_RIGHTS = [
    *("$JS.API.INFO", "$JS.API.STREAM.LIST", "$JS.API.STREAM.INFO.*", "$JS.API.CONSUMER.LIST.*"),
    *("$JS.API.STREAM.RESTORE.*", "$JS.SNAPSHOT.RESTORE.*.*", "$JS.API.STREAM.UPDATE.*"),
]


@pytest.fixture
def place(tmp_path: pathlib.Path) -> Place:
    return Place(tmp_path)


def accounts(**limits: int) -> dict[str, t.Any]:
    """An account with an administrator and a user who may do what a restore of messages needs."""
    may = {"publish": {"allow": _RIGHTS}, "subscribe": {"allow": ["_INBOX.>"]}}
    users = [{"user": "admin", "password": "a"}, {"user": "restore", "password": "r", "permissions": may}]
    return {"SHOP": {"jetstream": limits or "enabled", "users": users}}


def back_up(place: Place) -> None:
    """A stream with one consumer that its archive has, and two that it lacks."""
    with NatsServer("2.14") as source, Client(source.url()) as client:
        client.make("GH", metadata={"team": "billing"}, sealed=False)
        client.publish("gh.{}", b"x" * 100, count=100)
        client.consume("GH", "kept", acknowledge=4)
        client.consume("GH", "volatile-1", mem_storage=True, acknowledge=5)
        client.consume("GH", "volatile-2", mem_storage=True, acknowledge=6)
        client.good("STREAM.UPDATE.GH", {**client.config("GH"), "sealed": True})
        place.back_up(source.url())


def test_consumers_that_the_server_refuses_are_made_by_the_next_run(place: Place) -> None:
    back_up(place)
    with NatsServer("2.14", accounts=accounts(max_file=-1, max_mem=-1, max_streams=-1, max_consumers=2)) as own:
        with Client(own.url("admin")) as client:
            failed = place.try_restore(own.url("admin"))
            assert (
                failed["failed"]
                and "GH is restored with all messages, but its consumer volatile-2 could not be made again"
                in failed["msg"]
            )
            assert "maximum consumers" in failed["msg"] and "Run the same task again" in failed["msg"]
            assert client.state("GH")["messages"] == 100 and sorted(client.consumers("GH")) == ["kept", "volatile-1"]
            created = client.good("STREAM.INFO.GH")["created"]
            assert place.restore(own.url("admin"), check_mode=True, consumers="ignore")["changed"]
        own.restart(accounts=accounts())
        with Client(own.url("admin")) as client:
            result = place.restore(own.url("admin"))
            # The first one was in memory, too, and is gone with the server's process.
            assert result["changed"] and result["streams"][0]["rebuilt_consumers"] == ["volatile-1", "volatile-2"]
            assert sorted(client.consumers("GH")) == ["kept", "volatile-1", "volatile-2"]
            assert client.consumers("GH")["volatile-2"]["config"]["opt_start_seq"] == 7
            assert client.good("STREAM.INFO.GH")["created"] == created, "nothing was restored a second time"
            metadata = {
                key: value for key, value in client.config("GH")["metadata"].items() if not key.startswith("_nats")
            }
            assert metadata == {"team": "billing", "lifeboat.dr/backup": f"shop/events/{result['backup_id']}"}
            assert client.config("GH")["sealed"] is True
            assert not place.restore(own.url("admin"))["changed"]


def test_a_consumer_that_was_deleted_on_purpose_stays_deleted(place: Place) -> None:
    back_up(place)
    with NatsServer("2.14") as own, Client(own.url()) as client:
        place.restore(own.url())
        client.good("CONSUMER.DELETE.GH.volatile-1")
        assert not place.restore(own.url())["changed"] and sorted(client.consumers("GH")) == ["kept", "volatile-2"]


def test_the_right_to_make_missing_consumers_is_asked_for_before_anything(place: Place) -> None:
    back_up(place)
    with NatsServer("2.14", accounts=accounts()) as own, Client(own.url("admin")) as client:
        refused = place.try_restore(own.url("restore"), check_mode=True)
        assert refused["failed"] and 'publish: { allow: ["$JS.API.CONSUMER.CREATE.GH.volatile-1"] }' in refused["msg"]
        refused = place.try_restore(own.url("restore"))
        assert refused["failed"] and client.names() == []
        place.restore(own.url("restore"), consumers="ignore")
        assert client.state("GH")["messages"] == 100 and sorted(client.consumers("GH")) == ["kept"]
