# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The ledger of failovers: write-once files in a repository, which are lock, epoch and journal in one.

``_failover/<app>/<epoch>/<number>.json``, and ``_drills/...`` for drills, which move nothing: each line is a file of
its own that is created only if it is not there, and holds the hash of the line before it. So of two controllers that go
on at the same time, one writes the next line and the other learns that it is not alone. The first line of an epoch
opens a run, and nobody opens the next epoch before the run is closed. What is done afterwards is journalled in the same
run, which is opened again for it. A repository that cannot create a file atomically cannot hold a ledger.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import check_name
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import RecordError, from_plain, to_plain

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository

ROOT = "_failover"  # no application can be called so
DRILLS = "_drills"
OPENED, INTENT, DONE, FAILED, SKIPPED, COMPENSATED, RESUMED, CLOSED, REOPENED = (
    "opened",
    "intent",
    "done",
    "failed",
    "skipped",
    "compensated",
    "resumed",
    "closed",
    "reopened",
)
_SCHEMA = "lifeboat.failover/1"
_MOST_BYTES = 4 << 20
_ISO = "%Y-%m-%dT%H:%M:%SZ"
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")  # reports are files that are called like it
_DAMAGED = "damaged"


class LedgerTakenError(LifeboatError):
    """Somebody else has written the line that was to be written: this controller is not the one that runs any more."""


@dataclasses.dataclass(frozen=True)
class Line:
    """One line: what is about to be done (``intent``), or what came of it."""

    number: int
    at: str  # UTC, ISO 8601
    run_id: str
    writer: str  # which process: a resumed run has another one
    actor: str  # which person or job template
    phase: str
    step: str = ""
    facts: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    previous_sha256: str = ""


@dataclasses.dataclass(frozen=True)
class Ledger:
    """The lines of one epoch, in order. ``epoch`` is 0 and there are no lines where nobody has ever failed over."""

    app: str
    epoch: int
    lines: tuple[Line, ...] = ()
    last_sha256: str = ""
    root: str = ROOT

    @property
    def run_id(self) -> str:
        """The run that this epoch belongs to; empty where there is none."""
        return self.lines[0].run_id if self.lines else ""

    @property
    def is_open(self) -> bool:
        """Whether the run has not been closed."""
        return bool(self.lines) and self.lines[-1].phase != CLOSED

    @property
    def closed_at(self) -> str:
        """When the run was closed first; empty where it never was."""
        return next((line.at for line in self.lines if line.phase == CLOSED), "")

    @property
    def is_reopened(self) -> bool:
        """Whether the run was closed, and is open for what is done afterwards."""
        return self.is_open and self.closed_at != ""

    @property
    def writer(self) -> str:
        """Who opened or resumed the run last: nobody else may write."""
        return next((line.writer for line in reversed(self.lines) if line.phase in (OPENED, RESUMED, REOPENED)), "")


def read_ledger(repository: Repository, app: str, root: str = ROOT, epoch: int = 0) -> Ledger:
    """The newest epoch's ledger, or that of ``epoch``.

    A last line that cannot be read stays in the chain as a line of the phase ``damaged``: what it was about has to be
    looked at again. Raises DamagedError for any other line that is cut, changed or missing, and RepositoryError.
    """
    folder = f"{root}/{check_name('app', app)}"
    numbers: dict[int, list[int]] = {}
    for file in repository.list_files(folder):
        part, _slash, name = file.path[len(folder) + 1 :].partition("/")
        if part.isdecimal() and name.removesuffix(".json").isdecimal():
            numbers.setdefault(int(part), []).append(int(name.removesuffix(".json")))
    if not numbers:
        return Ledger(app, 0, root=root)
    epoch = epoch or max(numbers)
    present = sorted(numbers.get(epoch, []))
    if present != list(range(len(present))):
        missing = next(number for number in range(len(present)) if number not in present)
        raise DamagedError(
            f"Line {missing} of the failover ledger {repository.name}/{folder}/{epoch:06d} is missing, and later ones "
            "are there.",
            hint="Look for it in another copy of the repository. Do not go on without knowing what it was.",
        )
    return _read_lines(repository, app, root, epoch, len(present))


def _read_lines(repository: Repository, app: str, root: str, epoch: int, count: int) -> Ledger:
    lines: list[Line] = []
    previous = ""
    for number in range(count):
        path = line_path(app, epoch, number, root)
        content = repository.read_file(path, _MOST_BYTES)
        try:
            line = _line(content, path, number, previous)
        except DamagedError:
            if number + 1 < count or not lines:
                raise
            before = lines[-1]
            line = Line(number, before.at, before.run_id, before.writer, before.actor, _DAMAGED, "", {}, previous)
        lines.append(line)
        previous = hashlib.sha256(content).hexdigest()
    return Ledger(app, epoch, tuple(lines), previous, root)


def _line(content: bytes, path: str, number: int, previous: str) -> Line:
    try:
        document = read_json(content)
        line = from_plain(Line, document)
        if document.get("schema") != _SCHEMA or line.number != number:
            raise RecordError("it is another kind of document")
        if not _RUN_ID.fullmatch(line.run_id):
            raise RecordError("its run is not called as runs are")
        datetime.datetime.strptime(line.at, _ISO)
    except (ValueError, AttributeError, RecordError) as error:
        raise DamagedError(f"The ledger's line {path} cannot be read: {error}.") from None
    if line.previous_sha256 != previous:
        raise DamagedError(
            f"The ledger's line {path} does not follow the line before it: one of them was changed.",
            hint="Use another copy of the repository, and find out who writes there.",
        )
    return line


def next_epoch(ledger: Ledger, promoted_epoch: int) -> int:
    """The epoch of a new run: later than every run that the ledger knows, and than every promotion of the database,
    which would refuse another one of its epoch.
    """
    return max(ledger.epoch, promoted_epoch) + 1


def refusal(ledger: Ledger, place: str, promoted_epoch: int, accepted: t.Mapping[str, str]) -> str:
    """Why this cannot be the ledger of a database that was promoted in that epoch; empty where it can be, or where
    somebody has ``accepted`` that the ``ledger`` is lost.

    Without this, an empty folder looks like an application that never failed over, and the promotion refuses when the
    source is fenced already.
    """
    if ledger.epoch >= promoted_epoch or accepted.get("ledger"):
        return ""
    knows = f"ends with epoch {ledger.epoch}" if ledger.epoch else "knows of no failover"
    return (
        f"The ledger in {place} {knows}, and the database of the target was promoted in epoch {promoted_epoch}: this "
        "is another ledger, an old copy of it, or a folder that is not mounted. Where it is lost, accept ledger."
    )


def line_path(app: str, epoch: int, number: int, root: str = ROOT) -> str:
    """Where a line is, relative to the repository's root."""
    return f"{root}/{app}/{epoch:06d}/{number:06d}.json"


def append(repository: Repository, ledger: Ledger, line: Line) -> Ledger:
    """Write the next line of this epoch, and give the ledger with it.

    Raises LedgerTakenError when somebody else was first, and RepositoryError when it could not be stored.
    """
    numbered = dataclasses.replace(line, number=len(ledger.lines), previous_sha256=ledger.last_sha256)
    content = json.dumps({"schema": _SCHEMA, **to_plain(numbered)}, indent=1).encode("ascii") + b"\n"
    path = line_path(ledger.app, ledger.epoch, numbered.number, ledger.root)
    if not repository.write_if_absent(path, content):
        raise LedgerTakenError(
            f"Another controller has written line {numbered.number} of the failover of {ledger.app} (epoch "
            f"{ledger.epoch}). This one stops here and does nothing more.",
            hint="Look at the ledger with failover_info to see who goes on.",
        )
    return dataclasses.replace(ledger, lines=(*ledger.lines, numbered), last_sha256=hashlib.sha256(content).hexdigest())
