# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Restores streams: what exists is left alone unless its name was typed, what this run began and could not finish is removed again.

From the bytes in a repository to a stream whose replicas are current and whose consumers stand where they stood.
"""

from __future__ import annotations

import dataclasses
import os
import re
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._errors import DamagedError, LifeboatError, SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream import _restore_plan
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream._consumers import rebuilt
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream._content import ARCHIVE, CONFIG
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream._errors_of_server import ServerError
from ansible_collections.lifeboat.dr.plugins.module_utils._stored import from_any

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream._connection import Connection
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream._restore_plan import Plan
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream._session import Session, StreamInfo
    from ansible_collections.lifeboat.dr.plugins.module_utils._manifest import Artifact
    from ansible_collections.lifeboat.dr.plugins.module_utils._progress import Progress
    from ansible_collections.lifeboat.dr.plugins.module_utils._stored import StoredBackup

_TRIES = 3
_AFTER_DELETE_SECONDS = 2.0  # 2.15.1 may refuse a stream that was deleted a moment before
_ABANDONED_SECONDS = 6.0  # a restore that sends nothing for 5 s is given up by the server
_AT_WORK_SECONDS = 20.0
_CONSUMERS_SECONDS = 30.0
_CLEAN_UP_SECONDS = 20.0
_POLL_SECONDS = 0.1


@dataclasses.dataclass
class Restored:
    """What became of one stream."""

    plan: Plan
    changed: bool = False
    replaced: bool = False
    repository: str = ""
    state: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    rebuilt_consumers: list[str] = dataclasses.field(default_factory=list)
    removed_leftover: bool = False


@dataclasses.dataclass(frozen=True)
class How:
    """What is the same for all streams of a run. ``mark`` names the backup; ``run`` is an unguessable word of this run."""

    connection: Connection
    copies: t.Sequence[StoredBackup]
    deadline: Deadline
    progress: Progress
    warn: t.Callable[[str], None]
    mark: str
    run: str
    limits: str
    consumers: str
    replace: t.Collection[str]
    replicas_seconds: float

    @property
    def begun(self) -> str:
        """What a stream bears while this run restores it."""
        return f"{self.mark} {self.run}"


class StreamRestore:
    """The restore of one stream, over a connection of its own."""

    def __init__(self, how: How, plan: Plan) -> None:
        self._how = how
        self._plan = plan
        self._result = Restored(plan)

    @property
    def name(self) -> str:
        """On the server."""
        return self._plan.name

    def run(self) -> Restored:
        """Restore it, unless it is there already. Raises LifeboatError; then nothing that this run has begun is left."""
        with self._how.connection.open(self._how.deadline) as session:
            info = session.stream(self._plan.name)
            if info is not None and _restore_plan.mark_of(info.config) == self._how.mark:
                self._put_limits_back(session, info)
            else:
                copies = self._make_room(session, info)
                self._result.changed = True
                self._fill(session, copies)
            self._wait_for_replicas(session)
            return self._result

    def _put_limits_back(self, session: Session, info: StreamInfo) -> None:
        config = _restore_plan.put_back(info.config) if self._how.limits == "apply" else {}
        if config:
            session.update_stream(config)
            self._result.changed = True
        self._result.state = info.state

    def _make_room(self, session: Session, info: StreamInfo | None) -> list[StoredBackup]:
        """Remove what stands in the way and may be removed. Gives the copies to restore from, those that were proven first."""
        name, copies = self._plan.name, list(self._how.copies)
        if info is None:
            return copies
        if _restore_plan.mark_of(info.config, _restore_plan.BEGUN):
            self._check_abandoned(session, info)
            self._result.removed_leftover = True
        elif name in self._how.replace:
            proven = from_any(
                [copy.repository for copy in copies], lambda repository: self._prove(_copy_in(copies, repository)), self._how.warn
            )
            copies = [copy for copy in copies if copy is proven] + [copy for copy in copies if copy is not proven]
            self._result.replaced = True
        else:
            raise refuse_existing(name, info)
        session.delete_stream(name)
        self._sleep(_AFTER_DELETE_SECONDS)
        return copies

    def _check_abandoned(self, session: Session, info: StreamInfo) -> None:
        """A restore that was killed has left this, and the server may still be taking in what it had sent; one that is at work goes on."""
        began = changed = time.monotonic()
        seen = (info.created, info.state.get("messages"))
        while time.monotonic() < changed + _ABANDONED_SECONDS:
            self._sleep(0.5)
            now = session.stream(self._plan.name)
            if now is None:
                return
            if (now.created, now.state.get("messages")) != seen:
                seen, changed = (now.created, now.state.get("messages")), time.monotonic()
            if changed > began + _AT_WORK_SECONDS:
                raise LifeboatError(
                    f"Another restore is at work in the stream {self._plan.name}: it grows. Nothing has been done.",
                    hint="Wait for it, or end it. A restore that was killed is tidied up by the next one.",
                )

    def _prove(self, copy: StoredBackup) -> StoredBackup:
        """Read the archive to its end before anything is deleted for it. Raises DamagedError."""
        from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream._inspect import inspect

        stream = self._plan.stream
        facts, digests = inspect(copy.open(self._artifact(copy, ARCHIVE)), stream.name, processes=os.cpu_count() or 1)
        digests.close()
        for _piece in copy.open(self._artifact(copy, CONFIG)):
            pass
        if facts.fingerprint != stream.fingerprint:
            raise DamagedError(
                f"The archive of {stream.name} in {copy.repository.name} is not what was saved: its fingerprint is another one.",
                hint="Use another repository or another backup.",
            )
        return copy

    def _artifact(self, copy: StoredBackup, content: str) -> Artifact:
        for artifact in copy.artifacts(content):
            if artifact.name.startswith(f"{self._plan.stream.folder}/"):
                return artifact
        raise DamagedError(f"The manifest names no {content} of the stream {self._plan.stream.name}.", hint="Use another backup.")

    def _fill(self, session: Session, copies: t.Sequence[StoredBackup]) -> None:
        """Send the archive, from the first copy that is whole, and make the stream what it shall be."""

        def attempt(repository: t.Any) -> dict[str, t.Any]:
            info = self._sent(session, _copy_in(copies, repository))
            self._result.repository = repository.name
            return info

        info = from_any([copy.repository for copy in copies], attempt, self._how.warn)
        try:
            self._check_messages(info["state"])
            self._settle(session, info["config"])
        except BaseException:
            self._clean_up()
            raise
        self._restore_consumers(session)

    def _sent(self, session: Session, copy: StoredBackup) -> dict[str, t.Any]:
        """The final answer of the server. Raises LifeboatError; then what was begun is removed."""
        for attempt in range(1, _TRIES + 1):
            try:
                return self._send(session, copy)
            except ServerError as error:
                self._clean_up()
                if not error.transient or attempt == _TRIES:
                    raise _explained(error, self._plan) from None
                self._how.warn(f"{self._plan.name}: {error} It is tried again.")
                self._sleep(_AFTER_DELETE_SECONDS * attempt)
            except BaseException:
                self._clean_up()
                raise
        raise AssertionError("the last attempt returns or raises")

    def _send(self, session: Session, copy: StoredBackup) -> dict[str, t.Any]:
        from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream._convert import to_v2
        from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream._upload import upload

        plan, artifact = self._plan, self._artifact(copy, ARCHIVE)
        config = plan.request_config(self._how.begun, session.server_version)
        pieces = to_v2(lambda: copy.open(artifact), plan.stream.name) if plan.convert else copy.open(artifact)
        with self._how.connection.open(self._how.deadline) as dedicated:
            return upload(
                dedicated,
                plan.name,
                config,
                plan.stream.state,
                pieces,
                deadline=self._how.deadline.part(),
                on_sent=self._how.progress.advance,
            )

    def _clean_up(self) -> None:
        """Remove what this run has begun: servers from 2.15 keep it, as if it were the stream. Never anything else.

        With time of its own: the run's may be over, and its connection lost.
        """
        try:
            with self._how.connection.open(Deadline(_CLEAN_UP_SECONDS)) as session:
                info = session.stream(self._plan.name)
                if info is not None and _restore_plan.mark_of(info.config, _restore_plan.BEGUN) == self._how.begun:
                    session.delete_stream(self._plan.name)
        except LifeboatError as error:
            self._how.warn(f"Whether something of {self._plan.name} was left could not be seen; the next restore removes it: {error}")

    def _check_messages(self, state: t.Mapping[str, t.Any]) -> None:
        """Compare with the manifest. Raises SourceError when messages are missing and no limit explains it."""
        stream, messages = self._plan.stream, int(state.get("messages") or 0)
        self._result.state = dict(state)
        if messages >= stream.messages and int(state.get("last_seq") or 0) >= stream.last_sequence:
            return
        limit = _restore_plan.explained(self._plan, state)
        words = f"{self._plan.name} was restored with {messages} of the {stream.messages} messages that the backup holds"
        if not limit:
            raise SourceError(
                f"{words}, and no limit of the stream explains it.",
                hint="What came back was removed. Restore it elsewhere and compare (restore_verify), and keep the backup.",
            )
        self._how.warn(f"{words}: the stream's {limit} has dropped the others.")

    def _settle(self, session: Session, config: t.Mapping[str, t.Any]) -> None:
        final = self._plan.final_config(config, self._how.mark, session.server_version)
        if final != dict(config):
            session.update_stream(final)

    def _restore_consumers(self, session: Session) -> None:
        """Wait for those in the archive, which a cluster makes one by one, and make those that are missing."""
        if self._how.consumers == "ignore":
            return
        name, stream = self._plan.name, self._plan.stream
        durable = {consumer.name: consumer for consumer in stream.consumers if consumer.durable}
        awaited = {consumer for consumer in stream.archived_consumers if not stream.consumers or consumer in durable}
        until = time.monotonic() + _CONSUMERS_SECONDS
        while awaited - (there := self._consumers_there(session)) and time.monotonic() < until:
            self._sleep(_POLL_SECONDS)
        for consumer in durable.values():
            if consumer.name not in there:
                session.create_consumer(name, rebuilt(consumer, str(stream.config.get("retention", "limits"))))
                self._result.rebuilt_consumers.append(consumer.name)
        for lost in sorted(awaited - there - set(self._result.rebuilt_consumers)):
            self._how.warn(f"The consumer {lost} of {name} is in the archive, and did not come back.")

    def _consumers_there(self, session: Session) -> set[str]:
        """A cluster that is still making them may not answer for all of them."""
        for _attempt in range(int(_CONSUMERS_SECONDS / _POLL_SECONDS)):
            try:
                return {one.name for one in session.consumers(self._plan.name)}
            except ServerError as error:
                if not error.transient:
                    raise
                self._sleep(_POLL_SECONDS)
        return {one.name for one in session.consumers(self._plan.name)}

    def _wait_for_replicas(self, session: Session) -> None:
        """The server answers when the leader has the data; the others follow."""
        until = time.monotonic() + self._how.replicas_seconds
        while True:
            info = session.stream(self._plan.name)
            late = [] if info is None else not_current(info)
            if not late:
                return
            if time.monotonic() > until:
                raise LifeboatError(
                    f"{self._plan.name} is restored, but not all of its replicas are current: {', '.join(late)}.",
                    hint="Run the same task again to wait for them (nothing is restored a second time), or raise replicas_timeout.",
                )
            self._sleep(_POLL_SECONDS)

    def _sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._how.deadline.check(f"Restoring the stream {self._plan.name}")
            time.sleep(self._how.deadline.remaining(min(0.2, max(0.0, until - time.monotonic()))))


def not_current(info: StreamInfo) -> list[str]:
    """The replicas that are not there or not current; a word for it where there is no leader."""
    wanted = int(info.config.get("num_replicas") or 1)
    if wanted < 2:
        return []
    cluster = info.cluster or {}
    replicas = cluster.get("replicas") or []
    late = [str(replica.get("name")) for replica in replicas if replica.get("offline") or not replica.get("current")]
    if not cluster.get("leader"):
        late.append("no leader")
    if len(replicas) < wanted - 1:
        late.append(f"{wanted - 1 - len(replicas)} not there yet")
    return late


def _explained(error: ServerError, plan: Plan) -> LifeboatError:
    """Servers from 2.12 refuse keys that they do not know, and name the first."""
    found = re.search(r'unknown field "(\w+)"', str(error.details.get("description", "")))
    if not found:
        return error
    return SourceError(
        f"The configuration of {plan.stream.name} has the key {found[1]}, which this server does not know.",
        hint=f"Restore to a newer server, or do without it: config: {{{plan.stream.name}: {{{found[1]}: null}}}}. Nothing was restored.",
    )


def refuse_existing(name: str, info: StreamInfo) -> LifeboatError:
    """What to say of a stream that stands in the way."""
    mark = _restore_plan.mark_of(info.config)
    what = f"it was restored from {mark}" if mark else f"it holds {info.state.get('messages', 0)} messages"
    return LifeboatError(
        f"The stream {name} exists, and {what}.",
        hint=f"Say that it may be deleted (replace: [{name}]), or restore under another name (rename). Nothing has been done.",
    )


def _copy_in(copies: t.Sequence[StoredBackup], repository: t.Any) -> StoredBackup:
    return next(copy for copy in copies if copy.repository is repository)
