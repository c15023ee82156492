# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""One backup while it is taken, whatever the store: its id, its files in every repository, and the manifest last."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import platform
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _by_hand, _manifest, _run
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._pipeline import store
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._library_versions import versions_in_use
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import to_plain

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._compression import Compressor
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._engine import Engine, LookT, Part, Saved
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Artifact
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
    from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import Cipher
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository


@dataclasses.dataclass(frozen=True)
class Destination:
    """Whose backup it is, where it goes and how it is encoded.

    ``label`` says why it is taken, for retention; ``time_limit_seconds`` of 0 is no limit.
    """

    app: str
    component: str
    repositories: tuple[Repository, ...]
    compressor: Compressor
    cipher: Cipher
    label: str = ""
    time_limit_seconds: float = 0


class BackupSession:
    """What an engine sees of the backup that it saves."""

    def __init__(
        self, destination: Destination, started: datetime.datetime, storing: _run.Storing, progress: Progress
    ) -> None:
        self.backup_id = storing.folder.rpartition("/")[2]
        self.compressor = destination.compressor
        self.cipher = destination.cipher
        self.started = started
        self.progress = progress
        self.deadline = Deadline(destination.time_limit_seconds)
        self._storing = storing
        self._artifacts: dict[str, Artifact] = {}

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """The files that have been stored so far, by name."""
        return tuple(artifact for _name, artifact in sorted(self._artifacts.items()))

    def store(self, part: Part, deadline: Deadline | None = None) -> Artifact:
        """Compress, encrypt and store one file in every repository that has not failed so far.

        May be called from several threads. ``deadline`` is for a file that may be tried again. Raises what the part's
        pieces raise, DeadlineError, or RepositoryError when no repository took it.
        """
        digest = hashlib.sha256() if part.hash_plain else None
        plain_bytes = 0

        def observe(piece: bytes) -> None:
            nonlocal plain_bytes
            plain_bytes += len(piece)
            if digest:
                digest.update(piece)
            self.progress.advance(len(piece))

        name = f"{part.name}{self.compressor.suffix}{self.cipher.suffix}"
        stored = store(
            part.pieces,
            path=f"{self._storing.folder}/{name}",
            repositories=self._storing.repositories,
            compressor=self.compressor,
            cipher=self.cipher,
            estimated_bytes=part.estimated_bytes,
            deadline=deadline or self.deadline,
            on_source=observe,
        )
        self._storing.note_failures(stored.failed)
        plain_sha256 = digest.hexdigest() if digest else ""
        artifact = _manifest.Artifact(name, part.content, plain_bytes, stored.bytes, stored.sha256, plain_sha256)
        self._artifacts[name] = artifact
        return artifact

    def opened(self, artifact: Artifact) -> str:
        """A command of stock tools that writes the artifact's plain bytes to its output."""
        return _by_hand.opened(artifact, self.compressor, self.cipher)

    def encoding(self) -> _manifest.Encoding:
        """How the files are encoded; a backup without files of ours is not."""
        if not self._artifacts:
            return _manifest.Encoding("none", "none")
        return _manifest.Encoding(self.compressor.engine, self.cipher.engine, tuple(self.cipher.recipients))


def back_up(
    engine: Engine[LookT], look: LookT, destination: Destination, stem: str, progress: Progress
) -> tuple[_manifest.Manifest, _run.StoringResult]:
    """Take the backup that the engine has looked at.

    ``stem`` is what the run's lock gave. Raises LifeboatError; then nothing of the backup is left anywhere.
    """
    started = datetime.datetime.now(datetime.timezone.utc)
    backup_id = _manifest.new_backup_id(started)
    folder = _manifest.backup_folder(destination.app, destination.component, backup_id)
    progress.phase("preflight", "checking the repositories")
    reachable, failed = _run.writable(destination.repositories, look.needed_bytes)
    with _run.Storing(stem, folder, reachable, failed) as storing:
        session = BackupSession(destination, started, storing, progress)
        saved = engine.save(look, session)
        bare = _manifest_of(engine.name, destination, session, saved)
        progress.phase("manifest", "writing the manifest")
        result = storing.finish(
            lambda repositories: _manifest.dump(dataclasses.replace(bare, repositories=repositories))
        )
    return dataclasses.replace(bare, repositories=tuple(result.stored_in)), result


def _manifest_of(engine: str, destination: Destination, session: BackupSession, saved: Saved) -> _manifest.Manifest:
    """The manifest, but for the repositories."""
    return _manifest.Manifest(
        app=destination.app,
        component=destination.component,
        backup_id=session.backup_id,
        engine=engine,
        started_at=_manifest.iso(session.started),
        snapshot_at=_manifest.iso(saved.taken_at),
        finished_at=_manifest.iso(datetime.datetime.now(datetime.timezone.utc)),
        host=platform.node(),
        tool_versions={**saved.tool_versions, **versions_in_use(), "python": platform.python_version()},
        encoding=session.encoding(),
        artifacts=session.artifacts,
        content=to_plain(saved.content),
        reference=saved.reference,
        restore_by_hand=(*_by_hand.checks(session.artifacts), *saved.by_hand),
        label=destination.label,
    )
