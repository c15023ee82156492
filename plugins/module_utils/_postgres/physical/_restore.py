# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Restores a cluster into a new data folder, recovers it to a target, and puts it into its place when it is right.

It is built under another name. A run that is killed leaves no data folder that a server would start with, and the next
run removes what it left.
"""

from __future__ import annotations

import dataclasses
import glob
import os
import shutil
import sys
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import CheckedPieces, StoredBackup, from_any
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import (
    DamagedError,
    LifeboatError,
    SourceError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical import (
    _configure,
    _place,
    _reached,
    _server,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._content import BASE
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._prefetch import Prefetch
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._unpack import unpack
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._process import run
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._sandbox import base_environment

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._plan import Log, Plan
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._target import Target
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository

_BUILDING = ".lifeboat-restoring-"
_OWN = "lifeboat_recovery"  # in the data folder: the program that fetches the log, and its configuration
_MARK = "# lifeboat.dr: a copy that was restored"


@dataclasses.dataclass(frozen=True)
class Request:
    """Where the cluster comes to lie, and what becomes of it. ``options`` are the module's."""

    data_dir: str
    action: str  # pause, promote
    python: str
    options: t.Mapping[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Fetching:
    """How a server gets the log: ``now``, while it recovers, and ``later``, where it stays at its target.

    Both are a ``restore_command``. ``own`` is a folder in the data folder that they need; empty: none.
    """

    now: str
    later: str
    environment: t.Mapping[str, str]
    own: str = ""


def building_name(data_dir: str) -> str:
    """Under which name a data folder is built, which no server starts with, and the next run removes."""
    return f"{data_dir}{_BUILDING}{os.getpid()}"


def restore(
    request: Request,
    plan: Plan,
    log: Log,
    chain: t.Sequence[t.Sequence[StoredBackup]],
    tools: Tools,
    deadline: Deadline,
    progress: Progress,
    warn: t.Callable[[str], None],
) -> dict[str, t.Any]:
    """Do what the plan says. Gives what was reached. Raises LifeboatError; then the place is as it was.

    ``chain`` has the copies of each backup that is put together, the full one first.
    """
    remove_leftovers(request.data_dir)
    building = building_name(request.data_dir)
    # The last of them holds the log that is laid ready.
    parts = [f"{request.data_dir}{_BUILDING}part{number}-{os.getpid()}" for number in range(len(chain) + 1)]
    began = time.monotonic()
    try:
        for part, copies in zip(parts if len(chain) > 1 else [building], chain):
            _unpack_any(part, copies, tools, deadline, progress, warn)
        if len(chain) > 1:
            progress.phase("combine", f"putting {len(chain)} backups together")
            combine(tools, parts[:-1], building, deadline)
            verify_files(tools, building, deadline)
            for part in parts[:-1]:
                shutil.rmtree(part)
        restored = time.monotonic() - began
        progress.phase("recovery", f"recovering to {plan.target}")
        fetching = _own_program(request, log, building, plan.candidate.content.system_identifier)
        with Prefetch(log, plan.candidate.found.names, parts[-1]) as ahead:
            fetching = dataclasses.replace(fetching, now=ahead.command(fetching.now))
            result = recover(request.action, plan, fetching, building, tools, deadline)
        run([tools.path("initdb"), "--sync-only", f"--pgdata={building}"], environment=base_environment())
        kept = _place.put(building, request.data_dir)
    finally:
        for left in (building, *parts):
            shutil.rmtree(left, ignore_errors=True)
    seconds = round(time.monotonic() - began, 3)
    return {**result, "kept": kept, "restore_seconds": round(restored, 3), "seconds": seconds}


def _unpack_any(
    folder: str,
    copies: t.Sequence[StoredBackup],
    tools: Tools,
    deadline: Deadline,
    progress: Progress,
    warn: t.Callable[[str], None],
) -> None:
    """One backup of the chain into a folder of its own, from the first repository whose copy is whole."""
    by_name = {copy.repository.name: copy for copy in copies}

    def unpacked(repository: Repository) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder, 0o700)
        _unpack(by_name[repository.name], folder, tools, deadline, progress)

    from_any([copy.repository for copy in copies], unpacked, warn)


def combine(
    tools: Tools,
    parts: t.Sequence[str],
    target: str,
    deadline: Deadline,
    identity: t.Mapping[str, t.Any] | None = None,
) -> None:
    """Put a full backup and incremental ones together into a data folder. Raises DamagedError."""
    command = [tools.path("pg_combinebackup"), *parts, f"--output={target}", "--no-sync"]
    try:
        run(command, environment=base_environment(), deadline=deadline, **(identity or {}))
    except SourceError as error:
        deadline.check("Putting the backups together")
        raise DamagedError(f"The incremental backups do not fit together: {error.message}") from None


def _unpack(stored: StoredBackup, folder: str, tools: Tools, deadline: Deadline, progress: Progress) -> None:
    """The base backup, and PostgreSQL's own check of every file of it. Raises DamagedError."""
    artifacts = stored.artifacts(BASE)
    if len(artifacts) != 1:
        raise DamagedError(f"The manifest of {stored.manifest.backup_id} does not have one base.tar.")
    progress.phase("restore", "unpacking the base backup", artifacts[0].plain_bytes)
    unpack(iter(CheckedPieces(stored, artifacts[0], deadline, progress.advance)), folder)
    verify_files(tools, folder, deadline)


def verify_files(tools: Tools, folder: str, deadline: Deadline, identity: t.Mapping[str, t.Any] | None = None) -> None:
    """Every file is there and has the checksum of PostgreSQL's own manifest. Raises DamagedError."""
    try:
        run(
            [tools.path("pg_verifybackup"), "--no-parse-wal", "--quiet", folder],
            environment=base_environment(),
            deadline=deadline,
            **(identity or {}),
        )
    except LifeboatError as error:
        deadline.check("Checking the files")
        raise DamagedError(f"The files of the base backup are not what PostgreSQL sent: {error.message}") from None


def _own_program(request: Request, log: Log, building: str, system_identifier: str) -> Fetching:
    """``lifeboat-wal`` in the data folder, with its configuration."""
    own = os.path.join(building, _OWN)
    os.mkdir(own, 0o700)
    place = _configure.Place(f"{own}/lifeboat-wal", f"{own}/wal.json", request.python or sys.executable)
    _configure.check_place(place)
    _configure.install(place, _fetching(request.options, log, system_identifier))
    # Relative: a server runs it in its data folder, which may be moved.
    later = _configure.Place(f"{_OWN}/lifeboat-wal", f"{_OWN}/wal.json")
    return Fetching(place.command("fetch"), later.command("fetch"), _secrets(request.options), own)


def recover(
    action: str, plan: Plan, fetching: Fetching, building: str, tools: Tools, deadline: Deadline
) -> dict[str, t.Any]:
    """Recover, compare, and leave the data folder as ``action`` (pause, promote) wants it. Raises LifeboatError."""
    content, target = plan.candidate.content, plan.target
    control = _server.control_data(tools, building)
    if control.get("Database system identifier") != content.system_identifier:
        raise DamagedError(
            f"The base backup is of the cluster {control.get('Database system identifier')}, and its manifest says "
            f"{content.system_identifier}."
        )
    _touch(os.path.join(building, "recovery.signal"))
    # Nobody sees what is built here: where it is not what was asked for, it is thrown away, promoted or not.
    ending = "promote" if action == "promote" else "shutdown"
    settings = {"restore_command": fetching.now, **target.settings(ending)}
    with _server.RecoveringServer(tools, building, settings, fetching.environment, deadline) as server:
        running = server.wait()
        said = server.said
        if running and ending == "promote":
            server.stop()
        elif running or "shutdown at recovery target" not in said:
            raise _reached.failure(said, target)
    reached = _reached.judge(target, said, plan.candidate.found.end, content.segment_bytes)
    return _left(action, target, fetching, building, tools, reached)


def _left(
    action: str, target: Target, fetching: Fetching, building: str, tools: Tools, reached: _reached.Reached
) -> dict[str, t.Any]:
    """Settings that the next server of this data folder finds, and what is told of it."""
    settings = {"archive_mode": "off"}
    if action == "pause":
        settings |= {"restore_command": fetching.later, **target.settings("pause")}
    elif fetching.own:
        shutil.rmtree(fetching.own)
    with open(os.path.join(building, "postgresql.auto.conf"), "a", encoding="utf-8") as file:
        lines = [_MARK, *("{} = '{}'".format(name, text.replace("'", "''")) for name, text in settings.items())]
        file.write("\n" + "\n".join(lines) + "\n")
    control = _server.control_data(tools, building)
    return {
        "reached": {
            "words": reached.words,
            "time": reached.moment.isoformat() if reached.moment else "",
            "lsn": reached.lsn,
        },
        "timeline": int(control.get("Latest checkpoint's TimeLineID", "0")),
        "state": control.get("Database cluster state", ""),
        "action": action,
    }


def _fetching(options: t.Mapping[str, t.Any], log: Log, system_identifier: str) -> dict[str, t.Any]:
    return {
        "archive": log.archive.name,
        "repositories": options["repositories"],
        "encryption": options["encryption"],
        "system_identifier": system_identifier,
    }


def _secrets(options: t.Mapping[str, t.Any]) -> dict[str, str]:
    """A passphrase that stands in the environment, for the program that fetches."""
    name = (options["encryption"] or {}).get("passphrase_env")
    return {name: os.environ[name]} if name and name in os.environ else {}


def _touch(path: str) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))


def remove_leftovers(data_dir: str) -> None:
    """What killed runs have left."""
    for left in glob.glob(f"{glob.escape(data_dir)}{_BUILDING}*"):
        pid = left.rpartition("-")[2]
        if not (pid.isdecimal() and os.path.exists(f"/proc/{pid}")):
            shutil.rmtree(left, ignore_errors=True)
