# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each backup that pg_backup takes for a test is restored at once by the commands of its manifest, as they are printed.
A database that no test has backed up like that, since a playbook did or nothing at all, is backed up for it before it
is dropped, or its server ends.

In ``make soak``, and wherever ``LIFEBOAT_BY_HAND`` is 1. The commands go to an empty server of the same version, and to
the source's own server where the backup cannot do without it: without its roles, in its tablespaces, with the settings
of that server. What they make is compared with the archive as stock pg_restore reads it, with the rows and bytes
that the manifest names, and with what stands around the source. Nothing of the collection has a part in it but the
manifest.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import pathlib
import re
import subprocess
import tempfile
import threading
import typing as t
import warnings

import boto3
import botocore.client
import psycopg2.extensions

from tests.integration.modules import run_module
from tests.integration.pg_backup_place import copied_now, quoted
from tests.integration.stock_restores import around, by_hand_environment, differences, drop, lines_of, run_by_hand
from tests.lab.postgres import Database, PostgresCluster
from tests.lab.stocktools import AGE_KEYS
from tests.repetitions import FACTOR

WANTED = FACTOR > 1 or os.environ.get("LIFEBOAT_BY_HAND") == "1"
_FILTERS = {
    "schemas": "--schema", "exclude_schemas": "--exclude-schema", "tables": "--table",
    "exclude_tables": "--exclude-table", "exclude_table_data": "--exclude-table-data",
}  # fmt: skip
_NOT_GIVEN_BACK = ("dattablespace",)  # the manifest's own comment says so
_SEQUENCE = re.compile(rb"SELECT pg_catalog\.setval\((?P<name>E?'.*'), ")
_ROWS = re.compile(rb"^COPY .* FROM stdin;\n(?:.*\n)*?\\\.\n", re.MULTILINE)
_OF_BYTES = "of bytes"
_IS_THERE = re.compile('(?:role|tablespace) ".*" already exists')
_one_at_a_time = threading.Lock()  # each makes the database NEW
_NOT_OF_TESTS = {"postgres", "template1", "NEW", _OF_BYTES}
_done: set[tuple[str, int]] = set()  # system identifier, oid


def after_module(name: str, arguments: t.Mapping[str, t.Any], result: t.Mapping[str, t.Any]) -> None:
    """Restore what this run of a module has backed up, if it is one of pg_backup that took a backup."""
    if name != "pg_backup" or not result.get("changed"):
        return
    for backup in result.get("backups", [result]):
        if backup.get("stored_in"):
            with _one_at_a_time, tempfile.TemporaryDirectory(dir="/var/tmp", prefix="lifeboat-by-hand-") as folder:
                _Restore(arguments, backup, pathlib.Path(folder)).check()


def before_end(cluster: PostgresCluster, names: t.Collection[str]) -> None:
    """Back up each of these databases that was not restored by hand yet: its commands are run by ``after_module``.

    What pg_backup refuses has no commands: a standby, a server that a test has broken, a database without a dump.
    """
    for name in sorted(set(names) - _NOT_OF_TESTS):
        if cluster.value("SELECT pg_is_in_recovery()") or _identity(Database(cluster, name)) in _done:
            continue
        with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="lifeboat-by-hand-") as folder:
            result = run_module(
                "pg_backup",
                {
                    "app": "shop", "component": "codex", "dsn": cluster.dsn(name), "bin_dir": str(cluster.bin_dir),
                    "allow_vulnerable_client": True, "repositories": [{"path": f"{folder}/backups"}],
                    "encryption": {"engine": "none"}, "state_dir": f"{folder}/state",
                },
            )  # fmt: skip
        outcome = f"no backup: {result['msg']}" if result.get("failed") else "restored by hand"
        warnings.warn(f"database {name}: {outcome}", stacklevel=1)


def _identity(database: Database) -> tuple[str, int]:
    ((identifier, number),) = database.cluster.execute(
        "SELECT system_identifier::text, oid::bigint FROM pg_control_system(), pg_database WHERE datname = %s",
        [database.name],
    )
    return identifier, number


class _Restore:
    """One backup, in a folder of its own that the commands are run in."""

    def __init__(self, arguments: t.Mapping[str, t.Any], backup: t.Mapping[str, t.Any], folder: pathlib.Path) -> None:
        self._folder = folder
        _fetch(arguments["repositories"], "/".join(backup[key] for key in ("app", "component", "backup_id")), folder)
        self._manifest: dict[str, t.Any] = json.loads((folder / "manifest.json").read_bytes())
        self._content = self._manifest["content"]
        self._lines: list[str] = self._manifest["restore_by_hand"]
        self._keys = _keys(arguments, folder)
        self._source = _source(self._content)
        self._server = self._where()

    def check(self) -> None:
        """Restore and compare."""
        empty = self._server is not self._source.cluster
        roles = _roles(self._server) if empty else set()
        made = Database(self._server, "NEW")
        drop(self._server, made.name)
        try:
            run_by_hand(self._lines, self._folder, self._server, self._keys, self._only_roles_that_are_there)
            self._is_right(made)
            _done.add(_identity(self._source))
        finally:
            drop(self._server, made.name)
            if empty:
                _forget_roles(self._server, roles)

    def _where(self) -> PostgresCluster:
        own = self._source.cluster
        in_tablespaces = self._content["tablespaces"] or self._content["database"]["tablespace"]
        if self._content["globals"] == "none" or in_tablespaces or own.has_own_settings:
            return own
        return _empty_server(str(own.bin_dir), own.user, own.password)

    @staticmethod
    def _only_roles_that_are_there(line: str, errors: str) -> None:
        """psql goes on after an error, and the printed script of roles has one for each that the server has."""
        wrong = [error for error in re.findall("ERROR:.*", errors) if not _IS_THERE.search(error)]
        assert not wrong, f"{line}\n{errors}"

    def _is_right(self, made: Database) -> None:
        if json.dumps(
            self._content["database"], ensure_ascii=False
        ).isascii():  # else it is no text in the database postgres
            expected, found = _without_place(around(self._source)), _without_place(around(made))
            assert found == expected, {key: (expected[key], found[key]) for key in found if found[key] != expected[key]}
        self._server.execute('ALTER DATABASE "NEW" RESET ALL')  # some of it changes what pg_dump writes
        inherits = made.value("SELECT EXISTS (SELECT FROM pg_inherits JOIN pg_class c ON c.oid = inhparent"
                              " WHERE relkind = 'r')")  # fmt: skip
        archived, now = self._archived(), self._stock("pg_dump", *self._filters(), "--dbname=NEW")
        if inherits and lines_of(archived) != lines_of(now):
            # A child's columns come back in another order, and so does the text of its rows: those are counted below.
            archived, now = _ROWS.sub(b"", archived), _ROWS.sub(b"", now)
        script, set_to = _without_sequences(lines_of(archived))
        dumped, found_set_to = _without_sequences(lines_of(now))
        assert dumped == script, differences(script, dumped)
        assert found_set_to.keys() == set_to.keys()
        assert all(values <= set_to[name] for name, values in found_set_to.items()), (set_to, found_set_to)
        self._has_its_rows(made)

    def _has_its_rows(self, made: Database) -> None:
        encoding = self._content["database"]["encoding"]
        # psycopg2 reads the names of SQL_ASCII as ASCII alone; the manifest has them as UTF-8 with escapes.
        found = copied_now(made, client_encoding="LATIN1" if encoding == "SQL_ASCII" else encoding)
        if encoding == "SQL_ASCII":
            found = {(_as_utf8(schema), _as_utf8(name)): values for (schema, name), values in found.items()}
        for table in self._content["tables"]:
            named = (table["schema"], table["name"])
            if table["kind"] == "table" and table["rows"] >= 0 and not table["loaded_through"]:
                # Not the hash: it is of one order of the rows, and a restored heap may have another.
                assert found[named][0] == table["rows"], named
                assert table["columns"] or found[named][1] == table["bytes"] or not table["sha256"], named

    def _archived(self) -> bytes:
        """What stock pg_restore would write to a database, from the files as the printed commands open them."""
        restores = [line for line in self._lines if "| pg_restore --exit-on-error" in line]
        assert restores, self._lines
        scripts = (line.replace(" --exit-on-error", "").replace("--dbname=NEW", "--file=-") for line in restores)
        environment = {**by_hand_environment(self._server), **self._keys}
        return b"".join(
            subprocess.run(
                ["bash", "-o", "pipefail", "-c", line],
                cwd=self._folder,
                env=environment,
                check=True,
                capture_output=True,
            ).stdout
            for line in scripts
        )

    def _filters(self) -> list[bytes]:
        chosen = self._content["filters"]
        words = [f"{option}={value}" for name, option in _FILTERS.items() for value in chosen.get(name, ())]
        codec = psycopg2.extensions.encodings[self._content["database"]["encoding"]]
        return [word.encode(codec, "surrogateescape") for word in words]

    def _stock(self, program: str, *arguments: str | bytes) -> bytes:
        command = [str(self._server.bin_dir / program), *arguments]
        environment = by_hand_environment(self._server)
        return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout


def _fetch(repositories: t.Sequence[t.Mapping[str, t.Any]], path: str, folder: pathlib.Path) -> None:
    """Copy the backup from the first repository that has it, with nothing but files and boto3."""
    for options in repositories:
        if options.get("path"):
            stored = pathlib.Path(options["path"], path)
            if (stored / "manifest.json").exists():
                for file in stored.iterdir():
                    (folder / file.name).write_bytes(file.read_bytes())
                return
        elif _fetched_from_bucket(options, path, folder):
            return
    raise AssertionError(f"no repository of this run has {path}/manifest.json")


def _fetched_from_bucket(options: t.Mapping[str, t.Any], path: str, folder: pathlib.Path) -> bool:
    client = boto3.client(
        "s3",
        endpoint_url=options.get("endpoint_url"),
        region_name=options.get("region"),
        aws_access_key_id=options.get("access_key"),
        aws_secret_access_key=options.get("secret_key"),
        config=botocore.client.Config(s3={"addressing_style": "path"}),
        verify=options.get("ca_bundle") or None,
    )
    prefix = "/".join(part for part in (options.get("prefix"), path) if part) + "/"
    found = client.list_objects_v2(Bucket=options["bucket"], Prefix=prefix).get("Contents", [])
    if not any(entry["Key"] == f"{prefix}manifest.json" for entry in found):
        return False
    for entry in found:
        name = entry["Key"].removeprefix(prefix)
        if "/" not in name:
            client.download_file(options["bucket"], entry["Key"], str(folder / name))
    return True


def _keys(arguments: t.Mapping[str, t.Any], folder: pathlib.Path) -> dict[str, str]:
    """Put the secret key where the printed command has it: KEY_FILE for age, a keyring for gpg (environment)."""
    if any(folder.glob("*.age")):
        recipients = arguments["encryption"]["recipients"]
        (folder / "KEY_FILE").symlink_to(next(AGE_KEYS[key] for key in recipients if key in AGE_KEYS))
    if not any(folder.glob("*.gpg")):
        return {}
    home = folder / "gnupg"
    home.mkdir(mode=0o700)
    words = f"batch\npinentry-mode loopback\npassphrase-file {arguments['encryption']['passphrase_file']}\n"
    (home / "gpg.conf").write_text(words, encoding="utf-8")
    return {"GNUPGHOME": str(home)}


def _source(content: t.Mapping[str, t.Any]) -> Database:
    """The server of the tests that the backup is of: a standby's is its primary, which takes a new database."""
    name = content["database"]["name"]
    for cluster in PostgresCluster.running:
        with contextlib.suppress(Exception):
            identifier, standby = cluster.execute(
                "SELECT system_identifier::text, pg_is_in_recovery() FROM pg_control_system()"
            )[0]
            if identifier == content["system_identifier"] and not standby and name in cluster.databases():
                return Database(cluster, name)
    raise AssertionError(f"no server of the tests has the database {name} of this backup")


@functools.cache
def _empty_server(programs: str, user: str, password: str) -> PostgresCluster:
    """A server with nothing in it. Its superuser is the source's: the script of roles may set that password, too."""
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    cluster = stack.enter_context(PostgresCluster(programs=programs, user=user, password=password))
    cluster.create_database(_OF_BYTES, encoding="SQL_ASCII", locale="C")
    return cluster


def _roles(cluster: PostgresCluster) -> set[str]:
    """The names of all roles, each byte as one character: some are no text in this server's other databases."""
    with (
        contextlib.closing(cluster.connect(_OF_BYTES, client_encoding="LATIN1")) as session,
        session.cursor() as cursor,
    ):
        cursor.execute("SELECT rolname FROM pg_roles")
        return {row[0] for row in cursor.fetchall()}


def _forget_roles(cluster: PostgresCluster, kept: set[str]) -> None:
    """Be an empty server again."""
    with (
        contextlib.closing(cluster.connect(_OF_BYTES, client_encoding="LATIN1")) as session,
        session.cursor() as cursor,
    ):
        session.autocommit = True
        cursor.execute(f"ALTER ROLE {quoted(cluster.user)} RESET ALL")
        for role in sorted(_roles(cluster) - kept):
            cursor.execute(f"DROP OWNED BY {quoted(role)}; DROP ROLE {quoted(role)}")


def _without_place(found: dict[str, t.Any]) -> dict[str, t.Any]:
    return {key: value for key, value in found.items() if key not in _NOT_GIVEN_BACK}


def _without_sequences(lines: list[bytes]) -> tuple[list[bytes], dict[bytes, set[bytes]]]:
    """The lines of a dump, and for each sequence what it is set to: two files of a backup may both hold it, as it was
    when each was written.
    """
    set_to: dict[bytes, set[bytes]] = {}
    for line in lines:
        if found := _SEQUENCE.match(line):
            set_to.setdefault(found["name"], set()).add(line)
    return [line for line in lines if not _SEQUENCE.match(line)], set_to


def _as_utf8(text: str) -> str:
    return text.encode("latin-1").decode("utf-8", "surrogateescape")
