# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What a PostgreSQL backup holds: the ``content`` of its manifest, and what a restored database is compared with."""

from __future__ import annotations

import dataclasses
import hashlib
import typing as t

# Settings that the catalog holds as a list of quoted names (``variable_is_guc_list_quote`` of PostgreSQL's
# dumputils.c).
LIST_SETTINGS = ("search_path", "temp_tablespaces", "session_preload_libraries", "local_preload_libraries")


@dataclasses.dataclass(frozen=True)
class Table:
    """One table, its rows as the backup's snapshot showed them.

    ``sha256`` is of the COPY stream (text format, default options, the columns that pg_dump names, the order of the
    heap);
    ``rows_sum`` is the order-free sum of the rows' SHA-256. An empty one was not asked for, or there is nothing to
    hash. A partitioned table holds no rows, and has a count and a sum of those of its partitions where they are
    ``loaded_through`` it: pg_dump's archive does not say which partition they come back in.
    """

    schema: str
    name: str
    kind: str  # table, partitioned table, materialized view, foreign table
    artifact: str = ""  # which artifact holds the rows; empty where there are none to hold
    rows: int = -1  # -1: not counted
    bytes: int = 0  # of the COPY stream
    sha256: str = ""
    rows_sum: str = ""
    # The partitioned table (schema.name) that deals these rows out again when they are restored, perhaps into other
    # partitions; empty for all tables whose rows stay together.
    loaded_through: str = ""
    # The order in which ``rows_sum`` reads the columns, where the table inherits some: a restore puts them in another
    # one. Empty: the table's own order.
    columns: tuple[str, ...] = ()

    @property
    def qualified_name(self) -> str:
        """``schema.name``, without quotes."""
        return f"{self.schema}.{self.name}"


@dataclasses.dataclass(frozen=True)
class LargeObjects:
    """All large objects.

    ``sha256`` is of one line for each, sorted by oid: oid, space, bytes, space, SHA-256 of the content, line end.
    """

    count: int = 0
    bytes: int = 0
    sha256: str = ""


@dataclasses.dataclass(frozen=True)
class Sequence:
    """A sequence as it was read.

    Sequences are not part of a snapshot, so a restored one may be ahead, and never behind. Backups from before
    ``is_called`` was recorded hold the start value less one step for one that had never given a number.
    """

    schema: str
    name: str
    last_value: int
    increment: int
    is_called: bool = True  # False: last_value itself is given next, as after setval(..., false)

    @property
    def qualified_name(self) -> str:
        """``schema.name``, without quotes."""
        return f"{self.schema}.{self.name}"

    @property
    def next_value(self) -> int:
        """The number that it gives next, if nothing ends it."""
        return self.last_value + self.increment if self.is_called else self.last_value


@dataclasses.dataclass(frozen=True)
class Extension:
    """An installed extension."""

    name: str
    version: str
    schema: str


@dataclasses.dataclass(frozen=True)
class Collation:
    """A collation that is in use, and the version of the library that its indexes were sorted by."""

    name: str
    version: str


@dataclasses.dataclass(frozen=True)
class Grant:
    """A right on the database. An empty ``grantee`` is everybody (PUBLIC)."""

    grantee: str
    privilege: str  # CONNECT, CREATE, TEMPORARY
    grantable: bool = False


@dataclasses.dataclass(frozen=True)
class RoleSetting:
    """What ALTER ROLE … IN DATABASE … SET holds, as name=value."""

    role: str
    setting: str


@dataclasses.dataclass(frozen=True)
class Database:
    """The properties of the database itself, with which a new one is created.

    Except for encoding, locale and tablespace they are what ``pg_restore --create`` would bring back, and
    ``pg_restore`` into another database does not.
    """

    name: str
    bytes: int
    encoding: str
    collate: str
    ctype: str
    locale_provider: str  # c (libc) or i (icu); b (builtin) since 17
    icu_locale: str = ""
    settings: tuple[str, ...] = ()  # what ALTER DATABASE … SET holds, each as name=value
    role_settings: tuple[RoleSetting, ...] = ()
    owner: str = ""  # empty: not known, as the backup is older than this field
    grants: tuple[Grant, ...] = ()
    default_grants: bool = True  # nobody has ever granted or revoked anything on it
    connection_limit: int = -1  # -1: none
    comment: str = ""
    is_template: bool = False
    tablespace: str = ""  # empty for the server's default
    labels: tuple[str, ...] = ()  # providers of SECURITY LABEL ON DATABASE: in the artifact, not given back


@dataclasses.dataclass(frozen=True)
class PostgresContent:
    """The ``content`` of a manifest whose engine is ``postgresql``."""

    server_version: str
    server_version_num: int
    system_identifier: str
    lsn: str  # write position (on a standby: replay position) when the snapshot was taken
    timeline: int
    in_recovery: bool
    database: Database
    jobs: int
    fingerprint: str  # stream, rows, count, none
    tables: tuple[Table, ...]
    large_objects: LargeObjects = LargeObjects()
    sequences: tuple[Sequence, ...] = ()
    extensions: tuple[Extension, ...] = ()
    collations: tuple[Collation, ...] = ()
    roles: tuple[str, ...] = ()  # that own something here or were granted something
    tablespaces: tuple[str, ...] = ()  # that tables and indexes lie in, beside the database's own
    globals: str = "none"  # with_passwords, without_passwords, none
    filters: dict[str, list[str]] = dataclasses.field(default_factory=dict)

    @property
    def major(self) -> int:
        """The server's major version, such as 15."""
        return self.server_version_num // 10000

    @property
    def rows(self) -> int:
        """Rows of all tables that were counted."""
        return sum(table.rows for table in self.tables if table.rows > 0 and table.kind != "partitioned table")


def large_objects_fingerprint(objects: t.Mapping[int, tuple[int, str]]) -> LargeObjects:
    """Of the large objects given as oid → (bytes, SHA-256 of the content)."""
    if not objects:
        return LargeObjects()
    digest = hashlib.sha256()
    for oid in sorted(objects):
        size, sha256 = objects[oid]
        digest.update(f"{oid} {size} {sha256}\n".encode("ascii"))
    return LargeObjects(len(objects), sum(size for size, _sha256 in objects.values()), digest.hexdigest())
