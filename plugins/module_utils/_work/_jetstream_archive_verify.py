# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``jetstream_archive_verify``: archives of the command line of NATS, restored into a scratch server and
asked.
"""

from __future__ import annotations

import datetime
import functools
import os
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _manifest, _run
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._compression import open_compressor
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._session import Destination, back_up
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import StoredBackup
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import seconds_or_zero
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import open_cipher
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._store import STORE
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_account import ACCOUNT_SPEC, open_account
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_folder import ScratchFolder
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import open_repositories
from ansible_collections.lifeboat.dr.plugins.module_utils._verify._assertions import checks_spec, read_assertions
from ansible_collections.lifeboat.dr.plugins.module_utils._work._backup_run import check_jobs
from ansible_collections.lifeboat.dr.plugins.module_utils._work._found_run import FOUND_SPEC, component_of, proofs_of
from ansible_collections.lifeboat.dr.plugins.module_utils._work._reported import result_of, run_and_report
from ansible_collections.lifeboat.dr.plugins.module_utils._work._verify_run import SCRATCH_DIR_SPEC

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.backup._adopted import Adopted
    from ansible_collections.lifeboat.dr.plugins.module_utils._verify._assertions import Assertion

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **FOUND_SPEC,
    "checks": checks_spec(STORE),
    "jobs": {"type": "int", "default": 2},
    "nats_server_binary": {"type": "path"},
    **SCRATCH_DIR_SPEC,
    **ACCOUNT_SPEC,
}
_NO_LIMIT = 10.0**9


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result; ``failed`` in it when an archive is not proven."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.backup import _adopted
    from ansible_collections.lifeboat.dr.plugins.module_utils._verify.jetstream._stream_questions import check_places

    options = module.params
    _manifest.check_name("app", options["app"])
    check_jobs(options["jobs"])
    assertions = read_assertions(options["checks"], STORE)
    check_places(assertions)
    deadline = Deadline(seconds_or_zero("time_limit", options["time_limit"]))
    found = _adopted.find(options["path"], options["pattern"])
    if not found:
        raise OptionError(
            f"path: there is no archive of the command line of NATS in {options['path']}.",
            hint="Name a folder that was given to nats stream backup or nats account backup, or one that holds such.",
        )
    # What cannot be looked into may be the newest of all: it is not proven, and never passed over.
    chosen = found if options["which"] == "all" else [one[0] for one in _adopted.series(found)]
    _check_asked(assertions, chosen)
    if module.check_mode:
        return {"changed": True, "planned": [described(archive) for archive in chosen], "proofs": []}

    def prove(archive: Adopted) -> dict[str, t.Any]:
        return _proof(module, archive, assertions, deadline)

    return {"changed": True, **proofs_of(chosen, described, prove, newest=options["which"] == "newest")}


def described(archive: Adopted) -> dict[str, t.Any]:
    """An archive, as the module returns it."""
    age = datetime.datetime.now(datetime.timezone.utc) - archive.modified
    return {
        "path": archive.path,
        "streams": list(archive.streams),
        "bytes": archive.bytes,
        "modified": archive.modified.isoformat(timespec="seconds"),
        "age_seconds": int(age.total_seconds()),
        "why": archive.why,
    }


def _asks(assertion: Assertion, archive: Adopted) -> bool:
    """Whether the archive holds the stream that a question is about."""
    bucket = assertion.where.get("bucket")
    names = {f"KV_{bucket}", f"OBJ_{bucket}"} if bucket else {assertion.where.get("stream")}
    return bool(names & set(archive.streams))


def _check_asked(assertions: t.Sequence[Assertion], chosen: t.Sequence[Adopted]) -> None:
    """Refuse a question that none of the archives can answer: it would never be asked. Raises OptionError."""
    for assertion in assertions:
        if not any(_asks(assertion, archive) for archive in chosen) and not any(one.why for one in chosen):
            raise OptionError(
                f"The check {assertion.name!r} is about {assertion.where.get('bucket') or assertion.where['stream']}, "
                "which is in none of these archives.",
                hint=f"They hold {', '.join(sorted({name for one in chosen for name in one.streams}))}.",
            )


def _proof(
    module: AnsibleModule, archive: Adopted, assertions: tuple[Assertion, ...], deadline: Deadline
) -> dict[str, t.Any]:
    """Read the archive into a scratch repository, and prove that as every other backup. Raises LifeboatError."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._verify.jetstream._adopted import AdoptedVerification
    from ansible_collections.lifeboat.dr.plugins.module_utils._verify.jetstream._jetstream import Options

    if archive.why:
        raise LifeboatError(archive.why)
    options = module.params
    progress = Progress(options["progress_file"], os.path.basename(archive.path))
    how = Options(
        profile=options["profile"],
        assertions=tuple(one for one in assertions if _asks(one, archive)),
        jobs=options["jobs"],
        scratch_dir=options["scratch_dir"],
        nats_server_binary=options["nats_server_binary"],
        account=functools.partial(open_account, options),
    )
    with ScratchFolder(options["scratch_dir"], needed_bytes=archive.bytes, what="a copy of the archive") as folder:
        noticed: list[str] = []
        stored = _taken_in(module, archive, folder.path, deadline, progress, noticed)
        verification = AdoptedVerification(archive.path, [stored], how, deadline, progress, noticed)
        report, files = run_and_report(verification, options["report_dir"])
    messages = sum(part.count_restored or 0 for part in report.parts)
    return {**result_of(report), "messages": messages, "report_files": files}


def _taken_in(
    module: AnsibleModule,
    archive: Adopted,
    folder: str,
    deadline: Deadline,
    progress: Progress,
    noticed: list[str],
) -> StoredBackup:
    """The archive as a backup of ours, each message read, and its manifest. Raises LifeboatError.

    What somebody should know of the archive is added to ``noticed``, and warned of.
    """
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.backup._backup import JetStreamEngine

    options = module.params
    os.mkdir(f"{folder}/copy", 0o700)
    (repository,) = open_repositories([{"path": f"{folder}/copy"}])
    component = component_of(archive.path, otherwise="archive")
    plain = open_compressor({"engine": "none"}), open_cipher({"engine": "none"})
    limit = deadline.remaining(_NO_LIMIT) if options["time_limit"] else 0
    destination = Destination(options["app"], component, (repository,), *plain, time_limit_seconds=limit)
    given = {"from_folder": archive.path, "streams": [], "exclude": [], "jobs": options["jobs"]}

    def warn(text: str) -> None:
        noticed.append(text)
        module.warn(text)

    engine = JetStreamEngine(given, warn)
    with _run.exclusive(f"{folder}/state", options["app"], component) as stem:
        manifest, _result = back_up(engine, engine.look(None), destination, stem, progress)
    return StoredBackup(manifest, repository, *plain)
