# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""jetstream_snapshot in bad weather: lines that are cut or slow, servers that lose patience, disks that are full."""

from __future__ import annotations

import pathlib
import time

import pytest

from tests.integration.jetstream_place import Client, Place, wait_for, warnings_of
from tests.lab.faultproxy import FaultProxy
from tests.lab.nats import NatsServer
from tests.lab.smalldisk import SmallDisk


@pytest.fixture
def place(tmp_path: pathlib.Path) -> Place:
    return Place(tmp_path)


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
def test_a_line_that_is_cut_while_a_stream_is_restored_leaves_nothing_and_the_next_run_goes_well(
    version: str, place: Place
) -> None:
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
def test_a_full_disk_is_told_and_the_restore_goes_well_when_there_is_room(
    version: str, place: Place, small_disk: SmallDisk
) -> None:
    with NatsServer("2.14") as source, Client(source.url()) as client:
        client.make("GH")
        client.publish("gh.{}", 4000, count=1200)
        place.back_up(source.url())
        rows = client.rows("GH")
    with NatsServer(version, store_dir=str(small_disk.path)) as own:
        ballast = small_disk.fill(leave_bytes=2 << 20)
        failed = place.try_restore(own.url())
        assert failed["failed"] and "GH" in failed["msg"] and "\n" not in failed["msg"]
        assert any(word in failed["msg"] for word in ("no space left", "insufficient", "storage failure")), failed[
            "msg"
        ]
        ballast.unlink()
        own.restart()  # a server that has met a full disk switches JetStream off
        with Client(own.url()) as client:
            place.restore(own.url())
            assert client.rows("GH") == rows


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
