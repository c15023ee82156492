# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""One inventory of a pair of buckets: both are compared, and only when they are the same, what they hold is written
down.
"""

from __future__ import annotations

import dataclasses
import datetime
import platform
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _by_hand, _manifest, _run
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._artifacts import store_artifact
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import to_plain
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare import _verdict
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._pair_comparison import Options, PairComparison
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._tally import Rules, Tally, describe
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.inventory._content import (
    ENGINE,
    INVENTORY,
    Bucket,
    S3Content,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.inventory._inventory import InventorySpool

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._compression import Compressor
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
    from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import Cipher
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side

_SHOWN = 3


@dataclasses.dataclass(frozen=True)
class Request:
    """What to compare, how, and where the inventory goes."""

    app: str
    component: str
    source: Side
    destination: Side
    options: Options
    limits: _verdict.Limits
    repositories: tuple[Repository, ...]
    compressor: Compressor
    cipher: Cipher
    server: str = ""
    scratch_dir: str = "/var/tmp"
    last_stored_bytes: int = 0


def back_up(request: Request, stem: str, progress: Progress) -> tuple[_manifest.Manifest, _run.StoringResult]:
    """Compare, and write the inventory.

    Raises LifeboatError, also when the buckets are not the same; then nothing is left anywhere.
    """
    started = datetime.datetime.now(datetime.timezone.utc)
    progress.phase("preflight", "checking the repositories")
    reachable, failed = _run.writable(request.repositories, request.last_stored_bytes)
    young = started - datetime.timedelta(seconds=request.options.grace_seconds)
    spool = InventorySpool(request.scratch_dir, Rules(young.strftime("%Y-%m-%dT%H:%M:%S")).is_young)
    try:
        deadline = Deadline(request.options.time_limit)
        tally = _compared(request, spool, progress)
        # The id names the time of storing, which its folder's own second is waited out for; the content is of the
        # start.
        backup_id = _manifest.new_backup_id(datetime.datetime.now(datetime.timezone.utc))
        folder = _manifest.backup_folder(request.app, request.component, backup_id)
        progress.phase("store", "storing the inventory", spool.size)
        with _run.Storing(stem, folder, reachable, failed) as storing:
            artifact = _stored(request, storing, spool, deadline, progress)
            bare = _manifest_of(request, backup_id, started, artifact, _content(request, spool, tally))
            progress.phase("manifest", "writing the manifest")
            outcome = storing.finish(
                lambda repositories: _manifest.dump(dataclasses.replace(bare, repositories=repositories))
            )
            return dataclasses.replace(bare, repositories=tuple(outcome.stored_in)), outcome
    finally:
        spool.close()


def _stored(
    request: Request, storing: _run.Storing, spool: InventorySpool, deadline: Deadline, progress: Progress
) -> _manifest.Artifact:
    return store_artifact(
        storing,
        f"inventory.jsonl{request.compressor.suffix}{request.cipher.suffix}",
        INVENTORY,
        spool.pieces(),
        compressor=request.compressor,
        cipher=request.cipher,
        estimated_bytes=spool.size,
        deadline=deadline,
        hash_plain=True,
        on_bytes=progress.advance,
    )


def _manifest_of(
    request: Request, backup_id: str, started: datetime.datetime, artifact: _manifest.Artifact, content: S3Content
) -> _manifest.Manifest:
    """The manifest, but for the repositories."""
    opened = _by_hand.opened(artifact, request.compressor, request.cipher)
    return _manifest.Manifest(
        app=request.app,
        component=request.component,
        backup_id=backup_id,
        engine=ENGINE,
        started_at=_manifest.iso(started),
        snapshot_at=_manifest.iso(started),
        finished_at=_manifest.iso(datetime.datetime.now(datetime.timezone.utc)),
        host=platform.node(),
        tool_versions={"python": platform.python_version()},
        encoding=_manifest.Encoding(request.compressor.engine, request.cipher.engine, tuple(request.cipher.recipients)),
        artifacts=(artifact,),
        content=to_plain(content),
        restore_by_hand=(
            *_by_hand.checks([artifact]),
            f"{opened} | less  # the objects are in the bucket {content.destination.bucket}",
        ),
    )


def _compared(request: Request, spool: InventorySpool, progress: Progress) -> Tally:
    """What the comparison found. Raises LifeboatError unless the buckets are the same."""
    found = PairComparison(request.source, request.destination, request.options, progress, spool.observe).run()
    tally = t.cast(Tally, found.tally)
    conclusion = _conclusion(request, tally)
    if conclusion.verdict != _verdict.IN_SYNC:
        differences = [entry for finding in tally.findings.values() for entry in finding.kept]
        named = ", ".join(str(describe(entry)["key"]) for entry in differences[:_SHOWN])
        why = "; ".join(conclusion.reasons)
        raise LifeboatError(
            f"The buckets are not the same ({conclusion.verdict}): {why}. Nothing was recorded. For example: {named}.",
            hint=(
                "s3_replication_info says what differs, and s3_replication with state: resynced copies what is missing."
            ),
            details={"verdict": conclusion.verdict, "reasons": conclusion.reasons},
        )
    return tally


def _conclusion(request: Request, tally: Tally) -> _verdict.Conclusion:
    return _verdict.of_tally(tally, request.limits, "versions" if request.options.level == "versions" else "objects")


def _content(request: Request, spool: InventorySpool, tally: Tally) -> S3Content:
    conclusion = _conclusion(request, tally)
    sides = [
        Bucket(side.bucket, side.settings.endpoint, side.region or "") for side in (request.source, request.destination)
    ]
    return S3Content(
        source=sides[0],
        destination=sides[1],
        prefix=request.options.prefix,
        level=request.options.level,
        verdict=conclusion.verdict,
        summary="; ".join(conclusion.reasons),
        objects=spool.objects,
        bytes=spool.bytes,
        versions=spool.versions,
        delete_markers=spool.markers,
        left_out=spool.left_out,
        matched_by_version_id=tally.by_version_id,
        matched_by_content=tally.by_content,
        compare_markers=request.options.delete_markers,
        ignore_extra=request.limits.ignore_extra,
        server=request.server,
    )
