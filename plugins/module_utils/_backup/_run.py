# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""One run of a backup, whatever the store: no two at a time, no half-backup left over, the manifest last.

Before the first byte is stored, the run writes its backup id into a journal on the host. A killed run leaves the
journal behind, so the next run knows what to remove, in which repository, and never has to guess whose unfinished files
it sees.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import fcntl
import glob
import json
import os
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _manifest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, RepositoryError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository


def default_state_dir() -> str:
    """Where locks and journals are: ``/var/lib/lifeboat`` for root, else the user's own state folder."""
    if os.geteuid() == 0:
        return "/var/lib/lifeboat"
    return os.path.join(os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state"), "lifeboat")


def _unusable(state_dir: str, error: OSError) -> LifeboatError:
    return LifeboatError(
        f"The state folder {state_dir} cannot be used: {error.strerror}.",
        hint="Name a folder in state_dir that this user may write to, on a disk that is not full.",
    )


@contextlib.contextmanager
def exclusive(state_dir: str, app: str, component: str) -> t.Iterator[str]:
    """Hold the lock of one component; gives the stem of its journals' paths. The kernel frees the lock when the process
    ends, in any way.

    Raises LifeboatError when another run holds it.
    """
    try:
        os.makedirs(state_dir, mode=0o700, exist_ok=True)
        # No name holds an @, so no component's stem is the beginning of another's.
        stem = os.path.join(state_dir, f"{app}@{component}@")
        descriptor = os.open(f"{stem}lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unusable(state_dir, error) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.pread(descriptor, 100, 0).decode("ascii", "replace").strip()
            raise LifeboatError(
                f"Another run for {app}/{component} is at work on this host ({owner or 'unknown process'}). Nothing "
                "has been done.",
                hint="Wait for it, or end it; its leftovers are removed by the next run.",
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()}\n".encode("ascii"), 0)
        yield stem
    finally:
        os.close(descriptor)


def remove_leftovers(stem: str, repositories: t.Sequence[Repository]) -> list[str]:
    """Remove what killed runs left, as their journals tell. Gives the names of what was removed.

    The journal keeps the names of repositories that cannot be reached, or are not among these, for a later run.
    """
    removed: list[str] = []
    try:
        for unfinished in glob.glob(f"{glob.escape(stem)}*.journal.new"):
            os.unlink(unfinished)  # the run was killed while it wrote its journal, so it had stored nothing yet
        for path in sorted(glob.glob(f"{glob.escape(stem)}*.journal")):
            removed += _follow(path, repositories)
    except OSError as error:
        raise _unusable(os.path.dirname(stem), error) from None
    return removed


def _follow(journal: str, repositories: t.Sequence[Repository]) -> list[str]:
    try:
        with open(journal, encoding="ascii") as file:
            document = read_json(file.read())
        folder, left = str(document["folder"]), {str(name) for name in document["repositories"]}
    except (ValueError, KeyError, TypeError):
        raise LifeboatError(
            f"The journal {journal} of a run that was killed cannot be read: it was changed, or the disk lost it.",
            hint="Remove it; what that run may have left in a repository has no manifest and does no harm.",
        ) from None
    removed: list[str] = []
    for repository in repositories:
        if repository.name not in left:
            continue
        try:
            removed += _remove_unless_whole(repository, folder)
        except RepositoryError:
            continue
        left.remove(repository.name)
    if left:
        _write_journal(journal, folder, sorted(left))
    else:
        os.unlink(journal)
    return removed


def _write_journal(journal: str, folder: str, repositories: t.Sequence[str]) -> None:
    """Whole or not at all, and on the disk before anything is stored."""
    temporary = f"{journal}.new"
    with open(
        os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w", encoding="ascii"
    ) as file:
        json.dump({"folder": folder, "repositories": list(repositories)}, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, journal)


def _remove_unless_whole(repository: Repository, folder: str) -> list[str]:
    """The killed run may have finished in this repository: then the backup is as good as any other."""
    if any(file.path == f"{folder}/{_manifest.MANIFEST_NAME}" for file in repository.list_files(folder)):
        return []
    return remove_folder(repository, folder)


def remove_folder(repository: Repository, folder: str) -> list[str]:
    """Remove a backup's folder, whole files and unfinished ones, the manifest first: nothing that is left looks whole.

    Gives the names of what was removed. Raises RepositoryError.
    """
    unfinished = repository.remove_unfinished(folder)
    whole = [file.path for file in repository.list_files(folder)]
    manifest = f"{folder}/{_manifest.MANIFEST_NAME}"
    if manifest in whole:
        repository.remove([manifest])
        if any(file.path == manifest for file in repository.list_files(folder)):
            raise RepositoryError(
                f"{repository.name}/{manifest} was removed, and is still listed. Nothing else was removed.",
                hint="Run it again in a minute: the store is slow to show deletions, or something writes it again.",
            )
    repository.erase(folder)
    repository.remove_unfinished(folder)  # a folder that is empty now
    return [*unfinished, *(f"{repository.name}/{path}" for path in whole)]


@contextlib.contextmanager
def removal(stem: str, repository: Repository, folder: str) -> t.Iterator[None]:
    """Journal the removal of a backup, so that the next run finishes it when this one is killed.

    The journal stays when the removal fails. Raises LifeboatError when it cannot be written.
    """
    journal = f"{stem}{folder.rpartition('/')[2]}.journal"
    try:
        _write_journal(journal, folder, [repository.name])
    except OSError as error:
        raise _unusable(os.path.dirname(stem), error) from None
    yield
    with contextlib.suppress(OSError):
        os.unlink(journal)


def writable(repositories: t.Sequence[Repository], needed_bytes: int) -> tuple[list[Repository], dict[str, str]]:
    """The repositories that can be written to and have the room, and why the others cannot.

    Raises RepositoryError when none can.
    """
    failed: dict[str, str] = {}
    for repository in repositories:
        try:
            repository.probe(needed_bytes)
        except LifeboatError as error:
            failed[repository.name] = str(error)
    if len(failed) == len(repositories):
        reasons = " ".join(f"{name}: {why}" for name, why in failed.items())
        raise RepositoryError(f"No repository can be written to. {reasons}", details={"failed": failed})
    return [repository for repository in repositories if repository.name not in failed], failed


@dataclasses.dataclass
class StoringResult:
    """Which repositories hold the backup whole, and why the others do not."""

    stored_in: list[str]
    failed: dict[str, str]


class Storing:
    """The storing of one backup in several repositories. Use it as a context manager: leaving it without ``finish``
    removes everything.

    ``failed`` names repositories that could not be used to begin with, and why: they are left alone.
    """

    def __init__(
        self, stem: str, folder: str, repositories: t.Sequence[Repository], failed: t.Mapping[str, str]
    ) -> None:
        self.folder = folder
        self.failed: dict[str, str] = dict(failed)
        self._journal = f"{stem}{folder.rpartition('/')[2]}.journal"
        self._all = list(repositories)
        self._finished = False

    @property
    def repositories(self) -> list[Repository]:
        """Those that have not failed so far."""
        return [repository for repository in self._all if repository.name not in self.failed]

    def __enter__(self) -> Storing:
        try:
            _write_journal(self._journal, self.folder, [repository.name for repository in self._all])
        except OSError as error:
            raise _unusable(os.path.dirname(self._journal), error) from None
        return self

    def __exit__(self, *_exception: object) -> None:
        left: list[str] = []
        for repository in self._all:
            if self._finished and repository.name not in self.failed:
                continue
            try:
                remove_folder(repository, self.folder)
            except LifeboatError:
                left.append(repository.name)  # it is out of reach; the journal stays, so the next run removes it
        with contextlib.suppress(OSError):  # then the journal names more than is left, which the next run sees
            if left:
                _write_journal(self._journal, self.folder, left)
            else:
                os.unlink(self._journal)

    def note_failures(self, failed: t.Mapping[str, str]) -> None:
        """Leave these repositories behind: what they hold of this backup is removed at the end."""
        self.failed.update(failed)
        if not self.repositories:
            raise RepositoryError(
                "No repository could store the backup. "
                + " ".join(f"{name}: {why}" for name, why in self.failed.items()),
                details={"failed": dict(self.failed)},
            )

    def finish(self, make_manifest: t.Callable[[tuple[str, ...]], bytes]) -> StoringResult:
        """Write the manifest, last, into every repository that holds all artifacts."""
        content = make_manifest(tuple(repository.name for repository in self.repositories))
        for repository in list(self.repositories):
            try:
                repository.write_file(f"{self.folder}/{_manifest.MANIFEST_NAME}", content)
            except LifeboatError as error:
                self.note_failures({repository.name: str(error)})
        self._finished = True
        _outlast_second(self.folder)
        return StoringResult([repository.name for repository in self.repositories], dict(self.failed))


def _outlast_second(folder: str) -> None:
    """Wait until the second that the backup's id names is over: so the ids of one component sort by time, and the
    newest is the newest.
    """
    named = _manifest.id_time(folder.rpartition("/")[2])
    time.sleep(min(max(0.0, 1 - (datetime.datetime.now(datetime.timezone.utc) - named).total_seconds()), 1.0))
