# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What ``pgbackrest info --output=json`` says, read as foreign input: each value has its type, or it is damage. Pure.

The format is described in pgBackRest's ``doc/xml/user-guide.xml`` and written by ``command/info/info.c``.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import (
    DamagedError,
    OptionError,
    RepositoryError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import RecordError, from_plain
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._files import SEGMENT, parse_lsn, parse_name

LABEL = re.compile(r"\d{8}-\d{6}F(?:_\d{8}-\d{6}[DI])?")
_ARCHIVE_ID = re.compile(r"\d{1,2}(?:\.\d)?-\d{1,9}")
_KINDS = ("full", "diff", "incr")
_NO_STANZA = (1, 3)  # status codes of info.c
_MISMATCH = 5
_OTHER = 99


class NoStanzaError(OptionError):
    """The repository has no stanza of this name."""


@dataclasses.dataclass(frozen=True)
class StanzaBackup:
    """One backup of a stanza. Times are seconds since 1970, by the clock of the host that took it."""

    label: str
    kind: str  # full, diff, incr
    prior: str
    references: tuple[str, ...]  # the labels that a restore reads besides its own
    started: int
    stopped: int
    start_lsn: str
    stop_lsn: str
    first_segment: str  # empty where pgBackRest was told not to wait for the log
    last_segment: str
    bytes: int
    repository_bytes: int
    page_errors: bool  # pages had a wrong checksum when they were read
    system_identifier: str
    server_version: str
    archive_id: str  # the folder of its log


@dataclasses.dataclass(frozen=True)
class Stanza:
    """A stanza in one repository of pgBackRest's."""

    name: str
    cipher: str
    locked: bool  # a backup runs
    system_identifier: str  # of the newest cluster that the stanza is of
    server_version: str
    archive_min: str
    archive_max: str
    backups: tuple[StanzaBackup, ...]  # of all its clusters, the oldest first

    @property
    def current(self) -> tuple[StanzaBackup, ...]:
        """The backups of the newest cluster."""
        return tuple(one for one in self.backups if one.system_identifier == self.system_identifier)


@dataclasses.dataclass(frozen=True)
class _Status:
    code: int
    message: str = ""
    lock: dict[str, t.Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class _Key:
    id: int


@dataclasses.dataclass(frozen=True)
class _Archive:
    database: _Key
    id: str
    min: str | None = None
    max: str | None = None


@dataclasses.dataclass(frozen=True)
class _Range:
    start: str | None = None
    stop: str | None = None


@dataclasses.dataclass(frozen=True)
class _Times:
    start: int
    stop: int


@dataclasses.dataclass(frozen=True)
class _InRepository:
    delta: int = 0
    size: int | None = None


@dataclasses.dataclass(frozen=True)
class _Sizes:
    size: int
    repository: _InRepository


@dataclasses.dataclass(frozen=True)
class _Backup:
    label: str
    type: str
    database: _Key
    timestamp: _Times
    info: _Sizes
    archive: _Range = _Range()
    lsn: _Range | None = None
    prior: str | None = None
    reference: list[str] | None = None
    error: bool | None = None


@dataclasses.dataclass(frozen=True)
class _Database:
    id: int
    version: str


@dataclasses.dataclass(frozen=True)
class _Stanza:
    name: str
    status: _Status
    db: list[t.Any]
    archive: list[_Archive]
    backup: list[_Backup]
    cipher: str = ""
    repo: list[t.Any] = dataclasses.field(default_factory=list)


def read_info(text: str, stanza: str) -> Stanza:
    """The stanza of this name. Raises NoStanzaError where there is none, RepositoryError, DamagedError."""
    try:
        document = read_json(text)
        found = from_plain(list[_Stanza], document, "info")
    except ValueError as error:
        raise _damaged(str(error)[:300]) from None
    named = [one for one in found if one.name == stanza]
    if any(one.status.code == _OTHER for one in named):
        raise RepositoryError(
            f"pgBackRest cannot read the stanza {stanza}: {_why(named[0])}.",
            hint="Look at the repository, its credentials and its cipher pass. Nothing was changed by us.",
        )
    if len(named) != 1 or named[0].status.code in _NO_STANZA:
        others = ", ".join(one.name for one in found if one.name != stanza and one.status.code not in _NO_STANZA)
        said = named[0].status.message if named else "it is not in the answer"
        raise NoStanzaError(
            f"There is no stanza {stanza} in this repository of pgBackRest ({said}).",
            hint=f"There are: {others}." if others else "Check stanza, pgbackrest_config and pgbackrest_repo, and "
            "whether a directory is mounted.",
        )  # fmt: skip
    one = named[0]
    if one.status.code == _MISMATCH:
        raise OptionError(
            f"pgBackRest says of the stanza {stanza}: {one.status.message}.",
            hint="Its archive and its backups are of different clusters. Nothing was recorded.",
        )
    try:
        return _stanza(one)
    except (RecordError, OptionError) as error:
        raise _damaged(str(error)) from None


def _why(one: _Stanza) -> str:
    """What pgBackRest says of its repositories."""
    said = [str((item.get("status") or {}).get("message", "")) for item in one.repo if isinstance(item, dict)]
    return "; ".join(" ".join(text.split())[:500] for text in said if text) or one.status.message


def _stanza(one: _Stanza) -> Stanza:
    databases = {}
    for item in one.db:
        own = from_plain(_Database, item, "db")
        databases[own.id] = (str(_whole(item.get("system-id"), "db.system-id")), own.version)
    if not databases:
        raise RecordError("db is empty")
    newest = databases[max(databases)]
    archives = {archive.database.id: archive for archive in one.archive}
    backups = tuple(_backup(backup, databases, archives) for backup in one.backup)
    archive = archives.get(max(databases))
    return Stanza(
        name=one.name,
        cipher=one.cipher,
        locked=bool((one.status.lock.get("backup") or {}).get("held")),
        system_identifier=newest[0],
        server_version=newest[1],
        archive_min=_segment(archive.min if archive else None),
        archive_max=_segment(archive.max if archive else None),
        backups=tuple(sorted(backups, key=lambda backup: (backup.stopped, backup.label))),
    )


def _backup(
    one: _Backup, databases: t.Mapping[int, tuple[str, str]], archives: t.Mapping[int, _Archive]
) -> StanzaBackup:
    names = [one.label, *([one.prior] if one.prior else []), *(one.reference or [])]
    for name in names:
        if not LABEL.fullmatch(name):
            raise RecordError(f"{name[:80]!r} is not the label of a backup")
    if one.type not in _KINDS or one.database.id not in databases:
        raise RecordError(f"backup {one.label} is of the type {one.type!r} and the database {one.database.id}")
    lsn = one.lsn or _Range()
    for position in (lsn.start, lsn.stop):
        parse_lsn("lsn", position or "")
    archive = archives.get(one.database.id)
    if archive is not None and not _ARCHIVE_ID.fullmatch(archive.id):
        raise RecordError(f"archive.id is {archive.id[:80]!r}")
    return StanzaBackup(
        label=one.label,
        kind=one.type,
        prior=one.prior or "",
        references=tuple(one.reference or ()),
        started=one.timestamp.start,
        stopped=one.timestamp.stop,
        start_lsn=lsn.start or "",
        stop_lsn=lsn.stop or "",
        first_segment=_segment(one.archive.start),
        last_segment=_segment(one.archive.stop),
        bytes=one.info.size,
        repository_bytes=one.info.repository.size or one.info.repository.delta,
        page_errors=bool(one.error),
        system_identifier=databases[one.database.id][0],
        server_version=databases[one.database.id][1],
        archive_id=archive.id if archive else "",
    )


@dataclasses.dataclass(frozen=True)
class Tablespace:
    """One tablespace of a backup, and where it was."""

    oid: int
    name: str
    destination: str


@dataclasses.dataclass(frozen=True)
class _WithTablespaces:
    label: str
    tablespace: list[Tablespace] | None = None


@dataclasses.dataclass(frozen=True)
class _OneBackup:
    backup: list[_WithTablespaces]


def read_tablespaces(text: str, label: str) -> tuple[Tablespace, ...]:
    """The tablespaces of a backup, in what ``info --set`` says of it. Raises DamagedError."""
    try:
        found = from_plain(list[_OneBackup], read_json(text), "info")
    except ValueError as error:
        raise _damaged(str(error)[:300]) from None
    named = [backup for one in found for backup in one.backup if backup.label == label]
    if len(named) != 1:
        raise _damaged(f"it does not have the backup {label}")
    for one in named[0].tablespace or ():
        if not one.destination.startswith("/") or "/" in one.name or one.name in ("", ".", "..") or one.oid <= 0:
            raise _damaged(f"the tablespace {one.name[:80]!r} is at {one.destination[:80]!r}")
    return tuple(named[0].tablespace or ())


def segment_bytes_of(name: str, lsn: str) -> int:
    """How large the segments are, by the one that holds this position. Raises DamagedError."""
    segment, position = parse_name(name), parse_lsn("lsn", lsn)
    sizes = [1 << power for power in range(20, 31)]
    fitting = [size for size in sizes if segment and segment.index(size) == position // size]
    if len(fitting) != 1:
        raise _damaged(f"{lsn} does not lie in the segment {name}")
    return fitting[0]


def _segment(name: str | None) -> str:
    if name is None:
        return ""
    found = parse_name(name)
    if found is None or found.kind != SEGMENT:
        raise RecordError(f"{name[:80]!r} is not the name of a segment")
    return name


def _whole(value: t.Any, place: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise RecordError(f"{place} is {value!r}")
    return value


def _damaged(why: str) -> DamagedError:
    return DamagedError(
        f"pgbackrest info gave an answer that cannot be read: {why}.",
        hint="Run pgbackrest info --output=json by hand. Nothing was recorded.",
    )
