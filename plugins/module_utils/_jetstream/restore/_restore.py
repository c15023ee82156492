# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Restores streams: what exists is left alone unless its name was typed, what this run began and could not finish is
removed again.

From the bytes in a repository to a stream whose replicas are current and whose consumers stand where they stood.
"""

from __future__ import annotations

import os
import re
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import from_any
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import (
    DamagedError,
    LifeboatError,
    RepositoryError,
    SourceError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._errors_of_server import (
    ServerError,
    is_name_taken,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model import _restore_plan
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._content import ARCHIVE, CONFIG, config_in
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.restore import _afterwards
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.restore._restore_run import Restored, RestoreRun

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Artifact
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import StoredBackup
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._session import Session, StreamInfo
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._content import Consumer
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._restore_plan import Plan
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.restore._republish import Republished

_TRIES = 3
_AFTER_DELETE_SECONDS = 2.0  # 2.15.1 may refuse a stream that was deleted a moment before
_ABANDONED_SECONDS = 6.0  # a restore that sends nothing for 5 s is given up by the server
_ASK_AGAIN_SECONDS = 1.0
_AT_WORK_SECONDS = 20.0
_CLEAN_UP_SECONDS = 20.0


class StreamRestore:
    """The restore of one stream, over a connection of its own."""

    def __init__(self, how: RestoreRun, plan: Plan) -> None:
        self._how = how
        self._plan = plan
        self._result = Restored(plan)
        self._let_go = 0.0  # until when the server may hold the name for a try of ours that failed

    @property
    def name(self) -> str:
        """On the server."""
        return self._plan.name

    def run(self) -> Restored:
        """Restore it, unless it is there already.

        Raises LifeboatError; then nothing that this run has begun is left.
        """
        with self._how.connection.open(self._how.deadline) as session:
            info = session.stream(self._plan.name)
            if info is not None and _restore_plan.is_there(self._plan, info.config, info.state, self._how.mark):
                self._go_on(session, info)
            else:
                copies = self._make_room(session, info)
                self._result.changed = True
                self._fill(session, copies)
            _afterwards.wait_for_replicas(
                session, self._plan, self._sleep, self._how.replicas_seconds, just_restored=self._result.changed
            )
            return self._result

    def look_for_more(self) -> None:
        """Warn when the stream has taken its sources' messages once more, after all streams are restored."""
        if self._result.changed and self._plan.wanted.get("sources"):
            with self._how.connection.open(self._how.deadline) as session:
                if session.server_version >= _restore_plan.V2_SINCE:
                    _afterwards.warn_of_more(session, self._plan, self._sleep, self._how.warn)

    def _go_on(self, session: Session, info: StreamInfo) -> None:
        """The stream is there. What an earlier run did not come to is done now."""
        if self.name in self._how.replace:
            self._how.warn(
                f"The stream {self.name} was restored from this backup before, so it was not replaced: what has been "
                "changed in it since is still there. To restore it once more, delete it first."
            )
        self._warn_of_fewer(info)
        if _restore_plan.mark_of(info.config, _restore_plan.UNFINISHED):
            self._make_consumers(session, self._missing_consumers(session))
            self._result.changed = True
            info = session.stream(self._plan.name) or info
        self._put_limits_back(session, info)

    def _warn_of_fewer(self, info: StreamInfo) -> None:
        """What was taken away since may be right, as in a queue; that nothing brings it back has to be said."""
        there, messages = int(info.state.get("messages") or 0), self._plan.stream.messages
        if there < messages:
            self._how.warn(
                f"The stream {self.name} was restored from this backup before, and holds {there} messages now; the "
                f"backup holds {messages}. It was left as it is. To restore it once more, delete it first."
            )

    def _put_limits_back(self, session: Session, info: StreamInfo) -> None:
        config = _restore_plan.put_back(info.config) if self._how.limits == "apply" else {}
        if config:
            session.update_stream(config)
            self._result.changed = True
        self._result.state = info.state

    def _make_room(self, session: Session, info: StreamInfo | None) -> list[StoredBackup]:
        """Remove what stands in the way and may be removed.

        Gives the copies to restore from, those that were proven first.
        """
        name, copies = self._plan.name, list(self._how.copies)
        if info is None:
            return copies
        if _restore_plan.mark_of(info.config, _restore_plan.BEGUN):
            self._check_abandoned(session, info)
            self._result.removed_leftover = True
        elif name in self._how.replace:
            proven = from_any(
                [copy.repository for copy in copies],
                lambda repository: self._prove(_copy_in(copies, repository)),
                self._how.warn,
            )
            copies = [copy for copy in copies if copy is proven] + [copy for copy in copies if copy is not proven]
            self._result.replaced = True
        else:
            raise refuse_existing(name, info)
        session.delete_stream(name)
        self._sleep(_AFTER_DELETE_SECONDS)
        return copies

    def _check_abandoned(self, session: Session, info: StreamInfo) -> None:
        """A restore that was killed has left this, and the server may still be taking in what it had sent; one that is
        at work goes on.
        """
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
        from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.inspect._inspect import inspect

        stream = self._plan.stream
        facts, digests = inspect(copy.open(self._artifact(copy, ARCHIVE)), stream.name, processes=os.cpu_count() or 1)
        digests.close()
        for _piece in copy.open(self._artifact(copy, CONFIG)):
            pass
        if facts.fingerprint != stream.fingerprint:
            raise DamagedError(
                f"The archive of {stream.name} in {copy.repository.name} is not what was saved: its fingerprint is "
                "another one.",
                hint="Use another repository or another backup.",
            )
        return copy

    def _artifact(self, copy: StoredBackup, content: str) -> Artifact:
        for artifact in copy.artifacts(content):
            if artifact.name.startswith(f"{self._plan.stream.folder}/"):
                return artifact
        raise DamagedError(
            f"The manifest names no {content} of the stream {self._plan.stream.name}.", hint="Use another backup."
        )

    def _fill(self, session: Session, copies: t.Sequence[StoredBackup]) -> None:
        """Send the archive, from the first copy that is whole, and make the stream what it shall be."""

        def attempt(repository: t.Any) -> dict[str, t.Any]:
            self._look_at_config(_copy_in(copies, repository))
            info = self._sent(session, _copy_in(copies, repository))
            self._result.repository = repository.name
            return info

        if self._plan.republish:
            return self._publish_again(session, copies)
        info = from_any([copy.repository for copy in copies], attempt, self._how.warn)
        try:
            self._check_messages(info["state"], copies)
            if self._plan.sources_later(session.server_version):
                self._continue_sources(copies)
            missing = self._settle(session, info["config"])
        except BaseException:
            self._clean_up()
            raise
        self._make_consumers(session, missing)

    def _publish_again(self, session: Session, copies: t.Sequence[StoredBackup]) -> None:
        """Make the stream anew from the messages of the first copy that is whole."""
        from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.inspect._convert import read_messages
        from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.restore._republish import finish, republish

        how, plan = self._how, self._plan

        def attempt(repository: t.Any) -> Republished:
            copy = _copy_in(copies, repository)
            self._look_at_config(copy)
            messages = read_messages(lambda: copy.open(self._artifact(copy, ARCHIVE)), plan.stream.name)
            config = plan.request_config(how.begun, session.server_version)
            try:
                done = republish(session, plan, config, messages, how.deadline, how.progress.advance)
            except BaseException:
                self._clean_up()
                raise
            self._result.repository = repository.name
            return done

        done = from_any([copy.repository for copy in copies], attempt, how.warn)
        try:
            finish(session, how, plan, done, self._result)
        except BaseException:
            self._clean_up()
            raise

    def _continue_sources(self, copies: t.Sequence[StoredBackup]) -> None:
        def attempt(repository: t.Any) -> Plan:
            copy = _copy_in(copies, repository)
            pieces = copy.open(self._artifact(copy, ARCHIVE))
            return _afterwards.with_continued_sources(self._plan, pieces, self._how.warn)

        self._plan = from_any([copy.repository for copy in copies], attempt, self._how.warn)

    def _look_at_config(self, copy: StoredBackup) -> None:
        """The configuration comes from the manifest. A stored one that is damaged changes nothing, and is named.

        Raises DamagedError when it is whole and another one: somebody has changed one of the two.
        """
        name = self._plan.stream.name
        try:
            stored = config_in(b"".join(copy.open(self._artifact(copy, CONFIG))), name)
        except (DamagedError, RepositoryError) as error:
            self._how.warn(
                f"{self._plan.name} is restored with the configuration in the manifest. The stored one in "
                f"{copy.repository.name} is not whole: {error.message} Prove the backup again (restore_verify)."
            )
            return
        if stored != self._plan.stream.config:
            raise DamagedError(
                f"The configuration of {name} in the manifest is not the one that is stored beside its archive in "
                f"{copy.repository.name}: one of the two was changed. Nothing was restored.",
                hint="Use another repository or another backup.",
            )

    def _sent(self, session: Session, copy: StoredBackup) -> dict[str, t.Any]:
        """The final answer of the server. Raises LifeboatError; then what was begun is removed."""
        tries = 0
        while True:
            try:
                return self._send(session, copy)
            except BaseException as error:
                self._clean_up()
                if is_name_taken(error) and time.monotonic() < self._let_go:
                    self._sleep(_ASK_AGAIN_SECONDS)  # by our own last try, which the server has not given up yet
                    continue
                tries += 1
                self._let_go = time.monotonic() + _AFTER_DELETE_SECONDS * tries + _ABANDONED_SECONDS
                if not isinstance(error, ServerError):
                    raise
                if not error.transient or tries == _TRIES:
                    raise _explained(error, self._plan) from None
                self._how.warn(f"{self._plan.name}: {error} It is tried again.")
                self._sleep(_AFTER_DELETE_SECONDS * tries)

    def _send(self, session: Session, copy: StoredBackup) -> dict[str, t.Any]:
        from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.inspect._convert import to_v2
        from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.restore._upload import upload

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
            self._how.warn(
                f"Whether something of {self._plan.name} was left could not be seen; the next restore removes it: "
                f"{error}"
            )

    def _check_messages(self, state: t.Mapping[str, t.Any], copies: t.Sequence[StoredBackup]) -> None:
        """Compare with the manifest. Raises SourceError when messages are missing, and neither a limit nor a time to
        live of their own explains it.
        """
        stream, messages = self._plan.stream, int(state.get("messages") or 0)
        self._result.state = dict(state)
        if messages >= stream.messages and int(state.get("last_seq") or 0) >= stream.last_sequence:
            return
        words = (
            f"{self._plan.name} was restored with {messages} of the {stream.messages} messages that the backup holds"
        )
        outlived = self._outlived(copies) if self._plan.wanted.get("allow_msg_ttl") else 0
        if outlived and messages + outlived >= stream.messages:
            self._how.warn(f"{words}: the others had outlived their own time to live (Nats-TTL).")
            return
        limit = _restore_plan.explained(self._plan, state)
        if not limit:
            raise SourceError(
                f"{words}, and no limit of the stream explains it.",
                hint=(
                    "What came back was removed. Restore it elsewhere and compare (restore_verify), and keep the "
                    "backup."
                ),
            )
        self._how.warn(f"{words}: the stream's {limit} has dropped the others.")

    def _outlived(self, copies: t.Sequence[StoredBackup]) -> int:
        """How many messages of the archive are older than the time to live that they have themselves."""

        def attempt(repository: t.Any) -> int:
            copy = _copy_in(copies, repository)
            return _afterwards.outlived(self._plan, lambda: copy.open(self._artifact(copy, ARCHIVE)))

        return from_any([copy.repository for copy in copies], attempt, self._how.warn)

    def _settle(self, session: Session, config: t.Mapping[str, t.Any]) -> list[Consumer]:
        """Make the stream what it shall be, with the backup's mark. Gives the consumers that are to be made again.

        Until they are made it says so, too: a run that could not make them, or was killed, is gone on with by the next
        one.
        """
        plan, version = self._plan, session.server_version
        missing = self._missing_consumers(session)
        final = plan.final_config(config, self._how.mark, version, unfinished=bool(missing))
        if final != dict(config):
            session.update_stream(final)
        return missing

    def _missing_consumers(self, session: Session) -> list[Consumer]:
        if self._how.consumers == "ignore":
            return []
        return _afterwards.missing_consumers(session, self._plan, self._sleep, self._how.warn)

    def _make_consumers(self, session: Session, missing: t.Sequence[Consumer]) -> None:
        for consumer in missing:
            _afterwards.make(session, self._plan, consumer)
            self._result.rebuilt_consumers.append(consumer.name)
        info = session.stream(self._plan.name)
        if info is not None and _restore_plan.mark_of(info.config, _restore_plan.UNFINISHED):
            session.update_stream(self._plan.finished(info.config))

    def _sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._how.deadline.check(f"Restoring the stream {self._plan.name}")
            time.sleep(self._how.deadline.remaining(min(0.2, max(0.0, until - time.monotonic()))))


def _explained(error: ServerError, plan: Plan) -> LifeboatError:
    """Servers from 2.12 refuse keys that they do not know, and name the first."""
    found = re.search(r'unknown field "(\w+)"', str(error.details.get("description", "")))
    if not found:
        return error
    return SourceError(
        f"The configuration of {plan.stream.name} has the key {found[1]}, which this server does not know.",
        hint=(
            f"Restore to a newer server, or do without it: config: {{{plan.stream.name}: {{{found[1]}: null}}}}. "
            "Nothing was restored."
        ),
    )


def refuse_existing(name: str, info: StreamInfo) -> LifeboatError:
    """What to say of a stream that stands in the way."""
    mark = _restore_plan.mark_of(info.config)
    holds = f"holds {info.state.get('messages', 0)} messages"
    what = f"says that it was restored from {mark}, and {holds}" if mark else holds
    return LifeboatError(
        f"The stream {name} exists, and it {what}.",
        hint=(
            f"Say that it may be deleted (replace: [{name}]), or restore under another name (rename). Nothing has "
            "been done."
        ),
    )


def _copy_in(copies: t.Sequence[StoredBackup], repository: t.Any) -> StoredBackup:
    return next(copy for copy in copies if copy.repository is repository)
