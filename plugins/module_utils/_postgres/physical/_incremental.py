# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Incremental base backups (PostgreSQL 17 and newer): what one builds on, and PostgreSQL's manifest of that one.

The server sends only the blocks that have changed since another backup, which it knows by that one's manifest. A host
that backs up cannot open its own backups, so it keeps PostgreSQL's manifest of the last one beside its journal: names,
sizes and checksums of files, and no content.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import glob
import os
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _run
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import RecordError, from_plain
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._system_catalog import query
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._content import PhysicalContent

if t.TYPE_CHECKING:
    import psycopg2.extensions
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Manifest

FULL, INCREMENTAL, AUTO = "full", "incremental", "auto"
SINCE = 17
NAME = "backup_manifest"
_BLOCK = 512
_CLOCK_TOLERANCE = datetime.timedelta(hours=1)  # between this host and the server
_MOST_BYTES = 1 << 30
# What is not summarized yet is waited for by the server; what was, and is gone, never comes back. A summary begins
# where another one ends, so one with none before it has a hole before it.
_SUMMARIES_LOST = """
    with own as (select start_lsn, end_lsn from pg_available_wal_summaries() where tli = %(timeline)s)
    select (
        (select summarized_lsn > %(start)s::pg_lsn from pg_get_wal_summarizer_state())
        and not exists (select from own where start_lsn <= %(start)s::pg_lsn and end_lsn > %(start)s::pg_lsn)
    ) or exists (
        select from own as later where start_lsn > %(start)s::pg_lsn
        and not exists (select from own where end_lsn >= later.start_lsn and start_lsn < later.start_lsn)
    )
"""
"""Whether a summary that an incremental backup needs is gone (PostgreSQL 17)."""


@dataclasses.dataclass(frozen=True)
class Prior:
    """The backup that an incremental one builds on. ``manifest`` is the path of PostgreSQL's own."""

    backup_id: str
    manifest: str
    full_at: str  # when the full one at the bottom of the chain was consistent


@dataclasses.dataclass(frozen=True)
class Cluster:
    """What has to be the same for both backups."""

    major: int
    system_identifier: str
    timeline: int
    archive: str


def choose(
    options: t.Mapping[str, t.Any],
    last: Manifest | None,
    cluster: Cluster,
    cursor: psycopg2.extensions.cursor,
    warn: t.Callable[[str], None],
    doubt: str = "",
) -> Prior | None:
    """What this backup builds on; None for a full one. Raises OptionError where an incremental one cannot be.

    ``doubt`` is why nothing may build on ``last``: it is not in each repository, so that the new one would be worth
    nothing where it is missing, or it could not be proven.
    """
    kind = options["kind"]
    if kind == FULL:
        return None
    why = _why_not(options, last, cluster, cursor) or doubt
    if not why and last is not None:
        content = _content(last)
        return Prior(last.backup_id, _place(options, last.backup_id), content.full_at or content.stopped_at)
    if kind == INCREMENTAL:
        raise OptionError(
            f"kind is incremental, and {why}",
            hint="Take a full backup first, or say kind: auto, which does. Nothing was done.",
        )
    if cluster.major >= SINCE and (why == doubt or "summarize_wal" in why or "summaries" in why):
        warn(f"A full backup is taken, as {why}")
    return None


def _why_not(
    options: t.Mapping[str, t.Any], last: Manifest | None, cluster: Cluster, cursor: psycopg2.extensions.cursor
) -> str:
    """Why no incremental backup can be taken now, as the end of a sentence; empty where one can be."""
    if cluster.major < SINCE:
        return f"PostgreSQL {cluster.major} makes none: it needs PostgreSQL {SINCE} or newer."
    if query(cursor, "select current_setting('summarize_wal')")[0][0] != "on":
        return "summarize_wal is off on the server."
    if last is None:
        return "there is no backup to build on."
    content = _content(last)
    before = Cluster(content.major, content.system_identifier, content.timeline, content.archive)
    if before != cluster:
        return f"the last backup, {last.backup_id}, is of another cluster, timeline or archive."
    if not os.path.isfile(_place(options, last.backup_id)):
        return f"PostgreSQL's manifest of the last backup, {last.backup_id}, is not on this host (state_dir)."
    limit = parse_duration("full_max_age", options["full_max_age"])
    began = datetime.datetime.fromisoformat(content.full_at or content.stopped_at)
    age = datetime.datetime.now(datetime.timezone.utc) - began
    if age < -_CLOCK_TOLERANCE:
        return "the last full backup is from the future: a clock was wrong then, or is now."
    if options["kind"] == AUTO and age > limit:
        return f"the last full backup is older than full_max_age ({options['full_max_age']})."
    if query(cursor, _SUMMARIES_LOST, {"timeline": content.timeline, "start": content.start_lsn})[0][0]:
        return f"the server has no summaries of its log since {last.backup_id} any more (wal_summary_keep_time)."
    return ""


def _content(manifest: Manifest) -> PhysicalContent:
    try:
        return from_plain(PhysicalContent, manifest.content, "the manifest's content")
    except RecordError as error:
        raise LifeboatError(f"The manifest of {manifest.backup_id} has the wrong shape: {error}.") from None


def _stem(options: t.Mapping[str, t.Any]) -> str:
    return f"{options['state_dir'] or _run.default_state_dir()}/{options['app']}@{options['component']}@"


def _place(options: t.Mapping[str, t.Any], backup_id: str) -> str:
    return f"{_stem(options)}{backup_id}.postgresql-manifest"


def keep(options: t.Mapping[str, t.Any], backup_id: str, manifest: bytes, prior: Prior | None) -> None:
    """Keep PostgreSQL's manifest of this backup, and of the one before it, as long as this one is not recorded."""
    path = _place(options, backup_id)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(manifest)
        os.fsync(file.fileno())
    kept = {path, prior.manifest if prior else ""}
    for other in glob.glob(f"{glob.escape(_stem(options))}*.postgresql-manifest"):
        if other not in kept and not prior:
            with contextlib.suppress(OSError):
                os.unlink(other)


class ManifestWatcher:
    """Pieces of a tar that are passed on, of which the file ``backup_manifest`` is kept."""

    def __init__(self, pieces: t.Iterator[bytes]) -> None:
        self._pieces = pieces
        self._head = b""
        self._skip = 0  # bytes up to the next header
        self._take = 0  # of them, those that are the manifest's
        self.manifest = bytearray()

    def __iter__(self) -> t.Iterator[bytes]:
        try:
            for piece in self._pieces:
                self._see(piece)
                yield piece
        finally:
            close(self._pieces)

    def _see(self, piece: bytes) -> None:
        at = 0
        while at < len(piece):
            if self._skip:
                count = min(self._skip, len(piece) - at)
                taken = min(self._take, count)
                self.manifest += piece[at : at + taken]
                self._take -= taken
                self._skip -= count
                at += count
                continue
            count = _BLOCK - len(self._head)
            self._head += piece[at : at + count]
            at += count
            if len(self._head) == _BLOCK:
                self._read(self._head)
                self._head = b""

    def _read(self, head: bytes) -> None:
        digits = head[124:136].strip(b"\0 ") or b"0"
        size = int.from_bytes(head[125:136], "big") if head[124] & 0x80 else int(digits, 8)
        self._skip = -(-size // _BLOCK) * _BLOCK
        if head[:100].rstrip(b"\0") == NAME.encode("ascii") and size <= _MOST_BYTES:
            self._take = size
