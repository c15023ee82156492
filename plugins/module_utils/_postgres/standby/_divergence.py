# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What an old primary has that the new one lacks: counted, and saved before anything is rewound.

The write-ahead log from the point where the timelines parted up to the old primary's shutdown checkpoint is copied, and
``pg_waldump`` lists the transactions in it that were committed. ``pg_rewind`` discards all of them without a word.
"""

from __future__ import annotations

import dataclasses
import glob
import json
import os
import re
import shutil
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._lag import format_lsn
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._process import Program

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools

_PARTIAL = ".partial"
_RECORD = re.compile(
    r"rmgr: (?P<rmgr>\w+)\s.*?\btx:\s*(?P<xid>\d+), lsn: (?P<lsn>[0-9A-F/]+), .*?\bdesc: (?P<desc>.*)$"
)
_RELATION = re.compile(r"\brel (\d+/\d+/\d+)")
_PREPARED = re.compile(r"^(?:COMMIT|ABORT)_PREPARED (\d+)")
_COMMITTED_AT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? \w+")
_SUBTRANSACTIONS = re.compile(r"subxacts: ([\d ]+)")
_SEVERAL = re.compile(r"(?:ntuples: (\d+)|(\d+) tuples)")
_CHANGES = {"INSERT": "inserted", "MULTI_INSERT": "inserted", "UPDATE": "updated", "HOT_UPDATE": "updated",
            "DELETE": "deleted", "TRUNCATE": "truncated"}  # fmt: skip

if t.TYPE_CHECKING:
    Counts = dict[str, dict[str, int]]  # relation (tablespace/database/file node) → what was done to its rows → rows


@dataclasses.dataclass(frozen=True)
class Transaction:
    """One transaction that was committed on the old primary alone."""

    xid: int
    committed_at: str  # as pg_waldump writes it, UTC
    lsn: str
    relations: Counts


@dataclasses.dataclass(frozen=True)
class Divergence:
    """The piece of the old primary's log that the new one does not have. ``start`` is where the timelines parted."""

    system_identifier: str
    timeline: int
    start: int
    end: int  # the old primary's shutdown checkpoint
    segment_bytes: int

    @property
    def lost_bytes(self) -> int:
        """How much log only the old primary has, without its shutdown checkpoint."""
        return max(0, self.end - self.start)

    @property
    def name(self) -> str:
        """The folder that it is saved in: the same for the same piece."""
        positions = "_".join(format_lsn(position).replace("/", "-") for position in (self.start, self.end))
        return f"diverged_{self.system_identifier}_{self.timeline}_{positions}"

    def segments(self) -> list[str]:
        """The names of the files in pg_wal that hold it (PostgreSQL documentation, "WAL Internals")."""
        in_each = (1 << 32) // self.segment_bytes
        numbers = range(self.start // self.segment_bytes, self.end // self.segment_bytes + 1)
        return [f"{self.timeline:08X}{number // in_each:08X}{number % in_each:08X}" for number in numbers]


class TransactionReader:
    """Takes the lines of ``pg_waldump`` one by one, and gives each transaction when its commit is reached.

    A transaction that was not committed changed nothing that anybody could see, and is left out.
    """

    def __init__(self) -> None:
        self._open: dict[int, Counts] = {}

    def feed(self, line: str) -> Transaction | None:
        """The transaction that this line commits; None for every other line."""
        record = _RECORD.search(line)
        if not record:
            return None
        xid, description = int(record["xid"]), record["desc"]
        if record["rmgr"] == "Transaction":
            return self._end(xid, record["lsn"], description)
        if record["rmgr"] in ("Heap", "Heap2"):
            self._count(xid, description)
        return None

    def _count(self, xid: int, description: str) -> None:
        operation = _CHANGES.get(re.split(r"[\s+:]", description, maxsplit=1)[0])
        relation = _RELATION.search(description)
        if operation is None or relation is None:
            return
        several = _SEVERAL.search(description) if description.startswith("MULTI_INSERT") else None
        rows = int(several.group(1) or several.group(2)) if several else 1
        done = self._open.setdefault(xid, {}).setdefault(relation.group(1), {})
        done[operation] = done.get(operation, 0) + rows

    def _end(self, xid: int, lsn: str, description: str) -> Transaction | None:
        kind = description.split(maxsplit=1)[0]
        if kind not in ("COMMIT", "ABORT", "COMMIT_PREPARED", "ABORT_PREPARED"):
            return None
        prepared = _PREPARED.match(description)
        xid = int(prepared.group(1)) if prepared else xid
        inner = _SUBTRANSACTIONS.search(description)
        changes: Counts = {}
        for number in (xid, *map(int, inner.group(1).split() if inner else ())):
            add_counts(changes, self._open.pop(number, {}))
        if kind.startswith("ABORT"):
            return None
        at = _COMMITTED_AT.search(description)
        return Transaction(xid, at.group() if at else "", lsn, changes)


def add_counts(total: Counts, more: Counts) -> None:
    """Add ``more`` to ``total``."""
    for relation, done in more.items():
        known = total.setdefault(relation, {})
        for operation, rows in done.items():
            known[operation] = known.get(operation, 0) + rows


@dataclasses.dataclass(frozen=True)
class Saved:
    """Where the evidence lies, and what it counts."""

    folder: str
    lost_bytes: int
    transactions: int
    first_at: str
    last_at: str
    relations: dict[str, dict[str, int]]  # by name where it is known


def read_saved(folder: str) -> Saved | None:
    """What was saved before in this folder; None where it was not, or not to the end."""
    try:
        with open(os.path.join(folder, "summary.json"), encoding="utf-8") as file:
            summary = read_json(file.read())
        return _saved(folder, summary)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def newest_saved(save_dir: str, system_identifier: str) -> Saved | None:
    """What was saved last of this system; None where nothing was."""
    folders = glob.glob(f"{glob.escape(save_dir)}/diverged_{system_identifier}_*")
    found = [folder for folder in folders if not folder.endswith(_PARTIAL)]
    return read_saved(max(found, key=os.path.getmtime)) if found else None


def _saved(folder: str, summary: dict[str, t.Any]) -> Saved:
    return Saved(
        folder,
        summary["lost_bytes"],
        summary["transactions"],
        summary["first_at"],
        summary["last_at"],
        summary["relations"],
    )


def save(
    divergence: Divergence,
    data_dir: str,
    save_dir: str,
    tools: Tools,
    name_of: t.Callable[[t.Sequence[str]], dict[str, str]],
    deadline: Deadline,
) -> Saved:
    """Copy the log, list its transactions, and give their number. What was saved before is not saved again.

    Raises LifeboatError where a piece of the log is missing. ``name_of`` gives the names of relations that are known.
    """
    folder = os.path.join(save_dir, divergence.name)
    before = read_saved(folder)
    if before is not None:
        return before
    os.makedirs(save_dir, mode=0o700, exist_ok=True)
    partial = folder + _PARTIAL
    shutil.rmtree(partial, ignore_errors=True)
    os.mkdir(partial, 0o700)
    try:
        _copy_configuration(data_dir, os.path.join(partial, "configuration"))
        if divergence.lost_bytes:
            _copy_segments(divergence, data_dir, os.path.join(partial, "wal"))
        summary = _list_transactions(divergence, partial, tools, name_of, deadline)
        _write(os.path.join(partial, "summary.json"), json.dumps(summary, indent=1) + "\n")
        os.rename(partial, folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    _sync_folder(save_dir)
    return _saved(folder, summary)


def configuration_files(data_dir: str) -> list[str]:
    """The configuration that lies in a data folder; ``pg_rewind`` replaces it by the source's."""
    return sorted(name for name in os.listdir(data_dir) if name.endswith(".conf"))


def _copy_configuration(data_dir: str, folder: str) -> None:
    os.mkdir(folder, 0o700)
    for name in configuration_files(data_dir):
        _copy(os.path.join(data_dir, name), os.path.join(folder, name))


def _copy_segments(divergence: Divergence, data_dir: str, folder: str) -> None:
    os.mkdir(folder, 0o700)
    for name in divergence.segments():
        try:
            _copy(os.path.join(data_dir, "pg_wal", name), os.path.join(folder, name))
        except FileNotFoundError:
            raise LifeboatError(
                f"The old primary's log is not whole any more: {name} is not in {data_dir}/pg_wal, and only it says "
                f"what was committed after {format_lsn(divergence.start)}. Nothing was done.",
                hint="Put the file back from the archive. To give the transactions up uncounted, set rebuild: true: "
                "the data folder is set aside, and never deleted.",
            ) from None


def _list_transactions(
    divergence: Divergence,
    folder: str,
    tools: Tools,
    name_of: t.Callable[[t.Sequence[str]], dict[str, str]],
    deadline: Deadline,
) -> dict[str, t.Any]:
    """Write ``transactions.jsonl``, one line for each, and give the summary."""
    count, first, last, total = 0, "", "", t.cast("Counts", {})
    with open(os.open(os.path.join(folder, "transactions.jsonl"), os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        for transaction in _transactions(divergence, folder, tools, deadline) if divergence.lost_bytes else ():
            count, first, last = count + 1, first or transaction.committed_at, transaction.committed_at
            add_counts(total, transaction.relations)
            file.write(json.dumps(dataclasses.asdict(transaction)) + "\n")
        file.flush()
        os.fsync(file.fileno())
    names = name_of(sorted(total))
    return {
        "schema": "lifeboat.divergence/1",
        "system_identifier": divergence.system_identifier,
        "timeline": divergence.timeline,
        "from": format_lsn(divergence.start),
        "to": format_lsn(divergence.end),
        "lost_bytes": divergence.lost_bytes,
        "transactions": count,
        "first_at": first,
        "last_at": last,
        "relations": {names.get(relation, relation): done for relation, done in sorted(total.items())},
        "read_it_with": " ".join(_command("pg_waldump", divergence, "wal")),
    }


def _transactions(divergence: Divergence, folder: str, tools: Tools, deadline: Deadline) -> t.Iterator[Transaction]:
    reader = TransactionReader()
    environment = {**os.environ, "TZ": "UTC", "LC_ALL": "C"}
    command = _command(tools.path("pg_waldump"), divergence, os.path.join(folder, "wal"))
    try:
        with Program(command, environment=environment) as program:
            for line in program.lines(deadline):
                transaction = reader.feed(line.decode("utf-8", "replace"))
                if transaction:
                    yield transaction
    except SourceError as error:
        raise LifeboatError(
            f"The old primary's log cannot be read from {format_lsn(divergence.start)} to "
            f"{format_lsn(divergence.end)}: {error.message} Nothing was done.",
            hint="To give its transactions up uncounted, set rebuild: true: the data folder is set aside.",
        ) from None


def _command(program: str, divergence: Divergence, folder: str) -> list[str]:
    return [
        program,
        f"--path={folder}",
        f"--timeline={divergence.timeline}",
        f"--start={format_lsn(divergence.start)}",
        f"--end={format_lsn(divergence.end)}",
    ]


def _copy(source: str, target: str) -> None:
    with (
        open(source, "rb") as content,
        open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as copy,
    ):
        shutil.copyfileobj(content, copy, 1 << 20)
        copy.flush()
        os.fsync(copy.fileno())


def _write(path: str, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
