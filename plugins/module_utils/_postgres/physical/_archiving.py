# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What a server says of its archiving: its settings, whether it keeps up, and what holds back old segments."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import (
    LifeboatError,
    OptionError,
    RepositoryError,
    SourceError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import format_bytes
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._system_catalog import query, value
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._files import WalName, parse_name

if t.TYPE_CHECKING:
    import psycopg2.extensions
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._archive import WalArchive

SETTINGS = ("wal_level", "archive_mode", "archive_command", "archive_timeout")
_POLL_SECONDS = 0.1
_MANY_WAITING = 10  # segments; a healthy archiver has one or two
_HELD_BYTES = 1 << 30
_STATE = """
    select archived_count, coalesce(last_archived_wal, ''), extract(epoch from clock_timestamp() - last_archived_time),
      failed_count, coalesce(last_failed_wal, ''),
      coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false)
    from pg_stat_archiver
"""
_SLOTS = """
    select slot_name::text, active, coalesce(wal_status, ''), coalesce(pg_wal_lsn_diff(case when pg_is_in_recovery()
      then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end, restart_lsn), 0)::bigint
    from pg_replication_slots order by 1
"""


@dataclasses.dataclass(frozen=True)
class Archiver:
    """The archiver and the space that it depends on."""

    archived_count: int
    last_archived: str
    last_archived_seconds: float | None  # ago; None: never
    failed_count: int
    last_failed: str
    failing: bool  # its last try failed
    waiting: int  # files that are still to be archived
    wal_bytes: int  # of pg_wal
    free_bytes: int | None  # on the disk of pg_wal, which may be a link; None where that is not on this host
    slots: tuple[dict[str, t.Any], ...]


def read_archiver(cursor: psycopg2.extensions.cursor) -> Archiver:
    """The state now. The role has to be a superuser, or a member of pg_monitor."""
    count, last, seconds, failed, last_failed, failing = query(cursor, _STATE)[0]
    waiting = value(cursor, "select count(*) from pg_ls_archive_statusdir() where name like '%%.ready'")
    wal_bytes = value(cursor, "select coalesce(sum(size), 0)::bigint from pg_ls_waldir()")
    slots = tuple(
        {"name": name, "active": active, "wal_status": status, "held_bytes": int(held)}
        for name, active, status, held in query(cursor, _SLOTS)
    )
    return Archiver(
        int(count), last, None if seconds is None else round(float(seconds), 1), int(failed), last_failed,
        bool(failing), int(waiting), int(wal_bytes), free_bytes(value(cursor, "show data_directory")), slots,
    )  # fmt: skip


def worries(state: Archiver) -> list[str]:
    """What somebody has to look at, in words. Pure."""
    found = []
    if state.failing:
        found.append(
            f"The archiver fails: {state.last_failed} could not be archived ({state.failed_count} failed tries so "
            "far). The server's log says why. Until it works, pg_wal grows."
        )
    if state.waiting >= _MANY_WAITING:
        found.append(f"{state.waiting} files wait to be archived: the archiver does not keep up, or stands still.")
    for slot in state.slots:
        if not slot["active"] and slot["held_bytes"] >= _HELD_BYTES:
            found.append(
                f"The replication slot {slot['name']} is not used and holds back {format_bytes(slot['held_bytes'])} of "
                "pg_wal. Drop it, or set max_slot_wal_keep_size."
            )
    if state.free_bytes is not None and state.free_bytes < state.wal_bytes:
        found.append(
            f"The disk of pg_wal has {format_bytes(state.free_bytes)} free, and pg_wal has "
            f"{format_bytes(state.wal_bytes)}: a server whose disk is full stops."
        )
    return found


def settings(cursor: psycopg2.extensions.cursor) -> dict[str, str]:
    """The settings that archiving depends on, as they are in force."""
    rows = query(
        cursor,
        "select name, setting from pg_settings where name = any(%s) or name = 'archive_library'",
        (list(SETTINGS),),
    )
    return {name: str(setting) for name, setting in rows}


def check_archiving(found: t.Mapping[str, str]) -> None:
    """Refuse a server that does not archive. Raises OptionError."""
    if found["wal_level"] == "minimal" or found["archive_mode"] == "off":
        raise OptionError(
            f"The server does not archive: archive_mode is {found['archive_mode']}, wal_level is {found['wal_level']}.",
            hint="Configure it with lifeboat.dr.pg_wal_archive, and restart the server. Nothing was done.",
        )
    if not found["archive_command"].strip() and not found.get("archive_library"):
        raise OptionError(
            "archive_command is empty: the server keeps its log and archives nothing.",
            hint="Configure it with lifeboat.dr.pg_wal_archive. Nothing was done.",
        )


def archive_now(cursor: psycopg2.extensions.cursor, archive: WalArchive, deadline: Deadline) -> WalName:
    """End the present segment, and wait until it is found in every repository. Gives its name.

    A restore point is written first, so that there is something in it. Raises SourceError where the archiver fails,
    and DeadlineError.
    """
    check_cluster(cursor, archive)
    text = value(cursor, "select pg_walfile_name(pg_create_restore_point('lifeboat archive check'))")
    failed = value(cursor, "select failed_count from pg_stat_archiver")
    cursor.execute("select pg_switch_wal()")
    name = parse_name(text)
    if name is None:
        raise AssertionError(text)
    wait_for(cursor, archive, name, deadline, failed)
    return name


def push_histories(cursor: psycopg2.extensions.cursor, archive: WalArchive, timeline: int) -> list[str]:
    """Archive the histories of timelines that are not there. Gives the names of those that were not.

    PostgreSQL archives a history when it is written, and never later: a copy that was promoted while it archived
    nothing would have an archive in which nobody can tell where its timeline comes from. Raises RepositoryError.
    """
    system_identifier = value(cursor, "select system_identifier::text from pg_control_system()")
    pushed = []
    for number in range(2, timeline + 1):
        name = parse_name(f"{number:08X}.history")
        if name is None or len(archive.holders(name)) == len(archive.repositories):
            continue
        content = value(cursor, "select pg_read_binary_file(%s, 0, 1000000, true)", (f"pg_wal/{name.text}",))
        if content is not None:
            archive.push(bytes(content), name, system_identifier)
            pushed.append(name.text)
    return pushed


def check_cluster(cursor: psycopg2.extensions.cursor, archive: WalArchive) -> None:
    """Refuse an archive of another cluster. One that is not there yet is fine. Raises OptionError."""
    system_identifier = value(cursor, "select system_identifier::text from pg_control_system()")
    for repository in archive.repositories:
        with contextlib.suppress(RepositoryError):
            archive.check_cluster(repository, system_identifier)


def wait_for(
    cursor: psycopg2.extensions.cursor, archive: WalArchive, name: WalName, deadline: Deadline, failed: int
) -> None:
    """Wait until a file is in every repository of the archive. ``failed`` is how many tries had failed before."""
    wanted = {repository.name for repository in archive.repositories}
    # A file of that name may be another server's: ours is archived when this server says so, too.
    waiting = "select count(*) from pg_ls_archive_statusdir() where name = %s"
    while value(cursor, waiting, (f"{name.text}.ready",)) or not wanted <= set(archive.holders(name)):
        count, last = query(cursor, "select failed_count, coalesce(last_failed_wal, '') from pg_stat_archiver")[0]
        if count > failed + 1:
            raise SourceError(
                f"The archiver fails: {last} could not be archived, so {name.text} is not in the archive "
                f"{archive.name}.",
                hint="The server's log has what archive_command said. Archiving has to work before a backup is taken.",
            )
        try:
            deadline.check(f"Waiting until {name.text} is in the archive {archive.name}")
        except LifeboatError as error:
            error.hint = "See pg_stat_archiver and the server's log, and whether archive_command names this archive."
            raise
        time.sleep(deadline.remaining(_POLL_SECONDS))


def free_bytes(data_dir: str) -> int | None:
    """What is free where the log is written; None where nobody knows."""
    for folder in (os.path.join(data_dir, "pg_wal"), data_dir):
        with contextlib.suppress(OSError):
            space = os.statvfs(folder)
            return space.f_bavail * space.f_frsize
    return None
