# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The archived logs of clusters, as the catalog and retention see them: windows with their holes, and what may go.

No key is needed for that: names say which segments there are.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import RecordError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._plan import (
    Candidate,
    Log,
    candidates,
    content_of,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._store import STORE
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._archive import Listing, WalArchive
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._files import (
    HISTORY,
    WalName,
    parse_lsn,
    parse_name,
)

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._catalog import Backup
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository

Warn = t.Callable[[str], None]


def physical(backups: t.Iterable[Backup]) -> list[Backup]:
    """Those that need a log."""
    return [backup for backup in backups if backup.manifest.engine == STORE.engine]


def windows(backups: t.Sequence[Backup], repositories: t.Sequence[Repository], warn: Warn) -> list[dict[str, t.Any]]:
    """For each archive that these backups name: to which moments its cluster can be brought back."""
    groups: dict[tuple[str, str, str, str], list[Backup]] = {}
    for backup in physical(backups):
        content = content_of(backup)
        key = (backup.manifest.app, backup.manifest.component, content.archive, content.system_identifier)
        groups.setdefault(key, []).append(backup)
    return [_window(key, found, repositories, warn) for key, found in sorted(groups.items())]


def newest_window(
    backups: t.Sequence[Backup], repositories: t.Sequence[Repository], warn: Warn
) -> dict[str, t.Any] | None:
    """The window of the archive that the newest of these base backups belongs to, as ``windows`` describes it.

    ``backups`` are of one component, the newest first. None where none of them needs a log.
    """
    own = physical(backups)
    if not own:
        return None
    newest = content_of(own[0])
    same = [
        backup for backup in own
        if (content_of(backup).archive, content_of(backup).system_identifier)
        == (newest.archive, newest.system_identifier)
    ]  # fmt: skip
    return windows(same, repositories, warn)[0]


def _window(
    key: tuple[str, str, str, str], backups: t.Sequence[Backup], repositories: t.Sequence[Repository], warn: Warn
) -> dict[str, t.Any]:
    app, component, name, system = key
    archive = WalArchive(name, repositories)
    described: dict[str, t.Any] = {"app": app, "component": component, "archive": name, "system_identifier": system}
    empty = {
        "from": "",
        "to": "",
        "timeline": 0,
        "backups": [],
        "unusable": [],
        "missing": [],
        "missing_ahead": [],
        "segments": 0,
    }
    try:
        listing = archive.listing(warn)
        if listing is None:
            return {**described, **empty, "unusable": [f"There is no archive {name} in these repositories."]}
        log = Log(archive, listing, system, keyless=True)
        good, reasons = candidates(backups, log, 0)
    except (LifeboatError, RecordError) as error:
        return {**described, **empty, "unusable": [str(error)]}
    if not good:
        return {**described, **empty, "unusable": reasons}
    newest = good[0]
    return {
        **described,
        "from": good[-1].content.stopped_at,
        "to": _archived_at(archive, newest),
        "timeline": newest.found.timeline,
        "backups": [one.backup.backup_id for one in good],
        "unusable": reasons,
        "missing": _missing(good) + _of_one(good, backups, listing),
        "missing_ahead": _missing([newest]) + _of_one([newest], backups, listing),
        "segments": len(listing.files),
    }


def _missing(good: t.Sequence[Candidate]) -> list[str]:
    return sorted({one.found.missing for one in good if one.found.missing})


def _of_one(good: t.Sequence[Candidate], backups: t.Sequence[Backup], listing: Listing) -> list[str]:
    """What is missing from one repository though others have it: a base backup there cannot be brought beyond it, when
    they are gone. ``min_copies`` passes a repository by, and PostgreSQL archives nothing twice.
    """
    places = {backup.backup_id: [one.name for one in backup.repositories] for backup in backups}
    found: dict[str, str] = {}
    for candidate in reversed(good):  # the oldest first
        for place in places[candidate.backup.backup_id]:
            if place not in found:
                lacking = listing.lacking(candidate.found.names, place)
                found[place] = f"{lacking[0]} in {place}" if lacking else ""
    return [words for words in found.values() if words]


def _archived_at(archive: WalArchive, newest: Candidate) -> str:
    """Until when the last segment that can be read was written: what was committed later is not in it.

    Where a log had waited, it is archived much later than that.
    """
    last = parse_name(newest.found.names[-1]) if newest.found.names else None
    about = archive.about(last) if last else None
    return min(about.archived_at, about.written_at or about.archived_at) if about else ""


def removable(
    kept: t.Sequence[Backup],
    repositories: t.Sequence[Repository],
    warn: Warn,
    others: t.Callable[[], t.Sequence[Backup]],
) -> dict[str, list[WalName]]:
    """By archive, the files of the log that no kept backup needs: those before the first segment of the oldest.

    A recovery begins there and only goes on, whatever timeline it takes. Histories are kept for ever. ``others`` gives
    the backups of other components, whose log may be in the same archive; they are asked for where something would go.
    """
    found = _older(kept, repositories, warn)
    if not any(found.values()):
        return found
    sharing = [one for one in physical(others()) if content_of(one).archive in found]
    return _older([*kept, *sharing], repositories, warn) if sharing else found


def _older(kept: t.Sequence[Backup], repositories: t.Sequence[Repository], warn: Warn) -> dict[str, list[WalName]]:
    """By archive, the files that lie before the first segment of the oldest of these backups."""
    firsts: dict[str, tuple[int, int]] = {}
    for backup in physical(kept):
        content = content_of(backup)
        index = parse_lsn("start_lsn", content.start_lsn) // content.segment_bytes
        before = firsts.get(content.archive, (index, 0))[0]
        firsts[content.archive] = (min(before, index), content.segment_bytes)
    found: dict[str, list[WalName]] = {}
    for name, (first, size) in firsts.items():
        listing = WalArchive(name, repositories).listing(warn)
        names = [parse_name(text) for text in sorted(listing.files)] if listing else []
        found[name] = [one for one in names if one and one.kind != HISTORY and one.index(size) < first]
    return found


def remove(archive: str, names: t.Sequence[WalName], repositories: t.Sequence[Repository]) -> dict[str, str]:
    """Remove files of a log. Gives the repositories in which that failed, and why."""
    failed = {}
    for repository in repositories:
        try:
            WalArchive(archive, [repository]).remove(repository, names)
        except LifeboatError as error:
            failed[repository.name] = str(error)
    return failed
