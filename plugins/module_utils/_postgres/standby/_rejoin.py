# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""An old primary becomes a standby of the new one: by ``pg_rewind``, or by a new base backup on an explicit word.

First everything that only the old primary has is counted and saved (``_divergence.py``). While ``pg_rewind`` is at
work, the data folder has another name: what a killed run leaves is neither the old state nor the new one, and no server
must start with it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import shutil
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import import_psycopg2, quoted
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._system_catalog import query, value
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby import _divergence
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._copying import CopyProgress
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._data_folder import (
    WAIT_FOR_NOBODY,
    Control,
    is_data_folder,
    is_standby_of,
    read_control,
    running_server,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._lag import forked_at, format_lsn
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._process import run

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import Connection
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._build import Request
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._state import ServerState

REWINDING = ".lifeboat-rewinding"
_DEBIAN = re.compile(r"/var/lib/postgresql/(\d+/[^/]+)/?")
# pg_rewind says it when it has found out all that it has to know. Before that it has changed nothing. (A dry run would
# say the same, and fetch everything for it.)
_COPIES_NOW = "need to copy"
_RIGHTS = (
    "The role needs EXECUTE on pg_ls_dir, pg_stat_file and pg_read_binary_file, and pg_checkpoint from PostgreSQL 15 "
    "on, or has to be a superuser."
)


@dataclasses.dataclass(frozen=True)
class Plan:
    """How the old primary stands to the new one. ``fork`` is None where nobody can tell, and ``why_not`` says why."""

    done: bool = False
    fork: int | None = None  # where the timelines parted
    why_not: str = ""
    interrupted: bool = False  # a killed rewind has left the data folder under another name


def refuse_running(data_dir: str) -> None:
    """Raise unless the old primary's server is stopped."""
    pid = running_server(data_dir)
    if not pid:
        return
    what = "standby" if os.path.exists(os.path.join(data_dir, "standby.signal")) else "primary"
    if what == "primary":
        raise LifeboatError(
            f"The old primary still runs (process {pid}, {data_dir}): it may take writes that the new primary never "
            "gets. Nothing was done.",
            hint="Stop it, and disable and mask its unit, so that its last position is known. Then run this again.",
        )
    raise LifeboatError(
        f"A standby (process {pid}) runs with {data_dir}, and it does not follow this primary by this slot. Nothing "
        "was done.",
        hint="Stop it first.",
    )


def plan(request: Request, state: ServerState, tools: Tools) -> Plan:
    """Find out how the old primary stands to the new one; nothing is changed.

    Raises LifeboatError when it is another system, when its server runs, or when it does not descend from the same
    history and ``replace`` (a new base backup) is not wanted.
    """
    folder = request.data_dir
    if not is_data_folder(folder):
        return _without_folder(request)
    control = read_control(folder, tools)
    if control.system_identifier != request.system_identifier:
        raise LifeboatError(
            f"{folder} holds another system (identifier {control.system_identifier}; the new primary's is "
            f"{request.system_identifier}): it was never its primary. Nothing was done.",
            hint="Name the old primary's folder. To make a standby in place of something else, use state: standby.",
        )
    if is_standby_of(folder, request.primary, request.slot):
        return Plan(done=True)
    refuse_running(folder)
    try:
        _refuse_standby(folder)
        return Plan(fork=_fork(request.primary, state, control))
    except LifeboatError as error:
        if not request.replace:
            raise
        return Plan(why_not=error.message)


def _refuse_standby(folder: str) -> None:
    if os.path.exists(os.path.join(folder, "standby.signal")):
        raise LifeboatError(
            f"{folder} is a standby of another primary, and not an old primary. Nothing was done.",
            hint="Make it a standby of this one with state: standby and replace: true.",
        )


def _without_folder(request: Request) -> Plan:
    left = request.data_dir + REWINDING
    if not is_data_folder(left):
        raise LifeboatError(
            f"There is no data folder of PostgreSQL at {request.data_dir}. Nothing was done.",
            hint="Name the old primary's data folder. To make a standby where there is none, use state: standby.",
        )
    if request.replace:
        return Plan(why_not=f"a rewind was interrupted; what it left is in {left}", interrupted=True)
    raise LifeboatError(
        f"A rewind of {request.data_dir} was interrupted. What it left is in {left}: neither the old primary nor a "
        "standby, and no server may start with it. What only the old primary had was saved before. Nothing was done.",
        hint="Set rebuild: true to make the standby by a new base backup.",
    )


def recover(request: Request, tools: Tools, config_file: str, deadline: Deadline) -> None:
    """Let an old primary that was killed replay its own log to the end, without taking connections.

    Its last position is not known before, and ``pg_rewind`` wants it so. Raises LifeboatError.
    """
    control = read_control(request.data_dir, tools)
    if control.is_clean:
        return
    try:
        run(
            [
                tools.path("postgres"),
                "--single",
                "-D",
                request.data_dir,
                *_config(config_file),
                "-c",
                "archive_mode=off",
                "-c",
                "log_destination=stderr",
                "-c",
                "logging_collector=off",
                "template1",
            ],
            environment={**os.environ, "LC_ALL": "C"},
            deadline=deadline,
        )
    except SourceError as error:
        raise LifeboatError(
            f"The old primary was not shut down ({control.state}), and cannot replay its own log: {error.message}",
            hint="Look at what it says. To give it up uncounted, set rebuild: true: the data folder is set aside.",
        ) from None


def config_file_of(data_dir: str, given: str) -> str:
    """Where the old primary's postgresql.conf lies, where it is not in the data folder: Debian keeps it in /etc."""
    if given or os.path.exists(os.path.join(data_dir, "postgresql.conf")):
        return given
    debian = _DEBIAN.fullmatch(os.path.realpath(data_dir))
    path = f"/etc/postgresql/{debian.group(1)}/postgresql.conf" if debian else ""
    if path and os.path.exists(path):
        return path
    raise LifeboatError(f"{data_dir} has no postgresql.conf. Nothing was done.", hint="Say where it is in config_file.")


def _config(config_file: str) -> list[str]:
    return ["-c", f"config_file={config_file}"] if config_file else []


def _fork(primary: Connection, state: ServerState, control: Control) -> int:
    """Where the new primary left the old one's timeline."""
    timeline = state.position.timeline
    if timeline == control.timeline:
        raise LifeboatError(
            f"The old primary and {primary.describe()} are both on timeline {timeline}: neither was promoted after the "
            "other, so nobody can say where they parted. Nothing was done.",
            hint="Find out which of them is right. To make a standby of the other by a new base backup, set rebuild: "
            "true.",
        )
    library = import_psycopg2()
    session = primary.connect()
    try:
        with session.cursor() as cursor:
            sql = "select convert_from(pg_read_binary_file(%s), 'UTF8')"
            history = str(value(cursor, sql, (f"pg_wal/{timeline:08X}.history",)))
    except library.Error as error:
        raise LifeboatError(
            f"{primary.describe()} does not show the history of its timeline {timeline}: {str(error).strip()} Nothing "
            "was done.",
            hint=_RIGHTS,
        ) from None
    finally:
        session.close()
    fork = forked_at(history, control.timeline)
    if fork is None:
        raise LifeboatError(
            f"The history of {primary.describe()} (timeline {timeline}) does not contain timeline {control.timeline}, "
            "which the old primary is on: the old primary was promoted for itself. Nothing was done.",
            hint="Find out which of them is right. To make a standby of the other by a new base backup, set rebuild: "
            "true.",
        )
    return fork


def divergence_of(control: Control, fork: int) -> _divergence.Divergence:
    """What only the old primary has, once it was shut down cleanly."""
    return _divergence.Divergence(
        control.system_identifier, control.timeline, fork, control.checkpoint, control.segment_bytes
    )


def rewind(
    request: Request, control: Control, tools: Tools, config_file: str, deadline: Deadline, progress: Progress
) -> None:
    """Run ``pg_rewind``, and make the folder a standby with its own configuration.

    Raises LifeboatError, which says what the folder is now.
    """
    folder, hidden = request.data_dir, request.data_dir + REWINDING
    _refuse_unfit(folder, control)
    _checkpoint(request.primary)
    command = _rewind_command(request, tools, config_file, deadline)
    configuration = {name: _read(os.path.join(folder, name)) for name in _divergence.configuration_files(folder)}
    copying = CopyProgress(progress, "rewinding the data folder to the new primary's history")
    os.rename(folder, hidden)
    try:
        run(
            [*command, f"--target-pgdata={hidden}", "--progress"],
            environment=request.primary.environment(),
            deadline=deadline,
            takes_line=copying.is_line,
        )
    except SourceError as error:
        if copying.has_begun or _COPIES_NOW in error.message:
            raise LifeboatError(
                f"pg_rewind broke off: {error.message} What it left is in {hidden}, and no server may start with it.",
                hint="Run this again with rebuild: true, to make the standby by a new base backup.",
            ) from None
        os.rename(hidden, folder)
        raise LifeboatError(
            f"pg_rewind cannot rewind {folder}: {error.message} The folder is as it was.",
            hint=f"{_RIGHTS} If a piece of the log is gone, set rebuild: true to make a new base backup.",
        ) from None
    _make_standby(hidden, request, configuration)
    os.rename(hidden, folder)


def set_interrupted_aside(data_dir: str) -> str:
    """Give what a killed rewind left another name, for good. Gives the name."""
    aside = f"{data_dir}.lifeboat-replaced-{os.getpid()}"
    os.rename(data_dir + REWINDING, aside)
    return aside


def _refuse_unfit(folder: str, control: Control) -> None:
    if not control.can_be_rewound:
        raise LifeboatError(
            "The old primary has neither data checksums nor wal_log_hints, so pg_rewind cannot know which pages "
            f"changed. {folder} is as it was.",
            hint="Set rebuild: true to make a new base backup; and set wal_log_hints on both for the next time.",
        )
    if os.path.ismount(folder):
        raise LifeboatError(
            f"{folder} is a mount point, so it cannot have another name while it is rewound, and a server could start "
            "with half of it. Nothing was done.",
            hint="Move the data one folder below the mount point, as PostgreSQL's documentation advises.",
        )
    if os.path.exists(folder + REWINDING):
        raise LifeboatError(
            f"{folder + REWINDING} is there from an interrupted rewind, and so is {folder}. Nothing was done.",
            hint="Find out which of them is the old primary, and move the other away.",
        )


def _checkpoint(primary: Connection) -> None:
    """Before it, the control file of a primary that was just promoted may still show its old timeline."""
    library = import_psycopg2()
    session = primary.connect()
    try:
        with session.cursor() as cursor:
            cursor.execute("checkpoint")
    except library.Error as error:
        raise LifeboatError(
            f"{primary.describe()} does not make a checkpoint: {str(error).strip()} Nothing was done.", hint=_RIGHTS
        ) from None
    finally:
        session.close()


def _rewind_command(request: Request, tools: Tools, config_file: str, deadline: Deadline) -> list[str]:
    """With ``restore_command``, where the old primary has one: the log may be in its archive."""
    command = [tools.path("pg_rewind"), f"--source-server={request.primary.conninfo('pg_rewind')}"]
    if tools.version[0] < 13:
        return command
    command.append("--no-ensure-shutdown")  # it was brought to its end before
    setting = run(
        [tools.path("postgres"), "-D", request.data_dir, *_config(config_file), "-C", "restore_command"],
        environment={**os.environ, "LC_ALL": "C"},
        deadline=deadline,
    )
    if setting.strip():
        command.append("--restore-target-wal")
        if config_file and tools.version[0] >= 15:
            command.append(f"--config-file={config_file}")
    return command


def _make_standby(folder: str, request: Request, configuration: t.Mapping[str, bytes]) -> None:
    """Its own configuration again, since ``pg_rewind`` copies the new primary's, and how to follow."""
    for name in _divergence.configuration_files(folder):
        if name not in configuration:
            os.remove(os.path.join(folder, name))
    for name, content in configuration.items():
        _write(os.path.join(folder, name), content)
    lines = (
        f"primary_conninfo = {_quoted(_conninfo(request.primary))}\n"
        f"primary_slot_name = {_quoted(request.slot)}\n"
        "recovery_target_timeline = 'latest'\n" + WAIT_FOR_NOBODY
    )
    auto = configuration.get("postgresql.auto.conf", b"")
    _write(os.path.join(folder, "postgresql.auto.conf"), auto.rstrip(b"\n") + b"\n" + lines.encode("utf-8"))
    _write(os.path.join(folder, "standby.signal"), b"")


def _conninfo(primary: Connection) -> str:
    """With the password file, which ``pg_basebackup`` writes there, too; there is no password."""
    passfile = primary.parameters.get("passfile")
    return primary.conninfo("walreceiver") + (f" passfile={quoted(passfile)}" if passfile else "")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _write(path: str, content: bytes) -> None:
    """Through another name, so that a killed run leaves the old or the new content."""
    temporary = f"{path}.lifeboat"
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if os.path.exists(path):
        shutil.copymode(path, temporary)
    os.replace(temporary, path)


def names_of_relations(primary: Connection, relations: t.Sequence[str]) -> dict[str, str]:
    """What the new primary calls the relations that pg_waldump numbers; those that it does not know are left out."""
    names: dict[str, str] = {}
    library = import_psycopg2()
    with contextlib.suppress(LifeboatError, library.Error):
        session = primary.connect()
        with contextlib.closing(session), session.cursor() as cursor:
            databases = {str(oid): str(name) for oid, name in query(cursor, "select oid, datname from pg_database")}
        for oid, database in databases.items():
            wanted = [relation.split("/") for relation in relations if relation.split("/")[1] == oid]
            if wanted:
                names.update(_names_in(primary.with_database(database), wanted))
    return names


def _names_in(connection: Connection, relations: t.Sequence[t.Sequence[str]]) -> dict[str, str]:
    names: dict[str, str] = {}
    session = connection.connect()
    with contextlib.closing(session), session.cursor() as cursor:
        for space, database, node in relations:
            name = value(
                cursor,
                "select coalesce(pg_filenode_relation(case when %s::oid = (select dattablespace from pg_database where "
                "oid = %s::oid) then 0 else %s::oid end, %s::oid)::regclass::text, '')",
                (space, database, space, node),
            )
            if name:
                names[f"{space}/{database}/{node}"] = f"{connection.database}: {name}"
    return names


def described(
    planned: Plan, divergence: _divergence.Divergence | None, saved: _divergence.Saved | None
) -> dict[str, t.Any]:
    """What is known of the divergence, as the module returns it. None: nobody knows."""
    return {
        "parted_at": format_lsn(planned.fork),
        "lost_bytes": divergence.lost_bytes if divergence else saved.lost_bytes if saved else None,
        "lost_transactions": saved.transactions if saved else None,
        "lost_relations": saved.relations if saved else {},
        "first_lost_at": saved.first_at if saved else "",
        "last_lost_at": saved.last_at if saved else "",
        "saved": saved.folder if saved else "",
    }
