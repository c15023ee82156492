# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``pg_dump_verify``: dumps of another's making, restored into a scratch cluster and asked."""

from __future__ import annotations

import datetime
import os
import platform
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _manifest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._compression import open_compressor
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import StoredBackup
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import seconds_or_zero
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import ENCRYPTION_SPEC, open_cipher
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._options import (
    SCRATCH_SPEC,
    TOOLS_SPEC,
    preloaded,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._store import STORE
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools, find_tools
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._store import STORE as PHYSICAL
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_account import open_account
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import open_repositories
from ansible_collections.lifeboat.dr.plugins.module_utils._verify._assertions import checks_spec, read_assertions
from ansible_collections.lifeboat.dr.plugins.module_utils._work._found_run import FOUND_SPEC, component_of, proofs_of
from ansible_collections.lifeboat.dr.plugins.module_utils._work._pg_dump_info import described
from ansible_collections.lifeboat.dr.plugins.module_utils._work._reported import result_of, run_and_report

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.dumps._files import Dump
    from ansible_collections.lifeboat.dr.plugins.module_utils._verify._assertions import Assertion

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **FOUND_SPEC,
    "major": {"type": "int"},
    "checks": checks_spec(PHYSICAL),
    **ENCRYPTION_SPEC,
    **TOOLS_SPEC,
    **SCRATCH_SPEC,
}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result; ``failed`` in it when a dump is not proven."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.dumps import _files

    options = module.params
    _manifest.check_name("app", options["app"])
    assertions = read_assertions(options["checks"], PHYSICAL)
    found = _files.find(options["path"], options["pattern"], options["encryption"])
    # What cannot be looked into may be the newest dump of all: it is not proven, and never passed over.
    usable = [dump for dump in found if dump.is_postgresql or dump.locked]
    others = [described(dump) for dump in found if not (dump.is_postgresql or dump.locked)]
    if not usable:
        raise OptionError(
            f"path: there is no dump of PostgreSQL in {options['path']} that can be read. "
            + " ".join(f"{dump.path}: {dump.why or dump.kind.kind}." for dump in found[:3]),
            hint="Name the folder, a pattern, and in encryption the keys.",
        )
    chosen = usable if options["which"] == "all" else [one[0] for one in _files.series(usable)]
    result: dict[str, t.Any] = {"changed": True, "others": others}
    if module.check_mode:
        return {**result, "planned": [described(dump) for dump in chosen], "proofs": []}
    deadline = Deadline(seconds_or_zero("time_limit", options["time_limit"]))

    def prove(dump: Dump) -> dict[str, t.Any]:
        return _proof(module, dump, assertions, deadline)

    return {**result, **proofs_of(chosen, described, prove, newest=options["which"] == "newest")}


def _proof(
    module: AnsibleModule, dump: Dump, assertions: tuple[Assertion, ...], deadline: Deadline
) -> dict[str, t.Any]:
    from ansible_collections.lifeboat.dr.plugins.module_utils._verify.postgres._dumps import DumpVerification, Options

    options = module.params
    if dump.locked:
        return {"verdict": "failed", "msg": f"{dump.path} could not be looked into: {dump.why}"}
    progress = Progress(options["progress_file"], os.path.basename(dump.path))
    how = Options(
        profile=options["profile"],
        encryption=options["encryption"],
        tools=_tools(options, dump),
        account=open_account(options),
        scratch_dir=options["scratch_dir"],
        preload=preloaded(options),
        assertions=assertions,
    )
    verification = DumpVerification(dump, _as_stored(options["app"], dump), how, deadline, progress)
    report, files = run_and_report(verification, options["report_dir"])
    counted = {"tables": len(report.parts), "rows": sum(part.count_restored or 0 for part in report.parts)}
    return {**result_of(report), **counted, "report_files": files}


def _tools(options: t.Mapping[str, t.Any], dump: Dump) -> Tools:
    """PostgreSQL's programs of the dump's version, or of ``major``. Raises OptionError."""
    major = options["major"] or dump.kind.major
    if not major:
        raise OptionError(
            f"{dump.path} does not say which version of PostgreSQL it is of.",
            hint="Name the version to restore it with in major, such as 15.",
        )
    try:
        return find_tools(
            major,
            bin_dir=options["bin_dir"],
            allow_vulnerable=options["allow_vulnerable_client"],
            program="postgres" if options["profile"] != "artifact" else "pg_restore",
        )
    except LifeboatError as error:
        error.hint += " A newer server restores it as well: name its version in major."
        raise


def _as_stored(app: str, dump: Dump) -> StoredBackup:
    """The dump as if it were a backup of ours, so that its proof and its report are made as all others are."""
    moment = _manifest.iso(dump.modified)
    manifest = _manifest.Manifest(
        app=app,
        component=component_of(dump.path, otherwise="dump"),
        backup_id=f"{dump.modified.astimezone(datetime.timezone.utc):%Y%m%dT%H%M%SZ}-000000",
        engine=STORE.engine,
        started_at=moment,
        snapshot_at=moment,
        finished_at=moment,
        host=platform.node(),
        tool_versions={"pg_dump": dump.kind.dump_version} if dump.kind.dump_version else {},
        encoding=_manifest.Encoding(
            next((one for one in dump.wrapped if one in ("gz", "zst")), "none"),
            next((one for one in dump.wrapped if one in ("age", "gpg")), "none"),
        ),
        artifacts=(),
        content={},
    )
    (repository,) = open_repositories([{"path": os.path.dirname(dump.path)}])
    return StoredBackup(manifest, repository, open_compressor({"engine": "none"}), open_cipher({"engine": "none"}))
