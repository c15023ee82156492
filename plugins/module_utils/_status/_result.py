# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The status of backups as the dictionaries that a module returns, and back. Pure."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import parse_timestamp, utc_timestamp
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import RecordError
from ansible_collections.lifeboat.dr.plugins.module_utils._status._model import (
    STATES,
    UNKNOWN,
    Certificate,
    Expected,
    Problem,
    Proof,
    SeenBackup,
    Status,
)

Plain = dict[str, t.Any]


def certificate_result(one: Certificate) -> Plain:
    """One certificate, as ``backup_status`` returns it."""
    return {
        "name": one.name,
        "place": one.place,
        "not_after": utc_timestamp(one.not_after) if one.not_after else None,
        "state": one.state,
        "message": one.message,
        "host": one.host,
    }


def certificate_from(value: t.Mapping[str, t.Any], host: str) -> Certificate:
    """The certificate that ``certificate_result`` has made into this. Raises RecordError."""
    try:
        state = str(value["state"])
        return Certificate(
            str(value["name"]),
            str(value["place"]),
            _moment(value["not_after"]) if value["not_after"] else None,
            state if state in STATES else UNKNOWN,
            str(value["message"]),
            host or str(value.get("host") or ""),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RecordError(f"this is not a certificate: {type(error).__name__}: {error}") from None


def to_result(status: Status) -> Plain:
    """One component, as ``backup_status`` returns it."""
    expected = status.expected
    return {
        "app": status.app,
        "component": status.component,
        "host": status.host,
        "state": status.state,
        "problems": [
            {"state": one.state, "code": one.code, "message": one.message, "next_step": one.next_step}
            for one in status.problems
        ],
        "engine": status.engine,
        "last_good": _backup_result(status.last_good),
        "last_proven": _proof_result(status.last_proven),
        "age_seconds": _whole(status.age_seconds),
        "logged_at": utc_timestamp(status.logged_at) if status.logged_at else None,
        "rpo_seconds": _seconds(expected.rpo),
        "rto_seconds": _seconds(expected.rto),
        "max_proof_age_seconds": _seconds(expected.max_proof_age),
        "min_backups": expected.min_backups,
        "usual_bytes": status.usual_bytes,
        "size_change": None if status.size_change is None else round(status.size_change, 4),
        "restore_seconds": status.restore_seconds,
        "backups": status.count,
        "good_backups": status.good,
        "failed_proofs": status.failed_proofs,
        "oldest_at": utc_timestamp(status.oldest_at) if status.oldest_at else None,
        "copies": status.copies,
        "sizes": [{"at": at, "bytes": count} for at, count in status.sizes],
        "restore_times": [{"at": at, "seconds": seconds} for at, seconds in status.restore_times],
        "next_run": utc_timestamp(status.next_run) if status.next_run else None,
    }


def _backup_result(backup: SeenBackup | None) -> Plain | None:
    if backup is None:
        return None
    return {
        "backup_id": backup.backup_id,
        "taken_at": utc_timestamp(backup.taken_at),
        "finished_at": utc_timestamp(backup.finished_at),
        "seconds": backup.seconds,
        "plain_bytes": backup.plain_bytes,
        "stored_bytes": backup.stored_bytes,
        "encryption": backup.encryption,
        "recipients": backup.recipients,
        "repositories": list(backup.repositories),
    }


def _proof_result(proof: Proof | None) -> Plain | None:
    if proof is None:
        return None
    return {
        "backup_id": proof.backup_id,
        "verified_at": utc_timestamp(proof.verified_at),
        "restore_seconds": proof.restore_seconds,
    }


def from_result(value: t.Mapping[str, t.Any], host: str = "") -> Status:
    """The status that ``to_result`` has made into this. Raises RecordError where it is another thing."""
    try:
        return _from_result(value, host)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RecordError(f"this is not the status of a component: {type(error).__name__}: {error}") from None


def _from_result(value: t.Mapping[str, t.Any], host: str) -> Status:
    state = str(value["state"])
    last, proven = value["last_good"], value["last_proven"]
    return Status(
        app=str(value["app"]),
        component=str(value["component"]),
        state=state if state in STATES else UNKNOWN,
        problems=tuple(
            Problem(str(one["state"]), str(one["code"]), str(one["message"]), str(one["next_step"]))
            for one in value["problems"]
        ),
        expected=Expected(
            _delta(value["rpo_seconds"]),
            _delta(value["rto_seconds"]),
            _delta(value["max_proof_age_seconds"]),
            int(value["min_backups"]),
        ),
        engine=str(value["engine"]),
        last_good=_backup(last) if last else None,
        last_proven=(
            Proof(_moment(proven["verified_at"]), True, proven["restore_seconds"], str(proven["backup_id"]))
            if proven
            else None
        ),
        age_seconds=value["age_seconds"],
        logged_at=_moment(value["logged_at"]) if value.get("logged_at") else None,
        usual_bytes=value["usual_bytes"],
        size_change=value["size_change"],
        restore_seconds=value["restore_seconds"],
        count=int(value["backups"]),
        good=int(value["good_backups"]),
        failed_proofs=int(value["failed_proofs"]),
        oldest_at=_moment(value["oldest_at"]) if value["oldest_at"] else None,
        copies=int(value["copies"]),
        sizes=tuple((str(one["at"]), int(one["bytes"])) for one in value["sizes"]),
        restore_times=tuple((str(one["at"]), float(one["seconds"])) for one in value["restore_times"]),
        next_run=_moment(value["next_run"]) if value.get("next_run") else None,
        host=host or str(value.get("host") or ""),
    )


def _backup(value: t.Mapping[str, t.Any]) -> SeenBackup:
    return SeenBackup(
        backup_id=str(value["backup_id"]),
        taken_at=_moment(value["taken_at"]),
        finished_at=_moment(value["finished_at"]),
        seconds=float(value["seconds"]),
        engine="",
        plain_bytes=value["plain_bytes"],
        stored_bytes=int(value["stored_bytes"]),
        encryption=str(value["encryption"]),
        recipients=int(value["recipients"]),
        repositories=tuple(map(str, value["repositories"])),
    )


def _moment(text: t.Any) -> datetime.datetime:
    moment = parse_timestamp(str(text))
    if moment is None:
        raise ValueError(f"{text!r} is not a timestamp")
    return moment


def _delta(seconds: t.Any) -> datetime.timedelta | None:
    return None if seconds is None else datetime.timedelta(seconds=float(seconds))


def _seconds(delta: datetime.timedelta | None) -> float | None:
    return None if delta is None else delta.total_seconds()


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds)
