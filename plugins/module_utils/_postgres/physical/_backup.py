# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""One base backup of a cluster: ``pg_basebackup`` into the repositories, and its log, which has to be in the archive.

A base backup without its log is worth nothing. So a segment is archived and found before it begins, and it is done only
when every segment from its start to after its end was found in every repository.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._engine import Engine, Look, Part, Saved
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError, SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import from_plain
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client import _launch, _system_catalog
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import (
    connection_from_options,
    import_psycopg2,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._system_catalog import query, value
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools, find_tools
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical import _archiving, _incremental, _markers
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._content import (
    BASE,
    Database,
    PhysicalContent,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._store import STORE
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._files import (
    parse_lsn,
    parse_name,
    segment_name,
    shown,
)

if t.TYPE_CHECKING:
    import psycopg2.extensions
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Manifest
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._session import BackupSession
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._archive import WalArchive

_RANGE = re.compile(rb'"Timeline": (\d+), "Start-LSN": "([0-9A-F]+/[0-9A-F]+)", "End-LSN": "([0-9A-F]+/[0-9A-F]+)"')
_TAIL_BYTES = 64 << 10  # of the tar, whose last file is PostgreSQL's manifest, at whose end the log's range stands
_CLUSTER = """
    select (select system_identifier::text from pg_control_system()),
      (select rolname::text from pg_roles where oid = 10), current_setting('data_checksums') = 'on',
      (select setting::bigint from pg_settings where name = 'wal_segment_size'),
      (select count(*) from pg_tablespace where spcname not in ('pg_default', 'pg_global'))
"""


# A role that may not read where the files are sees nothing of them.
_OUTSIDE = """
    select setting from pg_settings where name in ('config_file', 'hba_file', 'ident_file') and not starts_with(setting,
      (select setting from pg_settings where name = 'data_directory') || '/') order by 1
"""


@dataclasses.dataclass(frozen=True)
class PhysicalLook(Look):
    """The server and its databases."""

    server: _system_catalog.Server
    tools: Tools
    system_identifier: str
    superuser: str
    data_checksums: bool
    segment_bytes: int
    databases: tuple[Database, ...]
    outside: tuple[str, ...]  # configuration files that a base backup does not hold
    prior: _incremental.Prior | None  # what it builds on; None for a full one


class PhysicalEngine(Engine[PhysicalLook]):
    """A cluster that archives its log into these repositories."""

    name = STORE.engine

    def __init__(self, options: t.Mapping[str, t.Any], warn: t.Callable[[str], None], archive: WalArchive) -> None:
        super().__init__(options, warn)
        self._connection = connection_from_options(options)
        self._archive = archive

    def look(self, last: Manifest | None) -> PhysicalLook:
        """Refuse a standby, a server that does not archive, tablespaces, and programs that do not fit."""
        with self._session() as cursor:
            server = _system_catalog.server(cursor)
            if server.in_recovery:
                raise OptionError(
                    f"{self._connection.describe()} is a standby, which can end no segment of the log.",
                    hint="Name the primary. Nothing was done.",
                )
            _archiving.check_archiving(_archiving.settings(cursor))
            _archiving.check_cluster(cursor, self._archive)
            for worry in _archiving.worries(_archiving.read_archiver(cursor)):
                self._warn(worry)
            system, superuser, checksums, segment_bytes, tablespaces = query(cursor, _CLUSTER)[0]
            cluster = _incremental.Cluster(server.major, system, server.timeline, self._archive.name)
            prior = _incremental.choose(self._options, last, cluster, cursor, self._warn, self.doubt)
            outside = tuple(str(path) for (path,) in query(cursor, _OUTSIDE))
            sizes = query(cursor, "select datname::text, pg_database_size(oid) from pg_database order by datname")
        if tablespaces:
            raise OptionError(
                f"The cluster has {tablespaces} tablespaces of its own, which this backup does not carry.",
                hint="Have pgBackRest keep the cluster (lifeboat.dr.pgbackrest_stanza), which carries them, or back "
                "its databases up with lifeboat.dr.pg_backup. Nothing was done.",
            )
        options = self._options
        tools = find_tools(
            server.major,
            bin_dir=options["bin_dir"],
            allow_vulnerable=options["allow_vulnerable_client"],
            program="pg_basebackup",
        )
        databases = tuple(Database(name, int(size)) for name, size in sizes)
        needed = last.stored_bytes if last else sum(database.bytes for database in databases)
        return PhysicalLook(
            needed, server, tools, system, superuser, checksums, int(segment_bytes), databases, outside, prior
        )

    def planned(self, look: PhysicalLook) -> dict[str, t.Any]:
        """The cluster and its size."""
        return {
            "server_version": look.server.version,
            "system_identifier": look.system_identifier,
            "timeline": look.server.timeline,
            "archive": self._archive.name,
            "builds_on": look.prior.backup_id if look.prior else "",
            "databases": [dataclasses.asdict(database) for database in look.databases],
            "needed_bytes": look.needed_bytes,
        }

    def save(self, look: PhysicalLook, session: BackupSession) -> Saved:
        """Take the base backup between two segments that were seen to arrive."""
        wait = parse_duration("archive_wait", self._options["archive_wait"]).total_seconds()
        with self._session() as cursor:
            session.progress.phase("archiving", "seeing a segment of the log arrive")
            _archiving.archive_now(cursor, self._archive, Deadline(wait))
            total = sum(database.bytes for database in look.databases)
            session.progress.phase("dump", "copying the data folder", total)
            tail = self._copy(look, session)
            stopped = value(cursor, "select clock_timestamp()")
            content = self._content(look, tail, stopped)
            session.progress.phase("log", "seeing the log of the backup arrive")
            marker = None
            if self._options["markers"]:
                marker = _markers.plant(cursor, self._connection.database, f"lifeboat-{session.backup_id}")
            last = _archiving.archive_now(cursor, self._archive, Deadline(wait))
            self._check_log(content, last.text)
        content = dataclasses.replace(content, last_segment=last.text, marker=marker)
        artifact = session.artifacts[0]
        return Saved(
            content,
            taken_at=stopped,
            tool_versions={"postgresql": look.server.version, "pg_basebackup": look.tools.version_text},
            by_hand=_by_hand(session.opened(artifact), content),
        )

    def _copy(self, look: PhysicalLook, session: BackupSession) -> bytes:
        """Store what pg_basebackup sends. Gives its last bytes, which have where the log begins and ends."""
        command = [
            look.tools.path("pg_basebackup"),
            "--pgdata=-",
            "--format=tar",
            "--wal-method=none",
            f"--checkpoint={self._options['checkpoint']}",
            f"--label=lifeboat {session.backup_id}",
            "--no-password",
            *([f"--incremental={look.prior.manifest}"] if look.prior else []),
        ]
        total = sum(database.bytes for database in look.databases)
        with _launch.start(command, self._connection) as program:
            watcher = _incremental.ManifestWatcher(program.read(session.deadline))
            tail = _Tail(iter(watcher))
            session.store(Part("base.tar", BASE, iter(tail), total))
        if look.server.major >= _incremental.SINCE:
            _incremental.keep(self._options, session.backup_id, bytes(watcher.manifest), look.prior)
        return tail.bytes

    def _content(self, look: PhysicalLook, tail: bytes, stopped: datetime.datetime) -> PhysicalContent:
        ranges = _RANGE.findall(tail)
        if len(ranges) != 1:
            raise SourceError(
                f"PostgreSQL's manifest names {len(ranges)} ranges of the log, and one was expected: the server went "
                "to another timeline, or sends no manifest.",
                hint="Take the backup again.",
            )
        timeline, start, stop = int(ranges[0][0]), ranges[0][1].decode("ascii"), ranges[0][2].decode("ascii")
        index = parse_lsn("start", start) // look.segment_bytes
        return PhysicalContent(
            server_version=look.server.version,
            major=look.server.major,
            system_identifier=look.system_identifier,
            timeline=timeline,
            start_lsn=start,
            stop_lsn=stop,
            stopped_at=stopped.astimezone(datetime.timezone.utc).isoformat(),
            segment_bytes=look.segment_bytes,
            archive=self._archive.name,
            first_segment=segment_name(timeline, index, look.segment_bytes),
            last_segment="",
            superuser=look.superuser,
            data_checksums=look.data_checksums,
            databases=look.databases,
            prior=look.prior.backup_id if look.prior else "",
            full_at=look.prior.full_at if look.prior else "",
            outside=look.outside,
        )

    def _check_log(self, content: PhysicalContent, last: str) -> None:
        """Every segment of the backup is in every repository. Raises SourceError naming those that are not."""
        end = parse_name(last)
        if end is None or end.timeline != content.timeline:
            raise SourceError(
                f"The server went from timeline {content.timeline} to another one while it was backed up.",
                hint="Take the backup again.",
            )
        size = content.segment_bytes
        first = parse_lsn("start", content.start_lsn) // size
        missing = []
        for index in range(first, end.index(size) + 1):
            name = parse_name(segment_name(content.timeline, index, size))
            if name is None or len(self._archive.holders(name)) < len(self._archive.repositories):
                missing.append(segment_name(content.timeline, index, size))
        if missing:
            raise SourceError(
                f"The log of the backup is not whole in every repository: {shown(missing)} is missing from the archive "
                f"{content.archive}.",
                hint="Find out who removed it, or whether min_copies let the archiver pass a repository by.",
            )

    def describe(self, manifest: Manifest) -> dict[str, t.Any]:
        """Where the backup stands in the log."""
        content = from_plain(PhysicalContent, manifest.content, "the manifest's content")
        names = (
            "server_version", "system_identifier", "timeline", "start_lsn", "stop_lsn", "stopped_at", "archive",
            "first_segment", "last_segment",
        )  # fmt: skip
        return {
            **{name: getattr(content, name) for name in names},
            "builds_on": content.prior,
            "restore_point": content.marker.point if content.marker else "",
            "databases": [database.name for database in content.databases],
        }

    def _session(self) -> _Cursor:
        return _Cursor(self._connection.connect())


class _Tail:
    """Pieces that are passed on, and the last bytes of them."""

    def __init__(self, pieces: t.Iterator[bytes]) -> None:
        self._pieces = pieces
        self.bytes = b""

    def __iter__(self) -> t.Iterator[bytes]:
        try:
            for piece in self._pieces:
                self.bytes = (self.bytes + piece)[-_TAIL_BYTES:] if len(piece) < _TAIL_BYTES else piece[-_TAIL_BYTES:]
                yield piece
        finally:
            close(self._pieces)


class _Cursor:
    """A cursor whose session ends with it, and whose errors are in our words."""

    def __init__(self, session: psycopg2.extensions.connection) -> None:
        self._session = session

    def __enter__(self) -> psycopg2.extensions.cursor:
        return self._session.cursor()

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._session.close()
        library = import_psycopg2()
        if isinstance(error, library.errors.InsufficientPrivilege):
            raise OptionError(
                f"This role may not do what a base backup needs: {str(error).strip().splitlines()[0]}.",
                hint="Use a superuser, or grant what docs/how-to/roles-and-rights.md lists.",
            ) from None
        if isinstance(error, library.Error):
            raise LifeboatError(f"PostgreSQL: {str(error).strip()}", hint="The server's log says more.") from None


def _by_hand(opened: str, content: PhysicalContent) -> list[str]:
    """A recovery with stock tools: to the end of the log that was fetched, or to a target that is set."""
    name = content.first_segment
    chain = [
        "mkdir -m 0700 data",
        f"{opened} | tar --extract --directory data",
    ]
    if content.prior:
        chain = [
            f"# this is an incremental backup: unpack {content.prior} and those it builds on in the same way, the full "
            "one first, into folders of their own",
            "mkdir -m 0700 last",
            f"{opened} | tar --extract --directory last",
            "pg_combinebackup FULL ... last --output=data",
        ]
    return [
        *chain,
        *(f"# not in the backup, as it lay outside of the data folder: {path}" for path in content.outside),
        "pg_verifybackup --no-parse-wal data",
        f"# fetch wal/{content.archive}/ from the repository, and open each segment from {name} on into a folder wal,",
        f"# such as {name}: age --decrypt --identity KEY_FILE FILE | zstd --decompress --stdout > wal/{name}",
        "printf '%s\\n' \"restore_command = 'cp /whole/path/of/wal/%f %p'\" 'archive_mode = off' >> "
        "data/postgresql.auto.conf",
        "# for a point in time: recovery_target_time = '2026-01-15 14:30:00+00', recovery_target_action = 'pause'",
        "touch data/recovery.signal",
        "pg_ctl start --pgdata data",
    ]
