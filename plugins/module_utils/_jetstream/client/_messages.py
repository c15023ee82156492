# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Reads the messages of a stream back from a server, headers byte for byte, as a client of the stream would get them.

A consumer without acknowledgements is asked for many messages at a time; two requests are under way, so that the server
never waits. What a delivery's reply subject says (server/consumer.go, ``parseAckReply``)::

    $JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time in ns>.<pending>
    $JS.ACK.<domain>.<account>.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time in
    ns>.<pending>[.<token>]
"""

from __future__ import annotations

import array
import itertools
import json
import re
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._archive import Message, message_digest
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._digests import Digests

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._delivery import Delivery
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._session import Session

_BATCH = 10_000
_BATCH_BYTES = 8 << 20  # two of them stay below what a server keeps for a slow client
_UNDER_WAY = 2
_EXPIRES_SECONDS = 10
_SILENCE_SECONDS = 60.0
_INACTIVE_SECONDS = 60  # after which the server deletes a consumer of ours that we could not delete
_NOT_KNOWN_YET_SECONDS = 5.0  # of a consumer that was made just now on another server of the cluster
_ASK_AGAIN_SECONDS = 0.05
_CHECKED = 1024  # messages between two looks at the clock
_ADDED = 256  # messages whose digests are handed over at a time
# Both with the code 409; the second one where the bytes are met exactly (server/consumer.go).
_BOUND_MET = ("Message Size Exceeds MaxBytes", "Batch Completed")
_PENDING = re.compile(rb"Nats-Pending-Messages: *(\d+)", re.IGNORECASE)


def read_all(
    session: Session,
    stream: str,
    deadline: Deadline,
    *,
    subject: str = "",
    policy: t.Literal["all", "last", "last_per_subject"] = "all",
    warn: t.Callable[[str], None] = lambda message: None,
) -> t.Iterator[Message]:
    """The messages of a stream, ascending; only those on ``subject`` (wildcards allowed) where it is given.

    ``last_per_subject`` gives the newest message of each subject. Takes the session for itself until the generator
    ends. A message that the server counts and cannot read does not come. ``warn`` is told of a temporary consumer that
    could not be deleted. Raises SourceError when a message was lost on the way, or the server falls silent.
    """
    config: dict[str, t.Any] = {
        "deliver_policy": policy,
        "ack_policy": "none",
        "replay_policy": "instant",
        "mem_storage": True,
        "num_replicas": 1,
        "inactive_threshold": _INACTIVE_SECONDS * 1_000_000_000,
    }
    if subject or policy == "last_per_subject":
        config["filter_subject"] = subject or ">"
    consumer = session.create_consumer(stream, config)
    try:
        yield from _pulled(session, stream, consumer.name, int(consumer.raw.get("num_pending") or 0), deadline)
    finally:
        try:
            session.delete_consumer(stream, consumer.name)
        except LifeboatError as error:
            warn(
                f"The temporary consumer {consumer.name} of the stream {stream} could not be deleted: {error} The "
                f"server deletes it after {_INACTIVE_SECONDS} s without use."
            )


def read_digests(
    messages: t.Iterable[Message], digests: Digests, look: t.Callable[[Message], None] | None = None
) -> Digests:
    """Take the digest of every message into ``digests``; ``look`` sees each message as it passes."""
    messages = iter(messages)
    while some := list(itertools.islice(messages, _ADDED)):
        sequences = array.array("Q", [message.sequence for message in some])
        sizes = array.array("I", [len(message.subject) + len(message.headers) + len(message.data) for message in some])
        digests.extend(sequences, b"".join(map(message_digest, some)), sizes)
        if look is not None:
            for message in some:
                look(message)
    return digests


def _pulled(session: Session, stream: str, consumer: str, expected: int, deadline: Deadline) -> t.Iterator[Message]:
    channel, inbox = session.channel, session.inbox.encode()
    prefix, ours = inbox + b".", f".{stream}.{consumer}.".encode()
    pulls = _Pulls(session, stream, consumer)
    received = 0
    heard = time.monotonic()
    while received < expected:
        pulls.top_up(expected - received)
        delivery = channel.read(1.0)
        if delivery is None:
            deadline.check(f"Reading stream {stream}")
            if time.monotonic() - heard > _SILENCE_SECONDS:
                raise SourceError(
                    f"The server fell silent while stream {stream} was read: {received} of {expected} messages came."
                )
            continue
        heard = time.monotonic()
        if not delivery.reply.startswith(b"$JS.ACK."):
            if delivery.subject.startswith(prefix) and pulls.ended(delivery):
                return  # the server has no more: what it counted and did not give is for the comparison to tell
            continue
        if ours not in delivery.reply:
            continue  # late, of a reading that was broken off
        pulls.came()
        received += 1
        if not received % _CHECKED:
            deadline.check(f"Reading stream {stream}")
        yield _message(delivery, received, stream)


def _message(delivery: Delivery, number: int, stream: str) -> Message:
    fields = delivery.reply.split(b".")
    if len(fields) > 9:
        del fields[2:4]
    try:
        sequence, count, time_ns = (int(field) for field in fields[5:8])
    except ValueError:
        reply = delivery.reply[:100].decode("utf-8", "replace")
        raise SourceError(f"The server sent a message of stream {stream} with a reply that is none: {reply}.") from None
    if count != number:
        raise SourceError(
            f"A message of stream {stream} was lost between the server and here, after {number - 1} messages."
        )
    return Message(sequence, time_ns, delivery.subject, delivery.headers, delivery.data)


class _Pulls:
    """The requests that are under way.

    ``granted``: how many messages the server may still send without being asked again.
    """

    def __init__(self, session: Session, stream: str, consumer: str) -> None:
        self.granted = 0
        self._session = session
        self._subject = f"{session.api_prefix}.CONSUMER.MSG.NEXT.{stream}.{consumer}".encode()
        self._asked = 0
        self._unheard: (
            dict[bytes, int] | None
        ) = {}  # the first requests and their batches, until the first message comes
        self._began = time.monotonic()
        self._moved = False  # a message came since the last request that met its bound of bytes
        self._large = False  # the next message is larger than the bound

    def top_up(self, left: int) -> None:
        """Ask for more when less than one request is under way and there is more to come."""
        if self._large:
            if not self.granted:
                self._ask({"batch": 1})
            return
        while self.granted < left and self.granted <= (_UNDER_WAY - 1) * _BATCH:
            self._ask({"batch": min(_BATCH, left - self.granted), "max_bytes": _BATCH_BYTES})

    def _ask(self, body: dict[str, int]) -> None:
        self._asked += 1
        self.granted += body["batch"]
        request = json.dumps({**body, "expires": _EXPIRES_SECONDS * 1_000_000_000}).encode()
        reply = f"{self._session.inbox}.pull.{self._asked}".encode()
        if self._unheard is not None:
            self._unheard[reply] = body["batch"]
        self._session.channel.publish(self._subject, request, reply)

    def came(self) -> None:
        """A message came."""
        self.granted -= 1
        self._unheard = None
        self._moved, self._large = True, False

    def ended(self, status: Delivery) -> bool:
        """A request ended before its last message.

        True when the server has nothing more to give. Raises SourceError.
        """
        code, words = status.status
        pending = _PENDING.search(status.headers)
        if words.startswith(_BOUND_MET):
            self.granted -= int(pending[1]) if pending else self.granted
            # A single message beyond the bound is given to a request without one.
            self._large = not self.granted and not self._moved
            self._moved = False
            return False
        if code in ("404", "408"):
            return True
        if code == "503" and self._unheard and time.monotonic() < self._began + _NOT_KNOWN_YET_SECONDS:
            self.granted -= self._unheard.pop(status.subject, 0)
            time.sleep(_ASK_AGAIN_SECONDS)
            return False
        if code in ("409", "503"):
            raise SourceError(f"The server ended the reading of a stream: {code} {words}.")
        return False
