# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Lays the segments that a recovery will ask for beside it, ahead of it: starting a Python for each takes longer than
PostgreSQL takes to replay it.

What is laid there is opened and checked as ``lifeboat-wal`` does. Where anything goes wrong, nothing more is promised,
and the server asks ``lifeboat-wal``, which says what it is.
"""

from __future__ import annotations

import os
import shutil
import threading
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._plan import Log

_MOST_WAITING = 8  # segments that lie there
_POLL_SECONDS = 0.02


class Prefetch:
    """Use it as a context manager. ``folder`` is not there, and on the file system of the data folder."""

    def __init__(self, log: Log, names: t.Sequence[str], folder: str) -> None:
        self._log = log
        self._names = names
        self._folder = folder
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Prefetch:
        for folder in (self._folder, self._promises, self._coming):
            os.mkdir(folder, 0o700)
        for name in self._names:
            os.close(os.open(os.path.join(self._promises, name), os.O_WRONLY | os.O_CREAT, 0o600))
        with open(os.open(self._there, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
            file.write("".join(f"{name}\n" for name in self._log.names))
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._over.set()
        self._thread.join()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _promises(self) -> str:
        """An empty file for each segment that is here, or will be. One that was taken is promised no more."""
        return os.path.join(self._folder, "promised")

    @property
    def _coming(self) -> str:
        return os.path.join(self._folder, "coming")

    @property
    def _there(self) -> str:
        """A file with the name of everything that the archive had when the recovery was planned."""
        return os.path.join(self._folder, "there")

    def command(self, otherwise: str) -> str:
        """``restore_command``: take what is promised when it is there; ``otherwise`` ask as before.

        What the archive did not have when the recovery was planned is not there: the plan ends where it ended then.
        """
        promise, here = f"'{self._promises}/%f'", f"'{self._folder}/%f'"
        return (
            f'while [ -e {promise} ]; do if [ -e {here} ]; then mv {here} "%p" && rm -f {promise} && exit 0; fi; '
            f"sleep {_POLL_SECONDS}; done; grep -qxF '%f' '{self._there}'; "
            f"case $? in 0) ;; 1) exit 1;; *) exit 254;; esac; {otherwise}"
        )

    def _run(self) -> None:
        try:
            for name in self._names:
                while len(os.listdir(self._folder)) > _MOST_WAITING + 3 and not self._over.wait(_POLL_SECONDS):
                    pass
                if self._over.is_set():
                    return
                self._log.write(name, self._coming)
                os.rename(os.path.join(self._coming, name), os.path.join(self._folder, name))
        except Exception:  # whatever it is, lifeboat-wal meets it as well, and says it
            for name in os.listdir(self._promises):
                if not os.path.exists(os.path.join(self._folder, name)):
                    os.unlink(os.path.join(self._promises, name))
