# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""How a database is: what its views of statistics say, and what of that should be put right. Versions 12 to 18.

Facts: the chapters "Monitoring Database Activity" and "Preventing Transaction ID Wraparound Failures" of PostgreSQL's
manual. ``judge`` is pure.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import format_bytes, format_seconds, plural
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import import_psycopg2

if t.TYPE_CHECKING:
    import psycopg2.extensions
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import Connection

GOOD, WARNING, BAD = "good", "warning", "bad"
STATES = (GOOD, WARNING, BAD)
_LIMIT_SECONDS = 30
_WRAPAROUND = 2**31 - 1
_FREEZE_WARNING, _FREEZE_BAD = 0.4, 0.75  # of the way to where PostgreSQL refuses to write
_OLD_SECONDS = 3600  # a transaction that keeps dead rows from being removed
_DEAD_SHARE, _DEAD_BYTES = 0.4, 100 << 20
_SLOT_BYTES = 10 << 30
_CONNECTED = 0.9

_FACTS = """
    select current_database()::text as database, pg_database_size(current_database()) as bytes,
        pg_is_in_recovery() as in_recovery, current_setting('server_version') as version,
        (select max(age(datfrozenxid)) from pg_database) as oldest_xid_age,
        (select extract(epoch from max(clock_timestamp() - xact_start)) from pg_stat_activity
            where backend_type = 'client backend' and pid <> pg_backend_pid()) as oldest_transaction_seconds,
        (select extract(epoch from max(clock_timestamp() - prepared)) from pg_prepared_xacts)
            as oldest_prepared_seconds,
        (select count(*) from pg_stat_activity where backend_type = 'client backend') as connections,
        current_setting('max_connections')::int as max_connections,
        current_setting('archive_mode') as archive_mode
"""
_ARCHIVER = """
    select archived_count, last_archived_wal, last_archived_time::text, failed_count, last_failed_wal,
        last_failed_time::text, coalesce(last_failed_time > last_archived_time, last_failed_time is not null) as failing
    from pg_stat_archiver
"""
_TABLES = """
    select n.nspname::text as schema, c.relname::text as name, pg_total_relation_size(c.oid) as bytes,
        pg_relation_size(c.oid) as table_bytes, s.n_live_tup as live_rows, s.n_dead_tup as dead_rows,
        greatest(s.last_vacuum, s.last_autovacuum)::text as last_vacuum
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
        left join pg_stat_all_tables s on s.relid = c.oid
    where c.relkind in ('r', 'm') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    order by 3 desc, 1, 2 limit %s
"""
_INVALID = """
    select n.nspname || '.' || c.relname as name from pg_index i join pg_class c on c.oid = i.indexrelid
        join pg_namespace n on n.oid = c.relnamespace where not i.indisvalid order by 1
"""
_SLOTS = """
    select slot_name::text as name, active,
        case when restart_lsn is not null then pg_wal_lsn_diff(
            case when pg_is_in_recovery() then pg_last_wal_receive_lsn() else pg_current_wal_lsn() end, restart_lsn)
        end::bigint as kept_bytes
    from pg_replication_slots order by 1
"""


@dataclasses.dataclass(frozen=True)
class Health:
    """What the server says. Each row is a dictionary by the names of the columns above."""

    facts: dict[str, t.Any]
    archiver: dict[str, t.Any]
    tables: tuple[dict[str, t.Any], ...]
    invalid_indexes: tuple[str, ...]
    slots: tuple[dict[str, t.Any], ...]


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that should be put right."""

    state: str
    code: str
    message: str
    next_step: str


def read_health(connection: Connection, largest: int) -> Health:
    """How this database is, with its ``largest`` tables. Raises LifeboatError with the server's reason."""
    library = import_psycopg2()
    session = connection.connect(timeout_seconds=_LIMIT_SECONDS)
    try:
        with session.cursor() as cursor:
            cursor.execute("select set_config('statement_timeout', %s, false)", (f"{_LIMIT_SECONDS}s",))
            return Health(
                facts=_rows(cursor, _FACTS)[0],
                archiver=_rows(cursor, _ARCHIVER)[0],
                tables=tuple(_rows(cursor, _TABLES, (largest,))),
                invalid_indexes=tuple(row["name"] for row in _rows(cursor, _INVALID)),
                slots=tuple(_rows(cursor, _SLOTS)),
            )
    except library.Error as error:
        raise LifeboatError(
            f"PostgreSQL at {connection.describe()} does not say how it is: {str(error).strip()}",
            hint="The role needs pg_monitor.",
        ) from None
    finally:
        session.close()


def _rows(cursor: psycopg2.extensions.cursor, statement: str, parameters: t.Any = None) -> list[dict[str, t.Any]]:
    cursor.execute(statement, parameters)
    names = [column.name for column in cursor.description or ()]
    return [{name: _plain(value) for name, value in zip(names, row)} for row in cursor.fetchall()]


def _plain(value: t.Any) -> t.Any:
    return value if value is None or isinstance(value, (str, bool, int)) else float(value)


def judge(health: Health) -> list[Finding]:
    """What should be put right, the worst first."""
    found = [
        *_wraparound(health.facts["oldest_xid_age"]),
        *_archiver(health),
        *_transactions(health.facts),
        *_tables(health.tables),
        *_slots(health.slots),
        *_rest(health),
    ]
    return sorted(found, key=lambda one: -STATES.index(one.state))


def worst(findings: t.Sequence[Finding]) -> str:
    """The worst state of these; good where there are none."""
    return max((one.state for one in findings), key=STATES.index, default=GOOD)


def _wraparound(age: int | None) -> t.Iterator[Finding]:
    share = (age or 0) / _WRAPAROUND
    if share >= _FREEZE_WARNING:
        yield Finding(
            BAD if share >= _FREEZE_BAD else WARNING,
            "wraparound",
            f"The oldest transaction id has used {share:.0%} of what there is; at 100% PostgreSQL refuses to write.",
            "Find what keeps VACUUM from freezing rows (old or prepared transactions, slots), and run VACUUM FREEZE.",
        )


def _archiver(health: Health) -> t.Iterator[Finding]:
    archiver = health.archiver
    if health.facts["archive_mode"] != "off" and archiver["failing"]:
        yield Finding(
            BAD,
            "archiver_failing",
            f"The archiver failed last with {archiver['last_failed_wal']} at {archiver['last_failed_time']}, and has "
            "archived nothing since.",
            "Read PostgreSQL's log: log that is not archived fills the disk, and is missing from a recovery.",
        )


def _transactions(facts: t.Mapping[str, t.Any]) -> t.Iterator[Finding]:
    for key, code, what in (
        ("oldest_transaction_seconds", "old_transaction", "A transaction has been open"),
        ("oldest_prepared_seconds", "old_prepared", "A prepared transaction has been waiting"),
    ):
        seconds = facts[key]
        if seconds is not None and seconds > _OLD_SECONDS:
            yield Finding(
                WARNING,
                code,
                f"{what} for {format_seconds(seconds)}. Rows that died since cannot be removed.",
                "Find it in pg_stat_activity or pg_prepared_xacts, and end it if nobody needs it.",
            )


def _tables(tables: t.Sequence[t.Mapping[str, t.Any]]) -> t.Iterator[Finding]:
    for table in tables:
        live, dead = table["live_rows"] or 0, table["dead_rows"] or 0
        share = dead / (live + dead) if live + dead else 0.0
        if share > _DEAD_SHARE and table["table_bytes"] * share > _DEAD_BYTES:
            yield Finding(
                WARNING,
                "bloat",
                f"About {share:.0%} of the rows of {table['schema']}.{table['name']} "
                f"({format_bytes(table['table_bytes'])}) are dead.",
                "Look at why autovacuum does not come by: its settings for this table, or an old transaction.",
            )


def _slots(slots: t.Sequence[t.Mapping[str, t.Any]]) -> t.Iterator[Finding]:
    for slot in slots:
        if not slot["active"] and (slot["kept_bytes"] or 0) > _SLOT_BYTES:
            yield Finding(
                WARNING,
                "slot_keeps_log",
                f"Nobody reads the replication slot {slot['name']}, and it keeps {format_bytes(slot['kept_bytes'])} of "
                "the log.",
                "Bring its reader back, or drop the slot before the disk is full.",
            )


def _rest(health: Health) -> t.Iterator[Finding]:
    if health.invalid_indexes:
        names = ", ".join(health.invalid_indexes[:5])
        yield Finding(
            WARNING,
            "invalid_index",
            f"{plural(len(health.invalid_indexes), 'index is', 'indexes are')} invalid: {names}.",
            "Such an index is not used, and a unique one does not hold. REINDEX it, or drop it.",
        )
    used = health.facts["connections"] / max(1, health.facts["max_connections"])
    if used > _CONNECTED:
        yield Finding(
            WARNING,
            "connections",
            f"{health.facts['connections']} of {health.facts['max_connections']} connections are taken.",
            "A backup needs some, too. Raise max_connections, or put a pooler before it.",
        )
