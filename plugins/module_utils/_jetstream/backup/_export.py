# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Streams that a server makes no snapshot of, read message by message into an archive such as servers from 2.15 make.

Servers before 2.15 make none of streams that they keep in memory. What comes of it can be restored to servers from
2.15: older ones take no archive into memory.
"""

from __future__ import annotations

import base64
import datetime
import json
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._errors_of_server import JetStreamError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats._archive_v2 import MAGIC, entry
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._archive import Message
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._content import Consumer

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._session import Session

_NO_MESSAGE = 10037


def entries(
    state: t.Mapping[str, t.Any], consumers: t.Sequence[Consumer], messages: t.Iterable[Message]
) -> t.Iterator[bytes]:
    """The archive, before its compression: the state, the durable consumers, the messages, and the entry that ends
    it.
    """
    durable = [consumer for consumer in consumers if consumer.durable]
    plain = {
        key: value
        for key, value in state.items()
        if key not in ("deleted", "num_deleted", "num_subjects", "subjects", "lost")
    }
    yield MAGIC + entry(b"state.json", 0, 0, b"", json.dumps({**plain, "consumer_count": len(durable)}).encode())
    for consumer in durable:
        # What was delivered and not acknowledged is delivered again: nobody tells which messages these are.
        position = {"delivered": consumer.ack_floor, "ack_floor": consumer.ack_floor}
        document = {"config": {**consumer.config, "name": consumer.name}, "state": position}
        yield entry(f"consumers/{consumer.name}".encode(), 0, 0, b"", json.dumps(document).encode())
    for sequence, time_ns, subject, headers, data in messages:
        yield entry(subject, time_ns, sequence, headers, data)
    yield entry(b"", 0, 0, b"", b"")


def read_one_by_one(session: Session, stream: str, first: int, last: int, deadline: Deadline) -> t.Iterator[Message]:
    """The messages, without a consumer: one would change what streams of work and of interest keep."""
    sequence = max(first, 1)
    while sequence <= last:
        deadline.check(f"Reading the stream {stream}")
        try:
            answer = session.api(f"STREAM.MSG.GET.{stream}", {"seq": sequence, "next_by_subj": ">"})["message"]
        except JetStreamError as error:
            if error.err_code == _NO_MESSAGE:
                return
            raise
        found = int(answer["seq"])
        if found > last:
            return
        headers, data = (base64.b64decode(answer.get(part) or "") for part in ("hdrs", "data"))
        yield Message(found, nanoseconds(answer["time"]), str(answer["subject"]).encode(), headers, data)
        sequence = found + 1


def nanoseconds(text: str) -> int:
    """A time as servers write it, in nanoseconds since 1970. Raises ValueError."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", text)
    if not found:
        raise ValueError(f"{text!r} is not a timestamp")
    whole = datetime.datetime.fromisoformat(found[1] + ("+00:00" if found[3] == "Z" else found[3]))
    days = whole - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return (days.days * 86400 + days.seconds) * 10**9 + int(f"{found[2] or '0':0<9}")
