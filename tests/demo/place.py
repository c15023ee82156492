# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the demo plays: servers of PostgreSQL, NATS and S3, an application at each, two keys.

All of it is gone at the end.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import types
import typing as t

import pyrage

from tests.demo import bucket, stream
from tests.lab import dataset, nats, objectstore, throwaway
from tests.lab.objectstore import ObjectStore
from tests.lab.postgres import PostgresCluster
from tests.lab.writer import Writer

DATABASE = "packages"
RESTORED = "packages_restored"
BUCKET = "shop-backups"
NATS_VERSION = "2.14"
_VERSIONS = """
    SELECT coalesce(v.section, 'unknown'), p.name, v.version FROM package_versions v JOIN packages p ON p.id =
    v.package_id ORDER BY v.id
"""
_OBJECTS = """
    SELECT 'packages/' || left(p.name, 1) || '/' || p.name || '.json', json_agg(v ORDER BY v.id)::text
    FROM package_versions v JOIN packages p ON p.id = v.package_id GROUP BY p.id, p.name ORDER BY p.id LIMIT %s
"""
# The rights that docs/how-to/roles-and-rights.md names: to back up, and nothing else.
_RIGHTS_TO_BACK_UP = {
    "publish": {
        "allow": [
            "$JS.API.INFO",
            "$JS.API.STREAM.LIST",
            "$JS.API.STREAM.INFO.*",
            "$JS.API.CONSUMER.LIST.*",
            "$JS.API.STREAM.SNAPSHOT.*",
            "$JS.SNAPSHOT.ACK.*.>",
        ]
    },
    "subscribe": {"allow": ["_INBOX.>"]},
}


class Place:
    """Use it as a context manager, in the main thread.

    ``folder`` is private, and holds the repository, the keys and Ansible's home.
    """

    def __init__(self) -> None:
        self.cluster = PostgresCluster()
        self.store = ObjectStore()
        owner, backup = nats.account("shop"), nats.account("backup", permissions=_RIGHTS_TO_BACK_UP)
        account = {**owner, "users": [*owner["users"], *backup["users"]]}
        self.nats = nats.NatsServer(NATS_VERSION, accounts={"SHOP": account})
        self._stack = contextlib.ExitStack()
        self._folder: throwaway.Folder | None = None

    def __enter__(self) -> Place:
        with contextlib.ExitStack() as stack:
            self._folder = throwaway.Folder("demo")
            stack.callback(self._folder.remove)
            stack.enter_context(self.cluster)
            stack.enter_context(self.store)
            stack.enter_context(self.nats)
            for name in (BUCKET, bucket.SOURCE, bucket.REPLICA):
                self.store.make_bucket(name)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    @staticmethod
    def install() -> None:
        """Fetch what pip can fetch and is not here yet: the servers of S3 and of NATS."""
        objectstore.ensure_installed()
        nats.ensure_installed(NATS_VERSION)

    @property
    def folder(self) -> pathlib.Path:
        """The private folder."""
        assert self._folder is not None
        return pathlib.Path(self._folder.path)

    def load(self, packages: int | None) -> dataset.Loaded:
        """Fill the database, and make the role that backs it up: it may read everything, and do nothing else."""
        self.cluster.create_database(DATABASE)
        self.cluster.create_role("backup", password=self.cluster.password, member_of=["pg_read_all_data"])
        with contextlib.closing(self.cluster.connect(DATABASE)) as connection:
            return dataset.load_debian_archive(connection, packages=packages)

    def start_writing(self) -> Writer:
        """An application that writes until the place is left."""
        return self._stack.enter_context(Writer(self.cluster.dsn(DATABASE)))

    def load_stream(self) -> stream.Application:
        """A stream with one message for each package version of the database, and a bucket; and who publishes to
        both.
        """
        with contextlib.closing(self.cluster.connect(DATABASE)) as connection, connection.cursor() as cursor:
            cursor.execute(_VERSIONS)
            versions = [stream.Version(*row) for row in cursor.fetchall()]
        application = self._stack.enter_context(stream.Application(self.nats.url("shop")))
        application.load(versions)
        return application

    def lose_the_stream(self) -> None:
        """The NATS server is killed, its disk is gone, and an empty one is started in its place."""
        self.nats.kill()
        shutil.rmtree(self.nats.store_dir)
        self.nats.start()

    def put_objects(self, count: int) -> int:
        """Objects for the bucket: what the database knows of each of the first packages. Gives how many there are."""
        with contextlib.closing(self.cluster.connect(DATABASE)) as connection, connection.cursor() as cursor:
            cursor.execute(_OBJECTS, (count,))
            objects = {str(key): str(text).encode() for key, text in cursor.fetchall()}
        bucket.fill(self.store, objects)
        return len(objects)

    def counts(self, tables: t.Iterable[str], database: str = DATABASE) -> dict[str, int]:
        """How many rows these tables have now. Their names come from the manifest, quoted where they need it."""
        return {table: int(self.cluster.value(f"SELECT count(*) FROM {table}", dbname=database)) for table in tables}

    def make_keys(self) -> list[str]:
        """Two pairs of keys, one for every day and one for the safe; gives the public ones."""
        public = []
        for name in ("operations", "safe"):
            identity = pyrage.x25519.Identity.generate()
            file = os.open(self.folder / f"{name}.key", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(file, "w", encoding="ascii") as key:
                key.write(f"{identity}\n")
            public.append(str(identity.to_public()))
        return public

    def variables(self, reports: pathlib.Path) -> dict[str, t.Any]:
        """What the plays need to know."""
        return {
            "folder": str(self.folder),
            "reports": str(reports),
            "s3_url": self.store.endpoint_url,
            "backup_dsn": self.cluster.dsn(DATABASE, "backup", self.cluster.password),
            "restore_dsn": self.cluster.dsn(RESTORED),
            "nats_url": self.nats.url("shop"),
            "nats_backup_url": self.nats.url("backup"),
            "nats_server": str(nats.ensure_installed(NATS_VERSION)),
            "public_keys": self.make_keys(),
        }

    def damage(self) -> tuple[str, int]:
        """Flip one bit in the middle of the largest file of the database's backup in the directory; gives its name and
        where.
        """
        files = [path for path in (self.folder / "repository" / "shop" / DATABASE).rglob("*") if path.is_file()]
        file = max(files, key=lambda path: path.stat().st_size)
        position = file.stat().st_size // 2
        with open(file, "r+b") as stored:
            stored.seek(position)
            byte = stored.read(1)[0]
            stored.seek(position)
            stored.write(bytes([byte ^ 1]))
        return file.name, position
