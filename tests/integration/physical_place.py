# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster that archives its log, the repositories that it archives into, and the modules that use them."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sysconfig
import time
import typing as t

from tests.integration.backups import keys_of
from tests.integration.modules import _python, run_module
from tests.lab import throwaway
from tests.lab.postgres import PostgresCluster

ACCOUNT = "postgres" if os.geteuid() == 0 else None


class PhysicalPlace:
    """One component with as many repositories. ``folder`` has a short path, and every account can reach it."""

    def __init__(
        self, folder: pathlib.Path, *, repositories: int = 1, encryption: str = "age", component: str = "cluster"
    ) -> None:
        self.folder = folder
        self.component = component
        self.restores = 0
        self.others: list[dict[str, t.Any]] = []  # repositories that are no directories
        self.keys = keys_of(encryption, folder)
        self.repositories = [folder / f"repository-{number}" for number in range(repositories)]
        for path in [*self.repositories, folder / "own"]:
            path.mkdir(mode=0o700)
            self.give(path)
        for path in self.keys.read.values():
            if isinstance(path, str):
                self.give(pathlib.Path(path))
        self.python = python_for(folder)

    def give(self, path: pathlib.Path) -> None:
        """To the account that runs the server."""
        if ACCOUNT:
            shutil.chown(path, ACCOUNT, ACCOUNT)

    def common(self) -> dict[str, t.Any]:
        """What all modules need."""
        repositories = [*({"path": str(path)} for path in self.repositories), *self.others]
        return {"app": "shop", "component": self.component, "repositories": repositories}

    @property
    def program(self) -> str:
        """Where ``lifeboat-wal`` is put."""
        return str(self.folder / "own" / "lifeboat-wal")

    def configure(self, cluster: PostgresCluster, *, check_mode: bool = False, **more: t.Any) -> dict[str, t.Any]:
        """Run ``pg_wal_archive``; it may fail."""
        given = {
            **self.common(), "dsn": cluster.dsn(), "encryption": self.keys.write, "python": self.python,
            "program": self.program, "config_dir": str(self.folder / "own" / "wal"), "archive_timeout": "1h",
            "spool_dir": str(self.folder / "own" / "spool"), **more,
        }  # fmt: skip
        return run_module("pg_wal_archive", given, check_mode=check_mode)

    def archive_with(self, cluster: PostgresCluster, **more: t.Any) -> dict[str, t.Any]:
        """Have the cluster archive, with the restart that this needs."""
        first = self.configure(cluster, **more)
        assert not first.get("failed"), first["msg"]
        if first["restart_required"]:
            cluster.restart()
        return first

    def try_backup(self, cluster: PostgresCluster, *, check_mode: bool = False, **more: t.Any) -> dict[str, t.Any]:
        """Run ``pg_physical_backup``; it may fail."""
        return run_module("pg_physical_backup", self.backup_arguments(cluster, **more), check_mode=check_mode)

    def backup_arguments(self, cluster: PostgresCluster, **more: t.Any) -> dict[str, t.Any]:
        """What ``pg_physical_backup`` is given."""
        return {
            **self.common(), "dsn": cluster.dsn(), "encryption": self.keys.write, "allow_vulnerable_client": True,
            "state_dir": str(self.folder / "state"), "bin_dir": str(cluster.bin_dir), **more,
        }  # fmt: skip

    def back_up(self, cluster: PostgresCluster, **more: t.Any) -> dict[str, t.Any]:
        """Run ``pg_physical_backup``, which has to succeed."""
        result = self.try_backup(cluster, **more)
        assert not result.get("failed"), result["msg"]
        return result

    def restore_arguments(self, cluster: PostgresCluster, **more: t.Any) -> dict[str, t.Any]:
        """What ``pg_physical_restore`` is given: a new data folder."""
        self.restores += 1
        return {
            **self.common(), "encryption": self.keys.read, "allow_vulnerable_client": True, "python": self.python,
            "data_dir": str(self.folder / "own" / f"data-{self.restores}"), "bin_dir": str(cluster.bin_dir), **more,
        }  # fmt: skip

    def restore(self, cluster: PostgresCluster, *, check_mode: bool = False, **more: t.Any) -> dict[str, t.Any]:
        """Run ``pg_physical_restore`` as the server's account; it may fail."""
        return run_module(
            "pg_physical_restore", self.restore_arguments(cluster, **more), check_mode=check_mode, user=ACCOUNT
        )

    def verify(self, cluster: PostgresCluster, *, check_mode: bool = False, **more: t.Any) -> dict[str, t.Any]:
        """Run ``pg_physical_verify``, as root where we are; it may fail."""
        given = {
            **self.common(), "encryption": self.keys.read, "allow_vulnerable_client": True,
            "bin_dir": str(cluster.bin_dir), "record": False, **more,
        }  # fmt: skip
        return run_module("pg_physical_verify", given, check_mode=check_mode)

    def wal_command(
        self, *arguments: str, cwd: pathlib.Path, config: str = "shop@cluster"
    ) -> subprocess.CompletedProcess[str]:
        """Run ``lifeboat-wal`` as the server would."""
        path = self.folder / "own" / "wal" / f"{config}.json"
        return subprocess.run(
            [self.program, "--config", str(path), *arguments],
            check=False, capture_output=True, text=True, cwd=cwd, env=throwaway.base_environment(),
            **throwaway.identity(ACCOUNT),
        )  # fmt: skip

    def archived(self, repository: int = 0, archive: str = "shop@cluster") -> dict[str, pathlib.Path]:
        """The files of the archive by PostgreSQL's name."""
        folder = self.repositories[repository] / "wal" / archive
        return {path.parent.name: path for path in folder.glob("*/*/*") if path.name != "about.json"}


def python_for(folder: pathlib.Path) -> str:
    """A Python that the server's account can run, with the libraries."""
    path = folder / "python"
    libraries = sysconfig.get_path("purelib")
    path.write_text(f'#!/bin/sh\nPYTHONPATH={libraries} exec {_python(ACCOUNT)} "$@"\n', encoding="ascii")
    path.chmod(0o755)
    return str(path)


class RestoredCluster(PostgresCluster):
    """The server of a data folder that was restored. Use it as a context manager; its superuser needs no password."""

    def __init__(self, origin: PostgresCluster, data_dir: str, folder: pathlib.Path) -> None:
        super().__init__(user=origin.user, password=origin.password, programs=str(origin.bin_dir))
        self._restored = pathlib.Path(data_dir)
        self._own = folder

    def __enter__(self) -> RestoredCluster:
        self._folder = throwaway.Folder("pg", base_dir=self._base_dir, user=self._account)
        try:
            os.rename(self._restored, self.folder / "data")
            with open(self.data_dir / "postgresql.auto.conf", "a", encoding="utf-8") as file:
                file.write(f"unix_socket_directories = '{self.folder}'\n")
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self


def wait_for(condition: t.Callable[[], bool], seconds: float = 60.0) -> None:
    """Until it is so; fails after that time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)
