# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The metrics of a look at the catalog. Pure."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._metrics._exposition import Sample
from ansible_collections.lifeboat.dr.plugins.module_utils._status._model import STATES, Certificate, Status


def status_samples(
    statuses: t.Iterable[Status],
    repositories: t.Sequence[str],
    unreachable: t.Container[str],
    app: str,
    now: datetime.datetime,
    certificates: t.Iterable[Certificate] = (),
) -> list[Sample]:
    """What is known; a value that is not known has no sample. ``app`` is the one that was looked at, or empty."""
    own = {"app": app} if app else {}
    samples = [Sample("lifeboat_status_last_run_timestamp_seconds", now.timestamp(), own)]
    samples += [
        Sample("lifeboat_repository_reachable", float(name not in unreachable), {**own, "repository": name})
        for name in repositories
    ]
    samples += [
        Sample("lifeboat_certificate_not_after_timestamp_seconds", one.not_after.timestamp(), {**own, "name": one.name})
        for one in certificates
        if one.not_after
    ]
    for status in statuses:
        samples += _of_component(status)
    return samples


def _of_component(status: Status) -> list[Sample]:
    labels = {"app": status.app, "component": status.component}
    last, proven, expected = status.last_good, status.last_proven, status.expected
    values: dict[str, float | None] = {
        "lifeboat_status_state": STATES.index(status.state),
        "lifeboat_backups": status.count,
        "lifeboat_backups_minimum": expected.min_backups,
        "lifeboat_backup_oldest_timestamp_seconds": _time(status.oldest_at),
        "lifeboat_backup_usual_size_bytes": status.usual_bytes,
        "lifeboat_proof_newest_timestamp_seconds": _time(proven.verified_at if proven else None),
        "lifeboat_proof_restore_seconds": status.restore_seconds,
        "lifeboat_log_archived_timestamp_seconds": _time(status.logged_at),
        "lifeboat_objective_rpo_seconds": _seconds(expected.rpo),
        "lifeboat_objective_rto_seconds": _seconds(expected.rto),
        "lifeboat_objective_proof_age_seconds": _seconds(expected.max_proof_age),
    }
    if last:
        values |= {
            "lifeboat_backup_newest_good_timestamp_seconds": last.taken_at.timestamp(),
            "lifeboat_backup_newest_good_size_bytes": last.plain_bytes,
            "lifeboat_backup_copies": len(last.repositories),
            "lifeboat_backup_recipients": last.recipients if last.encryption != "none" else None,
        }
    samples = [Sample(name, float(value), labels) for name, value in values.items() if value is not None]
    codes = dict.fromkeys((one.code, one.state) for one in status.problems)
    return samples + [
        Sample("lifeboat_status_problem", 1.0, {**labels, "code": code, "state": state}) for code, state in codes
    ]


def _time(moment: datetime.datetime | None) -> float | None:
    return moment.timestamp() if moment else None


def _seconds(delta: datetime.timedelta | None) -> float | None:
    return delta.total_seconds() if delta is not None else None
