# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The heartbeat of a JetStream account: a message in a stream of its own, and how far the others have come then.

Nothing is written into the streams of the application: their consumers would have to know it. What a mirror lacks is
counted by the last sequence of its origin, which is published outside with the beat.
"""

from __future__ import annotations

import datetime
import json
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._heartbeats import run_program
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._connection import (
    Connection,
    connection_from_options,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._session import Session, decoded
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.mirror._mirrors import end_of

STREAM = "LIFEBOAT_HEARTBEAT"
SUBJECT = "lifeboat.heartbeat"
_CONFIG = {
    "name": STREAM,
    "subjects": [SUBJECT],
    "max_msgs": 1000,
    "max_bytes": 1 << 20,
    "storage": "file",
    "retention": "limits",
    "discard": "old",
    "description": "Heartbeats of lifeboat.dr",
}
_TIMEOUT_SECONDS = 5.0


class StreamsBeater:
    """Writes heartbeats into an account. ``streams`` are those whose positions are published: all of its own if
    empty.
    """

    def __init__(self, connection: Connection, streams: t.Sequence[str]) -> None:
        self._connection = connection
        self._streams = tuple(streams)

    def beat(self, counter: int) -> dict[str, t.Any]:
        """Store the message, and give the last sequences of the streams after that. Raises LifeboatError."""
        at = datetime.datetime.now(datetime.timezone.utc)
        message = {"counter": counter, "at": at.isoformat(timespec="milliseconds")}
        with self._connection.open(Deadline(_TIMEOUT_SECONDS)) as session:
            _store(session, json.dumps(message).encode("ascii"))
            infos = [session.stream(name) for name in self._streams] or session.streams()
        own = {info.name: end_of(info) for info in infos if info is not None and not info.config.get("mirror")}
        missing = sorted(set(self._streams) - set(own))
        if missing:
            raise LifeboatError(
                f"This account has no stream {', '.join(missing)} of its own.",
                hint="It is a mirror there, or in another account: name the region that serves.",
            )
        return {
            "at": message["at"],
            "streams": {
                name: {"last_sequence": end.sequence, "at": (end.at or at).isoformat()}
                for name, end in own.items()
                if name != STREAM or STREAM in self._streams
            },
        }

    def close(self) -> None:
        """There is no connection between two beats."""


def _store(session: Session, message: bytes) -> None:
    """Store it in the stream of heartbeats, which is made when it is not there."""
    info = session.stream(STREAM)
    if info is None:
        session.api(f"STREAM.CREATE.{STREAM}", _CONFIG, what=f"Making the stream {STREAM}")
    elif info.config.get("mirror"):
        raise LifeboatError(f"{STREAM} is a mirror there, and takes no heartbeat.", hint="Name the region that serves.")
    what = "The heartbeat"
    decoded(what, session.ask(SUBJECT, message, timeout=_TIMEOUT_SECONDS, what=what))


def beater_of(options: t.Mapping[str, t.Any], _facts: t.Mapping[str, t.Any]) -> StreamsBeater:
    """The writer of an account that the options of a module describe."""
    return StreamsBeater(connection_from_options(options), options.get("streams") or ())


def main(arguments: t.Sequence[str]) -> int:
    """Beat until a signal ends it. Gives the exit status."""
    return run_program(arguments, beater_of)
