# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Judges what was seen of a component's backups. Pure. What is not known is never called good."""

from __future__ import annotations

import datetime
import statistics
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import (
    format_bytes,
    plural,
    utc_timestamp,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._status._model import (
    BAD,
    GOOD,
    UNKNOWN,
    WARNING,
    Expected,
    Problem,
    Proof,
    Seen,
    SeenBackup,
    SeenLog,
    Status,
    worst,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._status._words import percent, short

TOLERANCE = datetime.timedelta(minutes=5)  # of two hosts' clocks
_USUAL = 8  # earlier backups that say which size is usual
_LEAST_EARLIER = 2  # fewer say nothing
_SHOWN = 3


def judge(
    seen: Seen,
    expected: Expected,
    now: datetime.datetime,
    *,
    repositories: t.Sequence[str],
    unreachable: t.Mapping[str, str],
) -> Status:
    """The status of one component. ``repositories`` are all that should hold it, ``unreachable`` those that could not
    be listed, with the reason.
    """
    past = [backup for backup in seen.backups if backup.taken_at <= now + TOLERANCE]
    good = [backup for backup in past if not backup.failed]
    last = good[0] if good else None
    proven = next((proof for proof in seen.proofs if proof.passed), None)
    usual, change = _size_change(good)
    logged = seen.log.archived_at if seen.log and last else None
    age = (now - max(last.taken_at, logged or last.taken_at)).total_seconds() if last else None
    problems = [
        *_unreachable(repositories, unreachable),
        *_existence(seen, past, good, unreachable),
        *(_log_age(age, expected) if seen.log else _age(last, age, expected)),
        *(_log(seen.log) if seen.log and last else []),
        *_copies(last, repositories, unreachable),
        *(_newest_failed(past, seen.proofs) if good else []),
        *_proof(proven, last, expected, now),
        *_restore_time(proven, last, expected),
        *_size(last, usual, change, expected),
        *_count(seen, good, expected),
        *_oddities(seen, now),
    ]
    if expected.rpo is None and last:
        problems.append(
            Problem(UNKNOWN, "no_rpo", "Nobody has said how old the newest backup may be.", "Set the option rpo.")
        )
    return Status(
        app=seen.app,
        component=seen.component,
        state=worst([GOOD, *(problem.state for problem in problems)]),
        problems=tuple(problems),
        expected=expected,
        engine=past[0].engine if past else "",
        last_good=last,
        last_proven=proven,
        age_seconds=age,
        usual_bytes=usual,
        size_change=change,
        restore_seconds=proven.restore_seconds if proven else None,
        count=seen.count,
        good=len(good),
        failed_proofs=sum(backup.failed for backup in past),
        oldest_at=seen.oldest_at,
        copies=len(last.repositories) if last else 0,
        sizes=_sizes(good),
        restore_times=_restore_times(seen.proofs),
        logged_at=logged,
    )


def _unreachable(repositories: t.Sequence[str], unreachable: t.Mapping[str, str]) -> t.Iterator[Problem]:
    none = len(unreachable) == len(repositories)
    for name, why in unreachable.items():
        yield Problem(
            UNKNOWN if none else WARNING,
            "repository_unreachable",
            f"The repository {name} could not be read: {why}",
            "Make it reachable from this host, and look again: what it holds is not known.",
        )


def _existence(
    seen: Seen, past: t.Sequence[SeenBackup], good: t.Sequence[SeenBackup], unreachable: t.Mapping[str, str]
) -> t.Iterator[Problem]:
    if good:
        return
    if past:
        message = (
            f"None of the newest {len(past)} backups is good: the newest proof of each has failed."
            if len(past) > 1
            else "The only backup is not good: it was restored, and was not right."
        )
        yield Problem(BAD, "none_good", message, "Read the report of the last rehearsal, and take a new backup now.")
    elif seen.unreadable or seen.backups:
        message = "There are backups, and none of them can be used: " + (
            "no manifest can be read." if seen.unreadable else "all of them are from the future."
        )
        yield Problem(BAD, "none_usable", message, "Take a new backup now, and find out what happened to these.")
    elif unreachable:
        yield Problem(
            UNKNOWN, "none_seen", "No backup was seen where it could be looked for.", "Make every repository reachable."
        )
    else:
        yield Problem(
            BAD,
            "never_succeeded",
            "There is no backup.",
            "Run lifeboat.dr.backup_run on its host, and read what it says.",
        )


def _age(last: SeenBackup | None, age: float | None, expected: Expected) -> t.Iterator[Problem]:
    if last is None or age is None or expected.rpo is None or age <= expected.rpo.total_seconds():
        return
    message = f"The newest good backup is {short(age)} old, and the RPO is {short(expected.rpo.total_seconds())}."
    yield Problem(
        BAD,
        "too_old",
        message,
        "Run lifeboat.dr.backup_run on its host; journalctl --unit lifeboat@backup_run says why the last runs failed.",
    )


def _log_age(age: float | None, expected: Expected) -> t.Iterator[Problem]:
    """What a cluster would lose is what is not archived yet, however old its base backup is."""
    if age is None or expected.rpo is None or age <= expected.rpo.total_seconds():
        return
    limit = short(expected.rpo.total_seconds())
    yield Problem(
        BAD,
        "log_too_old",
        f"The log in the archive ends {short(age)} ago, and the RPO is {limit}.",
        "Look at pg_stat_archiver and the server's log on its host. A server that nobody writes to archives nothing.",
    )


def _log(log: SeenLog) -> t.Iterator[Problem]:
    if log.archived_at is None:
        yield Problem(
            BAD,
            "log_unusable",
            f"No base backup can be recovered: {log.why or 'its log is not in the archive.'}",
            "Take a new base backup now, and find out what happened to the archive.",
        )
    elif log.missing:
        yield Problem(
            BAD,
            "log_hole",
            f"The archived log has a hole, and what was written after it cannot be reached: {', '.join(log.missing)}.",
            "Take a new base backup now: from its end on, every moment can be reached again.",
        )
    elif log.missing_before:
        yield Problem(
            WARNING,
            "log_hole_before",
            f"The archived log has a hole before the newest base backup: {', '.join(log.missing_before)}. Moments "
            "between the two cannot be reached.",
            "Nothing more can be done: it is said until retention has removed the backups before the hole.",
        )


def _copies(
    last: SeenBackup | None, repositories: t.Sequence[str], unreachable: t.Mapping[str, str]
) -> t.Iterator[Problem]:
    if last is None:
        return
    missing = [name for name in repositories if name not in last.repositories and name not in unreachable]
    if missing:
        yield Problem(
            WARNING,
            "copy_missing",
            f"The newest good backup {last.backup_id} is not in {', '.join(missing)}.",
            "The next backup goes there, too, if that repository takes it: run one, and read its warnings.",
        )
    if last.encryption != "none" and last.recipients == 1:
        yield Problem(
            WARNING,
            "one_recipient",
            "The newest good backup is encrypted for one key only: with that key lost, so are the backups.",
            "Add a second recipient, whose secret key lies somewhere else.",
        )


def _newest_failed(past: t.Sequence[SeenBackup], proofs: t.Sequence[Proof]) -> t.Iterator[Problem]:
    """A proof that failed counts until a newer backup has passed: that there is a newer one says nothing."""
    if past and past[0].failed and past[0].proof:
        yield Problem(
            BAD,
            "proof_failed",
            f"The newest backup {past[0].backup_id} was restored at {utc_timestamp(past[0].proof.verified_at)}, and "
            "was not right.",
            "Read the report of that rehearsal. Take a new backup, and prove it.",
        )
        return
    last = next((proof for proof in proofs if past and proof.backup_id <= past[0].backup_id), None)
    if last and not last.passed and last.backup_id >= max((one.backup_id for one in proofs if one.passed), default=""):
        yield Problem(
            BAD,
            "proof_failed",
            f"The last proof, of the backup {last.backup_id} at {utc_timestamp(last.verified_at)}, has failed, and no "
            "newer backup has been proven.",
            "Read the report of that rehearsal, and prove the newest backup: lifeboat.dr.restore_rehearsal.",
        )


def _proof(
    proven: Proof | None, last: SeenBackup | None, expected: Expected, now: datetime.datetime
) -> t.Iterator[Problem]:
    step = "Run lifeboat.dr.restore_rehearsal, or give it a schedule."
    if proven is None:
        if last is not None:
            yield Problem(
                WARNING, "never_proven", "No backup has been proven: a backup is good once it was restored.", step
            )
        return
    age = (now - proven.verified_at).total_seconds()
    if age < -TOLERANCE.total_seconds():
        yield Problem(
            WARNING, "proof_from_future", "The newest proof is from the future: a clock is or was wrong.", step
        )
    elif expected.max_proof_age is not None and age > expected.max_proof_age.total_seconds():
        limit = short(expected.max_proof_age.total_seconds())
        yield Problem(
            WARNING, "proof_overdue", f"The newest proof is {short(age)} old, and {limit} is the limit.", step
        )


def _restore_time(proven: Proof | None, last: SeenBackup | None, expected: Expected) -> t.Iterator[Problem]:
    if expected.rto is None or last is None:
        return
    limit = expected.rto.total_seconds()
    if proven is None or proven.restore_seconds is None:
        yield Problem(
            UNKNOWN,
            "restore_time_unknown",
            f"The restore was never timed, and the RTO is {short(limit)}: unknown counts as missed.",
            "Run lifeboat.dr.restore_rehearsal with the profile quick or full, which restores.",
        )
    elif proven.restore_seconds > limit:
        yield Problem(
            BAD,
            "restore_too_slow",
            f"The last proven restore took {short(proven.restore_seconds)}, and the RTO is {short(limit)}.",
            "Restore with more jobs or onto a faster host, keep a standby, or agree on another RTO.",
        )


def _size_change(good: t.Sequence[SeenBackup]) -> tuple[int | None, float | None]:
    """The usual size, and by which part the newest one differs from it. None where too few are there to say."""
    if not good or good[0].plain_bytes is None:
        return None, None
    earlier = [
        backup.plain_bytes for backup in good[1:] if backup.plain_bytes is not None and backup.engine == good[0].engine
    ][:_USUAL]
    if len(earlier) < _LEAST_EARLIER:
        return None, None
    usual = int(statistics.median(earlier))
    return usual, (good[0].plain_bytes - usual) / usual if usual else None


def _size(last: SeenBackup | None, usual: int | None, change: float | None, expected: Expected) -> t.Iterator[Problem]:
    if last is None or last.plain_bytes is None or usual is None:
        return
    if change is None:
        if not last.plain_bytes:  # nothing, as ever
            return
    elif abs(change) <= expected.size_change:
        return
    word = "larger" if last.plain_bytes > usual else "smaller"
    by = f" ({percent(change)})" if change is not None else ""
    yield Problem(
        WARNING,
        "size_changed",
        f"The newest good backup is unusually {'large' if word == 'larger' else 'small'}{by}: "
        f"{format_bytes(last.plain_bytes)}, and {format_bytes(usual)} is usual.",
        f"Find out why the data became {word}, before the older backups are deleted.",
    )


def _count(seen: Seen, good: t.Sequence[SeenBackup], expected: Expected) -> t.Iterator[Problem]:
    # Older ones that were not looked at count, as nothing is known against them.
    kept = len(good) + max(0, seen.count - len(seen.backups))
    if good and kept < expected.min_backups:
        yield Problem(
            WARNING,
            "too_few",
            f"There {'is' if kept == 1 else 'are'} {plural(kept, 'good backup')}, and {expected.min_backups} should be "
            "kept.",
            "Wait for the next backups; if older ones were there, look at what deletes them.",
        )


def _oddities(seen: Seen, now: datetime.datetime) -> t.Iterator[Problem]:
    future = [backup.backup_id for backup in seen.backups if backup.taken_at > now + TOLERANCE]
    if future:
        yield Problem(
            WARNING,
            "from_future",
            f"{plural(len(future), 'backup')} from the future: {_some(future)}. A clock is or was wrong.",
            "Set the clocks by NTP. Such a backup counts for nothing until its time has come.",
        )
    if seen.unreadable:
        yield Problem(
            WARNING,
            "unreadable",
            f"{plural(len(seen.unreadable), 'file')} of the catalog cannot be read: {_some(seen.unreadable)}",
            "Use the copy in another repository, and find out what damaged this one.",
        )


def _some(names: t.Sequence[str]) -> str:
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _sizes(good: t.Sequence[SeenBackup]) -> tuple[tuple[str, int], ...]:
    return tuple(
        (utc_timestamp(backup.taken_at), backup.plain_bytes)
        for backup in reversed(good)
        if backup.plain_bytes is not None
    )


def _restore_times(proofs: t.Sequence[Proof]) -> tuple[tuple[str, float], ...]:
    return tuple(
        (utc_timestamp(proof.verified_at), proof.restore_seconds)
        for proof in reversed(proofs)
        if proof.passed and proof.restore_seconds is not None
    )
