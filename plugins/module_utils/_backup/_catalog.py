# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The catalog: what listing the manifests of repositories gives. There is no index that could be lost or be wrong."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import platform
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _manifest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import (
    DamagedError,
    LifeboatError,
    OptionError,
    RepositoryError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository

VERIFIED_FOLDER = "verified"
CLOCK_TOLERANCE = datetime.timedelta(minutes=5)


@dataclasses.dataclass(frozen=True)
class Proof:
    """One verification of a backup, as its record beside the backup says."""

    verified_at: str
    verdict: str  # passed, failed
    profile: str
    restore_seconds: float | None = None  # None where nothing was restored, or an older release wrote it
    exclude: tuple[str, ...] = ()  # what was left out of it on purpose
    asked: tuple[str, ...] = ()  # what it was asked beside its profile: such questions of users, by their digests


def newest_of(proofs: t.Iterable[Proof]) -> Proof | None:
    """The newest; of several of the same second, one that failed."""
    return max(proofs, key=lambda proof: (proof.verified_at, proof.verdict == "failed"), default=None)


@dataclasses.dataclass(frozen=True)
class Backup:
    """One backup, with every repository that holds it. All of them hold the same manifest."""

    manifest: _manifest.Manifest
    repositories: tuple[Repository, ...]
    proofs: tuple[Proof, ...] = ()
    absent: tuple[Absent, ...] = ()  # of the repositories that were named, as far as somebody asked

    @property
    def backup_id(self) -> str:
        """The backup's id."""
        return self.manifest.backup_id

    @property
    def taken_at(self) -> datetime.datetime:
        """The point in time that the content shows."""
        return _manifest.from_iso(self.manifest.snapshot_at)

    @property
    def verified(self) -> bool:
        """The newest proof says that it was right."""
        newest = newest_of(self.proofs)
        return newest is not None and newest.verdict == "passed"


@dataclasses.dataclass(frozen=True)
class Unreadable:
    """A folder that looks like a backup, and a manifest that cannot be read."""

    repository: str
    path: str
    why: str


@dataclasses.dataclass(frozen=True)
class Catalog:
    """Backups, newest first, and what could not be read."""

    backups: tuple[Backup, ...]
    unreadable: tuple[Unreadable, ...] = ()
    unreachable: dict[str, str] = dataclasses.field(default_factory=dict)  # repository → why

    def of(self, app: str, component: str) -> list[Backup]:
        """The backups of one component, newest first."""
        return [
            backup for backup in self.backups if (backup.manifest.app, backup.manifest.component) == (app, component)
        ]


def read_catalog(
    repositories: t.Sequence[Repository], app: str = "", component: str = "", *, newest: int = 0
) -> Catalog:
    """The catalog of these repositories, of one app or component if named; of each component only the ``newest`` so
    many if not 0.

    Those from the future come on top of that: they say that a clock was wrong, and must not hide the others.
    A repository that cannot be listed is told in ``unreachable``; when none can, its RepositoryError is raised.
    """
    prefix = "/".join(part for part in (app, component) if part)
    found: dict[str, list[tuple[Repository, _manifest.Manifest]]] = {}
    proofs: dict[str, dict[str, Proof]] = {}
    unreadable: list[Unreadable] = []
    unreachable: dict[str, str] = {}
    for repository in repositories:
        try:
            folders = _backup_folders(repository, prefix, newest)
        except RepositoryError as error:
            unreachable[repository.name] = str(error)
            continue
        for folder, proof_paths in folders.items():
            try:
                manifest = read_manifest(repository, folder)
            except LifeboatError as error:
                unreadable.append(Unreadable(repository.name, folder, str(error)))
                continue
            found.setdefault(folder, []).append((repository, manifest))
            for path in proof_paths:
                try:
                    proofs.setdefault(folder, {}).setdefault(path, read_proof(repository, path))
                except LifeboatError as error:  # it proves nothing, and says nothing of the backup either
                    unreadable.append(Unreadable(repository.name, path, str(error)))
    if repositories and len(unreachable) == len(repositories):
        raise RepositoryError(
            "No repository could be listed. " + " ".join(unreachable.values()), details={"unreachable": unreachable}
        )
    backups = [
        Backup(
            copies[0][1],
            tuple(repository for repository, _manifest_copy in copies),
            tuple(proofs.get(folder, {}).values()),
        )
        for folder, copies in found.items()
    ]
    backups.sort(key=lambda backup: (backup.manifest.snapshot_at, backup.backup_id), reverse=True)
    return Catalog(tuple(backups), tuple(unreadable), unreachable)


@dataclasses.dataclass(frozen=True)
class Absent:
    """A repository that was named and does not give the backup.

    ``lost`` says that it should: the manifest of the newest backup names it, or it holds what cannot be read.
    """

    repository: str
    why: str
    lost: bool


def absent_from(catalog: Catalog, repositories: t.Sequence[Repository], backup: Backup) -> tuple[Absent, ...]:
    """The repositories that do not give this backup, and why."""
    holders = {repository.name for repository in backup.repositories}
    folder = backup.manifest.folder
    here = backup.manifest.host == platform.node()  # a folder of that path on another host is another folder
    damaged = {item.repository: item.why for item in catalog.unreadable if item.path == folder}
    is_newest = backup.backup_id == catalog.of(backup.manifest.app, backup.manifest.component)[0].backup_id
    found = []
    for name in (repository.name for repository in repositories if repository.name not in holders):
        if name in catalog.unreachable:
            found.append(Absent(name, f"it cannot be listed: {catalog.unreachable[name]}", lost=False))
        elif name in damaged:
            found.append(Absent(name, damaged[name], lost=True))
        elif name in backup.manifest.repositories and (here or not name.startswith("/")):
            # Retention never deletes the newest one; an older one may be gone from one repository before another.
            found.append(Absent(name, "the backup was to be stored there, and is not there", lost=is_newest))
        else:
            found.append(Absent(name, "the backup was not stored there", lost=False))
    return tuple(found)


def read_manifest(repository: Repository, folder: str) -> _manifest.Manifest:
    """The manifest in this folder.

    Raises DamagedError also when it describes another backup than the folder's name says.
    """
    path = f"{folder}/{_manifest.MANIFEST_NAME}"
    manifest = _manifest.load(repository.read_file(path), f"{repository.name}/{path}")
    if manifest.folder != folder:
        raise DamagedError(
            f"{repository.name}/{path} describes the backup {manifest.folder}: it was put into the wrong folder.",
            hint="Move it back, or use another repository.",
        )
    return manifest


def choose(catalog: Catalog, app: str, component: str, which: t.Any) -> Backup:
    """The backup that ``which`` names: ``newest``, ``newest_verified``, ``oldest``, ``random``, an id, or ``{before:
    time}``.

    Raises OptionError naming what there is.
    """
    backups = catalog.of(app, component)
    if not backups:
        damaged = [f"{item.repository}/{item.path}: {item.why}" for item in catalog.unreadable]
        raise OptionError(
            f"There is no backup of {app}/{component} in these repositories."
            + (" Unreadable: " + "; ".join(damaged) if damaged else ""),
            hint="Check app, component and the repository's prefix; backup_info lists what is there.",
        )
    candidates = _candidates(backups, which)
    if not candidates:
        ids = ", ".join(f"{backup.backup_id}{' (verified)' if backup.verified else ''}" for backup in backups[:10])
        raise OptionError(f"backup: {which!r} fits no backup of {app}/{component}.", hint=f"There are: {ids}.")
    return candidates[0]


def _candidates(backups: list[Backup], which: t.Any) -> list[Backup]:
    if isinstance(which, dict) and set(which) == {"before"}:
        moment = parse_moment("backup.before", str(which["before"]))
        return [backup for backup in backups if backup.taken_at < moment]
    if which == "newest":
        return backups
    if which == "newest_verified":
        return [backup for backup in backups if backup.verified]
    if which == "oldest":
        return backups[::-1]
    if which == "random":
        import random

        return [random.SystemRandom().choice(backups)]
    return [backup for backup in backups if backup.backup_id == which]


def young_enough(backup: Backup, max_age: datetime.timedelta, now: datetime.datetime) -> bool:
    """Whether the backup's content is younger than ``max_age``.

    One from the future (the clock was set back) never is, and neither is one whose last proof has failed: a new one is
    needed, however young it is.
    """
    proof = newest_of(backup.proofs)
    if proof is not None and proof.verdict == "failed":
        return False
    age = now - backup.taken_at
    return -CLOCK_TOLERANCE <= age < max_age


def parse_moment(option: str, text: str) -> datetime.datetime:
    """A point in time in ISO 8601; without a zone it is UTC. Raises OptionError."""
    try:
        moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise OptionError(f"{option}: {text!r} is not a timestamp.", hint="Write it as 2026-01-15T14:30:00Z.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.timezone.utc)


def _backup_folders(repository: Repository, prefix: str, newest: int) -> dict[str, list[str]]:
    """Folders that hold a manifest, with the paths of their proofs."""
    folders: dict[str, list[str]] = {}
    proofs: dict[str, list[str]] = {}
    for file in repository.list_files(prefix):
        parts = file.path.split("/")
        if len(parts) < 4 or not _manifest.is_backup_id(parts[2]):
            continue
        folder = "/".join(parts[:3])
        if parts[3:] == [_manifest.MANIFEST_NAME]:
            folders[folder] = proofs.setdefault(folder, [])
        elif len(parts) == 5 and parts[3] == VERIFIED_FOLDER:
            proofs.setdefault(folder, []).append(file.path)
    if not newest:
        return folders
    kept: dict[str, list[str]] = {}
    counts: collections.Counter[str] = collections.Counter()
    future = datetime.datetime.now(datetime.timezone.utc) + CLOCK_TOLERANCE
    for folder in sorted(folders, reverse=True):
        component, _slash, backup_id = folder.rpartition("/")
        if counts[component] < newest:
            kept[folder] = folders[folder]
            counts[component] += _manifest.id_time(backup_id) <= future
    return kept


def read_proof(repository: Repository, path: str) -> Proof:
    """The record of a verification. Raises DamagedError for what is none, or would have another backup called proven.

    One from the future that says *failed* counts: that is the safe side.
    """
    try:
        document = read_json(repository.read_file(path))
        verified_at, verdict, profile = (str(document[key]) for key in ("verified_at", "verdict", "profile"))
        when, of = _manifest.from_iso(verified_at), str(document.get("backup_id") or path.split("/")[-3])
        seconds = document.get("restore_seconds")
        known = isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and 0 <= seconds < 1e12
        exclude, asked = (tuple(str(one) for one in document.get(key) or ()) for key in ("exclude", "asked"))
    except (ValueError, KeyError, TypeError):
        raise DamagedError(f"{repository.name}/{path} is not the record of a verification.") from None
    if of != path.split("/")[-3]:
        raise DamagedError(
            f"{repository.name}/{path} is the record of the backup {of}: it was put into the wrong folder."
        )
    if verdict == "passed" and when > datetime.datetime.now(datetime.timezone.utc) + CLOCK_TOLERANCE:
        raise DamagedError(
            f"{repository.name}/{path} is from the future ({verified_at}): a clock was wrong then, or is now. It would "
            "hide every later proof, so it does not count.",
            hint="Set the clock right, remove this record, and prove the backup again.",
        )
    return Proof(verified_at, verdict, profile, float(seconds) if known else None, exclude, asked)
