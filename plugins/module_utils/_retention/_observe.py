# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Reads what retention has to know of the backups in one repository. A manifest that cannot be read decides nothing."""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _manifest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._catalog import (
    VERIFIED_FOLDER,
    Proof,
    newest_of,
    read_manifest,
    read_proof,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._together import together
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._retention._hold import HOLDS_FOLDER, read_hold
from ansible_collections.lifeboat.dr.plugins.module_utils._retention._planner import Entry

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository

_AT_A_TIME = 16  # manifests; over a distance nearly all of the time is waiting


@dataclasses.dataclass
class Component:
    """The backups of one component in one repository, and what else lies in its folder."""

    app: str
    component: str
    entries: list[Entry] = dataclasses.field(default_factory=list)
    proofs: dict[str, Proof] = dataclasses.field(default_factory=dict)  # backup id → its newest one in this repository
    unreadable: dict[str, str] = dataclasses.field(default_factory=dict)  # backup id → why; these are never deleted
    unfinished: list[str] = dataclasses.field(default_factory=list)  # ids of folders without a manifest


def read_components(repository: Repository, app: str, component: str, deadline: Deadline) -> list[Component]:
    """Every component below ``app`` (or only this one), sorted by name. What its proofs say is not in the entries yet:
    ``tell_proofs`` puts it there.

    Raises RepositoryError when the repository cannot be listed.
    """
    folders: dict[tuple[str, str, str], list[str]] = {}
    for file in repository.list_files("/".join(part for part in (app, component) if part)):
        parts = file.path.split("/")
        if len(parts) >= 4 and _manifest.is_backup_id(parts[2]):
            folders.setdefault((parts[0], parts[1], parts[2]), []).append("/".join(parts[3:]))
    components: dict[tuple[str, str], Component] = {}
    whole: list[tuple[str, str, str]] = []
    for (app_name, name, backup_id), files in sorted(folders.items()):
        found = components.setdefault((app_name, name), Component(app_name, name))
        if _manifest.MANIFEST_NAME in files:
            whole.append((app_name, name, backup_id))
        else:
            found.unfinished.append(backup_id)
    works = [functools.partial(_entry, repository, "/".join(key), folders[key]) for key in whole]
    for (app_name, name, backup_id), entry in zip(whole, together(works, _AT_A_TIME, deadline)):
        if isinstance(entry, str):
            components[app_name, name].unreadable[backup_id] = entry
            continue
        components[app_name, name].entries.append(entry[0])
        if entry[1] is not None:
            components[app_name, name].proofs[backup_id] = entry[1]
    return [components[key] for key in sorted(components)]


def tell_proofs(components: t.Sequence[Component]) -> None:
    """Say of each entry whether its backup is proven, or failed, as all of these repositories know it.

    A proof lies beside the copy that was restored. It decides about that copy, and about those without a proof of their
    own: so a backup that is proven stays in every repository, and one that is not good is good in none.
    """
    newest: dict[tuple[str, str, str], Proof] = {}
    for found in components:
        for backup_id, proof in found.proofs.items():
            key = (found.app, found.component, backup_id)
            newest[key] = _newer(newest.get(key, proof), proof)
    for found in components:
        found.entries = [
            _told(entry, found.proofs.get(entry.backup_id) or newest.get((found.app, found.component, entry.backup_id)))
            for entry in found.entries
        ]


def _told(entry: Entry, proof: Proof | None) -> Entry:
    verdict = proof.verdict if proof else ""
    return dataclasses.replace(entry, failed=verdict == "failed", proven=verdict == "passed")


def _newer(one: Proof, other: Proof) -> Proof:
    return newest_of((one, other)) or one


def _entry(repository: Repository, folder: str, files: t.Sequence[str]) -> tuple[Entry, Proof | None] | str:
    """The backup in this folder, and its newest proof there; or why its manifest cannot be read."""
    try:
        manifest = read_manifest(repository, folder)
    except LifeboatError as error:
        return str(error)
    entry = Entry(
        backup_id=manifest.backup_id,
        taken_at=_manifest.from_iso(manifest.snapshot_at),
        label=manifest.label,
        held="; ".join(read_hold(repository, folder, name) for name in _names(files, HOLDS_FOLDER)),
        stored_bytes=manifest.stored_bytes,
        needs=_text(manifest.content.get("prior")),
    )
    return entry, _newest_proof(repository, folder, files)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _newest_proof(repository: Repository, folder: str, files: t.Sequence[str]) -> Proof | None:
    """The newest proof that can be read: one that cannot says nothing."""
    newest: Proof | None = None
    for name in _names(files, VERIFIED_FOLDER):
        try:
            proof = read_proof(repository, f"{folder}/{VERIFIED_FOLDER}/{name}")
        except LifeboatError:
            continue
        newest = _newer(newest or proof, proof)
    return newest


def _names(files: t.Sequence[str], folder: str) -> list[str]:
    return sorted(name[len(folder) + 1 :] for name in files if name.startswith(f"{folder}/"))
