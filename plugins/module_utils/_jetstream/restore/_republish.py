# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Makes a stream anew and publishes every message of its archive again: for servers that cannot take the archive.

The messages come on subjects that nobody else knows, which the stream takes off again (``subject_transform``, servers
from 2.10), so no other subscriber sees them. Subjects, headers and order stay; sequences and times are new. Headers
that make a server compare sequences are left out, since they would be refused. While the messages come, the stream
carries the mark of a restore at work, so that what is left of a killed run is removed by the next one.
"""

from __future__ import annotations

import dataclasses
import json
import re
import secrets
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._errors_of_server import JetStreamError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._session import decoded, token
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model import _restore_plan
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.restore import _afterwards

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._session import Session
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._archive import Message
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._content import Consumer
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._restore_plan import Plan
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.restore._restore_run import (
        Restored,
        RestoreRun,
    )

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # of a header, as nats-py sends it
_INTAKE = "lifeboat.republish"  # of which the how-to on rights grants all
_COMPARING = "nats-expected-"
_WINDOW_NS = 100_000_000  # of duplicates: the smallest that a server takes
_AFTER_WINDOW_SECONDS = 0.15
_TOLD_BYTES = 1 << 20


class Headers:
    """What nats-py asks of headers, in their order and with names that come twice."""

    def __init__(self, pairs: t.Sequence[tuple[str, str]]) -> None:
        self._pairs = pairs

    def items(self) -> t.Sequence[tuple[str, str]]:
        """Each name with its value."""
        return self._pairs


@dataclasses.dataclass
class Republished:
    """What was published."""

    messages: int = 0
    changed_headers: int = 0  # messages that have other headers now
    sequences: list[tuple[int, int]] = dataclasses.field(default_factory=list)  # of floors, old and new

    def placed(self, consumer: Consumer) -> Consumer:
        """The consumer, with its position in the new sequences."""
        old = int(consumer.ack_floor.get("stream_seq") or 0)
        floor = {**consumer.ack_floor, "stream_seq": dict(self.sequences).get(old, 0)}
        return dataclasses.replace(consumer, ack_floor=floor)


def refusal(plan: Plan) -> str:
    """Why messages of this stream cannot be published again; empty where they can."""
    wanted = plan.wanted
    if not wanted.get("subjects"):
        return "it takes its messages from other streams alone, so they cannot be published again"
    if wanted.get("retention") == "interest":
        return (
            "it keeps messages only while consumers want them, so they would go as they come; set config: "
            f"{{{plan.stream.name}: {{retention: limits}}}}"
        )
    for key in ("allow_msg_counter", "allow_msg_schedules"):
        if wanted.get(key):
            return f"it has {key}, so publishing its messages again would do something else"
    return ""


def intake_config(config: t.Mapping[str, t.Any], intake: str) -> dict[str, t.Any]:
    """The configuration while the messages come: on ``intake`` alone, and nothing of it leaves the stream."""
    left_out = ("republish", "sources", "mirror", "first_seq", "sealed", "deny_purge", "deny_delete")
    return {
        **{key: value for key, value in config.items() if key not in left_out},
        "subjects": [f"{intake}.>"],
        "subject_transform": {"src": f"{intake}.>", "dest": ">"},
        "duplicate_window": _WINDOW_NS,
    }


def republish(
    session: Session,
    plan: Plan,
    config: t.Mapping[str, t.Any],
    messages: t.Iterator[Message],
    deadline: Deadline,
    advance: t.Callable[[int], None],
) -> Republished:
    """Make the stream, publish its messages, and give it the configuration asked for. Raises SourceError."""
    name = plan.name
    intake = f"{_INTAKE}.{secrets.token_hex(12)}"
    session.api(f"STREAM.CREATE.{token('stream', name)}", intake_config(config, intake), what=f"Making stream {name}")
    done = Republished()
    floors = sorted({int(one.ack_floor.get("stream_seq") or 0) for one in plan.stream.consumers})
    last = waiting = 0
    for message in messages:
        deadline.check(f"Publishing the messages of {name}")
        while floors and floors[0] < message.sequence:
            done.sequences.append((floors.pop(0), last))
        last = _publish(session, name, intake, message, done)
        waiting += len(message.data)
        if waiting > _TOLD_BYTES:
            advance(waiting)
            waiting = 0
    done.sequences += [(floor, last) for floor in floors]
    session.update_stream({"duplicate_window": 0, **config})
    return done


def _publish(session: Session, name: str, intake: str, message: Message, done: Republished) -> int:
    """Publish one message, and give its new sequence."""
    subject = message.subject.decode("utf-8", "surrogateescape")
    pairs, same = kept_headers(message.headers)
    what = f"Publishing message {message.sequence} of {name} again"
    while True:
        headers = t.cast(t.Any, Headers(pairs) if pairs else None)
        answer = session.ask(f"{intake}.{subject}", message.data, what=what, headers=headers)
        stored = decoded(what, answer)
        if stored.get("stream") != name:
            raise SourceError(f"{what}: another stream took it ({json.dumps(stored)[:200]}).")
        if not stored.get("duplicate"):
            break
        time.sleep(_AFTER_WINDOW_SECONDS)  # the same Nats-Msg-Id, which had come later then
    done.messages += 1
    done.changed_headers += not same
    try:
        return int(stored["seq"])
    except (KeyError, TypeError, ValueError):
        raise JetStreamError(what, {"description": f"no sequence in {json.dumps(stored)[:200]}"}) from None


def kept_headers(raw: bytes) -> tuple[list[tuple[str, str]], bool]:
    """The headers to publish, and whether they become the same bytes again."""
    if not raw:
        return [], True
    pairs = []
    for line in raw.decode("utf-8", "replace").split("\r\n")[1:]:
        key, colon, value = line.partition(":")
        if colon and _NAME.fullmatch(key.strip()) and not key.strip().lower().startswith(_COMPARING):
            pairs.append((key.strip(), value.strip()))
    again = "NATS/1.0\r\n" + "".join(f"{key}: {value}\r\n" for key, value in pairs) + "\r\n"
    return pairs, again.encode() == raw


def finish(session: Session, run: RestoreRun, plan: Plan, done: Republished, result: Restored) -> None:
    """Consumers first: a run that is killed before the end leaves what the next one removes. Raises SourceError."""
    durable = [one for one in plan.stream.consumers if one.durable] if run.consumers != "ignore" else []
    for consumer in durable:
        _afterwards.make(session, plan, done.placed(consumer))
        result.rebuilt_consumers.append(consumer.name)
    info = session.stream(plan.name)
    if info is None:
        raise SourceError(f"The stream {plan.name} was deleted while its messages were published.")
    messages = int(info.state.get("messages") or 0)
    if messages < plan.stream.messages and not _restore_plan.explained(plan, info.state):
        raise SourceError(
            f"{plan.name} has {messages} of the {plan.stream.messages} messages that the backup holds, and no limit of "
            "the stream explains it.",
            hint="What came back was removed. Keep the backup, and restore it to a server from 2.15.",
        )
    final = plan.final_config(info.config, run.mark, session.server_version)
    result.state = session.update_stream(final).state
    result.published = done.messages
    run.warn(
        f"{plan.name} was made anew, and {done.messages} messages were published again: they have new sequences (from "
        f"1 on; {plan.stream.first_sequence} to {plan.stream.last_sequence} in the backup) and the time of this "
        f"restore. {done.changed_headers} of them have other headers than before."
    )
