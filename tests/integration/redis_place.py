# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A repository for backups of Redis, the modules that use it, and the servers that the tests share."""

from __future__ import annotations

import collections.abc
import contextlib
import json
import pathlib
import typing as t

import pytest

from tests.integration.modules import run_module
from tests.lab.redis import RedisServer, fill_with_everything, program

Servers = collections.abc.Callable[[str], RedisServer]


@pytest.fixture(scope="session")
def full_server() -> collections.abc.Iterator[Servers]:
    """The shared server of a version, which holds everything that it can hold. Tests leave it as it is."""
    with contextlib.ExitStack() as stack:
        running: dict[str, RedisServer] = {}

        def server(version: str) -> RedisServer:
            if version not in running:
                running[version] = stack.enter_context(RedisServer(version))
                fill_with_everything(running[version])
            return running[version]

        yield server


class RedisPlace:
    """One repository or several. ``encryption`` and more are options of the modules."""

    def __init__(self, folder: pathlib.Path, repositories: int = 1, component: str = "sessions") -> None:
        self.folder = folder
        self.component = component
        self.repositories = [folder / f"repository-{number}" for number in range(repositories)]
        for repository in self.repositories:
            repository.mkdir()

    def common(self) -> dict[str, t.Any]:
        """What all modules need."""
        repositories = [{"path": str(path)} for path in self.repositories]
        return {"app": "shop", "component": self.component, "repositories": repositories}

    def options(self, server: RedisServer | None, **more: t.Any) -> dict[str, t.Any]:
        """The options of ``redis_backup``."""
        given = {**self.common(), "encryption": {"engine": "none"}, "state_dir": str(self.folder / "state")}
        port = {"login_port": server.port} if server else {}
        password = {"login_password": server.password} if server and server.password else {}
        return {**given, **port, **password, **more}

    def try_backup(self, server: RedisServer | None, *, check_mode: bool = False, **more: t.Any) -> dict[str, t.Any]:
        """Run ``redis_backup``; it may fail."""
        return run_module("redis_backup", self.options(server, **more), check_mode=check_mode)

    def back_up(self, server: RedisServer | None, *, check_mode: bool = False, **more: t.Any) -> dict[str, t.Any]:
        """Run ``redis_backup``, which has to succeed."""
        result = self.try_backup(server, check_mode=check_mode, **more)
        assert not result.get("failed"), result["msg"]
        return result

    def restore(self, *, check_mode: bool = False, **more: t.Any) -> dict[str, t.Any]:
        """Run ``redis_restore``; it may fail."""
        given = {**self.common(), "backup": "newest", "encryption": {}, **more}
        return run_module("redis_restore", given, check_mode=check_mode)

    def verify(self, version: str, **more: t.Any) -> dict[str, t.Any]:
        """Run ``redis_verify`` with the server program of this version; it may fail."""
        given = {**self.common(), "encryption": {}, "redis_server_binary": str(program(version)), **more}
        return run_module("redis_verify", given)

    def folder_of(self, result: t.Mapping[str, t.Any], repository: int = 0) -> pathlib.Path:
        """Where a backup lies."""
        return self.repositories[repository] / "shop" / self.component / str(result["backup_id"])

    def manifest(self, result: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        """The manifest of a backup."""
        text = (self.folder_of(result) / "manifest.json").read_text(encoding="utf-8")
        return t.cast("dict[str, t.Any]", json.loads(text))

    def files(self) -> list[str]:
        """All files in all repositories and in the state folder, but for the lock."""
        found = [path for folder in [*self.repositories, self.folder / "state"] for path in folder.rglob("*")]
        return sorted(
            str(path) for path in found if path.is_file() and path.suffix != ".lock" and "@lock" not in path.name
        )
