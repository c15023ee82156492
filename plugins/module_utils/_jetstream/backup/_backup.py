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
import platform
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _manifest, _run
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._artifacts import store_artifact
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._compression import open_compressor
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._memory import suited_to_a_transfer
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._together import together
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import to_plain
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.backup import _proof
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._errors_of_server import ServerError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.inspect import _inspect
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.inspect._workers import Pool
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model import _by_hand, _content

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
    from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import Cipher
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.backup._sources import Source
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository

_TRIES = 4
_FIRST_PAUSE_SECONDS = 0.5


@dataclasses.dataclass(frozen=True)
class Request:
    """What to back up, how, and where to."""

    app: str
    component: str
    repositories: tuple[Repository, ...]
    cipher: Cipher
    jobs: int = 4
    time_limit_seconds: float = 0


@dataclasses.dataclass(frozen=True)
class Preflight:
    """What is known before work starts."""

    content: _content.JetStreamContent  # without its streams
    waves: tuple[tuple[Source, ...], ...]  # what an earlier one holds is saved before what a later one holds
    needed_bytes: int
    tool_versions: dict[str, str]


def back_up(
    request: Request, before: Preflight, stem: str, progress: Progress, warn: t.Callable[[str], None]
) -> tuple[_manifest.Manifest, _run.StoringResult]:
    """Take the backup.

    ``stem`` is what the run's lock gave. Raises LifeboatError; then nothing of the backup is left anywhere.
    """
    suited_to_a_transfer()
    started = datetime.datetime.now(datetime.timezone.utc)
    backup_id = _manifest.new_backup_id(started)
    folder = _manifest.backup_folder(request.app, request.component, backup_id)
    progress.phase("preflight", "checking the repositories")
    reachable, failed = _run.writable(request.repositories, before.needed_bytes)
    with _run.Storing(stem, folder, reachable, failed) as storing, Pool() as pool:
        work = _Work(request, storing, Deadline(request.time_limit_seconds), progress, warn, pool)
        progress.phase("snapshot", "saving the streams", before.needed_bytes)
        saved = [one for wave in before.waves for one in work.save_all(wave)]
        content = dataclasses.replace(
            before.content, streams=tuple(sorted((one.stream for one in saved), key=lambda one: one.name))
        )
        artifacts = tuple(
            sorted((artifact for one in saved for artifact in one.artifacts), key=lambda artifact: artifact.name)
        )
        taken_at = min(one.taken_at for one in saved)

        def manifest(repositories: tuple[str, ...]) -> _manifest.Manifest:
            return _manifest.Manifest(
                app=request.app,
                component=request.component,
                backup_id=backup_id,
                engine=_content.ENGINE,
                started_at=_manifest.iso(started),
                snapshot_at=_manifest.iso(taken_at),
                finished_at=_manifest.iso(datetime.datetime.now(datetime.timezone.utc)),
                host=platform.node(),
                tool_versions={**before.tool_versions, "python": platform.python_version()},
                encoding=_manifest.Encoding("none", request.cipher.engine, tuple(request.cipher.recipients)),
                artifacts=artifacts,
                content=to_plain(content),
                repositories=repositories,
                restore_by_hand=_by_hand.commands(
                    artifacts, open_compressor({"engine": "none"}), request.cipher, content
                ),
            )

        progress.phase("manifest", "writing the manifest")
        outcome = storing.finish(lambda repositories: _manifest.dump(manifest(repositories)))
        return manifest(tuple(outcome.stored_in)), outcome


@dataclasses.dataclass(frozen=True)
class _Saved:
    """One stream, as it lies in the repositories now."""

    stream: _content.Stream
    artifacts: tuple[_manifest.Artifact, ...]
    taken_at: datetime.datetime


class _Work:
    """The streams of one backup."""

    def __init__(
        self,
        request: Request,
        storing: _run.Storing,
        deadline: Deadline,
        progress: Progress,
        warn: t.Callable[[str], None],
        pool: Pool,
    ) -> None:
        self._request = request
        self._storing = storing
        self._deadline = deadline
        self._progress = progress
        self._warn = warn
        self._pool = pool
        self._processes = 1

    def save_all(self, sources: t.Sequence[Source]) -> list[_Saved]:
        """These streams, side by side, the largest first."""
        largest_first = sorted(sources, key=lambda source: -source.estimated_bytes)
        at_a_time = max(1, min(self._request.jobs, len(sources)))
        self._processes = max(1, (os.cpu_count() or 1) // at_a_time)  # a lone stream is read by all that there are
        _inspect.make_ready(
            self._pool, [source.estimated_bytes for source in largest_first[:at_a_time]], self._processes
        )
        return together(
            [functools.partial(self._save, source) for source in largest_first], self._request.jobs, self._deadline
        )

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
            archive = self._store(
                opened.name, _content.ARCHIVE_FILE, _content.ARCHIVE, proof.pieces(), source.estimated_bytes, deadline
            )
            stream = dataclasses.replace(proof.stream(), seconds=round(time.monotonic() - began, 3))
            document = json.dumps({"config": opened.config, "state": opened.state}, indent=2).encode()
            config = self._store(
                opened.name, _content.CONFIG_FILE, _content.CONFIG, iter([document]), len(document), deadline
            )
            for warning in opened.warnings:
                self._warn(warning)
            return _Saved(stream, (config, archive), source.taken_at or taken_at)

    def _store(
        self, name: str, file: str, content: str, pieces: t.Iterator[bytes], estimated_bytes: int, deadline: Deadline
    ) -> _manifest.Artifact:
        """Store one file in every repository that has not failed so far.

        The fingerprint covers the archive's messages.
        """
        return store_artifact(
            self._storing,
            f"{_content.stream_folder(name)}/{file}{self._request.cipher.suffix}",
            content,
            pieces,
            compressor=open_compressor({"engine": "none"}),
            cipher=self._request.cipher,
            estimated_bytes=estimated_bytes,
            deadline=deadline,
            hash_plain=content == _content.CONFIG,
            on_bytes=self._progress.advance,
        )
