# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A repository in memory that does what the port says, and fails where a test tells it to."""

from __future__ import annotations

import hashlib
import threading
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import RepositoryError
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import (
    ArtifactWriter,
    Repository,
    StoredFile,
)


class MockRepository(Repository):
    """``fails`` names the methods that raise; ``fails_on`` the files that cannot be committed; ``calls`` tells what was
    asked, in order. ``tagged``: it says, as S3 does, by a tag whether a file has changed.
    """

    def __init__(
        self, name: str = "memory", files: t.Mapping[str, bytes] | None = None, calls: list[str] | None = None
    ) -> None:
        self.files: dict[str, bytes] = dict(files or {})
        self.unfinished: dict[str, bytes] = {}
        self.fails: set[str] = set()
        self.fails_on: set[str] = set()
        self.calls: list[str] = [] if calls is None else calls
        self.may_write = threading.Event()  # a slow repository: clear it
        self.may_write.set()
        self.tagged = False
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    def probe(self, needed_bytes: int) -> None:
        self._asked("probe", str(needed_bytes))

    def create(self, path: str, estimated_bytes: int) -> ArtifactWriter:
        self._asked("create", path)
        if path in self.files or path in self.unfinished:
            raise RepositoryError(f"{self.name}/{path} exists.")
        self.unfinished[path] = b""
        return _MockWriter(self, path)

    def write_if_absent(self, path: str, content: bytes) -> bool:
        self._asked("write_if_absent", path)
        if path in self.files:
            return False
        self.files[path] = content
        return True

    def read(self, path: str, chunk_bytes: int = 1 << 20) -> t.Iterator[bytes]:
        self._asked("read", path)
        if path not in self.files:
            raise RepositoryError(f"{self.name}/{path} is not there.")
        content = self.files[path]
        yield from (content[at : at + chunk_bytes] for at in range(0, len(content), chunk_bytes))

    def list_files(self, prefix: str) -> t.Iterator[StoredFile]:
        self._asked("list", prefix)
        for path in sorted(self.files):
            if self._under(path, prefix):
                content = self.files[path]
                yield StoredFile(path, len(content), hashlib.md5(content).hexdigest() if self.tagged else "")

    def remove(self, paths: t.Sequence[str]) -> None:
        self._asked("remove", " ".join(paths))
        for path in paths:
            self.files.pop(path, None)

    def erase(self, folder: str) -> None:
        self._asked("erase", folder)
        for path in [path for path in self.files if self._under(path, folder)]:
            del self.files[path]

    def remove_unfinished(self, prefix: str) -> list[str]:
        self._asked("remove_unfinished", prefix)
        found = [path for path in self.unfinished if self._under(path, prefix)]
        for path in found:
            del self.unfinished[path]
        return [f"{self.name}/{path} (unfinished)" for path in found]

    def _under(self, path: str, prefix: str) -> bool:
        return not prefix or path.startswith(f"{prefix}/")

    def _asked(self, method: str, detail: str) -> None:
        self.calls.append(f"{self.name} {method} {detail}")
        if method in self.fails:
            raise RepositoryError(f"{self.name} cannot {method}.")


class _MockWriter(ArtifactWriter):
    def __init__(self, repository: MockRepository, path: str) -> None:
        self._repository = repository
        self._path = path

    def write(self, data: bytes) -> None:
        self._repository.may_write.wait(20)
        if "write" in self._repository.fails:
            raise RepositoryError(f"{self._repository.name} cannot write.")
        self._repository.unfinished[self._path] += data

    def commit(self) -> None:
        self._repository.calls.append(f"{self._repository.name} commit {self._path}")
        if "commit" in self._repository.fails or self._path in self._repository.fails_on:
            raise RepositoryError(f"{self._repository.name} cannot commit.")
        self._repository.files[self._path] = self._repository.unfinished.pop(self._path)

    def abort(self) -> None:
        self._repository.unfinished.pop(self._path, None)
