# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The contestants: the modules as processes of their own, and the stock tools, on one server and one disk."""

from __future__ import annotations

import collections.abc
import functools
import json
import os
import pathlib
import secrets
import shutil
import typing as t

import pyrage

from tests.bench import table
from tests.bench.measure import Contestant, MeasureError, Run, run, run_module
from tests.lab import throwaway
from tests.lab.postgres import PostgresCluster

_HERE = pathlib.Path(__file__).parent
_COLLECTIONS = _HERE.parents[1] / ".ansible" / "collections"
DATABASE = "bench"
_RESTORED = "restored"


class Contest:
    """All that is measured, in the private folder ``folder``.

    Every run leaves the disk as it was, but for what the restores need.
    """

    def __init__(self, cluster: PostgresCluster, folder: pathlib.Path) -> None:
        self._cluster = cluster
        self._folder = folder
        self._space = folder / "space"
        self._space.mkdir(mode=0o700)
        keys = [pyrage.x25519.Identity.generate() for _turn in range(2)]
        self._recipients = [str(key.to_public()) for key in keys]
        self._identity = self._secret("operations.key", f"{keys[0]}\n")
        self._passphrase = self._secret("passphrase", secrets.token_urlsafe(24) + "\n")
        home = folder / "gnupg"
        home.mkdir(mode=0o700)
        parameters = cluster.parameters(DATABASE)
        self._environment = throwaway.base_environment(
            {
                "PATH": f"{cluster.bin_dir}:{os.environ.get('PATH', '/usr/bin:/bin')}",
                "PYTHONPATH": str(_COLLECTIONS),
                "HOME": str(folder),
                "GNUPGHOME": str(home),
                "LC_ALL": "C.UTF-8",
                "PGHOST": parameters["host"],
                "PGPORT": parameters["port"],
                "PGUSER": parameters["user"],
                "PGPASSWORD": parameters["password"],
            }
        )
        if shutil.which("age") is None or shutil.which("zstd") is None or shutil.which("gpg") is None:
            raise throwaway.MissingPrerequisiteError(
                "The peers need stock tools. Install the Debian packages age, zstd and gnupg."
            )

    def contestants(self, names: t.Collection[str]) -> list[Contestant]:
        """Those with these names, in an order of their own."""
        works: dict[str, collections.abc.Callable[[], Run]] = {
            table.CLASSIC: self._classic,
            table.BARE: functools.partial(self._shell, f"pg_dump -Fc -Z0 {DATABASE} > /dev/null"),
            table.BACKUP_1: functools.partial(self._back_up, jobs=1),
            table.BACKUP_2: functools.partial(self._back_up, jobs=2),
            table.OFF_1: functools.partial(self._back_up, jobs=1, fingerprint="none"),
            table.OFF_2: functools.partial(self._back_up, jobs=2, fingerprint="none"),
            table.RESTORE: self._restore,
            table.DIRECTORY: functools.partial(
                self._restore_by_hand, f"pg_restore -j2 -d {_RESTORED} {self._folder}/directory"
            ),
            table.STREAM: lambda: self._restore_by_hand(self._stream_command()),
            table.AGAIN: self._again,
        }
        return [Contestant(name, work) for name, work in works.items() if name in names]

    def prepare_restores(self) -> None:
        """What the restores read: a backup of ours in two streams, one in one stream, and pg_dump's directory."""
        for jobs in (1, 2):
            self._module("pg_backup", self._backup_arguments(self._folder / f"kept{jobs}", jobs=jobs))
        run(["pg_dump", "-Fd", "-j2", "-f", str(self._folder / "directory"), DATABASE], self._environment)

    def stored_bytes(self) -> int:
        """Size of the backup that the restores read."""
        return sum(path.stat().st_size for path in (self._folder / "kept2").rglob("*") if path.is_file())

    # backups

    def _classic(self) -> Run:
        destination = self._space / "classic"
        destination.mkdir()
        try:
            return run(
                [str(_HERE / "classic.sh"), DATABASE, str(self._space), str(destination), str(self._passphrase)],
                self._environment,
            )
        finally:
            shutil.rmtree(destination)

    def _back_up(self, **options: t.Any) -> Run:
        repository = self._space / "repository"
        try:
            return self._module("pg_backup", self._backup_arguments(repository, **options))
        finally:
            shutil.rmtree(repository, ignore_errors=True)

    def _again(self) -> Run:
        done = self._module("pg_backup", self._backup_arguments(self._folder / "kept2", jobs=2, max_age="20h"))
        if json.loads(done.output)["changed"]:
            raise MeasureError("A second run within max_age took a new backup.")
        return done

    def _backup_arguments(self, repository: pathlib.Path, **options: t.Any) -> dict[str, t.Any]:
        return {
            "app": "bench",
            "component": "bench",
            "dsn": self._cluster.dsn(DATABASE),
            "repositories": [{"path": str(repository)}],
            "encryption": {"engine": "age", "recipients": self._recipients},
            "state_dir": str(self._folder / "state"),
            **options,
        }

    # restores

    def _restore(self) -> Run:
        arguments = {
            "app": "bench",
            "component": "bench",
            "backup": "newest",
            "repositories": [{"path": str(self._folder / "kept2")}],
            "encryption": {"identity_file": str(self._identity)},
            "target": {"dsn": self._cluster.dsn(_RESTORED)},
            "jobs": 2,
        }
        return self._into_nothing(lambda: self._module("pg_restore", arguments))

    def _stream_command(self) -> str:
        (artifact,) = (self._folder / "kept1").rglob("*_*.dump.zst.age")
        return f"age -d -i {self._identity} {artifact} | zstd -dc | pg_restore -d {_RESTORED}"

    def _restore_by_hand(self, command: str) -> Run:
        return self._into_nothing(lambda: self._shell(f"createdb -T template0 {_RESTORED} && {command}"))

    def _into_nothing(self, work: collections.abc.Callable[[], Run]) -> Run:
        """Nobody pays for what another has left to be written."""
        self._cluster.drop_database(_RESTORED)
        self._cluster.execute("CHECKPOINT")
        try:
            return work()
        finally:
            self._cluster.drop_database(_RESTORED)

    # both

    def _shell(self, command: str) -> Run:
        return run(["bash", "-euo", "pipefail", "-c", command], self._environment)

    def _module(self, name: str, arguments: dict[str, t.Any]) -> Run:
        return run_module(name, arguments, self._environment)

    def _secret(self, name: str, content: str) -> pathlib.Path:
        path = self._folder / name
        path.touch(0o600)
        path.write_text(content, encoding="ascii")
        return path
