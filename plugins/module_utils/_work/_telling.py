# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Tells Prometheus how a run ended, however it ended, and never fails one."""

from __future__ import annotations

import hashlib
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import from_iso
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._metrics import _events
from ansible_collections.lifeboat.dr.plugins.module_utils._metrics._textfile import Textfiles, open_textfiles

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

    Result = dict[str, t.Any]


def backed_up(module: AnsibleModule, component: str, engine: str, work: t.Callable[[], Result]) -> Result:
    """The result of a backup's ``work``, and its metrics written. Raises what the work raises."""
    return _told(module, "backup", component, engine, work, _events.of_backup, _backup_facts)


def proven(module: AnsibleModule, engine: str, work: t.Callable[[], Result]) -> Result:
    """The result of a proof's ``work``, and its metrics written. Raises what the work raises."""
    return _told(module, "rehearsal", module.params["component"], engine, work, _events.of_proof, _proof_facts)


def standby_measured(module: AnsibleModule, described: Result) -> None:
    """Write by how much a standby is behind; a lag that is not known has no value. Nothing for a primary."""
    files = open_textfiles(module.params.get("metrics"))
    if files is None or module.check_mode or described["role"] != "standby":
        return
    server = described["server"]
    values: _events.Known = {
        "pg_replication_lag_seconds": described["loss_seconds"],
        "lifeboat_pg_replication_last_measured_timestamp_seconds": time.time(),
    }
    path = files.path("standby", hashlib.sha256(server.encode("utf-8", "replace")).hexdigest()[:16])
    problem = files.write(path, _events.samples(values, {"server": server}))
    if problem:
        module.warn(problem)


def _told(
    module: AnsibleModule,
    kind: str,
    component: str,
    engine: str,
    work: t.Callable[[], Result],
    event: t.Callable[..., _events.Known],
    facts: t.Callable[[Result, t.Mapping[str, float], float], _events.Known],
) -> Result:
    files = open_textfiles(module.params.get("metrics"))
    if files is None or module.check_mode:
        return work()
    result: Result | None = None
    asked = True
    try:
        result = work()
    except OptionError:
        asked = False  # nothing was tried
        raise
    finally:
        if asked:
            path = files.path(kind, module.params["app"], component)
            labels = {"app": module.params["app"], "component": component, "engine": engine}
            _write(module, files, path, labels, result, event, facts)
    return result


def _write(
    module: AnsibleModule,
    files: Textfiles,
    path: str,
    labels: t.Mapping[str, str],
    result: Result | None,
    event: t.Callable[..., _events.Known],
    facts: t.Callable[[Result, t.Mapping[str, float], float], _events.Known],
) -> None:
    now, earlier = time.time(), files.earlier(path)
    succeeded = result is not None and not result.get("failed")
    known = facts(result, earlier, now) if result is not None and succeeded else {}
    problem = files.write(path, _events.samples(event(earlier, now, succeeded=succeeded, facts=known), labels))
    if problem:
        module.warn(problem)


def _backup_facts(result: Result, earlier: t.Mapping[str, float], now: float) -> _events.Known:
    """A backup that was young enough says what it knows of itself only where nothing is known yet."""
    if not result["changed"]:
        if "backup_last_success_timestamp" in earlier:
            return {}
        return {
            "backup_last_success_timestamp": from_iso(result["taken_at"]).timestamp(),
            "backup_size_bytes": _size(result),
            "lifeboat_backup_stored_bytes": result["stored_bytes"],
        }
    return {
        "backup_last_success_timestamp": now,
        "backup_duration_seconds": result["seconds"],
        "backup_size_bytes": _size(result),
        "lifeboat_backup_stored_bytes": result["stored_bytes"],
        "lifeboat_backup_failed_repositories": len(result["failed_repositories"]),
    }


def _size(result: Result) -> float | None:
    counted = result.get("bytes")  # of a tree of files, or of a bucket
    if isinstance(counted, int):
        return counted
    return t.cast(float, result["plain_bytes"]) if result["artifacts"] else None


def _proof_facts(result: Result, _earlier: t.Mapping[str, float], _now: float) -> _events.Known:
    measured = result.get("measured") or {}
    return {
        "lifeboat_rehearsal_last_success_timestamp_seconds": from_iso(result["verified_at"]).timestamp(),
        "lifeboat_rehearsal_restore_seconds": measured.get("restore_seconds"),
    }
