# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One database restored three ways: by stock pg_dump and pg_restore, by the module, and by the commands of the
manifest as they are printed. Stock tools are the measure of the other two.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import re
import subprocess
import typing as t

from psycopg2 import sql

from tests.integration.modules import run_module
from tests.integration.pg_backup_place import Place
from tests.lab.postgres import Database, PostgresCluster
from tests.lab.stocktools import tool

# What differs from run to run, or is there only where a restore by stock tools has no such thing.
_CHANGING = re.compile(rb"^(?:--.*|\\(?:un)?restrict .*|SET .*|SELECT pg_catalog\.set_config.*|)$")
# All columns of pg_database but names, oids and counters. A column that a later version adds is compared, too.
_CHANGING_COLUMNS = ("oid", "datname", "datfrozenxid", "datminmxid", "datlastsysoid")


@dataclasses.dataclass
class ThreeWays:
    """The source, and what came of it. Use it as a context manager: it drops what it made."""

    source: Database
    folder: pathlib.Path
    backup: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    restored: dict[str, t.Any] = dataclasses.field(default_factory=dict)

    def __enter__(self) -> ThreeWays:
        self._before = self.cluster.databases()
        return self

    def __exit__(self, *_exception: object) -> None:
        for name in self.cluster.databases() - self._before:
            drop(self.cluster, name)

    @property
    def cluster(self) -> PostgresCluster:
        """Where all of it is."""
        return self.source.cluster

    def by_stock_tools(self) -> Database:
        """pg_dump and pg_restore alone, as a person runs them."""
        made = self._made("by stock tools")
        encoding = str(self.source.value("SHOW server_encoding"))
        self.cluster.create_database(made.name, encoding=encoding, locale="C")
        # pg_dump lifts a statement_timeout of the database only with its second statement.
        patient = f"{self.source.dsn()} options='-c statement_timeout=0'"
        archive = self._tool("pg_dump", "--format=custom", f"--dbname={patient}")
        self._tool("pg_restore", "--exit-on-error", f"--dbname={made.dsn()}", given=archive)
        return made

    def by_module(self, *, jobs: int = 1, **options: t.Any) -> Database:
        """pg_backup and pg_restore of the collection."""
        place = Place(self.folder)
        self.backup = place.back_up(self.source.dsn(), jobs=jobs)
        made = self._made("by module")
        self.restored = run_module("pg_restore", {**self.reading(), "target": {"dsn": made.dsn()}, **options})
        assert not self.restored.get("failed"), self.restored["msg"]
        return made

    def reading(self) -> dict[str, t.Any]:
        """The arguments of a module that reads the backup."""
        arguments = Place(self.folder).arguments("")
        return {**{key: arguments[key] for key in ("app", "component", "repositories")}, "backup": "newest"}

    def by_hand(self) -> Database:
        """The commands of the manifest as they stand; ``NEW`` is what they call the new database."""
        place = Place(self.folder)
        run_by_hand(place.manifest(self.backup)["restore_by_hand"], place.backup_folder(self.backup), self.cluster)
        return Database(self.cluster, "NEW")

    def _made(self, how: str) -> Database:
        return Database(self.cluster, f"{self.source.name} {how}")

    def _tool(self, name: str, *arguments: str, given: bytes = b"") -> bytes:
        return tool(str(self.cluster.bin_dir / name), *arguments, given=given)


def run_by_hand(
    lines: t.Sequence[str],
    folder: pathlib.Path,
    cluster: PostgresCluster,
    keys: t.Mapping[str, str] | None = None,
    judge: t.Callable[[str, str], None] | None = None,
) -> None:
    """Run the manifest's own commands as they stand.

    ``keys`` are environment variables that lead to a keyring; ``judge`` gets each command and what it wrote to standard
    error.
    """
    environment = {**by_hand_environment(cluster), **(keys or {})}
    for line in lines:
        command = ["bash", "-o", "pipefail", "-c", line]
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, errors="replace", check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        if judge:
            judge(line, done.stderr)


def by_hand_environment(cluster: PostgresCluster) -> dict[str, str]:
    """What leads stock programs to this server, as its superuser."""
    return {
        "PATH": f"{cluster.bin_dir}:{os.environ['PATH']}",
        "PGHOST": "127.0.0.1",
        "PGPORT": str(cluster.port),
        "PGUSER": cluster.user,
        "PGPASSWORD": cluster.password,
    }


def dumped(database: Database) -> list[bytes]:
    """All that stock pg_dump finds in the database, as lines in no order: the hash of an enum deals rows out to other
    partitions in each database. The database's own settings are reset first, as they change what pg_dump writes.
    """
    database.cluster.execute(sql.SQL("ALTER DATABASE {} RESET ALL").format(sql.Identifier(database.name)))
    return lines_of(tool(str(database.cluster.bin_dir / "pg_dump"), f"--dbname={database.dsn()}"))


def lines_of(text: bytes) -> list[bytes]:
    """The lines of a dump that say what is in the database, in no order."""
    return sorted(line for line in text.splitlines() if not _CHANGING.match(line))


def around(database: Database) -> dict[str, t.Any]:
    """All that belongs to a database and is not within it, as the catalogs show it."""
    cluster = database.cluster
    columns = [
        row[0]
        for row in cluster.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'pg_database'::regclass AND attnum > 0"
        )
        if row[0] not in _CHANGING_COLUMNS
    ]
    chosen = sql.SQL(", ").join(
        sql.SQL("{}::regrole::text" if column == "datdba" else "{}::text").format(sql.Identifier(column))
        for column in columns
    )
    values = cluster.execute(sql.SQL("SELECT {} FROM pg_database WHERE datname = %s").format(chosen), (database.name,))[
        0
    ]
    settings = cluster.execute(
        "SELECT setrole::regrole::text, array_agg(c ORDER BY c) FROM pg_db_role_setting, unnest(setconfig) c"
        " WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = %s) GROUP BY 1 ORDER BY 1",
        (database.name,),
    )
    comment = cluster.value(
        "SELECT coalesce(shobj_description(oid, 'pg_database'), '') FROM pg_database WHERE datname = %s",
        (database.name,),
    )
    found: dict[str, t.Any] = dict(zip(columns, values, strict=True))
    return {
        **found,
        "datacl": sorted((found["datacl"] or "").strip("{}").split(",")),  # in whatever order it was granted
        "settings": settings,
        "comment": re.sub(r"\s*Restored by lifeboat\.dr from .*", "", comment),
    }


def differences(expected: list[bytes], found: list[bytes]) -> str:
    """The first lines that are on one side only."""
    left, right = list(expected), list(found)
    for line in expected:
        if line in right:
            left.remove(line)
            right.remove(line)
    return "\n".join([*(f"- {line!r}" for line in left[:20]), *(f"+ {line!r}" for line in right[:20])])


def drop(cluster: PostgresCluster, name: str) -> None:
    """Drop a restored database if it is there, with whatever keeps a database from being dropped."""
    if name not in cluster.databases():
        return
    with contextlib.suppress(Exception):
        for (subscription,) in cluster.execute("SELECT subname FROM pg_subscription", dbname=name):
            for words in ("ALTER SUBSCRIPTION {} SET (slot_name = NONE)", "DROP SUBSCRIPTION {}"):
                cluster.execute(sql.SQL(words).format(sql.Identifier(subscription)), dbname=name)
    cluster.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE false").format(sql.Identifier(name)))
    cluster.drop_database(name)
