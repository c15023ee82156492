# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of pg_backup share: a place for backups, and a second opinion on what is in a database and in an
artifact.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import subprocess
import time
import typing as t

import psycopg2.extensions

from tests.integration.modules import run_module, start_module
from tests.lab.objectstore import ObjectStore
from tests.lab.postgres import Database

_TABLES = """
SELECT n.nspname, c.relname, c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1, 2
"""
_COLUMNS = (
    "SELECT attname FROM pg_attribute WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped AND attgenerated = '' "
    "ORDER BY attnum"
)
_LIKE_PG_DUMP = """
SET search_path = pg_catalog; SET timezone = 'UTC'; SET datestyle = 'ISO'; SET intervalstyle = 'postgres'; SET
bytea_output = 'hex';
SET extra_float_digits = 3; SET synchronize_seqscans = off
"""


class Digest:
    """A file object that keeps nothing but the hash, the bytes and the lines of what is written to it."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self.bytes = 0
        self.lines = 0

    def write(self, data: bytes) -> None:
        self._sha256.update(data)
        self.bytes += len(data)
        self.lines += data.count(b"\n")

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()


@contextlib.contextmanager
def frozen(database: Database, **options: str) -> t.Iterator[psycopg2.extensions.cursor]:
    """A cursor that goes on seeing the database as it is now."""
    with contextlib.closing(database.connect(autocommit=False, **options)) as session, session.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SELECT 1")
        yield cursor


def copied(cursor: psycopg2.extensions.cursor) -> dict[tuple[str, str], tuple[int, int, str]]:
    """The rows, bytes and SHA-256 of each table's COPY, as psycopg2 gets it: nothing of the collection has a part in
    it.
    """
    cursor.execute(_LIKE_PG_DUMP)
    encoding = cursor.connection.get_parameter_status("server_encoding") or "UTF8"
    cursor.execute(f"SET client_encoding = '{encoding}'")
    cursor.execute(_TABLES)
    found = {}
    for schema, name, oid in cursor.fetchall():
        cursor.execute(_COLUMNS, (oid,))
        columns = ", ".join(quoted(row[0]) for row in cursor.fetchall())
        digest = Digest()
        named = f"{quoted(schema)}.{quoted(name)}"
        cursor.copy_expert(f"COPY {named} {f'({columns})' if columns else ''} TO STDOUT", digest)
        found[schema, name] = (digest.lines, digest.bytes, digest.sha256)
    return found


def quoted(name: str) -> str:
    """A name in SQL: psycopg2's Identifier takes each for UTF-8, whatever the session's encoding is."""
    return '"' + name.replace('"', '""') + '"'


def copied_now(database: Database, **options: str) -> dict[tuple[str, str], tuple[int, int, str]]:
    """The same of a database that nobody writes to; ``options`` are of the connection."""
    with frozen(database, **options) as cursor:
        return copied(cursor)


def noted(manifest: dict[str, t.Any]) -> dict[tuple[str, str], tuple[int, int, str]]:
    """What the manifest says of the tables that hold rows, in the same form."""
    return {
        (table["schema"], table["name"]): (table["rows"], table["bytes"], table["sha256"])
        for table in manifest["content"]["tables"]
        if table["kind"] == "table"
    }


@dataclasses.dataclass
class Place:
    """A local repository, a state folder, and the module's arguments that lead there."""

    folder: pathlib.Path

    @property
    def repository(self) -> pathlib.Path:
        return self.folder / "repository"

    @property
    def state(self) -> pathlib.Path:
        return self.folder / "state"

    def arguments(self, dsn: str, **more: t.Any) -> dict[str, t.Any]:
        """The arguments of pg_backup: app shop, component codex, no encryption, unless they say otherwise."""
        return {
            "app": "shop",
            "component": "codex",
            "dsn": dsn,
            "repositories": [{"path": str(self.repository)}],
            "encryption": {"engine": "none"},
            "state_dir": str(self.state),
            **more,
        }

    def back_up(self, dsn: str, *, environment: dict[str, str] | None = None, **more: t.Any) -> dict[str, t.Any]:
        """Take a backup that has to succeed."""
        result = run_module("pg_backup", self.arguments(dsn, **more), environment=environment)
        assert not result.get("failed"), result["msg"]
        return result

    def refused(self, dsn: str, *, environment: dict[str, str] | None = None, **more: t.Any) -> str:
        """The message of a run that has to fail, and to leave nothing behind in the repository."""
        result = run_module("pg_backup", self.arguments(dsn, **more), environment=environment)
        assert result.get("failed"), result
        assert "Traceback" not in json.dumps(result)
        assert self.files() == [], "a failed run left something in the repository"
        assert self.journals() == [], "a failed run left its journal"
        return str(result["msg"])

    def started(self, dsn: str, **more: t.Any) -> subprocess.Popen[str]:
        """A run in the background."""
        return start_module("pg_backup", self.arguments(dsn, **more))

    def manifest(self, result: dict[str, t.Any]) -> dict[str, t.Any]:
        """The manifest of this result's backup, as it is stored."""
        document: dict[str, t.Any] = json.loads(
            (self.backup_folder(result) / "manifest.json").read_text(encoding="ascii")
        )
        return document

    def backup_folder(self, result: dict[str, t.Any]) -> pathlib.Path:
        """Where this result's backup is."""
        return self.repository / str(result["app"]) / str(result["component"]) / str(result["backup_id"])

    def artifact(self, result: dict[str, t.Any], content: str) -> pathlib.Path:
        """The first artifact that is for this."""
        name = next(artifact["name"] for artifact in result["artifacts"] if artifact["content"] == content)
        return self.backup_folder(result) / str(name)

    def files(self) -> list[str]:
        """Every file of the repository, unfinished ones too."""
        return sorted(str(path.relative_to(self.repository)) for path in self.repository.rglob("*") if path.is_file())

    def journals(self) -> list[str]:
        """The journals of runs that have not cleaned up."""
        return sorted(path.name for path in self.state.glob("*journal*"))


def bucket_options(store: ObjectStore, bucket: str, endpoint_url: str = "", **more: t.Any) -> dict[str, t.Any]:
    """An entry of ``repositories``."""
    return {
        "bucket": bucket,
        "prefix": "lifeboat",
        "region": store.region,
        "endpoint_url": endpoint_url or store.endpoint_url,
        "access_key": store.access_key,
        "secret_key": "not-looked-at-there",  # a word of its own, for Ansible hides it wherever it stands
        "addressing_style": "path",
        **more,
    }


def until(condition: t.Callable[[], t.Any], what: str, *, seconds: float = 30.0) -> t.Any:
    """Wait until the condition holds, and give what it gave."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"{what}: not within {seconds:g} s"
        time.sleep(0.005)
    return found


def session_pid(database: Database, application: str = "lifeboat pg_dump") -> int:
    """The server process of a program's session in this database, 0 while there is none.

    ``lifeboat`` is all of the module's own.
    """
    return int(
        database.cluster.execute(
            "SELECT coalesce(max(pid), 0) FROM pg_stat_activity WHERE datname = %s AND application_name = %s AND pid "
            "<> pg_backend_pid()",
            (database.name, application),
        )[0][0]
    )


def programs(name: str, word: str) -> list[int]:
    """The running processes of this name that have the word in their arguments."""
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                arguments = pathlib.Path(entry.path, "cmdline").read_bytes().split(b"\0")
                if os.path.basename(arguments[0]) == name.encode() and any(
                    word.encode() in argument for argument in arguments
                ):
                    found.append(int(entry.name))
    return found
