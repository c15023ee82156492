# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What a run of a backup or of a proof tells Prometheus. Pure.

A run that fails keeps what the last successful one said: when that was is what an alert needs to know.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._metrics._exposition import Sample

_KEPT_OF_BACKUP = (
    "backup_last_success_timestamp",
    "backup_duration_seconds",
    "backup_size_bytes",
    "lifeboat_backup_stored_bytes",
)
_KEPT_OF_PROOF = ("lifeboat_rehearsal_last_success_timestamp_seconds", "lifeboat_rehearsal_restore_seconds")

Values = t.Mapping[str, float]
Known = dict[str, "float | None"]


def of_backup(earlier: Values, now: float, *, succeeded: bool, facts: Known) -> Known:
    """The metrics after a backup.

    ``facts`` are what the run knows, None where it does not; ``earlier`` is what the file said before.
    """
    return {
        **_kept(earlier, _KEPT_OF_BACKUP),
        **{name: value for name, value in facts.items() if value is not None},
        "backup_last_status": float(succeeded),
        "lifeboat_backup_last_attempt_timestamp_seconds": now,
        "lifeboat_backup_failures_total": earlier.get("lifeboat_backup_failures_total", 0.0) + (not succeeded),
    }


def of_proof(earlier: Values, now: float, *, succeeded: bool, facts: Known) -> Known:
    """The metrics after a proof."""
    return {
        **_kept(earlier, _KEPT_OF_PROOF),
        **{name: value for name, value in facts.items() if value is not None},
        "restore_rehearsal_success": float(succeeded),
        "lifeboat_rehearsal_last_attempt_timestamp_seconds": now,
        "lifeboat_rehearsal_failures_total": earlier.get("lifeboat_rehearsal_failures_total", 0.0) + (not succeeded),
    }


def samples(values: Known, labels: t.Mapping[str, str]) -> list[Sample]:
    """These values, all of one series."""
    return [Sample(name, value, labels) for name, value in values.items() if value is not None]


def _kept(earlier: Values, names: t.Sequence[str]) -> Known:
    return {name: earlier[name] for name in names if name in earlier}
