# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The program pgBackRest: how it is started, and its errors in words that a person can act on.

Everything that it needs beyond its own configuration is handed over in the environment, which it prefers to its files
and in which it ignores what a command does not know. But for a backup, it never writes into its own folders. Where the
task is root, it runs as the account that owns them, but for a restore into a folder that only root reaches.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import check_name
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import (
    LifeboatError,
    MissingRequirementError,
    RepositoryError,
    SourceError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._account import account_of
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._info import (
    NoStanzaError,
    Stanza,
    Tablespace,
    read_info,
    read_tablespaces,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._process import Program, run
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_account import required

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline

_OLDEST = (2, 41)
_REFUSES_ROOT = (2, 59)
_LOCKED = 50  # LockAcquireError of pgBackRest's build/error.yaml
_VERSION = re.compile(r"pgBackRest ((\d+)\.(\d+)\S*)")
_LONGEST_WORDS = 1500
_PROBE_SECONDS = 15


class LockedError(RepositoryError):
    """Another pgBackRest, which lives, works on the stanza."""


class Backrest:
    """One stanza, as the options ``stanza`` and ``pgbackrest_*`` reach it."""

    def __init__(self, options: t.Mapping[str, t.Any], deadline: Deadline) -> None:
        self.stanza: str = check_name("stanza", options["stanza"])
        self.repo: int = options["pgbackrest_repo"]
        self.config: str = options["pgbackrest_config"] or ""
        self.deadline = deadline
        self._processes = options["pgbackrest_process_max"] or min(len(os.sched_getaffinity(0)), 16)
        found = shutil.which(options["pgbackrest_binary"])
        if not found:
            raise MissingRequirementError(
                f"pgbackrest_binary: {options['pgbackrest_binary']} is not a program on this host.",
                hint="Install the package pgbackrest.",
            )
        self.binary = found
        self._account = account_of(options)
        self._allow_root: dict[str, str] = {}  # older ones do not know it
        self.version = self._version()

    def _version(self) -> str:
        found = _VERSION.match(run([self.binary, "version"], environment=self._environment("")))
        if not found or (int(found[2]), int(found[3])) < _OLDEST:
            raise MissingRequirementError(
                f"{self.binary} is {found[0] if found else 'not pgBackRest'}, and pgBackRest "
                f"{_OLDEST[0]}.{_OLDEST[1]} or newer is needed.",
                hint="Install a newer one, or name it in pgbackrest_binary.",
            )
        if (int(found[2]), int(found[3])) >= _REFUSES_ROOT:  # where nobody but root owns anything of it
            self._allow_root = {"PGBACKREST_ALLOW_ROOT": "y"}
        return found[1]

    def info(self) -> Stanza:
        """What the stanza holds. Raises OptionError where there is none, RepositoryError, DamagedError."""
        return read_info(self.call("info", "--output=json"), self.stanza)

    def info_or_none(self) -> Stanza | None:
        """The same, without long patience; None where the repository has no such stanza.

        Raises RepositoryError, DamagedError.
        """
        try:
            return read_info(self.call("info", "--output=json", f"--io-timeout={_PROBE_SECONDS}"), self.stanza)
        except NoStanzaError:
            return None

    def create(self) -> None:
        """Make the stanza in every repository of the configuration. Raises RepositoryError."""
        self._run(["stanza-create"], "")

    def check(self) -> None:
        """Have it switch a segment, and see it arrive in every repository. Raises RepositoryError."""
        self._run(["check"], "")

    def back_up(self, kind: str) -> None:
        """Have it take a backup. Raises LockedError, RepositoryError."""
        self._run(["backup", f"--type={kind}"], "")

    def tablespaces(self, label: str) -> tuple[Tablespace, ...]:
        """Those of a backup. Raises RepositoryError, DamagedError."""
        return read_tablespaces(self.call("info", "--output=json", f"--set={label}"), label)

    def restore(self, label: str, data_dir: str, tablespaces: t.Mapping[int, str], *, delta: bool = False) -> None:
        """Have it write a data folder that archives nothing and recovers nothing by itself. Raises RepositoryError.

        ``tablespaces`` says where each comes to lie, by its number. With ``delta`` the data folder is there, and only
        the files that differ are written.
        """
        arguments = (
            "restore",
            f"--set={label}",
            "--type=none",
            f"--pg1-path={data_dir}",
            "--reset-pg1-host",
            "--no-link-all",
            *(f"--tablespace-map={oid}={place}" for oid, place in tablespaces.items()),
            *(["--delta"] if delta else []),
        )
        with tempfile.TemporaryDirectory(prefix="lifeboat-backrest-") as folder:
            # It ends with us: two of them may never write into one folder.
            within = (required("setpriv"), "--pdeathsig", "SIGKILL")
            self._start([*within, self.binary, *arguments], self._environment(folder))

    def restore_into(self, label: str, data_dir: str, tablespaces: str) -> None:
        """The same into an empty folder, with all tablespaces below another. Raises RepositoryError."""
        places = {one.oid: f"{tablespaces}/{one.oid}" for one in self.tablespaces(label)}
        self.restore(label, data_dir, places)

    @contextlib.contextmanager
    def environment(self) -> t.Iterator[dict[str, str]]:
        """For a program that runs pgBackRest by itself, and may not write into its folders."""
        with tempfile.TemporaryDirectory(prefix="lifeboat-backrest-") as folder:
            yield self._environment(folder)

    def call(self, command: str, *arguments: str) -> str:
        """Run a command that changes nothing in the repository. Gives its output. Raises RepositoryError."""
        return self.read(command, *arguments).decode("utf-8", "replace")

    def read(self, command: str, *arguments: str) -> bytes:
        """The bytes that a command gives, which has to fit into memory. Raises RepositoryError."""
        with tempfile.TemporaryDirectory(prefix="lifeboat-backrest-") as folder:
            if self._account:
                self._account.give(folder)
            return self._run([command, *arguments], folder)

    def _run(self, arguments: t.Sequence[str], folder: str) -> bytes:
        """As the account that owns the stanza, where the task is root."""
        environment = self._environment(folder)
        if self._account:
            named = {"HOME": self._account.home, "USER": self._account.name, "LOGNAME": self._account.name}
            return self._start([*self._account.command(), self.binary, *arguments], {**environment, **named})
        return self._start([self.binary, *arguments], {**environment, **self._allow_root})

    def _start(self, command: t.Sequence[str], environment: t.Mapping[str, str]) -> bytes:
        try:
            with Program(command, environment=environment, cwd="/") as program:
                return b"".join(program.read(self.deadline))
        except SourceError as error:
            name = command[command.index(self.binary) + 1]
            raise self._worded(name, error) from None

    def _environment(self, folder: str) -> dict[str, str]:
        kept = ("PATH", "HOME", "LANG", "LC_ALL", "SSH_AUTH_SOCK")
        environment = {
            name: text for name, text in os.environ.items() if name in kept or name.startswith("PGBACKREST_")
        }
        environment |= {
            "PGBACKREST_STANZA": self.stanza,
            "PGBACKREST_REPO": str(self.repo),
            "PGBACKREST_PROCESS_MAX": str(self._processes),
            "PGBACKREST_LOG_LEVEL_CONSOLE": "off",
            "PGBACKREST_LOG_LEVEL_STDERR": "warn",
            "PGBACKREST_LOG_TIMESTAMP": "n",
        }
        if self.config:
            environment["PGBACKREST_CONFIG"] = self.config
        if folder:
            environment |= {
                "PGBACKREST_LOG_LEVEL_FILE": "off",
                "PGBACKREST_LOCK_PATH": folder,
                "PGBACKREST_SPOOL_PATH": folder,
                "PGBACKREST_ARCHIVE_ASYNC": "n",
                "PGBACKREST_DELTA": "n",
            }
        return environment

    def _worded(self, command: str, error: SourceError) -> LifeboatError:
        said = str(error.details.get("stderr", "")).strip()
        lines = [line.partition("ERROR: ")[2] for line in said.splitlines() if "ERROR: " in line]
        warned = [line.partition("WARN: ")[2] for line in said.splitlines() if "WARN: " in line]
        words = "; ".join([*lines[-1:], *warned] or [said or "it said nothing"])[:_LONGEST_WORDS]
        who = f" as {self._account.name}" if self._account else ""
        if error.details.get("exit_code") == _LOCKED:
            return LockedError(
                f"Another pgBackRest works on the stanza {self.stanza}: {words}.",
                hint="Wait until it has ended (pgbackrest info shows a running backup). Nothing was recorded.",
            )
        return RepositoryError(
            f"pgbackrest {command} of the stanza {self.stanza} failed: {words}",
            hint=f"Run it by hand{who} to see more. Nothing was changed by us.",
            details={"exit_code": error.details.get("exit_code"), "stderr": said[-_LONGEST_WORDS:]},
        )
