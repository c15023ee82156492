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
    return _consumer(name, document.get("config") or {}, document.get("state") or {})


def _consumer(name: str, config: dict[str, t.Any], state: dict[str, t.Any]) -> ArchivedConsumer:
    delivered, floor = state.get("delivered") or {}, state.get("ack_floor") or {}
    return ArchivedConsumer(
        name,
        config,
        _pair(delivered.get("consumer_seq", 0), delivered.get("stream_seq", 0)),
        _pair(floor.get("consumer_seq", 0), floor.get("stream_seq", 0)),
        len(state.get("pending") or {}),
        state,
    )


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
        if byte < 0x80:
            yield value
            value = shift = 0
    raise DamagedError(f"obs/{name}/o.dat in the snapshot ends too early.")


def _signed(zigzag: int) -> int:
    return zigzag >> 1 ^ -(zigzag & 1)
