# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Looks at mirrors and their origins, and changes them: made, promoted, fenced; each change is read back and proved.

Whether a stream takes messages is asked without storing one: a message that expects another last sequence than the
stream's is refused by a stream that listens (error 10071), and answered by nobody when none does.
"""

from __future__ import annotations

import datetime
import re
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._api import StreamInfo
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._errors_of_server import (
    JetStreamError,
    NoAnswerError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._session import Session, token
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model import _mirror
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._mirror import End, Lag

_WRONG_LAST_SEQUENCE = 10071
_MIRROR_CANNOT_CHANGE = 10055
_EXPECT_ANOTHER = {"Nats-Expected-Last-Sequence": str((1 << 63) - 1)}
_POLL_SECONDS = 0.1
_PROBE_SECONDS = 5.0


def end_of(info: StreamInfo) -> End:
    """How far the stream has come."""
    return End(int(info.state.get("last_seq") or 0), moment(str(info.state.get("last_ts") or "")))


def moment(text: str) -> datetime.datetime | None:
    """A time as the server writes it, in nanoseconds; None for that of an empty stream."""
    found = re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?Z", text)
    if not found or text.startswith("0001"):
        return None
    return datetime.datetime.fromisoformat(f"{found[1]}{(found[2] or '.0')[:7]:0<7}+00:00")


def lag_of(mirror: StreamInfo, source: Session | None, published: End | None) -> Lag:
    """How far the mirror is behind. Raises LifeboatError when the source has no such stream."""
    origin = None
    if source is not None:
        name = str((mirror.config.get("mirror") or {}).get("name") or mirror.name)
        origin = source.stream(name)
        if origin is None:
            raise LifeboatError(
                f"The source has no stream {name}, which {mirror.name} mirrors. Nothing was changed.",
                hint="Find out who deleted it before anything is promoted.",
            )
    if origin is None or source is None:
        return _mirror.measure(end_of(mirror), None, published)
    here, there = end_of(mirror), end_of(origin)
    missing = _stored_at(source, origin.name, here.sequence + 1) if there.sequence > here.sequence else None
    return _mirror.measure(here, there, None, missing)


def _stored_at(session: Session, stream: str, sequence: int) -> datetime.datetime | None:
    """When the first message from this sequence on was stored."""
    try:
        answer = session.api(f"STREAM.MSG.GET.{token('stream', stream)}", {"seq": sequence, "next_by_subj": ">"})
    except JetStreamError:  # they were deleted meanwhile
        return None
    return moment(str((answer.get("message") or {}).get("time") or ""))


def make_mirror(session: Session, origin: StreamInfo, external: dict[str, str] | None, deadline: Deadline) -> None:
    """Make the mirror, and wait until it has what the origin had."""
    config = _mirror.mirror_config(origin.config, external)
    session.api(f"STREAM.CREATE.{token('stream', origin.name)}", config, what=f"Making the mirror {origin.name}")
    wanted = end_of(origin).sequence
    while True:
        info = session.stream(origin.name)
        if info is not None and end_of(info).sequence >= wanted:
            return
        deadline.check(
            f"Waiting until the mirror {origin.name} has every message (check that the source's API, {external}, can "
            "be reached from its server)"
        )
        time.sleep(deadline.remaining(_POLL_SECONDS))


def delete(session: Session, name: str) -> None:
    """Remove a stream with its messages."""
    session.api(f"STREAM.DELETE.{token('stream', name)}", what=f"Removing the stream {name}")


def wait_for(session: Session, name: str, sequence: int, deadline: Deadline) -> None:
    """Until the mirror has this sequence."""
    while True:
        info = session.stream(name)
        found = end_of(info).sequence if info else 0
        if found >= sequence:
            return
        deadline.check(
            f"Waiting until the mirror {name} has every message up to {sequence} (it has {found}), with nothing "
            "promoted,"
        )
        time.sleep(deadline.remaining(_POLL_SECONDS))


def check_promotable(session: Session) -> None:
    """Refuse servers that cannot make a stream of a mirror."""
    if session.server_version < _mirror.PROMOTABLE_SINCE:
        raise _too_old(session.server_version_text)


def _too_old(version: str) -> OptionError:
    return OptionError(
        f"The NATS server is {version}, and only servers from 2.12 on make a stream of a mirror. Nothing was changed.",
        hint="Upgrade it, or restore the streams from a backup under their own names (jetstream_snapshot, state: "
        "restored) after the mirrors were deleted.",
    )


def promote(session: Session, mirror: StreamInfo, subjects: t.Sequence[str], by: str) -> None:
    """Make a stream of the mirror, and prove that it takes messages. Raises LifeboatError."""
    try:
        session.update_stream(_mirror.promoted_config(mirror.config, subjects, by, end_of(mirror).sequence))
    except JetStreamError as error:
        if error.err_code == _MIRROR_CANNOT_CHANGE:
            raise _too_old(session.server_version_text) from None
        raise
    after = session.stream(mirror.name)
    if after is None or after.config.get("mirror") or sorted(after.config.get("subjects") or []) != sorted(subjects):
        raise LifeboatError(
            f"The server has taken the promotion of {mirror.name}, and does not say that it is a stream of its own.",
            hint="Do not send traffic to it. Look at nats stream info.",
        )
    prove_it_listens(session, mirror.name, subjects)


def prove_it_listens(session: Session, name: str, subjects: t.Sequence[str]) -> None:
    """Raises LifeboatError when nobody takes a message for the stream."""
    if not _listens(session, name, subjects):
        raise LifeboatError(
            f"The stream {name} is promoted, and nobody takes a message on {_mirror.probe_subject(subjects)}.",
            hint="Do not send traffic to it. Another stream may have these subjects; look at nats stream ls -a.",
        )


def fence(session: Session, info: StreamInfo, serving: StreamInfo | None = None) -> None:
    """Take the stream's subjects from it, and prove that nobody takes a message there. Raises LifeboatError.

    Where the stream ``serving`` of another domain takes these messages already, and can be reached from here, it is the
    one that answers: then what is proved is that this stream has lost its subjects.
    """
    subjects = _mirror.subjects_of(info.config)
    if not _mirror.is_fenced(info.config):
        session.update_stream(_mirror.fenced_config(info.config))
    after = session.stream(info.name)
    if after is None or after.config.get("subjects") != _mirror.fenced_config(info.config)["subjects"]:
        raise LifeboatError(
            f"The server has taken the fence of {info.name}, and does not say that it has lost its subjects.",
            hint="Look at nats stream info. Promote nothing before.",
        )
    elsewhere = serving is not None and not serving.config.get("mirror") and not _mirror.is_fenced(serving.config)
    if not elsewhere and _listens(session, info.name, subjects):
        raise LifeboatError(
            f"The stream {info.name} took a message although it has lost its subjects.",
            hint="Look at nats stream info. Promote nothing before.",
        )


def unfence(session: Session, info: StreamInfo) -> None:
    """Give the stream its subjects back, and prove it."""
    session.update_stream(_mirror.unfenced_config(info.config))
    prove_it_listens(session, info.name, _mirror.subjects_of(info.config))


def _listens(session: Session, name: str, subjects: t.Sequence[str]) -> bool:
    """Whether a stream answers to a message on one of these subjects."""
    subject = _mirror.probe_subject(subjects)
    try:
        answer = session.ask(subject, b"", timeout=_PROBE_SECONDS, what=f"The probe of {name}", headers=_EXPECT_ANOTHER)
    except NoAnswerError as error:
        if error.details.get("subject"):  # the server itself says that nobody listens
            return False
        raise
    try:
        code = int((read_json(answer).get("error") or {}).get("err_code") or 0)
    except (AttributeError, TypeError, ValueError):
        code = 0
    if code != _WRONG_LAST_SEQUENCE:
        raise LifeboatError(
            f"What answers on {subject} is not a stream: {answer[:80]!r}.",
            hint="A service listens there, too, so nobody can tell whether a message would be stored.",
        )
    return True
