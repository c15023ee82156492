# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``restore_verify``: is there a proof that is young enough, and if not, restore the backup and prove it."""

from __future__ import annotations

import datetime
import json
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._catalog import VERIFIED_FOLDER, Backup, Proof
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import from_iso
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import ARGUMENT_SPEC as PROGRESS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import ENCRYPTION_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._options import (
    CONNECTION_RULES,
    CONNECTION_SPEC,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._options import SCRATCH_SPEC, TOOLS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._report._content import failure_of
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import PROFILES, Report
from ansible_collections.lifeboat.dr.plugins.module_utils._report._write import write_reports
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import REPOSITORY_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._verify._assertions import (
    OPERATORS,
    Assertion,
    check_engine,
    read_assertion,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._work._opening import chosen_backup, opened_copies
from ansible_collections.lifeboat.dr.plugins.module_utils._work._verifications import (
    BUCKETS_SPEC,
    ENGINES,
    check_buckets,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import StoredBackup
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "app": {"type": "str", "required": True},
    "component": {"type": "str", "required": True},
    "backup": {"type": "raw", "default": "newest"},
    "accept_older": {"type": "bool", "default": False},
    **REPOSITORY_SPEC,
    **ENCRYPTION_SPEC,
    **TOOLS_SPEC,
    **SCRATCH_SPEC,
    "nats_server_binary": {"type": "path"},
    "nats_scratch_account": {"type": "dict", "options": CONNECTION_SPEC, **CONNECTION_RULES},
    "buckets": BUCKETS_SPEC,
    **PROGRESS_SPEC,
    "profile": {"type": "str", "choices": list(PROFILES), "default": "full"},
    "checks": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str"},
            "query": {"type": "str"},
            "stream": {"type": "str"},
            "subject": {"type": "str"},
            "bucket": {"type": "str"},
            "key": {"type": "str", "no_log": False},  # the name of a value
            "object": {"type": "str"},
            "operator": {"type": "str", "choices": list(OPERATORS)},
            "value": {"type": "raw"},
            "newer_than": {"type": "str"},
        },
    },
    "report_dir": {"type": "path"},
    "max_age": {"type": "str"},
    "record": {"type": "bool", "default": True},
    "jobs": {"type": "int", "default": 2},
    "time_limit": {"type": "str"},
}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result; ``failed`` in it when the backup is not proven."""
    options = module.params
    assertions = tuple(read_assertion(number, entry) for number, entry in enumerate(options["checks"]))
    backup = chosen_backup(module, tuple(ENGINES))
    check_engine(assertions, backup.manifest.engine)
    check_buckets(options, backup.manifest)
    proof = _young_proof(backup, options["profile"], options["max_age"])
    described = {
        "app": options["app"],
        "component": options["component"],
        "backup_id": backup.backup_id,
        "profile": options["profile"],
    }
    if proof:
        return {"changed": False, **described, "verdict": proof.verdict, "verified_at": proof.verified_at}
    copies = opened_copies(module, backup)
    if module.check_mode:
        names = [copy.repository.name for copy in copies]
        return {
            "changed": True,
            **described,
            "planned": {"repositories": names, "stored_bytes": backup.manifest.stored_bytes},
        }
    report = _verified(module, copies, assertions)
    files = write_reports(report, options["report_dir"]) if options["report_dir"] else {}
    if options["record"]:
        _record(module, copies[0].repository, backup, report)
    result: dict[str, t.Any] = {
        "changed": True,
        **described,
        "verdict": report.verdict,
        "verified_at": report.finished_at,
        "summary": report.summary,
        "repository": report.repository,
        "measured": report.to_dict()["measured"],
        "checks": [
            {"id": check.id, "title": check.title, "status": check.status, "message": check.message}
            for check in report.checks
        ],
        "controls": [
            {"id": control.id, "status": control.status, "message": control.message} for control in report.controls
        ],
        "report_files": files,
    }
    if report.verdict != "passed":
        result["failed"] = True
        result["msg"] = failure_of(report)
    return result


def _young_proof(backup: Backup, profile: str, max_age: str | None) -> Proof | None:
    """A proof of this backup that is younger than ``max_age``, and no weaker than the profile asked for."""
    if not max_age:
        return None
    limit = parse_duration("max_age", max_age)
    now = datetime.datetime.now(datetime.timezone.utc)
    strong_enough = PROFILES[PROFILES.index(t.cast(t.Any, profile)) :]
    newest = max(backup.proofs, key=lambda proof: proof.verified_at, default=None)
    if (
        newest
        and newest.verdict == "passed"
        and newest.profile in strong_enough
        and now - from_iso(newest.verified_at) < limit
    ):
        return newest
    return None


def _verified(module: AnsibleModule, copies: t.Sequence[StoredBackup], assertions: tuple[Assertion, ...]) -> Report:
    options = module.params
    progress = Progress(options["progress_file"], f"{options['app']}/{options['component']}")
    limit = parse_duration("time_limit", options["time_limit"]).total_seconds() if options["time_limit"] else 0
    engine = ENGINES[copies[0].manifest.engine]
    report = engine(module, copies, assertions, Deadline(limit), progress).run()
    progress.done()
    return report


def _record(module: AnsibleModule, repository: Repository, backup: Backup, report: Report) -> None:
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
    }
    path = f"{backup.manifest.folder}/{VERIFIED_FOLDER}/{stamp}.json"
    try:
        repository.write_file(path, json.dumps(record, indent=1).encode("ascii") + b"\n")
    except LifeboatError as error:
        module.warn(f"The proof could not be recorded as {repository.name}/{path}: {error}")
