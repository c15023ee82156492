# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Every metric that this collection writes: its name, its type and its help. Pure.

A name has one help text in all files, or the node exporter complains. Some of them have names that people agreed on for
backups, without the prefix ``lifeboat_``. Times are seconds since 1970, as Prometheus wants them, never ages: an
age stops growing when nobody writes it any more.
"""

from __future__ import annotations

GAUGE, COUNTER = "gauge", "counter"

METRICS: dict[str, tuple[str, str]] = {
    # written by each backup
    "backup_last_success_timestamp": (GAUGE, "When the last successful backup ended, in seconds since 1970."),
    "backup_last_status": (GAUGE, "Whether the last backup succeeded: 1, or 0."),
    "backup_duration_seconds": (GAUGE, "How long the last successful backup took."),
    "backup_size_bytes": (GAUGE, "The size of the data in the last successful backup, before compression."),
    "lifeboat_backup_stored_bytes": (GAUGE, "What the last successful backup takes in one repository."),
    "lifeboat_backup_last_attempt_timestamp_seconds": (GAUGE, "When a backup was last tried."),
    "lifeboat_backup_failures_total": (COUNTER, "How many backups failed."),
    "lifeboat_backup_failed_repositories": (GAUGE, "How many repositories did not take the last backup."),
    # written by each proof
    "restore_rehearsal_success": (GAUGE, "Whether the last rehearsal of a restore succeeded: 1, or 0."),
    "lifeboat_rehearsal_last_attempt_timestamp_seconds": (GAUGE, "When a restore was last rehearsed."),
    "lifeboat_rehearsal_last_success_timestamp_seconds": (GAUGE, "When a rehearsal last succeeded."),
    "lifeboat_rehearsal_restore_seconds": (GAUGE, "How long the restore of the last successful rehearsal took."),
    "lifeboat_rehearsal_failures_total": (COUNTER, "How many rehearsals failed."),
    # written by each look at the catalog
    "lifeboat_status_last_run_timestamp_seconds": (GAUGE, "When the catalog was last looked at."),
    "lifeboat_status_state": (GAUGE, "The verdict: 0 good, 1 warning, 2 unknown, 3 bad."),
    "lifeboat_status_problem": (GAUGE, "1 for each thing that is wrong, with its code and state."),
    "lifeboat_backup_newest_good_timestamp_seconds": (GAUGE, "The point in time that the newest good backup shows."),
    "lifeboat_backup_newest_good_size_bytes": (GAUGE, "The size of its data, before compression."),
    "lifeboat_backup_usual_size_bytes": (GAUGE, "The median size of the good backups before it."),
    "lifeboat_backup_oldest_timestamp_seconds": (GAUGE, "When the oldest backup was begun."),
    "lifeboat_backups": (GAUGE, "How many backups there are."),
    "lifeboat_backups_minimum": (GAUGE, "How many good backups there should be at least."),
    "lifeboat_backup_copies": (GAUGE, "How many repositories hold the newest good backup."),
    "lifeboat_backup_recipients": (GAUGE, "For how many keys the newest good backup is encrypted."),
    "lifeboat_proof_newest_timestamp_seconds": (GAUGE, "When a backup was last proven by a restore."),
    "lifeboat_proof_restore_seconds": (GAUGE, "How long that restore took."),
    "lifeboat_log_archived_timestamp_seconds": (GAUGE, "When the last segment of its log was archived."),
    "lifeboat_objective_rpo_seconds": (GAUGE, "How old the newest good backup may be."),
    "lifeboat_objective_rto_seconds": (GAUGE, "How long a restore may take."),
    "lifeboat_objective_proof_age_seconds": (GAUGE, "How old the newest proof may be."),
    "lifeboat_repository_reachable": (GAUGE, "Whether the repository could be listed: 1, or 0."),
    # written by pg_standby_info; s3_replication_info has metrics of its own, s3_replication_*
    "pg_replication_lag_seconds": (GAUGE, "By how much time a standby is behind its primary."),
    "lifeboat_pg_replication_last_measured_timestamp_seconds": (GAUGE, "When the lag of a standby was last measured."),
    # written by each preflight of a failover
    "lifeboat_failover_state": (GAUGE, "Whether a failover could start: 0 ready, 1 degraded, 2 not ready."),
    "lifeboat_failover_last_preflight_timestamp_seconds": (GAUGE, "When that was last asked."),
    "lifeboat_failover_loss_seconds": (GAUGE, "What a failover would lose of a component; no value is unknown."),
    "lifeboat_failover_drill_passed_timestamp_seconds": (GAUGE, "When a drill last passed."),
    # written by whoever looks at certificates
    "lifeboat_certificate_not_after_timestamp_seconds": (GAUGE, "When a certificate expires."),
}
