# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Promotes a standby, and proves that it is a primary: a new timeline, no recovery, and a write that is read back."""

from __future__ import annotations

import contextlib
import dataclasses
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import import_psycopg2
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._own_table import refuse_foreign
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._system_catalog import query, value
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._lag import format_lsn
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._state import (
    ServerState,
    read_fork,
    try_state,
)

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import Connection

PROMOTION_TABLE = "lifeboat.promotion"
_POLL_SECONDS = 0.1
_ASK_SECONDS = 15
_PROMOTIONS = """
    create schema if not exists lifeboat;
    create table if not exists lifeboat.promotion (
        epoch bigint primary key, at timestamptz not null default now(), timeline integer not null, run_id text not null
    )
"""


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What has to be true before a promotion, and what it is called."""

    system_identifier: str = ""  # empty: any
    timeline: int = 0  # the one to leave; 0: any
    reach: int | None = None  # the position that must have been replayed: a planned run's last one
    epoch: int = 0
    run_id: str = ""
    resume_paused: bool = False


@dataclasses.dataclass(frozen=True)
class Promoted:
    """What the promotion has shown."""

    timeline_before: int
    timeline: int
    seconds: float
    epoch_row: int


def check(state: ServerState, wanted: Wanted) -> None:
    """Refuse now what must not be promoted. Raises LifeboatError or OptionError; nothing has been changed."""
    position = state.position
    if wanted.system_identifier and position.system_identifier != wanted.system_identifier:
        raise OptionError(
            f"system_identifier is {wanted.system_identifier}, and this server's is {position.system_identifier}: it "
            "holds another database. Nothing was changed.",
            hint="Connect to the standby that is meant.",
        )
    if wanted.timeline and position.timeline != wanted.timeline:
        raise LifeboatError(
            f"The standby is on timeline {position.timeline}, and {wanted.timeline} was expected: it follows another "
            "primary, or was promoted before. Nothing was changed.",
            hint="Find out where it came from before anything is promoted.",
        )
    if position.paused and not wanted.resume_paused:
        raise LifeboatError(
            "Replay is paused on this standby: somebody wanted it to stand still. Nothing was changed.",
            hint="Find out why. To go on, set resume_paused: true.",
        )


def promote(connection: Connection, state: ServerState, wanted: Wanted, deadline: Deadline) -> Promoted:
    """Promote the standby that ``state`` describes.

    Raises LifeboatError, which says whether the server was promoted.
    """
    began = time.monotonic()
    library = import_psycopg2()
    try:
        with _session(connection) as cursor:
            if state.position.paused:
                cursor.execute("select pg_wal_replay_resume()")
            if wanted.reach is not None:
                _wait_for(cursor, wanted.reach, deadline)
            cursor.execute("select pg_promote(true, %s)", (max(1, int(deadline.remaining(300))),))
            if not value(cursor, "select not pg_is_in_recovery()"):
                raise LifeboatError(
                    "PostgreSQL has not become a primary within the time limit, and may still do so.",
                    hint="Look at its log, and at pg_is_in_recovery(), before anything else is done.",
                )
    except library.Error as error:
        raise _broken_off(connection, str(error)) from None
    after, why = try_state(connection, _ASK_SECONDS)
    if after is None:
        raise _broken_off(connection, why)
    _prove(state, after)
    epoch_row = _write_and_read_back(connection, after, wanted)
    return Promoted(state.position.timeline, after.position.timeline, round(time.monotonic() - began, 3), epoch_row)


def _broken_off(connection: Connection, why: str) -> LifeboatError:
    """The server ended the promotion, or ended itself in it. What it is now, it says itself, where it still can."""
    state, silent_because = try_state(connection, _ASK_SECONDS)
    if state is None:
        now = f"It does not answer any more, so nobody knows whether it is promoted: {silent_because}"
    elif state.position.in_recovery:
        now = "It is a standby still."
    else:
        now = f"It is a primary now (timeline {state.position.timeline})."
    return LifeboatError(
        f"The promotion of PostgreSQL broke off: {' '.join(why.split())} {now}",
        hint="Look at its log. On a full disk a server ends itself here and loses nothing: make space, start it, and "
        "run the same again, which finds out how far it came.",
    )


def adopt(connection: Connection, state: ServerState, wanted: Wanted) -> bool:
    """A primary that nobody has to promote any more: whether somebody else than the run of ``wanted`` has promoted it.
    Then it gets this run's row, as a promotion by the run would. Raises LifeboatError.
    """
    row = _newest_row(connection)
    if row and row[0] > wanted.epoch:
        raise _later_epoch(row)
    if row == (wanted.epoch, state.position.timeline, wanted.run_id):
        return False
    fork = read_fork(connection, state.position.timeline, state.position.timeline - 1)
    if wanted.reach is not None and (fork is None or fork < wanted.reach):
        raise LifeboatError(
            f"Somebody has promoted this server at {format_lsn(fork) or 'a position that nobody knows'}, and it was to "
            f"have everything up to {format_lsn(wanted.reach)} first. Nothing was changed.",
            hint="What is missing is on the old primary alone, and so are the choices: leave it as it is and count it "
            "when the old primary comes back (state: rejoined), or go back to the old primary and make this a standby.",
        )
    _write_and_read_back(connection, state, wanted)
    return True


def _newest_row(connection: Connection) -> tuple[int, int, str] | None:
    """Epoch, timeline and run of the last promotion that was written down."""
    with _session(connection) as cursor:
        if not value(cursor, "select to_regclass(%s) is not null", (PROMOTION_TABLE,)):
            return None
        rows = query(cursor, "select epoch, timeline, run_id from lifeboat.promotion order by epoch desc limit 1")
    return (int(rows[0][0]), int(rows[0][1]), str(rows[0][2])) if rows else None


def promoted_epoch(connection: Connection) -> int:
    """The newest epoch in which this database was promoted; 0 where nobody has, or where the role may not know.

    A standby knows it as well, from its primary. Raises SourceError.
    """
    with _session(connection) as cursor:
        if not value(
            cursor, "select coalesce(has_table_privilege(to_regclass(%s), 'select'), false)", (PROMOTION_TABLE,)
        ):
            return 0
        return int(value(cursor, "select coalesce(max(epoch), 0) from lifeboat.promotion"))


def _later_epoch(row: tuple[t.Any, ...]) -> LifeboatError:
    return LifeboatError(
        f"The newest row of lifeboat.promotion is {row}: another promotion has a later epoch. Nothing was changed.",
        hint="Do not send traffic to it. Find out who else has promoted this database.",
    )


def _wait_for(cursor: t.Any, position: int, deadline: Deadline) -> None:
    """Until everything up to ``position`` has been replayed."""
    while True:
        behind = value(cursor, "select (%s::pg_lsn - pg_last_wal_replay_lsn())::bigint", (format_lsn(position),))
        if behind is not None and behind <= 0:
            return
        deadline.check(
            f"Waiting until the standby has replayed up to {format_lsn(position)} (it lacks {behind} bytes), with "
            "nothing promoted,"
        )
        time.sleep(deadline.remaining(_POLL_SECONDS))


def _prove(before: ServerState, after: ServerState) -> None:
    if after.position.in_recovery or after.position.timeline <= before.position.timeline:
        raise LifeboatError(
            f"The server said that it was promoted, and it is on timeline {after.position.timeline} (before: "
            f"{before.position.timeline}), {'still' if after.position.in_recovery else 'no longer'} in recovery.",
            hint="Do not send traffic to it. Look at its log.",
        )


def _write_and_read_back(connection: Connection, state: ServerState, wanted: Wanted) -> int:
    """The epoch's row, which is the proof that the new primary takes writes. Gives the epoch that was read."""
    library = import_psycopg2()
    try:
        with _session(connection) as cursor:
            refuse_foreign(cursor, PROMOTION_TABLE, writes=True)
            cursor.execute(_PROMOTIONS)
            cursor.execute(
                "insert into lifeboat.promotion (epoch, timeline, run_id) values "
                "(coalesce(nullif(%s, 0), (select coalesce(max(epoch), 0) + 1 from lifeboat.promotion)), %s, %s) "
                "on conflict (epoch) do nothing",
                (wanted.epoch, state.position.timeline, wanted.run_id),
            )
        with _session(connection) as cursor:
            rows = query(cursor, "select epoch, timeline from lifeboat.promotion order by epoch desc limit 1")
    except library.Error as error:
        raise LifeboatError(
            f"The server is promoted (timeline {state.position.timeline}), and does not take a write: "
            f"{str(error).strip()}",
            hint="Do not send traffic to it. A full disk, default_transaction_read_only or a missing right may be why.",
        ) from None
    if not rows or rows[0][1] != state.position.timeline or (wanted.epoch and rows[0][0] != wanted.epoch):
        raise LifeboatError(
            f"The server is promoted (timeline {state.position.timeline}), and the newest row of lifeboat.promotion is "
            f"{rows[0] if rows else 'missing'}: another promotion has a later epoch.",
            hint="Do not send traffic to it. Find out who else has promoted this database.",
        )
    return int(rows[0][0])


@contextlib.contextmanager
def _session(connection: Connection) -> t.Iterator[t.Any]:
    session = connection.connect()
    try:
        with session.cursor() as cursor:
            yield cursor
    finally:
        session.close()
