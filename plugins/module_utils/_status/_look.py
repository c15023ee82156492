# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Looks at repositories for the status of backups: all that is listed, and the manifests of the newest backups.

Of each manifest only a short record stays in memory, so thousands of components fit. Many are read side by side, since
over a distance nearly all of the time is waiting; what an earlier look has read comes from its cache.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _manifest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._catalog import (
    VERIFIED_FOLDER,
    read_manifest,
    read_proof,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._together import together
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import (
    DeadlineError,
    LifeboatError,
    RepositoryError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._status._cache import Cache, key_of
from ansible_collections.lifeboat.dr.plugins.module_utils._status._model import Proof, Seen, SeenBackup
from ansible_collections.lifeboat.dr.plugins.module_utils._status._verdict import TOLERANCE

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository

_AT_A_TIME = 32  # files; a client of S3 keeps as many connections
_WHAT = "The look at the repositories"

Key = tuple[str, str]  # app, component
# In which repository a file is, and by what the cache knows it.
_Place = tuple[int, str]
# Of each backup: the places of its manifest, and the names of its proofs with the place of each.
_Listed = dict[str, tuple[list[_Place], dict[str, _Place]]]


@dataclasses.dataclass(frozen=True)
class Look:
    """What the repositories show: the components by app and name, and the repositories that could not be listed, with
    the reason.
    """

    components: dict[Key, Seen]
    unreachable: dict[str, str]


def look(
    repositories: t.Sequence[Repository],
    app: str,
    history: int,
    now: datetime.datetime,
    deadline: Deadline,
    cache: Cache | None = None,
) -> Look:
    """Everything below ``app`` (all apps if empty); of each component the ``history`` newest backups are read.

    A repository that cannot be listed does not keep the others from being looked at. Raises DeadlineError.
    """
    cache = cache or Cache()
    listings = together(
        [functools.partial(_list, repository, app, deadline) for repository in repositories],
        max(1, len(repositories)),
        deadline,
    )
    unreachable: dict[str, str] = {}
    listed: dict[Key, _Listed] = {}
    for number, listing in enumerate(listings):
        if isinstance(listing, str):
            unreachable[repositories[number].name] = listing
            continue
        for key, backup_id, proof, known in listing:
            holders, proofs = listed.setdefault(key, {}).setdefault(backup_id, ([], {}))
            if proof:
                proofs.setdefault(proof, (number, known))
            else:
                holders.append((number, known))
    chosen = {key: _chosen(found, history, now) for key, found in sorted(listed.items())}
    works = [
        functools.partial(_read_backup, repositories, key, backup_id, listed[key][backup_id], deadline, cache)
        for key, (ids, proven) in chosen.items()
        for backup_id in sorted({*ids, *proven})
    ]
    read: dict[Key, list[_Read]] = {key: [] for key in chosen}
    for item in together(works, _AT_A_TIME, deadline):
        read[item.key].append(item)
    components = {key: _seen(key, listed[key], chosen[key][0], read[key]) for key in chosen}
    return Look({key: seen for key, seen in components.items() if seen.count or seen.unreadable}, unreachable)


def _list(repository: Repository, app: str, deadline: Deadline) -> list[tuple[Key, str, str, str]] | str:
    """(app and component, backup, name of a proof or empty for the manifest, by what the cache knows it); or why there
    is no listing.
    """
    found: list[tuple[Key, str, str, str]] = []
    try:
        for file in repository.list_files(app):
            deadline.check(_WHAT)
            parts = file.path.split("/")
            if len(parts) < 4 or not _manifest.is_backup_id(parts[2]):
                continue
            if parts[3:] == [_manifest.MANIFEST_NAME]:
                found.append(((parts[0], parts[1]), parts[2], "", key_of(repository.name, file)))
            elif len(parts) == 5 and parts[3] == VERIFIED_FOLDER:
                found.append(((parts[0], parts[1]), parts[2], parts[4], key_of(repository.name, file)))
    except RepositoryError as error:
        return str(error)
    return found


def _chosen(listed: _Listed, history: int, now: datetime.datetime) -> tuple[list[str], list[str]]:
    """The backups whose manifests are read, and those whose proofs are, newest first.

    Those from the future come on top: they must not hide the others.
    """
    whole = sorted((one for one, (holders, _proofs) in listed.items() if holders), reverse=True)
    future = [one for one in whole if _manifest.id_time(one) > now + TOLERANCE]
    past = whole[len(future) :]
    proven = [one for one in past if listed[one][1]]
    return [*future[-history:], *past[:history]], proven[:history]


@dataclasses.dataclass
class _Read:
    key: Key
    backup_id: str
    backup: SeenBackup | None = None
    proofs: list[Proof] = dataclasses.field(default_factory=list)
    unreadable: list[str] = dataclasses.field(default_factory=list)


def _read_backup(
    repositories: t.Sequence[Repository],
    key: Key,
    backup_id: str,
    listed: tuple[list[_Place], dict[str, _Place]],
    deadline: Deadline,
    cache: Cache,
) -> _Read:
    """One backup and its proofs. A copy whose manifest cannot be read does not count as one."""
    read, folder = _Read(key, backup_id), "/".join((*key, backup_id))
    holders: list[str] = []
    for number, known in listed[0]:
        deadline.check(_WHAT)
        try:
            backup = _backup_at(repositories[number], folder, known, cache)
        except DeadlineError:
            raise
        except LifeboatError as error:
            read.unreadable.append(str(error))
            continue
        holders.append(repositories[number].name)
        read.backup = read.backup or backup
    for name, (number, known) in listed[1].items():
        deadline.check(_WHAT)
        path = f"{folder}/{VERIFIED_FOLDER}/{name}"
        try:
            read.proofs.append(_proof_at(repositories[number], path, known, backup_id, cache))
        except DeadlineError:
            raise
        except (LifeboatError, ValueError) as error:  # it proves nothing, and says nothing of the backup either
            read.unreadable.append(f"{repositories[number].name}/{path}: {error}")
    if read.backup:
        newest = max(read.proofs, key=lambda proof: (proof.verified_at, not proof.passed), default=None)
        read.backup = dataclasses.replace(read.backup, repositories=tuple(holders), proof=newest)
    return read


def _backup_at(repository: Repository, folder: str, known: str, cache: Cache) -> SeenBackup:
    backup = cache.backup(known)
    if backup is None:
        backup = _record(read_manifest(repository, folder))
        cache.keep_backup(known, backup)
    return backup


def _proof_at(repository: Repository, path: str, known: str, backup_id: str, cache: Cache) -> Proof:
    proof = cache.proof(known, backup_id)
    if proof is None:
        record = read_proof(repository, path)
        verified_at = _manifest.from_iso(record.verified_at)
        proof = Proof(verified_at, record.verdict == "passed", record.restore_seconds, backup_id)
        cache.keep_proof(known, proof)
    return proof


def _record(manifest: _manifest.Manifest) -> SeenBackup:
    started, finished = _manifest.from_iso(manifest.started_at), _manifest.from_iso(manifest.finished_at)
    counted = manifest.content.get("bytes")  # what the files of a tree, or the objects of a bucket, hold
    plain_bytes = counted if isinstance(counted, int) else manifest.plain_bytes if manifest.artifacts else None
    return SeenBackup(
        backup_id=manifest.backup_id,
        taken_at=_manifest.from_iso(manifest.snapshot_at),
        finished_at=finished,
        seconds=(finished - started).total_seconds(),
        engine=manifest.engine,
        plain_bytes=plain_bytes,
        stored_bytes=manifest.stored_bytes,
        encryption=manifest.encoding.encryption,
        recipients=len(manifest.encoding.recipients),
        repositories=(),
    )


def _seen(key: Key, listed: _Listed, ids: list[str], items: list[_Read]) -> Seen:
    whole = [one for one, (holders, _proofs) in listed.items() if holders]
    backups = [item.backup for item in items if item.backup and item.backup_id in ids]
    return Seen(
        app=key[0],
        component=key[1],
        backups=tuple(sorted(backups, key=lambda backup: (backup.taken_at, backup.backup_id), reverse=True)),
        proofs=tuple(
            sorted((proof for item in items for proof in item.proofs), key=lambda one: one.verified_at, reverse=True)
        ),
        count=len(whole),
        oldest_at=_manifest.id_time(min(whole)) if whole else None,
        unreadable=tuple(line for item in items for line in item.unreadable),
    )
