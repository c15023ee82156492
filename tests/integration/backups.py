# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups made by the module pg_backup for the tests that read them, and what a database holds, seen without the
collection's code.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import typing as t

import pyrage
from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _manifest
from psycopg2 import sql

from tests.integration.modules import run_module
from tests.lab.postgres import Database
from tests.lab.stocktools import AGE_KEYS

APP = "shop"
COMPONENT = "codex"


@dataclasses.dataclass
class Keys:
    """An encryption, as the modules' option names it to write and to read."""

    write: dict[str, t.Any]
    read: dict[str, t.Any]


def keys_of(engine: str, folder: pathlib.Path) -> Keys:
    """New keys for this engine: ``age``, ``gpg`` (symmetric) or ``none``."""
    if engine == "age":
        identity = pyrage.x25519.Identity.generate()
        spare = pyrage.x25519.Identity.generate()
        path = _private(folder / f"{identity.to_public()}.key", f"{identity}\n")
        AGE_KEYS[str(identity.to_public())] = path
        return Keys(
            {"engine": "age", "recipients": [str(identity.to_public()), str(spare.to_public())]},
            {"identity_file": path},
        )
    if engine == "gpg":
        path = _private(folder / "passphrase", "tr0ub4dor & 3\n")
        return Keys(
            {"engine": "gpg", "symmetric": True, "passphrase_file": path}, {"symmetric": True, "passphrase_file": path}
        )
    return Keys({"engine": "none"}, {})


def _private(path: pathlib.Path, content: str) -> str:
    path.touch(mode=0o600)
    path.write_text(content, encoding="utf-8")
    return str(path)


@dataclasses.dataclass
class Stock:
    """Repositories with backups of one component, and how to read them."""

    folder: pathlib.Path
    keys: Keys
    repositories: list[dict[str, t.Any]]
    compression: str = "zstd"

    @classmethod
    def new(cls, folder: pathlib.Path, *, encryption: str = "age", compression: str = "zstd", copies: int = 1) -> Stock:
        """``copies`` directories, all empty."""
        folder.mkdir(parents=True, exist_ok=True)
        return cls(
            folder,
            keys_of(encryption, folder),
            [{"path": str(folder / f"copy{number + 1}")} for number in range(copies)],
            compression,
        )

    def back_up(self, database: Database, **options: t.Any) -> dict[str, t.Any]:
        """Take a backup and give pg_backup's result."""
        arguments = {
            **self._named(),
            "dsn": database.dsn(),
            "encryption": self.keys.write,
            "compression": {"engine": self.compression},
            "state_dir": str(self.folder / "state"),
            **options,
        }
        result = run_module("pg_backup", arguments)
        assert not result.get("failed"), result
        return result

    def arguments(self, **options: t.Any) -> dict[str, t.Any]:
        """The arguments of a module that reads these backups."""
        # The tests' own servers run as whoever runs the tests, if that is not root.
        shared = {} if os.geteuid() == 0 else {"scratch_shares_account": True}
        given = {**self._named(), "backup": "newest", **shared, **options}
        return given if "encryption" in given or not self.keys.read else {**given, "encryption": self.keys.read}

    def _named(self) -> dict[str, t.Any]:
        return {"app": APP, "component": COMPONENT, "repositories": self.repositories}

    def backup_folder(self, copy: int = 0, backup_id: str = "") -> pathlib.Path:
        """The folder of a backup in a copy; of the newest one if not named."""
        folders = sorted((pathlib.Path(self.repositories[copy]["path"]) / APP / COMPONENT).iterdir())
        return next(folder for folder in reversed(folders) if not backup_id or folder.name == backup_id)

    def stored(self, content: str, copy: int = 0) -> pathlib.Path:
        """The largest stored file of this content (``whole``, ``schema``, ``data``, ``globals``) of the newest
        backup.
        """
        folder = self.backup_folder(copy)
        manifest = json.loads((folder / "manifest.json").read_bytes())
        files = [artifact for artifact in manifest["artifacts"] if artifact["content"] == content]
        return folder / max(files, key=lambda artifact: artifact["stored_bytes"])["name"]

    def rewrite_manifest(self, change: t.Callable[[dict[str, t.Any]], None], copy: int = 0) -> None:
        """Change the content of the newest backup's manifest, and seal it anew."""
        path = self.backup_folder(copy) / "manifest.json"
        manifest = _manifest.load(path.read_bytes(), str(path))
        change(manifest.content)
        path.write_bytes(_manifest.dump(manifest))


def flip_byte(path: pathlib.Path, *, part: float = 0.5) -> None:
    """Turn one bit over."""
    content = bytearray(path.read_bytes())
    content[int(len(content) * part)] ^= 1
    path.write_bytes(content)


def cut(path: pathlib.Path, count: int = 1) -> None:
    """Cut off the last bytes."""
    path.write_bytes(path.read_bytes()[:-count])


def is_alive(pid: int) -> bool:
    """Whether the process runs.

    One that has ended may stay in the list of processes for as long as nobody asks for its exit code.
    """
    try:
        status = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in ("Z", "X")


def server_below(path: str, name: str = "postgres") -> int:
    """The process of the server that was started with an argument below this path; 0 if there is none.

    Inside its sandbox it has another number, which is the one in postmaster.pid.
    """
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            program, *words = (process / "cmdline").read_bytes().split(b"\0")
            if os.path.basename(program) == name.encode() and any(word.startswith(path.encode()) for word in words):
                return int(process.name)
    return 0


_CATALOGS = {
    "tables": """select n.nspname, c.relname, c.relkind, pg_get_userbyid(c.relowner), c.relacl::text,
        obj_description(c.oid, 'pg_class')
        from pg_class c join pg_namespace n on n.oid = c.relnamespace where {user} order by 1, 2""",
    "columns": """select n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
        a.attgenerated, a.attidentity,
        pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum) from pg_attribute a
        join pg_class c on c.oid = a.attrelid
        join pg_namespace n on n.oid = c.relnamespace left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
        where a.attnum > 0 and not a.attisdropped and {user} order by 1, 2, a.attnum""",
    "constraints": """select n.nspname, c.conname, pg_get_constraintdef(c.oid), c.convalidated from pg_constraint c
        join pg_namespace n on n.oid = c.connamespace where {user} order by 1, 2, 3""",
    "indexes": (
        "select schemaname, tablename, indexname, indexdef from pg_indexes n where {user_by_schemaname} order by 1, "
        "2, 3"
    ),
    "triggers": """select t.tgrelid::regclass::text, t.tgname, pg_get_triggerdef(t.oid) from pg_trigger t
        where not t.tgisinternal order by 1, 2""",
    "functions": """select n.nspname, p.proname, p.prosrc, pg_get_userbyid(p.proowner), p.proacl::text from pg_proc p
        join pg_namespace n on n.oid = p.pronamespace where {user} and not exists (select from pg_depend d
        where d.objid = p.oid
        and d.deptype = 'e') order by 1, 2""",
    "schemas": "select nspname, pg_get_userbyid(nspowner), nspacl::text, obj_description(oid, 'pg_namespace') "
    "from pg_namespace n "
    "where {user} order by 1",
    "partitions": "select inhparent::regclass::text, inhrelid::regclass::text from pg_inherits order by 1, 2",
    "extensions": "select extname, extversion, extnamespace::regnamespace::text from pg_extension order by 1",
    "sequences": "select schemaname, sequencename, last_value, increment_by, start_value "
    "from pg_sequences order by 1, 2",
    "large objects": "select loid, string_agg(md5(data), ',' order by pageno) "
    "from pg_largeobject group by 1 order by 1",
    "policies": "select schemaname, tablename, policyname, roles, qual from pg_policies order by 1, 2, 3",
    "settings": """select c from pg_db_role_setting, unnest(setconfig) c
        where setrole = 0 and setdatabase = (select oid from pg_database where datname = current_database())
        order by 1""",
    "encoding": (
        "select pg_encoding_to_char(encoding), datcollate, datctype from pg_database where datname = current_database()"
    ),
}


def everything_in(database: Database) -> dict[str, t.Any]:
    """What the database holds: its catalogs, and a hash of each table's rows as COPY gives them."""
    user = "n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"
    with database.connect() as session, session.cursor() as cursor:
        session.set_client_encoding("UTF8")
        cursor.execute("set search_path = pg_catalog; set synchronize_seqscans = off; set timezone = 'UTC'")
        found: dict[str, t.Any] = {}
        for name, query in _CATALOGS.items():
            cursor.execute(query.format(user=user, user_by_schemaname=user.replace("nspname", "schemaname")))
            found[name] = cursor.fetchall()
        cursor.execute(
            f"""select n.nspname, c.relname, c.relkind = 'm' from pg_class c
                join pg_namespace n on n.oid = c.relnamespace
                where c.relkind in ('r', 'm') and {user} order by 1, 2"""
        )
        found["rows"] = {}
        for schema, table, is_view in cursor.fetchall():
            digest = _Digest()
            # A materialized view is filled anew, and its rows have no order of their own.
            order = sql.SQL(" as x order by x::text" if is_view else "")
            cursor.copy_expert(
                sql.SQL("copy (select * from only {}{}) to stdout").format(sql.Identifier(schema, table), order), digest
            )
            found["rows"][f"{schema}.{table}"] = digest.hexdigest()
    session.close()
    return found


class _Digest:
    """A file that only remembers the SHA-256 of what was written to it."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def write(self, data: bytes | str) -> int:
        self._hash.update(data if isinstance(data, bytes) else data.encode("utf-8"))
        return len(data)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()
