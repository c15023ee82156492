# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""To which moments the clusters that pgBackRest keeps can be brought back, and the holes in their logs.

pgBackRest itself is asked, so it takes a host that has it, with its configuration.
"""

from __future__ import annotations

import datetime
import os
import shutil
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import RecordError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest import _candidates
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._content import (
    BackrestFacts,
    read_content,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._program import Backrest
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._store import STORE

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._catalog import Backup

_SECONDS = 120.0
_EMPTY: dict[str, t.Any] = {
    "from": "", "to": "", "timeline": 0, "backups": [], "unusable": [], "missing": [], "missing_ahead": [],
    "segments": 0,
}  # fmt: skip


def windows(backups: t.Iterable[Backup]) -> list[dict[str, t.Any]]:
    """One for each stanza that these backups refer to, in the words of the newest of them. ``backups`` newest first."""
    found: dict[tuple[str, str, str], BackrestFacts] = {}
    for backup in backups:
        if backup.manifest.engine != STORE.engine:
            continue
        facts = read_content(backup.manifest)[1]
        found.setdefault((backup.manifest.app, backup.manifest.component, facts.stanza), facts)
    return [_window(app, component, facts) for (app, component, _stanza), facts in sorted(found.items())]


def newest_window(backups: t.Sequence[Backup]) -> dict[str, t.Any] | None:
    """That of the newest of these backups of one component; None where it is not of pgBackRest, or this host has no
    pgBackRest with its configuration that could be asked.
    """
    if not backups or backups[0].manifest.engine != STORE.engine:
        return None
    facts = read_content(backups[0].manifest)[1]
    if shutil.which("pgbackrest") is None or (facts.config and not os.access(facts.config, os.R_OK)):
        return None
    return _window(backups[0].manifest.app, backups[0].manifest.component, facts)


def _window(app: str, component: str, facts: BackrestFacts) -> dict[str, t.Any]:
    described: dict[str, t.Any] = {
        "app": app, "component": component, "archive": facts.stanza, "system_identifier": facts.system_identifier,
    }  # fmt: skip
    options = {
        "stanza": facts.stanza, "pgbackrest_repo": facts.repo, "pgbackrest_config": facts.config,
        "pgbackrest_process_max": None, "pgbackrest_binary": "pgbackrest",
    }  # fmt: skip
    try:
        backrest = Backrest(options, Deadline(_SECONDS))
        stanza = backrest.info()
        if stanza.system_identifier != facts.system_identifier:
            why = f"The stanza {stanza.name} is of the cluster {stanza.system_identifier} now."
            return {**described, **_EMPTY, "unusable": [why]}
        archive, log = _candidates.open_log(backrest, stanza)
        good, reasons = _candidates.candidates(stanza, log, "postgres")
    except (LifeboatError, RecordError) as error:
        return {**described, **_EMPTY, "unusable": [str(error)]}
    described["archive"] = archive.name
    if not good:
        return {**described, **_EMPTY, "unusable": reasons}
    newest = good[0]
    return {
        **described,
        "from": good[-1].content.stopped_at,
        "to": _iso(archive.archived_at(newest.found.names[-1]) if newest.found.names else 0),
        "timeline": newest.found.timeline,
        "backups": [one.backup.backup_id for one in good],
        "unusable": reasons,
        "missing": sorted({one.found.missing for one in good if one.found.missing}),
        "missing_ahead": [newest.found.missing] if newest.found.missing else [],
        "segments": archive.segments,
    }


def _iso(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).isoformat() if seconds else ""
