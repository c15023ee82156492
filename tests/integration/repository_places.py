# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two kinds of repositories for one set of tests, and what is really stored in them, seen without the collection's
code.
"""

from __future__ import annotations

import abc
import collections.abc
import pathlib
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._repository import open_repository
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository

from tests.lab.objectstore import ObjectStore

SECRET = "correct-horse-battery-staple-0123456789"  # the lab's server lets every key in


class Place(abc.ABC):
    """Where a repository is. ``options`` is an entry of the modules' option ``repositories``."""

    options: dict[str, t.Any]

    def open(self, **more: t.Any) -> Repository:
        """A new repository object for this place."""
        return open_repository({**self.options, **more})

    @abc.abstractmethod
    def stored(self) -> dict[str, bytes]:
        """Path → content of every visible file of the repository."""

    @abc.abstractmethod
    def size(self, path: str) -> int:
        """The size of one visible file, without reading it."""

    @abc.abstractmethod
    def left_over(self) -> list[str]:
        """Whatever is there beside visible files: partial files, empty folders, unfinished uploads."""

    @abc.abstractmethod
    def put(self, path: str, content: bytes) -> None:
        """Store or replace a file without the collection's code."""


class DirectoryPlace(Place):
    """A directory that does not exist yet."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        self.options = {"path": str(root)}

    def stored(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in self._all()
            if path.is_file() and path.suffix != ".partial"
        }

    def size(self, path: str) -> int:
        return (self.root / path).stat().st_size

    def left_over(self) -> list[str]:
        partial = [str(path) for path in self._all() if path.suffix == ".partial"]
        return partial + [str(path) for path in [self.root, *self._all()] if path.is_dir() and not any(path.iterdir())]

    def put(self, path: str, content: bytes) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    def _all(self) -> collections.abc.Iterator[pathlib.Path]:
        return self.root.rglob("*")


class BucketPlace(Place):
    """A prefix in a bucket of the lab's S3 server; ``endpoint_url`` may lead through a proxy."""

    prefix = "lifeboat"

    def __init__(self, store: ObjectStore, bucket: str, endpoint_url: str = "") -> None:
        self.store = store
        self.bucket = bucket
        self.options = {
            "bucket": bucket,
            "prefix": self.prefix,
            "region": store.region,
            "endpoint_url": endpoint_url or store.endpoint_url,
            "access_key": "AKIAEXAMPLE",
            "secret_key": SECRET,
        }

    def stored(self) -> dict[str, bytes]:
        keys = self.store.sizes(self.bucket)
        assert all(key.startswith(f"{self.prefix}/") for key in keys)
        return {key[len(self.prefix) + 1 :]: self.store.read(self.bucket, key) for key in keys}

    def size(self, path: str) -> int:
        return self.store.sizes(self.bucket)[f"{self.prefix}/{path}"]

    def left_over(self) -> list[str]:
        return [upload["Key"] for upload in self.store.multipart_uploads(self.bucket)]

    def put(self, path: str, content: bytes) -> None:
        self.store.write(self.bucket, f"{self.prefix}/{path}", content)
