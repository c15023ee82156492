# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An application that does not stop writing while it is backed up."""

from __future__ import annotations

import collections
import random
import threading
import time
import types

import psycopg2
import psycopg2.errors
import psycopg2.extensions

from tests.lab.throwaway import LabError

_A_VERSION = "SELECT id, package_id FROM package_versions WHERE id >= %s ORDER BY id LIMIT 1"
_COUNTRIES = ("DE", "US", "BR", "IN", "JP", "FR")


class Writer:
    """Use it as a context manager: a thread that keeps changing the Debian archive (``load_debian_archive``), in real
    transactions.

    Each transaction changes several related tables: a version is published (with its relations and tags), corrected,
    withdrawn (all that hangs on it goes too), or downloaded. A lost connection is opened again, as an application
    would; any other error ends the thread and is raised by ``stop``.
    """

    def __init__(self, dsn: str, *, transactions_per_second: float = 100.0, seed: int = 1) -> None:
        self.commits = 0
        self.reconnects = 0
        self.by_kind: collections.Counter[str] = collections.Counter()
        self._dsn = dsn
        self._pause = 1.0 / transactions_per_second
        self._random = random.Random(seed)
        self._stop = threading.Event()
        self._first_commit = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._lost = ""
        self._largest_id = 1
        self._published = 0

    def __enter__(self) -> Writer:
        self._thread.start()
        if not self._first_commit.wait(30):
            self.stop()
            raise LabError(f"The writer has committed nothing within 30 s: {self._lost or 'its transactions wait'}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        try:
            self.stop()
        except psycopg2.Error:
            if kind is None:
                raise

    @property
    def is_running(self) -> bool:
        """Whether it still writes: False after ``stop``, and after an error that ``stop`` will raise."""
        return self._thread.is_alive()

    def stop(self) -> int:
        """Stop writing.

        Gives the number of commits; raises, once, what ended the writer too early. May be called twice.
        """
        self._stop.set()
        self._thread.join()
        error, self._error = self._error, None
        if error is not None:
            raise error
        return self.commits

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    self._write_until_stopped()
                except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
                    self._lost = str(error).strip()
                    self.reconnects += 1
                    self._stop.wait(0.1)
        except BaseException as error:  # handed to the thread that calls stop()
            self._error = error
        finally:
            self._first_commit.set()

    def _write_until_stopped(self) -> None:
        connection: psycopg2.extensions.connection = psycopg2.connect(self._dsn, application_name="lifeboat-lab writer")
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute("SELECT max(id) FROM package_versions")
                self._largest_id = (cursor.fetchone() or (1,))[0]
            next_at = time.monotonic()
            while not self._stop.wait(max(0.0, next_at - time.monotonic())):
                next_at = max(next_at + self._pause, time.monotonic() - 1)
                self._write_once(connection)
        finally:
            connection.close()

    def _write_once(self, connection: psycopg2.extensions.connection) -> None:
        kind, work = self._random.choices(
            (
                ("download", self._download),
                ("publish", self._publish),
                ("correct", self._correct),
                ("withdraw", self._withdraw),
            ),
            weights=(50, 20, 20, 10),
        )[0]
        with connection, connection.cursor() as cursor:
            cursor.execute(_A_VERSION, (self._random.randint(1, self._largest_id),))
            row = cursor.fetchone()
            if row is None:
                return  # the last one has been withdrawn
            work(cursor, *row)
        self.commits += 1
        self.by_kind[kind] += 1
        self._first_commit.set()

    def _download(self, cursor: psycopg2.extensions.cursor, version: int, _package: int) -> None:
        cursor.execute(
            "INSERT INTO stats.downloads (version_id, country, bytes)"
            " SELECT id, %s, coalesce(size_bytes, 0) FROM package_versions, generate_series(1, %s) WHERE id = %s",
            (self._random.choice(_COUNTRIES), self._random.randint(1, 5), version),
        )

    def _publish(self, cursor: psycopg2.extensions.cursor, version: int, _package: int) -> None:
        self._published += 1
        cursor.execute(
            "INSERT INTO package_versions (package_id, version, architecture, source, section, priority, "
            "maintainer_id, installed_kib,"
            " size_bytes, description, homepage, filename, sha256)"
            " SELECT package_id, version || %s, architecture, source, section, priority, maintainer_id, installed_kib,"
            " size_bytes + %s, description, homepage, filename, sha256(convert_to(version || random(), 'UTF8'))"
            " FROM package_versions WHERE id = %s RETURNING id",
            (f"+lab{time.time_ns()}.{self._published}", self._random.randint(1, 4096), version),
        )
        self._largest_id = (cursor.fetchone() or (self._largest_id,))[0]
        cursor.execute(
            "INSERT INTO relations (version_id, kind, group_number, alternative, package_id, architecture, operator, "
            "version)"
            " SELECT %s, kind, group_number, alternative, package_id, architecture, operator, version FROM relations "
            "WHERE version_id = %s",
            (self._largest_id, version),
        )
        cursor.execute(
            "INSERT INTO version_tags SELECT %s, tag_id FROM version_tags WHERE version_id = %s",
            (self._largest_id, version),
        )

    def _correct(self, cursor: psycopg2.extensions.cursor, version: int, package: int) -> None:
        cursor.execute(
            "UPDATE package_versions SET description = description || ' (corrected)', size_bytes = size_bytes + 1 "
            "WHERE id = %s",
            (version,),
        )
        cursor.execute(
            "UPDATE relations SET operator = '>=', version = '1' WHERE id = (SELECT max(id) FROM relations WHERE "
            "package_id = %s)",
            (package,),
        )

    def _withdraw(self, cursor: psycopg2.extensions.cursor, version: int, _package: int) -> None:
        cursor.execute("DELETE FROM package_versions WHERE id = %s", (version,))
