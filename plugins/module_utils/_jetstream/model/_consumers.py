# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Consumers: which of them an archive lacks, and how one is made again where it stood. Pure.

Archives up to 2.14 lack consumers that are kept in memory, and in a cluster those without a replica on the stream's
leader.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._content import Consumer

_FOR_OTHER_STARTS = ("opt_start_seq", "opt_start_time")


def inventory(listed: t.Iterable[t.Mapping[str, t.Any]]) -> tuple[Consumer, ...]:
    """Consumers as the server lists them (``io.nats.jetstream.api.v1.consumer_list_response``), sorted by name."""
    consumers = [
        Consumer(
            name=str(item["name"]),
            config=dict(item["config"]),
            delivered=_position(item.get("delivered")),
            ack_floor=_position(item.get("ack_floor")),
            pending=int(item.get("num_pending") or 0),
            ack_pending=int(item.get("num_ack_pending") or 0),
        )
        for item in listed
    ]
    return tuple(sorted(consumers, key=lambda consumer: consumer.name))


def _position(position: t.Mapping[str, t.Any] | None) -> dict[str, t.Any]:
    return {key: int((position or {}).get(key) or 0) for key in ("consumer_seq", "stream_seq")}


def with_archived(consumers: t.Sequence[Consumer], archived: t.Collection[str]) -> tuple[Consumer, ...]:
    """The consumers, each with whether the archive holds it."""
    return tuple(dataclasses.replace(consumer, archived=consumer.name in archived) for consumer in consumers)


def delivered_above_floor(consumer: Consumer) -> int:
    """How many messages were delivered beyond the one before which all were acknowledged."""
    delivered, floor = (int(place.get("stream_seq") or 0) for place in (consumer.delivered, consumer.ack_floor))
    return max(0, delivered - floor)


def rebuilt(consumer: Consumer, retention: str) -> dict[str, t.Any]:
    """The configuration with which a consumer goes on behind the last message before which all were acknowledged.

    What it had delivered and nobody had acknowledged is delivered again. A consumer of a work queue has to begin at the
    first message that is left, which is the same: those that were acknowledged are gone. So does one that had
    acknowledged nothing.
    """
    config = dict(consumer.config)
    floor = int(consumer.ack_floor.get("stream_seq") or 0)
    if retention == "workqueue":
        config["deliver_policy"] = "all"
    elif floor:
        config["deliver_policy"] = "by_start_sequence"
    else:
        return config
    for option in _FOR_OTHER_STARTS:
        config.pop(option, None)
    if config["deliver_policy"] == "by_start_sequence":
        config["opt_start_seq"] = floor + 1
    return config
