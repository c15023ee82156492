# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""One backup of an account's streams: several side by side, each archive proven as it passes, and the manifest last."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import json
import os
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._engine import Engine, Part, Saved
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._memory import suited_to_a_transfer
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._together import together
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import seconds_or_zero
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, LifeboatError, SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.backup import _proof
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.backup._preflight import (
    Preflight,
    look_at_folder,
    look_at_server,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._errors_of_server import ServerError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.inspect import _inspect
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.inspect._workers import Pool
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model import _by_hand, _content, _continuity
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._store import STORE

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Artifact, Manifest
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._session import BackupSession
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.backup._sources import Source

_TRIES = 4
_FIRST_PAUSE_SECONDS = 0.5


class JetStreamEngine(Engine[Preflight]):
    """The streams of one account, or of a folder that the command line has written."""

    name = STORE.engine

    def look(self, last: Manifest | None) -> Preflight:
        """Choose the streams, and check the rights for them."""
        from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._connection import (
            connection_from_options,
        )

        options = self._options
        if options["from_folder"]:
            return look_at_folder(options)
        deadline = Deadline(seconds_or_zero("time_limit", options["time_limit"]))
        return look_at_server(connection_from_options(options), options, deadline, self._warn, self._earlier(last))

    def _earlier(self, last: Manifest | None) -> dict[str, _continuity.Earlier]:
        """What the backup before says of the streams; nothing where it cannot be read, which proofs find."""
        try:
            content = _content.content_of(last.content, "the manifest") if last else None
        except LifeboatError:
            content = None
        return _continuity.of_backup(content, last.backup_id) if content and last else {}

    def planned(self, look: Preflight) -> dict[str, t.Any]:
        """The streams and their sizes."""
        sources = [source for wave in look.waves for source in wave]
        return {
            "server_version": look.content.server_version,
            "streams": sorted(source.name for source in sources),
            "stream_bytes": sum(source.estimated_bytes for source in sources),
            "needed_bytes": look.needed_bytes,
        }

    def save(self, look: Preflight, session: BackupSession) -> Saved:
        """Save the streams, each archive proven as it passes."""
        suited_to_a_transfer()
        session.progress.phase("snapshot", "saving the streams", look.needed_bytes)
        with Pool() as pool:
            work = _Work(session, self._options["jobs"], self._warn, pool)
            saved = [one for wave in look.waves for one in work.save_all(wave)]
        if work.damaged and not saved:
            raise next(iter(work.damaged.values()))
        if not saved:
            document = json.dumps(look.content.account, indent=1).encode()
            session.store(Part("account.json", "account", iter([document]), len(document)))
        streams = tuple(sorted((one.stream for one in saved), key=lambda one: one.name))
        left_out = {**look.content.left_out, **{name: error.message for name, error in work.damaged.items()}}
        content = dataclasses.replace(look.content, streams=streams, left_out=left_out)
        if streams and not content.messages:
            self._warn(
                "The streams hold no message at all: make sure that the account is the one you mean. A proof of this "
                "backup compares nothing."
            )
        for stream in streams:
            if stream.missing_consumers:
                names = ", ".join(stream.missing_consumers)
                self._warn(
                    f"The snapshot of {stream.name} lacks these consumers, which a restore makes again: {names}."
                )
        return Saved(
            content,
            taken_at=min((one.taken_at for one in saved), default=session.started),
            tool_versions=look.tool_versions,
            by_hand=_by_hand.commands(session.artifacts, session.opened, session.cipher, content),
        )

    def lacks(self, manifest: Manifest) -> str:
        """Streams of a folder that are broken."""
        left_out = _content.content_of(manifest.content, "the manifest").left_out
        if not left_out:
            return ""
        words = "; ".join(f"{name}: {why}" for name, why in sorted(left_out.items()))
        return (
            f"The backup {manifest.backup_id} holds all streams of the folder but {len(left_out)}. {words} Use another "
            "backup of the command line for what is broken, or leave it out with exclude."
        )

    def describe(self, manifest: Manifest) -> dict[str, t.Any]:
        """What was saved of which server."""
        content = _content.content_of(manifest.content, "the manifest")
        return {
            "server_version": content.server_version,
            "messages": content.messages,
            "left_out": content.left_out,
            "streams": [described(stream) for stream in content.streams],
        }


def described(stream: _content.Stream) -> dict[str, t.Any]:
    """A stream's essentials."""
    return {
        "name": stream.name,
        "kind": stream.kind,
        "bucket": stream.bucket,
        "messages": stream.messages,
        "bytes": stream.bytes,
        "first_sequence": stream.first_sequence,
        "last_sequence": stream.last_sequence,
        "format": stream.format,
        "method": stream.method,
        "fingerprint": stream.fingerprint,
        "hash_engine": stream.hash_engine,
        "consumers": sum(consumer.durable for consumer in stream.consumers),
        "missing_consumers": list(stream.missing_consumers),
    }


@dataclasses.dataclass(frozen=True)
class _Saved:
    """One stream, as it lies in the repositories now."""

    stream: _content.Stream
    taken_at: datetime.datetime


class _Work:
    """The streams of one backup."""

    def __init__(self, session: BackupSession, jobs: int, warn: t.Callable[[str], None], pool: Pool) -> None:
        self._session = session
        self._jobs = jobs
        self._deadline = session.deadline
        self._warn = warn
        self._pool = pool
        self._processes = 1
        self.damaged: dict[str, LifeboatError] = {}  # streams of a folder; the others are saved

    def save_all(self, sources: t.Sequence[Source]) -> list[_Saved]:
        """These streams, side by side, the largest first. Those that are damaged are in ``damaged``."""
        if not sources:
            return []
        largest_first = sorted(sources, key=lambda source: -source.estimated_bytes)
        at_a_time = max(1, min(self._jobs, len(sources)))
        self._processes = max(1, (os.cpu_count() or 1) // at_a_time)  # a lone stream is read by all that there are
        _inspect.make_ready(
            self._pool, [source.estimated_bytes for source in largest_first[:at_a_time]], self._processes
        )
        works = [functools.partial(self._save_alone, source) for source in largest_first]
        return [saved for saved in together(works, self._jobs, self._deadline) if saved is not None]

    def _save_alone(self, source: Source) -> _Saved | None:
        try:
            return self._save(source)
        except (DamagedError, SourceError) as error:
            if not source.alone:
                raise
            self.damaged[source.name] = error
            return None

    def _save(self, source: Source) -> _Saved:
        """One stream. What may be over in a moment (another snapshot of it, a change of its leader) is tried again."""
        for attempt in range(1, _TRIES + 1):
            try:
                return self._attempt(source, self._deadline.part())
            except ServerError as error:
                if not error.transient or attempt == _TRIES:
                    raise
                self._warn(f"{source.name}: {error} It is tried again.")
                self._pause(_FIRST_PAUSE_SECONDS * 2**attempt, source.name)
        raise AssertionError("the last attempt returns or raises")

    def _pause(self, seconds: float, name: str) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._deadline.check(f"Saving the stream {name}")
            time.sleep(self._deadline.remaining(min(0.2, max(0.0, until - time.monotonic()))))

    def _attempt(self, source: Source, deadline: Deadline) -> _Saved:
        began, taken_at = time.monotonic(), datetime.datetime.now(datetime.timezone.utc)
        with source.open(deadline) as opened, _proof.Proof(opened, self._processes, self._pool) as proof:
            self._store(
                opened.name, _content.ARCHIVE_FILE, _content.ARCHIVE, proof.pieces(), source.estimated_bytes, deadline
            )
            stream = dataclasses.replace(proof.stream(), seconds=round(time.monotonic() - began, 3))
            document = json.dumps({"config": opened.config, "state": opened.state}, indent=2).encode()
            self._store(opened.name, _content.CONFIG_FILE, _content.CONFIG, iter([document]), len(document), deadline)
            for warning in opened.warnings:
                self._warn(warning)
            return _Saved(stream, source.taken_at or taken_at)

    def _store(
        self, name: str, file: str, content: str, pieces: t.Iterator[bytes], estimated_bytes: int, deadline: Deadline
    ) -> Artifact:
        """Store one file in every repository that has not failed so far.

        The fingerprint covers the archive's messages.
        """
        part = Part(
            f"{_content.stream_folder(name)}/{file}", content, pieces, estimated_bytes, content == _content.CONFIG
        )
        return self._session.store(part, deadline)
