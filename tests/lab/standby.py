# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A throw-away standby: a place for a data folder that something else makes, and its server."""

from __future__ import annotations

import pathlib
import shutil

from tests.lab import throwaway
from tests.lab.postgres import PostgresCluster


class StandbyPlace(PostgresCluster):
    """Use it as a context manager. The data folder is not there until the test has made it; then call ``start``."""

    def __init__(self, primary: PostgresCluster, *, on: pathlib.Path | None = None) -> None:
        """``on`` is the folder that the data folder is to lie in, for instance a small disk; else its own folder."""
        super().__init__(major=primary.major, user=primary.user, password=primary.password)
        self._primary = primary
        self._on = on

    def __enter__(self) -> StandbyPlace:
        self._folder = throwaway.Folder("pg", base_dir=self._base_dir, user=self._account)
        return self

    @property
    def data_dir(self) -> pathlib.Path:
        """PGDATA."""
        return (self._on or self.folder) / "data"

    @property
    def account(self) -> str | None:
        """The account that has to make the data folder; None for the one that runs this."""
        return self._account

    def passfile(self) -> pathlib.Path:
        """A password file of the account, for every server and database."""
        path = self.folder / "pgpass"
        if not path.exists():
            path.write_text(f"*:*:*:*:{self.password}\n", encoding="ascii")
            path.chmod(0o600)
            if self.account:
                shutil.chown(path, self.account, self.account)
        return path

    def start(self) -> None:
        """Start the server on what the data folder holds, with a socket of its own."""
        with open(self.data_dir / "postgresql.auto.conf", "a", encoding="utf-8") as file:
            file.write(f"unix_socket_directories = '{self.folder}'\n")
        super().start()
