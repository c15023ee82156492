# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What every module that proves backups does, whatever the store: is there a proof that is young enough, and if not,
restore the backup, prove it, write the report and record the proof.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import secrets
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._catalog import (
    VERIFIED_FOLDER,
    Backup,
    Proof,
    newest_of,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import from_iso
from ansible_collections.lifeboat.dr.plugins.module_utils._core._audit import AUDIT_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration, seconds_or_zero
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import ARGUMENT_SPEC as PROGRESS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import ENCRYPTION_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._metrics._textfile import METRICS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import PROFILES, Report
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import REPOSITORY_SPEC, open_repositories
from ansible_collections.lifeboat.dr.plugins.module_utils._verify._assertions import checks_spec
from ansible_collections.lifeboat.dr.plugins.module_utils._work._opening import (
    CHOICE_SPEC,
    chosen_backup,
    opened_copies,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._work._reported import result_of, run_and_report
from ansible_collections.lifeboat.dr.plugins.module_utils._work._telling import proven

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Manifest
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import StoredBackup
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._store import Store
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository
    from ansible_collections.lifeboat.dr.plugins.module_utils._verify._verification import Verification

    Make = t.Callable[[t.Sequence[StoredBackup], Deadline, Progress], Verification]

_RECORD_SECONDS = 15.0
SCRATCH_DIR_SPEC: dict[str, dict[str, t.Any]] = {"scratch_dir": {"type": "path", "default": "/var/tmp"}}


def verify_spec(*stores: Store) -> dict[str, dict[str, t.Any]]:
    """The options that every module that proves backups has; ``checks`` asks what can be asked of these stores."""
    return {
        "app": {"type": "str", "required": True},
        "component": {"type": "str", "required": True},
        **CHOICE_SPEC,
        "backup": {"type": "raw", "default": "newest"},
        **REPOSITORY_SPEC,
        **ENCRYPTION_SPEC,
        **PROGRESS_SPEC,
        "profile": {"type": "str", "choices": list(PROFILES), "default": "full"},
        "checks": checks_spec(*stores),
        "report_dir": {"type": "path"},
        "max_age": {"type": "str"},
        "record": {"type": "bool", "default": True},
        "jobs": {"type": "int", "default": 2},
        "time_limit": {"type": "str"},
        **METRICS_SPEC,
        **AUDIT_SPEC,
    }


def prove(
    module: AnsibleModule,
    store: Store,
    make: Make,
    check: t.Callable[[Manifest], None] = lambda manifest: None,
    also_asks: t.Iterable[str] = (),
) -> dict[str, t.Any]:
    """The module's result; ``failed`` in it when the backup is not proven.

    ``check`` refuses options that do not fit the backup, before anything is read. ``also_asks`` is what a proof of
    these options shows beside its profile and ``checks``: an older one that did not does not stand for it.
    """
    asked = {*also_asks, *map(_digest, module.params["checks"])}
    return proven(module, store.engine, lambda: _proof(module, store, make, check, asked))


def _digest(question: t.Mapping[str, t.Any]) -> str:
    """One question of the option ``checks``, whatever it is called."""
    given = {key: value for key, value in question.items() if key != "name" and value is not None}
    text = json.dumps(given, sort_keys=True, default=str)
    return f"check {hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def _proof(
    module: AnsibleModule, store: Store, make: Make, check: t.Callable[[Manifest], None], asked: set[str]
) -> dict[str, t.Any]:
    options = module.params
    backup = chosen_backup(module, store)
    check(backup.manifest)
    proof = _young_proof(backup, options, asked)
    described = {
        "app": options["app"],
        "component": options["component"],
        "backup_id": backup.backup_id,
        "profile": options["profile"],
    }
    if proof:
        measured = {"measured": {"restore_seconds": proof.restore_seconds}} if proof.restore_seconds else {}
        young = {"verdict": proof.verdict, "verified_at": proof.verified_at, **measured}
        return {"changed": False, **described, **young}
    copies = opened_copies(module, backup)
    if module.check_mode:
        names = [copy.repository.name for copy in copies]
        planned = {"repositories": names, "stored_bytes": backup.manifest.stored_bytes}
        return {"changed": True, **described, "planned": planned}
    report, files = _verified(module, backup, copies, make)
    if options["record"]:
        _record(module, copies[0].repository, backup, report, asked)
    return {
        "changed": True,
        "failed": report.verdict != "passed",
        **described,
        **result_of(report),
        "verified_at": report.finished_at,
        "repository": report.repository,
        "report_files": files,
    }


def _young_proof(backup: Backup, options: t.Mapping[str, t.Any], asked: set[str]) -> Proof | None:
    """A proof of this backup that is younger than ``max_age``, no weaker than the profile asked for, was asked all of
    ``asked``, and left out no more than ``exclude``.
    """
    if not options["max_age"]:
        return None
    limit = parse_duration("max_age", options["max_age"])
    now = datetime.datetime.now(datetime.timezone.utc)
    strong_enough = PROFILES[PROFILES.index(options["profile"]) :]
    newest = newest_of(backup.proofs)
    if (
        newest
        and newest.verdict == "passed"
        and newest.profile in strong_enough
        and asked <= set(newest.asked)
        and set(newest.exclude) <= set(options.get("exclude") or ())
        and now - from_iso(newest.verified_at) < limit
    ):
        return newest
    return None


def _verified(
    module: AnsibleModule, backup: Backup, copies: t.Sequence[StoredBackup], make: Make
) -> tuple[Report, dict[str, str]]:
    """The report and its files.

    What keeps the question from being asked leaves a report, too, and says nothing of the backup: it is raised, and no
    proof is recorded.
    """
    options = module.params
    progress = Progress(options["progress_file"], f"{options['app']}/{options['component']}")
    deadline = Deadline(seconds_or_zero("time_limit", options["time_limit"]))
    verification = make(copies, deadline, progress)
    verification.absent = backup.absent
    report, files = run_and_report(verification, options["report_dir"])
    progress.done()
    return report, files


def _with_time_to_record(options: t.Mapping[str, t.Any], repository: Repository) -> Repository:
    """A proof that has used up its time limit is recorded all the same, by a connection of its own."""
    if not options["time_limit"]:
        return repository
    again = open_repositories(options["repositories"], _RECORD_SECONDS)
    return next(one for one in again if one.name == repository.name)


def _record(
    module: AnsibleModule, repository: Repository, backup: Backup, report: Report, asked: t.Collection[str]
) -> None:
    """Write the proof beside the backup.

    A repository that takes no writes keeps the proof from being recorded, not from being one.
    """
    stamp = report.finished_at.replace("-", "").replace(":", "")
    record = {
        "schema": "lifeboat.proof/1",
        "backup_id": report.backup_id,
        "verified_at": report.finished_at,
        "verdict": report.verdict,
        "profile": report.profile,
        "summary": report.summary,
        "host": report.environment.host,
        "restore_seconds": report.measured.restore_seconds,
        "exclude": sorted(module.params.get("exclude") or ()),
        "asked": sorted(asked),
    }
    # Two proofs may end in one second, and nothing is overwritten: the other one would not be known.
    path = f"{backup.manifest.folder}/{VERIFIED_FOLDER}/{stamp}-{secrets.token_hex(3)}.json"
    try:
        _with_time_to_record(module.params, repository).write_file(
            path, json.dumps(record, indent=1).encode("ascii") + b"\n"
        )
    except LifeboatError as error:
        module.warn(f"The proof could not be recorded as {repository.name}/{path}: {error}")
