# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Which base backup, and which part of the log, lead to a target: everything is checked before anything is touched.

PostgreSQL itself promotes without a word where a time lies before the end of the backup, and gives up at the end of the
log where it lies after the last commit. Both are known before.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
import re
import tempfile
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import (
    DamagedError,
    LifeboatError,
    OptionError,
    SourceError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import from_plain
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._content import PhysicalContent
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._points import read_points
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._target import (
    LATEST,
    LSN,
    NAME,
    TIME,
    XID,
    Target,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._window import (
    Reach,
    covers,
    indexed,
    latest_timeline,
    reach,
    stretches,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._files import (
    HISTORY,
    SEGMENT,
    Switch,
    lsn_text,
    parse_history,
    parse_lsn,
    parse_name,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._process import Program
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_folder import ScratchFolder

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._catalog import Backup
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._archive import About, Listing
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._files import WalName

_COMMIT = re.compile(rb"desc: COMMIT(?:_PREPARED)?\b.*?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) UTC")
_SEARCHED = 200  # segments, from the end back, in which a commit is looked for


class Named(t.Protocol):
    """A backup, of ours or of another program's."""

    @property
    def backup_id(self) -> str:
        """What it is called."""


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A base backup and how far its log goes."""

    backup: Named
    content: PhysicalContent
    found: Reach
    chain: tuple[Backup, ...] = ()  # what a restore puts together, the full one first


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a recovery will do."""

    candidate: Candidate
    target: Target
    last_commit: datetime.datetime | None  # of the log that can be read; None where it was not asked


class Archive(t.Protocol):
    """Where a log is archived: in our repositories, or with another program."""

    @property
    def name(self) -> str:
        """What an error calls it."""

    def fetch(self, name: WalName, system_identifier: str) -> bytes | None:
        """The file's content; None where it is not there. Raises LifeboatError."""

    def about(self, name: WalName) -> About | None:
        """What is known of a file beside its content."""


class Log:
    """The log of a component in the archive, and what it can do for each base backup.

    ``keyless`` is for whoever only looks: histories are then believed as they stand beside their encrypted content.
    """

    def __init__(self, archive: Archive, listing: Listing, system_identifier: str, *, keyless: bool = False) -> None:
        if listing.cluster.system_identifier != system_identifier:
            raise OptionError(
                f"The archive {archive.name} is of the cluster {listing.cluster.system_identifier}, and the base "
                f"backup is of the cluster {system_identifier}.",
                hint="Name the archive of that cluster in archive.",
            )
        self.archive = archive
        self.listing = listing
        self.system_identifier = system_identifier
        self._segments = listing.named(SEGMENT)
        self.histories: dict[int, tuple[Switch, ...]] = {}
        self.unreadable: dict[int, LifeboatError] = {}  # of the histories, by timeline
        for name in listing.named(HISTORY):
            try:
                self.histories[name.timeline] = parse_history(self._history(name, keyless=keyless), name.text)
            except LifeboatError as error:
                self.unreadable[name.timeline] = error

    def _history(self, name: WalName, *, keyless: bool) -> bytes:
        if keyless:
            about = self.archive.about(name)
            return about.history.encode() if about else b""
        return self.archive.fetch(name, self.system_identifier) or b""

    @property
    def names(self) -> list[str]:
        """The segments and histories that were in the archive when it was listed, which is what a plan stands on."""
        return [*(name.text for name in self._segments), *(f"{number:08X}.history" for number in self.histories)]

    def reach(self, content: PhysicalContent, timeline: int) -> Reach:
        """How far the backup can be brought on this timeline (0: the latest). Raises LifeboatError."""
        wanted, known = timeline, {**self.histories, **dict.fromkeys(self.unreadable, ())}
        timeline = wanted or latest_timeline(content.timeline, known)
        # A server that looks for the latest asks for each on the way there; one that is told which, for that one.
        for number in range(content.timeline + 1 if not wanted else timeline, timeline + 1):
            if number in self.unreadable and number != content.timeline:
                raise self.unreadable[number]
        way = stretches(content, timeline, self.histories)
        return reach(way, indexed(self._segments, content.segment_bytes), content.segment_bytes)

    def last_commit(self, found: Reach, tools: Tools, deadline: Deadline) -> datetime.datetime | None:
        """The last commit in the part of the log that can be read; None where the last 200 segments have none.

        Then more may be known by ``searched_whole``: one transaction can fill more than that.
        """
        with ScratchFolder(tempfile.gettempdir()) as scratch:  # the log holds rows: the next run removes a killed one's
            folder = scratch.path
            for text in list(reversed(found.names))[:_SEARCHED]:
                deadline.check("Looking for the last commit in the archive")
                self.write(text, folder)
                moment = _last_commit(os.path.join(folder, text), tools, deadline)
                os.unlink(os.path.join(folder, text))
                if moment is not None:
                    return moment
        return None

    def points(self, text: str, point: str, tools: Tools, deadline: Deadline) -> tuple[int, ...]:
        """Where in this segment a restore point of this name is, the first first."""
        with ScratchFolder(tempfile.gettempdir()) as scratch:
            self.write(text, scratch.path)
            with _waldump(os.path.join(scratch.path, text), "XLOG", tools) as program:
                return read_points(program.lines(deadline), point)

    @staticmethod
    def searched_whole(found: Reach) -> bool:
        """Whether ``last_commit`` looks at every segment of it."""
        return len(found.names) <= _SEARCHED

    def write(self, text: str, folder: str) -> None:
        """One file of the archive, whole, into a folder. Raises DamagedError where it is gone."""
        name = parse_name(text)
        content = self.archive.fetch(name, self.system_identifier) if name else None
        if content is None:
            raise DamagedError(f"{text} was in the archive {self.archive.name} a moment ago, and is gone.")
        with open(os.open(os.path.join(folder, text), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)


def content_of(backup: Backup) -> PhysicalContent:
    """What the manifest says."""
    return from_plain(PhysicalContent, backup.manifest.content, "the manifest's content")


def chain_of(backup: Backup, among: t.Iterable[Backup]) -> list[Backup]:
    """The backups that a restore of this one puts together, the full one first. Raises DamagedError."""
    by_id = {one.backup_id: one for one in among}
    chain = [backup]
    while prior := content_of(chain[0]).prior:
        below = by_id.get(prior)
        if below is None or below in chain:
            raise DamagedError(
                f"{backup.backup_id} is an incremental backup that builds on {prior}, which is in no repository.",
                hint="Find out who removed it. Take a full backup now (kind: full).",
            )
        chain.insert(0, below)
    return chain


def group_for(backups: t.Sequence[Backup], target: Target) -> list[Backup]:
    """Those of one cluster and one archive, which the target is for. ``backups`` are of one component, newest first.

    A cluster that was promoted or upgraded archives into another place than before. A moment before its first base
    backup lies in the log of the one before; every other target is meant of the newest.
    """
    groups: dict[tuple[str, str], list[Backup]] = {}
    for backup in backups:
        content = content_of(backup)
        groups.setdefault((content.system_identifier, content.archive), []).append(backup)
    found = list(groups.values())
    if target.kind == TIME and target.moment is not None:
        for group in found:
            if any(content_of(backup).stopped < target.moment for backup in group):
                return group
    return found[0]


def candidates(
    backups: t.Sequence[Backup], log: Log, timeline: int, among: t.Sequence[Backup] = ()
) -> tuple[list[Candidate], list[str]]:
    """The base backups that the log makes consistent, the newest first; and why the others are not among them.

    ``among`` are all that there are, where ``backups`` are a choice of them.
    """
    good, reasons = [], []
    for backup in backups:
        content = content_of(backup)
        try:
            chain_of(backup, among or backups)
            found = log.reach(content, timeline)
        except LifeboatError as error:
            reasons.append(f"{backup.backup_id}: {error.message}")
            continue
        if covers(found, content):
            good.append(Candidate(backup, content, found))
        else:
            missing = found.missing or "the log after " + lsn_text(found.end)
            reasons.append(f"{backup.backup_id}: it needs {missing}, which is not in the archive.")
    return good, reasons


def choose(good: t.Sequence[Candidate], reasons: t.Sequence[str], target: Target) -> Candidate:
    """The backup from which the target is reached with the least of the log. Raises OptionError."""
    if not good:
        raise OptionError(
            "No base backup can be recovered with the log that is in the archive. " + " ".join(reasons),
            hint="Take a new base backup now. Nothing was touched.",
        )
    if target.kind == TIME and target.moment is not None:
        fitting = [one for one in good if one.content.stopped < target.moment]
    elif target.kind == LSN and target.lsn is not None:
        fitting = [one for one in good if parse_lsn("stop_lsn", one.content.stop_lsn) <= target.lsn]
    elif target.kind == NAME:
        own = [one for one in good if one.content.marker and one.content.marker.point == target.text]
        fitting = own or [good[-1]]
    elif target.kind == XID:  # nobody knows where it is, and from the oldest backup everything is reached
        fitting = [good[-1]]
    else:
        fitting = list(good)
    if not fitting:
        oldest = good[-1].content
        raise OptionError(
            f"{target} is before the end of the oldest base backup ({good[-1].backup.backup_id}), which was consistent "
            f"at {oldest.stopped_at} ({oldest.stop_lsn}): the window begins there. Nothing was touched.",
            hint="Choose a later target. An older backup of another kind (pg_backup) may hold what is looked for.",
        )
    return fitting[0]


def checked(chosen: Candidate, target: Target, log: Log, tools: Tools, deadline: Deadline) -> Plan:
    """The plan, when the target is within the log. Raises OptionError."""
    found = chosen.found
    hole = f" {found.missing} is missing from the archive, so what was written after it cannot be reached." if (
        found.missing
    ) else ""  # fmt: skip
    if target.kind == LATEST and hole:
        raise OptionError(
            f"The archive has a hole:{hole} Nothing was touched.",
            hint=f"For the end of the log before the hole say target_lsn: {lsn_text(found.end - 1)} or a target_time.",
        )
    if target.kind == LSN and target.lsn is not None and target.lsn >= found.end:
        raise OptionError(
            f"{target} is after the end of the archived log, {lsn_text(found.end)}.{hole} Nothing was touched.",
            hint="Choose an earlier target, or wait until the log up to there is archived.",
        )
    last = None
    if target.kind == TIME:
        last = log.last_commit(found, tools, deadline)
        unknown = last is None and not log.searched_whole(found)  # the server says when it does not come to the target
        if target.moment is not None and not unknown and (last is None or target.moment >= last):
            raise OptionError(
                f"{target} is {'at' if target.moment == last else 'after'} the last commit in the archived log, "
                f"{last.isoformat() if last else 'which has none'}.{hole} Nothing was touched.",
                hint="A recovery to a time stops before the first commit that is later, so there has to be one. The "
                "end of the log is target: latest. What was committed later may not be archived yet: a "
                "segment that is not full waits for archive_timeout, or for pg_switch_wal().",
            )
    return Plan(chosen, target, last)


def _waldump(path: str, manager: str, tools: Tools) -> Program:
    environment = {"LC_ALL": "C", "TZ": "UTC", "PATH": os.environ.get("PATH", "/usr/bin:/bin")}
    return Program([tools.path("pg_waldump"), f"--rmgr={manager}", path], environment=environment)


def _last_commit(path: str, tools: Tools, deadline: Deadline) -> datetime.datetime | None:
    """The time of the last commit in a segment, as pg_waldump shows it."""
    last: bytes | None = None
    with _waldump(path, "Transaction", tools) as program, contextlib.suppress(SourceError):
        # It ends with an error where a segment was left before it was full.
        for line in program.lines(deadline):
            match = _COMMIT.search(line)
            last = match[1] if match else last
    if last is None:
        return None
    head, _dot, fraction = last.decode("ascii").partition(".")
    whole = datetime.datetime.strptime(head, "%Y-%m-%d %H:%M:%S").replace(tzinfo=datetime.timezone.utc)
    return whole + datetime.timedelta(microseconds=int(f"{fraction:0<6}"[:6]) if fraction else 0)
