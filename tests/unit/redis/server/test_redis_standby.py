# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a promotion of a replica would lose: unknown is never 0."""

from __future__ import annotations

import dataclasses
import datetime

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._standby import (
    Heartbeat,
    Position,
    Published,
    measure,
    only_here,
    read_heartbeat,
    split_brain,
)

NOON = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
PRIMARY = Position(True, "a" * 40, "0" * 40, 1000, heartbeat=Heartbeat(9, NOON))
REPLICA = Position(
    False, "a" * 40, "0" * 40, 900, link_up=True, heartbeat=Heartbeat(7, NOON - datetime.timedelta(seconds=4))
)


def test_with_the_primary_the_loss_is_what_it_has_sent_more() -> None:
    lag = measure(REPLICA, PRIMARY, None)
    assert (lag.word, lag.loss_bytes, lag.loss_seconds) == ("catching up", 100, 4.0)
    assert measure(dataclasses.replace(REPLICA, offset=1000, heartbeat=None), PRIMARY, None).loss_seconds == 0.0


@pytest.mark.parametrize(
    ("replica", "primary", "published"),
    [
        (REPLICA, None, None),
        (dataclasses.replace(REPLICA, heartbeat=None), None, Published(None, NOON)),
        (dataclasses.replace(REPLICA, heartbeat=None), PRIMARY, None),
        (REPLICA, dataclasses.replace(PRIMARY, heartbeat=None), None),
        (REPLICA, dataclasses.replace(PRIMARY, replication_id="b" * 40), None),
        (REPLICA, dataclasses.replace(PRIMARY, replication_id="b" * 40, offset=900), Published(900, NOON)),
    ],
)
def test_what_nobody_knows_is_null(replica: Position, primary: Position | None, published: Published | None) -> None:
    assert measure(replica, primary, published).loss_seconds is None


def test_a_replica_without_a_first_copy_has_no_loss_in_bytes() -> None:
    lag = measure(dataclasses.replace(REPLICA, never_synced=True, link_up=False), PRIMARY, None)
    assert (lag.word, lag.loss_bytes) == ("never synced", None)


def test_two_primaries_of_one_history_are_found() -> None:
    promoted = dataclasses.replace(PRIMARY, replication_id="c" * 40, former_id="a" * 40)
    assert split_brain(promoted, PRIMARY) and split_brain(PRIMARY, promoted)
    strangers = dataclasses.replace(PRIMARY, replication_id="d" * 40)
    assert not split_brain(promoted, strangers), "no former primary is nothing in common"
    assert not split_brain(REPLICA, PRIMARY) and not split_brain(PRIMARY, None)


@pytest.mark.parametrize(
    "value", [None, b"", b"7", b"[]", b'{"counter": 1}', b'{"counter": 1, "at": "2026-01-01T00:00:00"}']
)
def test_what_is_not_a_heartbeat_is_none(value: bytes | None) -> None:
    assert read_heartbeat(value) is None


def test_what_only_the_server_that_was_left_has_is_counted_from_where_they_parted() -> None:
    left = dataclasses.replace(PRIMARY, offset=1000)
    serving = Position(True, "b" * 40, "a" * 40, 5000, parted_at=990)
    assert only_here(left, serving)[0] == 10
    assert only_here(dataclasses.replace(left, offset=980), serving)[0] == 0
    for other in (None, dataclasses.replace(serving, former_id="c" * 40), dataclasses.replace(serving, parted_at=None)):
        assert only_here(left, other)[0] is None
