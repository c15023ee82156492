# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The user's own questions to restored streams, key-value and object stores."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import datetime
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DeadlineError, LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._messages import read_all
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Check
from ansible_collections.lifeboat.dr.plugins.module_utils._verify import _assertions
from ansible_collections.lifeboat.dr.plugins.module_utils._verify.jetstream._stream_compare import is_deleted

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._session import Session
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._archive import Message
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._content import JetStreamContent
    from ansible_collections.lifeboat.dr.plugins.module_utils._verify._assertions import Assertion


@dataclasses.dataclass(frozen=True)
class Place:
    """Where in the streams of an account the answer is.

    A stream (or its messages on a subject, wildcards allowed), a bucket (of a key-value or an object store), a key or
    an object in it.
    """

    stream: str = ""
    subject: str = ""
    bucket: str = ""
    key: str = ""
    object: str = ""


def check_places(assertions: t.Iterable[Assertion]) -> None:
    """Raise OptionError for a question about a key and an object: a bucket holds one or the other."""
    for assertion in assertions:
        if {"key", "object"} <= set(assertion.where):
            raise OptionError(
                f"The check {assertion.name!r}: key and object do not go together.",
                hint="key is for a key-value store, object for an object store.",
            )


def ask(
    session: Session,
    content: JetStreamContent,
    restored: t.Collection[str],
    assertion: Assertion,
    number: int,
    deadline: Deadline,
) -> Check:
    """The question and its answer as a check of the report. A question that cannot be asked is an error, which is never
    right.

    ``restored`` are the names of the streams that came back.
    """
    check = Check(f"custom.{number + 1}", assertion.name, "custom", "passed")
    began = time.monotonic()
    place = Place(**assertion.where)
    try:
        stream, kind = _asked(content, place)
        if stream not in restored:
            raise LifeboatError(f"The stream {stream} could not be restored.")
        answer = _answer(session, stream, kind, place, assertion.newer_than is not None, deadline)
    except DeadlineError:
        raise
    except LifeboatError as error:
        return dataclasses.replace(check, status="error", message=str(error), seconds=time.monotonic() - began)
    right, expected, observed = _assertions.judge(assertion, answer, datetime.datetime.now(datetime.timezone.utc))
    seconds = time.monotonic() - began
    return dataclasses.replace(
        check,
        status="passed" if right else "failed",
        expected=expected,
        observed=_shown(observed, answer),
        seconds=seconds,
    )


def _shown(observed: str, answer: t.Any) -> str:
    return "there is none" if answer is None else observed


def _answer(session: Session, stream: str, kind: str, place: Place, when: bool, deadline: Deadline) -> t.Any:
    """A number, a value or a point in time; None where there is none."""
    if place.stream:
        return _of_stream(session, stream, place.subject, when, deadline)
    if place.key:
        # A mirror of a bucket keeps the subjects of its origin, so the bucket's own name is not asked for.
        newest = _newest(session, stream, f"$KV.*.{place.key}", deadline)
        if newest is None or is_deleted(newest.headers):
            return None
        return _time(newest) if when else newest.data.decode("utf-8", "replace")
    if place.object:
        name = base64.urlsafe_b64encode(place.object.encode()).decode("ascii")
        newest = _newest(session, stream, f"$O.*.M.{name}", deadline)
        about = _description(newest)
        if newest is None or about is None:
            return None
        return _time(newest) if when else about.get("size")
    subject = "$KV.>" if kind == "kv" else "$O.*.M.>"
    if when:
        newest = _newest(session, stream, subject, deadline)
        return None if newest is None else _time(newest)
    with contextlib.closing(_read(session, stream, deadline, subject=subject, policy="last_per_subject")) as messages:
        return sum(_is_live(message, kind) for message in messages)


def _of_stream(session: Session, stream: str, subject: str, when: bool, deadline: Deadline) -> t.Any:
    if when:
        newest = _newest(session, stream, subject, deadline)
        return None if newest is None else _time(newest)
    if not subject:
        info = session.stream(stream)
        return None if info is None else int(info.state.get("messages") or 0)
    config = {
        "deliver_policy": "all",
        "ack_policy": "none",
        "filter_subject": subject,
        "mem_storage": True,
        "num_replicas": 1,
    }
    consumer = session.create_consumer(stream, config)
    with contextlib.suppress(LifeboatError):  # it ends by itself when nobody uses it
        session.delete_consumer(stream, consumer.name)
    return int(consumer.raw.get("num_pending") or 0)


def _asked(content: JetStreamContent, place: Place) -> tuple[str, str]:
    """The stream that a question goes to, and its kind.

    A key is asked of a key-value store, an object of an object store.
    """
    if place.stream:
        stream = content.stream(place.stream)
        if stream is None:
            raise OptionError(
                f"The backup holds no stream {place.stream}.", hint=_there(one.name for one in content.streams)
            )
        return stream.name, stream.kind
    wanted = ("kv",) if place.key else ("object_store",) if place.object else ("kv", "object_store")
    found = [one for one in content.streams if one.kind in wanted and one.bucket == place.bucket]
    if not found:
        there = (one.bucket for one in content.streams if one.kind in wanted)
        raise OptionError(
            f"The backup holds no {' or '.join(wanted)} bucket {place.bucket}.".replace("_", " "), hint=_there(there)
        )
    return found[0].name, found[0].kind


def _there(names: t.Iterable[str]) -> str:
    shown = sorted(names)
    return f"It holds {', '.join(shown[:10])}{' and more' if len(shown) > 10 else ''}." if shown else "It holds none."


def _newest(session: Session, stream: str, subject: str, deadline: Deadline) -> Message | None:
    with contextlib.closing(_read(session, stream, deadline, subject=subject, policy="last")) as messages:
        newest = next(messages, None)
    if newest is None and subject in ("", ">"):
        # Asked for every subject, a server (2.10 to 2.15) looks at the last sequence alone, and that message may be
        # deleted.
        with contextlib.closing(
            _read(session, stream, deadline, subject=subject, policy="last_per_subject")
        ) as messages:
            newest = max(messages, key=lambda message: message.sequence, default=None)
    return newest


def _read(
    session: Session, stream: str, deadline: Deadline, *, subject: str, policy: t.Literal["last", "last_per_subject"]
) -> t.Generator[Message, None, None]:
    yield from read_all(session, stream, deadline, subject=subject, policy=policy)


def _is_live(message: Message, kind: str) -> bool:
    return not is_deleted(message.headers) if kind == "kv" else _description(message) is not None


def _description(message: Message | None) -> dict[str, t.Any] | None:
    """What an object store says of an object that is there."""
    try:
        about = read_json(message.data) if message is not None else None
    except ValueError:
        return None
    return about if isinstance(about, dict) and not about.get("deleted") else None


def _time(message: Message) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(message.time_ns / 1e9, datetime.timezone.utc)
