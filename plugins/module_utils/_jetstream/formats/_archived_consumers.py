# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Reads the consumers of an archive: files of the file store in v1, JSON in v2.

Facts: server/store.go, encodeConsumerState (magic 22; version 2 since server 2.2);
server/stream_backup.go, 2.15.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._archive import ArchivedConsumer

_MAGIC, _VERSION = 22, 2
_MOST_BITS = 70  # of a varint of 64 bits


def consumer_v1(name: str, meta: bytes, state: bytes | None) -> ArchivedConsumer:
    """A consumer from ``meta.inf`` and ``o.dat``.

    A consumer that never delivered anything may have no state. Raises DamagedError.
    """
    config = parsed(meta, f"obs/{name}/meta.inf")
    return _consumer(
        name, config, _decoded(name, state) if state else {"delivered": _pair(0, 0), "ack_floor": _pair(0, 0)}
    )


def consumer_v2(name: str, data: bytes) -> ArchivedConsumer:
    """A consumer from ``consumers/<name>``. Raises DamagedError."""
    document = parsed(data, f"consumers/{name}")
    return _consumer(name, _object(name, document, "config"), _object(name, document, "state"))


def _consumer(name: str, config: dict[str, t.Any], state: dict[str, t.Any]) -> ArchivedConsumer:
    delivered, floor = (_object(name, state, key) for key in ("delivered", "ack_floor"))
    return ArchivedConsumer(
        name,
        config,
        _pair(_number(name, delivered, "consumer_seq"), _number(name, delivered, "stream_seq")),
        _pair(_number(name, floor, "consumer_seq"), _number(name, floor, "stream_seq")),
        len(_object(name, state, "pending")),
        state,
    )


def _object(name: str, document: t.Mapping[str, t.Any], key: str) -> dict[str, t.Any]:
    """A part of what is said of a consumer; empty where there is none."""
    value = document.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise DamagedError(f"{key} of the consumer {name} in the snapshot is not an object.")
    return value


def _number(name: str, document: t.Mapping[str, t.Any], key: str) -> int:
    value = document.get(key, 0)
    if not isinstance(value, int):
        raise DamagedError(f"{key} of the consumer {name} in the snapshot is not a number.")
    return value


def parsed(data: bytes, name: str) -> dict[str, t.Any]:
    """A JSON object. Raises DamagedError."""
    try:
        document = read_json(data)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise DamagedError(f"{name} in the snapshot is not a JSON object.")
    return document


def _pair(consumer: int, stream: int) -> dict[str, int]:
    return {"consumer_seq": consumer, "stream_seq": stream}


def _decoded(name: str, state: bytes) -> dict[str, t.Any]:
    """``o.dat`` in the form that v2 archives have. Pending times are whole seconds there."""
    if len(state) < 2 or state[0] != _MAGIC or state[1] != _VERSION:
        raise DamagedError(f"obs/{name}/o.dat in the snapshot cannot be read.")
    numbers = _varints(name, state[2:])
    floor_consumer, floor_stream, delivered_consumer, delivered_stream = (next(numbers) for _field in range(4))
    document: dict[str, t.Any] = {
        "delivered": _pair(delivered_consumer, delivered_stream),
        "ack_floor": _pair(floor_consumer, floor_stream),
    }
    count = next(numbers)
    if count:
        base = _signed(next(numbers))
        pending = {}
        for _message in range(count):
            stream, consumer, before = next(numbers), next(numbers), next(numbers)
            time_ns = (base - _signed(before)) * 10**9
            pending[str(floor_stream + stream)] = {"Sequence": floor_consumer + consumer, "Timestamp": time_ns}
        document["pending"] = pending
    redelivered = {str(floor_stream + next(numbers)): next(numbers) for _message in range(next(numbers))}
    if redelivered:
        document["redelivered"] = redelivered
    return document


def _varints(name: str, data: bytes) -> t.Iterator[int]:
    """The unsigned varints of ``data``; DamagedError when one more is wanted than there are."""
    value = shift = 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if shift > _MOST_BITS:
            break
        if byte < 0x80:
            yield value
            value = shift = 0
    why = "holds a number of more than 64 bits" if shift > _MOST_BITS else "ends too early"
    raise DamagedError(f"obs/{name}/o.dat in the snapshot {why}.")


def _signed(zigzag: int) -> int:
    return zigzag >> 1 ^ -(zigzag & 1)
