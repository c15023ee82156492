# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Reads the consumers of an archive: files of the file store in v1, JSON in v2.

Facts: server/store.go, encodeConsumerState (magic 22; version 2 since server 2.2);
server/stream_backup.go, 2.15.
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._errors import DamagedError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream._archive import ArchivedConsumer

_MAGIC, _VERSION = 22, 2


def consumer_v1(name: str, meta: bytes, state: bytes | None) -> ArchivedConsumer:
    """A consumer from ``meta.inf`` and ``o.dat``. A consumer that never delivered anything may have no state. Raises DamagedError."""
    config = parsed(meta, f"obs/{name}/meta.inf")
    if not state:
        return ArchivedConsumer(name, config, _pair(0, 0), _pair(0, 0), 0)
    floor_consumer, floor_stream, delivered_consumer, delivered_stream, pending = _numbers(name, state, 5)
    return ArchivedConsumer(name, config, _pair(delivered_consumer, delivered_stream), _pair(floor_consumer, floor_stream), pending)


def consumer_v2(name: str, data: bytes) -> ArchivedConsumer:
    """A consumer from ``consumers/<name>``. Raises DamagedError."""
    document = parsed(data, f"consumers/{name}")
    state = document.get("state") or {}
    delivered, floor = state.get("delivered") or {}, state.get("ack_floor") or {}
    return ArchivedConsumer(
        name,
        document.get("config") or {},
        _pair(delivered.get("consumer_seq", 0), delivered.get("stream_seq", 0)),
        _pair(floor.get("consumer_seq", 0), floor.get("stream_seq", 0)),
        len(state.get("pending") or {}),
    )


def parsed(data: bytes, name: str) -> dict[str, t.Any]:
    """A JSON object. Raises DamagedError."""
    try:
        document = json.loads(data)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise DamagedError(f"{name} in the snapshot is no JSON object.")
    return document


def _pair(consumer: int, stream: int) -> dict[str, int]:
    return {"consumer_seq": consumer, "stream_seq": stream}


def _numbers(name: str, state: bytes, count: int) -> list[int]:
    """The first varints of a consumer's state."""
    if len(state) < 2 or state[0] != _MAGIC or state[1] != _VERSION:
        raise DamagedError(f"obs/{name}/o.dat in the snapshot cannot be read.")
    numbers, value, shift = [], 0, 0
    for byte in state[2:]:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(value)
            value = shift = 0
            if len(numbers) == count:
                return numbers
    raise DamagedError(f"obs/{name}/o.dat in the snapshot ends too early.")
